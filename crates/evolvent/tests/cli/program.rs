//! Running the binary and looking at what it did.

use serde_json::Value;
use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// The binary, with everything that could change its output taken out of its environment.
pub(crate) fn evolvent(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_evolvent"));
    command.current_dir(directory).stdin(Stdio::null());
    command.env("NO_COLOR", "1").env_remove("EVOLVENT_DATA").env_remove("RUST_BACKTRACE");
    command
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Done {
    pub(crate) fn of(output: Output) -> Done {
        Done {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).expect("standard output is text"),
            stderr: String::from_utf8(output.stderr).expect("standard error is text"),
        }
    }

    /// The JSON objects on standard output.
    pub(crate) fn objects(&self) -> Vec<Value> {
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        self.stdout.lines().map(parse).collect()
    }

    /// The last line that a person sees.
    pub(crate) fn last_line(&self) -> &str {
        self.stderr.lines().last().unwrap_or_default()
    }

    #[track_caller]
    pub(crate) fn ends_with(self, code: i32) -> Done {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }
}

/// Runs the binary with these arguments.
#[track_caller]
pub(crate) fn run(directory: &Path, arguments: &[&str]) -> Done {
    Done::of(evolvent(directory).args(arguments).output().expect("the binary can be started"))
}

/// An experiment that takes a few milliseconds.
pub(crate) const SPHERE: &str = "\
[problem.sphere]
dimension = 5

[algorithm.cma_es]
population_size = 8

[run]
generations = 20
seed = 7
";

/// An experiment with a network, a few milliseconds as well.
pub(crate) const CART_POLE: &str = "\
[problem.cart_pole]
episodes = 2

[network.dense]
hidden = [8]

[algorithm.open_es]
population_size = 16

[run]
generations = 3
validation_episodes = 10
seed = 7
";

/// A directory with these experiment files in it.
pub(crate) fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for (name, text) in files {
        std::fs::write(directory.path().join(name), text).expect("a new file");
    }
    directory
}

/// The repository.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The records of a run without what a clock produced.
pub(crate) fn records(run_dir: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(run_dir.join("events.jsonl")).expect("records");
    text.lines()
        .map(|line| {
            let mut record: Value = serde_json::from_str(line).expect("a record");
            record.as_object_mut().expect("an object").remove("timing");
            record
        })
        .collect()
}
