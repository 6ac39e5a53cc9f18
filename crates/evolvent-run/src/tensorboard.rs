//! TensorBoard event files: record framing, checksums and the few protocol buffer messages that curves and histograms
//! need, written directly.
//!
//! A file is a sequence of records: the length of the data (8 bytes, little endian), a masked CRC-32C of those 8 bytes,
//! the data, a masked CRC-32C of the data. The data is an `Event` message; the first one names the file version.

use crate::{
    observer::{Observer, RecordFile, RunInfo},
    protobuf::Message,
    record::{Event, PerObjective},
};
use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
};

/// The version that the first event of every file announces.
const FILE_VERSION: &str = "brain.Event:2";

/// Writes one event file.
///
/// ```
/// let mut file = Vec::new();
/// let mut events = evolvent_run::tensorboard::EventWriter::new(&mut file, 0.0).unwrap();
/// events.scalars(1.0, 7, &[("best", 0.5)]).unwrap();
/// assert!(file.windows(13).any(|w| w == b"brain.Event:2"));
/// ```
#[derive(Debug)]
pub struct EventWriter<W> {
    out: W,
}

impl<W: Write> EventWriter<W> {
    /// Begins a file; `wall_time` is in seconds since 1970.
    pub fn new(out: W, wall_time: f64) -> io::Result<Self> {
        let mut writer = EventWriter { out };
        let mut event = Message::default();
        event.double(1, wall_time).string(3, FILE_VERSION);
        writer.record(event.as_bytes())?;
        Ok(writer)
    }

    /// One point of each named curve at `step`. Curves are single precision, as TensorBoard stores them.
    pub fn scalars(&mut self, wall_time: f64, step: u64, values: &[(&str, f64)]) -> io::Result<()> {
        let mut summary = Message::default();
        for (tag, value) in values {
            let mut entry = Message::default();
            entry.string(1, tag).float(2, *value as f32);
            summary.message(1, &entry);
        }
        self.event(wall_time, step, &summary)
    }

    /// The distribution of `values` at `step`. Values that are no finite numbers are left out; nothing is written if none
    /// is left.
    pub fn histogram(&mut self, wall_time: f64, step: u64, tag: &str, values: &[f64]) -> io::Result<()> {
        let finite: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
        if finite.is_empty() {
            return Ok(());
        }
        let mut entry = Message::default();
        entry.string(1, tag).message(5, &histogram(&finite));
        let mut summary = Message::default();
        summary.message(1, &entry);
        self.event(wall_time, step, &summary)
    }

    /// Goes on with a file that was begun before.
    pub fn append(out: W) -> Self {
        EventWriter { out }
    }

    /// Hands everything written so far to the operating system.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn event(&mut self, wall_time: f64, step: u64, summary: &Message) -> io::Result<()> {
        let mut event = Message::default();
        event.double(1, wall_time).int(2, step as i64).message(5, summary);
        self.record(event.as_bytes())
    }

    fn record(&mut self, data: &[u8]) -> io::Result<()> {
        let length = (data.len() as u64).to_le_bytes();
        self.out.write_all(&length)?;
        self.out.write_all(&masked_crc32c(&length).to_le_bytes())?;
        self.out.write_all(data)?;
        self.out.write_all(&masked_crc32c(data).to_le_bytes())
    }
}

/// Where the event file lies in a run directory. TensorBoard takes any file with `tfevents` in its name.
pub const EVENT_FILE: &str = "tensorboard/events.out.tfevents.evolvent";

/// Writes a run's curves for TensorBoard; the step is the generation.
///
/// Curves: `fitness/best`, `fitness/mean`, `fitness/median`, `fitness/std` and `validation/mean` (with the objective's
/// number behind it where there are several), `run/evaluations`, `run/failures`, and each diagnostic as
/// `algorithm/NAME`.
#[derive(Debug, Default)]
pub struct TensorBoard {
    file: Option<File>,
    events: Option<EventWriter<BufWriter<File>>>,
}

impl TensorBoard {
    /// Nothing is opened before the run begins.
    pub fn new() -> Self {
        TensorBoard::default()
    }

    /// The writer, after the file version where the file is new.
    fn events(&mut self, unix: f64) -> io::Result<&mut EventWriter<BufWriter<File>>> {
        if let Some(file) = self.file.take() {
            let empty = file.metadata()?.len() == 0;
            let out = BufWriter::new(file);
            self.events = Some(if empty { EventWriter::new(out, unix)? } else { EventWriter::append(out) });
        }
        self.events.as_mut().ok_or_else(|| io::Error::other("an event came before the run began"))
    }
}

impl Observer for TensorBoard {
    fn begin(&mut self, run: &RunInfo) -> io::Result<()> {
        let path = run.dir.join(EVENT_FILE);
        fs::create_dir_all(path.parent().unwrap_or(&run.dir))?;
        let mut options = File::options();
        let new = run.resumed_at == 0;
        options.create(true).write(new).truncate(new).append(!new);
        self.file = Some(options.open(path)?);
        Ok(())
    }

    fn observe(&mut self, event: &Event) -> io::Result<()> {
        let mut values: Vec<(String, f64)> = Vec::new();
        let (generation, timing) = match event {
            Event::Generation(g) => {
                for (tag, numbers) in
                    [("best", &g.best), ("mean", &g.mean), ("median", &g.median), ("std", &g.std)]
                {
                    per_objective(&mut values, &format!("fitness/{tag}"), numbers);
                }
                values.push(("run/evaluations".into(), g.evaluations as f64));
                values.push(("run/failures".into(), g.failures as f64));
                values.extend(g.diagnostics.0.iter().map(|(name, v)| (format!("algorithm/{name}"), *v)));
                (g.generation, &g.timing)
            }
            Event::Validation(v) => {
                per_objective(&mut values, "validation/mean", &v.score.mean);
                (v.generation, &v.timing)
            }
            Event::Finished(_) | Event::Stopped(_) => {
                return self.events.as_mut().map_or(Ok(()), EventWriter::flush);
            }
            _ => return Ok(()),
        };
        let named: Vec<(&str, f64)> = values.iter().map(|(tag, v)| (tag.as_str(), *v)).collect();
        if named.is_empty() {
            return Ok(());
        }
        self.events(timing.unix)?.scalars(timing.unix, generation, &named)
    }

    fn record_files(&mut self) -> io::Result<Vec<RecordFile>> {
        let bytes = match (&mut self.events, &self.file) {
            (Some(events), _) => {
                events.flush()?;
                events.out.get_ref().metadata()?.len()
            }
            (None, Some(file)) => file.metadata()?.len(),
            (None, None) => return Ok(Vec::new()),
        };
        Ok(vec![RecordFile { path: EVENT_FILE.into(), bytes }])
    }
}

fn per_objective(values: &mut Vec<(String, f64)>, tag: &str, numbers: &PerObjective) {
    match numbers.0.as_slice() {
        [one] => values.push((tag.into(), *one)),
        several => values.extend(several.iter().enumerate().map(|(i, v)| (format!("{tag}_{i}"), *v))),
    }
}

/// Number of equal buckets between the smallest and the largest value.
const BUCKETS: usize = 30;

/// A `HistogramProto` of finite values, at least one.
fn histogram(values: &[f64]) -> Message {
    let min = values.iter().copied().fold(f64::INFINITY, f64::min);
    let max = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let width = (max - min) / BUCKETS as f64;
    // One bucket if the values are all the same, or so far apart that their distance overflows.
    let count = if width.is_finite() && width > 0.0 { BUCKETS } else { 1 };
    let mut limits: Vec<f64> = (1..=count).map(|i| min + width * i as f64).collect();
    limits[count - 1] = max;
    let mut buckets = vec![0.0; count];
    for value in values {
        buckets[limits.partition_point(|limit| limit < value).min(count - 1)] += 1.0;
    }
    let mut message = Message::default();
    message.double(1, min).double(2, max).double(3, values.len() as f64);
    message.double(4, values.iter().sum()).double(5, values.iter().map(|v| v * v).sum());
    message.doubles(6, &limits).doubles(7, &buckets);
    message
}

/// The checksum in the form that the record framing stores, so that checksums of checksummed data stay random.
fn masked_crc32c(data: &[u8]) -> u32 {
    crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// CRC-32C (Castagnoli), reflected polynomial 0x82F63B78, bit by bit: event files are small.
fn crc32c(data: &[u8]) -> u32 {
    !data.iter().fold(!0u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| crc >> 1 ^ (0x82f6_3b78 & (crc & 1).wrapping_neg()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The test vectors of RFC 3720, appendix B.4.
    #[test]
    fn known_checksums() {
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    /// What TensorBoard's own record writer and protocol buffer classes make of the same two events.
    #[test]
    fn byte_for_byte() {
        let mut file = Vec::new();
        let mut events = EventWriter::new(&mut file, 1.5).unwrap();
        events.scalars(1.5, 7, &[("best", 0.5)]).unwrap();
        let hex: String = file.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            hex,
            "1800000000000000a37f4b2209000000000000f83f1a0d627261696e2e4576656e743a322a28646c\
             1a00000000000000129bd82d09000000000000f83f10072a0d0a0b0a0462657374150000003fc637786b"
        );
    }

    #[test]
    fn histograms_survive_any_numbers() {
        for values in [&[1.0][..], &[2.0; 9], &[f64::MAX, f64::MIN], &[1e-320, 0.0], &[-1.0, 0.5, 3.0]] {
            let bytes = histogram(values);
            assert!(!bytes.as_bytes().is_empty());
        }
        let mut file = Vec::new();
        EventWriter::new(&mut file, 0.0).unwrap().histogram(0.0, 0, "w", &[f64::NAN]).unwrap();
        assert_eq!(file.len(), 40);
    }
}
