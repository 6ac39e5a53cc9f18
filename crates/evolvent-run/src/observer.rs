//! Observers see a run's events in order; progress bars, JSON lines and TensorBoard files are observers.

use crate::{record::Event, settings::Budgets};
use std::{io, path::PathBuf};

/// What an observer is told before the first event.
#[derive(Clone, Debug, Default)]
pub struct RunInfo {
    /// The run directory.
    pub dir: PathBuf,
    /// What may end the run.
    pub budgets: Budgets,
    /// Generations done before this session began: 0 for a new run.
    pub resumed_at: u64,
    /// Worker threads of this session.
    pub threads: usize,
    /// What a person should know before it goes on.
    pub notes: Vec<String>,
}

/// A file that only grows, and how long it is.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RecordFile {
    /// Path relative to the run directory, with `/` between its parts.
    pub path: String,
    /// Its length in bytes.
    pub bytes: u64,
}

/// Sees the events of a run, in order, on the thread that runs the loop.
pub trait Observer {
    /// A session begins: a new run, or a resumed one. Record files have been cut back to their checkpoint already,
    /// so an observer that writes one opens it for appending.
    fn begin(&mut self, _run: &RunInfo) -> io::Result<()> {
        Ok(())
    }

    /// The next event. A resumed session does not repeat the events before its checkpoint.
    fn observe(&mut self, event: &Event) -> io::Result<()>;

    /// The files inside the run directory that this observer appends to, everything given to the system. Called for
    /// each checkpoint; a resumed run is cut back to these lengths.
    fn record_files(&mut self) -> io::Result<Vec<RecordFile>> {
        Ok(Vec::new())
    }
}
