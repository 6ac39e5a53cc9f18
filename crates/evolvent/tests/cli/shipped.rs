//! The experiments that are shipped.

use crate::program::{Done, evolvent, repository, run};
use std::{fs, path::Path};

/// The experiment files below `experiments/`, as paths from there.
fn shipped() -> Vec<String> {
    fn collect(directory: &Path, prefix: &str, names: &mut Vec<String>) {
        for entry in fs::read_dir(directory).expect("a readable directory").filter_map(Result::ok) {
            let Ok(name) = entry.file_name().into_string() else { continue };
            let path = format!("{prefix}{name}");
            if entry.path().is_dir() {
                collect(&entry.path(), &format!("{path}/"), names);
            } else if name.ends_with(".toml") {
                names.push(path);
            }
        }
    }
    let mut names = Vec::new();
    collect(&repository().join("experiments"), "", &mut names);
    names.sort();
    names
}

#[test]
#[allow(clippy::print_stderr)] // says what it skips
fn every_experiment_runs() {
    let dir = tempfile::tempdir().unwrap();
    let names = shipped();
    assert!(names.len() >= 12, "{names:?}");
    for name in names {
        let file = repository().join("experiments").join(&name);
        let out = dir.path().join(name.replace('/', "-"));
        let output = evolvent(&repository())
            .arg("run")
            .arg(&file)
            .args(["--quiet", "--set", "run.generations=2", "--set", "run.validation_episodes=2", "--out"])
            .arg(&out)
            .output()
            .unwrap();
        let done = Done::of(output);
        if done.code == 2 && done.stderr.contains("EVOLVENT_DATA is not set") {
            eprintln!("{name} skipped: its data set is not at hand, and EVOLVENT_DATA is not set");
            continue;
        }
        assert_eq!(done.code, 0, "{name}: {}", done.stderr);
        assert!(out.join("report.html").is_file(), "{name}");
    }
}

/// What `experiments/README.md` says of those with a target. The directories below are comparisons, in which not all reach it.
#[test]
fn experiments_with_a_target_reach_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut reached = 0;
    for name in shipped() {
        let file = repository().join("experiments").join(&name);
        let text = fs::read_to_string(&file).unwrap();
        let run_table = text.split("[run]").nth(1).unwrap_or_default();
        let has_target = run_table.lines().any(|line| line.starts_with("target"));
        if name.contains('/') || !has_target {
            continue;
        }
        let out = dir.path().join(&name);
        let asked = ["run", file.to_str().unwrap(), "--json", "--out", out.to_str().unwrap()];
        let last = run(&repository(), &asked).ends_with(0).objects().pop().unwrap();
        assert_eq!(last["stopped_by"], "target", "{name}: {last}");
        reached += 1;
    }
    assert!(reached >= 20, "{reached}");
}

#[test]
fn cart_pole_is_solved_with_any_seed() {
    let dir = tempfile::tempdir().unwrap();
    let file = repository().join("experiments/cartpole.toml");
    for seed in 1..=20 {
        let seed = seed.to_string();
        let done = run(dir.path(), &["run", file.to_str().unwrap(), "--json", "--seed", &seed]).ends_with(0);
        let last = done.objects().pop().unwrap();
        assert_eq!(last["stopped_by"], "target", "seed {seed}: {last}");
        assert!(last["best"].as_f64().unwrap() >= 475.0, "seed {seed}: {last}");
        assert_eq!(last["test"]["repetitions"], 100);
    }
}
