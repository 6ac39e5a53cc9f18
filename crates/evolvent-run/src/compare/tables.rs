//! A comparison as tables: for the terminal, Markdown, CSV and JSON.

use super::{Comparison, Pair, Quartiles, Summary};
use crate::figures::{count, duration, significant};
use evolvent_core::Sense;
use std::fmt::Write;

/// Column heads.
const HEADS: [&str; 6] = ["experiment", "algorithm", "solved", "evaluations", "ERT", "seconds"];

fn whole(value: f64) -> String {
    if value.is_finite() { count(value.round().max(0.0) as u64) } else { "never".into() }
}

fn time(seconds: f64) -> String {
    if seconds.is_finite() { duration(seconds) } else { "never".into() }
}

/// `median (lower – upper)`.
fn three(quartiles: Option<Quartiles>, text: fn(f64) -> String) -> String {
    quartiles
        .map_or_else(|| "–".into(), |q| format!("{} ({} – {})", text(q.median), text(q.lower), text(q.upper)))
}

impl Comparison {
    pub(super) fn cells(&self, summary: &Summary) -> Vec<String> {
        let solved = summary.solved.map_or_else(|| "–".into(), |n| format!("{n}/{}", summary.runs));
        vec![
            summary.name.clone(),
            summary.algorithm.clone(),
            solved,
            three(summary.evaluations, whole),
            summary.expected_evaluations.map_or_else(|| "–".into(), whole),
            three(summary.seconds, time),
            three(summary.score, |v| significant(v, 5)),
        ]
    }

    pub(super) fn heads(&self) -> Vec<String> {
        let score = match self.sense {
            Sense::Minimize => "score (smaller is better)",
            Sense::Maximize => "score (larger is better)",
        };
        HEADS.iter().map(|head| head.to_string()).chain([score.to_string()]).collect()
    }

    /// One sentence per pair of experiments.
    pub(super) fn verdicts(&self) -> Vec<String> {
        self.pairs().iter().map(|pair| self.verdict(pair)).collect()
    }

    fn verdict(&self, pair: &Pair) -> String {
        let name = |i: usize| self.contenders[i].name.as_str();
        let (better, worse, share) = match pair.superiority >= 0.5 {
            true => (name(pair.first), name(pair.second), pair.superiority),
            false => (name(pair.second), name(pair.first), 1.0 - pair.superiority),
        };
        let p =
            if pair.adjusted_p < 1e-4 { "p < 0.0001".into() } else { format!("p = {:.4}", pair.adjusted_p) };
        if pair.adjusted_p < 0.05 {
            format!("{better} is better than {worse} in {:.0} % of pairs of runs, {p}", 100.0 * share)
        } else {
            format!("no difference shown between {} and {}, {p}", name(pair.first), name(pair.second))
        }
    }

    /// The table for a terminal, with a line about each pair.
    pub fn text(&self) -> String {
        let mut rows = vec![self.heads()];
        rows.extend(self.summaries().iter().map(|summary| self.cells(summary)));
        let widths: Vec<usize> = (0..rows[0].len())
            .map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0))
            .collect();
        let mut out = String::new();
        for row in &rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                let _ = write!(line, "{cell:<width$}  ");
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        let verdicts = self.verdicts();
        if !verdicts.is_empty() {
            out.push('\n');
            verdicts.iter().for_each(|verdict| {
                let _ = writeln!(out, "{verdict}");
            });
        }
        out
    }

    /// The same as Markdown.
    pub fn markdown(&self) -> String {
        let row = |cells: Vec<String>| {
            let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
            format!("| {} |\n", cells.join(" | "))
        };
        let heads = self.heads();
        let mut out = format!("# {}\n\n{}\n\n", self.problem, self.caption());
        out.push_str(&row(heads.clone()));
        out.push_str(&row(vec!["---".into(); heads.len()]));
        self.summaries().iter().for_each(|summary| out.push_str(&row(self.cells(summary))));
        out.push('\n');
        self.verdicts().iter().for_each(|verdict| {
            let _ = writeln!(out, "- {verdict}");
        });
        out
    }

    /// What the figures are, in a sentence.
    pub(super) fn caption(&self) -> String {
        let what = match self.target {
            Some(target) => format!(
                "Evaluations and seconds to the target of {} on fresh episodes or held-out data, as median (quartiles) \
                 over all runs; ERT is the evaluations of all runs per success.",
                significant(target, 6)
            ),
            None => "No target: evaluations and seconds of whole runs, as median (quartiles).".into(),
        };
        format!(
            "{what} Mann–Whitney U tests with Holm's correction; a solved run ranks before an unsolved one, then fewer \
             evaluations, then the better score."
        )
    }

    /// One line per run, in full precision.
    pub fn csv(&self) -> String {
        let field = |text: &str| {
            if text.contains([',', '"', '\n', '\r']) {
                format!("\"{}\"", text.replace('"', "\"\""))
            } else {
                text.into()
            }
        };
        let mut out = String::from(
            "experiment,algorithm,seed,solved,score,evaluations,steps,seconds,stopped_by,run_dir\n",
        );
        for contender in &self.contenders {
            for trial in &contender.trials {
                let _ = writeln!(
                    out,
                    "{},{},{},{},{},{},{},{},{},{}",
                    field(&contender.name),
                    field(&contender.algorithm),
                    trial.seed,
                    trial.solved,
                    trial.score.map_or_else(String::new, |score| score.to_string()),
                    trial.evaluations,
                    trial.steps,
                    trial.seconds,
                    trial.stopped_by,
                    field(&trial.run_dir)
                );
            }
        }
        out
    }

    /// Everything: the runs, their summaries and the tests between them. What is infinite is null.
    pub fn json(&self) -> serde_json::Value {
        use serde_json::json;
        let number = |value: f64| if value.is_finite() { json!(value) } else { json!(null) };
        let quartiles = |q: Option<Quartiles>| {
            q.map_or(json!(null), |q| json!([number(q.lower), number(q.median), number(q.upper)]))
        };
        let summaries: Vec<_> = self
            .summaries()
            .iter()
            .map(|s| {
                json!({
                    "experiment": s.name, "algorithm": s.algorithm, "runs": s.runs, "solved": s.solved,
                    "score": quartiles(s.score), "evaluations": quartiles(s.evaluations),
                    "seconds": quartiles(s.seconds),
                    "expected_evaluations": s.expected_evaluations.map_or(json!(null), number),
                })
            })
            .collect();
        let pairs: Vec<_> = self
            .pairs()
            .iter()
            .map(|p| {
                json!({
                    "first": self.contenders[p.first].name, "second": self.contenders[p.second].name,
                    "superiority": p.superiority, "p": number(p.p), "adjusted_p": number(p.adjusted_p),
                })
            })
            .collect();
        json!({
            "problem": self.problem, "sense": self.sense, "target": self.target,
            "summaries": summaries, "pairs": pairs, "contenders": self.contenders,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::comparison;

    #[test]
    fn tables_say_the_same() {
        let c = comparison();
        let (text, markdown) = (c.text(), c.markdown());
        for part in [
            "10/10",
            "1,550 (1,325 – 1,775)",
            "10,000",
            "(5,000 – never)",
            "fast is better than slow in 100 %",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
            assert!(markdown.contains(part), "{part}\n{markdown}");
        }
        assert_eq!(c.csv().lines().count(), 21);
        assert_eq!(c.csv().lines().nth(1).unwrap(), "fast,open_es,1,true,500,1100,0,1.1,target,seed-1");
        let json = c.json();
        assert_eq!(json["summaries"][1]["evaluations"][2], serde_json::Value::Null);
        assert_eq!(json["pairs"][0]["superiority"], 1.0);
    }
}
