//! `run`, `resume` and `check`.

use crate::{
    Context, DONE, FAILED, INTERRUPTED, arguments, done, message,
    progress::{Bar, JsonLines, Lines, headline_of, print, reported, say},
    show::{effort, ending},
};
use evolvent_run::{
    Destination, Error, Result, RunDir,
    experiment::{Checked, Experiment},
    observer::Observer,
    record::{Event, Stopped, StoppedBy},
    report,
    runner::{self, Control, Summary},
};
use std::{
    io::{self, IsTerminal, Read},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

impl Context<'_> {
    pub(crate) fn run(&self, arguments: &arguments::Run) -> Result<u8> {
        let mut overrides = arguments.set.clone();
        overrides.extend(arguments.seed.map(|seed| format!("run.seed={seed}")));
        overrides.extend(arguments.threads.map(|threads| format!("run.threads={threads}")));
        let experiment = self.experiment(&arguments.file, &overrides)?;
        let destination = match &arguments.out {
            Some(out) if arguments.overwrite => Destination::Overwrite(out.clone()),
            Some(out) => Destination::Given(out.clone()),
            None => Destination::Named(stem(&arguments.file)),
        };
        self.watched(arguments.output, |control| runner::run(&experiment, &destination, control))
    }

    pub(crate) fn resume(&self, arguments: &arguments::Resume) -> Result<u8> {
        let dir = RunDir::open(&arguments.run_dir)?;
        let mut changes = arguments.set.clone();
        changes.extend(arguments.threads.map(|threads| format!("run.threads={threads}")));
        let events = dir.read_events()?;
        let before = events.iter().rev().find_map(|event| match event {
            Event::Generation(g) => Some(g.generation),
            _ => None,
        });
        let mut stopped = None;
        let code = self.watched(arguments.output, |control| {
            let summary = runner::resume(self.registry, &dir, &changes, control)?;
            stopped = Some(summary.stopped.clone());
            Ok(summary)
        })?;
        if let Some(stopped) = stopped.filter(|stopped| Some(stopped.generation) == before) {
            self.nothing_done(&stopped);
        }
        Ok(code)
    }

    /// Says why a run that was resumed did not go on, and how it would.
    fn nothing_done(&self, stopped: &Stopped) {
        let raise = |key: &str| format!("to go on, raise it: --set run.{key}=…");
        let why = match stopped.stopped_by {
            StoppedBy::Target => format!("the target was reached already; {}", raise("target")),
            StoppedBy::Algorithm => "the algorithm had ended by itself already".into(),
            StoppedBy::Interrupted => return,
            budget => format!("the budget of {budget} was used up already; {}", raise(&budget.to_string())),
        };
        say(&format!("\nno generation was done: {why}"));
    }

    pub(crate) fn check(&self, arguments: &arguments::Check) -> Result<u8> {
        let experiment = self.experiment(&arguments.file, &arguments.set)?;
        let Checked { facts, data } = experiment.check()?;
        if arguments.resolved {
            return done(&experiment.resolved(&facts)?);
        }
        print(&format!(
            "{}: {}\n",
            arguments.file.display(),
            headline_of(
                experiment.problem_name(),
                experiment.network_name(),
                experiment.algorithm_name(),
                facts.kind,
                facts.dimension
            )
        ))
        .map_err(output_error)?;
        if let Some(data) = data {
            let lines = [vec![data.summary()], data.names(), data.notes()].concat();
            print(&(lines.join("\n") + "\n")).map_err(output_error)?;
        }
        self.suggest("run", &arguments.file.display().to_string(), "");
        Ok(DONE)
    }

    /// Reads an experiment file, or standard input.
    pub(crate) fn experiment(&self, file: &Path, overrides: &[String]) -> Result<Experiment> {
        if file.as_os_str() != "-" {
            return Experiment::load(self.registry, file, overrides);
        }
        let mut bytes = Vec::new();
        io::stdin().read_to_end(&mut bytes).map_err(|source| Error::Io {
            action: "read",
            path: "standard input".into(),
            source,
        })?;
        let text = String::from_utf8(bytes)
            .map_err(|_| Error::input("standard input", "an experiment file", "bytes that are not UTF-8"))?;
        Experiment::parse(self.registry, "standard input", &text, overrides)
    }

    /// A session under the eyes of whoever is there, with Ctrl-C caught, its report written and its result told.
    fn watched(
        &self,
        output: arguments::Output,
        session: impl FnOnce(Control<'_>) -> Result<Summary>,
    ) -> Result<u8> {
        let interrupt = interrupt();
        let (mut bar, mut lines, mut json) = (None, None, JsonLines::default());
        let mut observers: Vec<&mut dyn Observer> = Vec::new();
        if output.json {
            observers.push(&mut json);
        }
        if !output.quiet && io::stderr().is_terminal() {
            observers.push(bar.insert(Bar::new()));
        } else if !output.quiet {
            observers.push(lines.insert(Lines::default()));
        }
        let summary = session(Control { observers, interrupt: &interrupt })?;
        self.tell(&summary, output, &mut json)
    }

    fn tell(&self, summary: &Summary, output: arguments::Output, json: &mut JsonLines) -> Result<u8> {
        let root = summary.dir.root().display().to_string();
        if output.json {
            let last = match &summary.finished {
                Some(finished) => finished.line(summary.dir.root()),
                None => {
                    let mut line = Event::Stopped(summary.stopped.clone()).json();
                    line["run_dir"] = root.clone().into();
                    line
                }
            };
            json.write(&last.to_string()).map_err(output_error)?;
        }
        // A report that cannot be written takes nothing away from the run.
        if let Err(error) = report::write(&summary.dir) {
            say(message::of(&error).trim_end());
        }
        let stopped = &summary.stopped;
        let end = ending(stopped.stopped_by, stopped.reason.as_deref());
        let Some(finished) = &summary.finished else {
            say(&format!(
                "{end} after {} generations; everything is saved, and this goes on from there:",
                stopped.generation
            ));
            self.suggest("resume", &root, "");
            return Ok(INTERRUPTED);
        };
        let champion = !finished.test.mean.0.is_empty();
        let code = if champion { DONE } else { FAILED };
        if output.json && output.quiet {
            return Ok(code);
        }
        let effort =
            effort(finished.generations, finished.evaluations, finished.steps, finished.timing.seconds);
        say(&format!("{end} after {effort}"));
        match champion {
            true => say(&format!("champion  {}", reported(finished, summary.data.as_ref()))),
            false => say(&format!("champion  none: {}", failure_of(&summary.dir))),
        }
        if let Some(front) = finished.front {
            say(&format!("front     {front} solutions"));
        }
        say(&format!("report    {}", summary.dir.report().display()));
        self.suggest(if champion { "replay" } else { "show" }, &root, "");
        Ok(code)
    }
}

/// Why a run has no champion.
fn failure_of(dir: &RunDir) -> String {
    let events = dir.read_events().unwrap_or_default();
    let training = events.iter().filter_map(|event| match event {
        Event::Generation(g) => g.failure.as_ref().map(|why| ("the first evaluation that failed", why)),
        _ => None,
    });
    let validation = events.iter().filter_map(|event| match event {
        Event::Validation(v) => v.failure.as_ref().map(|why| ("the first validation that failed", why)),
        _ => None,
    });
    match training.chain(validation).next() {
        Some((which, why)) => format!("{which}: {why}"),
        None => "nothing could be measured".into(),
    }
}

fn output_error(source: io::Error) -> Error {
    Error::Io { action: "write to", path: "standard output".into(), source }
}

/// The name of the run directory: the file's, without its ending.
fn stem(file: &Path) -> String {
    match file.file_stem() {
        Some(stem) if file.as_os_str() != "-" => stem.to_string_lossy().into_owned(),
        _ => "run".into(),
    }
}

/// A flag that Ctrl-C and termination set. The second time ends the program at once: the last checkpoint is there.
#[allow(clippy::exit)] // a signal handler has no caller to return to
pub(crate) fn interrupt() -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    let shared = flag.clone();
    let caught = ctrlc::set_handler(move || {
        if shared.swap(true, Ordering::SeqCst) {
            std::process::exit(INTERRUPTED.into());
        }
        say("interrupting after this generation; once more ends at once, with the last checkpoint");
    });
    if let Err(error) = caught {
        say(&format!("Ctrl-C will end the run at once, without a last checkpoint: {error}"));
    }
    flag
}
