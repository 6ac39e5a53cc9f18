//! Algorithms for several objectives.

pub mod nsga2;

pub use nsga2::Nsga2;
