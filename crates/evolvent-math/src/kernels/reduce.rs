//! Sums and products of vectors with one fixed order of additions.
//!
//! Element `i` of each run of 64 goes to accumulator `i % 64`, which are four groups of 16 virtual lanes; what is left
//! over goes to groups and lanes in the same way, filled up with zeros. The accumulators are added by a fixed tree (32 + 32, 16 + 16, …, 1 + 1).
//! The result depends on the values and their positions only. Four groups hide the latency of the addition: sums run at
//! the speed of the L1 cache.

use super::vectorize;

macro_rules! reductions {
    ($t:ty, $zip:ident, $tree:ident, $sum:ident, $sum_inline:ident, $dot:ident, $dot_inline:ident,
     $square_distance:ident, $axpy:ident, $scale:ident) => {
        /// Σ of `step(acc, a, b)` over the pairs, in the order of the module.
        #[inline(always)]
        fn $zip(a: &[$t], b: &[$t], step: impl Fn($t, $t, $t) -> $t) -> $t {
            assert_eq!(a.len(), b.len(), "vectors of one length");
            let mut acc = [[0.0; 16]; 4];
            let (a_runs, a_rest) = a.as_chunks::<64>();
            let (b_runs, b_rest) = b.as_chunks::<64>();
            for (a, b) in a_runs.iter().zip(b_runs) {
                for group in 0..4 {
                    for lane in 0..16 {
                        let i = 16 * group + lane;
                        acc[group][lane] = step(acc[group][lane], a[i], b[i]);
                    }
                }
            }
            // What is left: up to three whole lines, and one filled up with zeros.
            let (a_lines, a_rest) = a_rest.as_chunks::<16>();
            let (b_lines, b_rest) = b_rest.as_chunks::<16>();
            let last = if a_rest.is_empty() {
                None
            } else {
                let (mut a, mut b) = ([0.0; 16], [0.0; 16]);
                a[..a_rest.len()].copy_from_slice(a_rest);
                b[..b_rest.len()].copy_from_slice(b_rest);
                Some((a, b))
            };
            for group in 0..4 {
                let pair = match (a_lines.get(group), b_lines.get(group)) {
                    (Some(a), Some(b)) => Some((a, b)),
                    _ if group == a_lines.len() => last.as_ref().map(|(a, b)| (a, b)),
                    _ => None,
                };
                if let Some((a, b)) = pair {
                    for lane in 0..16 {
                        acc[group][lane] = step(acc[group][lane], a[lane], b[lane]);
                    }
                }
            }
            let mut line = [0.0; 16];
            for lane in 0..16 {
                line[lane] = (acc[0][lane] + acc[2][lane]) + (acc[1][lane] + acc[3][lane]);
            }
            $tree(&line)
        }

        /// The sum of 16 lanes: halves are added until one is left.
        #[inline(always)]
        pub(super) fn $tree(line: &[$t; 16]) -> $t {
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
    zip_f32,
    tree_f32,
    sum_f32,
    sum_f32_inline,
    dot_f32,
    dot_f32_inline,
    square_distance_f32,
    axpy_f32,
    scale_f32
);
reductions!(f64, zip_f64, tree_f64, sum, sum_inline, dot, dot_inline, square_distance, axpy, scale);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NumericLevel;

    fn numbers(n: usize) -> Vec<f64> {
        (0..n).map(|i| libm::sin(i as f64 * 1.37) * (1.0 + i as f64)).collect()
    }

    /// The order of the module, written out.
    fn twin(a: &[f64], b: &[f64]) -> f64 {
        let mut acc = [0.0f64; 64];
        let whole = a.len() / 64 * 64;
        for i in 0..a.len() {
            let slot = if i < whole { i % 64 } else { i - whole };
            acc[slot] = a[i].mul_add(b[i], acc[slot]);
        }
        let mut width = 32;
        while width > 0 {
            for i in 0..width {
                acc[i] += acc[i + width];
            }
            width /= 2;
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
}
