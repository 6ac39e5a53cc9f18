//! f1 to f5: separable functions.

use super::transform::{asymmetric, conditioning, oscillate_all, penalty, share, subtract};
use super::{Core, Instance};
use std::f64::consts::TAU;

/// f1, sphere: ‖z‖², z = x − x_opt.
pub(super) fn sphere(instance: &Instance) -> Core {
    let optimum = instance.location();
    Core::new(optimum.clone(), move |x, _| x.iter().zip(&optimum).map(|(x, o)| (x - o) * (x - o)).sum())
}

/// f2, ellipsoid: Σ 10^(6 share) zᵢ², z = T_osz(x − x_opt).
pub(super) fn ellipsoid(instance: &Instance) -> Core {
    let optimum = instance.location();
    let weights: Vec<f64> = (0..instance.n).map(|i| libm::pow(1e6, share(i, instance.n))).collect();
    Core::new(optimum.clone(), move |x, [z, ..]| {
        subtract(x, &optimum, z);
        oscillate_all(z);
        z.iter().zip(&weights).map(|(z, w)| w * (z * z)).sum()
    })
}

/// 10 (n − Σ cos 2πzᵢ) + ‖z‖².
pub(super) fn ripples(z: &[f64]) -> f64 {
    let cosines: f64 = z.iter().map(|z| libm::cos(TAU * z)).sum();
    10.0 * (z.len() as f64 - cosines) + z.iter().map(|z| z * z).sum::<f64>()
}

/// f3, Rastrigin: z = Λ^10 T_asy^0.2(T_osz(x − x_opt)).
pub(super) fn rastrigin(instance: &Instance) -> Core {
    let optimum = instance.location();
    let diagonal = conditioning(instance.n, 10.0);
    Core::new(optimum.clone(), move |x, [z, ..]| {
        subtract(x, &optimum, z);
        oscillate_all(z);
        asymmetric(z, 0.2);
        z.iter_mut().zip(&diagonal).for_each(|(z, d)| *z *= d);
        ripples(z)
    })
}

/// f4, Büche–Rastrigin: zᵢ = sᵢ T_osz(xᵢ − x_opt,i), where s is Λ^10's diagonal, ten times that for positive numbers at
/// odd places; plus 100 f_pen. x_opt is positive at odd places.
pub(super) fn bueche_rastrigin(instance: &Instance) -> Core {
    let mut optimum = instance.location();
    optimum.iter_mut().step_by(2).for_each(|x| *x = x.abs());
    let diagonal = conditioning(instance.n, 10.0);
    Core::new(optimum.clone(), move |x, [z, ..]| {
        subtract(x, &optimum, z);
        oscillate_all(z);
        for i in 0..z.len() {
            let steep = if z[i] > 0.0 && i % 2 == 0 { 10.0 } else { 1.0 };
            z[i] *= steep * diagonal[i];
        }
        ripples(z) + 100.0 * penalty(x)
    })
}

/// f5, linear slope: Σ 5|sᵢ| − sᵢxᵢ, sᵢ = ±10^share by the optimum's sign, which is at a corner of the region.
pub(super) fn linear_slope(instance: &Instance) -> Core {
    let optimum: Vec<f64> =
        instance.location().into_iter().map(|x| if x < 0.0 { -5.0 } else { 5.0 }).collect();
    let slopes: Vec<f64> =
        (0..instance.n).map(|i| libm::pow(10.0, share(i, instance.n)).copysign(optimum[i])).collect();
    Core::new(optimum.clone(), move |x, _| {
        let terms = x.iter().zip(&slopes).zip(&optimum).map(|((x, s), o)| {
            // Beyond the optimum the function is flat.
            let x = if x * o < 25.0 { *x } else { *o };
            5.0 * s.abs() - s * x
        });
        terms.sum()
    })
}
