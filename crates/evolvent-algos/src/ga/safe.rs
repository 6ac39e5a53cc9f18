//! Safe mutation: steps that are small where a network is sensitive.
//!
//! Lehman, Chen, Clune & Stanley 2018, "Safe mutations for deep and recurrent neural networks through output gradients": the step of
//! each weight is divided by how much the network's outputs change with it, over what the network has seen. In deep and recurrent
//! networks these sensitivities differ by orders of magnitude, so that one step size for all is too large for some weights and
//! too small for the others.
//!
//! *Differs from the paper:* the factors on the steps are scaled to a root mean square of 1, so that the size of a mutation keeps its
//! meaning whatever the scale of the outputs; the floor is a share of the sensitivities' root mean square for the same reason; genes
//! without any influence on what was seen move as genes of that sensitivity do.
//!
//! `deep_ga` has none of this: its genomes are chains of seeds, and to grow one again each link would need the sensitivities of its time, a
//! vector as long as the genome.

use evolvent_core::{Sensitivity, Violations};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What divides the steps of a mutation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SafeMutation {
    /// Nothing.
    #[default]
    None,
    /// SM-G-SUM: √Σₖ (meanᵢ ∂yₖ(xᵢ)/∂w)² over outputs k and experiences i. Influences of opposite signs cancel.
    Sum {
        /// Sensitivities below this share of their root mean square are raised to it, in (0, 1]: the smaller, the more steps differ. 1 makes
        /// only sensitive genes move less.
        floor: f64,
    },
    /// SM-G-ABS: √Σₖ (meanᵢ |∂yₖ(xᵢ)/∂w|)². Nothing cancels.
    Absolute {
        /// As for `sum`.
        floor: f64,
    },
}

impl SafeMutation {
    /// Which sensitivities it needs.
    pub fn sensitivity(&self) -> Option<Sensitivity> {
        match self {
            SafeMutation::None => None,
            SafeMutation::Sum { .. } => Some(Sensitivity::Sum),
            SafeMutation::Absolute { .. } => Some(Sensitivity::Absolute),
        }
    }

    /// Records what is wrong with it; `path` is where it stands.
    pub fn check(&self, path: &str, v: &mut Violations) {
        let (kind, floor) = match *self {
            SafeMutation::None => return,
            SafeMutation::Sum { floor } => ("sum", floor),
            SafeMutation::Absolute { floor } => ("absolute", floor),
        };
        let sound = floor > 0.0 && floor <= 1.0;
        v.require(sound, &format!("{path}.{kind}.floor"), floor, "a number above 0, at most 1");
    }

    /// One factor per gene on the steps of a mutation, with a root mean square of 1; `None` if steps stay as they are, also where
    /// nothing is known of the genes.
    pub fn factors(&self, sensitivities: &[f32]) -> Option<Vec<f64>> {
        let (SafeMutation::Sum { floor } | SafeMutation::Absolute { floor }) = *self else { return None };
        let mean = |values: &mut dyn Iterator<Item = f64>| values.sum::<f64>() / sensitivities.len() as f64;
        let typical = mean(&mut sensitivities.iter().map(|&s| f64::from(s) * f64::from(s))).sqrt();
        if !(typical > 0.0 && typical.is_finite()) {
            return None;
        }
        let inverse = |&s: &f32| if s == 0.0 { 1.0 } else { 1.0 / (f64::from(s) / typical).max(floor) };
        let mut factors: Vec<f64> = sensitivities.iter().map(inverse).collect();
        let size = mean(&mut factors.iter().map(|f| f * f)).sqrt();
        factors.iter_mut().for_each(|f| *f /= size);
        Some(factors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_by_hand() {
        let safe = SafeMutation::Absolute { floor: 0.5 };
        // Root mean square 2; in its units 1.75, 0.95, 0.1 (raised to 0.5), and 0 (counts as 1).
        let rms = ((3.5f64.powi(2) + 1.9f64.powi(2) + 0.2f64.powi(2)) / 4.0).sqrt();
        let factors = safe.factors(&[3.5, 1.9, 0.2, 0.0]).unwrap();
        let plain = [rms / 3.5, rms / 1.9, 2.0, 1.0];
        for (f, p) in factors.iter().zip(plain) {
            assert!((f / factors[3] - p).abs() < 1e-6, "{factors:?}");
        }
        let square = factors.iter().map(|f| f * f).sum::<f64>() / 4.0;
        assert!((square - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_scale_of_the_outputs_does_not_matter() {
        let safe = SafeMutation::Sum { floor: 0.01 };
        let one = safe.factors(&[0.5, 2.0, 0.001]).unwrap();
        let other = safe.factors(&[512.0, 2048.0, 1.024]).unwrap();
        one.iter().zip(other).for_each(|(a, b)| assert!((a - b).abs() < 1e-6 * a));
    }

    #[test]
    fn nothing_known_changes_nothing() {
        let safe = SafeMutation::Sum { floor: 0.01 };
        assert_eq!(SafeMutation::None.factors(&[1.0, 2.0]), None);
        for unknown in [&[][..], &[0.0, 0.0], &[1.0, f32::NAN], &[f32::INFINITY, 1.0]] {
            assert_eq!(safe.factors(unknown), None);
        }
    }
}
