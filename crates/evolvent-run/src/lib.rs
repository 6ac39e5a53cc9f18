//! Experiment files, the runner, checkpoints, records, reports and export.

pub mod error;
pub mod experiment;
pub mod observer;
pub mod record;
pub mod run_dir;
pub mod settings;

pub use error::{Error, Result};
pub use run_dir::{Destination, RunDir};
