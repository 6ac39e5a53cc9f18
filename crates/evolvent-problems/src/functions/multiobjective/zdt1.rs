//! ZDT1 (Zitzler, Deb & Thiele 2000, "Comparison of multiobjective evolutionary algorithms", T1).

use super::{Biobjective, graph};
use crate::functions::function::sum;
use evolvent_core::Bounds;

/// f₁ = x₁, f₂ = g (1 − √(f₁/g)), g = 1 + 9 Σ_{i>1} xᵢ/(n − 1) on [0, 1]ⁿ, n = 30. Convex front f₂ = 1 − √f₁ at
/// x₂ = … = xₙ = 0.
#[derive(Clone, Debug)]
pub struct Zdt1 {
    dimension: usize,
}

/// 1 + 9 Σ_{i>1} xᵢ/(n − 1).
pub(super) fn g(x: &[f64]) -> f64 {
    1.0 + 9.0 * sum(x.len() - 1, |i| x[i + 1]) / (x.len() - 1) as f64
}

impl Biobjective for Zdt1 {
    const DIMENSION: usize = 30;

    fn new(dimension: usize) -> Self {
        Zdt1 { dimension }
    }

    fn region(&self) -> Bounds {
        Bounds::uniform(self.dimension, 0.0, 1.0)
    }

    fn objectives(&self, x: &[f64], _: &mut [f64]) -> [f64; 2] {
        let g = g(x);
        [x[0], g * (1.0 - (x[0] / g).sqrt())]
    }

    fn front(&self, points: usize) -> Option<Vec<[f64; 2]>> {
        Some(graph(0.0, 1.0, points, |first| 1.0 - first.sqrt()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check_front, close, value};
    use super::Zdt1;

    #[test]
    fn values_and_front() {
        // g = 1 + 9 · 1.5 / 2 = 7.75.
        close(value::<Zdt1>(&[0.25, 0.5, 1.0]).0, [0.25, 7.75 * (1.0 - (0.25_f64 / 7.75).sqrt())]);
        check_front::<Zdt1>(30, |t| [vec![t], vec![0.0; 29]].concat());
    }
}
