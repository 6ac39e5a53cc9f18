//! OSY (Osyczka & Kundu 1995).

use super::Biobjective;
use crate::functions::function::spaced;
use evolvent_core::Bounds;

/// f₁ = −(25 (x₁ − 2)² + (x₂ − 2)² + (x₃ − 1)² + (x₄ − 4)² + (x₅ − 1)²), f₂ = Σ xᵢ², x₁, x₂ and x₆ in [0, 10], x₃ and x₅
/// in [1, 5], x₄ in [0, 6], subject to 2 ≤ x₁ + x₂ ≤ 6, x₂ − x₁ ≤ 2, x₁ − 3x₂ ≤ 2, (x₃ − 3)² + x₄ ≤ 4 and
/// (x₅ − 3)² + x₆ ≥ 4. Five pieces of front, each on other constraints (Deb 2001, section 8.3).
#[derive(Clone, Debug)]
pub struct Osy;

/// The pieces of the front by decreasing quality of f₁, x₄ = x₆ = 0: a point at a share `t` of each.
fn piece(index: usize, t: f64) -> [f64; 6] {
    let from = |low: f64, high: f64| high + (low - high) * t;
    let corner = 2.0 + 3.0_f64.sqrt();
    match index {
        0 => [5.0, 1.0, from(1.0, 5.0), 0.0, 5.0, 0.0],
        1 => [5.0, 1.0, from(1.0, 5.0), 0.0, 1.0, 0.0],
        2 => {
            let x1 = from(4.056, 5.0);
            [x1, (x1 - 2.0) / 3.0, 1.0, 0.0, 1.0, 0.0]
        }
        3 => [0.0, 2.0, from(1.0, corner), 0.0, 1.0, 0.0],
        _ => {
            let x1 = t;
            [x1, 2.0 - x1, 1.0, 0.0, 1.0, 0.0]
        }
    }
}

impl Biobjective for Osy {
    const DIMENSION: usize = 6;
    const CONSTRAINTS: usize = 6;

    fn new(_: usize) -> Self {
        Osy
    }

    fn region(&self) -> Bounds {
        Bounds { low: vec![0.0, 0.0, 1.0, 0.0, 1.0, 0.0], high: vec![10.0, 10.0, 5.0, 6.0, 5.0, 10.0] }
    }

    fn objectives(&self, x: &[f64], constraints: &mut [f64]) -> [f64; 2] {
        let square = |value: f64| value * value;
        constraints.copy_from_slice(&[
            2.0 - x[0] - x[1],
            x[0] + x[1] - 6.0,
            x[1] - x[0] - 2.0,
            x[0] - 3.0 * x[1] - 2.0,
            square(x[2] - 3.0) + x[3] - 4.0,
            4.0 - square(x[4] - 3.0) - x[5],
        ]);
        let f1 = 25.0 * square(x[0] - 2.0)
            + square(x[1] - 2.0)
            + square(x[2] - 1.0)
            + square(x[3] - 4.0)
            + square(x[4] - 1.0);
        [-f1, x.iter().map(|&x| square(x)).sum()]
    }

    fn front(&self, points: usize) -> Option<Vec<[f64; 2]>> {
        let each = points.div_ceil(5);
        let pieces = (0..5).flat_map(|index| spaced(0.0, 1.0, each).map(move |t| piece(index, t)));
        let mut front: Vec<[f64; 2]> = pieces.map(|x| self.objectives(&x, &mut [0.0; 6])).collect();
        front.sort_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
        let mut least = f64::INFINITY;
        front.retain(|point| {
            let better = point[1] < least;
            least = least.min(point[1]);
            better
        });
        Some(front)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check_front, close, value};
    use super::*;

    #[test]
    fn values_and_front() {
        let (objectives, constraints) = value::<Osy>(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        close(objectives, [-(25.0 + 0.0 + 4.0 + 0.0 + 16.0), 91.0]);
        assert_eq!(constraints, [-1.0, -3.0, -1.0, -7.0, 0.0, -6.0]);
        check_front::<Osy>(6, |t| piece(((t * 5.0) as usize).min(4), (t * 5.0).fract()).to_vec());
    }
}
