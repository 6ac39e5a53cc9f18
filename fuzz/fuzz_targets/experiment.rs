#![no_main]

use evolvent_run::{Registry, experiment::Experiment};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::builtin);

// Reading only: starting would load data and begin programs.
fuzz_target!(|text: &str| {
    let _ = Experiment::parse(&REGISTRY, "f.toml", text, &[]);
});
