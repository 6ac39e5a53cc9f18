#![no_main]

use evolvent_run::checkpoint;
use libfuzzer_sys::fuzz_target;
use std::fs;

// The first two bytes say where the structure ends and the arrays begin. The checksum stands before
// the reader; the mutations of the ordinary tests (tests/runner/readers.rs) put it right.
fuzz_target!(|data: &[u8]| {
    let [low, high, rest @ ..] = data else { return };
    let (structure, arrays) = rest.split_at(usize::from(u16::from_le_bytes([*low, *high])).min(rest.len()));
    let dir = tempfile::tempdir().expect("a temporary directory");
    fs::write(dir.path().join("structure.json"), structure).expect("a file");
    fs::write(dir.path().join("arrays.safetensors"), arrays).expect("a file");
    let _ = checkpoint::load(dir.path());
});
