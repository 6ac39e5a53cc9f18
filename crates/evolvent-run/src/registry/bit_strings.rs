//! A problem over bit strings with two objectives; those with one are listed by the tasks.

use super::Measure;
use evolvent_algos::{Bits, BitsGenes};
use evolvent_core::{Evaluation, Measured, RunKey, Sense, Values, Violations};
use evolvent_tasks::Direct;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smallvec::smallvec;

/// LOTZ (Laumanns, Thiele & Zitzler 2004): the ones before the first zero and the zeros behind the last one, two
/// objectives that want opposite ends. The front is 1ⁱ0ⁿ⁻ⁱ for all i.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LeadingOnesTrailingZeros {
    /// Number of bits, at least 1.
    pub length: usize,
}

impl Default for LeadingOnesTrailingZeros {
    fn default() -> Self {
        LeadingOnesTrailingZeros { length: 30 }
    }
}

impl Measure for LeadingOnesTrailingZeros {
    type Genome = Bits;
    type Evaluator = Direct<Bits>;

    fn evaluator(&self, _: RunKey) -> Result<Direct<Bits>, Violations> {
        let mut v = Violations::new();
        v.at_least("length", self.length, 1);
        v.into_result()?;
        let genes = BitsGenes { length: self.length };
        let task = Direct::genomes(genes, |bits: &Bits, _| {
            Evaluation::measured(Measured { objectives: worth(bits), ..Measured::default() })
        });
        Ok(task.within(|space| space.senses = vec![Sense::Maximize; 2]))
    }
}

fn worth(bits: &Bits) -> Values {
    let ones = bits.iter().take_while(|&bit| bit).count();
    let zeros = (0..bits.len()).rev().take_while(|&i| !bits.get(i)).count();
    smallvec![ones as f64, zeros as f64]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worth_by_hand() {
        let mut bits = Bits::zeros(6);
        [0, 1, 3].into_iter().for_each(|i| bits.flip(i));
        assert_eq!(worth(&bits)[..], [2.0, 2.0]);
        assert!(LeadingOnesTrailingZeros { length: 0 }.evaluator(RunKey::from_seed(0)).is_err());
    }
}
