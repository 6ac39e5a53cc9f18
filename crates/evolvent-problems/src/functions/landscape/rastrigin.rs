//! Rastrigin's function (Rastrigin 1974; Mühlenbein, Schomisch & Born 1991 for n dimensions).

use super::Landscape;
use crate::functions::function::sum;
use std::f64::consts::TAU;

/// f(x) = Σ xᵢ² + 10 (1 − cos 2πxᵢ) on [−5.12, 5.12]ⁿ; minimum 0 at 0. Highly multimodal: a local minimum near every
/// integer point, the better the nearer to the origin.
#[derive(Clone, Debug)]
pub struct Rastrigin;

impl Landscape for Rastrigin {
    const REGION: (f64, f64) = (-5.12, 5.12);

    fn new(_: usize) -> Self {
        Rastrigin
    }

    fn value(&self, x: &[f64]) -> f64 {
        sum(x.len(), |i| x[i] * x[i] + 10.0 * (1.0 - libm::cos(TAU * x[i])))
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn minimum_and_a_value() {
        super::super::tests::check::<super::Rastrigin>(&[1.0, -2.0, 0.5], 1.0 + 4.0 + 20.25);
    }
}
