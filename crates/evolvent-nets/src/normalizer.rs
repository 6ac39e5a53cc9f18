//! Normalisation of observations, as a stage in front of a network.

use crate::program::{Kind, Program};
use serde::{Deserialize, Serialize};

/// x ← clip((x − mean) · inv_std, ±clip), one mean and one scale per input.
///
/// A task gathers the statistics and normalises while it evaluates; a champion and its exports carry them inside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Normalizer {
    /// Mean of each input.
    pub mean: Vec<f32>,
    /// 1 / standard deviation of each input; as long as `mean`.
    pub inv_std: Vec<f32>,
    /// Results stay within ± this. Above 0; infinite for no limit.
    pub clip: f32,
}

impl Normalizer {
    /// Normalises a structure of arrays, `mean.len() × lanes`, in place.
    pub fn apply(&self, lanes: usize, x: &mut [f32]) {
        for (i, row) in x.chunks_exact_mut(lanes.max(1)).enumerate() {
            row.iter_mut().for_each(|x| *x = self.one(i, *x));
        }
    }

    /// Input `i` normalised.
    #[inline(always)]
    pub fn one(&self, i: usize, x: f32) -> f32 {
        let y = (x - self.mean[i]) * self.inv_std[i];
        let y = if y < -self.clip { -self.clip } else { y };
        if y > self.clip { self.clip } else { y }
    }

    /// Adds the stage to a program and returns the name of the normalised value. `shape` is that of the value `x`.
    pub fn describe(&self, program: &mut Program, x: &str, shape: &[usize]) -> String {
        let mean = program.constant("normalizer.mean", shape, self.mean.clone());
        let scale = program.constant("normalizer.inv_std", shape, self.inv_std.clone());
        let centred = program.op("normalizer.centred", Kind::Sub, &[x, &mean]);
        let scaled = program.op("normalizer.scaled", Kind::Mul, &[&centred, &scale]);
        if self.clip == f32::INFINITY {
            return scaled;
        }
        program.op("normalizer.clipped", Kind::Clip { low: -self.clip, high: self.clip }, &[&scaled])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        let normalizer = Normalizer { mean: vec![1.0, 0.0], inv_std: vec![2.0, 10.0], clip: 5.0 };
        let mut x = [1.5, 0.0, 0.1, -3.0];
        normalizer.apply(2, &mut x);
        assert_eq!(x, [1.0, -2.0, 1.0, -5.0]);
    }
}
