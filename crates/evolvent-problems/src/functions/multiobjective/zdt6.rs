//! ZDT6 (Zitzler, Deb & Thiele 2000, T6).

use super::{Biobjective, graph};
use crate::functions::function::sum;
use evolvent_core::Bounds;
use std::f64::consts::PI;

/// Least first objective, at x₁ ≈ 0.08146.
const LEAST: f64 = 0.280_775_318_815_370_3;

/// f₁ = 1 − exp(−4x₁) sin⁶ 6πx₁, f₂ = g (1 − (f₁/g)²), g = 1 + 9 (Σ_{i>1} xᵢ/(n − 1))^0.25 on [0, 1]ⁿ, n = 10. Concave
/// front f₂ = 1 − f₁², f₁ from 0.28078 to 1, at x₂ = … = xₙ = 0; points crowd away from it and at its right end.
#[derive(Clone, Debug)]
pub struct Zdt6 {
    dimension: usize,
}

impl Biobjective for Zdt6 {
    const DIMENSION: usize = 10;

    fn new(dimension: usize) -> Self {
        Zdt6 { dimension }
    }

    fn region(&self) -> Bounds {
        Bounds::uniform(self.dimension, 0.0, 1.0)
    }

    fn objectives(&self, x: &[f64], _: &mut [f64]) -> [f64; 2] {
        let wave = libm::sin(6.0 * PI * x[0]);
        let f1 = 1.0 - libm::exp(-4.0 * x[0]) * libm::pow(wave, 6.0);
        let mean = sum(x.len() - 1, |i| x[i + 1]) / (x.len() - 1) as f64;
        let g = 1.0 + 9.0 * mean.sqrt().sqrt();
        let ratio = f1 / g;
        [f1, g * (1.0 - ratio * ratio)]
    }

    fn front(&self, points: usize) -> Option<Vec<[f64; 2]>> {
        Some(graph(LEAST, 1.0, points, |first| 1.0 - first * first))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check_front, close, value};
    use super::*;

    #[test]
    fn values_and_front() {
        // sin 6π/12 = 1; mean 1/16, so g = 1 + 9/2.
        let f1 = 1.0 - libm::exp(-4.0 / 12.0);
        close(value::<Zdt6>(&[1.0 / 12.0, 0.0625, 0.0625]).0, [f1, 5.5 - f1 * f1 / 5.5]);
        check_front::<Zdt6>(10, |t| [vec![t], vec![0.0; 9]].concat());
    }

    #[test]
    fn the_least_first_objective_is_the_least() {
        let found = (0..=100_000).map(|i| value::<Zdt6>(&[f64::from(i) * 1e-5, 0.0]).0[0]);
        let least = found.fold(f64::INFINITY, f64::min);
        assert!((LEAST - 1e-12..LEAST + 1e-8).contains(&least), "{least}");
    }
}
