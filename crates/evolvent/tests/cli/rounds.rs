//! Verbs that read what other verbs wrote.

use crate::program::{CART_POLE, SPHERE, directory, evolvent, run};
use serde_json::Value;
use std::fs;

#[test]
fn show_replay_and_export_a_run() {
    let dir = directory(&[("cart.toml", CART_POLE)]);
    let at = dir.path();
    run(at, &["run", "cart.toml", "--quiet"]).ends_with(0);
    for file in [
        "config.toml",
        "resolved.toml",
        "events.jsonl",
        "champion.json",
        "champion.safetensors",
        "report.html",
    ] {
        assert!(at.join("runs/cart").join(file).is_file(), "{file}");
    }
    let shown = run(at, &["show", "runs/cart"]).ends_with(0);
    for part in ["cart_pole", "open_es", "dense", "generations", "█"] {
        assert!(shown.stdout.contains(part), "{part}\n{}", shown.stdout);
    }
    fs::remove_file(at.join("runs/cart/report.html")).unwrap();
    run(at, &["show", "runs/cart", "--report"]).ends_with(0);
    assert!(fs::read_to_string(at.join("runs/cart/report.html")).unwrap().contains("</html>"));

    let replay = |extra: &[&str]| {
        let done = run(at, &[&["replay", "runs/cart", "--json"][..], extra].concat()).ends_with(0);
        serde_json::from_str::<Value>(&done.stdout).unwrap()
    };
    let (first, again) = (replay(&["--episodes", "20"]), replay(&["--episodes", "20", "--threads", "1"]));
    assert_eq!(first, again, "the same fresh episodes on any number of threads");
    assert_eq!(first["repetitions"], 20);
    let other = replay(&["--episodes", "20", "--seed", "1"]);
    assert_ne!(first["mean"], other["mean"]);
    let human = run(at, &["replay", "runs/cart", "--episodes", "20"]).ends_with(0);
    assert!(human.stdout.contains("over 20 episodes"), "{human:?}");

    for format in ["onnx", "safetensors", "json"] {
        let file = format!("champion.{format}");
        let export = ["export", "runs/cart", "--format", format, "-o", &file];
        run(at, &export).ends_with(0);
        assert!(fs::metadata(at.join(&file)).unwrap().len() > 100);
        assert!(run(at, &export).ends_with(2).stderr.contains("--overwrite"));
        run(at, &[&export[..], &["--overwrite"]].concat()).ends_with(0);
        let piped =
            evolvent(at).args(["export", "runs/cart", "--format", format, "-o", "-"]).output().unwrap();
        assert_eq!(piped.stdout, fs::read(at.join(&file)).unwrap());
    }
    run(at, &["export", "runs/cart", "--format", "pickle", "-o", "x"]).ends_with(2);
    let text = fs::read_to_string(at.join("champion.json")).unwrap();
    let network: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(network["format"], "evolvent.network");
    assert_eq!(network["about"]["problem"], "cart_pole");
}

#[test]
fn what_is_no_network_is_not_exported_as_one() {
    let dir = directory(&[("sphere.toml", SPHERE)]);
    let at = dir.path();
    run(at, &["run", "sphere.toml", "--quiet"]).ends_with(0);
    let done = run(at, &["export", "runs/sphere", "--format", "onnx", "-o", "x.onnx"]).ends_with(2);
    assert!(done.stderr.contains("sphere") && !at.join("x.onnx").exists(), "{}", done.stderr);
    assert!(done.stderr.contains("`--format json` writes its numbers"), "{}", done.stderr);
    // Its numbers are the answer.
    let export = ["export", "runs/sphere", "--format", "json", "-o", "-"];
    let exported: Value = serde_json::from_str(&run(at, &export).ends_with(0).stdout).unwrap();
    assert_eq!(exported["genome"].as_array().unwrap().len(), 5);
    for verb in ["replay", "show"] {
        let said = run(at, &[verb, "runs/sphere"]).ends_with(0).stdout;
        let line = said.lines().find(|line| line.starts_with("solution")).unwrap_or_else(|| panic!("{said}"));
        assert_eq!(line.matches(',').count(), 4, "{line}");
    }
}

#[test]
fn broken_run_directories() {
    let dir = directory(&[("cart.toml", CART_POLE)]);
    let at = dir.path();
    run(at, &["run", "cart.toml", "--out", "run", "--quiet"]).ends_with(0);
    fs::write(at.join("run/champion.safetensors"), "nonsense").unwrap();
    for arguments in [&["replay", "run"][..], &["export", "run", "--format", "onnx", "-o", "x"]] {
        let done = run(at, arguments).ends_with(2);
        assert!(done.stderr.contains("champion.safetensors"), "{}", done.stderr);
    }
    fs::write(at.join("run/events.jsonl"), "{\"event\":\"gener").unwrap();
    run(at, &["show", "run"]).ends_with(0);
    fs::write(at.join("run/events.jsonl"), "{\"event\":\"gener\n").unwrap();
    assert!(run(at, &["show", "run"]).ends_with(2).stderr.contains("events.jsonl:1"));
}

#[test]
fn comparing_experiments() {
    let de = SPHERE.replace("cma_es", "de");
    let other = SPHERE.replace("dimension = 5", "dimension = 6");
    let dir = directory(&[("cma.toml", SPHERE), ("de.toml", &de), ("other.toml", &other)]);
    let at = dir.path();
    let compare =
        ["compare", "cma.toml", "de.toml", "--repeats", "3", "--set", "run.target=1e-1", "--out", "both"];
    let done = run(at, &compare).ends_with(0);
    for part in ["cma", "de", "ERT", "p = "] {
        assert!(done.stdout.contains(part), "{part}\n{}", done.stdout);
    }
    for file in ["comparison.md", "comparison.csv", "comparison.json", "comparison.html", "comparison.svg"] {
        assert!(fs::metadata(at.join("both").join(file)).unwrap().len() > 100, "{file}");
    }
    assert_eq!(fs::read_to_string(at.join("both/comparison.csv")).unwrap().lines().count(), 7);
    run(at, &["show", "both/cma/seed-2"]).ends_with(0);
    let whole = run(at, &["show", "both"]).ends_with(2).stderr;
    assert!(whole.contains("both/comparison.html") && whole.contains("both/cma/seed-1"), "{whole}");
    assert!(run(at, &compare).ends_with(2).stderr.contains("--overwrite"));
    let json = run(at, &[&compare[..], &["--overwrite", "--json"]].concat()).ends_with(0);
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["contenders"].as_array().unwrap().len(), 2);
    let done = run(at, &["compare", "cma.toml", "other.toml", "--repeats", "2", "--out", "no"]).ends_with(2);
    assert!(done.stderr.contains("dimension") && !at.join("no").exists(), "{}", done.stderr);
}

#[test]
fn lists_descriptions_and_the_schema() {
    let dir = directory(&[]);
    let at = dir.path();
    let all = run(at, &["list"]).ends_with(0).stdout;
    for name in ["open_es", "cma_es", "cart_pole", "sphere", "dataset", "command", "dense"] {
        assert!(all.lines().any(|line| line.split_whitespace().next() == Some(name)), "{name}\n{all}");
    }
    let algorithms = run(at, &["list", "algorithms"]).ends_with(0).stdout;
    assert!(algorithms.contains("open_es") && !algorithms.contains("cart_pole"));
    let json: Value =
        serde_json::from_str(&run(at, &["list", "problems", "--json"]).ends_with(0).stdout).unwrap();
    assert!(json.as_array().unwrap().iter().any(|entry| entry["name"] == "cart_pole"));
    assert!(run(at, &["list", "algorithms", "--markdown"]).ends_with(0).stdout.contains("## `open_es`"));

    let open_es = run(at, &["describe", "open_es"]).ends_with(0).stdout;
    assert!(open_es.contains("population_size") && open_es.contains("sigma"), "{open_es}");
    run(at, &["describe", "CartPole-v1"]).ends_with(0);
    assert!(open_es.contains("More: describe open_es.optimizer"), "{open_es}");
    for (name, parts) in [
        ("neat.mutation", &["[algorithm.neat.mutation]", "add_node", "default"][..]),
        ("open_es.optimizer.adam", &["beta1", "must be given", "decay of the mean"]),
        ("dataset.source", &["iris", "150 samples", "csv", "More: describe dataset.source.csv"]),
        ("dataset.source.csv", &["categorical", "must be given", "Columns that are no inputs"]),
    ] {
        let said = run(at, &["describe", name]).ends_with(0).stdout;
        parts.iter().for_each(|part| assert!(said.contains(part), "{name}: {part}\n{said}"));
    }
    let wrong = run(at, &["describe", "neat.mutaton"]).ends_with(2).stderr;
    assert!(wrong.contains("a key of `neat`") && wrong.contains("`mutation`"), "{wrong}");
    let done = run(at, &["describe", "open_ex"]).ends_with(2);
    assert!(done.stderr.contains("open_es"), "{}", done.stderr);

    let schema: Value = serde_json::from_str(&run(at, &["schema"]).ends_with(0).stdout).unwrap();
    for table in ["problem", "network", "algorithm", "run"] {
        assert!(schema["properties"][table].is_object(), "{table}");
    }
    for shell in ["bash", "zsh", "fish"] {
        assert!(run(at, &["completions", shell]).ends_with(0).stdout.contains("evolvent"));
    }
}

#[test]
fn what_init_writes_runs() {
    let dir = directory(&[]);
    let at = dir.path();
    let done = run(at, &["init"]).ends_with(0);
    assert_eq!(done.last_line().trim(), "evolvent run cart_pole.toml");
    assert!(run(at, &["init"]).ends_with(2).stderr.contains("--overwrite"));
    let names = run(at, &["list", "problems", "--json"]).ends_with(0).stdout;
    let names: Value = serde_json::from_str(&names).unwrap();
    for name in names.as_array().unwrap().iter().map(|entry| entry["name"].as_str().unwrap()) {
        let file = format!("my {name}.toml");
        run(at, &["init", name, "-o", &file]).ends_with(0);
        let text = fs::read_to_string(at.join(&file)).unwrap();
        assert!(text.contains(&format!("[problem.{name}]")) && text.contains("# "), "{text}");
        let short = ["--set", "run.generations=1", "--quiet"];
        run(at, &[&["run", &file][..], &short[..]].concat()).ends_with(0);
    }
    let unknown = run(at, &["init", "nothing_of_that_name"]).ends_with(2);
    assert!(unknown.stderr.contains("init: expected the name of a problem"), "{}", unknown.stderr);
    let unknown = run(at, &["init", "sphere", "--algorithm", "cmaes", "-o", "x.toml"]).ends_with(2);
    assert!(
        unknown.stderr.contains("--algorithm: ") && unknown.stderr.contains("`cma_es`"),
        "{}",
        unknown.stderr
    );
}

#[test]
fn a_run_that_is_over_says_how_it_goes_on() {
    let text = SPHERE.replace("generations = 20", "generations = 20\ntarget = 1e9");
    let dir = directory(&[("sphere.toml", SPHERE), ("easy.toml", &text)]);
    let at = dir.path();
    run(at, &["run", "sphere.toml", "--quiet"]).ends_with(0);
    let again = run(at, &["resume", "runs/sphere", "--quiet"]).ends_with(0).stderr;
    assert!(again.contains("no generation was done") && again.contains("--set run.generations="), "{again}");
    let lower = run(at, &["resume", "runs/sphere", "--set", "run.generations=15"]).ends_with(2).stderr;
    assert!(lower.contains("run.generations: expected at least the 20 that are done"), "{lower}");
    let further =
        run(at, &["resume", "runs/sphere", "--set", "run.generations=25", "--quiet"]).ends_with(0).stderr;
    assert!(!further.contains("no generation was done"), "{further}");
    run(at, &["run", "easy.toml", "--quiet"]).ends_with(0);
    let reached =
        run(at, &["resume", "runs/easy", "--set", "run.generations=200", "--quiet"]).ends_with(0).stderr;
    assert!(
        reached.contains("the target was reached already") && reached.contains("run.target"),
        "{reached}"
    );
}
