//! A virtual environment under `target/` with the pinned packages that the comparisons need.

use crate::{Outcome, run};
use std::{
    path::{Path, PathBuf},
    process::Command,
};

const VENV: &str = "target/python";
const REQUIREMENTS: &str = "tests/python/requirements.txt";

/// The interpreter of the environment, made on first use; `None` where there is no Python 3 at all.
pub(crate) fn interpreter() -> Result<Option<PathBuf>, String> {
    let wanted = std::fs::read_to_string(REQUIREMENTS).map_err(|e| format!("{REQUIREMENTS}: {e}"))?;
    let root = std::env::current_dir().map_err(|e| e.to_string())?.join(VENV);
    let python = root.join("bin/python");
    let stamp = root.join("requirements.txt");
    if std::fs::read_to_string(&stamp).is_ok_and(|have| have == wanted) && python.exists() {
        return Ok(Some(python));
    }
    if !Command::new("python3").arg("--version").output().is_ok_and(|o| o.status.success()) {
        return Ok(None);
    }
    create(&root, &python)?;
    std::fs::write(&stamp, wanted).map_err(|e| format!("{}: {e}", stamp.display()))?;
    Ok(Some(python))
}

fn create(root: &Path, python: &Path) -> Outcome {
    run(Command::new("python3").args(["-m", "venv"]).arg(root))?;
    run(Command::new(python).args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "-r",
        REQUIREMENTS,
    ]))
}
