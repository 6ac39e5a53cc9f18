//! Genetic algorithms.

#[allow(clippy::module_inception)] // one file per algorithm, named like it
pub mod ga;
pub mod real;
pub mod selection;

pub use ga::{Ga, MutationStrength};
pub use real::{Crossover, Mutation, RealVariation};
pub use selection::Selection;
