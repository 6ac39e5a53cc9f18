//! Griewank's function (Griewank 1981).

use super::Landscape;
use evolvent_math::reduce::dot;

/// f(x) = 1 + Σ xᵢ²/4000 − Π cos(xᵢ/√i) on [−600, 600]ⁿ; minimum 0 at 0. A bowl with thousands of regular dents, which
/// fade as n grows.
#[derive(Clone, Debug)]
pub struct Griewank {
    roots: Vec<f64>,
}

impl Landscape for Griewank {
    const REGION: (f64, f64) = (-600.0, 600.0);

    fn new(dimension: usize) -> Self {
        Griewank { roots: (1..=dimension).map(|i| (i as f64).sqrt()).collect() }
    }

    fn value(&self, x: &[f64]) -> f64 {
        let product: f64 = x.iter().zip(&self.roots).map(|(x, root)| libm::cos(x / root)).product();
        dot(x, x) / 4000.0 + (1.0 - product)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn minimum_and_a_value() {
        let value = 1.0 + 20.0 / 4000.0 - libm::cos(4.0) * libm::cos(2.0 / std::f64::consts::SQRT_2);
        super::super::tests::check::<super::Griewank>(&[4.0, 2.0], value);
    }
}
