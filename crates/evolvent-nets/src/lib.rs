//! Networks on a flat parameter vector: dense, recurrent and convolutional, with their decoders, heads and activations.
//!
//! A network describes itself for export by a [`program::Program`]; every network equals the interpretation of its own
//! program.

pub mod activation;
pub mod program;

pub use activation::Activation;
pub use program::Program;
