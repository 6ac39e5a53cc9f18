//! ZDT3 (Zitzler, Deb & Thiele 2000, T3).

use super::zdt1::g;
use super::{Biobjective, graph};
use evolvent_core::Bounds;
use std::f64::consts::PI;

/// The five intervals of the first objective on which 1 − √f₁ − f₁ sin 10πf₁ is a front: each ends at a local minimum and
/// begins where the curve passes below the minimum before.
const PIECES: [(f64, f64); 5] = [
    (0.0, 0.083_001_534_926_911_6),
    (0.182_228_728_029_399_78, 0.257_762_363_387_830_2),
    (0.409_313_674_808_657, 0.453_882_104_088_83),
    (0.618_396_794_439_265_8, 0.652_511_703_804_662_5),
    (0.823_331_798_326_632_8, 0.851_832_865_436_413_9),
];

/// f₁ = x₁, f₂ = g (1 − √(f₁/g) − f₁/g · sin 10πf₁), g as in ZDT1, on [0, 1]ⁿ, n = 30. The front, at
/// x₂ = … = xₙ = 0, has five separate pieces.
#[derive(Clone, Debug)]
pub struct Zdt3 {
    dimension: usize,
}

impl Biobjective for Zdt3 {
    const DIMENSION: usize = 30;

    fn new(dimension: usize) -> Self {
        Zdt3 { dimension }
    }

    fn region(&self) -> Bounds {
        Bounds::uniform(self.dimension, 0.0, 1.0)
    }

    fn objectives(&self, x: &[f64], _: &mut [f64]) -> [f64; 2] {
        let g = g(x);
        let ratio = x[0] / g;
        [x[0], g * (1.0 - ratio.sqrt() - ratio * libm::sin(10.0 * PI * x[0]))]
    }

    fn front(&self, points: usize) -> Option<Vec<[f64; 2]>> {
        let curve = |first: f64| 1.0 - first.sqrt() - first * libm::sin(10.0 * PI * first);
        let each = points.div_ceil(PIECES.len());
        Some(PIECES.iter().flat_map(|&(low, high)| graph(low, high, each, curve)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check_front, close, value};
    use super::{PIECES, Zdt3};

    #[test]
    fn values_and_front() {
        // g = 5.5, sin 10π · 0.25 = 1.
        let ratio = 0.25_f64 / 5.5;
        close(value::<Zdt3>(&[0.25, 0.0, 1.0]).0, [0.25, 5.5 * (1.0 - ratio.sqrt() - ratio)]);
        check_front::<Zdt3>(30, |t| {
            let (low, high) = PIECES[((t * 5.0) as usize).min(4)];
            [vec![low + (high - low) * (t * 5.0).fract()], vec![0.0; 29]].concat()
        });
    }
}
