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
    run(at, &["export", "runs/maze", "--format", "dot", "--genome", "-o", "genome.dot"]).ends_with(0);
    run(at, &["run", "maze.toml", "--quiet", "--out", "runs/maze", "--overwrite"]).ends_with(0);
    let wrong = run(at, &["export", "runs/maze", "--format", "onnx", "--genome", "-o", "x"]).ends_with(2);
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
