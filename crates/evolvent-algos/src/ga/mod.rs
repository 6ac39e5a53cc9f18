//! Genetic algorithms.

pub mod alignment;
pub mod cosyne;
pub mod deep_ga;
#[allow(clippy::module_inception)] // one file per algorithm, named like it
pub mod ga;
pub mod niching;
pub mod real;
pub mod safe;
pub mod selection;

pub use alignment::aligned;
pub use cosyne::Cosyne;
pub use deep_ga::DeepGa;
pub use ga::{Ga, MutationStrength};
pub use niching::Niching;
pub use real::{Crossover, Mutation, RealVariation};
pub use safe::SafeMutation;
pub use selection::Selection;
