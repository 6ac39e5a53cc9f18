#![no_main]

use evolvent_run::{RunDir, champion::Champion};
use libfuzzer_sys::fuzz_target;
use std::fs;

// The first two bytes say where the description ends and the arrays begin.
fuzz_target!(|data: &[u8]| {
    let [low, high, rest @ ..] = data else { return };
    let (description, arrays) = rest.split_at(usize::from(u16::from_le_bytes([*low, *high])).min(rest.len()));
    let dir = tempfile::tempdir().expect("a temporary directory");
    for (name, bytes) in
        [("resolved.toml", &b""[..]), ("champion.json", description), ("champion.safetensors", arrays)]
    {
        fs::write(dir.path().join(name), bytes).expect("a file");
    }
    let run = RunDir::open(dir.path()).expect("a run directory");
    let _ = Champion::load(&run);
});
