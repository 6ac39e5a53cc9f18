//! Classic single-objective functions of any dimension, where they stand or moved and rotated.

mod ackley;
mod bent_cigar;
mod discus;
mod ellipsoid;
mod griewank;
mod levy;
mod rastrigin;
mod rosenbrock;
mod schwefel;
mod sphere;

pub use ackley::Ackley;
pub use bent_cigar::BentCigar;
pub use discus::Discus;
pub use ellipsoid::Ellipsoid;
pub use griewank::Griewank;
pub use levy::Levy;
pub use rastrigin::Rastrigin;
pub use rosenbrock::Rosenbrock;
pub use schwefel::Schwefel;
pub use sphere::Sphere;

use super::function::{Function, Optimum};
use evolvent_core::{Bounds, Purpose, RunKey, Stream, Violations, stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt::Debug;

/// A function given by a formula, with its least value 0 at a point whose coordinates are all equal.
pub trait Landscape: Debug + Send + Sync + Sized + 'static {
    /// Usual domain of every coordinate.
    const REGION: (f64, f64);
    /// Every coordinate of the minimum.
    const MINIMUM: f64 = 0.0;
    /// Least number of coordinates for which the formula makes sense.
    const LEAST_DIMENSION: usize = 1;
    /// The formula for so many coordinates.
    fn new(dimension: usize) -> Self;
    /// The value at `x`.
    fn value(&self, x: &[f64]) -> f64;
}

/// Where a landscape stands: its dimension, and whether it is moved or rotated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Placement {
    /// Number of coordinates.
    pub dimension: usize,
    /// Seed; if given, the minimum moves to a point drawn uniformly from the middle 80 % of the region in each coordinate.
    pub shift: Option<u64>,
    /// Seed; if given, space is rotated about the minimum by a uniformly drawn rotation.
    pub rotate: Option<u64>,
}

impl Default for Placement {
    fn default() -> Self {
        Placement { dimension: 10, shift: None, rotate: None }
    }
}

/// Most coordinates of a rotated landscape: its matrix has 128 MiB then, and is made in about a minute.
const MOST_ROTATED: usize = 4096;

/// A landscape at its place: f(x) = base(R (x − x*) + x₀), x₀ the formula's own minimum.
#[derive(Clone, Debug)]
pub struct Placed<L> {
    base: L,
    minimum: Vec<f64>,
    /// Row-major; `None` for the identity.
    rotation: Option<Vec<f64>>,
    moved: bool,
}

impl<L: Landscape> Placed<L> {
    /// Places a landscape; the dimension must be large enough for its formula.
    pub fn new(placement: &Placement) -> Result<Self, Violations> {
        let n = placement.dimension;
        let mut violations = Violations::new();
        violations.at_least("dimension", n, L::LEAST_DIMENSION);
        if placement.rotate.is_some() && n > MOST_ROTATED {
            let expected =
                format!("at most {MOST_ROTATED} coordinates for a rotation, which is a full matrix");
            violations.add_with_hint("dimension", n, &expected, "leave out rotate");
        }
        violations.into_result()?;
        let (low, high) = L::REGION;
        let minimum = match placement.shift {
            None => vec![L::MINIMUM; n],
            Some(seed) => {
                let mut rng = seeded(seed, 0);
                let margin = 0.1 * (high - low);
                (0..n).map(|_| rng.uniform_in(low + margin, high - margin)).collect()
            }
        };
        let rotation = placement.rotate.map(|seed| rotation(n, &mut seeded(seed, 1)));
        let moved = placement.shift.is_some() || rotation.is_some();
        Ok(Placed { base: L::new(n), minimum, rotation, moved })
    }
}

fn seeded(seed: u64, index: u64) -> Stream {
    stream(RunKey::from_seed(seed), 0, index, 0, Purpose::Problem)
}

/// A rotation or reflection drawn uniformly: Gaussian rows made orthonormal one after the other (Gram–Schmidt, twice for
/// accuracy).
fn rotation(n: usize, rng: &mut Stream) -> Vec<f64> {
    let mut rows: Vec<Vec<f64>> = Vec::with_capacity(n);
    while rows.len() < n {
        let mut row: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
        for _ in 0..2 {
            for other in &rows {
                let along = dot(&row, other);
                row.iter_mut().zip(other).for_each(|(a, b)| *a -= along * b);
            }
        }
        let length = dot(&row, &row).sqrt();
        if length > 1e-6 {
            rows.push(row.iter().map(|a| a / length).collect());
        }
    }
    rows.concat()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    evolvent_math::reduce::dot(a, b)
}

impl<L: Landscape> Function for Placed<L> {
    fn dimension(&self) -> usize {
        self.minimum.len()
    }

    fn region(&self) -> Bounds {
        Bounds::uniform(self.dimension(), L::REGION.0, L::REGION.1)
    }

    fn optimum(&self) -> Option<Optimum> {
        Some(Optimum { value: 0.0, location: self.minimum.clone() })
    }

    fn evaluate(&self, x: &[f64], objectives: &mut [f64], _: &mut [f64], scratch: &mut Vec<f64>) {
        if !self.moved {
            objectives[0] = self.base.value(x);
            return;
        }
        let n = x.len();
        scratch.clear();
        scratch.extend(x.iter().zip(&self.minimum).map(|(x, minimum)| x - minimum));
        if let Some(rotation) = &self.rotation {
            scratch.resize(2 * n, 0.0);
            let (from, to) = scratch.split_at_mut(n);
            to.iter_mut().zip(rotation.chunks_exact(n)).for_each(|(z, row)| *z = dot(row, from));
            scratch.drain(..n);
        }
        scratch.iter_mut().for_each(|z| *z += L::MINIMUM);
        objectives[0] = self.base.value(scratch);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks the stated minimum, that nothing near it is lower, and one value found by hand.
    pub(super) fn check<L: Landscape>(x: &[f64], value: f64) {
        let found = L::new(x.len()).value(x);
        assert!((found - value).abs() <= 1e-12 * value.abs().max(1.0), "{found}, expected {value}");
        for (dimension, shift, rotate) in [(2, None, None), (5, Some(1), None), (17, Some(2), Some(3))] {
            let placed = Placed::<L>::new(&Placement { dimension, shift, rotate }).unwrap();
            let optimum = placed.optimum().unwrap();
            let region = placed.region();
            let mut scratch = Vec::new();
            let mut value = |x: &[f64]| {
                let mut out = [f64::NAN];
                placed.evaluate(x, &mut out, &mut [], &mut scratch);
                out[0]
            };
            let least = value(&optimum.location);
            assert!(least.abs() < 1e-9, "{least} at the minimum");
            let mut rng = seeded(9, 9);
            for step in [1e-3, 0.03, 1.0] {
                for _ in 0..50 {
                    let x: Vec<f64> = (0..dimension)
                        .map(|i| {
                            optimum.location[i] + step * rng.normal() * 0.1 * (region.high[i] - region.low[i])
                        })
                        .collect();
                    let y = value(&x);
                    assert!(y > least, "{y} at {x:?}");
                }
            }
            assert!(optimum.location.iter().all(|&x| region.low[0] <= x && x <= region.high[0]));
        }
    }

    #[test]
    fn rotations_are_orthogonal() {
        let n = 9;
        let r = rotation(n, &mut seeded(1, 1));
        for i in 0..n {
            for j in 0..n {
                let expected = if i == j { 1.0 } else { 0.0 };
                assert!((dot(&r[i * n..(i + 1) * n], &r[j * n..(j + 1) * n]) - expected).abs() < 1e-14);
            }
        }
    }

    #[test]
    fn a_rotation_keeps_the_sphere_and_changes_the_others() {
        let value = |placement: &Placement, kind: usize, x: &[f64]| {
            let mut out = [0.0];
            let function: Box<dyn Function> = match kind {
                0 => Box::new(Placed::<Sphere>::new(placement).unwrap()),
                1 => Box::new(Placed::<Griewank>::new(placement).unwrap()),
                _ => Box::new(Placed::<Ackley>::new(placement).unwrap()),
            };
            function.evaluate(x, &mut out, &mut [], &mut vec![7.0; 3]);
            out[0]
        };
        let x = [1.0, -2.0, 0.5];
        let straight = Placement { dimension: 3, shift: Some(4), rotate: None };
        let turned = Placement { rotate: Some(5), ..straight.clone() };
        assert!((value(&straight, 0, &x) - value(&turned, 0, &x)).abs() < 1e-12);
        for kind in [1, 2] {
            assert!((value(&straight, kind, &x) - value(&turned, kind, &x)).abs() > 1e-6);
        }
        let elsewhere = Placement { shift: Some(6), ..straight.clone() };
        assert_ne!(value(&straight, 0, &x), value(&elsewhere, 0, &x));
    }

    #[test]
    fn too_few_dimensions_are_refused() {
        let placement = Placement { dimension: 0, ..Placement::default() };
        assert_eq!(Placed::<Schwefel>::new(&placement).unwrap_err().0[0].path, "dimension");
    }
}
