//! What is seen of a run while it is going on: a bar, plain lines, or JSON lines.

use evolvent_run::{
    figures::{count, duration, magnitude, significant},
    observer::{Observer, RunInfo},
    record::{Data, Estimate, Event, Finished, Generation, PerObjective, Started, Validation},
};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::{
    io::{self, Write},
    time::{Duration, Instant},
};

/// The budgets of a run, how much of them is used up, and how fast it goes.
#[derive(Debug, Default)]
struct Pace {
    info: Option<RunInfo>,
    /// Generations, evaluations and seconds when this session began: the clock of an earlier one says nothing about now.
    origin: Option<(u64, f64)>,
    /// Whether the first failure was told.
    failed: bool,
}

impl Pace {
    /// The first failure of a run in words, once.
    fn failure(&mut self, g: &Generation) -> Option<String> {
        let reason = g.failure.as_ref().filter(|_| !std::mem::replace(&mut self.failed, true))?;
        let (n, generation) = (count(g.failures), g.generation);
        let them = if g.failures == 1 { "evaluation" } else { "evaluations" };
        Some(format!("{n} {them} failed in generation {generation}; the first: {reason}"))
    }

    fn threads(&self) -> Option<u64> {
        self.info.as_ref().map(|info| info.threads as u64)
    }

    /// The largest share of any budget that is used up; `None` if only a target ends the run.
    fn share(&self, g: &Generation) -> Option<f64> {
        let budgets = &self.info.as_ref()?.budgets;
        let share = |used: f64, budget: Option<f64>| budget.map(|budget| used / budget);
        let whole = |budget: Option<u64>| budget.map(|b| b as f64);
        [
            share(g.generation as f64, whole(budgets.generations)),
            share(g.evaluations as f64, whole(budgets.evaluations)),
            share(g.episodes as f64, whole(budgets.episodes)),
            share(g.steps as f64, whole(budgets.steps)),
            share(g.timing.seconds, budgets.seconds),
        ]
        .into_iter()
        .flatten()
        .max_by(f64::total_cmp)
        .map(|share| share.clamp(0.0, 1.0))
    }

    /// One line about a generation.
    fn line(&mut self, g: &Generation) -> String {
        let total = self.info.as_ref().and_then(|info| info.budgets.generations);
        let of = total.map_or_else(String::new, |total| format!("/{total}"));
        let mut line =
            format!("generation {}{of}  best {}  mean {}", g.generation, short(&g.best), short(&g.mean));
        if let (Some(std), 1) = (g.std.first(), g.std.0.len()) {
            line.push_str(&format!(" ± {}", significant(std, 3)));
        }
        if g.failures > 0 {
            line.push_str(&format!("  {} failed", g.failures));
        }
        let (evaluations, seconds) = *self.origin.get_or_insert((g.evaluations, g.timing.seconds));
        let elapsed = g.timing.seconds - seconds;
        let (done, time) = match elapsed > 0.0 && g.evaluations > evaluations {
            true => (g.evaluations - evaluations, elapsed),
            false => (g.evaluations, g.timing.seconds),
        };
        if time > 0.0 {
            line.push_str(&format!("  {} evaluations/s", magnitude(done as f64 / time)));
        }
        if let Some(share) = self.share(g).filter(|&s| s > 0.0 && s < 1.0) {
            line.push_str(&format!("  {} left", duration(g.timing.seconds / share * (1.0 - share))));
        }
        line
    }
}

/// Numbers of all objectives in a few characters.
pub(crate) fn short(values: &PerObjective) -> String {
    match values.0.as_slice() {
        [] => "none".into(),
        [one] => significant(*one, 5),
        several => format!("({})", several.iter().map(|v| significant(*v, 4)).collect::<Vec<_>>().join(", ")),
    }
}

/// An estimate with its spread: `497.3 ± 11.2 over 100 episodes`.
pub(crate) fn estimate(estimate: &Estimate) -> String {
    let mut text = short(&estimate.mean);
    if estimate.repetitions > 1 {
        if !estimate.std.0.is_empty() {
            text.push_str(&format!(" ± {}", short(&estimate.std)));
        }
        text.push_str(&format!(" over {} episodes", count(estimate.repetitions)));
    }
    if estimate.violation != 0.0 {
        text.push_str(&format!(" (violates constraints by {})", significant(estimate.violation, 3)));
    }
    text
}

/// What a champion is reported by: its score, and on data what it is a score of.
pub(crate) fn reported(finished: &Finished, data: Option<&Data>) -> String {
    of_data(data.and_then(|data| data.reported(finished)), &finished.test)
}

/// What a champion was chosen by.
pub(crate) fn chosen(score: &Estimate, data: Option<&Data>) -> String {
    of_data(data.and_then(|data| data.chosen(score)), score)
}

fn of_data(words: Option<(String, String)>, score: &Estimate) -> String {
    words.map_or_else(|| estimate(score), |(value, samples)| format!("{value}, {samples}"))
}

/// The line that a run begins with.
pub(crate) fn headline(started: &Started, threads: Option<u64>) -> String {
    let network = started.network.as_deref();
    let mut line =
        headline_of(&started.problem, network, &started.algorithm, &started.genome, started.dimension);
    line.push_str(&format!(" · seed {}", started.seed));
    match threads {
        Some(1) => line.push_str(" · 1 thread"),
        Some(n) => line.push_str(&format!(" · {n} threads")),
        None => {}
    }
    line
}

/// `cart_pole · dense (226 genes) · open_es`.
pub(crate) fn headline_of(
    problem: &str,
    network: Option<&str>,
    algorithm: &str,
    genome: &str,
    dimension: Option<u64>,
) -> String {
    let genes = dimension
        .map(|d| if genome == "bits" { format!("{} bits", count(d)) } else { format!("{} genes", count(d)) });
    let solution = match (network, genes) {
        (Some(network), Some(genes)) => format!("{network} ({genes})"),
        (Some(network), None) => network.into(),
        (None, Some(genes)) => genes,
        (None, None) => genome.into(),
    };
    format!("{problem} · {solution} · {algorithm}")
}

/// A bar that is drawn over and over; for terminals.
#[derive(Debug)]
pub(crate) struct Bar {
    pace: Pace,
    bar: ProgressBar,
    drawn: Option<Instant>,
}

/// Steps of the bar.
const LENGTH: u64 = 1000;

impl Bar {
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::with_draw_target(Some(LENGTH), ProgressDrawTarget::stderr_with_hz(12));
        let style = ProgressStyle::with_template("{bar:24.cyan/dim} {wide_msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━━─"));
        Bar { pace: Pace::default(), bar, drawn: None }
    }
}

impl Observer for Bar {
    fn begin(&mut self, run: &RunInfo) -> io::Result<()> {
        self.pace.info = Some(run.clone());
        run.notes.iter().for_each(|note| self.bar.println(note));
        if run.resumed_at > 0 {
            self.bar.println(format!("resumed after generation {}", run.resumed_at));
        }
        Ok(())
    }

    fn observe(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::Started(started) => {
                self.bar.println(headline(started, self.pace.threads()));
                started.data.iter().for_each(|data| self.bar.println(data.summary()));
            }
            Event::Generation(g) if g.failures > 0 && !self.pace.failed => {
                self.pace.failure(g).iter().for_each(|failure| self.bar.println(failure));
            }
            // Texts are only made when they will be drawn.
            Event::Generation(g) if self.drawn.is_none_or(|at| at.elapsed() > Duration::from_millis(80)) => {
                self.drawn = Some(Instant::now());
                let share = self.pace.share(g).unwrap_or(0.0);
                self.bar.set_position((share * LENGTH as f64) as u64);
                self.bar.set_message(self.pace.line(g));
            }
            Event::Stopped(_) | Event::Finished(_) => self.bar.finish_and_clear(),
            _ => {}
        }
        Ok(())
    }
}

/// Lines for logs: the first generation, then at most one a second.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    pace: Pace,
    said: Option<Instant>,
}

impl Observer for Lines {
    fn begin(&mut self, run: &RunInfo) -> io::Result<()> {
        self.pace.info = Some(run.clone());
        run.notes.iter().for_each(|note| say(note));
        if run.resumed_at > 0 {
            say(&format!("resumed after generation {}", run.resumed_at));
        }
        Ok(())
    }

    fn observe(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::Started(started) => {
                say(&headline(started, self.pace.threads()));
                started.data.iter().for_each(|data| say(&data.summary()));
            }
            Event::Generation(g) if g.failures > 0 && !self.pace.failed => {
                self.pace.failure(g).iter().for_each(|failure| say(failure));
            }
            Event::Generation(g) if self.said.is_none_or(|at| at.elapsed() > Duration::from_secs(1)) => {
                self.said = Some(Instant::now());
                say(&self.pace.line(g));
            }
            Event::Validation(Validation { generation, score, champion: true, failure: None, .. })
                if self.said.is_none_or(|at| at.elapsed() > Duration::from_secs(1)) =>
            {
                self.said = Some(Instant::now());
                say(&format!("generation {generation}  validated {}", estimate(score)));
            }
            _ => {}
        }
        Ok(())
    }
}

/// One JSON object per generation, for programs.
#[derive(Debug, Default)]
pub(crate) struct JsonLines {
    /// Nobody reads any more; the run goes on without.
    closed: bool,
}

impl JsonLines {
    pub(crate) fn write(&mut self, line: &str) -> io::Result<()> {
        if self.closed {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        match out.write_all(line.as_bytes()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush()) {
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            other => other,
        }
    }
}

impl Observer for JsonLines {
    fn observe(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::Generation(_) => self.write(&event.line().map_err(io::Error::other)?),
            _ => Ok(()),
        }
    }
}

/// A line to standard error. Nobody there to read it is no reason to fail.
pub(crate) fn say(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Text to standard output; a reader that went away is no failure.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}
