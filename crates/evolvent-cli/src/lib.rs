//! The command line of Evolvent as a library, so that a binary of your own carries your problems and algorithms and has
//! every verb: `run`, `resume`, `show`, `replay`, `export`, `compare` and the others.
//!
//! ```no_run
//! # use evolvent_run::registry::LeadingOnesTrailingZeros;
//! fn main() -> std::process::ExitCode {
//!     evolvent_cli::app().problem::<LeadingOnesTrailingZeros>("my_problem").run()
//! }
//! ```

mod arguments;
mod champion;
mod compare;
mod curves;
mod init;
mod lineage;
mod list;
mod message;
mod progress;
mod run;
mod show;

use arguments::{Arguments, Verb};
use clap::{CommandFactory, FromArgMatches};
use evolvent_core::Algorithm;
use evolvent_nets::NetworkConfig;
use evolvent_problems::environments::Environment;
use evolvent_run::{
    Error, Registry, Result, RunDir, neat_python,
    record::Event,
    registry::{Config, Measure, OwnFunction, Section},
    report::{self, shell_word},
};
use std::{ffi::OsString, fs, path::Path, process::ExitCode};

/// Everything was done.
const DONE: u8 = 0;
/// The run has ended and has no champion.
const FAILED: u8 = 1;
/// The run was interrupted and can be resumed: 128 + SIGINT, as shells have it.
const INTERRUPTED: u8 = 130;

/// The command line with everything that comes with Evolvent.
pub fn app() -> App {
    App { registry: Registry::builtin() }
}

/// A command line under construction.
pub struct App {
    registry: Registry,
}

impl App {
    /// Adds an environment of your own under `[problem.NAME]`.
    #[must_use]
    pub fn environment<E: Environment + Config>(mut self, name: &str) -> Self {
        self.registry.environment::<E>(name);
        self
    }

    /// Adds a function of real numbers of your own under `[problem.NAME]`.
    #[must_use]
    pub fn function<F: OwnFunction>(mut self, name: &str) -> Self {
        self.registry.function::<F>(name);
        self
    }

    /// Adds a problem of your own that measures genomes of any kind under `[problem.NAME]`.
    #[must_use]
    pub fn problem<P: Measure>(mut self, name: &str) -> Self {
        self.registry.problem::<P>(name);
        self
    }

    /// Adds an algorithm of your own under its name.
    #[must_use]
    pub fn algorithm<A: Algorithm>(mut self) -> Self {
        self.registry.algorithm::<A>();
        self
    }

    /// Adds a network of your own under its name.
    #[must_use]
    pub fn network<C: NetworkConfig>(mut self) -> Self
    where
        C::Genome: evolvent_math::rows::Materialize,
    {
        self.registry.network::<C>();
        self
    }

    /// What experiment files may name.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Does what the program's arguments say. The exit code is 0 if all was done, 2 if the user's file or arguments are
    /// wrong, 130 if a run was interrupted and can be resumed, and 1 for anything else.
    pub fn run(self) -> ExitCode {
        self.run_from(std::env::args_os())
    }

    /// The same with given arguments, the program's name first.
    pub fn run_from(self, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> ExitCode {
        let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
        let program = arguments.first().map_or("evolvent".into(), |first| {
            Path::new(first).file_stem().map_or("evolvent".into(), |stem| stem.to_string_lossy().into_owned())
        });
        let parsed = Arguments::command().try_get_matches_from(&arguments);
        let arguments = match parsed.and_then(|matches| Arguments::from_arg_matches(&matches)) {
            Ok(arguments) => arguments,
            Err(error) => {
                // Help and version are no mistakes; clap knows which is which, and where each is printed.
                let _ = error.print();
                return ExitCode::from(error.exit_code().try_into().unwrap_or(2));
            }
        };
        let context = Context { registry: &self.registry, program: &program };
        match context.carry_out(arguments.verb) {
            Ok(code) => ExitCode::from(code),
            Err(error) => {
                progress::say(message::of(&error).trim_end());
                ExitCode::from(error.exit_code())
            }
        }
    }
}

/// What every verb needs.
pub(crate) struct Context<'a> {
    pub(crate) registry: &'a Registry,
    /// The program's name, for the commands that are suggested.
    pub(crate) program: &'a str,
}

impl Context<'_> {
    fn carry_out(&self, verb: Verb) -> Result<u8> {
        match verb {
            Verb::Run(arguments) => self.run(&arguments),
            Verb::Resume(arguments) => self.resume(&arguments),
            Verb::Show(arguments) => self.show(&arguments),
            Verb::Replay(arguments) => self.replay(&arguments),
            Verb::Export(arguments) => self.export(&arguments),
            Verb::Compare(arguments) => self.compare(&arguments),
            Verb::Check(arguments) => self.check(&arguments),
            Verb::List(arguments) => {
                let text = match (arguments.json, arguments.markdown) {
                    (true, _) => list::json(self.registry, arguments.kind),
                    (_, true) => list::markdown(self.registry, arguments.kind),
                    _ => list::text(self.registry, arguments.kind),
                };
                done(&text)
            }
            Verb::Describe(arguments) => {
                let entries = self.registry.describe(&arguments.name)?;
                if arguments.json {
                    return done(&(serde_json::to_string_pretty(&entries).unwrap_or_default() + "\n"));
                }
                done(&entries.iter().map(list::description).collect::<Vec<_>>().join("\n"))
            }
            Verb::Neat(arguments::Neat::Import(arguments)) => self.import_neat(&arguments),
            Verb::Schema => {
                done(&(serde_json::to_string_pretty(&self.registry.schema()).unwrap_or_default() + "\n"))
            }
            Verb::Init(arguments) => self.init(&arguments),
            Verb::Completions { shell } => {
                let mut script = Vec::new();
                let mut command = Arguments::command();
                clap_complete::generate(shell, &mut command, self.program, &mut script);
                done(&String::from_utf8_lossy(&script))
            }
        }
    }

    fn show(&self, arguments: &arguments::Show) -> Result<u8> {
        let dir = RunDir::open(&arguments.run_dir)?;
        let root = dir.root().display().to_string();
        let events = dir.read_events()?;
        if arguments.report {
            report::write(&dir)?;
        }
        if arguments.lineage {
            return self.show_lineage(&dir, &events, arguments.json);
        }
        if arguments.json {
            let lines = events.iter().filter_map(|event| event.line().ok());
            return done(&lines.map(|line| line + "\n").collect::<String>());
        }
        done(&show::summary(&root, &events, terminal_width()))?;
        if dir.champion_json().is_file()
            && let Ok(own) = evolvent_run::champion::Champion::load(&dir)
            && own.interface.is_none()
            && let Some(numbers) = champion::solution(&own.genome)
        {
            done(&format!("\nsolution    {numbers}\n"))?;
        }
        let without_champion =
            |event: &Event| matches!(event, Event::Finished(f) if f.test.mean.0.is_empty());
        if events.last().is_some_and(without_champion) {
            // Once what failed is mended, the same run from the beginning.
            self.suggest("run", &dir.resolved().display().to_string(), "");
        } else {
            self.suggest(if dir.champion_json().is_file() { "replay" } else { "resume" }, &root, "");
        }
        Ok(DONE)
    }

    fn import_neat(&self, arguments: &arguments::NeatImport) -> Result<u8> {
        let path = &arguments.file;
        let known = self.registry.named("--problem", &[Section::Problem], "a problem", &arguments.problem)?;
        if !known.iter().any(|e| e.genomes.is_empty()) {
            let found = format!("`{}`", arguments.problem);
            return Err(Error::input("--problem", "a problem that is shown to networks", found));
        }
        let imported = neat_python::load(self.registry, path, &arguments.problem)?;
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let output = arguments.output.clone().unwrap_or_else(|| format!("{stem}.toml").into());
        if output.as_os_str() == "-" {
            return done(&imported.text);
        }
        write_new(&output, imported.text.as_bytes(), arguments.overwrite)?;
        if imported.notes.is_empty() {
            done("every key has a counterpart\n")?;
        } else {
            done(&format!("without a counterpart, or to look at:\n  {}\n", imported.notes.join("\n  ")))?;
        }
        self.suggest("check", &output.display().to_string(), "");
        Ok(DONE)
    }

    fn init(&self, arguments: &arguments::Init) -> Result<u8> {
        let problems = self.registry.named("init", &[Section::Problem], "a problem", &arguments.problem)?;
        let problem = &problems[0];
        if let Some(name) = &arguments.algorithm {
            self.registry.named("--algorithm", &[Section::Algorithm], "an algorithm", name)?;
        }
        let candidates = init::candidates(self.registry, problem, arguments.algorithm.as_deref());
        let fits = |text: &&String| {
            let experiment = evolvent_run::experiment::Experiment::parse(self.registry, "", text, &[]);
            // A program that is not there yet cannot be started; its file is as good as can be.
            problem.name == "command" || experiment.is_ok_and(|experiment| experiment.start().is_ok())
        };
        let Some(text) = candidates.iter().find(fits).or(candidates.first()) else {
            return Err(Error::input("init", "a registry with an algorithm", "none"));
        };
        let path = arguments.output.clone().unwrap_or_else(|| format!("{}.toml", problem.name).into());
        if path.as_os_str() == "-" {
            return done(text);
        }
        write_new(&path, text.as_bytes(), arguments.overwrite)?;
        if problem.name == "command" {
            // A program to begin with, so that what is suggested runs; one that is there already is the user's.
            let program = path.with_file_name(init::PROGRAM);
            if fs::symlink_metadata(&program).is_err() {
                write_new(&program, init::FITNESS.as_bytes(), false)?;
                done(&format!("{} is the fitness, in Python; any language will do\n", program.display()))?;
            }
        }
        self.suggest("run", &path.display().to_string(), "");
        Ok(DONE)
    }

    /// The next command to type: the last line that a person sees.
    pub(crate) fn suggest(&self, verb: &str, path: &str, rest: &str) {
        let rest = if rest.is_empty() { String::new() } else { format!(" {rest}") };
        progress::say(&format!("\n{} {verb} {}{rest}", self.program, shell_word(path)));
    }
}

/// Prints what was asked for.
fn done(text: &str) -> Result<u8> {
    progress::print(text).map_err(|source| Error::Io {
        action: "write to",
        path: "standard output".into(),
        source,
    })?;
    Ok(DONE)
}

/// Writes a file that must not exist unless it may be replaced.
fn write_new(path: &Path, bytes: &[u8], overwrite: bool) -> Result<()> {
    if !overwrite && fs::symlink_metadata(path).is_ok() {
        return Err(Error::input(path.display(), "a new file", "one that exists")
            .with_hint("--overwrite replaces it, -o writes another one"));
    }
    evolvent_run::run_dir::write_whole(path, bytes)
}

/// Columns of the terminal; 100 where there is none.
fn terminal_width() -> usize {
    let terminal = console::Term::stdout();
    if terminal.is_term() { usize::from(terminal.size().1) } else { 100 }
}
