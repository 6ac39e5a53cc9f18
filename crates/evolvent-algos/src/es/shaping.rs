//! Fitness shaping: what an evolution strategy weighs instead of the fitness itself.

use evolvent_core::Scores;
use evolvent_math::ranking;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How losses become weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Shaping {
    /// Ranks, scaled to [−½, ½]; equal losses share their rank (Salimans et al. 2017). Outliers and the scale of fitness do
    /// not matter.
    #[default]
    CenteredRanks,
    /// Mean 0 and standard deviation 1. Keeps how much better a member is; the scale of fitness does not matter.
    ZScore,
    /// The losses themselves, minus their mean. For fitness without noise or outliers; the learning rate then depends on
    /// its scale.
    Raw,
}

impl Shaping {
    /// One weight per member, larger for larger losses, with sum 0. Failed members count as the worst; `None` if all failed.
    pub fn weights(self, scores: &Scores) -> Option<Vec<f64>> {
        let values = scores.finite()?;
        Some(match self {
            Shaping::CenteredRanks => {
                let order = scores.order();
                // Failed members are worse than the worst finite loss.
                let equal =
                    |i: usize, j: usize| scores.failed[i] == scores.failed[j] && values[i] == values[j];
                let last = (values.len().max(2) - 1) as f64;
                let centre = (values.len() - 1) as f64 / 2.0;
                ranking::ranks_of(&order, equal).into_iter().map(|r| (r - centre) / last).collect()
            }
            Shaping::ZScore => ranking::z_scores(&regrets(&values).0),
            Shaping::Raw => {
                let (values, scale) = regrets(&values);
                let mean = values.iter().sum::<f64>() / values.len() as f64;
                values.iter().map(|v| (v - mean) * scale).collect()
            }
        })
    }
}

/// Gives each member the utility of its rank; `utilities` are those of ranks 0, 1, …, best first. Equal losses share theirs, so
/// that a flat fitness pulls nowhere. `None` if all failed.
pub(crate) fn ranked(scores: &Scores, utilities: &[f64]) -> Option<Vec<f64>> {
    if scores.all_failed() {
        return None;
    }
    let order = scores.order();
    let mut weights = vec![0.0; order.len()];
    let mut from = 0;
    for group in order.chunk_by(|&i, &j| scores.compare(i, j).is_eq()) {
        let share = utilities[from..from + group.len()].iter().sum::<f64>() / group.len() as f64;
        group.iter().for_each(|&i| weights[i] = share);
        from += group.len();
    }
    Some(weights)
}

/// Losses measured from the best one, so that an offset leaves no trace in the rounding; divided by a scale that keeps
/// squares of large ones finite, and that scale.
fn regrets(values: &[f64]) -> (Vec<f64>, f64) {
    let largest = values.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    let scale = if largest > libm::ldexp(1.0, 500) { libm::ldexp(1.0, 1023) } else { 1.0 };
    let best = values.iter().copied().fold(f64::INFINITY, f64::min) / scale;
    (values.iter().map(|v| v / scale - best).collect(), scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_by_hand() {
        let scores = Scores::of_losses(&[3.0, 1.0, f64::NAN, 1.0, 5.0]);
        let of = |shaping: Shaping| shaping.weights(&scores).unwrap();
        assert_eq!(of(Shaping::CenteredRanks), [0.0, -0.375, 0.5, -0.375, 0.25]);
        assert_eq!(of(Shaping::Raw), [0.0, -2.0, 2.0, -2.0, 2.0]);
        let deviation = (16.0f64 / 5.0).sqrt();
        for (z, raw) in of(Shaping::ZScore).iter().zip(of(Shaping::Raw)) {
            assert!((z - raw / deviation).abs() < 1e-15);
        }
        assert_eq!(Shaping::Raw.weights(&Scores::of_losses(&[f64::NAN; 2])), None);
    }

    #[test]
    fn ranked_utilities_by_hand() {
        let scores = Scores::of_losses(&[3.0, 1.0, f64::NAN, 1.0]);
        assert_eq!(ranked(&scores, &[0.7, 0.3, 0.0, -1.0]), Some(vec![0.0, 0.5, -1.0, 0.5]));
    }

    #[test]
    fn equal_losses_pull_nowhere_and_extremes_stay_finite() {
        for shaping in [Shaping::CenteredRanks, Shaping::ZScore, Shaping::Raw] {
            assert_eq!(shaping.weights(&Scores::of_losses(&[7.0; 4])), Some(vec![0.0; 4]));
            assert_eq!(shaping.weights(&Scores::of_losses(&[7.0])), Some(vec![0.0]));
            let extreme = shaping.weights(&Scores::of_losses(&[f64::MAX, f64::MIN, 0.0, f64::MAX])).unwrap();
            assert!(
                extreme.iter().all(|w| !w.is_nan()) && extreme[0] > extreme[2] && extreme[2] > extreme[1]
            );
        }
    }
}
