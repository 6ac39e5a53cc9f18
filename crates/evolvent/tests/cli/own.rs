//! Binaries of one's own: the examples, each with its experiment file.

use crate::program::{Done, repository};
use std::{fs, path::Path, process::Command};

/// An example's binary stands beside those of the crate.
fn example(name: &str, directory: &Path) -> Command {
    let binary = Path::new(env!("CARGO_BIN_EXE_evolvent"));
    let path = binary.parent().expect("a directory").join("examples").join(name);
    let mut command = Command::new(path.with_extension(std::env::consts::EXE_EXTENSION));
    command.current_dir(directory).env("NO_COLOR", "1");
    command
}

fn works(name: &str, entry: &str, wrong: &str) -> serde_json::Value {
    let dir = tempfile::tempdir().unwrap();
    let file = repository().join("crates/evolvent/examples").join(format!("{name}.toml"));
    let run = |arguments: &[&str]| {
        let output = example(name, dir.path()).args(arguments).output();
        Done::of(output.unwrap_or_else(|e| panic!("{name}: {e}; `cargo test` builds the examples")))
    };
    let file = file.to_str().unwrap();
    let done = run(&["run", file, "--json", "--out", "run"]).ends_with(0);
    assert!(run(&["list"]).ends_with(0).stdout.lines().any(|line| line.split(' ').next() == Some(entry)));
    assert!(run(&["describe", entry]).ends_with(0).stdout.contains(entry));
    let mistake = run(&["run", file, "--set", wrong, "--out", "wrong"]).ends_with(2);
    assert!(mistake.stderr.contains(wrong.split('=').next().unwrap()), "{}", mistake.stderr);
    run(&["replay", "run"]).ends_with(0);
    let resume =
        run(&["resume", "run", "--set", "run.generations=400", "--set", "run.target=\"none\"", "--json"]);
    let generations = |done: &Done| done.objects().pop().unwrap()["generations"].as_u64().unwrap();
    let resumed = resume.ends_with(0);
    // An algorithm that converges ends before its budget does.
    assert!((generations(&done) + 1..=400).contains(&generations(&resumed)));
    assert!(fs::read_to_string(dir.path().join("run/report.html")).unwrap().contains(entry));
    assert!(done.last_line().trim().starts_with(&format!("{name} replay")));
    done.objects().pop().unwrap()
}

#[test]
fn own_environment() {
    let last = works("own_environment", "sled", "problem.sled.force=-1");
    assert!(last["best"].as_f64().unwrap() > -20.0, "{last}");
}

#[test]
fn own_function() {
    let last = works("own_function", "chain", "problem.chain.points=0");
    assert_eq!(last["stopped_by"], "target");
}

#[test]
fn own_algorithm() {
    let last = works("own_algorithm", "climber", "algorithm.climber.sigma=0");
    assert_eq!(last["stopped_by"], "target");
}
