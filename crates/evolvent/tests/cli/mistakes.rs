//! Experiment files that are wrong: each gives exit code 2, names its places, and writes nothing.
//!
//! `tests/mistakes/NAME.toml` stands beside `NAME.stderr`, what the program says. `EVOLVENT_BLESS=1` writes the latter.

use crate::program::{Done, evolvent};
use std::{fs, path::Path};

/// The message without its lists of all known names, which grow with every algorithm that is added.
fn without_lists(text: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for line in text.lines() {
        if inside && line.starts_with("        ") {
            continue;
        }
        inside = line.contains("known: ");
        match line.find("known: ") {
            Some(at) => out.push_str(&format!("{}known: …", &line[..at])),
            None => out.push_str(line),
        }
        out.push('\n');
    }
    out
}

#[test]
fn every_mistake_is_named() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mistakes");
    let bless = std::env::var_os("EVOLVENT_BLESS").is_some();
    let mut names: Vec<String> = fs::read_dir(&folder)
        .expect("tests/mistakes")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".toml"))
        .collect();
    names.sort();
    assert!(names.len() >= 10);
    let mut different = Vec::new();
    for name in names {
        let dir = tempfile::tempdir().unwrap();
        fs::copy(folder.join(&name), dir.path().join(&name)).unwrap();
        let output = evolvent(dir.path()).args(["run", &name]).output().unwrap();
        let done = Done::of(output).ends_with(2);
        assert!(done.stdout.is_empty(), "{name}: {}", done.stdout);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "{name}: something was written");
        let golden = folder.join(name.replace(".toml", ".stderr"));
        let said = without_lists(&done.stderr);
        if bless {
            fs::write(&golden, &said).unwrap();
        } else if fs::read_to_string(&golden).ok().as_ref() != Some(&said) {
            different.push(format!("{name}:\n{said}"));
        }
    }
    assert!(different.is_empty(), "not as in tests/mistakes/*.stderr:\n{}", different.join("\n"));
}

#[test]
fn files_that_are_no_text() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("binary.toml"), [0xff, 0xfe, 0, 1, 2]).unwrap();
    fs::create_dir(dir.path().join("folder.toml")).unwrap();
    for name in ["binary.toml", "folder.toml"] {
        let done = Done::of(evolvent(dir.path()).args(["run", name]).output().unwrap()).ends_with(2);
        assert!(done.stderr.contains(name), "{}", done.stderr);
    }
}
