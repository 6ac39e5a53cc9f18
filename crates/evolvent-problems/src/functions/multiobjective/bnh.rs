//! BNH (Binh & Korn 1997).

use super::Biobjective;
use crate::functions::function::spaced;
use evolvent_core::Bounds;

/// f₁ = 4x₁² + 4x₂², f₂ = (x₁ − 5)² + (x₂ − 5)² on [0, 5] × [0, 3], subject to (x₁ − 5)² + x₂² ≤ 25 and
/// (x₁ − 8)² + (x₂ + 3)² ≥ 7.7. Front: x₁ = x₂ up to 3, then x₂ = 3.
#[derive(Clone, Debug)]
pub struct Bnh;

impl Biobjective for Bnh {
    const DIMENSION: usize = 2;
    const CONSTRAINTS: usize = 2;

    fn new(_: usize) -> Self {
        Bnh
    }

    fn region(&self) -> Bounds {
        Bounds { low: vec![0.0; 2], high: vec![5.0, 3.0] }
    }

    fn objectives(&self, x: &[f64], constraints: &mut [f64]) -> [f64; 2] {
        let square = |value: f64| value * value;
        constraints[0] = square(x[0] - 5.0) + square(x[1]) - 25.0;
        constraints[1] = 7.7 - square(x[0] - 8.0) - square(x[1] + 3.0);
        [4.0 * square(x[0]) + 4.0 * square(x[1]), square(x[0] - 5.0) + square(x[1] - 5.0)]
    }

    fn front(&self, points: usize) -> Option<Vec<[f64; 2]>> {
        let value = |first: f64| self.objectives(&[first, first.min(3.0)], &mut [0.0; 2]);
        Some(spaced(0.0, 5.0, points).map(value).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check_front, close, value};
    use super::Bnh;

    #[test]
    fn values_and_front() {
        let (objectives, constraints) = value::<Bnh>(&[1.0, 2.0]);
        close(objectives, [20.0, 25.0]);
        assert_eq!(constraints[0], -5.0);
        assert!((constraints[1] - (7.7 - 74.0)).abs() < 1e-12);
        check_front::<Bnh>(2, |t| vec![5.0 * t, (5.0 * t).min(3.0)]);
    }
}
