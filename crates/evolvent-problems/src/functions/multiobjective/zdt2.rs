//! ZDT2 (Zitzler, Deb & Thiele 2000, T2).

use super::zdt1::g;
use super::{Biobjective, graph};
use evolvent_core::Bounds;

/// f₁ = x₁, f₂ = g (1 − (f₁/g)²), g as in ZDT1, on [0, 1]ⁿ, n = 30. Concave front f₂ = 1 − f₁² at x₂ = … = xₙ = 0.
#[derive(Clone, Debug)]
pub struct Zdt2 {
    dimension: usize,
}

impl Biobjective for Zdt2 {
    const DIMENSION: usize = 30;

    fn new(dimension: usize) -> Self {
        Zdt2 { dimension }
    }

    fn region(&self) -> Bounds {
        Bounds::uniform(self.dimension, 0.0, 1.0)
    }

    fn objectives(&self, x: &[f64], _: &mut [f64]) -> [f64; 2] {
        let g = g(x);
        let ratio = x[0] / g;
        [x[0], g * (1.0 - ratio * ratio)]
    }

    fn front(&self, points: usize) -> Option<Vec<[f64; 2]>> {
        Some(graph(0.0, 1.0, points, |first| 1.0 - first * first))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check_front, close, value};
    use super::Zdt2;

    #[test]
    fn values_and_front() {
        close(value::<Zdt2>(&[0.5, 0.0, 1.0]).0, [0.5, 5.5 - 0.25 / 5.5]);
        check_front::<Zdt2>(30, |t| [vec![t], vec![0.0; 29]].concat());
    }
}
