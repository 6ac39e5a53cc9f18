//! The arrows of the house: `core ◀ math ◀ {nets, problems, algos} ◀ {neat, tasks} ◀ search ◀ run ◀ cli ◀ {evolvent, py}`.

use crate::{Outcome, cargo};
use serde_json::Value;

/// The storeys from the ground up. A crate may use what stands on a lower storey; crates of one storey never meet.
const STOREYS: &[&[&str]] = &[
    &["evolvent-core"],
    &["evolvent-math"],
    &["evolvent-nets", "evolvent-problems", "evolvent-algos"],
    &["evolvent-neat", "evolvent-tasks"],
    &["evolvent-search"],
    &["evolvent-run"],
    &["evolvent-cli"],
    &["evolvent", "evolvent-py"],
];

/// For tests only: it stands beside `evolvent-math` and may be used by every crate above, as a dev-dependency.
const TEST: &str = "evolvent-test";

/// The only crate that may link an autodiff engine.
const AUTODIFF: (&str, &[&str]) = ("evolvent-search", &["burn", "candle-core", "tch"]);

fn storey(name: &str) -> Option<usize> {
    STOREYS.iter().position(|crates| crates.contains(&name))
}

/// Reads `cargo metadata` and reports every arrow that points the wrong way.
pub(crate) fn check() -> Outcome {
    let output =
        cargo("metadata --format-version 1 --no-deps --locked").output().map_err(|e| e.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let metadata: Value = serde_json::from_slice(&output.stdout).map_err(|e| e.to_string())?;
    let mut wrong = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let name = package["name"].as_str().unwrap_or_default();
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let target = dependency["name"].as_str().unwrap_or_default();
            let dev = dependency["kind"] == "dev";
            wrong.extend(fault(name, target, dev));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

fn fault(name: &str, target: &str, dev: bool) -> Option<String> {
    let (owner, engines) = AUTODIFF;
    if engines.contains(&target) && name != owner {
        return Some(format!("{name} depends on {target}: only {owner} links an autodiff engine"));
    }
    if !target.starts_with("evolvent") || name == "xtask" {
        return None;
    }
    if target == TEST {
        return (!dev).then(|| format!("{name} depends on {TEST}, which is for dev-dependencies only"));
    }
    let from = if name == TEST { Some(2) } else { storey(name) };
    match (from, storey(target)) {
        (None, _) => Some(format!("{name} has no storey: add it to xtask/src/arrows.rs")),
        (_, None) => Some(format!("{target} has no storey: add it to xtask/src/arrows.rs")),
        (Some(from), Some(to)) if to < from => None,
        _ => Some(format!("{name} depends on {target}, which does not stand below it")),
    }
}

#[cfg(test)]
mod tests {
    use super::fault;

    #[test]
    fn arrows_point_down_only() {
        assert!(fault("evolvent-run", "evolvent-algos", false).is_none());
        assert!(fault("evolvent-algos", "evolvent-nets", false).is_some());
        assert!(fault("evolvent-core", "evolvent-math", false).is_some());
        assert!(fault("evolvent-algos", "evolvent-test", true).is_none());
        assert!(fault("evolvent-algos", "evolvent-test", false).is_some());
        assert!(fault("evolvent-test", "evolvent-math", false).is_none());
        assert!(fault("evolvent-new", "evolvent-core", false).is_some());
        assert!(fault("evolvent-run", "burn", false).is_some());
        assert!(fault("evolvent-run", "serde", false).is_none());
    }
}
