//! f6 to f9: functions of low or moderate conditioning.

use super::transform::{
    conditioning, multiply, oscillate, penalty, product, round, scale_rows, share, subtract,
};
use super::{Core, Instance};

/// f6, attractive sector: T_osz(Σ (sᵢzᵢ)²)^0.9, z = RΛ^10Q(x − x_opt), s 100 where zᵢ has the optimum's sign, else 1.
pub(super) fn attractive_sector(instance: &Instance) -> Core {
    let optimum = instance.location();
    let matrix = product(&instance.r(), &conditioning(instance.n, 10.0), &instance.q());
    Core::new(optimum.clone(), move |x, [a, z, _]| {
        subtract(x, &optimum, a);
        multiply(&matrix, a, z);
        let weight = |z: f64, o: f64| if z * o > 0.0 { 1e4 } else { 1.0 };
        let sum: f64 = z.iter().zip(&optimum).map(|(&z, &o)| weight(z, o) * z * z).sum();
        libm::pow(oscillate(sum), 0.9)
    })
}

/// f7, step ellipsoid: 0.1 max(|ẑ₁|/10⁴, Σ 10^(2 share) zᵢ²) + f_pen, ẑ = Λ^10Q(x − x_opt), z = R of ẑ rounded to
/// integers, or to tenths within ±0.5.
pub(super) fn step_ellipsoid(instance: &Instance) -> Core {
    let n = instance.n;
    let optimum = instance.location();
    let inner = scale_rows(&conditioning(n, 10.0), &instance.q());
    let outer = instance.r();
    let weights: Vec<f64> = (0..n).map(|i| libm::pow(100.0, share(i, n))).collect();
    Core::new(optimum.clone(), move |x, [a, b, z]| {
        subtract(x, &optimum, a);
        multiply(&inner, a, b);
        let first = b[0].abs();
        for b in b.iter_mut() {
            *b = if b.abs() > 0.5 { round(*b) } else { round(10.0 * *b) / 10.0 };
        }
        multiply(&outer, b, z);
        let sum: f64 = z.iter().zip(&weights).map(|(z, w)| w * (z * z)).sum();
        0.1 * sum.max(1e-4 * first) + penalty(x)
    })
}

/// Σ 100 (zᵢ² − zᵢ₊₁)² + (zᵢ − 1)².
fn valley(z: &[f64]) -> f64 {
    let pairs = z.windows(2).map(|z| {
        let (across, along) = (z[0] * z[0] - z[1], z[0] - 1.0);
        100.0 * (across * across) + along * along
    });
    pairs.sum()
}

/// max(1, √n/8).
pub(super) fn valley_scale(n: usize) -> f64 {
    ((n as f64).sqrt() / 8.0).max(1.0)
}

/// f8, Rosenbrock: z = max(1, √n/8) (x − x_opt) + 1, x_opt in [−3, 3]ⁿ.
pub(super) fn rosenbrock(instance: &Instance) -> Core {
    let optimum: Vec<f64> = instance.location().into_iter().map(|x| 0.75 * x).collect();
    let scale = valley_scale(instance.n);
    Core::new(optimum.clone(), move |x, [z, ..]| {
        subtract(x, &optimum, z);
        z.iter_mut().for_each(|z| *z = scale * *z + 1.0);
        valley(z)
    })
}

/// The matrix of z = max(1, √n/8) Q x + 1/2, and the x with z = 1.
pub(super) fn rotated_valley(instance: &Instance) -> (Vec<f64>, Vec<f64>) {
    let n = instance.n;
    let (scale, rotation) = (valley_scale(n), instance.q());
    let optimum = (0..n).map(|j| (0..n).map(|i| rotation[i * n + j]).sum::<f64>() / (2.0 * scale)).collect();
    (rotation.into_iter().map(|r| scale * r).collect(), optimum)
}

/// f9, Rosenbrock rotated: z = max(1, √n/8) Q x + 1/2.
pub(super) fn rosenbrock_rotated(instance: &Instance) -> Core {
    let (matrix, optimum) = rotated_valley(instance);
    Core::new(optimum, move |x, [z, ..]| {
        multiply(&matrix, x, z);
        z.iter_mut().for_each(|z| *z += 0.5);
        valley(z)
    })
}
