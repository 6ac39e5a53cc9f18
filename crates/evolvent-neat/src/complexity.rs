//! Phased search (C. Green, "Phased searching with NEAT: alternating between complexification and simplification", 2004).

use crate::settings::settings;
use evolvent_core::Violations;
use serde::{Deserialize, Serialize};

settings! {
    /// Phased search (Green 2004): above a ceiling of complexity, a phase of pruning.
    pub struct Complexity / ComplexitySettings {
        /// Mean number of connection genes above which genomes are pruned: this many more than at the end of the last pruning.
        /// 0 for no ceiling.
        ceiling: f64,
        /// Least number of generations of a pruning phase; it ends when the mean no longer falls.
        pruning: u64,
        /// Probability of removing a connection, per child, while pruning; in [0, 1].
        prune_connection: f64,
        /// Probability of removing a hidden node, per child, while pruning; in [0, 1].
        prune_node: f64,
    }
}

impl Complexity {
    /// What is out of range.
    pub fn check(&self) -> Result<(), Violations> {
        let mut v = Violations::new();
        v.non_negative("ceiling", self.ceiling);
        v.probability("prune_connection", self.prune_connection);
        v.probability("prune_node", self.prune_node);
        v.into_result()
    }
}

/// Growing, or pruning since a generation, with the least mean complexity seen meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum Phase {
    Growing,
    Pruning { since: u64, least: f64, lowered: u64 },
}

/// Where phased search stands.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Phases {
    phase: Phase,
    /// Mean number of connection genes at which pruning begins; 0 before the first generation.
    ceiling: f64,
}

impl Phases {
    pub(crate) const BEGIN: Phases = Phases { phase: Phase::Growing, ceiling: 0.0 };

    /// Whether genomes grow.
    pub(crate) fn growing(&self) -> bool {
        self.phase == Phase::Growing
    }

    /// Notes a generation and its mean number of connection genes.
    pub(crate) fn regulate(&mut self, c: &Complexity, generation: u64, mean: f64) {
        if c.ceiling <= 0.0 {
            return;
        }
        if self.ceiling == 0.0 {
            self.ceiling = mean + c.ceiling;
        }
        match &mut self.phase {
            Phase::Growing if mean > self.ceiling => {
                self.phase = Phase::Pruning { since: generation, least: mean, lowered: generation };
            }
            Phase::Growing => {}
            Phase::Pruning { since, least, lowered } => {
                if mean < *least {
                    (*least, *lowered) = (mean, generation);
                }
                if generation - *since >= c.pruning && generation > *lowered {
                    *self = Phases { phase: Phase::Growing, ceiling: mean + c.ceiling };
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pruning_begins_above_the_ceiling_and_ends_when_the_mean_stops_falling() {
        let c = Complexity { ceiling: 5.0, pruning: 3, prune_connection: 0.4, prune_node: 0.1 };
        let mut phases = Phases::BEGIN;
        let means = [3.0, 7.9, 8.1, 7.0, 6.0, 5.0, 4.5, 4.6, 9.5, 9.7];
        let growing: Vec<bool> = means
            .iter()
            .enumerate()
            .map(|(generation, &mean)| {
                phases.regulate(&c, generation as u64, mean);
                phases.growing()
            })
            .collect();
        // 8.1 is above 3 + 5; 4.6 is the first that does not fall; the new ceiling is 9.6.
        assert_eq!(growing, [true, true, false, false, false, false, false, true, true, false]);
        let mut off = Phases::BEGIN;
        off.regulate(&Complexity { ceiling: 0.0, ..c }, 0, 1e9);
        assert!(off.growing());
    }
}
