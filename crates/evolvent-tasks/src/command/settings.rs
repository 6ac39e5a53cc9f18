//! The table `[problem.command]` and what can be wrong with it.

use super::protocol::{Shape, Welcome};
use crate::genes::uniform_within;
use evolvent_core::{Auto, Bounds, Init, Sense, VectorGenes, Violations};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Any program in any language as the fitness: it reads genomes and answers with their values, one JSON object per line.
///
/// ```text
/// to the program    {"protocol":"evolvent","version":1,"dimension":2,"objectives":1,"constraints":0,"descriptors":0}
/// from the program  {"protocol":"evolvent","version":1}
/// to the program    {"id":0,"genome":[0.5,-1.25],"seed":4735927163,"phase":"train"}
/// from the program  {"id":0,"fitness":1.8125}
/// ```
///
/// Instead of `fitness` an answer may give `"objectives": [f, …]`, beside them `"constraints": [g, …]` (satisfied where g ≤ 0)
/// and `"descriptors": [d, …]`; or `"error": "why there is no fitness"`. A program that uses chance draws from `seed` alone.
/// Each line is flushed; messages for people go to standard error; the program ends when its standard input does.
///
/// The whole protocol with a program to begin with: docs/command.md. `evolvent init command` writes both files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CommandSettings {
    /// The program and its arguments: `["python3", "fitness.py"]`. A name without a folder is searched for as a shell
    /// would; other paths start in `directory`.
    pub program: Vec<String>,
    /// Where the program runs, relative to the experiment file. Default: the folder of the experiment file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<PathBuf>,
    /// Number of genes, at least 1. `"auto"`: the program's greeting tells it.
    pub dimension: Auto<usize>,
    /// Interval of the genes, `[[low, high]]` for all or one per gene; none if they are unbounded. Where empty, the
    /// program's greeting may tell it.
    pub bounds: Vec<[f64; 2]>,
    /// How first genomes are drawn. `"auto"`: uniform within the bounds, else normal with standard deviation 1.
    pub init: Auto<Init>,
    /// Sense of each objective, at least one.
    pub objectives: Vec<Sense>,
    /// Number of constraints g ≤ 0 in each answer.
    pub constraints: usize,
    /// Intervals of the descriptors in each answer; none if there are no descriptors.
    pub descriptors: Vec<[f64; 2]>,
    /// Whether the answer depends on the seed of the request. If so, values of different rounds are not compared.
    pub noisy: bool,
    /// Requests with different seeds per evaluation, whose mean counts; at least 1. More than one only if `noisy`.
    pub repetitions: u32,
    /// Copies of the program that run at once, at least 1. Results do not depend on it. `"auto"`: the number of cores.
    pub workers: Auto<usize>,
    /// Seconds that an answer may take, above 0; then the evaluation has failed and the copy is replaced.
    pub timeout: f64,
    /// Seconds from a copy's start to its greeting, above 0.
    pub start_timeout: f64,
    /// Longest line that is accepted, in bytes.
    pub max_answer_bytes: usize,
}

impl Default for CommandSettings {
    fn default() -> Self {
        CommandSettings {
            program: Vec::new(),
            directory: None,
            dimension: Auto::Auto,
            bounds: Vec::new(),
            init: Auto::Auto,
            objectives: vec![Sense::Minimize],
            constraints: 0,
            descriptors: Vec::new(),
            noisy: false,
            repetitions: 1,
            workers: Auto::Auto,
            timeout: 60.0,
            start_timeout: 30.0,
            max_answer_bytes: 1 << 20,
        }
    }
}

const BOUND: &str = "two finite numbers, the first below the second";

impl CommandSettings {
    /// What is wrong with the settings.
    ///
    /// # Errors
    /// All violations at once.
    pub fn check(&self) -> Result<(), Violations> {
        let mut v = Violations::new();
        if self.program.first().is_none_or(String::is_empty) {
            v.add_with_hint(
                "program",
                format!("{:?}", self.program),
                "a program and its arguments",
                "program = [\"python3\", \"fitness.py\"]",
            );
        }
        if let Some(&dimension) = self.dimension.given() {
            v.at_least("dimension", dimension, 1);
        }
        check_bounds(&mut v, "bounds", &self.bounds);
        check_bounds(&mut v, "descriptors", &self.descriptors);
        v.at_least("objectives", self.objectives.len(), 1);
        v.at_least("repetitions", self.repetitions as usize, 1);
        if self.repetitions > 1 && !self.noisy {
            v.add_with_hint(
                "repetitions",
                self.repetitions,
                "1 for a program that is not noisy",
                "set noisy = true if its answers depend on the seed",
            );
        }
        if let Some(&workers) = self.workers.given() {
            v.require((1..=1024).contains(&workers), "workers", workers, "a number of processes in 1..=1024");
        }
        for (path, seconds) in [("timeout", self.timeout), ("start_timeout", self.start_timeout)] {
            // Past a billion seconds a duration means nothing, and past 2^64 it cannot be held.
            let ok = seconds > 0.0 && seconds <= 1e9;
            v.require(ok, path, seconds, "a number of seconds above 0 and at most 1e9");
        }
        v.require(
            self.max_answer_bytes >= 64,
            "max_answer_bytes",
            self.max_answer_bytes,
            "at least 64 bytes",
        );
        let many = self.constraints <= Violations::MOST;
        v.require(many, "constraints", self.constraints, &format!("at most {}", Violations::MOST));
        v.into_result()
    }

    pub(super) fn shape(&self) -> Shape {
        Shape {
            objectives: self.objectives.len(),
            constraints: self.constraints,
            descriptors: self.descriptors.len(),
        }
    }

    /// The genes, as far as the settings tell, else as the program does.
    pub(super) fn genes(&self, welcome: &Welcome) -> Result<VectorGenes, Violations> {
        let mut v = Violations::new();
        let Some(dimension) = self.dimension.given().copied().or(welcome.dimension).filter(|&d| d > 0) else {
            v.add_with_hint(
                "dimension",
                "\"auto\" and a greeting without a positive \"dimension\"",
                "the number of genes",
                "set dimension, or let the program's greeting tell it",
            );
            return Err(v);
        };
        let given = if self.bounds.is_empty() { &welcome.bounds } else { &self.bounds };
        check_bounds(&mut v, "bounds", given);
        let bounds = match given.as_slice() {
            [] => None,
            [[low, high]] => Some(Bounds::uniform(dimension, *low, *high)),
            all => {
                let expected = format!("one interval, or {dimension}");
                v.require(all.len() == dimension, "bounds", format!("{} intervals", all.len()), &expected);
                Some(Bounds {
                    low: all.iter().map(|b| b[0]).collect(),
                    high: all.iter().map(|b| b[1]).collect(),
                })
            }
        };
        v.into_result()?;
        Ok(match (self.init, bounds) {
            (Auto::Auto, Some(bounds)) => uniform_within(bounds, true),
            (init, bounds) => VectorGenes::flat(dimension, init.or(|| Init::Normal { std: 1.0 }), bounds),
        })
    }
}

fn check_bounds(v: &mut Violations, path: &str, bounds: &[[f64; 2]]) {
    for (i, [low, high]) in bounds.iter().enumerate() {
        let ok = low.is_finite() && high.is_finite() && low < high;
        v.require(ok, &format!("{path}[{i}]"), format!("[{low}, {high}]"), BOUND);
    }
}

/// Why an external program cannot be used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CommandError {
    /// Settings out of range.
    #[error(transparent)]
    Settings(#[from] Violations),
    /// The program cannot be started.
    #[error("cannot start `{program}`: {reason}; check that it is installed, executable and spelt right")]
    NotStarted {
        /// The program and its arguments.
        program: String,
        /// What the operating system says.
        reason: String,
    },
    /// The program ended before it had answered the greeting.
    #[error("`{program}` ended before it answered the greeting: {how}")]
    Ended {
        /// The program and its arguments.
        program: String,
        /// Exit status and last words.
        how: String,
    },
    /// The program did not answer the greeting in time.
    #[error(
        "`{program}` did not answer the greeting within {seconds} s; it must answer the first line of its \
         standard input with {{\"protocol\":\"evolvent\",\"version\":1}} and flush its output"
    )]
    Silent {
        /// The program and its arguments.
        program: String,
        /// The limit.
        seconds: f64,
    },
    /// The program answered the greeting wrongly.
    #[error(
        "`{program}` answered the greeting wrongly: {what}; expected a line \
         {{\"protocol\":\"evolvent\",\"version\":1}}"
    )]
    Greeting {
        /// The program and its arguments.
        program: String,
        /// What is wrong.
        what: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn genes_start_within_their_bounds() {
        let settings = CommandSettings {
            program: vec!["p".into()],
            dimension: Auto::Value(3),
            bounds: vec![[0.0, 1.0], [0.0, 1.0], [5.0, 6.0]],
            ..CommandSettings::default()
        };
        let genes = settings.genes(&Welcome::default()).unwrap();
        assert_eq!(genes.layout.blocks.len(), 2);
        assert_eq!(genes.layout.blocks[1].init, Init::Uniform { low: 5.0, high: 6.0 });
        assert_eq!((genes.layout.blocks[1].offset, genes.dimension()), (2, 3));
        let two = CommandSettings { bounds: vec![[0.0, 1.0]; 2], ..settings };
        assert!(two.genes(&Welcome::default()).unwrap_err().to_string().contains("one interval, or 3"));
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        let wrong = CommandSettings {
            bounds: vec![[1.0, 1.0]],
            repetitions: 2,
            workers: Auto::Value(0),
            timeout: f64::NAN,
            objectives: Vec::new(),
            ..CommandSettings::default()
        };
        let text = wrong.check().unwrap_err().to_string();
        for path in ["program:", "bounds[0]:", "repetitions:", "workers:", "timeout:", "objectives:"] {
            assert!(text.contains(path), "{path} in {text}");
        }
    }

    #[test]
    fn misspelt_settings_are_refused() {
        let error = serde_json::from_str::<CommandSettings>(r#"{"programme": []}"#).unwrap_err();
        assert!(error.to_string().contains("unknown field `programme`"), "{error}");
    }
}
