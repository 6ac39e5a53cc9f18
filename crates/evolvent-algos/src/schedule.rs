//! Schedules: how a setting changes from generation to generation. A part that any algorithm can use.

use evolvent_core::Violations;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A factor on a setting as a function of the generation, counted from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Schedule {
    /// Always 1.
    #[default]
    Constant,
    /// decayᵗ, not below `floor`.
    Exponential {
        /// Factor per generation, in (0, 1].
        decay: f64,
        /// The least factor, in [0, 1].
        floor: f64,
    },
    /// From 1 to `last` on a straight line, then `last`.
    Linear {
        /// Generations until `last` is reached, at least 1.
        generations: u64,
        /// The factor at the end, in [0, 1].
        last: f64,
    },
    /// From 1 to `last` on half a cosine wave, then `last` (Loshchilov & Hutter 2017, equation 5, without restarts).
    Cosine {
        /// Generations until `last` is reached, at least 1.
        generations: u64,
        /// The factor at the end, in [0, 1].
        last: f64,
    },
    /// `factor` to the power of the number of whole periods that have passed.
    Step {
        /// Generations in a period, at least 1.
        period: u64,
        /// Factor after each period, in (0, 1].
        factor: f64,
    },
}

impl Schedule {
    /// The factor in a generation.
    pub fn factor(&self, generation: u64) -> f64 {
        match *self {
            Schedule::Constant => 1.0,
            Schedule::Exponential { decay, floor } => libm::pow(decay, generation as f64).max(floor),
            Schedule::Linear { generations, last } => 1.0 + (last - 1.0) * progress(generation, generations),
            Schedule::Cosine { generations, last } => {
                let wave = libm::cos(std::f64::consts::PI * progress(generation, generations));
                last + 0.5 * (1.0 - last) * (1.0 + wave)
            }
            Schedule::Step { period, factor } => libm::pow(factor, (generation / period.max(1)) as f64),
        }
    }

    /// Records what is wrong with it; `path` is where it stands.
    pub fn check(&self, path: &str, v: &mut Violations) {
        let at = |variant: &str, field: &str| format!("{path}.{variant}.{field}");
        let decaying = |v: &mut Violations, path: String, x: f64| {
            v.require(x > 0.0 && x <= 1.0, &path, x, "a factor in (0, 1]");
        };
        match *self {
            Schedule::Constant => {}
            Schedule::Exponential { decay, floor } => {
                decaying(v, at("exponential", "decay"), decay);
                v.probability(&at("exponential", "floor"), floor);
            }
            Schedule::Linear { generations, last } => {
                v.require(generations > 0, &at("linear", "generations"), generations, "at least 1");
                v.probability(&at("linear", "last"), last);
            }
            Schedule::Cosine { generations, last } => {
                v.require(generations > 0, &at("cosine", "generations"), generations, "at least 1");
                v.probability(&at("cosine", "last"), last);
            }
            Schedule::Step { period, factor } => {
                v.require(period > 0, &at("step", "period"), period, "at least 1");
                decaying(v, at("step", "factor"), factor);
            }
        }
    }
}

/// The share of `generations` that has passed, at most 1.
fn progress(generation: u64, generations: u64) -> f64 {
    (generation as f64 / generations.max(1) as f64).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        let close = |schedule: Schedule, t: u64, expected: f64| {
            let found = schedule.factor(t);
            assert!((found - expected).abs() < 1e-15, "{schedule:?} at {t}: {found}");
        };
        close(Schedule::Constant, 99, 1.0);
        close(Schedule::Exponential { decay: 0.5, floor: 0.1 }, 3, 0.125);
        close(Schedule::Exponential { decay: 0.5, floor: 0.1 }, 4, 0.1);
        close(Schedule::Linear { generations: 10, last: 0.2 }, 5, 0.6);
        close(Schedule::Linear { generations: 10, last: 0.2 }, 50, 0.2);
        close(Schedule::Cosine { generations: 10, last: 0.0 }, 0, 1.0);
        close(Schedule::Cosine { generations: 10, last: 0.2 }, 5, 0.6);
        close(Schedule::Cosine { generations: 10, last: 0.2 }, 10, 0.2);
        close(Schedule::Step { period: 3, factor: 0.1 }, 5, 0.1);
        close(Schedule::Step { period: 3, factor: 0.1 }, 6, 0.01);
    }

    #[test]
    fn mistakes_have_their_place() {
        let mut v = Violations::new();
        Schedule::Exponential { decay: 1.5, floor: f64::NAN }.check("sigma_schedule", &mut v);
        let paths: Vec<_> = v.0.iter().map(|v| v.path.as_str()).collect();
        assert_eq!(paths, ["sigma_schedule.exponential.decay", "sigma_schedule.exponential.floor"]);
    }
}
