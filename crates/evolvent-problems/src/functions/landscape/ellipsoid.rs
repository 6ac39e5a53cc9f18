//! Ellipsoid with condition number 10⁶ (Hansen & Ostermeier 2001).

use super::Landscape;
use crate::functions::function::sum;
use evolvent_math::kernels::vectorize;

/// f(x) = Σ 10^(6 (i − 1)/(n − 1)) xᵢ² on [−5, 5]ⁿ; minimum 0 at 0. Convex, separable unless rotated, ill-conditioned.
#[derive(Clone, Debug)]
pub struct Ellipsoid {
    weights: Vec<f64>,
}

impl Landscape for Ellipsoid {
    const REGION: (f64, f64) = (-5.0, 5.0);

    fn new(dimension: usize) -> Self {
        let gaps = dimension.saturating_sub(1).max(1) as f64;
        Ellipsoid { weights: (0..dimension).map(|i| libm::pow(10.0, 6.0 * i as f64 / gaps)).collect() }
    }

    fn value(&self, x: &[f64]) -> f64 {
        vectorize(
            #[inline(always)]
            || sum(x.len(), |i| self.weights[i] * (x[i] * x[i])),
        )
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn minimum_and_a_value() {
        super::super::tests::check::<super::Ellipsoid>(&[1.0, 2.0, 3.0], 1.0 + 4e3 + 9e6);
    }
}
