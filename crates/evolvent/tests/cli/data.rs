//! A table of one's own as the data.

use crate::program::{directory, run};
use serde_json::{Value, json};
use std::fs;

/// Sixty flowers of two kinds; the length of a petal tells them apart.
fn flowers() -> String {
    let row = |i: u32| {
        let (kind, length) = if i.is_multiple_of(2) { ("rose", 2 + i % 5) } else { ("tulip", 8 + i % 7) };
        format!("{length}.5,{}.25,{},{kind}\n", i % 3, ["dry", "wet"][(i % 4 / 2) as usize])
    };
    format!("petal,sepal,soil,kind\n{}", (0..60).map(row).collect::<String>())
}

const FLOWERS: &str = "\
[problem.dataset]
source = { csv = { path = \"flowers.csv\", categorical = [\"soil\"] } }

[network.dense]
hidden = [4]

[algorithm.open_es]
population_size = 16

[run]
generations = 3
seed = 1
";

#[test]
fn a_file_named_without_a_folder_keeps_its_data() {
    let dir = directory(&[("flowers.csv", &flowers()), ("flowers.toml", FLOWERS)]);
    let at = dir.path();
    let done = run(at, &["run", "flowers.toml"]).ends_with(0);
    let split = "60 samples of 4 inputs, 2 classes; 42 for training, 9 for validation, 9 for the test";
    assert!(done.stderr.contains(split), "{}", done.stderr);
    let shown = run(at, &["show", "runs/flowers"]).ends_with(0);
    for said in [&done.stderr, &shown.stdout] {
        for part in ["(cross_entropy), accuracy ", ", on 9 test samples"] {
            assert!(said.contains(part), "{part}\n{said}");
        }
    }
    assert!(run(at, &["check", "flowers.toml"]).ends_with(0).stdout.contains(split));
    // What the numbers of the network are, wherever it goes.
    let replayed = run(at, &["replay", "runs/flowers"]).ends_with(0).stdout;
    for said in [&replayed, &run(at, &["check", "flowers.toml"]).ends_with(0).stdout] {
        for part in ["petal, sepal, soil=dry, soil=wet", "0 rose, 1 tulip"] {
            assert!(said.contains(part), "{part}\n{said}");
        }
    }
    let json: Value =
        serde_json::from_str(&run(at, &["replay", "runs/flowers", "--json"]).ends_with(0).stdout).unwrap();
    assert_eq!(json["data"]["classes"], json!(["rose", "tulip"]));
    let champion: Value =
        serde_json::from_str(&fs::read_to_string(at.join("runs/flowers/champion.json")).unwrap()).unwrap();
    assert_eq!(champion["data"]["classes"], json["data"]["classes"]);
    run(at, &["export", "runs/flowers", "--format", "json", "-o", "flowers.json"]).ends_with(0);
    let exported: Value =
        serde_json::from_str(&fs::read_to_string(at.join("flowers.json")).unwrap()).unwrap();
    assert_eq!(exported["about"]["classes"], "[\"rose\",\"tulip\"]");
    assert_eq!(exported["about"]["inputs"], "[\"petal\",\"sepal\",\"soil=dry\",\"soil=wet\"]");
    // What the report says: the same bits, from another folder too.
    fs::create_dir(at.join("elsewhere")).unwrap();
    let again = ["run", "../runs/flowers/resolved.toml", "--out", "again", "--quiet"];
    run(&at.join("elsewhere"), &again).ends_with(0);
    assert_eq!(
        crate::program::records(&at.join("runs/flowers")),
        crate::program::records(&at.join("elsewhere/again"))
    );
}

#[test]
fn what_was_not_held_out_is_said() {
    let text = FLOWERS.replace("\n\n[network", "\nvalidation = 0\ntest = 0\n\n[network");
    let dir = directory(&[("flowers.csv", &flowers()), ("flowers.toml", &text)]);
    let at = dir.path();
    let done = run(at, &["run", "flowers.toml"]).ends_with(0);
    assert!(done.stderr.contains("none held out"), "{}", done.stderr);
    assert!(done.stderr.contains("on the 60 training samples"), "{}", done.stderr);
    let report = fs::read_to_string(at.join("runs/flowers/report.html")).unwrap();
    assert!(report.contains("No samples were held out") && !report.contains("measured afresh"));
}

#[test]
fn a_file_where_a_reader_is_due() {
    let text =
        FLOWERS.replace("{ csv = { path = \"flowers.csv\", categorical = [\"soil\"] } }", "\"flowers.csv\"");
    let dir = directory(&[("flowers.csv", &flowers()), ("flowers.toml", &text)]);
    let done = run(dir.path(), &["check", "flowers.toml"]).ends_with(2);
    assert!(done.stderr.contains("source = { csv = { path = \"flowers.csv\" } }"), "{}", done.stderr);
}

#[test]
fn traps_in_a_table_are_said() {
    let rows = flowers();
    let (_, headless) = rows.split_once('\n').unwrap();
    let text = FLOWERS.replace(", categorical = [\"soil\"]", ", categorical = [2]");
    let dir = directory(&[("flowers.csv", headless), ("flowers.toml", &text)]);
    let done = run(dir.path(), &["run", "flowers.toml"]).ends_with(0);
    assert!(done.stderr.contains("`header = false` reads it as one"), "{}", done.stderr);
    let one = rows.replace("tulip", "rose");
    let dir = directory(&[("flowers.csv", &one), ("flowers.toml", FLOWERS)]);
    let done = run(dir.path(), &["check", "flowers.toml"]);
    assert!(done.stdout.contains("there is nothing to learn"), "{}{}", done.stdout, done.stderr);
}
