#![no_main]

use evolvent_problems::datasets::{ChannelAxis, Limits, TargetKind, array, npz::Archive};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(archive) = Archive::parse(data, "f.npz", &Limits { bytes: 1 << 20 }) else { return };
    for name in archive.names().into_iter().take(4) {
        if let Ok(array) = archive.array(name) {
            let _ = array::table(&array, &array, ChannelAxis::First, TargetKind::Auto);
        }
    }
});
