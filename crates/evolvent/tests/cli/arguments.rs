//! Arguments, exit codes, and where things are written.

use crate::program::{CART_POLE, SPHERE, directory, run};
use std::fs;

#[test]
fn help_is_no_mistake_and_mistakes_are_two() {
    let dir = directory(&[]);
    let at = dir.path();
    assert!(run(at, &["--help"]).ends_with(0).stdout.contains("evolvent init"));
    assert!(run(at, &["--version"]).ends_with(0).stdout.starts_with("evolvent "));
    run(at, &[]).ends_with(2);
    run(at, &["evolve"]).ends_with(2);
    run(at, &["run"]).ends_with(2);
    run(at, &["run", "x.toml", "--seeds", "1"]).ends_with(2);
    let missing = run(at, &["run", "nowhere.toml"]).ends_with(2);
    assert!(missing.stderr.contains("nowhere.toml") && missing.stdout.is_empty(), "{missing:?}");
    for verb in ["resume", "show", "replay"] {
        assert!(run(at, &[verb, "nowhere"]).ends_with(2).stderr.contains("nowhere"));
    }
    assert_eq!(fs::read_dir(at).unwrap().count(), 0, "nothing was written");
}

#[test]
fn json_lines_and_a_last_object() {
    let dir = directory(&[("sphere.toml", SPHERE)]);
    let done = run(dir.path(), &["run", "sphere.toml", "--json"]).ends_with(0);
    let objects = done.objects();
    assert_eq!(objects.len(), 21);
    for (i, object) in objects[..20].iter().enumerate() {
        assert_eq!(object["event"], "generation");
        assert_eq!(object["generation"], i + 1);
        assert_eq!(object["evaluations"], 8 * (i + 1));
    }
    let last = &objects[20];
    assert_eq!(last["event"], "finished");
    assert_eq!(last["evaluations"], 160);
    assert_eq!(last["generations"], 20);
    assert_eq!(last["stopped_by"], "generations");
    assert_eq!(last["run_dir"], "runs/sphere");
    assert!(last["best"].as_f64().is_some_and(|best| best < 100.0), "{last}");
    assert!(last["seconds"].as_f64().is_some_and(|seconds| seconds > 0.0), "{last}");
}

#[test]
fn the_last_line_is_the_next_command() {
    let dir = directory(&[("cart pole.toml", CART_POLE)]);
    let done = run(dir.path(), &["run", "cart pole.toml"]).ends_with(0);
    assert!(done.stdout.is_empty(), "human output goes to standard error: {}", done.stdout);
    let next = done.last_line().trim();
    assert_eq!(next, "evolvent replay 'runs/cart pole'");
    let done = run(dir.path(), &["replay", "runs/cart pole"]).ends_with(0);
    assert!(done.last_line().trim().starts_with("evolvent export 'runs/cart pole'"), "{done:?}");
    let done = run(dir.path(), &["check", "cart pole.toml"]).ends_with(0);
    assert_eq!(done.last_line().trim(), "evolvent run 'cart pole.toml'");
}

#[test]
fn quiet_says_only_the_result() {
    let dir = directory(&[("sphere.toml", SPHERE)]);
    let loud = run(dir.path(), &["run", "sphere.toml"]).ends_with(0);
    let quiet = run(dir.path(), &["run", "sphere.toml", "--quiet"]).ends_with(0);
    assert!(quiet.stderr.lines().count() < loud.stderr.lines().count(), "{quiet:?}");
    assert!(loud.stderr.contains("generation 1/20") && !quiet.stderr.contains("generation 1/20"));
}

#[test]
fn settings_seeds_and_threads_from_the_command_line() {
    let dir = directory(&[("sphere.toml", SPHERE)]);
    let arguments = ["run", "sphere.toml", "--json", "--seed", "11", "--threads", "1"];
    let set = ["--set", "run.generations=3", "--set", "algorithm.cma_es.population_size=6"];
    let done = run(dir.path(), &[&arguments[..], &set[..]].concat()).ends_with(0);
    assert_eq!(done.objects().last().unwrap()["evaluations"], 18);
    let resolved = fs::read_to_string(dir.path().join("runs/sphere/resolved.toml")).unwrap();
    for line in ["seed = 11", "generations = 3", "population_size = 6"] {
        assert!(resolved.contains(line), "{line}\n{resolved}");
    }
    let config = fs::read_to_string(dir.path().join("runs/sphere/config.toml")).unwrap();
    assert_eq!(config, SPHERE, "the file as given");
    for wrong in ["run.generations", "run.generations=many", "run.generation=3", "nonsense.x=1"] {
        let done = run(dir.path(), &["run", "sphere.toml", "--set", wrong]).ends_with(2);
        assert!(done.stderr.contains(wrong.split('=').next().unwrap()), "{wrong}: {}", done.stderr);
    }
}

#[test]
fn run_directories_are_never_mixed() {
    let dir = directory(&[("sphere.toml", SPHERE)]);
    let at = dir.path();
    for name in ["runs/sphere", "runs/sphere-2", "runs/sphere-3"] {
        let done = run(at, &["run", "sphere.toml", "--json"]).ends_with(0);
        assert_eq!(done.objects().last().unwrap()["run_dir"], name);
    }
    run(at, &["run", "sphere.toml", "--out", "mine"]).ends_with(0);
    let refused = run(at, &["run", "sphere.toml", "--out", "mine", "--seed", "8"]).ends_with(2);
    assert!(
        refused.stderr.contains("--overwrite") && refused.stderr.contains("holds a run"),
        "{}",
        refused.stderr
    );
    let threads = run(at, &["run", "sphere.toml", "--threads", "0"]).ends_with(2);
    assert!(threads.stderr.contains("--threads") && !threads.stderr.contains("--set"), "{}", threads.stderr);
    assert!(fs::read_to_string(at.join("mine/resolved.toml")).unwrap().contains("seed = 7"));
    run(at, &["run", "sphere.toml", "--out", "mine", "--seed", "8", "--overwrite"]).ends_with(0);
    assert!(fs::read_to_string(at.join("mine/resolved.toml")).unwrap().contains("seed = 8"));
    run(at, &["run", "sphere.toml", "--overwrite"]).ends_with(2);
    // A file where a directory should be made is the system's refusal or the user's mistake, never a panic.
    fs::write(at.join("file"), "").unwrap();
    let done = run(at, &["run", "sphere.toml", "--out", "file/run"]);
    assert!(done.code == 1 || done.code == 2, "{done:?}");
}

#[test]
fn standard_input_is_a_file_too() {
    use std::io::Write;
    let dir = directory(&[]);
    let mut child = crate::program::evolvent(dir.path())
        .args(["run", "-", "--json", "--out", "here"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(SPHERE.as_bytes()).unwrap();
    let done = crate::program::Done::of(child.wait_with_output().unwrap()).ends_with(0);
    assert_eq!(done.objects().last().unwrap()["run_dir"], "here");
}
