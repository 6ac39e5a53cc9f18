//! `report.html`: one self-contained page about a run, made from the files of its run directory and nothing else.

mod charts;

use crate::{
    error::{Error, Result},
    figures::{count, duration, magnitude, significant},
    plot::{self, escape},
    record::{Data, Estimate, Event, Finished, Generation, Started, Stopped, StoppedBy, Validation},
    run_dir::{RunDir, write_whole},
};
use evolvent_core::Sense;
use std::{fmt::Write, fs, path::PathBuf};

/// Writes the report of a run into its directory and returns its path. The run may still be going on.
///
/// # Errors
/// If the run's files cannot be read, or the report cannot be written.
pub fn write(dir: &RunDir) -> Result<PathBuf> {
    let path = dir.report();
    write_whole(&path, html(dir)?.as_bytes())?;
    Ok(path)
}

/// The report as text.
///
/// # Errors
/// If the run's files cannot be read.
pub fn html(dir: &RunDir) -> Result<String> {
    let read = |path: PathBuf| fs::read_to_string(&path).map_err(Error::reading(&path, "a file of a run"));
    let root = dir.root();
    let absolute = fs::canonicalize(root).unwrap_or_else(|_| root.to_path_buf());
    let name = absolute.file_name().map_or_else(|| "run".into(), |name| name.to_string_lossy().into_owned());
    let mut run = Run::new(name, root.display().to_string(), &dir.read_events()?);
    run.front = front_of(&fs::read(dir.champion_json()).unwrap_or_default());
    Ok(run.page(&read(dir.config())?, &read(dir.resolved())?))
}

/// The records of a run, sorted by kind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Run {
    name: String,
    path: String,
    started: Option<Started>,
    generations: Vec<Generation>,
    validations: Vec<Validation>,
    stopped: Option<Stopped>,
    finished: Option<Finished>,
    /// Objectives of the solutions on the front, if there is one.
    front: Vec<Vec<f64>>,
}

impl Run {
    pub(crate) fn new(name: String, path: String, events: &[Event]) -> Run {
        let mut run = Run { name, path, ..Run::default() };
        for event in events {
            match event {
                Event::Started(started) => run.started = Some(started.clone()),
                Event::Generation(generation) => {
                    run.generations.push(generation.clone());
                    // The loop goes on: an earlier session's end was none.
                    (run.stopped, run.finished) = (None, None);
                }
                Event::Validation(validation) => run.validations.push(validation.clone()),
                Event::Stopped(stopped) => run.stopped = Some(stopped.clone()),
                Event::Finished(finished) => run.finished = Some(finished.clone()),
                Event::Checkpoint(_) | Event::Unknown => {}
            }
        }
        run
    }

    fn senses(&self) -> Vec<Sense> {
        self.started.as_ref().map_or_else(|| vec![Sense::Minimize], |started| started.senses.clone())
    }

    fn page(&self, config: &str, resolved: &str) -> String {
        let mut out = format!(
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>{} · Evolvent</title>\n\
             <style>\n{}{}</style>\n<main>\n",
            escape(&self.name),
            plot::STYLE,
            include_str!("report/style.css"),
        );
        self.header(&mut out);
        self.tiles(&mut out);
        self.fitness(&mut out, target_of(resolved));
        self.front(&mut out);
        self.groups(&mut out);
        self.complexity(&mut out);
        self.diagnostics(&mut out);
        self.champion(&mut out);
        self.validation_table(&mut out);
        self.reproduce(&mut out);
        section(&mut out, "Experiment");
        for (summary, text, open) in
            [("Resolved: everything filled in", resolved, " open"), ("As given", config, "")]
        {
            let text = escape(text.trim_end());
            let _ = writeln!(out, "<details{open}><summary>{summary}</summary><pre>{text}</pre></details>");
        }
        self.provenance(&mut out);
        out.push_str("</main>\n</html>\n");
        out
    }

    fn header(&self, out: &mut String) {
        let _ = writeln!(out, "<header><h1>{}</h1>", escape(&self.name));
        if let Some(started) = &self.started {
            let mut parts = vec![format!("<b>{}</b>", escape(&started.problem))];
            parts.extend(started.network.iter().map(|network| format!("network <b>{}</b>", escape(network))));
            parts.push(format!("algorithm <b>{}</b>", escape(&started.algorithm)));
            parts.extend(started.dimension.map(|d| format!("{} genes", count(d))));
            let _ = writeln!(out, "<p class=\"lead\">{}</p>", parts.join(" · "));
        }
        let (class, text) = self.status();
        let _ = writeln!(out, "<span class=\"badge {class}\">{}</span></header>", escape(&text));
    }

    /// How the run ended, and how good that is.
    fn status(&self) -> (&'static str, String) {
        let Some(stopped) = &self.stopped else {
            return ("poor", "not ended: still running, or killed".into());
        };
        match stopped.stopped_by {
            StoppedBy::Target => ("good", "target reached".into()),
            StoppedBy::Interrupted => ("poor", "interrupted, can be resumed".into()),
            StoppedBy::Algorithm => {
                ("fair", stopped.reason.clone().unwrap_or_else(|| "ended by itself".into()))
            }
            budget => ("fair", format!("budget of {budget} used up")),
        }
    }

    fn tiles(&self, out: &mut String) {
        let mut tiles: Vec<(&str, String, String)> = Vec::new();
        if let Some(finished) = &self.finished {
            let (value, note) = self.reported(finished);
            let afresh = finished.test.repetitions > 1;
            tiles.push((if afresh { "Champion, measured afresh" } else { "Champion" }, value, note));
        } else if let Some(best) = self.validations.iter().rev().find(|v| v.champion) {
            let (value, note) = self.chosen(&best.score);
            tiles.push(("Best so far, validated", value, note));
        }
        if let Some(last) = self.generations.last() {
            let seconds = last.timing.seconds;
            let rate = if seconds > 0.0 { last.evaluations as f64 / seconds } else { f64::NAN };
            let found = self.finished.as_ref().map(|f| format!("champion found in {}", f.found_in));
            tiles.push(("Generations", count(last.generation), found.unwrap_or_default()));
            let per_second =
                if rate.is_finite() { format!("{} per second", magnitude(rate)) } else { String::new() };
            tiles.push(("Evaluations", magnitude(last.evaluations as f64), per_second));
            if last.steps > 0 {
                let episodes = format!("{} episodes", magnitude(last.episodes as f64));
                let note = if last.episodes > 0 { episodes } else { String::new() };
                tiles.push(("Steps", magnitude(last.steps as f64), note));
            }
            let total = self.finished.as_ref().map_or(seconds, |f| f.timing.seconds);
            tiles.push(("Time", duration(total), String::new()));
        }
        if tiles.is_empty() {
            return;
        }
        out.push_str("<dl class=\"tiles\">\n");
        for (name, value, note) in tiles {
            let _ = writeln!(
                out,
                "<div><dt>{name}</dt><dd>{}<small>{}</small></dd></div>",
                escape(&value),
                escape(&note)
            );
        }
        out.push_str("</dl>\n");
    }

    fn champion(&self, out: &mut String) {
        let Some(finished) = &self.finished else { return };
        section(out, "Champion");
        let mut rows = Vec::new();
        for (name, (value, note)) in
            [("Test", self.reported(finished)), ("Validation", self.chosen(&finished.validation))]
        {
            rows.push((name.to_string(), format!("{value} {note}")));
        }
        rows.push(("Found in generation".into(), count(finished.found_in)));
        rows.extend(finished.target.map(|target| ("Target".into(), significant(target, 6))));
        rows.extend(
            finished.front.map(|front| ("Front or archive".into(), format!("{} solutions", count(front)))),
        );
        facts(out, &rows);
        let test = &finished.test;
        let how = if test.mean.0.is_empty() {
            "There is no champion: nothing could be measured.".into()
        } else if let Some(data) = self.data() {
            how_on(data)
        } else if test.repetitions > 1 {
            format!(
                "The champion was chosen by its validation score. The test score is its mean over {} fresh episodes \
                 that no choice was made by.",
                count(test.repetitions)
            )
        } else {
            "The fitness is exact: validation and test give the value that the champion has in training."
                .into()
        };
        let _ = writeln!(out, "<p class=\"lead\" style=\"margin-top:10px\">{how}</p>");
    }

    fn data(&self) -> Option<&Data> {
        self.started.as_ref().and_then(|started| started.data.as_ref())
    }

    /// The champion's score and a remark.
    fn reported(&self, finished: &Finished) -> (String, String) {
        self.data().and_then(|data| data.reported(finished)).unwrap_or_else(|| written(&finished.test))
    }

    /// The score that it was chosen by and a remark.
    fn chosen(&self, score: &Estimate) -> (String, String) {
        self.data().and_then(|data| data.chosen(score)).unwrap_or_else(|| written(score))
    }

    fn validation_table(&self, out: &mut String) {
        if self.validations.is_empty() {
            return;
        }
        let _ = writeln!(
            out,
            "<details style=\"margin-top:16px\"><summary>All {} validations</summary><div class=\"wide\"><table>\
             <tr><th class=\"n\">generation</th><th class=\"n\">evaluations</th><th class=\"n\">mean</th>\
             <th class=\"n\">sd</th><th class=\"n\">repetitions</th><th>best so far</th></tr>",
            self.validations.len()
        );
        for validation in &self.validations {
            let list = |values: &[f64]| match values {
                [] => "–".to_string(),
                values => values.iter().map(|v| significant(*v, 5)).collect::<Vec<_>>().join(", "),
            };
            let note = match &validation.failure {
                Some(failure) => escape(failure),
                None if validation.champion => "yes".into(),
                None => String::new(),
            };
            let _ = writeln!(
                out,
                "<tr><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
                 <td class=\"n\">{}</td><td>{note}</td></tr>",
                count(validation.generation),
                count(validation.evaluations),
                list(&validation.score.mean.0),
                list(&validation.score.std.0),
                count(validation.score.repetitions)
            );
        }
        out.push_str("</table></div></details>\n");
    }

    fn reproduce(&self, out: &mut String) {
        section(out, "Reproduce");
        let path = shell_word(&self.path);
        let commands = [
            ("the same bits again", format!("evolvent run {path}/resolved.toml")),
            ("the champion on fresh episodes or held-out data", format!("evolvent replay {path}")),
            (
                "the champion for other programs",
                format!("evolvent export {path} --format onnx -o champion.onnx"),
            ),
            ("go on from here", format!("evolvent resume {path}")),
        ];
        // Only a network can be written as ONNX, and only what has not finished goes on without a raised budget.
        let network = self.started.as_ref().is_some_and(|s| s.network.is_some());
        let lines: Vec<String> = commands
            .into_iter()
            .filter(|(what, _)| network || !what.contains("programs"))
            .filter(|(what, _)| self.finished.is_none() || !what.contains("go on"))
            .map(|(what, command)| format!("# {what}\n{}", escape(&command)))
            .collect();
        let _ = writeln!(out, "<pre>{}</pre>", lines.join("\n"));
    }

    fn provenance(&self, out: &mut String) {
        let Some(started) = &self.started else { return };
        section(out, "Provenance");
        let mut rows = vec![
            ("Evolvent".to_string(), started.evolvent.clone()),
            ("Numeric level".into(), started.numeric_level.clone()),
            ("Seed".into(), started.seed.to_string()),
            ("Kind of genome".into(), started.genome.clone()),
            ("Begun".into(), utc(started.timing.unix)),
        ];
        rows.extend(started.timing.threads.map(|threads| ("Threads".into(), threads.to_string())));
        rows.push(("Run directory".into(), self.path.clone()));
        facts(out, &rows);
        let _ = writeln!(
            out,
            "<footer>Same experiment, seed, version and numeric level give the same bits on any number of threads; \
             only times differ.</footer>"
        );
    }
}

/// What a score on data is worth.
fn how_on(data: &Data) -> String {
    match (data.validation, data.test) {
        (0, 0) => format!(
            "No samples were held out: the champion was evolved, chosen and measured on the same {} samples. The score says \
             nothing about others.",
            count(data.training)
        ),
        (_, 0) => "No samples were held out for the test: the score is on the validation samples that the champion was \
                   chosen by, and flatters it."
            .into(),
        (0, _) => "The champion was chosen by its score on the training samples, and measured on test samples that no choice \
                   was made by."
            .into(),
        _ => "The champion was chosen by its score on the validation samples, and measured on test samples that no choice was \
              made by."
            .into(),
    }
}

fn section(out: &mut String, title: &str) {
    let _ = writeln!(out, "<h2>{title}</h2>");
}

fn facts(out: &mut String, rows: &[(String, String)]) {
    out.push_str("<table class=\"facts\">\n");
    for (name, value) in rows {
        let _ = writeln!(out, "<tr><th>{}</th><td>{}</td></tr>", escape(name), escape(value.trim_end()));
    }
    out.push_str("</table>\n");
}

/// An estimate as its value and a remark: `492.1`, `± 3 over 100 episodes`.
fn written(estimate: &Estimate) -> (String, String) {
    let list = |values: &[f64]| values.iter().map(|v| significant(*v, 5)).collect::<Vec<_>>().join(", ");
    let value = if estimate.mean.0.is_empty() { "none".into() } else { list(&estimate.mean.0) };
    let mut note = String::new();
    if estimate.repetitions > 1 {
        if !estimate.std.0.is_empty() {
            let _ = write!(note, "± {} ", list(&estimate.std.0));
        }
        let _ = write!(note, "over {} repetitions", count(estimate.repetitions));
    }
    if estimate.violation != 0.0 {
        let _ = write!(note, " (violates constraints by {})", significant(estimate.violation, 3));
    }
    (value, note)
}

/// The objectives of the front in a champion's description; none if there is no front, or no champion yet.
fn front_of(champion: &[u8]) -> Vec<Vec<f64>> {
    let value: serde_json::Value = serde_json::from_slice(champion).unwrap_or_default();
    let objectives = |member: &serde_json::Value| {
        Some(member["objectives"].as_array()?.iter().filter_map(serde_json::Value::as_f64).collect())
    };
    value["front"].as_array().into_iter().flatten().filter_map(objectives).collect()
}

/// The target in a resolved experiment file, if there is one.
fn target_of(resolved: &str) -> Option<f64> {
    let table: toml::Table = resolved.parse().ok()?;
    match table.get("run")?.get("target")? {
        toml::Value::Float(target) => Some(*target),
        toml::Value::Integer(target) => Some(*target as f64),
        _ => None,
    }
}

/// A path as a word of a shell, quoted where it must be.
pub fn shell_word(path: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%,=".contains(c);
    if !path.is_empty() && path.chars().all(plain) {
        return path.into();
    }
    format!("'{}'", path.replace('\'', "'\\''"))
}

/// Seconds since 1970 as a date and time, by the proleptic Gregorian calendar.
fn utc(unix: f64) -> String {
    if !(0.0..4e11).contains(&unix) {
        return "unknown".into();
    }
    let seconds = unix as i64;
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Days since 0000-03-01, in eras of 400 years, so that the leap day ends a year.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02} UTC", second / 3_600, second / 60 % 60)
}

#[cfg(test)]
mod tests;
