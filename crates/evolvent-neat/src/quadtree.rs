//! The tree that finds where a CPPN's pattern holds information: division, variance pruning and band pruning in any number
//! of dimensions.
//!
//! S. Risi and K. O. Stanley, "An enhanced hypercube-based encoding for evolving the placement, density, and connectivity
//! of neurons", Artificial Life 18(4), 2012: algorithms 1 (division and initialization) and 2 (pruning and extraction). In
//! two dimensions it is a quadtree; in n each cell has 2ⁿ children.

use evolvent_core::Violations;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Most axes of a tree.
pub const MOST_AXES: usize = 6;

/// The centre of a cell; axes beyond those of the tree are 0.
pub type Centre = [f32; MOST_AXES];

/// When cells are divided and which of them are expressed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Division {
    /// Every part of the space is divided so often: there are at least 2^`initial_depth` cells along each axis. At least 1.
    pub initial_depth: u32,
    /// No cell is divided more often. At least `initial_depth`.
    pub maximum_depth: u32,
    /// Cells are divided further while the variance of the weights below them is above this; at least 0.
    pub division_threshold: f64,
    /// Cells are looked into while the variance below them is at least this, else expressed as one; at least 0.
    pub variance_threshold: f64,
    /// A cell is expressed if along some axis the weights on both sides differ from its own by more than this; at least 0.
    pub band_threshold: f64,
}

impl Default for Division {
    /// Thresholds 0.03, 0.03 and 0.3 and an initial depth of 3, as Risi & Stanley published them for the retina (as third
    /// parties quote them); at most depth 3.
    fn default() -> Self {
        Division {
            initial_depth: 3,
            maximum_depth: 3,
            division_threshold: 0.03,
            variance_threshold: 0.03,
            band_threshold: 0.3,
        }
    }
}

/// Most cells of the finest grid, as a power of two.
const MOST_CELLS_LOG2: u32 = 16;

impl Division {
    /// Adds what is out of range, for a tree over so many axes.
    pub(crate) fn check(&self, v: &mut Violations, axes: usize) {
        v.at_least("initial_depth", self.initial_depth as usize, 1);
        let deepest = MOST_CELLS_LOG2 / axes.max(1) as u32;
        let ok = self.maximum_depth >= self.initial_depth && self.maximum_depth <= deepest;
        let expected =
            format!("an integer from {} (initial_depth) to {deepest}, for {axes} axes", self.initial_depth);
        v.require(ok, "maximum_depth", self.maximum_depth, &expected);
        v.non_negative("division_threshold", self.division_threshold);
        v.non_negative("variance_threshold", self.variance_threshold);
        v.non_negative("band_threshold", self.band_threshold);
    }
}

/// What the CPPN says of the connection to a cell's centre.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Answer {
    /// The weight, before range and threshold.
    pub weight: f32,
    /// Whether the connection may be expressed at all (link expression output).
    pub linked: bool,
}

#[derive(Clone, Copy, Debug)]
struct Cell {
    centre: Centre,
    /// Half the length of its sides; the root reaches from −1 to 1.
    half: f32,
    depth: u32,
    answer: Answer,
    /// Number of the first child; 0 for a leaf.
    children: u32,
    /// Number, sum and sum of squares of the leaf weights below it.
    leaves: (f64, f64, f64),
}

impl Cell {
    fn variance(&self) -> f64 {
        let (n, sum, squares) = self.leaves;
        (squares / n - (sum / n) * (sum / n)).max(0.0)
    }
}

/// A tree with its memory.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    cells: Vec<Cell>,
    positions: Vec<Centre>,
    answers: Vec<Answer>,
    candidates: Vec<u32>,
}

impl Tree {
    /// Divides [−1, 1]ⁿ and returns the cells that are expressed, in the order of the tree, with their weights. `ask` answers for
    /// a list of centres, one answer each. Neighbours of cells at the border are asked for beyond it, as published.
    pub fn express(
        &mut self,
        division: &Division,
        axes: usize,
        mut ask: impl FnMut(&[Centre], &mut Vec<Answer>),
    ) -> Vec<(Centre, f32)> {
        self.divide(division, axes, &mut ask);
        self.sum_leaves(axes);
        self.candidates.clear();
        self.collect(division, 0, axes);
        self.keep_bands(division, axes, ask)
    }

    /// Algorithm 1, one depth at a time so that questions come in batches.
    fn divide(
        &mut self,
        division: &Division,
        axes: usize,
        ask: &mut impl FnMut(&[Centre], &mut Vec<Answer>),
    ) {
        let root = Cell {
            centre: [0.0; MOST_AXES],
            half: 1.0,
            depth: 0,
            answer: Answer::default(),
            children: 0,
            leaves: (0.0, 0.0, 0.0),
        };
        self.cells.clear();
        self.cells.push(root);
        let mut level = vec![0u32];
        while !level.is_empty() {
            self.positions.clear();
            let first = self.cells.len();
            for &parent in &level {
                let cell = self.cells[parent as usize];
                self.cells[parent as usize].children = self.cells.len() as u32;
                for child in 0..1usize << axes {
                    let mut centre = cell.centre;
                    for (axis, x) in centre.iter_mut().enumerate().take(axes) {
                        *x += if child >> axis & 1 == 1 { 0.5 * cell.half } else { -0.5 * cell.half };
                    }
                    let (half, depth) = (0.5 * cell.half, cell.depth + 1);
                    self.cells.push(Cell { centre, half, depth, children: 0, ..cell });
                    self.positions.push(centre);
                }
            }
            self.answers.clear();
            ask(&self.positions, &mut self.answers);
            for (cell, &answer) in self.cells[first..].iter_mut().zip(&self.answers) {
                cell.answer = answer;
            }
            let mut next = Vec::new();
            for &parent in &level {
                let Cell { depth, children, .. } = self.cells[parent as usize];
                let own = children as usize..children as usize + (1 << axes);
                let divided = depth + 1 < division.initial_depth
                    || depth + 1 < division.maximum_depth
                        && variance(self.cells[own.clone()].iter().map(|c| f64::from(c.answer.weight)))
                            > division.division_threshold;
                if divided {
                    next.extend(own.map(|c| c as u32));
                }
            }
            level = next;
        }
    }

    /// Children stand behind their parents, so one pass from the end sums all trees.
    fn sum_leaves(&mut self, axes: usize) {
        for i in (0..self.cells.len()).rev() {
            let cell = self.cells[i];
            if cell.children == 0 {
                let w = f64::from(cell.answer.weight);
                self.cells[i].leaves = (1.0, w, w * w);
            } else {
                let first = cell.children as usize;
                let sum = self.cells[first..first + (1 << axes)]
                    .iter()
                    .fold((0.0, 0.0, 0.0), |s, c| (s.0 + c.leaves.0, s.1 + c.leaves.1, s.2 + c.leaves.2));
                self.cells[i].leaves = sum;
            }
        }
    }

    /// Algorithm 2, first part: cells below which the weights do not vary.
    fn collect(&mut self, division: &Division, parent: usize, axes: usize) {
        let first = self.cells[parent].children as usize;
        for child in first..first + (1 << axes) {
            let cell = self.cells[child];
            if cell.children != 0 && cell.variance() >= division.variance_threshold {
                self.collect(division, child, axes);
            } else {
                self.candidates.push(child as u32);
            }
        }
    }

    /// Algorithm 2, second part: of these, the ones that stand out of both neighbours along an axis.
    fn keep_bands(
        &mut self,
        division: &Division,
        axes: usize,
        mut ask: impl FnMut(&[Centre], &mut Vec<Answer>),
    ) -> Vec<(Centre, f32)> {
        let cells = &self.cells;
        self.candidates.retain(|&c| cells[c as usize].answer.linked);
        self.positions.clear();
        for &c in &self.candidates {
            let cell = &self.cells[c as usize];
            for axis in 0..axes {
                for side in [-2.0, 2.0] {
                    let mut centre = cell.centre;
                    centre[axis] += side * cell.half;
                    self.positions.push(centre);
                }
            }
        }
        self.answers.clear();
        ask(&self.positions, &mut self.answers);
        let neighbours = self.answers.chunks_exact(2 * axes);
        let expressed = self.candidates.iter().zip(neighbours).filter_map(|(&c, around)| {
            let cell = &self.cells[c as usize];
            let band = band(cell.answer.weight, around.iter().map(|a| a.weight));
            (band > division.band_threshold).then_some((cell.centre, cell.answer.weight))
        });
        expressed.collect()
    }
}

/// The variance of some weights.
fn variance(weights: impl ExactSizeIterator<Item = f64> + Clone) -> f64 {
    let n = weights.len() as f64;
    let mean = weights.clone().sum::<f64>() / n;
    weights.map(|w| (w - mean) * (w - mean)).sum::<f64>() / n
}

/// The band level: the largest, over axes, of the smaller difference to the two neighbours along an axis.
fn band(weight: f32, neighbours: impl Iterator<Item = f32>) -> f64 {
    let mut differences = neighbours.map(|n| f64::from((weight - n).abs()));
    let mut level: f64 = 0.0;
    while let (Some(below), Some(above)) = (differences.next(), differences.next()) {
        level = level.max(below.min(above));
    }
    level
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(division: Division, axes: usize, weight: impl Fn(&Centre) -> f32) -> Vec<(Centre, f32)> {
        let ask = |centres: &[Centre], answers: &mut Vec<Answer>| {
            answers.extend(centres.iter().map(|c| Answer { weight: weight(c), linked: true }));
        };
        Tree::default().express(&division, axes, ask)
    }

    fn places(cells: &[(Centre, f32)]) -> Vec<(f32, f32)> {
        cells.iter().map(|(c, _)| (c[0], c[1])).collect()
    }

    const OPEN: Division = Division {
        initial_depth: 1,
        maximum_depth: 1,
        division_threshold: 0.0,
        variance_threshold: 0.0,
        band_threshold: 0.0,
    };

    #[test]
    fn variance_and_band_by_hand() {
        assert_eq!(variance([1.0, 1.0, 3.0, 3.0].into_iter()), 1.0);
        assert_eq!(variance([0.5; 4].into_iter()), 0.0);
        // x: |1 − 0| and |1 − 0.75|; y: |1 − 0.5| and |1 + 1|.
        assert_eq!(band(1.0, [0.0, 0.75, 0.5, -1.0].into_iter()), 0.5);
        assert_eq!(band(1.0, [1.0, -9.0].into_iter()), 0.0);
    }

    #[test]
    fn depth_one_has_four_cells() {
        // Each differs from both neighbours along x by 1.
        let cells = run(OPEN, 2, |c| c[0]);
        assert_eq!(places(&cells), [(-0.5, -0.5), (0.5, -0.5), (-0.5, 0.5), (0.5, 0.5)]);
        assert_eq!(cells[1].1, 0.5);
        // The difference is 1, so a threshold of 1 prunes all.
        assert!(run(Division { band_threshold: 1.0, ..OPEN }, 2, |c| c[0]).is_empty());
        // A constant pattern has no band.
        assert!(run(OPEN, 2, |_| 0.7).is_empty());
    }

    #[test]
    fn division_follows_the_variance() {
        // One corner holds a peak: only there cells are divided.
        let peak = |c: &Centre| if c[0] > 0.0 && c[1] > 0.0 { 1.0 } else { 0.0 };
        let division = Division { maximum_depth: 2, ..OPEN };
        // The four children weigh 0, 0, 0, 1: variance 3/16.
        let cells = run(Division { division_threshold: 3.0 / 16.0, ..division }, 2, peak);
        // Not above the threshold: no division. Along x its neighbours weigh 0 and 1, along y too: no band.
        assert_eq!(cells, []);
        let spike = |c: &Centre| f32::from(c[0] > 0.0 && c[0] < 1.0 && c[1] > 0.0);
        let cells = run(Division { division_threshold: 3.0 / 16.0, ..division }, 2, spike);
        assert_eq!(places(&cells), [(0.5, 0.5)]);
        // Above it all four are divided; of the sixteen cells those in the corner stand out of nothing (their neighbours
        // in the corner weigh the same), so variance pruning must express the corner as one.
        let finer = Division { division_threshold: 0.18, variance_threshold: 0.1, ..division };
        assert_eq!(places(&run(finer, 2, spike)), [(0.5, 0.5)]);
        let looked_into = Division { variance_threshold: 0.0, ..finer };
        assert_eq!(run(looked_into, 2, spike), []);
    }

    #[test]
    fn initial_depth_divides_regardless() {
        let mut asked = Vec::new();
        let division = Division { initial_depth: 3, maximum_depth: 3, ..OPEN };
        let ask = |centres: &[Centre], answers: &mut Vec<Answer>| {
            asked.push(centres.len());
            answers.extend(centres.iter().map(|_| Answer { weight: 0.5, linked: true }));
        };
        Tree::default().express(&division, 2, ask);
        // 4 + 16 + 64 cells, then four neighbours of each of the 64 (a variance of 0 is at least 0, so all are looked into).
        assert_eq!(asked, [4, 16, 64, 256]);
    }

    #[test]
    fn maximum_depth_bounds_the_division() {
        let noise = |c: &Centre| libm::sinf(1000.0 * c[0] + 3000.0 * c[1]);
        let deepest = |maximum_depth| {
            let cells = run(Division { maximum_depth, ..OPEN }, 2, noise);
            cells.iter().map(|(c, _)| (1.0 - c[0].abs()).min(1.0 - c[1].abs())).fold(1.0, f32::min)
        };
        assert_eq!((deepest(1), deepest(2), deepest(4)), (0.5, 0.25, 0.0625));
    }

    #[test]
    fn unlinked_cells_are_not_expressed() {
        let ask = |centres: &[Centre], answers: &mut Vec<Answer>| {
            answers.extend(centres.iter().map(|c| Answer { weight: c[0], linked: c[1] > 0.0 }));
        };
        let cells = Tree::default().express(&OPEN, 2, ask);
        assert_eq!(places(&cells), [(-0.5, 0.5), (0.5, 0.5)]);
    }

    #[test]
    fn one_and_three_dimensions() {
        assert_eq!(run(OPEN, 1, |c| c[0]).len(), 2);
        let cells = run(OPEN, 3, |c| c[2]);
        assert_eq!((cells.len(), cells[7].0[..3].to_vec()), (8, vec![0.5; 3]));
        let mut asked = 0;
        let division = Division { initial_depth: 2, maximum_depth: 2, ..OPEN };
        Tree::default().express(&division, 3, |c, answers| {
            asked += c.len();
            answers.resize(c.len(), Answer { weight: 0.0, linked: true });
        });
        assert_eq!(asked, 8 + 64 + 6 * 64);
    }

    #[test]
    fn ranges_are_checked() {
        let mut v = Violations::new();
        Division { initial_depth: 0, maximum_depth: 9, division_threshold: -1.0, ..OPEN }.check(&mut v, 2);
        let paths: Vec<&str> = v.0.iter().map(|v| v.path.as_str()).collect();
        assert_eq!(paths, ["initial_depth", "maximum_depth", "division_threshold"]);
        let mut v = Violations::new();
        Division::default().check(&mut v, 2);
        assert_eq!(v.0, []);
    }
}
