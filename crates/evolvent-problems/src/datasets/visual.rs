//! Pictures that are computed: the modular retina and visual discrimination, two benchmarks of networks with geometry.

use evolvent_core::Violations;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::table::{Table, Targets};

/// Which 2×2 patterns are objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RetinaObjects {
    /// Three pixels or more, or one or two in the outer column alone (N. Kashtan and U. Alon, "Spontaneous evolution of
    /// modularity and network motifs", PNAS 102(39), 2005): eight of sixteen patterns, those of the right side
    /// mirrored.
    #[default]
    KashtanAlon,
    /// One pixel or none, the lower row, or the lower row and one more; on the right side the upper row instead. The sets that
    /// public programs give for the HyperNEAT experiments (Verbancsics & Stanley 2011): eight of sixteen patterns, too.
    Rows,
}

/// Settings of `source = { retina = … }`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RetinaSpec {
    /// Which patterns are objects.
    pub objects: RetinaObjects,
    /// Lit pixels are this, dark ones minus this; above 0. Default 1; 3 was published for HyperNEAT.
    pub intensity: f32,
}

impl Default for RetinaSpec {
    fn default() -> Self {
        RetinaSpec { objects: RetinaObjects::default(), intensity: 1.0 }
    }
}

impl RetinaSpec {
    pub(crate) fn check(&self, v: &mut Violations) {
        v.positive("source.retina.intensity", f64::from(self.intensity));
    }
}

/// Whether the four pixels of one side (upper outer, upper inner, lower outer, lower inner) are an object.
fn is_object(objects: RetinaObjects, right: bool, [a, b, c, d]: [bool; 4]) -> bool {
    let lit = [a, b, c, d].into_iter().filter(|&p| p).count();
    match objects {
        RetinaObjects::KashtanAlon => lit >= 3 || (lit > 0 && !b && !d),
        RetinaObjects::Rows => {
            let (chosen, other) = if right { ([a, b], [c, d]) } else { ([c, d], [a, b]) };
            lit <= 1 || (chosen == [true; 2] && other != [true; 2])
        }
    }
}

/// The retina: all 256 patterns of 2 rows and 4 columns, and for each half whether an object is in it (1 or −1). Shape `[1,
/// 2, 4]`. Pattern `p` has pixel `i` (row by row) lit if bit `7 − i` of `p` is set.
pub fn retina(spec: &RetinaSpec) -> Table {
    let (mut inputs, mut values) = (Vec::with_capacity(256 * 8), Vec::with_capacity(512));
    for pattern in 0..256u32 {
        let pixel = |row: usize, column: usize| pattern >> (7 - (4 * row + column)) & 1 == 1;
        for i in 0..8 {
            inputs.push(if pixel(i / 4, i % 4) { spec.intensity } else { -spec.intensity });
        }
        for (right, [outer, inner]) in [(false, [0, 1]), (true, [3, 2])] {
            let side = [pixel(0, outer), pixel(0, inner), pixel(1, outer), pixel(1, inner)];
            values.push(if is_object(spec.objects, right, side) { 1.0 } else { -1.0 });
        }
    }
    let names = vec!["left".into(), "right".into()];
    let targets = Targets::Values { values, dimension: 2, names };
    Table { inputs, shape: vec![1, 2, 4], targets, features: Vec::new() }
}

/// Settings of `source = { visual_discrimination = … }`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct VisualDiscriminationSpec {
    /// Pixels along a side: 11 times an odd number, 11 to 121. Default 11; 33 and 55 ask the same network for more detail.
    pub resolution: usize,
}

impl Default for VisualDiscriminationSpec {
    fn default() -> Self {
        VisualDiscriminationSpec { resolution: FIELD }
    }
}

/// Side of the field in units: the small box has one, the large box three.
const FIELD: usize = 11;

impl VisualDiscriminationSpec {
    pub(crate) fn check(&self, v: &mut Violations) {
        let ok = self.resolution.is_multiple_of(FIELD)
            && (self.resolution / FIELD) % 2 == 1
            && self.resolution <= 121;
        let path = "source.visual_discrimination.resolution";
        v.require(ok, path, self.resolution, "11 times an odd number: 11, 33, 55, 77, 99 or 121");
    }
}

/// Visual discrimination (Stanley, D'Ambrosio & Gauci 2009, section 4): a field of 11×11 units with a small box of 1×1 and a large
/// one of 3×3; the class is the pixel in the middle of the large box. The trials are the paper's: 25 places of the small
/// box (every other unit from the second on), and for each the large box five units to the right, below, and both, wrapping around
/// and moved into the field where it would stick out. Returns these 75 and 225 further ones for the test, with the
/// large box 2, 4 or 7 units away in these three directions. Shape `[1, resolution, resolution]`; pixels are 0 or 1. At higher
/// resolutions a unit has several pixels.
pub fn visual_discrimination(spec: &VisualDiscriminationSpec) -> (Table, Table) {
    (trials(spec.resolution, &[5]), trials(spec.resolution, &[2, 4, 7]))
}

fn trials(side: usize, distances: &[usize]) -> Table {
    let unit = side / FIELD;
    let (mut inputs, mut labels) = (Vec::new(), Vec::new());
    for (y, x) in (0..5).flat_map(|i| (0..5).map(move |j| (2 * i + 1, 2 * j + 1))) {
        for &distance in distances {
            for (down, right) in [(0, distance), (distance, 0), (distance, distance)] {
                // The middle of the large box, at least one unit from every border.
                let middle = |at: usize, step: usize| ((at + step) % FIELD).clamp(1, FIELD - 2);
                let (cy, cx) = (middle(y, down), middle(x, right));
                let start = inputs.len();
                inputs.resize(start + side * side, 0.0);
                let mut paint = |top: usize, left: usize, units: usize| {
                    for row in top * unit..(top + units) * unit {
                        let row = start + row * side;
                        inputs[row + left * unit..row + (left + units) * unit].fill(1.0);
                    }
                };
                paint(y, x, 1);
                paint(cy - 1, cx - 1, 3);
                let pixel = |c: usize| c * unit + unit / 2;
                labels.push((pixel(cy) * side + pixel(cx)) as u32);
            }
        }
    }
    let names = (0..side * side).map(|p| format!("{},{}", p / side, p % side)).collect();
    let targets = Targets::Classes { labels, names };
    Table { inputs, shape: vec![1, side, side], targets, features: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_all_patterns_are_objects() {
        for objects in [RetinaObjects::KashtanAlon, RetinaObjects::Rows] {
            for right in [false, true] {
                let all = (0..16).map(|p| [p & 8 > 0, p & 4 > 0, p & 2 > 0, p & 1 > 0]);
                assert_eq!(all.filter(|&p| is_object(objects, right, p)).count(), 8);
            }
        }
        let object = |p: [u8; 4]| is_object(RetinaObjects::KashtanAlon, false, p.map(|x| x == 1));
        assert!(object([1, 0, 0, 0]) && object([1, 0, 1, 0]) && object([1, 1, 0, 1]) && object([1; 4]));
        assert!(!object([0; 4]) && !object([1, 1, 0, 0]) && !object([0, 1, 0, 0]) && !object([0, 1, 0, 1]));
        let rows = |right, p: [u8; 4]| is_object(RetinaObjects::Rows, right, p.map(|x| x == 1));
        assert!(rows(false, [0, 0, 1, 1]) && rows(false, [0, 1, 1, 1]) && !rows(false, [1, 1, 1, 0]));
        assert!(rows(true, [1, 1, 0, 0]) && !rows(true, [0, 0, 1, 1]) && !rows(true, [1; 4]));
    }

    #[test]
    fn the_right_half_mirrors_the_left() {
        let table = retina(&RetinaSpec { intensity: 3.0, ..RetinaSpec::default() });
        assert_eq!((table.len(), &table.shape[..]), (256, &[1, 2, 4][..]));
        let Targets::Values { values, .. } = &table.targets else { panic!() };
        // Columns 0 and 3 lit in the upper row: one pixel in the outer column on both sides.
        assert_eq!(table.input(0b1001_0000), [3.0, -3.0, -3.0, 3.0, -3.0, -3.0, -3.0, -3.0]);
        assert_eq!(values[2 * 0b1001_0000..][..2], [1.0, 1.0]);
        assert_eq!(values[2 * 0b0100_0001..][..2], [-1.0, 1.0]);
    }

    #[test]
    fn trials_by_hand() {
        let (training, test) = visual_discrimination(&VisualDiscriminationSpec::default());
        assert_eq!((training.len(), test.len()), (75, 225));
        let lit = |table: &Table, i: usize| table.input(i).iter().filter(|&&x| x == 1.0).count();
        assert!((0..75).all(|i| lit(&training, i) == 10));
        let Targets::Classes { labels, names } = &training.targets else { panic!() };
        assert_eq!(names.len(), 121);
        // The small box at (1, 1); the large one at (1, 6), (6, 1), (6, 6).
        assert_eq!(labels[..3], [11 + 6, 66 + 1, 66 + 6]);
        assert_eq!(training.input(0)[11 + 1], 1.0);
        // The small box at (9, 9): five further is 14, wrapped 3.
        assert_eq!(labels[74], 3 * 11 + 3);
        // At (5, 5): 10 would stick out, so 9.
        assert_eq!(labels[3 * 12], 5 * 11 + 9);
    }

    #[test]
    fn detail_keeps_the_picture() {
        let (coarse, fine) = (trials(11, &[5]), trials(33, &[5]));
        for i in 0..75 {
            let (a, b) = (coarse.input(i), fine.input(i));
            assert!((0..33 * 33).all(|p| b[p] == a[p / 99 * 11 + p % 33 / 3]));
        }
        let (Targets::Classes { labels: a, .. }, Targets::Classes { labels: b, .. }) =
            (&coarse.targets, &fine.targets)
        else {
            panic!()
        };
        assert!(a.iter().zip(b).all(|(&a, &b)| b == (3 * (a / 11) + 1) * 33 + 3 * (a % 11) + 1));
        let mut v = Violations::new();
        for resolution in [0, 10, 22, 143] {
            VisualDiscriminationSpec { resolution }.check(&mut v);
        }
        assert_eq!(v.0.len(), 4);
    }
}
