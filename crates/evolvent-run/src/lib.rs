//! Experiment files, the runner, checkpoints, records, reports and export.

pub mod champion;
pub mod checkpoint;
pub mod compare;
pub mod error;
pub mod experiment;
pub mod export;
pub mod figures;
mod json;
pub mod lineage;
mod memory;
pub mod neat_python;
pub mod observer;
mod plot;
pub mod problem;
mod protobuf;
pub mod record;
pub mod registry;
pub mod replay;
pub mod report;
pub mod run_dir;
pub mod runner;
mod schedule;
pub mod session;
pub mod settings;
mod summary;
pub mod tensorboard;

pub use error::{Error, Result};
pub use registry::Registry;
pub use run_dir::{Destination, RunDir};
