//! Schwefel's sine-root function (Schwefel 1981, problem 2.26).

use super::Landscape;
use crate::functions::function::sum;

/// The largest value of x sin √x on [0, 500].
const PEAK: f64 = 418.982_887_272_433_7;

/// f(x) = Σ 418.98288727… − xᵢ sin √|xᵢ| on [−500, 500]ⁿ; minimum 0 at (420.96874635998…, …). Deceptive: the second-best
/// minimum is far from the best, which lies near a corner.
///
/// The formula falls without bound outside the region. There a coordinate counts as the nearest end of the region, plus
/// its squared distance from it, so that the stated minimum holds everywhere.
#[derive(Clone, Debug)]
pub struct Schwefel;

impl Landscape for Schwefel {
    const REGION: (f64, f64) = (-500.0, 500.0);
    const MINIMUM: f64 = 420.968_746_359_982_03;

    fn new(_: usize) -> Self {
        Schwefel
    }

    fn value(&self, x: &[f64]) -> f64 {
        sum(x.len(), |i| {
            let inside = x[i].clamp(Self::REGION.0, Self::REGION.1);
            let outside = x[i] - inside;
            (PEAK - inside * libm::sin(inside.abs().sqrt())) + outside * outside
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minimum_and_a_value() {
        let value = 2.0 * PEAK - 100.0 * libm::sin(10.0);
        super::super::tests::check::<Schwefel>(&[0.0, 100.0], value);
    }

    #[test]
    fn outside_is_never_better() {
        let edge = Schwefel.value(&[500.0]);
        assert_eq!(Schwefel.value(&[510.0]), edge + 100.0);
        assert!(Schwefel.value(&[-1e4]) > 0.0);
    }
}
