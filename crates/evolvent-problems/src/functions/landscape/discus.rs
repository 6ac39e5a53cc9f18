//! Discus, also called tablet (Hansen & Ostermeier 2001).

use super::Landscape;
use evolvent_math::reduce::dot;

/// f(x) = 10⁶ x₁² + Σ_{i>1} xᵢ² on [−5, 5]ⁿ; minimum 0 at 0. One direction is a thousand times as sensitive as the rest.
#[derive(Clone, Debug)]
pub struct Discus;

impl Landscape for Discus {
    const REGION: (f64, f64) = (-5.0, 5.0);

    fn new(_: usize) -> Self {
        Discus
    }

    fn value(&self, x: &[f64]) -> f64 {
        1e6 * (x[0] * x[0]) + dot(&x[1..], &x[1..])
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn minimum_and_a_value() {
        super::super::tests::check::<super::Discus>(&[2.0, 2.0, 3.0], 4e6 + 13.0);
    }
}
