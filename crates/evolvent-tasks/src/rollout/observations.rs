//! Statistics of observations: what evaluations add up, what the evaluator's state keeps, what networks are given.

use evolvent_nets::Normalizer;
use serde::{Deserialize, Serialize};

/// Normalised observations stay within ± this many standard deviations.
const CLIP: f32 = 10.0;
/// Variances below this are taken for constants' rounding: such inputs are only centred.
const LEAST_VARIANCE: f64 = 1e-12;

/// Running mean and spread of all observations that training has seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ObservationStatistics {
    /// Number of observations.
    pub count: u64,
    /// Mean of each number of an observation; empty before the first round.
    pub mean: Vec<f64>,
    /// Sum of squared differences from the mean.
    pub squares: Vec<f64>,
}

/// Sums over the observations of one evaluation, relative to the mean that was known before.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObservationSums {
    pub(super) count: u64,
    /// Σ (x − mean).
    pub(super) sum: Vec<f64>,
    /// Σ (x − mean)².
    pub(super) square: Vec<f64>,
}

impl ObservationSums {
    /// Takes in further observations, after those that it has.
    pub(super) fn add(&mut self, count: u64, sum: &[f64], square: &[f64]) {
        self.count += count;
        self.sum.resize(sum.len(), 0.0);
        self.square.resize(square.len(), 0.0);
        self.sum.iter_mut().zip(sum).for_each(|(a, b)| *a += b);
        self.square.iter_mut().zip(square).for_each(|(a, b)| *a += b);
    }
}

impl ObservationStatistics {
    /// The mean that sums are relative to.
    pub(super) fn center(&self, inputs: usize) -> Vec<f64> {
        if self.mean.is_empty() { vec![0.0; inputs] } else { self.mean.clone() }
    }

    /// Takes in a round, member after member.
    pub(super) fn absorb(&mut self, observed: impl Iterator<Item = ObservationSums>) {
        let mut total = ObservationSums::default();
        observed.filter(|o| o.count > 0).for_each(|o| total.add(o.count, &o.sum, &o.square));
        if total.count == 0 {
            return;
        }
        self.mean.resize(total.sum.len(), 0.0);
        self.squares.resize(total.sum.len(), 0.0);
        let (old, new) = (self.count as f64, total.count as f64);
        for i in 0..total.sum.len() {
            // Chan, Golub & LeVeque (1979), eq. 2.1, with the round's mean relative to the old one.
            let shift = total.sum[i] / new;
            let squares = (total.square[i] - total.sum[i] * shift).max(0.0);
            self.squares[i] += squares + shift * shift * (old * new / (old + new));
            self.mean[i] += shift * (new / (old + new));
        }
        self.count += total.count;
    }

    /// What networks are given; `None` before the first round.
    pub fn normalizer(&self) -> Option<Normalizer> {
        if self.count == 0 {
            return None;
        }
        let inverse = |squares: &f64| {
            let variance = squares / self.count as f64;
            if variance > LEAST_VARIANCE { (1.0 / variance.sqrt()) as f32 } else { 1.0 }
        };
        Some(Normalizer {
            mean: self.mean.iter().map(|&m| m as f32).collect(),
            inv_std: self.squares.iter().map(inverse).collect(),
            clip: CLIP,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The second number is always 1.
    fn sums(values: &[f64], center: [f64; 2]) -> ObservationSums {
        let mut sums = ObservationSums::default();
        for x in values {
            let d = [x - center[0], 1.0 - center[1]];
            sums.add(1, &d, &d.map(|d| d * d));
        }
        sums
    }

    #[test]
    fn rounds_add_up_to_the_whole() {
        let values: Vec<f64> = (0..40).map(|i| 100.0 + ((i * 37) % 11) as f64 * 0.25).collect();
        let mut state = ObservationStatistics::default();
        assert!(state.normalizer().is_none());
        state.absorb([sums(&values[..7], [0.0; 2]), sums(&values[7..20], [0.0; 2])].into_iter());
        let center = [state.mean[0], state.mean[1]];
        state.absorb([ObservationSums::default(), sums(&values[20..], center)].into_iter());
        let mean = values.iter().sum::<f64>() / 40.0;
        let squares: f64 = values.iter().map(|x| (x - mean) * (x - mean)).sum();
        assert_eq!(state.count, 40);
        assert!((state.mean[0] - mean).abs() < 1e-12 && (state.squares[0] - squares).abs() < 1e-9);
        let normalizer = state.normalizer().unwrap();
        assert!((f64::from(normalizer.inv_std[0]) - (40.0 / squares).sqrt()).abs() < 1e-5);
        assert_eq!(normalizer.inv_std[1], 1.0, "a constant is only centred");
    }
}
