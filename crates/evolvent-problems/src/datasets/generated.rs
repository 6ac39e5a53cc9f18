//! Sets that are computed: truth tables, spirals, regression functions.

use evolvent_core::Stream;

use super::spec::{Friedman1Spec, SineSpec, SpiralsSpec};
use super::table::{Table, Targets};

fn two_classes(inputs: Vec<f32>, features: usize, labels: Vec<u32>) -> Table {
    let names = vec!["0".into(), "1".into()];
    Table { inputs, shape: vec![features], targets: Targets::Classes { labels, names }, features: Vec::new() }
}

/// Every pattern of `bits` bits (0 or 1, the first feature the highest bit) and whether its number of ones is odd.
/// Parity of two bits is exclusive or.
///
/// # Panics
/// When `bits` is not in 1 to 16.
pub fn parity(bits: usize) -> Table {
    assert!((1..=16).contains(&bits));
    let patterns = 0..1u32 << bits;
    let inputs =
        patterns.clone().flat_map(|p| (0..bits).rev().map(move |bit| (p >> bit & 1) as f32)).collect();
    two_classes(inputs, bits, patterns.map(|p| p.count_ones() % 2).collect())
}

/// Two spirals that wind three times around each other (K. Lang and M. Witbrock, "Learning to tell two spirals apart",
/// 1988): for i from 0 to 96·density, the angle is φ = iπ / (16·density), the distance r = radius·(104·density − i) /
/// (104·density); the point (r sin φ, r cos φ) is of class 1, its mirror image through the origin of class 0. Density 1
/// and radius 6.5 give the 194 points of the benchmark, which alternate between the classes.
pub fn spirals(spec: &SpiralsSpec, stream: &mut Stream) -> Table {
    let points = 0..=96 * spec.density;
    let mut table = two_classes(Vec::new(), 2, Vec::new());
    push_spiral_points(spec, points, &mut table);
    if spec.noise > 0.0 {
        table.inputs.iter_mut().for_each(|x| *x += (spec.noise * stream.normal()) as f32);
    }
    table
}

/// The points of a spiral of twice the density that lie between those of the spiral itself: a test set without noise.
pub fn spirals_between(spec: &SpiralsSpec) -> Table {
    let finer = SpiralsSpec { density: 2 * spec.density, ..*spec };
    let mut table = two_classes(Vec::new(), 2, Vec::new());
    push_spiral_points(&finer, (1..96 * finer.density).step_by(2), &mut table);
    table
}

fn push_spiral_points(spec: &SpiralsSpec, points: impl Iterator<Item = usize>, table: &mut Table) {
    let Targets::Classes { labels, .. } = &mut table.targets else { return };
    let density = spec.density as f64;
    for i in points {
        let angle = i as f64 * std::f64::consts::PI / (16.0 * density);
        let distance = spec.radius * (104.0 * density - i as f64) / (104.0 * density);
        let (sin, cos) = libm::sincos(angle);
        let (x, y) = ((distance * sin) as f32, (distance * cos) as f32);
        table.inputs.extend([x, y, -x, -y]);
        labels.extend([1, 0]);
    }
}

fn regression(inputs: Vec<f32>, features: usize, values: Vec<f32>) -> Table {
    let targets = Targets::Values { values, dimension: 1, names: vec!["y".into()] };
    Table {
        inputs,
        shape: vec![features],
        targets,
        features: (0..features).map(|i| format!("x{i}")).collect(),
    }
}

/// y = sin(x) + noise at `points` places evenly spaced over [-π, π], both ends included.
pub fn sine(spec: &SineSpec, stream: &mut Stream) -> Table {
    let step = std::f64::consts::TAU / (spec.points.max(2) - 1) as f64;
    let places = (0..spec.points).map(|i| -std::f64::consts::PI + step * i as f64);
    let (inputs, values) =
        places.map(|x| (x as f32, (libm::sin(x) + spec.noise * stream.normal()) as f32)).unzip();
    regression(inputs, 1, values)
}

/// J. Friedman, "Multivariate adaptive regression splines", Annals of Statistics 19 (1991), equation 61: ten inputs
/// uniform in [0, 1), of which the last five say nothing.
pub fn friedman1(spec: &Friedman1Spec, stream: &mut Stream) -> Table {
    let mut inputs = Vec::with_capacity(10 * spec.points);
    let mut values = Vec::with_capacity(spec.points);
    for _ in 0..spec.points {
        let x: [f64; 10] = std::array::from_fn(|_| stream.uniform());
        let y = 10.0 * libm::sin(std::f64::consts::PI * x[0] * x[1])
            + 20.0 * (x[2] - 0.5).powi(2)
            + 10.0 * x[3]
            + 5.0 * x[4]
            + spec.noise * stream.normal();
        inputs.extend(x.map(|x| x as f32));
        values.push(y as f32);
    }
    regression(inputs, 10, values)
}

#[cfg(test)]
mod tests {
    use evolvent_core::{Purpose, RunKey, stream};

    use super::*;

    fn draws() -> Stream {
        stream(RunKey::from_seed(1), 0, 0, 0, Purpose::Problem)
    }

    #[test]
    fn parity_of_two_bits_is_exclusive_or() {
        let table = parity(2);
        assert_eq!(table.inputs, [0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0]);
        assert!(matches!(table.targets, Targets::Classes { labels, .. } if labels == [0, 1, 1, 0]));
        assert_eq!(parity(16).len(), 65_536);
    }

    #[test]
    fn the_benchmark_has_194_points() {
        let table = spirals(&SpiralsSpec::default(), &mut draws());
        assert_eq!(table.len(), 194);
        // i = 0: (0, 6.5); i = 8: a quarter turn, radius 6.0; i = 96: three turns, radius 0.5.
        for (point, expected) in [(0, [0.0, 6.5]), (1, [0.0, -6.5]), (16, [6.0, 0.0]), (192, [0.0, 0.5])] {
            let found = table.input(point);
            assert!((0..2).all(|i| (found[i] - expected[i]).abs() < 1e-6), "{point} {found:?}");
        }
        assert!(matches!(&table.targets, Targets::Classes { labels, .. } if labels[..4] == [1, 0, 1, 0]));
        let between = spirals_between(&SpiralsSpec::default());
        assert_eq!(between.len(), 192);
        let distance =
            |point: usize| between.input(point).iter().map(|x| f64::from(x * x)).sum::<f64>().sqrt();
        assert!((distance(0) - 6.5 * 207.0 / 208.0).abs() < 1e-6);
    }

    #[test]
    fn noise_is_a_function_of_the_stream() {
        let spec = SpiralsSpec { noise: 0.1, density: 3, ..Default::default() };
        let (a, b) = (spirals(&spec, &mut draws()), spirals(&spec, &mut draws()));
        assert_eq!((a.len(), &a), (2 * 289, &b));
        let clean = spirals(&SpiralsSpec { noise: 0.0, ..spec }, &mut draws());
        let square: f64 = a.inputs.iter().zip(&clean.inputs).map(|(a, b)| f64::from(a - b).powi(2)).sum();
        assert!(((square / a.inputs.len() as f64).sqrt() - 0.1).abs() < 0.01);
    }

    #[test]
    fn regression_functions() {
        let table = sine(&SineSpec { points: 5, noise: 0.0 }, &mut draws());
        let Targets::Values { values, .. } = &table.targets else { panic!() };
        assert!(
            values.iter().zip([0.0, -1.0, 0.0, 1.0, 0.0]).all(|(a, b)| (a - b).abs() < 1e-6),
            "{values:?}"
        );
        let table = friedman1(&Friedman1Spec { points: 2000, noise: 0.0 }, &mut draws());
        let Targets::Values { values, .. } = &table.targets else { panic!() };
        // E y = 10·0.5246 + 20/12 + 5 + 2.5: the mean of sin(πuv) over the unit square is 0.5246.
        let mean = values.iter().map(|&y| f64::from(y)).sum::<f64>() / 2000.0;
        assert!((mean - 14.41).abs() < 0.35, "{mean}");
    }
}
