//! How episodes become a fitness: the keys of a problem's table that speak of the task and not of the environment.

use evolvent_core::{Auto, Output, Violations};
use evolvent_problems::environments::Spec;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings of a rollout, beside the environment's own parameters in its table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RolloutSettings {
    /// Episodes per evaluation, at least 1. They run in lockstep, so that several cost less than several times one.
    pub episodes: u32,
    /// Steps after which an episode is cut off, at least 1. `"auto"`: the environment's own limit.
    pub max_steps: Auto<u32>,
    /// Instead of whole episodes, each of the `episodes` places is stepped so often, at least 1, and begins anew whenever
    /// an episode ends: every evaluation takes the same number of steps. What a place is worth is the sum over its
    /// episodes, divided by how many it has begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<u32>,
    /// How the values of the episodes become the fitness.
    pub aggregate: Aggregate,
    /// What an episode is worth.
    pub value: Value,
    /// Observations are centred and scaled by the mean and standard deviation of all that training has seen in earlier
    /// rounds. The champion carries them.
    pub observation_normalization: bool,
    /// Standard deviation of Gaussian noise on continuous actions while training, as a share of half their range; at
    /// least 0.
    pub action_noise: f64,
    /// All members of a round see the same episodes: comparisons are less noisy, but a round may favour by luck.
    pub common_random_numbers: bool,
    /// All training rounds use the episodes of the first one, the same for all members: fitness is exact, and overfits
    /// them. Champions are judged on fresh episodes all the same.
    pub fixed_episodes: bool,
}

impl Default for RolloutSettings {
    fn default() -> Self {
        RolloutSettings {
            episodes: 4,
            max_steps: Auto::Auto,
            steps: None,
            aggregate: Aggregate::Mean,
            value: Value::Environment,
            observation_normalization: false,
            action_noise: 0.0,
            common_random_numbers: false,
            fixed_episodes: false,
        }
    }
}

/// How the values of several episodes become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Aggregate {
    /// Their mean.
    #[default]
    Mean,
    /// The worst of them.
    Min,
    /// Their sum.
    Sum,
}

impl Aggregate {
    /// The fitness of episodes with these values.
    pub fn of(self, values: &[f64]) -> f64 {
        match self {
            Aggregate::Mean => values.iter().sum::<f64>() / values.len() as f64,
            Aggregate::Sum => values.iter().sum(),
            // A value that is no number must show, whichever way it compares.
            Aggregate::Min => {
                values.iter().copied().fold(f64::INFINITY, |a, b| if b.is_nan() || b < a { b } else { a })
            }
        }
    }
}

/// What an episode is worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// The environment's own measure where it has one, else the return.
    #[default]
    Environment,
    /// The return: the sum of the rewards.
    Return,
}

/// Most episodes of one measurement: 2²⁰. Each has a state and a value of its own in memory.
pub const MOST_EPISODES: u32 = 1 << 20;

impl RolloutSettings {
    /// What is wrong with the settings for an environment with these facts.
    ///
    /// # Errors
    /// All violations at once.
    pub fn check(&self, spec: &Spec) -> Result<(), Violations> {
        let mut v = Violations::new();
        v.at_least("episodes", self.episodes as usize, 1);
        let few = self.episodes <= MOST_EPISODES;
        v.require(few, "episodes", self.episodes, &format!("an integer of at most {MOST_EPISODES}"));
        for (path, steps) in [("max_steps", self.max_steps.given()), ("steps", self.steps.as_ref())] {
            if let Some(&steps) = steps {
                v.at_least(path, steps as usize, 1);
            }
        }
        v.non_negative("action_noise", self.action_noise);
        if self.action_noise > 0.0 && !matches!(spec.interface.output, Output::Continuous { .. }) {
            v.add_with_hint(
                "action_noise",
                self.action_noise,
                "0, because the environment's actions are discrete",
                "let the algorithm explore instead: a larger sigma",
            );
        }
        v.into_result()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use evolvent_problems::environments::AnyEnvironment;

    fn spec(name: &str) -> Spec {
        AnyEnvironment::find(name).unwrap().spec()
    }

    #[test]
    fn all_mistakes_at_once() {
        let wrong = RolloutSettings {
            episodes: 0,
            max_steps: Auto::Value(0),
            steps: Some(0),
            action_noise: 0.1,
            ..RolloutSettings::default()
        };
        assert_eq!(wrong.check(&spec("cart_pole")).unwrap_err().0.len(), 4);
        assert_eq!(wrong.check(&spec("pendulum")).unwrap_err().0.len(), 3);
        assert!(RolloutSettings::default().check(&spec("cart_pole")).is_ok());
    }

    #[test]
    fn aggregates() {
        let values = [2.0, -1.0, 5.0];
        assert_eq!(Aggregate::Mean.of(&values), 2.0);
        assert_eq!(Aggregate::Min.of(&values), -1.0);
        assert_eq!(Aggregate::Sum.of(&values), 6.0);
        for values in [[f64::NAN, 1.0], [1.0, f64::NAN]] {
            assert!([Aggregate::Mean, Aggregate::Min, Aggregate::Sum].iter().all(|a| a.of(&values).is_nan()));
        }
    }

    #[test]
    fn settings_read_and_write() {
        let text = r#"{"episodes": 8, "max_steps": "auto", "aggregate": "min", "value": "return"}"#;
        let settings: RolloutSettings = serde_json::from_str(text).unwrap();
        assert_eq!((settings.episodes, settings.aggregate), (8, Aggregate::Min));
        let again = serde_json::from_str(&serde_json::to_string(&settings).unwrap()).unwrap();
        assert_eq!(settings, again);
        assert!(serde_json::from_str::<RolloutSettings>(r#"{"epsiodes": 8}"#).is_err());
    }
}
