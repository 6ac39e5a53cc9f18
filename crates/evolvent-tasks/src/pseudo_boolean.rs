//! Functions of bit strings, all maximised.
//!
//! Bit strings are a genome kind of another crate, so these are plain functions of bits; whoever knows the genome makes
//! tasks of them with [`Direct`](crate::Direct).

use evolvent_core::Violations;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A listed function of bit strings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PseudoBoolean {
    /// The number of ones; at most the length.
    OneMax(BitString),
    /// The number of ones before the first zero; at most the length (Rudolph 1997).
    LeadingOnes(BitString),
    /// Blocks of `k` bits, each worth `k` if all are ones, else one less than its zeros: the nearer to all ones, the
    /// worse, except there (Deb & Goldberg 1993).
    Trap(Blocks),
}

/// Size of a bit string.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BitString {
    /// Number of bits, at least 1.
    pub length: usize,
}

impl Default for BitString {
    fn default() -> Self {
        BitString { length: 100 }
    }
}

/// Size of a bit string made of blocks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Blocks {
    /// Number of blocks, at least 1.
    pub blocks: usize,
    /// Bits of a block, at least 2.
    pub k: usize,
}

impl Default for Blocks {
    fn default() -> Self {
        Blocks { blocks: 10, k: 5 }
    }
}

impl PseudoBoolean {
    /// Keys of all listed functions.
    pub const NAMES: &'static [&'static str] = &["one_max", "leading_ones", "trap"];

    /// The function with this key and default parameters.
    pub fn find(name: &str) -> Option<Self> {
        match name {
            "one_max" => Some(PseudoBoolean::OneMax(BitString::default())),
            "leading_ones" => Some(PseudoBoolean::LeadingOnes(BitString::default())),
            "trap" => Some(PseudoBoolean::Trap(Blocks::default())),
            _ => None,
        }
    }

    /// Key in experiment files.
    pub fn name(&self) -> &'static str {
        match self {
            PseudoBoolean::OneMax(_) => "one_max",
            PseudoBoolean::LeadingOnes(_) => "leading_ones",
            PseudoBoolean::Trap(_) => "trap",
        }
    }

    /// What is wrong with the parameters.
    ///
    /// # Errors
    /// All violations at once.
    pub fn check(&self) -> Result<(), Violations> {
        let mut v = Violations::new();
        match self {
            PseudoBoolean::OneMax(s) | PseudoBoolean::LeadingOnes(s) => v.at_least("length", s.length, 1),
            PseudoBoolean::Trap(s) => {
                v.at_least("blocks", s.blocks, 1);
                v.at_least("k", s.k, 2);
                let fine = s.blocks.saturating_mul(s.k) <= Violations::MOST;
                let expected = format!("at most {} bits, blocks times k", Violations::MOST);
                v.require(fine, "blocks", s.blocks, &expected);
            }
        }
        v.into_result()
    }

    /// Number of bits.
    pub fn length(&self) -> usize {
        match self {
            PseudoBoolean::OneMax(s) | PseudoBoolean::LeadingOnes(s) => s.length,
            PseudoBoolean::Trap(s) => s.blocks * s.k,
        }
    }

    /// The largest value: that of all ones.
    pub fn optimum(&self) -> f64 {
        self.length() as f64
    }

    /// The value of a string of [`PseudoBoolean::length`] bits.
    pub fn value(&self, mut bits: impl Iterator<Item = bool>) -> f64 {
        let count = match self {
            PseudoBoolean::OneMax(_) => bits.filter(|&b| b).count(),
            PseudoBoolean::LeadingOnes(_) => bits.take_while(|&b| b).count(),
            PseudoBoolean::Trap(s) => (0..s.blocks)
                .map(|_| match bits.by_ref().take(s.k).filter(|&b| !b).count() {
                    0 => s.k,
                    zeros => zeros - 1,
                })
                .sum(),
        };
        count as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(function: &PseudoBoolean, bits: &str) -> f64 {
        function.value(bits.chars().map(|c| c == '1'))
    }

    #[test]
    fn by_hand() {
        let six = BitString { length: 6 };
        assert_eq!(value(&PseudoBoolean::OneMax(six.clone()), "110101"), 4.0);
        assert_eq!(value(&PseudoBoolean::LeadingOnes(six.clone()), "110101"), 2.0);
        assert_eq!(value(&PseudoBoolean::LeadingOnes(six), "111111"), 6.0);
        let trap = PseudoBoolean::Trap(Blocks { blocks: 2, k: 3 });
        assert_eq!(value(&trap, "111111"), trap.optimum());
        assert_eq!(value(&trap, "000000"), 4.0);
        assert_eq!(value(&trap, "110111"), 3.0);
        assert_eq!(value(&trap, "100011"), 1.0);
    }

    #[test]
    fn the_list_is_complete() {
        for name in PseudoBoolean::NAMES {
            let function = PseudoBoolean::find(name).unwrap();
            assert_eq!(function.name(), *name);
            assert!(function.check().is_ok());
            let ones = function.value(std::iter::repeat_n(true, function.length()));
            assert_eq!(ones, function.optimum());
            assert!(serde_json::to_value(&function).unwrap().get(name).is_some());
        }
        assert!(PseudoBoolean::find("ones").is_none());
        assert!(PseudoBoolean::OneMax(BitString { length: 0 }).check().is_err());
        assert_eq!(PseudoBoolean::Trap(Blocks { blocks: 0, k: 1 }).check().unwrap_err().0.len(), 2);
    }
}
