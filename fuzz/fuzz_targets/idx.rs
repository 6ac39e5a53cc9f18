#![no_main]

use evolvent_problems::datasets::{ChannelAxis, Limits, TargetKind, array, idx};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(array) = idx::parse(data, "f.idx", &Limits { bytes: 1 << 20 }) else { return };
    let _ = array::table(&array, &array, ChannelAxis::First, TargetKind::Auto);
});
