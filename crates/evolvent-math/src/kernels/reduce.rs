//! Sums and products of vectors with one fixed order of additions.
//!
//! Fewer than 64 elements go to four accumulators by turns, the last one to three to the first, and are added as
//! (0 + 2) + (1 + 3). Otherwise element `i` of each run of 64 goes to accumulator
//! `i % 64`, which are four groups of 16 virtual lanes; what is left over goes to the same accumulators, except that the
//! last, incomplete line of 16 ends at the right end of its group. The accumulators are then added by a fixed tree (32 + 32,
//! 16 + 16, …, 1 + 1). The result depends on the values and their positions only. Four groups hide the latency of the
//! addition: long sums run at the speed of the cache.

use super::vectorize;

macro_rules! reductions {
    ($t:ty, $bits:ty, $last:ident, $zip:ident, $runs:ident, $tree:ident, $line:ident, $sum:ident, $sum_inline:ident, $dot:ident, $dot_inline:ident,
     $square_distance:ident, $axpy:ident, $scale:ident) => {
        /// Σ of `step(acc, a, b)` over the pairs, in the order of the module.
        #[inline(always)]
        fn $zip(a: &[$t], b: &[$t], step: impl Fn($t, $t, $t) -> $t + Copy) -> $t {
            assert_eq!(a.len(), b.len(), "vectors of one length");
            let n = a.len();
            if n < 64 {
                let mut acc = [0.0; 4];
                let (a_fours, a_rest) = a.as_chunks::<4>();
                let (b_fours, b_rest) = b.as_chunks::<4>();
                for (&a, &b) in a_fours.iter().zip(b_fours) {
                    for lane in 0..4 {
                        acc[lane] = step(acc[lane], a[lane], b[lane]);
                    }
                }
                // Named, because an array that is indexed lives in memory.
                let [mut sum, next, next2, last] = acc;
                for (&a, &b) in a_rest.iter().zip(b_rest) {
                    sum = step(sum, a, b);
                }
                return (sum + next2) + (next + last);
            }
            let mut acc = [0.0; 64];
            let (a_runs, a_rest) = a.as_chunks::<64>();
            let (b_runs, b_rest) = b.as_chunks::<64>();
            if !a_runs.is_empty() {
                $runs(a_runs, b_runs, &mut acc, step);
            }
            let (groups, _) = acc.as_chunks_mut::<16>();
            let (a_lines, a_end) = a_rest.as_chunks::<16>();
            let (b_lines, _) = b_rest.as_chunks::<16>();
            // Lines are handled by value: all loads stand before all stores, so that they become vectors.
            for ((acc, &a), &b) in groups.iter_mut().zip(a_lines).zip(b_lines) {
                let mut line = *acc;
                for lane in 0..16 {
                    line[lane] = step(line[lane], a[lane], b[lane]);
                }
                *acc = line;
            }
            if !a_end.is_empty() {
                // The last 16 elements, of which the first have been added already.
                let (a, b) = ($last(&a[n - 16..], a_end.len()), $last(&b[n - 16..], a_end.len()));
                let acc = &mut groups[a_lines.len()];
                let mut line = *acc;
                for lane in 0..16 {
                    line[lane] = step(line[lane], a[lane], b[lane]);
                }
                *acc = line;
            }
            $tree(&acc)
        }

        /// The 16 elements of `x`, those before the last `count` replaced by zero (by a mask: a comparison for each lane would
        /// not become a vector).
        #[inline(always)]
        pub(super) fn $last(x: &[$t], count: usize) -> [$t; 16] {
            const MASKS: [$bits; 32] = {
                let mut masks = [0; 32];
                let mut i = 16;
                while i < 32 {
                    masks[i] = !0;
                    i += 1;
                }
                masks
            };
            let mut x = x.as_chunks::<16>().0[0];
            let mask = MASKS[count..count + 16].as_chunks::<16>().0[0];
            for lane in 0..16 {
                x[lane] = <$t>::from_bits(x[lane].to_bits() & mask[lane]);
            }
            x
        }

        /// Whole runs. The accumulators live in registers, from which they are written once.
        #[inline(always)]
        fn $runs(a: &[[$t; 64]], b: &[[$t; 64]], acc: &mut [$t; 64], step: impl Fn($t, $t, $t) -> $t + Copy) {
            let mut held = [0.0; 64];
            for (a, b) in a.iter().zip(b) {
                for lane in 0..64 {
                    held[lane] = step(held[lane], a[lane], b[lane]);
                }
            }
            *acc = held;
        }

        /// The sum of all lanes. Not inlined: where additions across lanes follow at once, the compiler gives up holding
        /// the accumulators in vectors.
        #[inline(never)]
        fn $tree(acc: &[$t; 64]) -> $t {
            let mut line = [0.0; 16];
            for lane in 0..16 {
                line[lane] = (acc[lane] + acc[lane + 32]) + (acc[lane + 16] + acc[lane + 48]);
            }
            $line(&line)
        }

        /// The sum of 16 lanes: halves are added until one is left.
        #[inline(never)]
        pub(super) fn $line(line: &[$t; 16]) -> $t {
            let (mut eight, mut four, mut two) = ([0.0; 8], [0.0; 4], [0.0; 2]);
            for lane in 0..8 {
                eight[lane] = line[lane] + line[lane + 8];
            }
            for lane in 0..4 {
                four[lane] = eight[lane] + eight[lane + 4];
            }
            for lane in 0..2 {
                two[lane] = four[lane] + four[lane + 2];
            }
            two[0] + two[1]
        }

        /// Σ xᵢ; 0 for an empty slice.
        pub fn $sum(x: &[$t]) -> $t {
            vectorize(
                #[inline(always)]
                || $sum_inline(x),
            )
        }

        /// As the function without `_inline`, for use inside a kernel.
        #[inline(always)]
        pub fn $sum_inline(x: &[$t]) -> $t {
            $zip(
                x,
                x,
                #[inline(always)]
                |acc, x, _| acc + x,
            )
        }

        /// Σ aᵢ·bᵢ with fused multiply-adds. The lengths must be equal.
        pub fn $dot(a: &[$t], b: &[$t]) -> $t {
            vectorize(
                #[inline(always)]
                || $dot_inline(a, b),
            )
        }

        /// As the function without `_inline`, for use inside a kernel.
        #[inline(always)]
        pub fn $dot_inline(a: &[$t], b: &[$t]) -> $t {
            $zip(
                a,
                b,
                #[inline(always)]
                |acc, a, b| a.mul_add(b, acc),
            )
        }

        /// Σ (aᵢ - bᵢ)². The lengths must be equal.
        pub fn $square_distance(a: &[$t], b: &[$t]) -> $t {
            vectorize(
                #[inline(always)]
                || {
                    $zip(
                        a,
                        b,
                        #[inline(always)]
                        |acc, a, b| (a - b).mul_add(a - b, acc),
                    )
                },
            )
        }

        /// yᵢ ← α·xᵢ + yᵢ, fused. The lengths must be equal.
        pub fn $axpy(alpha: $t, x: &[$t], y: &mut [$t]) {
            assert_eq!(x.len(), y.len(), "vectors of one length");
            vectorize(
                #[inline(always)]
                || x.iter().zip(y).for_each(|(&x, y)| *y = alpha.mul_add(x, *y)),
            );
        }

        /// xᵢ ← α·xᵢ.
        pub fn $scale(alpha: $t, x: &mut [$t]) {
            vectorize(
                #[inline(always)]
                || x.iter_mut().for_each(|x| *x *= alpha),
            );
        }
    };
}

reductions!(
    f32,
    u32,
    last_f32,
    zip_f32,
    runs_f32,
    tree_f32,
    line_f32,
    sum_f32,
    sum_f32_inline,
    dot_f32,
    dot_f32_inline,
    square_distance_f32,
    axpy_f32,
    scale_f32
);
reductions!(
    f64,
    u64,
    last_f64,
    zip_f64,
    runs_f64,
    tree_f64,
    line_f64,
    sum,
    sum_inline,
    dot,
    dot_inline,
    square_distance,
    axpy,
    scale
);

/// Whether no number is infinite or NaN.
pub fn all_finite(x: &[f64]) -> bool {
    const EXPONENT: u64 = 0x7ff0_0000_0000_0000;
    vectorize(
        #[inline(always)]
        || x.iter().fold(0, |most, x| most.max(x.to_bits() & EXPONENT)) < EXPONENT,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NumericLevel;

    fn numbers(n: usize) -> Vec<f64> {
        (0..n).map(|i| libm::sin(i as f64 * 1.37) * (1.0 + i as f64)).collect()
    }

    /// The order of the module, written out.
    fn twin(a: &[f64], b: &[f64]) -> f64 {
        let n = a.len();
        if n < 64 {
            let mut acc = [0.0f64; 4];
            for i in 0..n {
                let slot = if i < n / 4 * 4 { i % 4 } else { 0 };
                acc[slot] = a[i].mul_add(b[i], acc[slot]);
            }
            return (acc[0] + acc[2]) + (acc[1] + acc[3]);
        }
        let mut acc = [0.0f64; 64];
        let (whole, lines) = (n / 64 * 64, n / 16 * 16);
        for i in 0..n {
            let slot = match i {
                i if i < whole => i % 64,
                i if i < lines => i - whole,
                i => lines - whole + 16 - (n - i),
            };
            acc[slot] = a[i].mul_add(b[i], acc[slot]);
        }
        for width in [32, 16, 8, 4, 2, 1] {
            (0..width).for_each(|i| acc[i] += acc[i + width]);
        }
        acc[0]
    }

    #[test]
    fn equal_to_the_twin_at_every_level() {
        for n in [0, 1, 2, 15, 16, 17, 63, 64, 65, 127, 128, 200, 1000] {
            let (a, b) = (numbers(n), numbers(n + 3)[3..].to_vec());
            let (a32, b32): (Vec<f32>, Vec<f32>) =
                (a.iter().map(|&x| x as f32).collect(), b.iter().map(|&x| x as f32).collect());
            assert_eq!(dot(&a, &b).to_bits(), twin(&a, &b).to_bits(), "{n}");
            let expected = (dot_f32(&a32, &b32), sum(&a), sum_f32(&a32));
            for level in NumericLevel::available() {
                let found = level.run(
                    #[inline(always)]
                    || (dot_f32_inline(&a32, &b32), sum_inline(&a), sum_f32_inline(&a32)),
                );
                assert_eq!(found, Some(expected));
                assert_eq!(
                    level.run(
                        #[inline(always)]
                        || dot_inline(&a, &b)
                    ),
                    Some(twin(&a, &b))
                );
            }
            assert!((sum(&a) - a.iter().sum::<f64>()).abs() <= 1e-9 * (1.0 + n as f64));
        }
    }

    #[test]
    fn by_hand() {
        let (a, mut b) = ([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]);
        assert_eq!((dot(&a, &b), sum(&a), square_distance(&a, &b)), (32.0, 6.0, 27.0));
        axpy(2.0, &a, &mut b);
        assert_eq!(b, [6.0, 9.0, 12.0]);
        scale(0.5, &mut b);
        assert_eq!(b, [3.0, 4.5, 6.0]);
        let (a, mut b) = ([1.0f32, 2.0], [0.5f32, 0.25]);
        axpy_f32(2.0, &a, &mut b);
        scale_f32(2.0, &mut b);
        assert_eq!((b, square_distance_f32(&a, &[0.0; 2])), ([5.0, 8.5], 5.0));
    }

    #[test]
    fn finite_numbers_are_told_from_others() {
        for n in [0, 1, 7, 100] {
            let mut x = vec![-f64::MAX; n];
            assert!(all_finite(&x));
            for i in 0..n {
                for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                    x[i] = bad;
                    assert!(!all_finite(&x));
                }
                x[i] = 0.0;
            }
        }
    }
}
