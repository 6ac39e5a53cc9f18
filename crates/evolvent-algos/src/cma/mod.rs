//! Covariance matrix adaptation.

pub(crate) mod box_transform;
pub mod cma_es;
pub(crate) mod recombination;
pub(crate) mod stopping;

pub use cma_es::CmaEs;
pub use stopping::Tolerances;
