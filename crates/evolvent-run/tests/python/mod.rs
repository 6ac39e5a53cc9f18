//! Running the scripts under `tests/python` of the repository, where a Python with the packages they need is at hand.
#![allow(clippy::print_stderr)] // a test says that it skips

use std::{path::Path, process::Command};

/// Runs a script with one argument and returns whether it ran. Where Python or one of the modules is missing the test
/// is skipped with a note, unless `EVOLVENT_REQUIRE_PYTHON` is set.
pub(crate) fn run_script(script: &str, modules: &str, argument: &Path) -> bool {
    let python = std::env::var_os("EVOLVENT_PYTHON").unwrap_or_else(|| "python3".into());
    let found = Command::new(&python).arg("-c").arg(format!("import {modules}")).output();
    if !found.as_ref().is_ok_and(|output| output.status.success()) {
        assert!(
            std::env::var_os("EVOLVENT_REQUIRE_PYTHON").is_none(),
            "{} cannot import {modules}: {found:?}",
            python.display()
        );
        eprintln!("skipped: {} cannot import {modules}", python.display());
        return false;
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/python").join(script);
    let output = Command::new(&python).arg(path).arg(argument).output().expect("it ran a moment ago");
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{script}: {said}");
    true
}
