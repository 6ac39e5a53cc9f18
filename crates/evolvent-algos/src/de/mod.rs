//! Differential evolution.

#[allow(clippy::module_inception)] // one file per algorithm, named like it
pub mod de;

pub use de::{De, DifferenceVector, Exchange};
