//! Differential evolution.

#[allow(clippy::module_inception)] // one file per algorithm, named like it
pub mod de;
pub mod jade;
pub mod l_shade;
pub(crate) mod pbest;

pub use de::{De, DifferenceVector, Exchange};
pub use jade::Jade;
pub use l_shade::LShade;
