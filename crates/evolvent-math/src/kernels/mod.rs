//! The SIMD kernels: the only module of the project with `unsafe` code.
//!
//! **One source, several instruction sets, the same bits.** A kernel is plain Rust over fixed-size arrays of 16 virtual
//! lanes, compiled several times with different target features and chosen at run time ([`vectorize`]). Rust neither
//! reassociates nor contracts floating point operations, fused multiply-adds are written out (`mul_add`, which is
//! guaranteed to round once), transcendentals are polynomials of our own ([`activation`]), and sums have one fixed
//! tree. So AVX-512, AVX2, NEON and the scalar fallback (which calls the C library's `fma`, slowly) agree on every bit;
//! the tests compare them with slow twins and with each other, and [`verify`] compares the machine at hand with
//! committed values.
//!
//! To write a kernel in another crate, call [`vectorize`] once around the whole hot loop with a closure marked
//! `#[inline(always)]` and use the `#[inline(always)]` pieces from here inside it:
//!
//! ```
//! use evolvent_math::{activation, kernels::vectorize};
//!
//! fn layer(x: &mut [f32], gain: f32) {
//!     vectorize(
//!         #[inline(always)]
//!         || x.iter_mut().for_each(|v| *v = activation::tanh(gain * *v)),
//!     );
//! }
//! let mut x = [0.0, 1.0];
//! layer(&mut x, 2.0);
//! assert!(x[0] == 0.0 && (x[1] - 0.964_027_6).abs() < 3e-7);
//! ```
#![allow(unsafe_code)]

pub mod activation;
pub mod conv;
pub mod dense;
mod dispatch;
pub mod matrix;
pub mod noise;
pub mod perceptron;
mod product;
pub mod reduce;
mod verify;

pub use dispatch::{BITS_VERSION, NumericLevel, numeric_level, vectorize};
pub use verify::{Drift, verify};
