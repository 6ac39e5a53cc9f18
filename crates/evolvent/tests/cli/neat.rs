//! A run of NEAT through every verb.

use crate::program::{directory, run};
use serde_json::Value;
use std::fs;

const NEAT: &str = "[problem.t_maze]
episodes = 4

[network.graph]
dynamics = \"recurrent\"
activations = [\"tanh\", \"sigmoid\"]

[algorithm.neat]
population_size = 60
mutation.add_node = 0.3
mutation.add_connection = 0.4

[run]
generations = 12
validation_episodes = 10
seed = 2
";

#[test]
fn a_run_is_shown_drawn_and_written_down() {
    let dir = directory(&[("maze.toml", NEAT)]);
    let at = dir.path();
    run(at, &["run", "maze.toml", "--quiet"]).ends_with(0);
    let lineage = fs::metadata(at.join("runs/maze/lineage.bin")).unwrap().len();
    assert_eq!(lineage, 24 + 12 * 60 * 33);
    let shown = run(at, &["show", "runs/maze", "--lineage"]).ends_with(0);
    for part in ["champion ", "main line", "first genome", "mutation", "paid"] {
        assert!(shown.stdout.contains(part), "{part}\n{}", shown.stdout);
    }
    let json = run(at, &["show", "runs/maze", "--lineage", "--json"]).ends_with(0);
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    let children: u64 =
        json["operators"].as_array().unwrap().iter().map(|o| o["children"].as_u64().unwrap()).sum();
    assert_eq!(children, 12 * 60);
    assert_eq!(json["line"].as_array().unwrap().last().unwrap()["operator"], "first genome");
    let report = fs::read_to_string(at.join("runs/maze/report.html")).unwrap();
    assert!(report.contains("Complexity") && report.contains("Species"), "{report}");
    run(at, &["replay", "runs/maze", "--episodes", "5"]).ends_with(0);
    for (format, part) in [
        ("onnx", "evolvent"),
        ("json", "\"evolvent.network\""),
        ("latex", "\\begin{align*}"),
        ("python", "def network(x, s):"),
        ("rust", "pub fn network("),
        ("c", "void network("),
        ("dot", "digraph"),
        ("svg", "<svg"),
    ] {
        let file = format!("champion.{format}");
        run(at, &["export", "runs/maze", "--format", format, "-o", &file]).ends_with(0);
        let bytes = fs::read(at.join(&file)).unwrap();
        assert!(String::from_utf8_lossy(&bytes).contains(part), "{format}");
    }
    run(at, &["export", "runs/maze", "--format", "dot", "--picture", "genome", "-o", "genome.dot"])
        .ends_with(0);
    run(at, &["run", "maze.toml", "--quiet", "--out", "runs/maze", "--overwrite"]).ends_with(0);
    let wrong =
        run(at, &["export", "runs/maze", "--format", "onnx", "--picture", "genome", "-o", "x"]).ends_with(2);
    assert!(wrong.stderr.contains("--format dot or svg"), "{}", wrong.stderr);
}

#[test]
fn networks_without_a_graph_cannot_be_drawn() {
    let text = NEAT.replace("[network.graph]", "[network.recurrent]");
    let text = text.replace("dynamics = \"recurrent\"\nactivations = [\"tanh\", \"sigmoid\"]\n", "");
    let text = text.replace(
        "[algorithm.neat]\npopulation_size = 60\nmutation.add_node = 0.3\nmutation.add_connection = 0.4",
        "[algorithm.random_search]\npopulation_size = 4",
    );
    let dir = directory(&[("dense.toml", &text)]);
    let at = dir.path();
    run(at, &["run", "dense.toml", "--quiet", "--set", "run.generations=1"]).ends_with(0);
    let wrong = run(at, &["export", "runs/dense", "--format", "svg", "-o", "x.svg"]).ends_with(2);
    assert!(wrong.stderr.contains("kind `vector`"), "{}", wrong.stderr);
    let none = run(at, &["show", "runs/dense", "--lineage"]).ends_with(2);
    assert!(none.stderr.contains("keeps lineage"), "{}", none.stderr);
}

#[test]
fn painted_networks_and_their_patterns_are_drawn() {
    let experiment = |name: &str| {
        fs::read_to_string(format!("{}/../../experiments/{name}.toml", env!("CARGO_MANIFEST_DIR"))).unwrap()
    };
    let dir = directory(&[
        ("visual.toml", &experiment("visual_discrimination")),
        ("retina.toml", &experiment("retina")),
        ("cartpole.toml", &experiment("cartpole_neat")),
    ]);
    let at = dir.path();
    for (name, neurons, panels) in [("visual", 242, 1), ("retina", 8 + 2, 5)] {
        run(at, &["run", &format!("{name}.toml"), "--quiet", "--set", "run.generations=2"]).ends_with(0);
        let runs = format!("runs/{name}");
        let export = |format: &str, picture: &str| {
            let asked = ["export", &runs, "--format", format, "--picture", picture, "-o", "-"];
            run(at, &asked).ends_with(0).stdout
        };
        let svg = export("svg", "network");
        assert!(svg.matches("<circle").count() >= neurons, "{name}\n{svg}");
        assert!(export("dot", "substrate").matches("pos=").count() >= neurons);
        let pattern = export("svg", "pattern");
        assert_eq!(pattern.matches("font-weight").count(), panels, "{name}");
        assert!(pattern.starts_with("<svg") && pattern.trim_end().ends_with("</svg>"));
        let genome = export("svg", "genome");
        assert_eq!(genome.matches(">1</text>").count(), 1, "one bias\n{genome}");
        assert!(["s1", "s2", "t1", "t2"].iter().all(|input| genome.contains(&format!(">{input}</text>"))));
    }
    let from = |point: &str| {
        run(
            at,
            &["export", "runs/visual", "--format", "svg", "--picture", "pattern", "--from", point, "-o", "-"],
        )
    };
    assert!(from("-0.5,0.25").ends_with(0).stdout.contains("from (-0.5, 0.25)"));
    let wrong = from("1,2,3").ends_with(2);
    assert!(wrong.stderr.contains("2 finite coordinates"), "{}", wrong.stderr);
    run(at, &["run", "cartpole.toml", "--quiet", "--set", "run.generations=1"]).ends_with(0);
    for (asked, expected) in [
        (["--format", "svg", "--picture", "pattern"], "[network.hyperneat]"),
        (["--format", "dot", "--picture", "pattern"], "--format svg"),
        (["--format", "svg", "--from", "0"], "--picture pattern"),
    ] {
        let command = [&["export", "runs/cartpole", "-o", "-"][..], &asked].concat();
        let wrong = run(at, &command).ends_with(2);
        assert!(wrong.stderr.contains(expected), "{}", wrong.stderr);
    }
}

#[test]
fn a_configuration_of_neat_python_is_imported_and_runs() {
    let ini = include_str!("../../../evolvent-run/src/neat_python/cartpole.ini");
    let dir = directory(&[("cartpole.ini", ini), ("broken.ini", "[NEAT]\npop_size\n")]);
    let at = dir.path();
    let imported = run(at, &["neat", "import", "cartpole.ini", "--problem", "cart_pole"]).ends_with(0);
    assert!(imported.stdout.contains("my_own_key = 1: no such setting"), "{}", imported.stdout);
    run(at, &["run", "cartpole.toml", "--quiet", "--set", "run.generations=2"]).ends_with(0);
    let broken =
        run(at, &["neat", "import", "broken.ini", "--problem", "cart_pole", "-o", "x.toml"]).ends_with(2);
    assert!(
        broken.stderr.contains("broken.ini:2") && broken.stderr.contains("key = value"),
        "{}",
        broken.stderr
    );
    let unnamed = run(at, &["neat", "import", "cartpole.ini", "-o", "x.toml"]).ends_with(2);
    assert!(unnamed.stderr.contains("--problem"), "{}", unnamed.stderr);
    let other =
        run(at, &["neat", "import", "cartpole.ini", "--problem", "sphere", "-o", "x.toml"]).ends_with(2);
    assert!(other.stderr.contains("shown to networks"), "{}", other.stderr);
}
