//! Bent cigar's straight original, the cigar (Hansen & Ostermeier 2001).

use super::Landscape;
use evolvent_math::reduce::dot;

/// f(x) = x₁² + 10⁶ Σ_{i>1} xᵢ² on [−5, 5]ⁿ; minimum 0 at 0. One direction is a thousand times less sensitive than the
/// rest. (BBOB's f12 bends its ridge; use `bbob` for that one.)
#[derive(Clone, Debug)]
pub struct BentCigar;

impl Landscape for BentCigar {
    const REGION: (f64, f64) = (-5.0, 5.0);

    fn new(_: usize) -> Self {
        BentCigar
    }

    fn value(&self, x: &[f64]) -> f64 {
        x[0] * x[0] + 1e6 * dot(&x[1..], &x[1..])
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn minimum_and_a_value() {
        super::super::tests::check::<super::BentCigar>(&[2.0, 2.0, 3.0], 4.0 + 13e6);
    }
}
