//! Bounded fuzzing of the readers: valid files are flipped, cut, spliced and overwritten with numbers that headers like to
//! lie with. Whatever comes of it must be a table or an error, and little memory. `fuzz/` holds the unbounded twin.

use evolvent_core::{Purpose, RunKey, Stream, stream};
use evolvent_problems::datasets::{
    ChannelAxis, Colour, CsvSpec, DataError, Limits, TargetKind, array, csv, idx, npy, npz, png,
};

#[global_allocator]
static MEMORY: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;

/// What a reader may unpack, and what a case may take in all: bytes become `f32`, vectors double as they grow.
const LIMITS: Limits = Limits { bytes: 1 << 20 };
const MOST_MEMORY: usize = 16 << 20;
const CASES: usize = 60_000;

fn read_csv(bytes: &[u8]) -> Result<(), DataError> {
    csv::parse(bytes, "f.csv", &CsvSpec::default())?;
    Ok(())
}

fn read_idx(bytes: &[u8]) -> Result<(), DataError> {
    let array = idx::parse(bytes, "f.idx", &LIMITS)?;
    array::table(&array, &array, ChannelAxis::First, TargetKind::Auto)?;
    Ok(())
}

fn read_npy(bytes: &[u8]) -> Result<(), DataError> {
    let array = npy::parse(bytes, "f.npy", &LIMITS)?;
    array::table(&array, &array, ChannelAxis::Last, TargetKind::Auto)?;
    Ok(())
}

fn read_npz(bytes: &[u8]) -> Result<(), DataError> {
    let archive = npz::Archive::parse(bytes, "f.npz", &LIMITS)?;
    let (inputs, targets) = (archive.array("inputs")?, archive.array("targets")?);
    array::table(&inputs, &targets, ChannelAxis::First, TargetKind::Classes)?;
    Ok(())
}

fn read_png(bytes: &[u8]) -> Result<(), DataError> {
    png::decode(bytes, "f.png", Colour::Auto, &LIMITS)?;
    Ok(())
}

type Reader = fn(&[u8]) -> Result<(), DataError>;

/// Changes one to four places of `file`; pieces may come from `other`.
fn mutate(file: &[u8], other: &[u8], s: &mut Stream) -> Vec<u8> {
    const NUMBERS: [u64; 8] = [0, 1, 0x7f, 0xff, 0xffff, 0x7fff_ffff, 0xffff_ffff, u64::MAX];
    let mut bytes = file.to_vec();
    for _ in 0..=s.below(4) {
        if bytes.is_empty() {
            break;
        }
        let at = s.below(bytes.len());
        let length = 1 + s.below(16.min(bytes.len() - at));
        match s.below(7) {
            0 => bytes[at] ^= 1 << s.below(8),
            1 => bytes[at] = s.next_u32() as u8,
            2 => bytes.truncate(at),
            3 => drop(bytes.drain(at..at + length)),
            4 => {
                let from = s.below(other.len());
                let piece = &other[from..(from + 1 + s.below(16)).min(other.len())];
                bytes.splice(at..at, piece.iter().copied());
            }
            5 => {
                let piece = bytes[at..at + length].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => {
                let number = NUMBERS[s.below(NUMBERS.len())];
                let width = (1 << s.below(4)).min(bytes.len() - at);
                let little = number.to_le_bytes();
                let big = number.to_be_bytes();
                let field = if s.chance(0.5) { &little[..width] } else { &big[8 - width..] };
                bytes[at..at + width].copy_from_slice(field);
            }
        }
    }
    bytes
}

/// Writes the right checksums into the chunks of a PNG file, so that changes reach the decoder behind them.
fn repair_png(bytes: &mut [u8]) {
    let mut at = 8;
    while let Some(length) = bytes.get(at..at + 4) {
        let length = u32::from_be_bytes([length[0], length[1], length[2], length[3]]) as usize;
        let Some(end) = (at + 8).checked_add(length).filter(|end| end + 4 <= bytes.len()) else { return };
        let mut crc = flate2::Crc::new();
        crc.update(&bytes[at + 4..end]);
        bytes[end..end + 4].copy_from_slice(&crc.sum().to_be_bytes());
        at = end + 4;
    }
}

#[test]
fn damaged_files_are_errors_and_take_little_memory() {
    macro_rules! fixtures {
        ($($file:literal),*) => { vec![$(include_bytes!(concat!("fixtures/", $file)).to_vec()),*] };
    }
    let formats: [(&str, Reader, Vec<Vec<u8>>); 5] = [
        ("csv", read_csv, fixtures!["csv/classes.csv", "csv/semicolon.csv"]),
        (
            "idx",
            read_idx,
            fixtures![
                "idx/images-idx3-ubyte",
                "idx/images-idx3-ubyte.gz",
                "idx/labels-idx1-ubyte",
                "idx/floats-idx2-float"
            ],
        ),
        (
            "npy",
            read_npy,
            fixtures!["npy/f8_fortran.npy", "npy/i2_big.npy", "npy/text.npy", "npy/u1_images.npy"],
        ),
        ("npz", read_npz, fixtures!["npz/stored.npz", "npz/deflated.npz"]),
        (
            "png",
            read_png,
            fixtures![
                "png/grey8.png",
                "png/grey1.png",
                "png/rgb8.png",
                "png/rgba16.png",
                "png/palette.png",
                "png/grey_alpha8.png"
            ],
        ),
    ];
    let mut s = stream(RunKey::from_seed(2024), 0, 0, 0, Purpose::Problem);
    for (name, reader, files) in &formats {
        let (mut accepted, mut refused) = (0, 0);
        for case in 0..CASES / formats.len() {
            let (file, other) = (&files[s.below(files.len())], &files[s.below(files.len())]);
            let mut bytes = mutate(file, other, &mut s);
            if *name == "png" && s.chance(0.5) {
                repair_png(&mut bytes);
            }
            let before = MEMORY.current_usage();
            MEMORY.reset_peak_usage();
            let result = std::panic::catch_unwind(|| reader(&bytes));
            let taken = MEMORY.peak_usage().saturating_sub(before);
            match result {
                Err(_) => panic!("{name}, case {case}: panic on {bytes:?}"),
                Ok(Ok(())) => accepted += 1,
                Ok(Err(error)) => {
                    refused += 1;
                    let text = error.to_string();
                    assert!(text.starts_with("f.") && text.len() < 2000, "{name}, case {case}: {text}");
                }
            }
            assert!(taken < MOST_MEMORY, "{name}, case {case}: {taken} bytes for {bytes:?}");
        }
        // Both must happen, or the mutations are too weak or too strong to test anything.
        assert!(accepted > 20 && refused > 1000, "{name}: {accepted} accepted, {refused} refused");
    }
}
