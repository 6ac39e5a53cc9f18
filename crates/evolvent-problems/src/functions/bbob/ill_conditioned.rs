//! f10 to f14: functions of high conditioning with a single optimum.

use super::transform::{asymmetric, conditioning, multiply, oscillate_all, product, share, subtract};
use super::{Core, Instance, seeds};

/// f10, ellipsoid rotated: Σ 10^(6 share) zᵢ², z = T_osz(R(x − x_opt)).
pub(super) fn ellipsoid(instance: &Instance) -> Core {
    let n = instance.n;
    let (optimum, r) = (instance.location(), instance.r());
    let weights: Vec<f64> = (0..n).map(|i| libm::pow(1e6, share(i, n))).collect();
    Core::new(optimum.clone(), move |x, [a, z, _]| {
        subtract(x, &optimum, a);
        multiply(&r, a, z);
        oscillate_all(z);
        z.iter().zip(&weights).map(|(z, w)| w * (z * z)).sum()
    })
}

/// f11, discus: 10⁶z₁² + Σ_{i>1} zᵢ², z = T_osz(R(x − x_opt)).
pub(super) fn discus(instance: &Instance) -> Core {
    let (optimum, r) = (instance.location(), instance.r());
    Core::new(optimum.clone(), move |x, [a, z, _]| {
        subtract(x, &optimum, a);
        multiply(&r, a, z);
        oscillate_all(z);
        1e6 * (z[0] * z[0]) + z[1..].iter().map(|z| z * z).sum::<f64>()
    })
}

/// f12, bent cigar: z₁² + 10⁶ Σ_{i>1} zᵢ², z = R T_asy^0.5(R(x − x_opt)); x_opt has the seed of R.
pub(super) fn bent_cigar(instance: &Instance) -> Core {
    let (optimum, r) = (seeds::location(instance.n, instance.seed + 1_000_000), instance.r());
    Core::new(optimum.clone(), move |x, [a, b, z]| {
        subtract(x, &optimum, a);
        multiply(&r, a, b);
        asymmetric(b, 0.5);
        multiply(&r, b, z);
        z[0] * z[0] + 1e6 * z[1..].iter().map(|z| z * z).sum::<f64>()
    })
}

/// f13, sharp ridge: z₁² + 100 √(Σ_{i>1} zᵢ²), z = RΛ^10Q(x − x_opt).
pub(super) fn sharp_ridge(instance: &Instance) -> Core {
    let optimum = instance.location();
    let matrix = product(&instance.r(), &conditioning(instance.n, 10.0), &instance.q());
    Core::new(optimum.clone(), move |x, [a, z, _]| {
        subtract(x, &optimum, a);
        multiply(&matrix, a, z);
        z[0] * z[0] + 100.0 * z[1..].iter().map(|z| z * z).sum::<f64>().sqrt()
    })
}

/// f14, different powers: √(Σ |zᵢ|^(2 + 4 share)), z = R(x − x_opt).
pub(super) fn different_powers(instance: &Instance) -> Core {
    let n = instance.n;
    let (optimum, r) = (instance.location(), instance.r());
    Core::new(optimum.clone(), move |x, [a, z, _]| {
        subtract(x, &optimum, a);
        multiply(&r, a, z);
        let powers = z.iter().enumerate().map(|(i, z)| libm::pow(z.abs(), 2.0 + 4.0 * share(i, n)));
        powers.sum::<f64>().sqrt()
    })
}
