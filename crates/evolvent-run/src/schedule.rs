//! When to validate and when to save.

use crate::session::Totals;
use evolvent_core::Cost;
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// Validation costs at most one part in so many of the training effort …
const FAR: u64 = 50;
/// … or one in so many once training scores reach the target.
const NEAR: u64 = 10;
/// Checkpoints take at most one part in so many of the time.
const SAVING: u32 = 20;
/// The least time between checkpoints.
const PAUSE: Duration = Duration::from_secs(1);

/// What the loop remembers beside the session. Part of every checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// Measurements made for validation, and their steps.
    validations: u64,
    validation_steps: u64,
    /// The generation of the last validation.
    pub(crate) validated_at: Option<u64>,
    /// What the last validation can be relied upon to be worth, in the user's sense.
    pub(crate) passed: Option<f64>,
    /// Seconds so far.
    pub(crate) seconds: f64,
}

impl Progress {
    /// Whether the recommended genome shall be measured now. Depends on counters only.
    pub(crate) fn validation_due(&self, totals: &Totals, interval: Option<u64>, near: bool) -> bool {
        if let Some(interval) = interval {
            return totals.generations.is_multiple_of(interval.max(1));
        }
        let share = if near { NEAR } else { FAR };
        // Steps where the task counts them, measurements where it does not.
        if totals.cost.steps > 0 {
            self.validation_steps.saturating_mul(share) <= totals.cost.steps
        } else {
            self.validations.saturating_mul(share) <= totals.evaluations
        }
    }

    /// A validation was made.
    pub(crate) fn validated(&mut self, generation: u64, cost: &Cost) {
        self.validations += 1;
        self.validation_steps += cost.steps;
        self.validated_at = Some(generation);
        self.passed = None;
    }

    /// What the recommended genome of this generation was worth, if it was measured.
    pub(crate) fn passed_at(&self, generation: u64) -> Option<f64> {
        self.passed.filter(|_| self.validated_at == Some(generation))
    }
}

/// When checkpoints are due. It reads the clock, so it decides on nothing that is recorded.
#[derive(Debug)]
pub(crate) struct CheckpointClock {
    interval: Option<u64>,
    last: Instant,
    cost: Duration,
}

impl CheckpointClock {
    pub(crate) fn new(interval: Option<u64>) -> Self {
        CheckpointClock { interval, last: Instant::now(), cost: Duration::ZERO }
    }

    pub(crate) fn due(&self, generation: u64) -> bool {
        match self.interval {
            Some(interval) => generation.is_multiple_of(interval.max(1)),
            None => self.last.elapsed() >= PAUSE.max(self.cost * SAVING),
        }
    }

    pub(crate) fn made(&mut self, _generation: u64, cost: Duration) {
        (self.last, self.cost) = (Instant::now(), cost);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(generations: u64, evaluations: u64, steps: u64) -> Totals {
        Totals { generations, evaluations, cost: Cost { episodes: 0, steps } }
    }

    #[test]
    fn validation_takes_its_share() {
        let mut progress = Progress::default();
        assert!(progress.validation_due(&totals(1, 10, 1000), None, false), "the first one comes at once");
        progress.validated(1, &Cost { episodes: 1, steps: 100 });
        let due = |steps, near| progress.validation_due(&totals(2, 20, steps), None, near);
        assert!(!due(4999, false) && due(5000, false));
        assert!(!due(999, true) && due(1000, true));
        assert!(progress.validation_due(&totals(6, 20, 0), Some(3), false));
        assert!(!progress.validation_due(&totals(7, 20, 0), Some(3), false));
    }

    #[test]
    fn without_steps_measurements_count() {
        let mut progress = Progress::default();
        progress.validated(1, &Cost::default());
        assert!(!progress.validation_due(&totals(2, 49, 0), None, false));
        assert!(progress.validation_due(&totals(2, 50, 0), None, false));
    }

    #[test]
    fn what_passed_counts_for_its_own_generation() {
        let mut progress = Progress::default();
        progress.validated(3, &Cost::default());
        progress.passed = Some(1.0);
        assert_eq!((progress.passed_at(3), progress.passed_at(4)), (Some(1.0), None));
    }
}
