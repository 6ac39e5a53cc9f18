//! What the records of a run say about its data set, and that in words.

use super::{Estimate, Finished};
use crate::figures::{count, significant};
use evolvent_core::Diagnostics;
use serde::{Deserialize, Serialize};

/// What a data set shows a run: how many samples of what, and how answers are judged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Data {
    /// Numbers in one sample.
    pub inputs: u64,
    /// Their names, where the source has them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub input_names: Vec<String>,
    /// Names of the classes, in the order of the network's outputs; empty where targets are numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<String>,
    /// Numbers in one target; 0 where targets are classes.
    #[serde(default)]
    pub targets: u64,
    /// Their names, where the source has them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub target_names: Vec<String>,
    /// Samples that networks are evolved on.
    pub training: u64,
    /// Samples that the champion is chosen by; where there are none, it is chosen by the training samples.
    pub validation: u64,
    /// Samples that the champion is reported on; where there are none, it is reported on those that it was chosen by.
    pub test: u64,
    /// What is minimised.
    pub loss: String,
    /// What is reported beside it.
    pub metric: String,
}

impl Data {
    /// `200 samples of 4 inputs, 3 classes; 140 for training, 30 for validation, 30 for the test`.
    pub fn summary(&self) -> String {
        let many = |n: u64, what: &str| format!("{} {what}{}", count(n), if n == 1 { "" } else { "s" });
        let targets = match self.classes.len() as u64 {
            0 => many(self.targets, "target"),
            1 => "1 class".into(),
            n => format!("{} classes", count(n)),
        };
        let all = self.training + self.validation + self.test;
        let mut text = format!("{} of {}, {targets}; ", many(all, "sample"), many(self.inputs, "input"));
        text += &match (self.validation, self.test) {
            (0, 0) => "all for training, none held out".into(),
            (v, t) => {
                let part = |n: u64, what: &str| {
                    if n == 0 { String::new() } else { format!(", {} for {what}", count(n)) }
                };
                format!(
                    "{} for training{}{}",
                    count(self.training),
                    part(v, "validation"),
                    part(t, "the test")
                )
            }
        };
        text
    }

    /// What a person should know before a run.
    pub fn notes(&self) -> Vec<String> {
        let numbers: Vec<&str> = self
            .input_names
            .iter()
            .chain(&self.target_names)
            .map(String::as_str)
            .filter(|name| name.parse::<f64>().is_ok_and(|number| number.fract() != 0.0))
            .collect();
        let mut notes = Vec::new();
        if !numbers.is_empty() {
            let names = numbers.iter().take(4).copied().collect::<Vec<_>>().join(", ");
            notes.push(format!(
                "columns are called {names}: if the first line is a sample, `header = false` reads it as one"
            ));
        }
        if self.classes.len() == 1 {
            notes.push(format!(
                "all samples are of one class, {:?}: there is nothing to learn",
                self.classes[0]
            ));
        }
        notes
    }

    /// The names of inputs, and of classes or targets, one line each; none where the source has no names.
    pub fn names(&self) -> Vec<String> {
        let listed = |what: &str, names: &[String], numbered: bool| {
            const MOST: usize = 40;
            let one =
                |(i, name): (usize, &String)| if numbered { format!("{i} {name}") } else { name.clone() };
            let mut line = names.iter().enumerate().take(MOST).map(one).collect::<Vec<_>>().join(", ");
            if names.len() > MOST {
                line += &format!(" and {} more", names.len() - MOST);
            }
            // Digits that are called by their numbers need no list.
            let plain = numbered && names.iter().enumerate().all(|(i, name)| *name == i.to_string());
            (!names.is_empty() && !plain).then(|| format!("{what}{line}"))
        };
        [
            listed("inputs    ", &self.input_names, false),
            listed("classes   ", &self.classes, true),
            listed("targets   ", &self.target_names, false),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// What the champion is chosen by: `30 validation samples`.
    pub fn chosen_on(&self) -> String {
        match self.validation {
            0 => format!("the {} training samples", count(self.training)),
            n => format!("{} validation samples", count(n)),
        }
    }

    /// What the champion is reported on: `30 test samples`.
    pub fn reported_on(&self) -> String {
        match (self.test, self.validation) {
            (0, 0) => self.chosen_on(),
            (0, n) => format!("the {} validation samples that it was chosen by", count(n)),
            (n, _) => format!("{} test samples", count(n)),
        }
    }

    /// What a champion is reported by, and on what it was measured: `loss 0.0714 (cross_entropy), accuracy 0.913` and
    /// `on 30 test samples`; `None` if it could not be measured.
    pub fn reported(&self, finished: &Finished) -> Option<(String, String)> {
        Some((self.words(&finished.test, &finished.metrics)?, format!("on {}", self.reported_on())))
    }

    /// What a champion was chosen by, as [`Data::reported`] has it.
    pub fn chosen(&self, score: &Estimate) -> Option<(String, String)> {
        Some((self.words(score, &Diagnostics::default())?, format!("on {}", self.chosen_on())))
    }

    /// A score in words: `loss 0.0714 (cross_entropy), accuracy 0.913`.
    fn words(&self, score: &Estimate, metrics: &Diagnostics) -> Option<String> {
        let mut text = format!("loss {} ({})", significant(score.mean.first()?, 5), self.loss);
        for (name, value) in &metrics.0 {
            text += &format!(", {name} {}", significant(*value, 4));
        }
        Some(text)
    }
}
