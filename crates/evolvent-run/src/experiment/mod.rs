//! The experiment file: one TOML document that says which problem, which network and which algorithm.

mod mistakes;

pub use mistakes::{Mistake, Mistakes, Place};
