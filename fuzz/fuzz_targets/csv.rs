#![no_main]

use evolvent_problems::datasets::{Column, CsvSpec, TargetKind, csv};
use libfuzzer_sys::fuzz_target;

// The first byte chooses the settings, the rest is the file.
fuzz_target!(|data: &[u8]| {
    let Some((&choice, file)) = data.split_first() else { return };
    let spec = CsvSpec {
        header: choice & 1 == 0,
        target_kind: [TargetKind::Auto, TargetKind::Classes, TargetKind::Values][usize::from(choice >> 1) % 3],
        categorical: if choice & 0x40 != 0 { vec![Column::Index(0)] } else { Vec::new() },
        ignore: if choice & 0x80 != 0 { vec![Column::Index(1)] } else { Vec::new() },
        ..Default::default()
    };
    let _ = csv::parse(file, "f.csv", &spec);
});
