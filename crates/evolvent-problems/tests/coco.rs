//! Our BBOB functions against COCO's.
//!
//! The committed fixture always runs. The live test needs a Python with `cocoex` (package `coco-experiment`),
//! `EVOLVENT_PYTHON` or `python3`, and says so when it skips.
#![allow(clippy::print_stderr)]

use evolvent_problems::functions::{Bbob, BbobParameters, Function};
use std::process::{Command, Stdio};

/// As in `coco/values.py`.
fn coordinate(function: u32, k: usize, i: usize) -> f64 {
    let grid = ((k + 1) * 7919 * (i + 1) + 3571 * i * i + 131 * function as usize) % 10007;
    11.0 * grid as f64 / 10007.0 - 5.5
}

/// Compares the lines of `values.py`; gives the number of problems.
fn compare(lines: &str) -> usize {
    let mut problems = 0;
    for line in lines.lines().filter(|line| !line.starts_with('#')) {
        let mut fields = line.split(' ');
        let mut integer = || fields.next().and_then(|field| field.parse::<u32>().ok()).expect("an integer");
        let (function, instance, dimension) = (integer(), integer(), integer() as usize);
        let numbers: Vec<f64> = fields.map(|field| field.parse().expect("a number")).collect();
        let bbob = Bbob::new(&BbobParameters { function, instance, dimension }).expect("valid parameters");
        let best = bbob.optimum().expect("known").value;
        assert!(
            (best - numbers[0]).abs() < 1e-9,
            "f{function} i{instance} d{dimension}: {best}, {}",
            numbers[0]
        );
        let (mut scratch, mut out) = (Vec::new(), [0.0]);
        for (k, &expected) in numbers[1..].iter().enumerate() {
            let x: Vec<f64> = (0..dimension).map(|i| coordinate(function, k, i)).collect();
            bbob.evaluate(&x, &mut out, &mut [], &mut scratch);
            // Relative to the height above the optimum, which the offset would hide.
            let height = expected - numbers[0];
            let error = (out[0] - expected).abs();
            assert!(
                error <= 1e-9 * height + 1e-12 * expected.abs(),
                "f{function} i{instance} d{dimension} point {k}: {}, COCO {expected}",
                out[0]
            );
        }
        problems += 1;
    }
    problems
}

#[test]
fn the_fixture_agrees() {
    assert_eq!(compare(include_str!("coco/values.txt")), 24 * 6 * 2);
}

#[test]
fn live() {
    let python = std::env::var("EVOLVENT_PYTHON").unwrap_or_else(|_| "python3".to_string());
    let importable = Command::new(&python)
        .args(["-c", "import cocoex"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|s| s.success());
    if !importable {
        eprintln!("skipped: {python} has no cocoex (pip install coco-experiment, or set EVOLVENT_PYTHON)");
        return;
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/coco/values.py");
    for (instances, points, problems) in [("1-15", "10", 24 * 6 * 15), ("101-110", "2", 24 * 6 * 10)] {
        let output = Command::new(&python).args([script, instances, points]).output().expect("python runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(compare(&String::from_utf8_lossy(&output.stdout)), problems);
    }
}
