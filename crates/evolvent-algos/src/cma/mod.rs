//! Covariance matrix adaptation.

pub(crate) mod box_transform;
pub mod cma_es;
pub(crate) mod integers;
pub mod lm_ma_es;
pub(crate) mod recombination;
pub mod sep_cma_es;
pub(crate) mod stopping;

pub use cma_es::CmaEs;
pub use lm_ma_es::LmMaEs;
pub use sep_cma_es::SepCmaEs;
pub use stopping::Tolerances;
