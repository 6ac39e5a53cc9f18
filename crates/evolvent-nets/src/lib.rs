//! Networks on a flat parameter vector: dense, recurrent and convolutional, with their decoders, heads and activations.
//!
//! A network describes itself for export by a [`program::Program`]; every network equals the interpretation of its own
//! program.

pub mod activation;
pub mod conv;
pub mod dense;
pub mod head;
pub mod hebbian;
mod lanes;
mod layout;
pub mod network;
pub mod normalizer;
mod parameters;
pub mod plasticity;
pub mod program;
pub mod recurrent;
pub mod registry;
pub mod sensitivity;
#[cfg(test)]
mod twin;

pub use activation::Activation;
pub use conv::{Conv, ConvNetwork};
pub use dense::{Dense, DenseNetwork};
pub use head::{Head, Squash};
pub use hebbian::{Hebbian, HebbianNetwork};
pub use network::{Depiction, Describe, NetworkConfig};
pub use normalizer::Normalizer;
pub use program::Program;
pub use recurrent::{Cell, Recurrent, RecurrentNetwork};
