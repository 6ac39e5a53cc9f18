//! Evolution strategies that follow an estimated gradient of the expected fitness.

pub mod open_es;
pub mod optimizer;
pub mod shaping;

pub use open_es::{OpenEs, Perturbation};
pub use optimizer::{Optimizer, OptimizerState};
pub use shaping::Shaping;
