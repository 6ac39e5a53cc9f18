//! Ten generations of every registered algorithm on a fixed problem, compared with committed numbers.
//!
//! The numbers belong to one numeric level, on which every machine agrees. A change of an algorithm on purpose changes
//! them: `cargo xtask bless` writes them anew, and the difference is to be looked at and committed.

use crate::experiments::{every_algorithm, records, run};
use serde_json::Value;
use std::{fmt::Write, fs, path::Path};

/// FNV-1a over the bits of best, mean and evaluations of every generation; with the last best, for the reader.
fn trajectory(records: &[Value]) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    let mut mix = |bits: u64| hash = (hash ^ bits).wrapping_mul(0x0000_0100_0000_01b3);
    let numbers = |value: &Value| -> Vec<f64> {
        match value {
            Value::Array(several) => several.iter().filter_map(Value::as_f64).collect(),
            one => one.as_f64().into_iter().collect(),
        }
    };
    let mut best = Value::Null;
    for record in records.iter().filter(|record| record["event"] == "generation") {
        for key in ["best", "mean", "evaluations"] {
            numbers(&record[key]).into_iter().for_each(|number| mix(number.to_bits()));
        }
        best = record["best"].clone();
    }
    format!("{hash:016x}  {best}")
}

#[test]
fn trajectories_are_the_committed_ones() {
    let base = tempfile::tempdir().unwrap();
    let mut found = String::new();
    for (i, (name, text)) in every_algorithm(10).into_iter().enumerate() {
        let dir = base.path().join(i.to_string());
        run(&text, &[], &dir).unwrap();
        let records = records(&dir);
        if i == 0 {
            writeln!(found, "{}", records[0]["numeric_level"].as_str().unwrap()).unwrap();
        }
        writeln!(found, "{name}  {}", trajectory(&records)).unwrap();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/runner/golden.txt");
    if std::env::var_os("EVOLVENT_BLESS").is_some() {
        fs::write(path, &found).unwrap();
        return;
    }
    let committed = fs::read_to_string(path).unwrap();
    let different: Vec<(&str, &str)> = committed.lines().zip(found.lines()).filter(|(a, b)| a != b).collect();
    assert!(
        different.is_empty() && committed.lines().count() == found.lines().count(),
        "committed and found: {different:#?}\nif this was meant, `cargo xtask bless` and commit"
    );
}
