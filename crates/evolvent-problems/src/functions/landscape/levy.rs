//! Levy's function (Levy & Montalvo 1985; Laguna & Martí 2005).

use super::Landscape;
use crate::functions::function::sum;
use std::f64::consts::{PI, TAU};

/// f(x) = sin²(πw₁) + Σ_{i<n} (wᵢ − 1)² (1 + 10 sin²(πwᵢ + 1)) + (wₙ − 1)² (1 + sin² 2πwₙ), wᵢ = 1 + (xᵢ − 1)/4, on
/// [−10, 10]ⁿ; minimum 0 at (1, …, 1).
#[derive(Clone, Debug)]
pub struct Levy;

impl Landscape for Levy {
    const REGION: (f64, f64) = (-10.0, 10.0);
    const MINIMUM: f64 = 1.0;

    fn new(_: usize) -> Self {
        Levy
    }

    fn value(&self, x: &[f64]) -> f64 {
        let square = |value: f64| value * value;
        let w = |i: usize| 1.0 + (x[i] - 1.0) / 4.0;
        let last = x.len() - 1;
        let first = square(libm::sin(PI * w(0)));
        let middle = sum(last, |i| square(w(i) - 1.0) * (1.0 + 10.0 * square(libm::sin(PI * w(i) + 1.0))));
        first + middle + square(w(last) - 1.0) * (1.0 + square(libm::sin(TAU * w(last))))
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn minimum_and_a_value() {
        // w = (2, 3): sin 2π = 0, sin²(2π + 1), sin 6π = 0.
        let sine = libm::sin(1.0);
        let value = 1.0 + 10.0 * sine * sine + 4.0;
        super::super::tests::check::<super::Levy>(&[5.0, 9.0], value);
    }
}
