//! `evolvent show`: a run in the terminal, from its records.

use crate::{
    curves,
    progress::{chosen, headline, reported, short},
};
use evolvent_run::{
    figures::{count, duration, magnitude, significant},
    record::{Event, Finished, Generation, Started, Stopped, StoppedBy, Validation},
};
use std::fmt::Write;

/// The records of a run, by kind.
#[derive(Debug, Default)]
struct Story<'e> {
    started: Option<&'e Started>,
    generations: Vec<&'e Generation>,
    validations: Vec<&'e Validation>,
    stopped: Option<&'e Stopped>,
    finished: Option<&'e Finished>,
}

/// Summary and curves, at most `width` characters wide.
pub(crate) fn summary(name: &str, events: &[Event], width: usize) -> String {
    let mut story = Story::default();
    for event in events {
        match event {
            Event::Started(started) => story.started = Some(started),
            Event::Generation(generation) => {
                story.generations.push(generation);
                // An earlier session's end was none if the loop went on.
                (story.stopped, story.finished) = (None, None);
            }
            Event::Validation(validation) => story.validations.push(validation),
            Event::Stopped(stopped) => story.stopped = Some(stopped),
            Event::Finished(finished) => story.finished = Some(finished),
            Event::Checkpoint(_) | Event::Unknown => {}
        }
    }
    story.text(name, width)
}

/// How a run ended, in a few words.
pub(crate) fn ending(stopped_by: StoppedBy, reason: Option<&str>) -> String {
    match (stopped_by, reason) {
        (StoppedBy::Target, _) => "target reached".into(),
        (StoppedBy::Interrupted, _) => "interrupted".into(),
        (StoppedBy::Algorithm, Some(reason)) => reason.into(),
        (StoppedBy::Algorithm, None) => "ended by the algorithm".into(),
        (budget, _) => format!("budget of {budget} used up"),
    }
}

/// `48 generations, 3,072 evaluations, 1.44M steps in 0.08 s`.
pub(crate) fn effort(generations: u64, evaluations: u64, steps: u64, seconds: f64) -> String {
    let steps = if steps > 0 { format!(", {} steps", magnitude(steps as f64)) } else { String::new() };
    let (generations, evaluations) = (count(generations), count(evaluations));
    format!("{generations} generations, {evaluations} evaluations{steps} in {}", duration(seconds))
}

impl Story<'_> {
    fn text(&self, name: &str, width: usize) -> String {
        let mut out = format!("{name}\n");
        if let Some(started) = self.started {
            let _ = writeln!(out, "{}", headline(started, started.timing.threads));
            if let Some(data) = &started.data {
                let _ = writeln!(out, "{}", data.summary());
            }
        }
        let state = match self.stopped {
            Some(stopped) => ending(stopped.stopped_by, stopped.reason.as_deref()),
            None => "not ended: still running, or killed".into(),
        };
        match self.generations.last() {
            Some(g) => {
                let seconds = self.finished.map_or(g.timing.seconds, |f| f.timing.seconds);
                let _ =
                    writeln!(out, "{state} after {}", effort(g.generation, g.evaluations, g.steps, seconds));
            }
            None => {
                let _ = writeln!(out, "{state}, no generation done");
            }
        }
        let data = self.started.and_then(|started| started.data.as_ref());
        if let Some(finished) = self.finished {
            let _ = writeln!(out, "\nchampion    {}", reported(finished, data));
            let found = count(finished.found_in);
            let _ = writeln!(
                out,
                "validation  {}, found in generation {found}",
                chosen(&finished.validation, data)
            );
            if let Some(front) = finished.front {
                let _ = writeln!(out, "front       {} solutions", count(front));
            }
        } else if let Some(best) = self.validations.iter().rev().find(|v| v.champion) {
            let _ =
                writeln!(out, "\nbest so far {}, generation {}", chosen(&best.score, data), best.generation);
        }
        self.curves(&mut out, width);
        self.diagnostics(&mut out);
        out
    }

    fn curves(&self, out: &mut String, width: usize) {
        let objectives = self.started.map_or(1, |started| started.senses.len());
        for objective in 0..objectives {
            let at = |values: &[f64]| values.get(objective).copied().unwrap_or(f64::NAN);
            let mean: Vec<_> =
                self.generations.iter().map(|g| (g.evaluations as f64, at(&g.mean.0))).collect();
            let best: Vec<_> =
                self.generations.iter().map(|g| (g.evaluations as f64, at(&g.best.0))).collect();
            let which =
                if objectives > 1 { format!(" of objective {}", objective + 1) } else { String::new() };
            if let Some(drawing) = curves::draw(&mean, &best, "evaluations", width) {
                let _ = write!(out, "\nmean of the population{which} (columns), best (•)\n{drawing}");
            }
        }
        let validated: Vec<_> = self
            .validations
            .iter()
            .filter_map(|v| Some((v.evaluations as f64, v.score.mean.first()?)))
            .collect();
        if validated.len() >= 3
            && let Some(drawing) = curves::draw(&validated, &[], "evaluations", width)
        {
            let _ = write!(out, "\nvalidation\n{drawing}");
        }
    }

    /// First and last value of what the algorithm says about itself.
    fn diagnostics(&self, out: &mut String) {
        let (Some(first), Some(last)) = (self.generations.first(), self.generations.last()) else { return };
        let rows: Vec<String> = last
            .diagnostics
            .0
            .iter()
            .map(|(name, value)| {
                let before =
                    first.diagnostics.0.iter().find(|(n, _)| n == name).map(|(_, v)| significant(*v, 4));
                match before.filter(|before| *before != significant(*value, 4)) {
                    Some(before) => format!("{name} {before} → {}", significant(*value, 4)),
                    None => format!("{name} {}", significant(*value, 4)),
                }
            })
            .collect();
        if !rows.is_empty() {
            let _ = writeln!(out, "\n{}", rows.join("\n"));
        }
        if let Some(g) = self.generations.iter().find(|g| g.failures > 0) {
            let total: u64 = self.generations.iter().map(|g| g.failures).sum();
            let first = g.failure.as_deref().unwrap_or("no reason given");
            let _ = writeln!(out, "\n{} evaluations failed; the first: {first}", count(total));
        }
        if last.best.0.is_empty() {
            let _ = writeln!(out, "\nlast generation: best {}", short(&last.best));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use evolvent_core::{Diagnostics, Sense};
    use evolvent_run::record::{Estimate, PerObjective, Timing};

    fn generation(number: u64, mean: f64) -> Event {
        let mut diagnostics = Diagnostics::default();
        diagnostics.add("sigma", 1.0 / number as f64);
        Event::Generation(Generation {
            generation: number,
            evaluations: 10 * number,
            episodes: 0,
            steps: 0,
            best: PerObjective(vec![mean / 2.0]),
            mean: PerObjective(vec![mean]),
            std: PerObjective(vec![0.0]),
            median: PerObjective(vec![mean]),
            failures: 0,
            failure: None,
            infeasible: None,
            diagnostics,
            groups: Vec::new(),
            timing: Timing::default(),
        })
    }

    #[test]
    fn a_run_in_words() {
        assert!(summary("run", &[], 80).contains("no generation done"));
        let mut events = vec![Event::Started(Started {
            version: 1,
            evolvent: "0.1.0".into(),
            numeric_level: String::new(),
            seed: 3,
            problem: "sphere".into(),
            network: None,
            algorithm: "cma_es".into(),
            genome: "vector".into(),
            dimension: Some(5),
            senses: vec![Sense::Minimize],
            constraints: 0,
            data: None,
            timing: Timing::default(),
        })];
        events.extend((1..=40).map(|n| generation(n, 100.0 / n as f64)));
        events.push(Event::Stopped(Stopped {
            generation: 40,
            evaluations: 400,
            stopped_by: StoppedBy::Generations,
            reason: None,
            timing: Timing::default(),
        }));
        let text = summary("run", &events, 80);
        for part in [
            "sphere · 5 genes · cma_es · seed 3",
            "budget of generations used up after 40 generations, 400 evaluations in 0 s",
            "sigma 1 → 0.025",
            "█",
            "•",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
        assert!(text.lines().all(|line| line.chars().count() <= 80));
        assert_eq!(chosen(&Estimate::default(), None), "none");
    }
}
