//! The table `[run]`: what ends a run, how its champion is judged, what is saved.

use evolvent_core::{Auto, Violations};
use evolvent_tasks::MOST_EPISODES;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{borrow::Cow, fmt, marker::PhantomData};

/// A bound that may be absent: the string `"none"`, or a value. Absence is a value so that a resolved experiment file
/// shows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Limit<T> {
    /// No bound.
    #[default]
    None,
    /// This bound.
    At(T),
}

impl<T: Copy> Limit<T> {
    /// The bound, if there is one.
    pub fn get(self) -> Option<T> {
        match self {
            Limit::None => None,
            Limit::At(value) => Some(value),
        }
    }
}

impl<T: Serialize> Serialize for Limit<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Limit::None => serializer.serialize_str("none"),
            Limit::At(value) => value.serialize(serializer),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Limit<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> de::Visitor<'de> for Visitor<T> {
            type Value = Limit<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"none\" or a number")
            }
            fn visit_str<E: de::Error>(self, v: &str) -> Result<Limit<T>, E> {
                if v == "none" {
                    Ok(Limit::None)
                } else {
                    Err(E::invalid_value(de::Unexpected::Str(v), &self))
                }
            }
            fn visit_i64<E: de::Error>(self, v: i64) -> Result<Limit<T>, E> {
                T::deserialize(de::value::I64Deserializer::new(v)).map(Limit::At)
            }
            fn visit_u64<E: de::Error>(self, v: u64) -> Result<Limit<T>, E> {
                T::deserialize(de::value::U64Deserializer::new(v)).map(Limit::At)
            }
            fn visit_f64<E: de::Error>(self, v: f64) -> Result<Limit<T>, E> {
                T::deserialize(de::value::F64Deserializer::new(v)).map(Limit::At)
            }
        }
        deserializer.deserialize_any(Visitor(PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for Limit<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("NoneOr{}", T::schema_name()).into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "anyOf": [{ "const": "none" }, generator.subschema_for::<T>()] })
    }
}

/// What ends a run, how its champion is judged, and what is saved. The budget that is used up first ends the run; they
/// are looked at between generations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RunSettings {
    /// Most generations.
    pub generations: Limit<u64>,
    /// Most training evaluations.
    pub evaluations: Limit<u64>,
    /// Most training episodes.
    pub episodes: Limit<u64>,
    /// Most training steps of the environment, or samples passed through a network.
    pub steps: Limit<u64>,
    /// Most seconds, all sessions of the run together. A run that ends by the clock is not repeatable to the bit.
    pub seconds: Limit<f64>,
    /// The run ends when the recommended genome is at least this good (in the problem's own sense) twice in a row:
    /// on `validation_episodes` fresh episodes and on as many again, or on validation data. One objective only.
    pub target: Limit<f64>,
    /// Root of all randomness, 0 to 2⁶³ − 1; "auto" draws one and records it.
    pub seed: Auto<u64>,
    /// Worker threads; "auto" takes one per core. Results do not depend on it.
    pub threads: Auto<u64>,
    /// Fresh episodes per validation, test and replay; "auto" is 100. Data sets and exact functions need one pass.
    pub validation_episodes: Auto<u64>,
    /// Generations between validations of the recommended genome. "auto" spends at most a fiftieth of the training
    /// effort on them, a tenth once training scores reach the target.
    pub validation_interval: Auto<u64>,
    /// How many of the best validated genomes are measured again at the end, on the same further fresh episodes, to
    /// choose the champion among them; at least 1. Not used where validation is exact.
    pub finalists: u64,
    /// Generations between checkpoints; "auto" spends at most a twentieth of the time on them. There is always one at
    /// the end.
    pub checkpoint_interval: Auto<u64>,
    /// Whether to write TensorBoard event files.
    pub tensorboard: bool,
}

impl Default for RunSettings {
    fn default() -> Self {
        RunSettings {
            generations: Limit::None,
            evaluations: Limit::None,
            episodes: Limit::None,
            steps: Limit::None,
            seconds: Limit::None,
            target: Limit::None,
            seed: Auto::Auto,
            threads: Auto::Auto,
            validation_episodes: Auto::Auto,
            validation_interval: Auto::Auto,
            finalists: 3,
            checkpoint_interval: Auto::Auto,
            tensorboard: false,
        }
    }
}

/// Most worker threads.
pub(crate) const MOST_THREADS: u64 = 4096;

/// What may end a run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Budgets {
    /// Most generations.
    pub generations: Option<u64>,
    /// Most training evaluations.
    pub evaluations: Option<u64>,
    /// Most training episodes.
    pub episodes: Option<u64>,
    /// Most training steps.
    pub steps: Option<u64>,
    /// Most seconds.
    pub seconds: Option<f64>,
    /// A value of the first objective, in the user's sense.
    pub target: Option<f64>,
}

impl RunSettings {
    /// What may end the run.
    pub fn budgets(&self) -> Budgets {
        Budgets {
            generations: self.generations.get(),
            evaluations: self.evaluations.get(),
            episodes: self.episodes.get(),
            steps: self.steps.get(),
            seconds: self.seconds.get(),
            target: self.target.get(),
        }
    }

    /// Checks ranges, and that something ends the run.
    pub fn check(&self) -> Result<(), Violations> {
        let mut v = Violations::new();
        let integers = [
            ("generations", self.generations.get()),
            ("evaluations", self.evaluations.get()),
            ("episodes", self.episodes.get()),
            ("steps", self.steps.get()),
            ("threads", self.threads.given().copied()),
            ("validation_episodes", self.validation_episodes.given().copied()),
            ("validation_interval", self.validation_interval.given().copied()),
            ("checkpoint_interval", self.checkpoint_interval.given().copied()),
            ("finalists", Some(self.finalists)),
        ];
        for (name, value) in integers {
            if let Some(value) = value {
                v.require(value >= 1, name, value, "an integer of at least 1");
            }
        }
        if let Some(seconds) = self.seconds.get() {
            v.positive("seconds", seconds);
        }
        if let Some(target) = self.target.get() {
            v.require(target.is_finite(), "target", target, "a finite number");
        }
        if let Some(&threads) = self.threads.given() {
            v.require(threads <= MOST_THREADS, "threads", threads, &format!("at most {MOST_THREADS}"));
        }
        if let Some(&episodes) = self.validation_episodes.given() {
            let few = episodes <= MOST_EPISODES.into();
            v.require(few, "validation_episodes", episodes, &format!("at most {MOST_EPISODES}"));
        }
        if self.budgets() == Budgets::default() {
            v.add_with_hint(
                "generations",
                "no budget at all",
                "something that ends the run",
                "write `generations = 100`, or evaluations, episodes, steps, seconds or target",
            );
        }
        v.into_result()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_survive_a_resolved_file() {
        let text = toml::to_string(&RunSettings::default()).unwrap();
        assert!(text.contains("generations = \"none\"") && text.contains("seed = \"auto\""), "{text}");
        assert_eq!(toml::from_str::<RunSettings>(&text).unwrap(), RunSettings::default());
    }

    #[test]
    fn a_run_needs_an_end() {
        let error = RunSettings::default().check().unwrap_err();
        assert_eq!(error.0.len(), 1);
        let wrong = RunSettings {
            generations: Limit::At(0),
            seconds: Limit::At(f64::NAN),
            finalists: 0,
            ..RunSettings::default()
        };
        assert_eq!(wrong.check().unwrap_err().0.len(), 3);
    }

    #[test]
    fn limits_name_what_they_take() {
        let error = toml::from_str::<RunSettings>("target = \"high\"").unwrap_err();
        assert!(error.to_string().contains("\"none\" or a number"), "{error}");
        let run: RunSettings = toml::from_str("target = 475\ngenerations = \"none\"").unwrap();
        assert_eq!(run.target, Limit::At(475.0));
    }
}
