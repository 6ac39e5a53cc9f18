//! ZDT4 (Zitzler, Deb & Thiele 2000, T4).

use super::{Biobjective, graph};
use crate::functions::function::sum;
use evolvent_core::Bounds;
use std::f64::consts::PI;

/// f₁ = x₁, f₂ = g (1 − √(f₁/g)), g = 1 + 10 (n − 1) + Σ_{i>1} xᵢ² − 10 cos 4πxᵢ, x₁ in [0, 1], the others in [−5, 5],
/// n = 10. Front as ZDT1's, behind 21⁹ local ones.
#[derive(Clone, Debug)]
pub struct Zdt4 {
    dimension: usize,
}

impl Biobjective for Zdt4 {
    const DIMENSION: usize = 10;

    fn new(dimension: usize) -> Self {
        Zdt4 { dimension }
    }

    fn region(&self) -> Bounds {
        let mut region = Bounds::uniform(self.dimension, -5.0, 5.0);
        (region.low[0], region.high[0]) = (0.0, 1.0);
        region
    }

    fn objectives(&self, x: &[f64], _: &mut [f64]) -> [f64; 2] {
        let rest = &x[1..];
        let term = |i: usize| rest[i] * rest[i] + 10.0 * (1.0 - libm::cos(4.0 * PI * rest[i]));
        let g = 1.0 + sum(rest.len(), term);
        [x[0], g * (1.0 - (x[0] / g).sqrt())]
    }

    fn front(&self, points: usize) -> Option<Vec<[f64; 2]>> {
        Some(graph(0.0, 1.0, points, |first| 1.0 - first.sqrt()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check_front, close, value};
    use super::Zdt4;

    #[test]
    fn values_and_front() {
        // g = 1 + 0.25² + 20 + 0 = 21.0625: cos π = −1.
        close(value::<Zdt4>(&[0.25, 0.25, 0.0]).0, [0.25, 21.0625 * (1.0 - (0.25_f64 / 21.0625).sqrt())]);
        check_front::<Zdt4>(10, |t| [vec![t], vec![0.0; 9]].concat());
    }
}
