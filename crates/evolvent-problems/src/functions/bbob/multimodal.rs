//! f15 to f19: multimodal functions with a global structure.

use super::moderate::rotated_valley;
use super::separable::ripples;
use super::transform::{
    asymmetric, conditioning, multiply, oscillate_all, penalty, product, scale_rows, subtract,
};
use super::{Core, Instance};
use std::f64::consts::{PI, TAU};

/// f15, Rastrigin rotated: z = RΛ^10Q T_asy^0.2(T_osz(R(x − x_opt))).
pub(super) fn rastrigin(instance: &Instance) -> Core {
    let (optimum, r) = (instance.location(), instance.r());
    let matrix = product(&r, &conditioning(instance.n, 10.0), &instance.q());
    Core::new(optimum.clone(), move |x, [a, b, z]| {
        subtract(x, &optimum, a);
        multiply(&r, a, b);
        oscillate_all(b);
        asymmetric(b, 0.2);
        multiply(&matrix, b, z);
        ripples(z)
    })
}

/// f16, Weierstrass: 10 (mean of Σ_{k<12} 2^−k cos 2π3^k(zᵢ + ½) − f₀)³ + 10/n f_pen, z = RΛ^(1/100)Q T_osz(R(x − x_opt)).
pub(super) fn weierstrass(instance: &Instance) -> Core {
    let n = instance.n as f64;
    let (optimum, r) = (instance.location(), instance.r());
    let matrix = product(&r, &conditioning(instance.n, 0.01), &instance.q());
    let octaves: [(f64, f64); 12] =
        std::array::from_fn(|k| (libm::pow(0.5, k as f64), libm::pow(3.0, k as f64)));
    let least: f64 = octaves.iter().map(|(amplitude, frequency)| amplitude * libm::cos(PI * frequency)).sum();
    Core::new(optimum.clone(), move |x, [a, b, z]| {
        subtract(x, &optimum, a);
        multiply(&r, a, b);
        oscillate_all(b);
        multiply(&matrix, b, z);
        let mut sum = 0.0;
        for z in z.iter() {
            for (amplitude, frequency) in octaves {
                sum += libm::cos(TAU * (z + 0.5) * frequency) * amplitude;
            }
        }
        let height = sum / n - least;
        10.0 * (height * height * height) + 10.0 / n * penalty(x)
    })
}

/// Schaffer F7 with condition α: (mean of √sᵢ (1 + sin² 50sᵢ^0.2))² + 10 f_pen, sᵢ = √(zᵢ² + zᵢ₊₁²),
/// z = Λ^αQ T_asy^0.5(R(x − x_opt)).
fn schaffer_f7(instance: &Instance, alpha: f64) -> Core {
    let (optimum, r) = (instance.location(), instance.r());
    let matrix = scale_rows(&conditioning(instance.n, alpha), &instance.q());
    Core::new(optimum.clone(), move |x, [a, b, z]| {
        subtract(x, &optimum, a);
        multiply(&r, a, b);
        asymmetric(b, 0.5);
        multiply(&matrix, b, z);
        let terms = z.windows(2).map(|z| {
            let square = z[0] * z[0] + z[1] * z[1];
            let wave = libm::sin(50.0 * libm::pow(square, 0.1));
            square.sqrt().sqrt() * (1.0 + wave * wave)
        });
        let mean = terms.sum::<f64>() / (z.len() as f64 - 1.0);
        mean * mean + 10.0 * penalty(x)
    })
}

/// f17, Schaffer F7 with condition 10.
pub(super) fn schaffer(instance: &Instance) -> Core {
    schaffer_f7(instance, 10.0)
}

/// f18, Schaffer F7 with condition 1000.
pub(super) fn schaffer_ill_conditioned(instance: &Instance) -> Core {
    schaffer_f7(instance, 1000.0)
}

/// f19, Griewank of Rosenbrock (F8F2): 10 + 10 mean of sᵢ/4000 − cos sᵢ, s Rosenbrock's terms of z = max(1, √n/8) Q x + ½.
pub(super) fn griewank_rosenbrock(instance: &Instance) -> Core {
    let (matrix, optimum) = rotated_valley(instance);
    Core::new(optimum, move |x, [z, ..]| {
        multiply(&matrix, x, z);
        z.iter_mut().for_each(|z| *z += 0.5);
        let terms = z.windows(2).map(|z| {
            let (across, along) = (z[0] * z[0] - z[1], 1.0 - z[0]);
            let s = 100.0 * (across * across) + along * along;
            s / 4000.0 - libm::cos(s)
        });
        10.0 + 10.0 * terms.sum::<f64>() / (z.len() as f64 - 1.0)
    })
}
