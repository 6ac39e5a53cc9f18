//! Evolution strategies with simple distributions: those that follow an estimated gradient, and those that keep a variance per coordinate.

pub mod ars;
pub mod cem;
pub mod cr_fm_nes;
pub mod one_plus_one_es;
pub mod open_es;
pub mod optimizer;
pub mod pgpe;
pub(crate) mod sampling;
pub mod shaping;
pub mod snes;
pub mod xnes;

pub use ars::Ars;
pub use cem::Cem;
pub use cr_fm_nes::CrFmNes;
pub use one_plus_one_es::OnePlusOneEs;
pub use open_es::{OpenEs, Perturbation};
pub use optimizer::{Optimizer, OptimizerState};
pub use pgpe::Pgpe;
pub use shaping::Shaping;
pub use snes::Snes;
pub use xnes::Xnes;
