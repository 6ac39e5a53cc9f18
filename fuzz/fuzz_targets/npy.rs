#![no_main]

use evolvent_problems::datasets::{ChannelAxis, Limits, TargetKind, array, npy};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(array) = npy::parse(data, "f.npy", &Limits { bytes: 1 << 20 }) else { return };
    for kind in [TargetKind::Auto, TargetKind::Classes, TargetKind::Values] {
        let _ = array::table(&array, &array, ChannelAxis::Last, kind);
    }
});
