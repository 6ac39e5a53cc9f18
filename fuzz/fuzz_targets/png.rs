#![no_main]

use evolvent_problems::datasets::{Colour, Limits, png};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for colour in [Colour::Auto, Colour::Grey, Colour::Rgb] {
        let _ = png::decode(data, "f.png", colour, &Limits { bytes: 1 << 20 });
    }
});
