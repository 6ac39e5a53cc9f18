//! f20 to f24: multimodal functions whose global structure is weak.

use super::transform::{
    conditioning, multiply, oscillate, penalty, product, round, scale_rows, share, subtract,
};
use super::{Core, Instance, seeds};
use std::f64::consts::TAU;

/// f20, Schwefel: 0.01 (418.98… − mean of zᵢ sin √|zᵢ| + Σ max(0, |zᵢ| − 500)²),
/// z = 100 (Λ^10(ẑ − 2|x_opt|) + 2|x_opt|), ẑ a running mix of the coordinates x̂ = 2 sign ⊙ x.
pub(super) fn schwefel(instance: &Instance) -> Core {
    /// |x_opt| of every coordinate.
    const PLACE: f64 = 0.5 * 4.209_687_463_7;
    let signs: Vec<f64> = seeds::uniform(instance.n, instance.seed)
        .into_iter()
        .map(|u| if u - 0.5 < 0.0 { -1.0 } else { 1.0 })
        .collect();
    let optimum: Vec<f64> = signs.iter().map(|sign| sign * PLACE).collect();
    let diagonal = conditioning(instance.n, 10.0);
    Core::new(optimum, move |x, _| {
        let (mut before, mut outside, mut sum) = (0.0, 0.0, 0.0);
        for i in 0..x.len() {
            let hat = 2.0 * signs[i] * x[i];
            let mixed = if i == 0 { hat } else { hat + 0.25 * (before - 2.0 * PLACE) };
            before = hat;
            let z = 100.0 * (diagonal[i] * (mixed - 2.0 * PLACE) + 2.0 * PLACE);
            let beyond = (z.abs() - 500.0).max(0.0);
            outside += beyond * beyond;
            sum += z * libm::sin(z.abs().sqrt());
        }
        0.01 * (outside + 418.982_887_272_433_9 - sum / x.len() as f64)
    })
}

/// The order that sorts numbers.
fn ranks(numbers: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..numbers.len()).collect();
    order.sort_by(|&a, &b| numbers[a].total_cmp(&numbers[b]));
    order
}

/// Gallagher's Gaussian peaks: T_osz(10 − maxᵢ wᵢ exp(−(x − yᵢ)ᵀQᵀCᵢQ(x − yᵢ)/2n))² + f_pen, the best peak of height 10,
/// the others 1.1 to 9.1, at random places y within ±`reach`, with conditions up to 1000 in random order.
fn gallagher(instance: &Instance, peaks: usize, first_condition: f64, reach: f64) -> Core {
    let (n, seed) = (instance.n, instance.seed);
    let rotation = instance.q();
    let order = ranks(&seeds::uniform(peaks - 1, seed));
    let part = |i: usize| i as f64 / (peaks - 2) as f64;
    let heights: Vec<f64> =
        (0..peaks).map(|i| if i == 0 { 10.0 } else { part(i - 1) * (9.1 - 1.1) + 1.1 }).collect();
    let mut scales = Vec::with_capacity(peaks * n);
    for i in 0..peaks {
        let condition = if i == 0 { first_condition } else { libm::pow(1000.0, part(order[i - 1])) };
        let order = ranks(&seeds::uniform(n, seed + 1000 * i as i64));
        scales.extend(order.into_iter().map(|rank| libm::pow(condition, share(rank, n) - 0.5)));
    }
    let numbers = seeds::uniform(n * peaks, seed);
    let mut places = vec![0.0; n * peaks];
    let mut optimum = Vec::new();
    for (i, (drawn, place)) in numbers.chunks_exact(n).zip(places.chunks_exact_mut(n)).enumerate() {
        let shrink = if i == 0 { 0.8 } else { 1.0 };
        let centre: Vec<f64> = drawn.iter().map(|u| shrink * (2.0 * reach * u - reach)).collect();
        multiply(&rotation, &centre, place);
        if i == 0 {
            optimum = centre;
        }
    }
    Core::new(optimum, move |x, [turned, ..]| {
        multiply(&rotation, x, turned);
        let mut highest: f64 = 0.0;
        for ((place, scale), height) in places.chunks_exact(n).zip(scales.chunks_exact(n)).zip(&heights) {
            let mut distance = 0.0;
            for j in 0..n {
                let difference = turned[j] - place[j];
                distance += scale[j] * difference * difference;
            }
            highest = highest.max(height * libm::exp(-0.5 / n as f64 * distance));
        }
        let depth = oscillate(10.0 - highest);
        depth * depth + penalty(x)
    })
}

/// f21, Gallagher with 101 peaks; the best has condition √1000.
pub(super) fn gallagher_101(instance: &Instance) -> Core {
    gallagher(instance, 101, 1000.0_f64.sqrt(), 5.0)
}

/// f22, Gallagher with 21 peaks; the best has condition 1000.
pub(super) fn gallagher_21(instance: &Instance) -> Core {
    gallagher(instance, 21, 1000.0, 4.9)
}

/// f23, Katsuura: 10/n² (Π (1 + i Σ_{j=1}^{32} |2ʲzᵢ − round(2ʲzᵢ)|/2ʲ)^(10/n^1.2) − 1) + f_pen, z = RΛ^100Q(x − x_opt).
pub(super) fn katsuura(instance: &Instance) -> Core {
    let n = instance.n as f64;
    let optimum = instance.location();
    let matrix = product(&instance.r(), &conditioning(instance.n, 100.0), &instance.q());
    let power = 10.0 / libm::pow(n, 1.2);
    Core::new(optimum.clone(), move |x, [a, z, _]| {
        subtract(x, &optimum, a);
        multiply(&matrix, a, z);
        let mut result = 1.0;
        for (i, z) in z.iter().enumerate() {
            let (mut roughness, mut octave) = (0.0, 1.0);
            for _ in 0..32 {
                octave *= 2.0;
                roughness += (octave * z - round(octave * z)).abs() / octave;
            }
            result *= 1.0 + (i as f64 + 1.0) * roughness;
        }
        10.0 / n / n * (libm::pow(result, power) - 1.0) + penalty(x)
    })
}

/// f24, Lunacek's bi-Rastrigin: min(Σ (x̂ᵢ − μ₀)², n + s Σ (x̂ᵢ − μ₁)²) + 10 (n − Σ cos 2πzᵢ) + 10⁴ f_pen,
/// x̂ = 2 sign(x_opt) ⊙ x, z = RΛ^100Q(x̂ − μ₀), μ₀ = 2.5.
pub(super) fn lunacek(instance: &Instance) -> Core {
    const MU0: f64 = 2.5;
    let n = instance.n as f64;
    let optimum: Vec<f64> = seeds::gauss(instance.n, instance.seed)
        .into_iter()
        .map(|g| if g < 0.0 { -0.5 * MU0 } else { 0.5 * MU0 })
        .collect();
    let inner = scale_rows(&conditioning(instance.n, 100.0), &instance.q());
    let outer = instance.r();
    let s = 1.0 - 0.5 / ((n + 20.0).sqrt() - 4.1);
    let mu1 = -((MU0 * MU0 - 1.0) / s).sqrt();
    Core::new(optimum.clone(), move |x, [a, b, z]| {
        let (mut first, mut second) = (0.0, 0.0);
        for i in 0..x.len() {
            let hat = 2.0 * x[i] * 1.0_f64.copysign(optimum[i]);
            first += (hat - MU0) * (hat - MU0);
            second += (hat - mu1) * (hat - mu1);
            a[i] = hat - MU0;
        }
        multiply(&inner, a, b);
        multiply(&outer, b, z);
        let cosines: f64 = z.iter().map(|z| libm::cos(TAU * z)).sum();
        first.min(n + s * second) + 10.0 * (n - cosines) + 1e4 * penalty(x)
    })
}
