//! Hebbian plasticity: how the weight of a connection changes with the activity at its ends.
//!
//! Δw = η (A x y + B x + C y + D), where x is what the connection carries and y what the neuron behind it answers in the same
//! step: the ABCD rule of E. Najarro and S. Risi, "Meta-learning through Hebbian plasticity in random networks", NeurIPS
//! 2020 (equation 2), which with D = 0 is the ABC rule of S. Risi and K. O. Stanley, "Indirectly encoding neural plasticity as
//! a pattern of local rules", SAB 2010 (equation 2).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The numbers of a rule, one of each per connection.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// η: learning rates; one serves all.
    pub rate: &'a [f32],
    /// A: correlation of both ends.
    pub a: &'a [f32],
    /// B: what comes in.
    pub b: &'a [f32],
    /// C: what goes out.
    pub c: &'a [f32],
    /// D: change without activity; empty for 0.
    pub d: &'a [f32],
}

impl Rules<'_> {
    /// The change of connection `i`.
    #[inline(always)]
    pub fn change(&self, i: usize, x: f32, y: f32) -> f32 {
        let rate = if self.rate.len() == 1 { self.rate[0] } else { self.rate[i] };
        let d = if self.d.is_empty() { 0.0 } else { self.d[i] };
        rate * (self.a[i] * x).mul_add(y, self.b[i].mul_add(x, self.c[i].mul_add(y, d)))
    }
}

/// What keeps plastic weights from growing without end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WeightBound {
    /// Nothing.
    None,
    /// Weights stay within ± this.
    Clip(f32),
    /// After each step the weights of a layer are divided by the largest absolute one among them.
    #[default]
    Normalize,
}

/// Smallest divisor of [`WeightBound::Normalize`]: a layer of zeros stays one.
pub(crate) const LEAST_NORM: f32 = 1e-20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        let rules =
            Rules { rate: &[0.5, 2.0], a: &[1.0, 0.0], b: &[0.0, 3.0], c: &[0.0, -1.0], d: &[0.0, 0.25] };
        assert_eq!(rules.change(0, 3.0, -2.0), 0.5 * -6.0);
        assert_eq!(rules.change(1, 3.0, -2.0), 2.0 * (9.0 + 2.0 + 0.25));
        let one = Rules { rate: &[1.0], d: &[], ..rules };
        assert_eq!(one.change(1, 1.0, 1.0), 2.0);
    }
}
