//! How good one evaluated individual is.

use evolvent_core::{Candidate, Scores};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// The score of one individual with a single objective, comparable with others of the same context.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Merit {
    /// It has no numbers.
    pub failed: bool,
    /// Sum of its constraint violations; 0 if it is feasible, infinite if it failed.
    pub violation: f64,
    /// Its loss; infinite if it failed.
    pub loss: f64,
}

impl Merit {
    /// Worse than everything that was measured.
    pub const NONE: Merit = Merit { failed: true, violation: f64::INFINITY, loss: f64::INFINITY };

    /// The merit of member `i`.
    pub fn of(scores: &Scores, i: usize) -> Self {
        Merit { failed: scores.failed[i], violation: scores.violation[i], loss: scores.value(i) }
    }

    /// Better first: measured before failed, feasible before infeasible (Deb 2000), then the loss.
    pub fn compare(&self, other: &Merit) -> Ordering {
        self.failed
            .cmp(&other.failed)
            .then(self.violation.total_cmp(&other.violation))
            .then(self.loss.total_cmp(&other.loss))
    }

    /// Whether it is better than `other`, not only as good.
    pub fn beats(&self, other: &Merit) -> bool {
        self.compare(other) == Ordering::Less
    }

    /// A genome with this merit, as algorithms recommend it.
    pub fn candidate<G>(&self, genome: G) -> Candidate<G> {
        if self.failed {
            return Candidate::unmeasured(genome);
        }
        Candidate { violation: self.violation, ..Candidate::measured(genome, self.loss) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feasible_before_infeasible_before_failed() {
        let of = |violation, loss| Merit { failed: false, violation, loss };
        assert!(of(0.0, 9.0).beats(&of(1.0, 0.0)) && of(1.0, 9.0).beats(&Merit::NONE));
        assert!(of(0.0, 1.0).beats(&of(0.0, 2.0)) && !of(0.0, 1.0).beats(&of(0.0, 1.0)));
        assert_eq!(Merit::NONE.candidate(3).losses, None);
    }
}
