//! Functions with two objectives, some with constraints.

use super::function::{Function, spaced};
use evolvent_core::{Bounds, Violations};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt::Debug;

mod bnh;
mod osy;
mod tnk;
mod zdt1;
mod zdt2;
mod zdt3;
mod zdt4;
mod zdt5;
mod zdt6;

pub use bnh::Bnh;
pub use osy::Osy;
pub use tnk::Tnk;
pub use zdt1::Zdt1;
pub use zdt2::Zdt2;
pub use zdt3::Zdt3;
pub use zdt4::Zdt4;
pub use zdt5::Zdt5;
pub use zdt6::Zdt6;

/// Formulas of two objectives on a box.
pub trait Biobjective: Debug + Send + Sync + Sized + 'static {
    /// Coordinates in the publication.
    const DIMENSION: usize;
    /// Least number of coordinates for which the formulas make sense.
    const LEAST_DIMENSION: usize = 2;
    /// Number of constraints g(x) ≤ 0.
    const CONSTRAINTS: usize = 0;
    /// The formulas for so many coordinates.
    fn new(dimension: usize) -> Self;
    /// The box.
    fn region(&self) -> Bounds;
    /// Both objectives of a point of the box; writes the constraints.
    fn objectives(&self, x: &[f64], constraints: &mut [f64]) -> [f64; 2];
    /// About `points` points of the Pareto front, in order of the first objective.
    fn front(&self, points: usize) -> Option<Vec<[f64; 2]>>;
}

/// Size of a ZDT problem.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Variables {
    /// Number of coordinates, at least 2 (ZDT5: 31); the publication's number if not given.
    pub dimension: Option<usize>,
}

/// A problem without parameters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Fixed {}

/// Formulas on a box as a function of all points: those outside count as the nearest point of the box.
#[derive(Clone, Debug)]
pub struct Boxed<P> {
    problem: P,
    region: Bounds,
}

impl<P: Biobjective> Boxed<P> {
    /// The published size.
    pub fn standard() -> Self {
        let problem = P::new(P::DIMENSION);
        Boxed { region: problem.region(), problem }
    }

    /// Another size.
    pub fn new(variables: &Variables) -> Result<Self, Violations> {
        let dimension = variables.dimension.unwrap_or(P::DIMENSION);
        let mut violations = Violations::new();
        violations.at_least("dimension", dimension, P::LEAST_DIMENSION);
        violations.into_result()?;
        let problem = P::new(dimension);
        Ok(Boxed { region: problem.region(), problem })
    }
}

impl<P: Biobjective> Function for Boxed<P> {
    fn dimension(&self) -> usize {
        self.region.low.len()
    }

    fn objectives(&self) -> usize {
        2
    }

    fn constraints(&self) -> usize {
        P::CONSTRAINTS
    }

    fn region(&self) -> Bounds {
        self.region.clone()
    }

    fn bounded(&self) -> bool {
        true
    }

    fn front(&self, points: usize) -> Option<Vec<Vec<f64>>> {
        Some(self.problem.front(points)?.into_iter().map(Vec::from).collect())
    }

    fn evaluate(&self, x: &[f64], objectives: &mut [f64], constraints: &mut [f64], scratch: &mut Vec<f64>) {
        scratch.clear();
        scratch.extend_from_slice(x);
        self.region.clamp(scratch);
        objectives.copy_from_slice(&self.problem.objectives(scratch, constraints));
    }
}

/// ZDT's front from a formula for the second objective.
fn graph(low: f64, high: f64, points: usize, second: impl Fn(f64) -> f64) -> Vec<[f64; 2]> {
    spaced(low, high, points).map(|first| [first, second(first)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use evolvent_core::{Purpose, RunKey, stream};

    pub(super) fn value<P: Biobjective>(x: &[f64]) -> ([f64; 2], Vec<f64>) {
        let boxed = Boxed::<P> { problem: P::new(x.len()), region: P::new(x.len()).region() };
        let (mut objectives, mut constraints) = ([f64::NAN; 2], vec![f64::NAN; P::CONSTRAINTS]);
        boxed.evaluate(x, &mut objectives, &mut constraints, &mut vec![3.0]);
        (objectives, constraints)
    }

    pub(super) fn close(found: [f64; 2], expected: [f64; 2]) {
        for i in 0..2 {
            let error = (found[i] - expected[i]).abs();
            assert!(error < 1e-12 * expected[i].abs().max(1.0), "{found:?}, expected {expected:?}");
        }
    }

    /// No sampled feasible point dominates the front clearly, no front point dominates another, and `reach` gives front
    /// points.
    pub(super) fn check_front<P: Biobjective>(dimension: usize, reach: impl Fn(f64) -> Vec<f64>) {
        let problem = P::new(dimension);
        let front = problem.front(200).expect("a known front");
        assert!(front.len() >= 20, "{} points", front.len());
        assert!(front.windows(2).all(|pair| pair[0][0] <= pair[1][0]));
        let dominates = |a: &[f64; 2], b: &[f64; 2], slack: f64| a[0] < b[0] - slack && a[1] < b[1] - slack;
        for a in &front {
            assert!(front.iter().all(|b| !dominates(a, b, 1e-9)), "{a:?} dominates another");
        }
        let span = front[front.len() - 1][0] - front[0][0];
        let region = problem.region();
        let mut rng = stream(RunKey(4), 0, 0, 0, Purpose::Problem);
        for trial in 0..2000 {
            let x: Vec<f64> = (0..dimension)
                .map(|i| {
                    let near = if i > 0 && trial % 2 == 0 { 0.02 } else { 1.0 };
                    region.low[i] + near * rng.uniform() * (region.high[i] - region.low[i])
                })
                .collect();
            let (found, constraints) = value::<P>(&x);
            if constraints.iter().all(|&g| g <= 0.0) {
                assert!(
                    front.iter().all(|point| !dominates(&found, point, 0.02 * span)),
                    "{found:?} of {x:?}"
                );
            }
        }
        for t in spaced(0.0, 1.0, 50) {
            let (found, constraints) = value::<P>(&reach(t));
            assert!(constraints.iter().all(|&g| g <= 1e-12), "{constraints:?}");
            let distance = |point: &[f64; 2]| (point[0] - found[0]).abs().max((point[1] - found[1]).abs());
            let nearest = front.iter().map(distance).fold(f64::INFINITY, f64::min);
            assert!(nearest < 0.03 * span.max(1.0), "{found:?} is {nearest} away from the front");
        }
    }

    #[test]
    fn points_outside_count_as_the_nearest_inside() {
        assert_eq!(value::<Zdt1>(&[2.0, -3.0, 0.5]), value::<Zdt1>(&[1.0, 0.0, 0.5]));
    }

    #[test]
    fn sizes_are_checked() {
        assert_eq!(Boxed::<Zdt4>::new(&Variables::default()).unwrap().dimension(), 10);
        assert_eq!(Boxed::<Zdt1>::new(&Variables { dimension: Some(5) }).unwrap().dimension(), 5);
        assert!(Boxed::<Zdt1>::new(&Variables { dimension: Some(1) }).is_err());
        assert!(Boxed::<Zdt5>::new(&Variables { dimension: Some(30) }).is_err());
    }
}
