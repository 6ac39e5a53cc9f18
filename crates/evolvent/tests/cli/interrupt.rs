//! Ctrl-C leaves a directory that can be resumed, and resuming leads to the bits of a run that was never interrupted.

#![cfg(unix)]

use crate::program::{Done, directory, evolvent, records, run};
use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Command, Stdio},
};

/// Long enough to be interrupted in the middle on any machine.
const LONG: &str = "\
[problem.rastrigin]
dimension = 20

[algorithm.cma_es]
population_size = 16

[run]
generations = 1000000
seed = 3
";

/// Starts a run, waits for its first generations, and sends it SIGINT.
fn interrupted(directory: &Path, arguments: &[&str]) -> Done {
    let mut child = evolvent(directory)
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary can be started");
    let mut out = BufReader::new(child.stdout.take().expect("piped"));
    let mut seen = String::new();
    for _ in 0..5 {
        out.read_line(&mut seen).expect("a generation");
    }
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill");
    assert!(killed.success());
    // The pipe must be emptied, or the program waits for its reader for ever.
    out.read_to_string(&mut seen).expect("the rest");
    let mut output = child.wait_with_output().expect("it ends");
    output.stdout = seen.into_bytes();
    Done::of(output)
}

#[test]
fn interrupted_and_resumed() {
    let dir = directory(&[("long.toml", LONG)]);
    let at = dir.path();
    let done = interrupted(at, &["run", "long.toml", "--json", "--out", "first"]).ends_with(130);
    assert_eq!(done.last_line().trim(), "evolvent resume first");
    let reached = done.objects().iter().filter_map(|o| o["generation"].as_u64()).max().expect("generations");
    assert!(done.objects().iter().all(|object| object["event"] != "finished"));
    assert!(at.join("first/checkpoints").read_dir().unwrap().next().is_some());

    let shown = run(at, &["show", "first"]).ends_with(0);
    assert!(shown.stdout.contains("interrupted"), "{}", shown.stdout);

    let budget = format!("run.generations={}", reached + 20);
    let resumed = run(at, &["resume", "first", "--set", &budget, "--json"]).ends_with(0);
    let last = resumed.objects().pop().expect("a last object");
    assert_eq!(
        (last["event"].as_str(), last["generations"].as_u64()),
        (Some("finished"), Some(reached + 20))
    );

    run(at, &["run", "long.toml", "--set", &budget, "--out", "second", "--quiet"]).ends_with(0);
    let (first, second) = (records(&at.join("first")), records(&at.join("second")));
    let generations = |all: &[serde_json::Value]| {
        all.iter().filter(|r| r["event"] == "generation").cloned().collect::<Vec<_>>()
    };
    assert_eq!(generations(&first), generations(&second));
    assert_eq!(first.last(), second.last(), "the same champion");
    let champion = |run: &str| std::fs::read(at.join(run).join("champion.safetensors")).expect("a champion");
    assert_eq!(champion("first"), champion("second"));
}

#[test]
fn a_finished_run_goes_on_only_with_more_budget() {
    let dir = directory(&[("sphere.toml", crate::program::SPHERE)]);
    let at = dir.path();
    run(at, &["run", "sphere.toml", "--out", "run", "--quiet"]).ends_with(0);
    let before = records(&at.join("run"));
    let done = run(at, &["resume", "run"]);
    assert_eq!(before, records(&at.join("run")), "{done:?}");
    let done = run(at, &["resume", "run", "--set", "run.generations=30", "--json"]).ends_with(0);
    assert_eq!(done.objects().last().unwrap()["generations"], 30);
    let done = run(at, &["resume", "run", "--set", "algorithm.cma_es.population_size=4"]).ends_with(2);
    assert!(done.stderr.contains("population_size"), "{}", done.stderr);
}
