//! Experiment files, the runner, checkpoints, records, reports and export.

pub mod checkpoint;
pub mod error;
pub mod experiment;
pub mod export;
pub mod figures;
pub mod observer;
mod plot;
mod protobuf;
pub mod record;
pub mod report;
pub mod run_dir;
pub mod settings;
pub mod tensorboard;

pub use error::{Error, Result};
pub use run_dir::{Destination, RunDir};
