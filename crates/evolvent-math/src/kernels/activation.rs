//! Elementary functions and activations in `f32`, branch-free so that a loop over them vectorises, with the same bits at
//! every [`NumericLevel`](crate::NumericLevel).
//!
//! Polynomials and rationals were fitted by minimax (Remez, Lawson) with their leading coefficients rounded to `f32`.
//! Every function is defined for all inputs: NaN gives NaN, and the limits at ±∞ are returned. The errors stated are the
//! largest found against `f64` references (see the tests); "ulp" is the spacing of `f32` at the exact result.
//!
//! Speed on one core of an EPYC 9004 (Zen 4, AVX-512), in [`map`] on 16 KiB of data: 3.0 thousand million tanh, 2.7 exp or
//! 1.7 sin per second (`benches/kernels.rs`).

use super::vectorize;

/// Largest float below which `exp` is zero even as a subnormal.
const EXP_LOW: f32 = -104.0;
/// Smallest float above which `exp` is infinite.
const EXP_HIGH: f32 = 89.0;
/// Adding this to |x| < 2²² rounds x to an integer, which then stands in the low bits.
const ROUND: f32 = 12_582_912.0; // 1.5 · 2²³
const LN2_HIGH: f32 = 0.693_115_23; // 12 low bits are zero: n · LN2_HIGH is exact
const LN2_LOW: f32 = 3.194_618_3e-5;
/// As `ROUND`, for f64 and |x| < 2⁵¹.
const ROUND_F64: f64 = 6_755_399_441_055_744.0; // 1.5 · 2⁵²
const PI_LOW: f64 = 1.224_646_799_147_353_2e-16; // π - f64 π

/// Evaluates c\[0\] + c\[1\]·x + … by Horner's rule with fused multiply-adds.
#[inline(always)]
pub(super) fn horner<const N: usize>(x: f32, c: [f32; N]) -> f32 {
    let mut y = c[N - 1];
    for k in 1..N {
        y = y.mul_add(x, c[N - 1 - k]);
    }
    y
}

#[inline(always)]
fn at_least(x: f32, low: f32) -> f32 {
    if x < low { low } else { x }
}

#[inline(always)]
fn at_most(x: f32, high: f32) -> f32 {
    if x > high { high } else { x }
}

/// eˣ within 1.1 ulp; gradual underflow, ∞ above 88.72.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    let x = at_most(at_least(x, EXP_LOW), EXP_HIGH);
    let shifted = x.mul_add(std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = n.mul_add(-LN2_LOW, n.mul_add(-LN2_HIGH, x));
    let p =
        (r * r).mul_add(horner(r, [0.5, 1.666_652e-1, 4.166_640_3e-2, 8.368_83e-3, 1.394_054_2e-3]), r) + 1.0;
    // 2ⁿ in two factors, because n reaches beyond the exponents of normal floats on both sides.
    let n = (shifted.to_bits() as i32).wrapping_sub(ROUND.to_bits() as i32);
    let half = n >> 1;
    p * power_of_two(half) * power_of_two(n.wrapping_sub(half))
}

/// 2ⁿ for -126 ≤ n ≤ 127.
#[inline(always)]
fn power_of_two(n: i32) -> f32 {
    f32::from_bits((n.wrapping_add(127) << 23) as u32)
}

/// Natural logarithm within 1.2 ulp; -∞ at ±0, NaN below.
#[inline(always)]
pub fn ln(x: f32) -> f32 {
    const SMALLEST_NORMAL: f32 = f32::MIN_POSITIVE;
    let tiny = x < SMALLEST_NORMAL;
    let scaled = if tiny { x * 8_388_608.0 } else { x };
    let (m, e) = split(scaled);
    let e = if tiny { e - 23.0 } else { e };
    let f = m - 1.0;
    let q = horner(
        f,
        [
            3.333_386e-1,
            -2.500_174_6e-1,
            1.996_536_6e-1,
            -1.656_567_2e-1,
            1.487_738_3e-1,
            -1.434_984_8e-1,
            8.915_967e-2,
        ],
    );
    let square = f * f;
    // f - f²/2 + f³·q, the small terms first.
    let y = (square * f).mul_add(q, square.mul_add(-0.5, e * LN2_LOW)) + f;
    let y = e.mul_add(LN2_HIGH, y);
    let y = if x == f32::INFINITY { x } else { y };
    let y = if x < 0.0 || x.is_nan() { f32::NAN } else { y };
    if x == 0.0 { f32::NEG_INFINITY } else { y }
}

/// x = m·2ᵉ with m in [√½, √2), for positive normal floats.
#[inline(always)]
pub(super) fn split(x: f32) -> (f32, f32) {
    let bits = x.to_bits();
    let e = (bits.wrapping_sub(0x3f35_04f3) as i32) >> 23;
    (f32::from_bits(bits.wrapping_sub((e << 23) as u32)), e as f32)
}

/// Hyperbolic tangent: an odd rational of degree 9/8, error at most 2.6e-7, exactly ±1 from |x| = 9.02.
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    let x = at_most(at_least(x, -9.02), 9.02);
    let u = x * x;
    let p = horner(u, [1.0, 1.337_974e-1, 3.494_059_7e-3, 2.058_384e-5, 1.331_946_7e-8]);
    let q = horner(u, [1.0, 4.671_305_7e-1, 2.587_117_3e-2, 3.283_131_5e-4, 7.762_202_5e-7]);
    at_most(at_least(x * p / q, -1.0), 1.0)
}

/// Logistic sigmoid 1/(1+e⁻ˣ) within 2.5 ulp.
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    let e = exp(-x.abs());
    (if x < 0.0 { e } else { 1.0 }) / (1.0 + e)
}

/// Sine, error at most 1.3e-7 for |x| ≤ 2⁴⁰. Beyond, where neighbouring floats lie twenty thousand periods apart,
/// arguments count as 0.
#[inline(always)]
pub fn sin(x: f32) -> f32 {
    let x = x as f64;
    let x = if x.abs() > 1_099_511_627_776.0 && x.abs() < f64::INFINITY { 0.0 } else { x };
    let shifted = x.mul_add(std::f64::consts::FRAC_1_PI, ROUND_F64);
    let n = shifted - ROUND_F64;
    let r = n.mul_add(-PI_LOW, n.mul_add(-std::f64::consts::PI, x)) as f32;
    // sin(x) = (-1)ⁿ sin(x - nπ)
    sine_of_half_circle(r, (shifted.to_bits() as u32) << 31)
}

/// Cosine, as [`sin`].
#[inline(always)]
pub fn cos(x: f32) -> f32 {
    let x = x as f64;
    let x = if x.abs() > 1_099_511_627_776.0 && x.abs() < f64::INFINITY { 0.0 } else { x };
    let shifted = x.mul_add(std::f64::consts::FRAC_1_PI, -0.5) + ROUND_F64;
    let n = (shifted - ROUND_F64) + 0.5;
    let r = n.mul_add(-PI_LOW, n.mul_add(-std::f64::consts::PI, x)) as f32;
    // cos(x) = -(-1)ⁿ sin(x - (n + ½)π)
    sine_of_half_circle(r, !(shifted.to_bits() as u32) << 31)
}

/// sin(r) for |r| ≤ π/2, its sign bit flipped by `sign`.
#[inline(always)]
fn sine_of_half_circle(r: f32, sign: u32) -> f32 {
    let u = r * r;
    let q = horner(u, [-1.666_666_6e-1, 8.333_199e-3, -1.981_816_2e-4, 2.622_891_8e-6]);
    f32::from_bits((r * u).mul_add(q, r).to_bits() ^ sign)
}

/// Gaussian bump exp(-x²) within 1.5 ulp.
#[inline(always)]
pub fn gauss(x: f32) -> f32 {
    let x = at_most(at_least(x, -12.0), 12.0);
    let square = x * x;
    let lost = x.mul_add(x, -square);
    let y = exp(-square);
    y.mul_add(-lost, y)
}

/// Error function: an odd rational of degree 11/10, error at most 2.6e-7, exactly ±1 from |x| = 3.93.
#[inline(always)]
pub fn erf(x: f32) -> f32 {
    let x = at_most(at_least(x, -3.93), 3.93);
    let u = x * x;
    let p = horner(
        u,
        [
            std::f32::consts::FRAC_2_SQRT_PI,
            1.907_769_4e-1,
            5.278_930_8e-2,
            3.779_293_7e-3,
            2.847_979_2e-4,
            2.041_977_3e-6,
        ],
    );
    let q = horner(u, [1.0, 5.024_044e-1, 1.142_546_2e-1, 1.499_681_2e-2, 1.165_129_4e-3, 3.800_358e-5]);
    at_most(at_least(x * p / q, -1.0), 1.0)
}

/// Gaussian error linear unit x·Φ(x), the definition of ONNX `Gelu` with `approximate = "none"`; error at most 1e-6,
/// relative to the result where that is above 1.
#[inline(always)]
pub fn gelu(x: f32) -> f32 {
    // Φ is zero there, and the product must not be -∞ · 0.
    0.5 * at_least(x, -16.0) * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2))
}

/// The tanh form of [`gelu`] (ONNX `approximate = "tanh"`): ½x(1 + tanh(√(2/π)(x + 0.044715x³))), error at most 6e-7.
#[inline(always)]
pub fn gelu_tanh(x: f32) -> f32 {
    let inner = at_most(at_least(x, -16.0), 16.0);
    let inner = 0.797_884_6 * (0.044_715 * inner * inner).mul_add(inner, inner);
    0.5 * at_least(x, -16.0) * (1.0 + tanh(inner))
}

/// Sigmoid linear unit x·sigmoid(x) within 3.5 ulp (of 1e-36 where the result is smaller).
#[inline(always)]
pub fn silu(x: f32) -> f32 {
    at_least(x, EXP_LOW) * sigmoid(x)
}

/// ln(1 + eˣ) within 3 ulp.
#[inline(always)]
pub fn softplus(x: f32) -> f32 {
    let t = exp(-x.abs());
    // ln(1 + t) = t·(1 + t·q(t)) on [0, 1].
    let q = horner(
        t,
        [
            -4.999_968_7e-1,
            3.332_231_6e-1,
            -2.486_573_2e-1,
            1.918_867e-1,
            -1.383_030_3e-1,
            8.012_289e-2,
            -3.063_710_2e-2,
            5.508_778e-3,
        ],
    );
    at_least(x, 0.0) + t * t.mul_add(q, 1.0)
}

/// Replaces every element by its image, vectorised when `f` is one of the functions above (or inlines as they do).
///
/// ```
/// use evolvent_math::activation::{map, tanh};
/// let mut x = [0.0, 100.0];
/// map(&mut x, tanh);
/// assert_eq!(x, [0.0, 1.0]);
/// ```
pub fn map(x: &mut [f32], f: impl Fn(f32) -> f32) {
    vectorize(
        #[inline(always)]
        || map_inline(x, f),
    );
}

/// [`map`] for use inside a kernel.
#[inline(always)]
pub fn map_inline(x: &mut [f32], f: impl Fn(f32) -> f32) {
    let (body, tail) = x.as_chunks_mut::<16>();
    for chunk in body {
        for v in chunk {
            *v = f(*v);
        }
    }
    if !tail.is_empty() {
        // A padded chunk instead of a scalar loop: short layers are common.
        let mut chunk = [0.0; 16];
        chunk[..tail.len()].copy_from_slice(tail);
        for v in &mut chunk {
            *v = f(*v);
        }
        tail.copy_from_slice(&chunk[..tail.len()]);
    }
}

/// Turns logits into probabilities, in place: exp(xᵢ - max) / Σ. An empty slice stays empty; a NaN or +∞ among the
/// logits makes every result NaN.
pub fn softmax(x: &mut [f32]) {
    vectorize(
        #[inline(always)]
        || {
            let highest = x.iter().fold(f32::NEG_INFINITY, |a, &b| if b > a || b.is_nan() { b } else { a });
            map_inline(
                x,
                #[inline(always)]
                |v| exp(v - highest),
            );
            let scale = 1.0 / super::reduce::sum_f32_inline(x);
            for v in x {
                *v *= scale;
            }
        },
    );
}

/// eˣ in `f64`, within 2e-16 of it relative to its size; 0 below −708 and the largest number above 709. For use inside a kernel.
#[inline(always)]
pub fn exp_f64(x: f64) -> f64 {
    // eˣ = 2ⁿ·eʳ with |r| ≤ ln 2/2; adding 1.5·2⁵² rounds to an integer, which then stands in the low bits.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    const LN_2: [f64; 2] = [6.931_471_803_691_238e-1, 1.908_214_929_270_587_7e-10];
    let bounded = x.clamp(-708.0, 709.0);
    let shifted = bounded.mul_add(std::f64::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = n.mul_add(-LN_2[1], n.mul_add(-LN_2[0], bounded));
    // Taylor's series: the first term left out is below 4e-18.
    let mut p = 1.0 / 6_227_020_800.0;
    let factorials = [
        479_001_600.0,
        39_916_800.0,
        3_628_800.0,
        362_880.0,
        40_320.0,
        5_040.0,
        720.0,
        120.0,
        24.0,
        6.0,
        2.0,
    ];
    for factorial in factorials {
        p = r.mul_add(p, 1.0 / factorial);
    }
    let p = (r * r).mul_add(p, r) + 1.0;
    let power = f64::from_bits((shifted.to_bits() << 52).wrapping_add(1023 << 52));
    let y = p * power;
    if x < -708.0 {
        0.0
    } else if x > 709.0 {
        f64::MAX
    } else {
        y
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NumericLevel;

    /// Floats of all magnitudes and signs: every `step`-th bit pattern.
    fn floats(step: usize) -> impl Iterator<Item = f32> {
        (0..=u32::MAX).step_by(step).map(f32::from_bits).filter(|x| x.is_finite())
    }

    fn ulp(exact: f64) -> f64 {
        let x = exact.abs() as f32;
        if x < f32::MIN_POSITIVE {
            return f64::from(f32::from_bits(1));
        }
        f64::from(f32::from_bits(x.to_bits() + 1)) - f64::from(x)
    }

    fn worst(f: fn(f32) -> f32, exact: fn(f64) -> f64, error: fn(f64, f64) -> f64) -> (f64, f32) {
        let mut worst = (0.0, 0.0);
        for x in floats(20_011).chain((-40_000..40_000).map(|i| i as f32 * 1e-3)) {
            let (y, e) = (f(x), exact(f64::from(x)));
            assert!(!y.is_nan(), "NaN at {x}");
            if y.is_infinite() || f64::from(f32::MAX) < e.abs() {
                assert_eq!(y, e as f32, "at {x}");
                continue;
            }
            let found = error(f64::from(y), e);
            if found > worst.0 {
                worst = (found, x);
            }
        }
        worst
    }

    fn absolute(y: f64, exact: f64) -> f64 {
        (y - exact).abs()
    }

    fn in_ulps(y: f64, exact: f64) -> f64 {
        (y - exact).abs() / ulp(exact)
    }

    fn phi(x: f64) -> f64 {
        0.5 * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2)
    }

    #[test]
    fn errors_are_within_the_stated_bounds() {
        type Row = (&'static str, fn(f32) -> f32, fn(f64) -> f64, fn(f64, f64) -> f64, f64);
        let table: [Row; 13] = [
            ("exp", exp, libm::exp, in_ulps, 1.1),
            ("tanh", tanh, libm::tanh, absolute, 2.6e-7),
            ("sigmoid", sigmoid, |x| 1.0 / (1.0 + libm::exp(-x)), in_ulps, 2.5),
            (
                "sin",
                sin,
                |x| libm::sin(if x.abs() > 1_099_511_627_776.0 { 0.0 } else { x }),
                absolute,
                1.3e-7,
            ),
            (
                "cos",
                cos,
                |x| libm::cos(if x.abs() > 1_099_511_627_776.0 { 0.0 } else { x }),
                absolute,
                1.3e-7,
            ),
            ("gauss", gauss, |x| libm::exp(-x * x), in_ulps, 1.5),
            ("erf", erf, libm::erf, absolute, 2.6e-7),
            ("gelu", gelu, |x| x * phi(x), |y, e| absolute(y, e) / e.max(1.0), 1e-6),
            (
                "gelu_tanh",
                gelu_tanh,
                |x| {
                    0.5 * x
                        * (1.0 + libm::tanh((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x)))
                },
                |y, e| absolute(y, e) / e.max(1.0),
                6e-7,
            ),
            (
                "silu",
                silu,
                |x| x / (1.0 + libm::exp(-x)),
                |y, e| absolute(y, e) / ulp(e.abs().max(1e-36)),
                3.5,
            ),
            ("softplus", softplus, |x| if x > 40.0 { x } else { libm::log1p(libm::exp(x)) }, in_ulps, 3.0),
            ("ln", |x| ln(x.abs()), |x| libm::log(x.abs()), in_ulps, 1.2),
            ("erf relative", erf, libm::erf, |y, e| (y - e).abs() / (e.abs() + 1e-37), 4e-7),
        ];
        let mut failed = Vec::new();
        for (name, f, exact, error, bound) in table {
            let (found, at) = worst(f, exact, error);
            if found > bound || found < bound * 0.2 {
                failed.push(format!("{name}: {found:.3e} at {at:e}, stated {bound:.1e}"));
            }
        }
        assert!(failed.is_empty(), "{failed:#?}");
    }

    #[test]
    fn limits_and_nan() {
        let all: [fn(f32) -> f32; 12] =
            [exp, ln, tanh, sigmoid, sin, cos, gauss, erf, gelu, gelu_tanh, silu, softplus];
        assert!(all.iter().all(|f| f(f32::NAN).is_nan()));
        let (inf, low) = (f32::INFINITY, f32::NEG_INFINITY);
        assert_eq!((exp(inf), exp(low), exp(0.0)), (inf, 0.0, 1.0));
        assert_eq!((ln(inf), ln(0.0), ln(-0.0), ln(1.0)), (inf, low, low, 0.0));
        assert!(ln(-1.0).is_nan() && ln(low).is_nan() && sin(inf).is_nan() && cos(low).is_nan());
        assert_eq!(
            (tanh(inf), tanh(low), tanh(9.5), tanh(-0.0).to_bits()),
            (1.0, -1.0, 1.0, (-0.0f32).to_bits())
        );
        assert_eq!((sigmoid(inf), sigmoid(low), sigmoid(0.0)), (1.0, 0.0, 0.5));
        assert_eq!((gauss(inf), gauss(low), gauss(0.0)), (0.0, 0.0, 1.0));
        assert_eq!((erf(inf), erf(low), erf(4.0)), (1.0, -1.0, 1.0));
        for f in [gelu, gelu_tanh, silu] {
            assert_eq!((f(inf), f(low), f(0.0), f(-1e30), f(1e30)), (inf, 0.0, 0.0, 0.0, 1e30));
        }
        assert_eq!((softplus(inf), softplus(low), softplus(-90.0) > 0.0), (inf, 0.0, true));
    }

    #[test]
    fn tanh_is_odd_bounded_and_saturates() {
        let mut last = 0.0;
        for x in floats(9_973).filter(|x| x.is_sign_positive()) {
            let y = tanh(x);
            assert!(y <= 1.0 && y == -tanh(-x));
            assert!(y >= last - 2.5e-7, "falls at {x}");
            last = y;
            if x > 9.02 {
                assert_eq!(y, 1.0);
            }
        }
    }

    #[test]
    fn every_level_gives_the_same_bits() {
        let all: [fn(f32) -> f32; 12] =
            [exp, ln, tanh, sigmoid, sin, cos, gauss, erf, gelu, gelu_tanh, silu, softplus];
        let inputs: Vec<f32> = floats(1_000_003).chain((-2_000..2_000).map(|i| i as f32 * 0.011)).collect();
        macro_rules! check {
            ($($f:ident)*) => {
                [$({
                    let twin: Vec<u32> = inputs.iter().map(|&x| $f(x).to_bits()).collect();
                    for level in NumericLevel::available() {
                        let mut x = inputs.clone();
                        level.run(#[inline(always)] || map_inline(&mut x, $f));
                        let bits: Vec<u32> = x.iter().map(|x| x.to_bits()).collect();
                        // The payload of a NaN is not part of the promise.
                        assert!(
                            bits.iter().zip(&twin).all(|(a, b)| a == b
                                || f32::from_bits(*a).is_nan() && f32::from_bits(*b).is_nan()),
                            "{} at {level:?}", stringify!($f)
                        );
                    }
                    $f as fn(f32) -> f32
                }),*]
            };
        }
        let checked = check!(exp ln tanh sigmoid sin cos gauss erf gelu gelu_tanh silu softplus);
        assert_eq!(checked.len(), all.len());
    }

    #[test]
    fn softmax_by_hand() {
        let mut x = [1.0, 1.0, 1.0 + std::f32::consts::LN_2];
        softmax(&mut x);
        assert!(x.iter().zip([0.25, 0.25, 0.5]).all(|(a, b)| (a - b).abs() < 1e-6), "{x:?}");
        softmax(&mut []);
        let mut x = [1000.0, -1000.0];
        softmax(&mut x);
        assert_eq!(x, [1.0, 0.0]);
        let mut x = [f32::NAN, 0.0];
        softmax(&mut x);
        assert!(x.iter().all(|v| v.is_nan()));
    }

    #[test]
    fn exp_f64_is_close() {
        let mut worst = 0.0f64;
        for k in 0..200_000 {
            let x = f64::from(k - 100_000) * 0.00707;
            let expected = libm::exp(x);
            worst = worst.max((exp_f64(x) / expected - 1.0).abs());
        }
        assert!(worst < 5e-16, "{worst:e}");
        assert_eq!((exp_f64(0.0), exp_f64(-800.0), exp_f64(f64::INFINITY)), (1.0, 0.0, f64::MAX));
        assert!(exp_f64(f64::NAN).is_nan() && (exp_f64(1.0) - std::f64::consts::E).abs() < 1e-15);
    }
}
