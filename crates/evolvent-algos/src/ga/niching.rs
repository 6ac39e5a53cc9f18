//! Niching: keeping a population spread over several optima.

use crate::merit::Merit;
use evolvent_core::Violations;
use evolvent_math::par;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a population is kept diverse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Niching {
    /// Not at all.
    #[default]
    None,
    /// An individual shares its fitness with those near to it: parents are selected by fitness divided by Σ (1 − (d/radius)^alpha) over all at a
    /// distance d below the radius (Goldberg & Richardson 1987). Fitness is measured from the worst member.
    FitnessSharing {
        /// Distance from which on individuals do not share, above 0, in the units of the variation's distance.
        radius: f64,
        /// Shape of the sharing function, above 0; 1 is a triangle.
        alpha: f64,
    },
    /// A child competes with the more similar of its two parents only (Mahfoud 1995). Every individual is a parent once per generation;
    /// `selection`, `elites` and `crossover_rate` have no influence.
    DeterministicCrowding,
}

impl Niching {
    /// Records what is wrong with it; `path` is where it stands.
    pub fn check(&self, path: &str, v: &mut Violations) {
        if let Niching::FitnessSharing { radius, alpha } = *self {
            v.positive(&format!("{path}.fitness_sharing.radius"), radius);
            v.positive(&format!("{path}.fitness_sharing.alpha"), alpha);
        }
    }
}

/// Merits after sharing: the negative of fitness over niche count takes the place of the loss. Failed and infeasible members share nothing and keep
/// their merit.
pub(crate) fn shared(
    merits: &[Merit],
    radius: f64,
    alpha: f64,
    distance: impl Fn(usize, usize) -> f64 + Sync,
) -> Vec<Merit> {
    let counts = |m: &Merit| !m.failed && m.violation == 0.0;
    // Halves, so that the difference of extreme losses is finite.
    let worst = merits.iter().filter(|m| counts(m)).map(|m| 0.5 * m.loss).fold(f64::NEG_INFINITY, f64::max);
    let niche = |i: usize| -> f64 {
        let near = (0..merits.len()).filter(|&j| j != i).map(|j| distance(i, j)).filter(|&d| d < radius);
        1.0 + near.map(|d| 1.0 - libm::pow(d / radius, alpha)).sum::<f64>()
    };
    par::map(merits.len(), |i| match merits[i] {
        m if counts(&m) => Merit { loss: (0.5 * m.loss - worst) / niche(i), ..m },
        m => m,
    })
}

/// Which child meets which parent: `true` if the first meets the first. `distance(c, p)` is that of child c and parent p; the pairing with the
/// smaller sum is taken (Mahfoud 1995, section 3.2).
pub(crate) fn straight(distance: impl Fn(usize, usize) -> f64) -> bool {
    distance(0, 0) + distance(1, 1) <= distance(0, 1) + distance(1, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sharing_by_hand() {
        let at = [0.0, 0.5, 3.0f64];
        let merits: Vec<_> = [1.0, 2.0, 5.0]
            .map(|loss| Merit { failed: false, violation: 0.0, loss })
            .into_iter()
            .chain([Merit::NONE])
            .collect();
        let place = |i: usize| at.get(i).copied().unwrap_or(9.0);
        let shared = shared(&merits, 1.0, 1.0, |i, j| (place(i) - place(j)).abs());
        // Half fitness 2, 1.5 and 0 above the worst; the first two share with ½ each.
        let losses: Vec<_> = shared.iter().map(|m| m.loss).collect();
        assert_eq!(losses[..3], [-2.0 / 1.5, -1.5 / 1.5, 0.0]);
        assert!(shared[3].failed);
    }

    #[test]
    fn children_meet_the_nearer_parents() {
        let (parents, children) = ([0.0, 10.0f64], [9.0, 1.0f64]);
        assert!(!straight(|c, p| (children[c] - parents[p]).abs()));
        assert!(straight(|c, p| (children[1 - c] - parents[p]).abs()));
    }
}
