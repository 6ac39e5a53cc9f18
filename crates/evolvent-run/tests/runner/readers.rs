//! Bounded fuzzing of what the runner reads: experiments, checkpoints, champions and exported models are flipped, cut,
//! spliced and overwritten, checksums put right so that changes reach the reader behind them. Whatever comes of it is a
//! value or an error. `fuzz/` holds the unbounded twin.

use crate::experiments::{CONTROLLER, parse, run};
use evolvent_core::{Purpose, RunKey, Stream, stream};
use evolvent_run::{
    Registry, RunDir,
    champion::Champion,
    checkpoint,
    export::{About, Format, read_json, read_safetensors},
};
use std::{fs, path::Path};

const CASES: u64 = 400;

/// Changes one to four places.
fn mutate(file: &[u8], s: &mut Stream) -> Vec<u8> {
    const PIECES: [&[u8]; 9] = [
        b"\"",
        b"[",
        b"}",
        b"null",
        b"-1",
        b"1e999",
        b"18446744073709551615",
        b"\xff",
        b"[problem.sphere]\n",
    ];
    let mut bytes = file.to_vec();
    for _ in 0..=s.below(4) {
        if bytes.is_empty() {
            break;
        }
        let at = s.below(bytes.len());
        let length = 1 + s.below(16.min(bytes.len() - at));
        match s.below(6) {
            0 => bytes[at] ^= 1 << s.below(8),
            1 => bytes[at] = s.next_u32() as u8,
            2 => bytes.truncate(at),
            3 => drop(bytes.drain(at..at + length)),
            4 => drop(bytes.splice(at..at, PIECES[s.below(PIECES.len())].iter().copied())),
            _ => {
                let piece = bytes[at..at + length].to_vec();
                bytes.splice(at..at, piece);
            }
        }
    }
    bytes
}

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, &byte| {
        (0..8).fold(
            crc ^ u32::from(byte),
            |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 },
        )
    })
}

/// Writes the right checksum into a description, so that what it says is read.
fn reseal(bytes: &mut [u8]) {
    const AT: usize = "{\"checksum\":\"".len();
    if bytes.len() > AT + 8 {
        let sum = format!("{:08x}", crc(&bytes[AT + 8..]));
        bytes[AT..AT + 8].copy_from_slice(sum.as_bytes());
    }
}

/// Every case of every file: the mutated file in its place, then `read`.
fn each(path: &Path, sealed: bool, seed: u64, mut read: impl FnMut() -> bool) {
    let whole = fs::read(path).unwrap();
    let mut s = stream(RunKey::from_seed(seed), 0, 0, 0, Purpose::Bootstrap);
    assert!(read(), "the file itself is read");
    let mut refused = 0;
    for case in 0..CASES {
        let mut bytes = mutate(&whole, &mut s);
        if sealed && case % 4 > 0 {
            reseal(&mut bytes);
        }
        fs::write(path, &bytes).unwrap();
        refused += u64::from(!read());
    }
    fs::write(path, &whole).unwrap();
    assert!(refused > CASES / 4, "{}: only {refused} of {CASES} were refused", path.display());
}

#[test]
fn damaged_checkpoints_champions_and_models_are_errors() {
    let base = tempfile::tempdir().unwrap();
    let dir = base.path().join("run");
    run(CONTROLLER, &[], &dir).unwrap();
    let registry = Registry::builtin();
    let run_dir = RunDir::open(&dir).unwrap();
    let saved = checkpoint::list(&run_dir.checkpoints()).unwrap().pop().unwrap();
    for (seed, sealed, name) in [(1, true, "structure.json"), (2, false, "arrays.safetensors")] {
        each(&saved.join(name), sealed, seed, || checkpoint::load(&saved).is_ok());
    }
    for (seed, sealed, path) in [(3, true, run_dir.champion_json()), (4, false, run_dir.champion_arrays())] {
        each(&path, sealed, seed, || {
            let champion = Champion::load(&run_dir);
            // What could be read is also used: its genome may be one of another network.
            champion.as_ref().is_ok_and(|c| c.program(&registry, &run_dir).is_ok())
        });
    }
    let program = Champion::load(&run_dir).unwrap().program(&registry, &run_dir).unwrap();
    let model = base.path().join("model");
    fs::write(&model, Format::Json.write(&program, &About::new()).unwrap()).unwrap();
    each(&model, false, 5, || read_json(&fs::read(&model).unwrap()).is_ok());
    fs::write(&model, Format::Safetensors.write(&program, &About::new()).unwrap()).unwrap();
    each(&model, false, 6, || read_safetensors(&fs::read(&model).unwrap()).is_ok());
}

#[test]
fn damaged_experiments_are_errors() {
    let mut s = stream(RunKey::from_seed(7), 0, 0, 0, Purpose::Bootstrap);
    let mut refused = 0;
    for _ in 0..CASES {
        let bytes = mutate(CONTROLLER.as_bytes(), &mut s);
        refused += u64::from(parse(&String::from_utf8_lossy(&bytes), &[]).is_err());
    }
    assert!(refused > CASES / 4, "only {refused} of {CASES} were refused");
}
