//! Sphere (De Jong 1975, F1).

use super::Landscape;
use evolvent_math::reduce::dot;

/// f(x) = Σ xᵢ² on [−5, 5]ⁿ; minimum 0 at 0. Convex, separable, isotropic.
#[derive(Clone, Debug)]
pub struct Sphere;

impl Landscape for Sphere {
    const REGION: (f64, f64) = (-5.0, 5.0);

    fn new(_: usize) -> Self {
        Sphere
    }

    fn value(&self, x: &[f64]) -> f64 {
        dot(x, x)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn minimum_and_a_value() {
        super::super::tests::check::<super::Sphere>(&[1.0, -2.0, 3.0], 14.0);
    }
}
