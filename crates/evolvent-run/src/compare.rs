//! Several experiments on one problem, each with repeated seeds: medians, quartiles, success rate, effort to the target,
//! and a rank test between every two of them.
//!
//! * **Success**: the run ended because its target was reached on fresh episodes or validation data.
//! * **ERT**, the expected running time (Auger & Hansen 2005): evaluations of all runs, divided by the number of
//!   successes.
//! * **Quartiles of the effort** are over all runs; one that never got there counts as infinitely long.
//! * **The rank test** is Mann and Whitney's U test (1947) with Holm's correction (1979) over all pairs. Runs are ranked:
//!   a success before a failure, successes by their evaluations, failures (or all runs, if there is no target) by the
//!   champion's test score.

mod page;
mod tables;
mod trials;

pub use trials::{Plan, Progress, compare};

use crate::record::{Finished, StoppedBy};
use evolvent_core::Sense;
use evolvent_math::statistics;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// One run of one experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Its seed.
    pub seed: u64,
    /// Whether the target was reached.
    pub solved: bool,
    /// The champion's first objective on test episodes or data, in the user's sense; `None` if it could not be measured.
    pub score: Option<f64>,
    /// Training evaluations.
    pub evaluations: u64,
    /// Training steps.
    pub steps: u64,
    /// Seconds.
    pub seconds: f64,
    /// What ended it.
    pub stopped_by: StoppedBy,
    /// Its run directory, relative to the comparison's.
    pub run_dir: String,
}

impl Trial {
    /// What a finished run says about itself.
    pub fn of(seed: u64, run_dir: String, finished: &Finished) -> Trial {
        Trial {
            seed,
            solved: finished.stopped_by == StoppedBy::Target,
            score: finished.test.mean.first().filter(|score| score.is_finite()),
            evaluations: finished.evaluations,
            steps: finished.steps,
            seconds: finished.timing.seconds,
            stopped_by: finished.stopped_by,
            run_dir,
        }
    }
}

/// All runs of one experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contender {
    /// The name in tables: the file's stem.
    pub name: String,
    /// The algorithm.
    pub algorithm: String,
    /// Its runs.
    pub trials: Vec<Trial>,
}

/// All runs of all experiments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The problem.
    pub problem: String,
    /// The sense of the first objective.
    pub sense: Sense,
    /// The target, if there is one.
    pub target: Option<f64>,
    /// The experiments, in the order in which they were given.
    pub contenders: Vec<Contender>,
}

/// Three numbers that cut sorted values into quarters. Infinite where too few runs got there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quartiles {
    /// A quarter lies below.
    pub lower: f64,
    /// Half lies below.
    pub median: f64,
    /// Three quarters lie below.
    pub upper: f64,
}

impl Quartiles {
    /// Of any values; `None` of none. Interpolated linearly between neighbours, and infinite as soon as one of them is.
    pub fn of(values: Vec<f64>) -> Option<Quartiles> {
        let at = |q| statistics::quantile(&values, q);
        (!values.is_empty()).then(|| Quartiles { lower: at(0.25), median: at(0.5), upper: at(0.75) })
    }
}

/// What the runs of one experiment come to.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// The experiment.
    pub name: String,
    /// The algorithm.
    pub algorithm: String,
    /// Number of runs.
    pub runs: usize,
    /// Runs that reached the target; `None` if there is no target.
    pub solved: Option<usize>,
    /// The champion's score; runs without one are left out.
    pub score: Option<Quartiles>,
    /// Evaluations to the target, or in all if there is none.
    pub evaluations: Option<Quartiles>,
    /// Seconds to the target, or in all if there is none.
    pub seconds: Option<Quartiles>,
    /// Expected evaluations to the target; infinite without a success, `None` without a target.
    pub expected_evaluations: Option<f64>,
}

/// What is found between two experiments.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// Index of the first.
    pub first: usize,
    /// Index of the second.
    pub second: usize,
    /// Probability that a run of the first is better than one of the second, ties counted half (Vargha & Delaney 2000).
    pub superiority: f64,
    /// Two-sided p-value of the rank test.
    pub p: f64,
    /// The same after Holm's correction for the number of pairs.
    pub adjusted_p: f64,
}

impl Comparison {
    /// One summary per experiment.
    pub fn summaries(&self) -> Vec<Summary> {
        self.contenders.iter().map(|contender| self.summary(contender)).collect()
    }

    fn summary(&self, contender: &Contender) -> Summary {
        let trials = &contender.trials;
        let reached = |trial: &Trial| self.target.is_none() || trial.solved;
        let effort = |of: fn(&Trial) -> f64| {
            Quartiles::of(trials.iter().map(|t| if reached(t) { of(t) } else { f64::INFINITY }).collect())
        };
        let solved = trials.iter().filter(|t| t.solved).count();
        let all: u64 = trials.iter().map(|t| t.evaluations).sum();
        Summary {
            name: contender.name.clone(),
            algorithm: contender.algorithm.clone(),
            runs: trials.len(),
            solved: self.target.map(|_| solved),
            score: Quartiles::of(trials.iter().filter_map(|t| t.score).collect()),
            evaluations: effort(|t| t.evaluations as f64),
            seconds: effort(|t| t.seconds),
            expected_evaluations: self.target.map(|_| all as f64 / solved as f64),
        }
    }

    /// Which of two runs is better: `Less` if the first is.
    pub fn compare(&self, a: &Trial, b: &Trial) -> Ordering {
        let loss = |trial: &Trial| trial.score.map_or(f64::INFINITY, |score| self.sense.flip(score));
        match (self.target, a.solved, b.solved) {
            (Some(_), true, true) => a.evaluations.cmp(&b.evaluations),
            (Some(_), true, false) => Ordering::Less,
            (Some(_), false, true) => Ordering::Greater,
            _ => loss(a).total_cmp(&loss(b)),
        }
    }

    /// The rank test between every two experiments.
    pub fn pairs(&self) -> Vec<Pair> {
        // Ranks of all runs together, equal ones with equal rank: all that the test reads.
        let mut order: Vec<&Trial> = self.contenders.iter().flat_map(|c| &c.trials).collect();
        order.sort_by(|a, b| self.compare(a, b));
        let rank = |trial: &Trial| order.partition_point(|other| self.compare(other, trial).is_lt()) as f64;
        let ranks: Vec<Vec<f64>> =
            self.contenders.iter().map(|c| c.trials.iter().map(rank).collect()).collect();
        let mut pairs = Vec::new();
        for first in 0..ranks.len() {
            for second in first + 1..ranks.len() {
                let (a, b) = (&ranks[first], &ranks[second]);
                if a.is_empty() || b.is_empty() {
                    continue;
                }
                // Ranks are losses: the first is superior where the second's are larger.
                let test = statistics::rank_sum(b, a);
                let (superiority, p) = (test.superiority, test.p);
                pairs.push(Pair { first, second, superiority, p, adjusted_p: p });
            }
        }
        let adjusted = statistics::holm(&pairs.iter().map(|pair| pair.p).collect::<Vec<_>>());
        pairs.iter_mut().zip(adjusted).for_each(|(pair, p)| pair.adjusted_p = p);
        pairs
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn trial(seed: u64, solved: bool, score: f64, evaluations: u64) -> Trial {
        Trial {
            seed,
            solved,
            score: Some(score).filter(|s| s.is_finite()),
            evaluations,
            steps: 0,
            seconds: evaluations as f64 / 1000.0,
            stopped_by: if solved { StoppedBy::Target } else { StoppedBy::Generations },
            run_dir: format!("seed-{seed}"),
        }
    }

    pub(crate) fn comparison() -> Comparison {
        let fast = (1..=10).map(|s| trial(s, true, 500.0, 1000 + 100 * s)).collect();
        let slow = (1..=10).map(|s| trial(s, s <= 5, 300.0 + s as f64, 5000)).collect();
        Comparison {
            problem: "cart_pole".into(),
            sense: Sense::Maximize,
            target: Some(475.0),
            contenders: vec![
                Contender { name: "fast".into(), algorithm: "open_es".into(), trials: fast },
                Contender { name: "slow".into(), algorithm: "ga".into(), trials: slow },
            ],
        }
    }

    #[test]
    fn summaries_by_hand() {
        let [fast, slow] = &comparison().summaries()[..] else { panic!() };
        assert_eq!((fast.solved, slow.solved), (Some(10), Some(5)));
        assert_eq!(fast.evaluations, Some(Quartiles { lower: 1325.0, median: 1550.0, upper: 1775.0 }));
        assert_eq!(fast.expected_evaluations, Some(1550.0));
        assert_eq!(slow.expected_evaluations, Some(10_000.0));
        assert_eq!(slow.evaluations.unwrap().lower, 5000.0);
        assert_eq!(slow.evaluations.unwrap().upper, f64::INFINITY);
        assert_eq!(slow.score.unwrap().median, 305.5);
    }

    #[test]
    fn runs_are_ranked_success_first() {
        let c = comparison();
        let order = [
            trial(1, true, 480.0, 10),
            trial(2, true, 500.0, 20),
            trial(3, false, 470.0, 5),
            trial(4, false, 20.0, 1),
            trial(5, false, f64::NAN, 1),
        ];
        for (i, a) in order.iter().enumerate() {
            for (j, b) in order.iter().enumerate() {
                assert_eq!(c.compare(a, b), i.cmp(&j));
            }
        }
        let open = Comparison { target: None, ..c };
        assert_eq!(open.compare(&order[1], &order[0]), Ordering::Less);
    }

    #[test]
    fn clearly_different_and_the_same() {
        let c = comparison();
        let [pair] = &c.pairs()[..] else { panic!() };
        assert_eq!(pair.superiority, 1.0);
        assert!(pair.p < 1e-3 && pair.adjusted_p == pair.p);
        let same = Comparison { contenders: vec![c.contenders[1].clone(); 3], ..c };
        for pair in same.pairs() {
            assert_eq!(pair.superiority, 0.5);
            assert!(pair.p > 0.9 && pair.adjusted_p <= 1.0);
        }
    }

    #[test]
    fn no_successes_and_no_scores() {
        let trials = vec![trial(1, false, f64::NAN, 100)];
        let c = Comparison {
            contenders: vec![Contender { name: "a".into(), algorithm: "b".into(), trials }],
            ..comparison()
        };
        let [summary] = &c.summaries()[..] else { panic!() };
        assert_eq!(summary.expected_evaluations, Some(f64::INFINITY));
        assert_eq!(summary.score, None);
        assert!(c.pairs().is_empty());
    }
}
