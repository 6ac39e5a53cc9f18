//! Ackley's function (Ackley 1987; Bäck 1996 for n dimensions).

use super::Landscape;
use crate::functions::function::sum;
use evolvent_math::reduce::dot;
use std::f64::consts::{E, TAU};

/// f(x) = 20 (1 − exp(−0.2 √(Σ xᵢ²/n))) + e − exp(Σ cos(2πxᵢ)/n) on [−32.768, 32.768]ⁿ; minimum 0 at 0. A nearly flat
/// rippled plain around a narrow funnel.
#[derive(Clone, Debug)]
pub struct Ackley;

impl Landscape for Ackley {
    const REGION: (f64, f64) = (-32.768, 32.768);

    fn new(_: usize) -> Self {
        Ackley
    }

    fn value(&self, x: &[f64]) -> f64 {
        let n = x.len() as f64;
        let ripples = sum(x.len(), |i| libm::cos(TAU * x[i])) / n;
        -20.0 * libm::expm1(-0.2 * (dot(x, x) / n).sqrt()) + (E - libm::exp(ripples))
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn minimum_and_a_value() {
        let value = 20.0 * (1.0 - libm::exp(-0.2));
        super::super::tests::check::<super::Ackley>(&[1.0, -1.0, 1.0], value);
    }
}
