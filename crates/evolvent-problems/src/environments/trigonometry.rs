//! Sine and cosine that vectorise and have the same bits on every machine.
//!
//! Only additions, multiplications and bit operations on `f64`, no branches, no fused multiply-add: a loop over lanes
//! compiles to SIMD at any level, and each lane gives what the scalar code gives.

use std::f64::consts::{FRAC_2_PI, PI, TAU};

/// Adding and subtracting it rounds to the nearest integer; the sum's lowest bits are that integer's: 1.5 · 2^52.
const ROUND: f64 = 6_755_399_441_055_744.0;

/// π/2 in two parts; the first has 33 bits, so that its product with a quadrant number below 2^20 is exact.
const HALF_PI_HIGH: f64 = 1.570_796_326_734_125_6;
const HALF_PI_LOW: f64 = 6.077_100_506_506_192e-11;

/// Sine and cosine of `x` radians, with an absolute error below 3e-16 for |x| ≤ 10^5. Beyond 10^9 the result is
/// meaningless, for infinities it is NaN or meaningless.
///
/// Reduction to [−π/4, π/4] (Cody & Waite 1980), then the Taylor-like minimax polynomials published with fdlibm (Sun
/// Microsystems 1993).
#[inline(always)]
pub fn sincos(x: f64) -> (f64, f64) {
    let shifted = x * FRAC_2_PI + ROUND;
    let quadrant = shifted.to_bits();
    let n = shifted - ROUND;
    let r = (x - n * HALF_PI_HIGH) - n * HALF_PI_LOW;
    let z = r * r;
    let s = -2.505_076_025_340_686_3e-8 + z * 1.589_690_995_211_55e-10;
    let s = 2.755_731_370_707_006_8e-6 + z * s;
    let s = -1.984_126_982_985_795e-4 + z * s;
    let s = 8.333_333_333_322_49e-3 + z * s;
    let s = r + r * z * (-1.666_666_666_666_663_2e-1 + z * s);
    let c = 2.087_572_321_298_175e-9 + z * -1.135_964_755_778_819_5e-11;
    let c = -2.755_731_435_139_066_3e-7 + z * c;
    let c = 2.480_158_728_947_673e-5 + z * c;
    let c = -1.388_888_888_887_411e-3 + z * c;
    let c = (1.0 - 0.5 * z) + z * z * (4.166_666_666_666_66e-2 + z * c);
    // Odd quadrants exchange the two; the sign follows from the quadrant's second bit.
    let (s, c) = (s.to_bits(), c.to_bits());
    let exchange = (s ^ c) & 0u64.wrapping_sub(quadrant & 1);
    let sign = |q: u64| (q << 62) & (1 << 63);
    (
        f64::from_bits(s ^ exchange ^ sign(quadrant)),
        f64::from_bits(c ^ exchange ^ sign(quadrant.wrapping_add(1))),
    )
}

/// Sine of `x` radians; see [`sincos`].
#[inline(always)]
pub(super) fn sin(x: f64) -> f64 {
    sincos(x).0
}

/// Cosine of `x` radians; see [`sincos`].
#[inline(always)]
pub(super) fn cos(x: f64) -> f64 {
    sincos(x).1
}

/// The same angle in [−π, π].
#[inline(always)]
pub fn wrap(angle: f64) -> f64 {
    let turns = (angle * (0.5 / PI) + ROUND) - ROUND;
    angle - TAU * turns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_libm() {
        for i in -400_000..400_000 {
            for x in [f64::from(i) * 1e-5, f64::from(i) * 0.249_99] {
                let (s, c) = sincos(x);
                let (ls, lc) = libm::sincos(x);
                assert!((s - ls).abs() < 3e-16 && (c - lc).abs() < 3e-16, "{x}: {s} {ls}, {c} {lc}");
            }
        }
        assert_eq!(sincos(0.0), (0.0, 1.0));
    }

    #[test]
    fn wrapped_angles_are_the_same_angles() {
        for i in -1000..1000 {
            let x = f64::from(i) * 0.173;
            let wrapped = wrap(x);
            assert!(wrapped.abs() <= PI + 1e-12);
            assert!((sin(x) - sin(wrapped)).abs() < 1e-13 && (cos(x) - cos(wrapped)).abs() < 1e-13);
        }
        assert_eq!(wrap(2.0), 2.0);
    }
}
