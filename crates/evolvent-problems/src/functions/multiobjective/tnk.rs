//! TNK (Tanaka, Watanabe, Furukawa & Tanino 1995).

use super::Biobjective;
use evolvent_core::Bounds;
use std::f64::consts::PI;

/// f₁ = x₁, f₂ = x₂ on [0, π]², subject to x₁² + x₂² ≥ 1 + 0.1 cos(16 arctan(x₁/x₂)) and
/// (x₁ − 0.5)² + (x₂ − 0.5)² ≤ 0.5. The front lies on the first constraint's border, in several pieces.
#[derive(Clone, Debug)]
pub struct Tnk;

impl Biobjective for Tnk {
    const DIMENSION: usize = 2;
    const CONSTRAINTS: usize = 2;

    fn new(_: usize) -> Self {
        Tnk
    }

    fn region(&self) -> Bounds {
        Bounds::uniform(2, 0.0, PI)
    }

    fn objectives(&self, x: &[f64], constraints: &mut [f64]) -> [f64; 2] {
        let square = |value: f64| value * value;
        let wave = libm::cos(16.0 * libm::atan2(x[0], x[1]));
        constraints[0] = 1.0 + 0.1 * wave - square(x[0]) - square(x[1]);
        constraints[1] = square(x[0] - 0.5) + square(x[1] - 0.5) - 0.5;
        [x[0], x[1]]
    }

    fn front(&self, points: usize) -> Option<Vec<[f64; 2]>> {
        // The border in polar coordinates; what another of its feasible points dominates is no front.
        let border = (0..20 * points.max(1)).map(|i| {
            let angle = 0.5 * PI * (i as f64 + 0.5) / (20 * points.max(1)) as f64;
            let radius = (1.0 + 0.1 * libm::cos(16.0 * angle)).sqrt();
            [radius * libm::sin(angle), radius * libm::cos(angle)]
        });
        let feasible = border.filter(|x| {
            let mut constraints = [0.0; 2];
            self.objectives(x, &mut constraints);
            constraints[1] <= 0.0
        });
        let mut candidates: Vec<[f64; 2]> = feasible.collect();
        candidates.sort_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
        let mut least = f64::INFINITY;
        candidates.retain(|point| {
            let better = point[1] < least;
            least = least.min(point[1]);
            better
        });
        let step = candidates.len().div_ceil(points.max(1)).max(1);
        Some(candidates.into_iter().step_by(step).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check_front, close, value};
    use super::*;

    #[test]
    fn values_and_front() {
        let (objectives, constraints) = value::<Tnk>(&[1.0, 1.0]);
        close(objectives, [1.0, 1.0]);
        // cos(16 · π/4) = 1.
        assert!((constraints[0] - (1.1 - 2.0)).abs() < 1e-12 && constraints[1] == 0.0);
        let front = Tnk.front(1000).unwrap();
        check_front::<Tnk>(2, |t| front[(t * (front.len() - 1) as f64) as usize].to_vec());
    }
}
