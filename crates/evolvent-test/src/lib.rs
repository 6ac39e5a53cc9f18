//! Conformance suites, reference values and statistical asserts for the tests of Evolvent.
//!
//! [`conformance!`] writes the tests that every algorithm must pass; `evolvent_core::algorithms!` calls it once for each
//! listed algorithm. [`Specimen`] gives a genome kind the small problems that these tests run on.

pub mod conformance;
pub mod reference;
pub mod specimen;
pub mod statistics;

pub use reference::{Reference, assert_close};
pub use specimen::Specimen;
pub use statistics::{assert_median_at_most, assert_success_rate};
