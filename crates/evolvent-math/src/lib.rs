//! Pure mathematics over slices, the SIMD kernels and the deterministic parallel primitives of Evolvent.
//!
//! Everything here is a function of its arguments: no statics, no clocks, no platform transcendental. Results have the
//! same bits for any number of threads and at every instruction set (see [`kernels`]).

pub mod assignment;
pub mod eigen;
pub mod kernels;
pub mod linalg;
pub mod par;
pub mod pareto;
pub mod ranking;
pub mod rows;
pub mod special;
pub mod statistics;

pub use kernels::{NumericLevel, activation, noise, numeric_level, reduce};
