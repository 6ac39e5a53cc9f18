//! The records of a run: what `events.jsonl` holds, one JSON object per line, and what observers are shown.
//!
//! Everything in a record is a function of the experiment alone, except the field `timing`, which holds whatever a
//! clock, a thread count or a file system produced: two runs of one experiment have equal records up to `timing`.
//! Values of objectives are in the user's own sense.

mod data;

pub use data::Data;

use crate::json;
use evolvent_core::{Diagnostics, Sense, TreeError};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser::SerializeMap};
use std::fmt;

/// The version of the record format; readers take every version up to their own.
pub const RECORD_VERSION: u32 = 1;

/// One record. In JSON the kind is the field `event`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The first record of every run.
    Started(Started),
    /// A round of ask, evaluate and tell is done.
    Generation(Generation),
    /// The recommended genome was measured on fresh episodes or on validation data.
    Validation(Validation),
    /// A checkpoint is complete. Shown to observers, never written to `events.jsonl`: when it happens depends on the
    /// clock.
    Checkpoint(Checkpoint),
    /// The loop has ended.
    Stopped(Stopped),
    /// The champion is chosen, measured and saved: the last record of a run that was not interrupted.
    Finished(Finished),
    /// A kind that a later version added.
    #[serde(other)]
    Unknown,
}

impl Event {
    /// The record as a JSON object.
    pub fn json(&self) -> serde_json::Value {
        json::value_of(self)
    }

    /// The record as one line of `events.jsonl`, without the line's end.
    ///
    /// # Errors
    /// If a value has no JSON.
    pub fn line(&self) -> Result<String, TreeError> {
        json::write(self).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// What the run is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Started {
    /// Version of the record format.
    pub version: u32,
    /// Version of the program.
    pub evolvent: String,
    /// The numeric level that its bits belong to.
    pub numeric_level: String,
    /// The root seed.
    pub seed: u64,
    /// Name of the problem.
    pub problem: String,
    /// Name of the network; `None` if the genome is evaluated directly.
    pub network: Option<String>,
    /// Name of the algorithm.
    pub algorithm: String,
    /// Kind of genome: `vector`, `bits`.
    pub genome: String,
    /// Number of genes, where the kind has a fixed number.
    pub dimension: Option<u64>,
    /// One sense per objective.
    pub senses: Vec<Sense>,
    /// Number of constraints.
    #[serde(default)]
    pub constraints: u64,
    /// The data set, if the problem is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Data>,
    /// When, and on how many threads.
    pub timing: Timing,
}

/// A round of ask, evaluate and tell. Counters are totals of the run so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Generation {
    /// Generations done, this one included: the first record has 1.
    pub generation: u64,
    /// Training evaluations.
    pub evaluations: u64,
    /// Training episodes.
    pub episodes: u64,
    /// Training environment steps, or samples passed through a network.
    pub steps: u64,
    /// Best value of this generation, each objective by itself; null if all members failed.
    pub best: PerObjective,
    /// Mean over the members that have values.
    pub mean: PerObjective,
    /// Standard deviation over them (dividing by their number).
    pub std: PerObjective,
    /// Median over them.
    pub median: PerObjective,
    /// Members of this generation whose evaluation failed.
    pub failures: u64,
    /// The first failure, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// Members that break a constraint; absent for problems without constraints.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub infeasible: Option<u64>,
    /// What the algorithm says about its inner state.
    #[serde(default, with = "named_reals")]
    pub diagnostics: Diagnostics,
    /// Groups that the population is divided into (species): the number of each and its size; absent if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<(u64, u64)>,
    /// Clock readings.
    pub timing: Timing,
}

/// A genome measured on episodes or data that no training score came from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    /// Generations done when it was measured.
    pub generation: u64,
    /// Training evaluations done when it was measured.
    pub evaluations: u64,
    /// What came out.
    pub score: Estimate,
    /// Whether it is the best validated genome of the run so far.
    pub champion: bool,
    /// Why there is no score, if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// Clock readings.
    pub timing: Timing,
}

/// A saved state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Generations done.
    pub generation: u64,
    /// Its directory, relative to the run directory.
    pub path: String,
    /// Clock readings.
    pub timing: Timing,
}

/// The end of the loop.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stopped {
    /// Generations done.
    pub generation: u64,
    /// Training evaluations done.
    pub evaluations: u64,
    /// What ended it.
    pub stopped_by: StoppedBy,
    /// The algorithm's own words, if it was the algorithm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Clock readings.
    pub timing: Timing,
}

/// The end of the run. [`Finished::line`] is the form for the terminal's JSON output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finished {
    /// The champion's values on test episodes or held-out data.
    pub best: PerObjective,
    /// Generations done.
    pub generations: u64,
    /// Training evaluations.
    pub evaluations: u64,
    /// Training episodes.
    pub episodes: u64,
    /// Training steps.
    pub steps: u64,
    /// What ended the run.
    pub stopped_by: StoppedBy,
    /// The algorithm's own words, if it was the algorithm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The target, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<f64>,
    /// The champion on the episodes or data that it was chosen by.
    pub validation: Estimate,
    /// The champion on the episodes or data that it is reported on.
    pub test: Estimate,
    /// Further numbers about the champion on the same episodes or data, such as an accuracy.
    #[serde(default, skip_serializing_if = "nothing", with = "named_reals")]
    pub metrics: Diagnostics,
    /// After which generation the champion was found.
    pub found_in: u64,
    /// Size of the front or archive, for algorithms that have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub front: Option<u64>,
    /// Clock readings.
    pub timing: Timing,
}

impl Finished {
    /// The JSON object for programs that follow a run: the record with `seconds` and `run_dir` beside the counters.
    pub fn line(&self, run_dir: &std::path::Path) -> serde_json::Value {
        let mut line = Event::Finished(self.clone()).json();
        line["seconds"] = self.timing.seconds.into();
        line["run_dir"] = run_dir.display().to_string().into();
        line
    }
}

/// What ends a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoppedBy {
    /// The budget of generations is used up.
    Generations,
    /// The budget of evaluations is used up.
    Evaluations,
    /// The budget of episodes is used up.
    Episodes,
    /// The budget of steps is used up.
    Steps,
    /// The budget of seconds is used up.
    Seconds,
    /// The target is reached on fresh episodes or validation data.
    Target,
    /// The algorithm has nothing more to gain from going on.
    Algorithm,
    /// A person or the system asked it to end; the run can be resumed.
    Interrupted,
}

impl fmt::Display for StoppedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            StoppedBy::Generations => "generations",
            StoppedBy::Evaluations => "evaluations",
            StoppedBy::Episodes => "episodes",
            StoppedBy::Steps => "steps",
            StoppedBy::Seconds => "seconds",
            StoppedBy::Target => "target",
            StoppedBy::Algorithm => "algorithm",
            StoppedBy::Interrupted => "interrupted",
        })
    }
}

/// Clock readings: the one field of a record that two runs of one experiment need not agree on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    /// Seconds that the run has taken so far, all its sessions together.
    pub seconds: f64,
    /// Seconds since 1970-01-01 00:00 UTC.
    pub unix: f64,
    /// Worker threads; in the first record of a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threads: Option<u64>,
}

/// A mean over repetitions, with their spread.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Mean; null if it could not be measured.
    pub mean: PerObjective,
    /// Sample standard deviation between repetitions; null where they were not told apart.
    #[serde(default)]
    pub std: PerObjective,
    /// Repetitions (episodes) that the mean is over; 1 for a pass over held-out data or an exact function.
    pub repetitions: u64,
    /// Sum of constraint violations; 0 if feasible.
    #[serde(default, skip_serializing_if = "is_zero", with = "real")]
    pub violation: f64,
}

fn nothing(named: &Diagnostics) -> bool {
    named.0.is_empty()
}

fn is_zero(x: &f64) -> bool {
    *x == 0.0
}

/// One number per objective, in the user's sense. In JSON a plain number for one objective, an array for several, null
/// for none; what is no finite number is written as `"nan"`, `"inf"` or `"-inf"`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PerObjective(pub Vec<f64>);

impl PerObjective {
    /// The first objective's number.
    pub fn first(&self) -> Option<f64> {
        self.0.first().copied()
    }
}

impl fmt::Display for PerObjective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [] => f.write_str("none"),
            [one] => fmt::Display::fmt(one, f),
            [first, rest @ ..] => {
                f.write_str("(")?;
                fmt::Display::fmt(first, f)?;
                for value in rest {
                    f.write_str(", ")?;
                    fmt::Display::fmt(value, f)?;
                }
                f.write_str(")")
            }
        }
    }
}

impl Serialize for PerObjective {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [] => serializer.serialize_none(),
            [one] => real::serialize(one, serializer),
            several => serializer.collect_seq(several.iter().copied().map(Real)),
        }
    }
}

impl<'de> Deserialize<'de> for PerObjective {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            One(Real),
            Several(Vec<Real>),
            None,
        }
        Ok(PerObjective(match Form::deserialize(deserializer)? {
            Form::One(one) => vec![one.0],
            Form::Several(several) => several.into_iter().map(|r| r.0).collect(),
            Form::None => Vec::new(),
        }))
    }
}

/// A float that survives JSON: words for what JSON has no number for.
#[derive(Clone, Copy)]
struct Real(f64);

impl Serialize for Real {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        real::serialize(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for Real {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        real::deserialize(deserializer).map(Real)
    }
}

/// `#[serde(with = …)]` for one float.
mod real {
    use super::*;

    pub(super) fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        match *value {
            v if v.is_finite() => serializer.serialize_f64(v),
            v if v.is_nan() => serializer.serialize_str("nan"),
            v if v > 0.0 => serializer.serialize_str("inf"),
            _ => serializer.serialize_str("-inf"),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = f64;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, \"nan\", \"inf\" or \"-inf\"")
            }
            fn visit_f64<E: de::Error>(self, v: f64) -> Result<f64, E> {
                Ok(v)
            }
            fn visit_i64<E: de::Error>(self, v: i64) -> Result<f64, E> {
                Ok(v as f64)
            }
            fn visit_u64<E: de::Error>(self, v: u64) -> Result<f64, E> {
                Ok(v as f64)
            }
            fn visit_str<E: de::Error>(self, v: &str) -> Result<f64, E> {
                match v {
                    "nan" => Ok(f64::NAN),
                    "inf" => Ok(f64::INFINITY),
                    "-inf" => Ok(f64::NEG_INFINITY),
                    other => Err(E::invalid_value(de::Unexpected::Str(other), &self)),
                }
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// `#[serde(with = …)]` for diagnostics: a map from name to number, in order.
mod named_reals {
    use super::*;

    pub(super) fn serialize<S: Serializer>(named: &Diagnostics, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(named.0.len()))?;
        for (name, value) in &named.0 {
            map.serialize_entry(name, &Real(*value))?;
        }
        map.end()
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Diagnostics, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Diagnostics;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map from names to numbers")
            }
            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Diagnostics, A::Error> {
                let mut named = Diagnostics::default();
                while let Some((name, value)) = map.next_entry::<String, Real>()? {
                    named.add(&name, value.0);
                }
                Ok(named)
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generation() -> Generation {
        let mut diagnostics = Diagnostics::default();
        diagnostics.add("sigma", 0.1);
        diagnostics.add("condition_number", f64::INFINITY);
        Generation {
            generation: 3,
            evaluations: 192,
            episodes: 1536,
            steps: 30_211,
            best: PerObjective(vec![212.5]),
            mean: PerObjective(vec![40.25]),
            std: PerObjective(vec![f64::NAN]),
            median: PerObjective(vec![31.0]),
            failures: 0,
            failure: None,
            infeasible: None,
            diagnostics,
            groups: Vec::new(),
            timing: Timing { seconds: 0.5, unix: 1.0, threads: None },
        }
    }

    #[test]
    fn one_line_of_json_and_back() {
        let line = serde_json::to_string(&Event::Generation(generation())).unwrap();
        assert_eq!(
            line,
            r#"{"event":"generation","generation":3,"evaluations":192,"episodes":1536,"steps":30211,"best":212.5,"mean":40.25,"std":"nan","median":31.0,"failures":0,"diagnostics":{"sigma":0.1,"condition_number":"inf"},"timing":{"seconds":0.5,"unix":1.0}}"#
        );
        let back: Event = serde_json::from_str(&line).unwrap();
        assert_eq!(serde_json::to_string(&back).unwrap(), line);
    }

    #[test]
    fn several_objectives_are_an_array_and_none_is_null() {
        let json = |v: &[f64]| serde_json::to_string(&PerObjective(v.to_vec())).unwrap();
        assert_eq!(
            (json(&[]), json(&[1.0]), json(&[1.0, f64::NEG_INFINITY])),
            ("null".into(), "1.0".into(), "[1.0,\"-inf\"]".into())
        );
        for text in ["null", "1.0", "[1.0,2.5]"] {
            let value: PerObjective = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&value).unwrap(), text);
        }
        assert!(serde_json::from_str::<PerObjective>("\"infinite\"").is_err());
    }

    #[test]
    fn kinds_of_later_versions_are_read_as_unknown() {
        let event: Event = serde_json::from_str(r#"{"event":"migration","islands":3}"#).unwrap();
        assert_eq!(event, Event::Unknown);
    }
}
