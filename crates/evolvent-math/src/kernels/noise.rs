//! Standard normal deviates in `f32` whose every element has an address.
//!
//! Element `i` of the noise of a [`StreamKey`] is a pure function of the key and `i`, so any part of it can be computed
//! anywhere, in any order and in pieces of any size. Philox4x32-10 (Salmon et al. 2011) gives four words per block and
//! Box–Muller turns them into four deviates. A *tile* is 16 blocks, one per virtual lane, and 64 elements: element
//! `64 t + 16 j + l` is deviate `j` of block `16 t + l`, which keeps loads and stores contiguous.
//!
//! With words w₀…w₃ of a block, deviates 0 and 1 come from (w₀, w₁), 2 and 3 from (w₂, w₃):
//!
//! ```text
//! u = (w₀ + ½)/2³²                              in (0, 1]
//! r = √(-2 ln u)                                at most 6.76, the end of the tails
//! t = (the low 31 bits of w₁ as a signed number)/2³⁰   in [-1, 1)
//! z₀ = ±r cos(πt/2), negative where the top bit of w₁ is set;  z₁ = r sin(πt/2)
//! ```
//!
//! 32-bit uniforms end the tails at 6.76 standard deviations; a true normal exceeds that once in 7·10¹⁰ draws. The
//! deviates are within 2e-6 of the exact value of the formula above.
//!
//! The blocks are those that [`StreamKey::stream`] reads: do not use one key both for noise and for a [`Stream`]
//! (`Stream::split` gives further keys).
//!
//! [`Stream`]: evolvent_core::Stream
//!
//! **Speed** (`benches/kernels.rs`): see the table there.

use super::activation::{horner, split};
use super::vectorize;
use evolvent_core::StreamKey;

/// Elements of a tile.
pub const TILE: usize = 64;
/// The largest magnitude that a deviate can have.
pub const LARGEST: f32 = 6.77;

const LANES: usize = 16;
const ROUNDS: usize = 10;
const LOW: u64 = 0xffff_ffff;

/// The words of the 16 blocks of tile `t`: `words[j][l]` is word `j` of block `16 t + l`.
///
/// Words live in the low halves of 64-bit lanes, whose high halves hold rubbish: the multiplication reads low halves only
/// (one `vpmuludq`), its result holds both halves that a round needs, and nothing has to be shuffled until the end.
#[inline(always)]
fn words(key: StreamKey, t: u64) -> [[u32; LANES]; 4] {
    let first = t.wrapping_mul(LANES as u64);
    let (low, high) = (first & LOW, first >> 32);
    let (index, round) = (u64::from(key.index), u64::from(key.round));
    let mut k0 = [0u64; ROUNDS];
    let mut k1 = [0u64; ROUNDS];
    for r in 0..ROUNDS {
        k0[r] = u64::from(key.key[0].wrapping_add(0x9E37_79B9u32.wrapping_mul(r as u32)));
        k1[r] = u64::from(key.key[1].wrapping_add(0xBB67_AE85u32.wrapping_mul(r as u32)));
    }
    // The third word is one for all lanes, and so is half of the first round.
    let p1 = (index & LOW).wrapping_mul(0xCD9E_8D57);
    let (c0, c1) = (p1 >> 32 ^ high ^ k0[0], p1);
    let q0 = (c0 & LOW).wrapping_mul(0xD251_1F53);

    let mut out = [[0u64; LANES / 2]; 4];
    for pair in 0..LANES / 2 {
        let mut halves = [[0u64; 4]; 2];
        for (odd, half) in halves.iter_mut().enumerate() {
            let p0 = (low + (2 * pair + odd) as u64).wrapping_mul(0xD251_1F53);
            let (c2, c3) = (p0 >> 32 ^ round ^ k1[0], p0);
            let p1 = (c2 & LOW).wrapping_mul(0xCD9E_8D57);
            let mut c = [p1 >> 32 ^ c1 ^ k0[1], p1, q0 >> 32 ^ c3 ^ k1[1], q0];
            for r in 2..ROUNDS {
                let p0 = (c[0] & LOW).wrapping_mul(0xD251_1F53);
                let p1 = (c[2] & LOW).wrapping_mul(0xCD9E_8D57);
                c = [p1 >> 32 ^ c[1] ^ k0[r], p1, p0 >> 32 ^ c[3] ^ k1[r], p0];
            }
            *half = c;
        }
        for j in 0..4 {
            out[j][pair] = halves[0][j] & LOW | halves[1][j] << 32;
        }
    }
    if cfg!(target_endian = "big") {
        out.iter_mut().flatten().for_each(|pair| *pair = pair.rotate_left(32));
    }
    // SAFETY: both types are 256 bytes without padding, and every bit pattern is a `u32`.
    unsafe { std::mem::transmute(out) }
}

/// Two rows of deviates from two rows of words.
#[inline(always)]
fn box_muller(radius: &[u32; LANES], angle: &[u32; LANES], z: &mut [f32; 2 * LANES]) {
    let (z0, z1) = z.split_at_mut(LANES);
    for l in 0..LANES {
        let (a, b) = box_muller_lane(radius[l], angle[l]);
        (z0[l], z1[l]) = (a, b);
    }
}

#[inline(always)]
fn box_muller_lane(radius: u32, angle: u32) -> (f32, f32) {
    const UNIT: f32 = 1.0 / 4_294_967_296.0;
    let u = (radius as f32).mul_add(UNIT, 0.5 * UNIT);
    let (m, e) = split(u);
    // -2 ln u = f·p(f) - 2e ln 2 with f = m - 1; exactly 0 at u = 1, so that no root of a negative number is taken.
    let f = m - 1.0;
    let p = horner(
        f,
        [
            -1.999_999_9,
            1.000_001,
            -6.666_994_7e-1,
            4.993_858_7e-1,
            -3.978_199_4e-1,
            3.445_303_4e-1,
            -3.270_279_8e-1,
            2.086_563_7e-1,
        ],
    );
    let r = f.mul_add(p, e * (-2.0 * std::f32::consts::LN_2)).sqrt();

    let t = ((angle << 1) as i32) as f32 * (1.0 / 2_147_483_648.0);
    let s = t * t;
    let sin = t * horner(s, [1.570_796_4, -6.459_664e-1, 7.970_241_5e-2, -4.692_924e-3, 1.606_009_8e-4]);
    let cos = horner(s, [0.999_999_94, -1.233_697_7, 2.536_474_2e-1, -2.080_457_3e-2, 8.548_358_5e-4]);
    let signed = f32::from_bits(r.to_bits() ^ (angle & 0x8000_0000));
    (signed * cos, r * sin)
}

/// The 64 deviates of tile `t` of the noise of `key`. For use inside a kernel.
#[inline(always)]
pub fn tile_inline(key: StreamKey, t: u64, z: &mut [f32; TILE]) {
    let w = words(key, t);
    let (first, second) = z.split_at_mut(TILE / 2);
    // Two halves of 32: the conversions cannot fail.
    if let (Ok(first), Ok(second)) = (first.try_into(), second.try_into()) {
        box_muller(&w[0], &w[1], first);
        box_muller(&w[2], &w[3], second);
    }
}

/// Calls `f(offset, deviates)` for consecutive pieces of elements `start..start + len`; `offset` counts from `start`.
/// Whole tiles come as 64 deviates. For use inside a kernel; `f` must be `#[inline(always)]`.
#[inline(always)]
pub fn for_each_piece(key: StreamKey, start: usize, len: usize, mut f: impl FnMut(usize, &[f32])) {
    let mut z = [0.0; TILE];
    let mut done = 0;
    while done < len {
        let at = start + done;
        let skip = at % TILE;
        tile_inline(key, (at / TILE) as u64, &mut z);
        let count = (TILE - skip).min(len - done);
        if count == TILE {
            f(done, &z);
        } else {
            f(done, &z[skip..skip + count]);
        }
        done += count;
    }
}

/// Calls `f(offset, words)` for pieces of at most 64 of the uniform words from which deviates are made, from element 0 on:
/// element `64 t + 16 j + l` is word `j` of block `16 t + l`. For use inside a kernel; `f` must be `#[inline(always)]`.
#[inline(always)]
pub fn for_each_words(key: StreamKey, len: usize, mut f: impl FnMut(usize, &[u32])) {
    let whole = len / TILE;
    for t in 0..whole {
        f(t * TILE, words(key, t as u64).as_flattened());
    }
    if !len.is_multiple_of(TILE) {
        f(whole * TILE, &words(key, whole as u64).as_flattened()[..len % TILE]);
    }
}

/// Elements `start..start + out.len()` of the noise of `key`.
pub fn fill_normal(key: StreamKey, start: usize, out: &mut [f32]) {
    vectorize(
        #[inline(always)]
        || {
            for_each_piece(
                key,
                start,
                out.len(),
                #[inline(always)]
                |at, z| out[at..at + z.len()].copy_from_slice(z),
            )
        },
    );
}

/// outᵢ ← outᵢ + scale · zᵢ, fused.
pub fn axpy_normal(key: StreamKey, start: usize, scale: f32, out: &mut [f32]) {
    vectorize(
        #[inline(always)]
        || {
            for_each_piece(
                key,
                start,
                out.len(),
                #[inline(always)]
                |at, z| {
                    for (o, &z) in out[at..at + z.len()].iter_mut().zip(z) {
                        *o = scale.mul_add(z, *o);
                    }
                },
            )
        },
    );
}

/// outᵢ ← baseᵢ + scale · zᵢ, fused. `base` and `out` have one length.
pub fn perturb(base: &[f32], scale: f32, key: StreamKey, start: usize, out: &mut [f32]) {
    assert_eq!(base.len(), out.len(), "base and out have one length");
    vectorize(
        #[inline(always)]
        || {
            for_each_piece(
                key,
                start,
                out.len(),
                #[inline(always)]
                |at, z| {
                    let range = at..at + z.len();
                    for ((o, &b), &z) in out[range.clone()].iter_mut().zip(&base[range]).zip(z) {
                        *o = scale.mul_add(z, b);
                    }
                },
            )
        },
    );
}

/// outᵢ ← baseᵢ + sign · scalesᵢ · zᵢ: a scale for each coordinate. All three slices have one length.
pub fn perturb_scaled(
    base: &[f32],
    sign: f32,
    scales: &[f32],
    key: StreamKey,
    start: usize,
    out: &mut [f32],
) {
    assert_eq!((base.len(), scales.len()), (out.len(), out.len()), "base, scales and out have one length");
    vectorize(
        #[inline(always)]
        || {
            for_each_piece(
                key,
                start,
                out.len(),
                #[inline(always)]
                |at, z| {
                    let range = at..at + z.len();
                    let pairs = base[range.clone()].iter().zip(&scales[range.clone()]);
                    for ((o, (&b, &s)), &z) in out[range].iter_mut().zip(pairs).zip(z) {
                        *o = (sign * s).mul_add(z, b);
                    }
                },
            )
        },
    );
}

/// accᵢ ← accᵢ + weight · zᵢ in `f64`, fused.
pub fn accumulate_normal(key: StreamKey, start: usize, weight: f64, acc: &mut [f64]) {
    weighted_sum_normal(&[(key, weight)], start, acc);
}

/// accᵢ ← accᵢ + Σₘ weightₘ · zₘᵢ, in the order of the terms, in `f64`. The same bits as one [`accumulate_normal`] after
/// the other, but the sums stay in registers.
pub fn weighted_sum_normal(terms: &[(StreamKey, f64)], start: usize, acc: &mut [f64]) {
    vectorize(
        #[inline(always)]
        || {
            let len = acc.len();
            let mut done = 0;
            let mut z = [0.0; TILE];
            let mut sums = [0.0; TILE];
            while done < len {
                let at = start + done;
                let skip = at % TILE;
                let count = (TILE - skip).min(len - done);
                let piece = &mut acc[done..done + count];
                sums[skip..skip + count].copy_from_slice(piece);
                for &(key, weight) in terms {
                    tile_inline(key, (at / TILE) as u64, &mut z);
                    for (s, &z) in sums.iter_mut().zip(&z) {
                        *s = weight.mul_add(f64::from(z), *s);
                    }
                }
                piece.copy_from_slice(&sums[skip..skip + count]);
                done += count;
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NumericLevel;
    use evolvent_core::{Purpose, RunKey, stream_key};
    use proptest::prelude::*;

    fn key(index: u64) -> StreamKey {
        stream_key(RunKey::from_seed(5), 2, index, 0, Purpose::Ask)
    }

    /// One element from the documented formula, in the arithmetic of the kernel.
    fn twin(key: StreamKey, i: usize) -> f32 {
        let (t, j, l) = (i / 64, i % 64 / 16, i % 16);
        let w = key.block((16 * t + l) as u64);
        let (a, b) = box_muller_lane(w[j / 2 * 2], w[j / 2 * 2 + 1]);
        if j % 2 == 0 { a } else { b }
    }

    /// The same in `f64`.
    fn exact(radius: u32, angle: u32) -> (f64, f64) {
        let u = (f64::from(radius) + 0.5) / 4_294_967_296.0;
        let r = (-2.0 * libm::log(u)).sqrt();
        let t = f64::from((angle << 1) as i32) / 2_147_483_648.0;
        let (sin, cos) = libm::sincos(std::f64::consts::FRAC_PI_2 * t);
        (if angle >> 31 == 1 { -r * cos } else { r * cos }, r * sin)
    }

    #[test]
    fn words_are_those_of_the_generator() {
        for t in [0u64, 1, 77, (1 << 28) - 1, 1 << 28, (1 << 59) + 3] {
            let w = words(key(9), t);
            for l in 0..16 {
                let block = key(9).block(16 * t + l as u64);
                assert_eq!([w[0][l], w[1][l], w[2][l], w[3][l]], block);
            }
        }
    }

    #[test]
    fn pieces_of_words_cover_all() {
        for n in [0, 1, 63, 64, 130] {
            let mut found = Vec::new();
            for_each_words(key(2), n, |at, words| {
                assert_eq!(at, found.len());
                found.extend_from_slice(words);
            });
            let word = |i: usize| key(2).block((i / 64 * 16 + i % 16) as u64)[i % 64 / 16];
            assert_eq!(found, (0..n).map(word).collect::<Vec<_>>());
        }
    }

    #[test]
    fn deviates_follow_the_formula() {
        let mut worst = 0.0f64;
        let mut s = key(3).stream();
        for n in 0..200_000u32 {
            let shift = n % 32;
            let (a, b) = (s.next_u32() >> shift, s.next_u32());
            let (x, y) = box_muller_lane(a, b);
            let (ex, ey) = exact(a, b);
            worst = worst.max((f64::from(x) - ex).abs()).max((f64::from(y) - ey).abs());
        }
        assert!(worst < 2e-6, "{worst:e}");
        assert!((exact(0, 0).0 - 6.764).abs() < 1e-3 && box_muller_lane(0, 0).0 < LARGEST);
        for radius in [u32::MAX, u32::MAX - 100, u32::MAX - 600, 1 << 31, 0] {
            for angle in [0, 1, 1 << 31, (1 << 30) - 1, 1 << 30, u32::MAX] {
                let (x, y) = box_muller_lane(radius, angle);
                assert!(x.is_finite() && y.is_finite());
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_piece_is_the_same_at_every_level(start in 0usize..300, len in 0usize..400, index in 0u64..5) {
            let expected: Vec<u32> = (start..start + len).map(|i| twin(key(index), i).to_bits()).collect();
            let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            let mut out = vec![0.0; len];
            fill_normal(key(index), start, &mut out);
            prop_assert_eq!(&bits(&out), &expected);
            for level in NumericLevel::available() {
                out.fill(f32::NAN);
                level.run(#[inline(always)] || for_each_piece(key(index), start, len,
                    #[inline(always)] |at, z| out[at..at + z.len()].copy_from_slice(z)));
                prop_assert_eq!(&bits(&out), &expected);
            }
        }
    }

    #[test]
    fn fused_forms_equal_their_twins() {
        let (start, n) = (37, 333);
        let z: Vec<f32> = (start..start + n).map(|i| twin(key(0), i)).collect();
        let base: Vec<f32> = (0..n).map(|i| i as f32 * 0.1 - 3.0).collect();
        let scales: Vec<f32> = (0..n).map(|i| 0.01 * (i % 7) as f32).collect();
        let mut out = vec![0.0; n];
        perturb(&base, -0.3, key(0), start, &mut out);
        let expected: Vec<f32> = (0..n).map(|i| (-0.3f32).mul_add(z[i], base[i])).collect();
        assert_eq!(out, expected);
        out.copy_from_slice(&base);
        axpy_normal(key(0), start, -0.3, &mut out);
        assert_eq!(out, expected);
        perturb_scaled(&base, -1.0, &scales, key(0), start, &mut out);
        assert!((0..n).all(|i| out[i] == (-scales[i]).mul_add(z[i], base[i])));

        let terms: Vec<(StreamKey, f64)> = (0..5).map(|m| (key(m), 0.1 * m as f64 - 0.2)).collect();
        let (mut a, mut b) = (vec![1.0; n], vec![1.0; n]);
        weighted_sum_normal(&terms, start, &mut a);
        terms.iter().for_each(|&(key, weight)| accumulate_normal(key, start, weight, &mut b));
        assert_eq!(a, b);
        for i in 0..n {
            let sum = terms.iter().fold(1.0f64, |s, &(k, w)| w.mul_add(f64::from(twin(k, start + i)), s));
            assert_eq!(a[i], sum);
        }
    }

    /// Moments within 4.5 standard errors, tails counted, neighbours and pairs uncorrelated.
    #[test]
    fn the_distribution_is_normal() {
        let n = 1 << 22;
        let mut z = vec![0.0f32; n];
        fill_normal(key(1), 0, &mut z);
        let mean_of = |f: &dyn Fn(f64) -> f64| z.iter().map(|&x| f(f64::from(x))).sum::<f64>() / n as f64;
        let error = |sd: f64| 4.5 * sd / (n as f64).sqrt();
        assert!(mean_of(&|x| x).abs() < error(1.0));
        assert!((mean_of(&|x| x * x) - 1.0).abs() < error(2f64.sqrt()));
        assert!(mean_of(&|x| x * x * x).abs() < error(15f64.sqrt()));
        assert!((mean_of(&|x| x * x * x * x) - 3.0).abs() < error(96f64.sqrt()));
        for (limit, p) in [(1.0, 0.317_310_5), (2.0, 0.045_500_26), (3.0, 0.002_699_796), (4.0, 6.334_248e-5)]
        {
            let share = mean_of(&|x| f64::from(u8::from(x.abs() > limit)));
            assert!((share - p).abs() < error(p.sqrt()), "beyond {limit}: {share}");
        }
        for lag in [1, 16, 32, 64] {
            let c: f64 = (lag..n).map(|i| f64::from(z[i]) * f64::from(z[i - lag])).sum::<f64>() / n as f64;
            assert!(c.abs() < error(1.0), "lag {lag}: {c}");
        }
        // The two deviates of a pair share a radius: their squares must be uncorrelated all the same.
        let c: f64 = (0..n / 64)
            .flat_map(|t| (0..16).map(move |l| 64 * t + l))
            .map(|i| (f64::from(z[i]).powi(2) - 1.0) * (f64::from(z[i + 16]).powi(2) - 1.0))
            .sum::<f64>();
        assert!((c / (n as f64 / 4.0)).abs() < 2.0 * error(2.0));
    }
}
