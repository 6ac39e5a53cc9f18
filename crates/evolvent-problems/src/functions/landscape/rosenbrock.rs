//! Rosenbrock's valley (Rosenbrock 1960).

use super::Landscape;
use crate::functions::function::sum;
use evolvent_math::kernels::vectorize;

/// f(x) = Σ_{i<n} 100 (xᵢ₊₁ − xᵢ²)² + (1 − xᵢ)² on [−5, 10]ⁿ, n ≥ 2; minimum 0 at (1, …, 1). A curved valley; for
/// 4 ≤ n ≤ 30 there is a second, local minimum near (−1, 1, …, 1).
#[derive(Clone, Debug)]
pub struct Rosenbrock;

impl Landscape for Rosenbrock {
    const REGION: (f64, f64) = (-5.0, 10.0);
    const MINIMUM: f64 = 1.0;
    const LEAST_DIMENSION: usize = 2;

    fn new(_: usize) -> Self {
        Rosenbrock
    }

    fn value(&self, x: &[f64]) -> f64 {
        let next = &x[1..];
        vectorize(
            #[inline(always)]
            || {
                sum(next.len(), |i| {
                    let (valley, along) = (next[i] - x[i] * x[i], 1.0 - x[i]);
                    100.0 * (valley * valley) + along * along
                })
            },
        )
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn minimum_and_a_value() {
        super::super::tests::check::<super::Rosenbrock>(&[0.0, 1.0, 3.0], 101.0 + 400.0);
    }
}
