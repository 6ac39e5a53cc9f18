//! Selection of parents.

use crate::merit::Merit;
use evolvent_core::{Stream, Violations};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How parents are chosen from a population that is sorted from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Selection {
    /// The best of some members drawn with replacement (Goldberg & Deb 1991).
    Tournament {
        /// Members in a tournament, at least 1; 1 is no selection at all.
        size: usize,
    },
    /// With probability proportional to fitness, measured from the worst member of the population (Holland 1975, with
    /// scaling window 1).
    Roulette,
    /// With probability that falls linearly with the rank (Baker 1985).
    Rank {
        /// How many children the best member expects, in [1, 2]; the average is 1.
        pressure: f64,
    },
    /// Uniformly from the best part (Mühlenbein & Schlierkamp-Voosen 1993).
    Truncation {
        /// The share of the population that is the best part, in (0, 1].
        share: f64,
    },
    /// The probabilities of `roulette`, but one spin with equally spaced pointers, so that each member's number of
    /// children is within 1 of its expectation (Baker 1987).
    StochasticUniversal,
}

impl Selection {
    /// Records what is wrong with it; `path` is where it stands.
    pub fn check(&self, path: &str, v: &mut Violations) {
        match *self {
            Selection::Tournament { size } => v.at_least(&format!("{path}.tournament.size"), size, 1),
            Selection::Rank { pressure } => {
                let path = format!("{path}.rank.pressure");
                v.require((1.0..=2.0).contains(&pressure), &path, pressure, "a number in [1, 2]");
            }
            Selection::Truncation { share } => {
                let path = format!("{path}.truncation.share");
                v.require(share > 0.0 && share <= 1.0, &path, share, "a share in (0, 1]");
            }
            Selection::Roulette | Selection::StochasticUniversal => {}
        }
    }

    /// The places of `count` parents; `sorted` holds the population's merits from best to worst and is not empty.
    pub fn parents(&self, sorted: &[Merit], count: usize, rng: &mut Stream) -> Vec<usize> {
        let n = sorted.len();
        match *self {
            Selection::Tournament { size } => {
                (0..count).map(|_| (0..size.max(1)).map(|_| rng.below(n)).min().unwrap_or(0)).collect()
            }
            Selection::Truncation { share } => {
                let best = ((share * n as f64).ceil() as usize).clamp(1, n);
                (0..count).map(|_| rng.below(best)).collect()
            }
            Selection::Rank { pressure } => {
                let wheel = cumulative(&linear_ranks(n, pressure));
                (0..count).map(|_| pocket(&wheel, rng.uniform())).collect()
            }
            Selection::Roulette => {
                let wheel = cumulative(&windowed(sorted));
                (0..count).map(|_| pocket(&wheel, rng.uniform())).collect()
            }
            Selection::StochasticUniversal => {
                let wheel = cumulative(&windowed(sorted));
                let offset = rng.uniform();
                let mut parents: Vec<_> =
                    (0..count).map(|k| pocket(&wheel, (k as f64 + offset) / count as f64)).collect();
                // In the order of the pointers every member would pair with itself.
                rng.shuffle(&mut parents);
                parents
            }
        }
    }
}

/// wᵢ = s − 2(s − 1)·i/(n − 1): Baker 1985.
fn linear_ranks(n: usize, pressure: f64) -> Vec<f64> {
    let fall = 2.0 * (pressure - 1.0) / (n.max(2) - 1) as f64;
    (0..n).map(|i| pressure - fall * i as f64).collect()
}

/// wᵢ ∝ worst − lossᵢ, scaled to [0, 1]; all 1 if all are equal. Infeasible members weigh nothing beside feasible ones;
/// if there is no feasible one, violations take the place of losses. Failed members weigh nothing.
fn windowed(sorted: &[Merit]) -> Vec<f64> {
    let best = sorted[0];
    let feasible = best.violation == 0.0;
    let taken = |m: &&Merit| !m.failed && (!feasible || m.violation == 0.0);
    // Halves, so that the difference of any two finite numbers is finite.
    let value = |m: &Merit| 0.5 * if feasible { m.loss } else { m.violation };
    let worst = sorted.iter().filter(taken).map(value).max_by(f64::total_cmp);
    let range = worst.map_or(0.0, |worst| worst - value(&best));
    sorted
        .iter()
        .map(|m| match worst {
            Some(worst) if range > 0.0 => {
                if taken(&m) {
                    (worst - value(m)) / range
                } else {
                    0.0
                }
            }
            Some(_) => f64::from(u8::from(taken(&m))),
            None => 1.0,
        })
        .collect()
}

/// Sums up to each entry, divided by the whole sum.
fn cumulative(weights: &[f64]) -> Vec<f64> {
    let total: f64 = weights.iter().sum();
    let mut sum = 0.0;
    weights
        .iter()
        .map(|w| {
            sum += w;
            sum / total
        })
        .collect()
}

/// The entry in whose part of the wheel `at` in [0, 1) lies.
fn pocket(wheel: &[f64], at: f64) -> usize {
    wheel.partition_point(|&end| end <= at).min(wheel.len() - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use evolvent_core::{Purpose, RunKey, stream};

    fn of(losses: &[f64]) -> Vec<Merit> {
        losses.iter().map(|&loss| Merit { failed: false, violation: 0.0, loss }).collect()
    }

    fn shares(selection: Selection, sorted: &[Merit], count: usize) -> Vec<f64> {
        let mut rng = stream(RunKey::from_seed(5), 0, 0, 0, Purpose::Ask);
        let mut counts = vec![0.0; sorted.len()];
        let rounds = 400;
        for _ in 0..rounds {
            selection.parents(sorted, count, &mut rng).into_iter().for_each(|i| counts[i] += 1.0);
        }
        counts.iter().map(|c| c / (rounds * count) as f64).collect()
    }

    fn near(found: &[f64], expected: &[f64]) {
        // 40,000 draws: six standard deviations are 0.015 at most.
        assert!(
            found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 0.015),
            "{found:?}, not {expected:?}"
        );
    }

    #[test]
    fn probabilities_by_hand() {
        let sorted = of(&[1.0, 3.0, 4.0, 5.0]);
        // 4, 2, 1, 0 above the worst.
        near(&shares(Selection::Roulette, &sorted, 100), &[4.0 / 7.0, 2.0 / 7.0, 1.0 / 7.0, 0.0]);
        near(&shares(Selection::StochasticUniversal, &sorted, 100), &[4.0 / 7.0, 2.0 / 7.0, 1.0 / 7.0, 0.0]);
        // The best of two of four: 7, 5, 3, 1 of 16.
        near(
            &shares(Selection::Tournament { size: 2 }, &sorted, 100),
            &[7.0 / 16.0, 5.0 / 16.0, 3.0 / 16.0, 1.0 / 16.0],
        );
        near(&shares(Selection::Rank { pressure: 2.0 }, &sorted, 100), &[0.5, 1.0 / 3.0, 1.0 / 6.0, 0.0]);
        near(&shares(Selection::Truncation { share: 0.5 }, &sorted, 100), &[0.5, 0.5, 0.0, 0.0]);
    }

    #[test]
    fn stochastic_universal_is_within_one_of_its_expectation() {
        let sorted = of(&[1.0, 3.0, 4.0, 5.0]);
        let mut rng = stream(RunKey::from_seed(6), 0, 0, 0, Purpose::Ask);
        for _ in 0..100 {
            let parents = Selection::StochasticUniversal.parents(&sorted, 14, &mut rng);
            let counts: Vec<_> = (0..4).map(|i| parents.iter().filter(|&&p| p == i).count()).collect();
            assert_eq!(counts, [8, 4, 2, 0]);
        }
    }

    #[test]
    fn weights_of_odd_populations() {
        assert_eq!(windowed(&of(&[2.0, 2.0])), [1.0, 1.0]);
        assert_eq!(windowed(&of(&[f64::MIN, 0.0, f64::MAX])), [1.0, 0.5, 0.0]);
        assert_eq!(windowed(&[Merit::NONE, Merit::NONE]), [1.0, 1.0]);
        let infeasible = |violation| Merit { failed: false, violation, loss: 0.0 };
        assert_eq!(
            windowed(&[infeasible(1.0), infeasible(3.0), infeasible(5.0), Merit::NONE]),
            [1.0, 0.5, 0.0, 0.0]
        );
        let mut mixed = of(&[0.0, 1.0, 4.0]);
        mixed.push(infeasible(1.0));
        assert_eq!(windowed(&mixed), [1.0, 0.75, 0.0, 0.0]);
        assert_eq!(linear_ranks(1, 1.5), [1.5]);
    }
}
