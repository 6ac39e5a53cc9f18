//! What a test function is.

use evolvent_core::Bounds;
use std::fmt::Debug;

/// A function of real numbers to be minimised, with one objective or several, perhaps under constraints.
pub trait Function: Debug + Send + Sync {
    /// Number of arguments.
    fn dimension(&self) -> usize;

    /// Number of objectives, each minimised.
    fn objectives(&self) -> usize {
        1
    }

    /// Number of constraints g(x) ≤ 0.
    fn constraints(&self) -> usize {
        0
    }

    /// The box that contains the optimum and from which searches start.
    fn region(&self) -> Bounds;

    /// Whether the function is defined inside its region only. If so, points outside are evaluated as the nearest point
    /// inside, so that nothing is gained there.
    fn bounded(&self) -> bool {
        false
    }

    /// The optimum of a single objective, if it is known.
    fn optimum(&self) -> Option<Optimum> {
        None
    }

    /// About `points` objective vectors that cover the Pareto front, in order of the first objective, if it is known.
    fn front(&self, _points: usize) -> Option<Vec<Vec<f64>>> {
        None
    }

    /// Writes the objectives and constraints of `x`; the slices have the lengths stated above. `scratch` is memory that
    /// the function may use and grow as it likes; pass the same again to avoid allocations.
    fn evaluate(&self, x: &[f64], objectives: &mut [f64], constraints: &mut [f64], scratch: &mut Vec<f64>);
}

/// Where a function is smallest.
#[derive(Clone, Debug, PartialEq)]
pub struct Optimum {
    /// The least value.
    pub value: f64,
    /// A point that has it, up to rounding.
    pub location: Vec<f64>,
}

/// The sum of `term(0) … term(n − 1)`: eight partial sums, added by a fixed tree.
#[inline(always)]
pub(super) fn sum(n: usize, term: impl Fn(usize) -> f64) -> f64 {
    let mut partial = [0.0; 8];
    let whole = n / 8 * 8;
    for first in (0..whole).step_by(8) {
        for lane in 0..8 {
            partial[lane] += term(first + lane);
        }
    }
    for i in whole..n {
        partial[i - whole] += term(i);
    }
    let [a, b, c, d, e, f, g, h] = partial;
    ((a + b) + (c + d)) + ((e + f) + (g + h))
}

/// `n` numbers from `low` to `high` at equal distances; `high` alone if `n` is 1.
pub(super) fn spaced(low: f64, high: f64, n: usize) -> impl Iterator<Item = f64> {
    let gaps = n.saturating_sub(1) as f64;
    (0..n).map(move |i| if i + 1 == n { high } else { low + (high - low) * (i as f64 / gaps) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_and_spacing() {
        assert_eq!(sum(19, |i| i as f64), 171.0);
        assert_eq!(sum(0, |_| 1.0), 0.0);
        assert_eq!(spaced(1.0, 2.0, 3).collect::<Vec<_>>(), [1.0, 1.5, 2.0]);
        assert_eq!(spaced(1.0, 2.0, 1).collect::<Vec<_>>(), [2.0]);
    }
}
