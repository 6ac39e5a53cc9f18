#![no_main]

use evolvent_run::export::{read_json, read_safetensors};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = read_json(data);
    let _ = read_safetensors(data);
});
