//! Checks and generated files of the repository.
//!
//! `cargo xtask test` is the whole test command: it installs what it needs, then checks format, arrows, lints,
//! tests and documentation. The other commands are its parts.

#![allow(clippy::print_stderr)] // a command line tool

mod arrows;
mod python;
mod reproduce;

use std::{
    process::{Command, ExitCode},
    time::Instant,
};

/// The version of cargo-nextest that `test` installs where none is present.
const NEXTEST: &str = "0.9.143";

const USAGE: &str = "\
cargo xtask COMMAND

  test       everything below, in this order: what CI runs
  fmt        format check
  arrows     dependencies between crates point one way
  clippy     lints, warnings denied
  nextest    unit, property, conformance, golden and integration tests
  doctest    documentation examples
  doc        the documentation builds without warnings
  generated  docs/algorithms.md and the JSON schema are up to date
  generate   writes them
  bless      writes what tests compare with anew: trajectories of algorithms, messages of the command line

  reproduce NAME [OPTIONS]   a table of results/ again; minutes of processor time. Without a name: which there are
";

type Outcome = Result<(), String>;
type Step = (&'static str, fn() -> Outcome);

fn main() -> ExitCode {
    let command = std::env::args().nth(1).unwrap_or_default();
    let outcome = match command.as_str() {
        "test" => test(),
        "fmt" => fmt(),
        "arrows" => arrows::check(),
        "clippy" => clippy(),
        "nextest" => nextest(),
        "doctest" => doctest(),
        "doc" => doc(),
        "generated" => generated(false),
        "generate" => generated(true),
        "bless" => bless(),
        "reproduce" => reproduce::reproduce(std::env::args().skip(2).collect()),
        _ => Err(USAGE.into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn test() -> Outcome {
    let steps: [Step; 7] = [
        ("fmt", fmt),
        ("arrows", arrows::check),
        ("clippy", clippy),
        ("doc", doc),
        ("doctest", doctest),
        ("generated", || generated(false)),
        ("nextest", nextest),
    ];
    for (name, step) in steps {
        let begin = Instant::now();
        step().map_err(|e| format!("{name} failed: {e}"))?;
        eprintln!("-- {name}: ok in {:.0} s", begin.elapsed().as_secs_f64());
    }
    Ok(())
}

/// Runs a command in the workspace; its output goes straight through.
fn run(command: &mut Command) -> Outcome {
    eprintln!("-- {command:?}");
    let status = command.status().map_err(|e| format!("{command:?} cannot be started: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("{command:?} ended with {status}")) }
}

fn cargo(arguments: &str) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments.split_whitespace());
    command
}

fn fmt() -> Outcome {
    run(&mut cargo("fmt --all --check"))
}

fn clippy() -> Outcome {
    run(&mut cargo("clippy --locked --workspace --all-targets -- -D warnings"))
}

fn doc() -> Outcome {
    run(cargo("doc --locked --workspace --no-deps").env("RUSTDOCFLAGS", "-D warnings"))
}

fn doctest() -> Outcome {
    run(&mut cargo("test --locked --workspace --doc"))
}

fn nextest() -> Outcome {
    let installed = cargo("nextest --version").output().is_ok_and(|o| o.status.success());
    if !installed {
        run(&mut cargo(&format!("install --locked cargo-nextest --version {NEXTEST}")))?;
    }
    let mut command = cargo("nextest run --locked --workspace --no-fail-fast");
    match python::interpreter()? {
        // Where Python can be had, the tests that compare with it must run and not skip.
        Some(path) => command.env("EVOLVENT_PYTHON", path).env("EVOLVENT_REQUIRE_PYTHON", "1"),
        None => {
            eprintln!("-- no Python: comparisons with Gymnasium and ONNX Runtime are skipped");
            &mut command
        }
    };
    run(&mut command)
}

/// Files that tests compare with, written as the program is now; the difference is for a person to look at.
fn bless() -> Outcome {
    for tests in ["-p evolvent-run --test runner golden", "-p evolvent --test cli mistakes"] {
        run(cargo(&format!("test --locked {tests}")).env("EVOLVENT_BLESS", "1"))?;
    }
    run(Command::new("git").args(["diff", "--stat"]))
}

/// Files that are made from the registries: written, or compared with what is committed.
fn generated(write: bool) -> Outcome {
    for (arguments, path) in [
        ("run --locked --quiet -p evolvent -- list algorithms --markdown", "docs/algorithms.md"),
        ("run --locked --quiet -p evolvent -- schema", "docs/experiment.schema.json"),
    ] {
        let output = cargo(arguments).output().map_err(|e| e.to_string())?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        if write {
            std::fs::write(path, &output.stdout).map_err(|e| format!("{path}: {e}"))?;
        } else if std::fs::read(path).ok().as_deref() != Some(&output.stdout[..]) {
            return Err(format!("{path} is out of date: run `cargo xtask generate` and commit it"));
        }
    }
    Ok(())
}
