//! What COCO draws from an instance's seed: numbers, optima, offsets and rotations, by the generator of BBOB 2009.

use std::f64::consts::PI;

/// `n` numbers in (0, 1): the minimal standard generator (Park & Miller 1988) with a shuffle table of 32 (Bays & Durham),
/// warmed up by forty draws.
pub(super) fn uniform(n: usize, seed: i64) -> Vec<f64> {
    const MODULUS: i64 = 2_147_483_647;
    let mut state = seed.abs().max(1);
    let mut next = move || {
        let quotient = state / 127_773;
        state = 16_807 * (state - quotient * 127_773) - 2836 * quotient;
        if state < 0 {
            state += MODULUS;
        }
        state
    };
    let mut table = [0; 32];
    for i in (0..40).rev() {
        let drawn = next();
        if i < 32 {
            table[i] = drawn;
        }
    }
    let mut shown = table[0];
    let numbers = (0..n).map(|_| {
        let drawn = next();
        let place = &mut table[(shown / 67_108_865) as usize];
        shown = std::mem::replace(place, drawn);
        let number = shown as f64 / 2.147_483_647e9;
        if number == 0.0 { 1e-99 } else { number }
    });
    numbers.collect()
}

/// `n` standard normal numbers.
pub(super) fn gauss(n: usize, seed: i64) -> Vec<f64> {
    let u = uniform(2 * n, seed);
    let numbers = (0..n).map(|i| {
        let number = (-2.0 * libm::log(u[i])).sqrt() * libm::cos(2.0 * PI * u[n + i]);
        if number == 0.0 { 1e-99 } else { number }
    });
    numbers.collect()
}

/// An optimum in [−4, 4]ⁿ on a grid of 0.0008.
pub(super) fn location(n: usize, seed: i64) -> Vec<f64> {
    let place = |u: f64| {
        let x = 8.0 * (1e4 * u).floor() / 1e4 - 4.0;
        if x == 0.0 { -1e-5 } else { x }
    };
    uniform(n, seed).into_iter().map(place).collect()
}

/// The optimal value of a function's instance: a Cauchy number in hundredths, within ±1000.
pub(super) fn offset(function: u32, instance: u32) -> f64 {
    let seed = match function {
        4 => 3,
        18 => 17,
        f => i64::from(f),
    } + 10_000 * i64::from(instance);
    let ratio = gauss(1, seed)[0] / gauss(1, seed + 1)[0];
    let rounded = (100.0 * 100.0 * ratio + 0.5).floor() / 100.0;
    rounded.clamp(-1000.0, 1000.0)
}

/// A rotation, row-major: Gaussian columns made orthonormal one after the other.
pub(super) fn rotation(n: usize, seed: i64) -> Vec<f64> {
    // COCO fills the matrix column by column, so each chunk is a column.
    let mut columns = gauss(n * n, seed);
    for i in 0..n {
        let (before, rest) = columns.split_at_mut(i * n);
        let column = &mut rest[..n];
        for other in before.chunks_exact(n) {
            let along: f64 = column.iter().zip(other).map(|(a, b)| a * b).sum();
            column.iter_mut().zip(other).for_each(|(a, b)| *a -= along * b);
        }
        let length = column.iter().map(|a| a * a).sum::<f64>().sqrt();
        column.iter_mut().for_each(|a| *a /= length);
    }
    (0..n * n).map(|at| columns[at % n * n + at / n]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_instance_of_the_sphere() {
        assert_eq!(offset(1, 1), 79.48);
        let optimum = location(2, 10_001);
        assert!((optimum[0] - 0.2528).abs() < 1e-12 && (optimum[1] + 1.1568).abs() < 1e-12, "{optimum:?}");
    }

    #[test]
    fn rotations_are_orthogonal() {
        let n = 7;
        let r = rotation(n, 12_345);
        for i in 0..n {
            for j in 0..n {
                let product: f64 = (0..n).map(|k| r[i * n + k] * r[j * n + k]).sum();
                assert!((product - if i == j { 1.0 } else { 0.0 }).abs() < 1e-13);
            }
        }
    }
}
