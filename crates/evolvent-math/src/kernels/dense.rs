//! Dense layers: y = b + x·W for weights stored `[inputs][outputs]`, outputs contiguous.
//!
//! Every form adds in one order: start value (bias, zero or what `y` holds), then one fused multiply-add for each input in
//! ascending order. So a lane's result does not depend on how many lanes there are, which form computed it, how a batch
//! was split or which instruction set ran, to the bit; register tiles only decide which independent sums run side by
//! side.
//!
//! *Lanes* are samples or episodes: value `i` of lane `l` is at `i * lanes + l`.
//!
//! **Speed**: 106 GFLOP/s for 64×64→64 in lanes and 109 in rows, on one core where 112 is the estimated peak (one 16-wide
//! fused multiply-add per cycle of Zen 4); 28 to 51 for a single 1×32→32 in lanes (`benches/kernels.rs`).

use super::dispatch::Found;
use super::product::{Operand, Segment, Target, group_product, product};

/// What a layer's sums start from.
#[derive(Clone, Copy, Debug)]
pub enum Begin<'a> {
    /// Zero.
    Zero,
    /// One number per output.
    Bias(&'a [f32]),
    /// What the output holds: adds another input to a layer (recurrent connections).
    Held,
}

/// y = begin + x·W for `lanes` lanes and one weight matrix: `x` is `inputs × lanes`, `w` `inputs × outputs`, `y`
/// `outputs × lanes`.
///
/// # Panics
/// If a slice is shorter than that.
pub fn dense(
    lanes: usize,
    inputs: usize,
    outputs: usize,
    w: &[f32],
    begin: Begin<'_>,
    x: &[f32],
    y: &mut [f32],
) {
    dense_at(Found::best(), lanes, inputs, outputs, w, begin, x, y);
}

fn dense_at(
    level: Found,
    lanes: usize,
    inputs: usize,
    outputs: usize,
    w: &[f32],
    begin: Begin<'_>,
    x: &[f32],
    y: &mut [f32],
) {
    let (w, x, y) = (&w[..inputs * outputs], &x[..inputs * lanes], &mut y[..outputs * lanes]);
    start(begin, outputs, lanes, y);
    let all = [Segment { a: 0, b: 0, len: inputs }];
    let w = Operand { at: w.as_ptr(), across: 1, along: outputs };
    let x = Operand { at: x.as_ptr(), across: 1, along: lanes };
    // SAFETY: the slices cut above hold all that these strides and extents reach.
    unsafe {
        if lanes >= 8 {
            // Rows are outputs, vectors run over lanes.
            product(level, outputs, lanes, &all, w, x, Target { at: y.as_mut_ptr(), row: lanes, column: 1 });
        } else {
            // Rows are lanes, vectors run over outputs.
            product(level, lanes, outputs, &all, x, w, Target { at: y.as_mut_ptr(), row: 1, column: lanes });
        }
    }
}

/// y = begin + x·W for samples that lie one after the other: `x` is `samples × inputs`, `y` `samples × outputs`.
///
/// # Panics
/// If a slice is shorter than that.
pub fn dense_rows(
    samples: usize,
    inputs: usize,
    outputs: usize,
    w: &[f32],
    begin: Begin<'_>,
    x: &[f32],
    y: &mut [f32],
) {
    dense_rows_at(Found::best(), samples, inputs, outputs, w, begin, x, y);
}

fn dense_rows_at(
    level: Found,
    samples: usize,
    inputs: usize,
    outputs: usize,
    w: &[f32],
    begin: Begin<'_>,
    x: &[f32],
    y: &mut [f32],
) {
    let (w, x, y) = (&w[..inputs * outputs], &x[..inputs * samples], &mut y[..outputs * samples]);
    start_rows(begin, outputs, y);
    let all = [Segment { a: 0, b: 0, len: inputs }];
    let x = Operand { at: x.as_ptr(), across: inputs, along: 1 };
    let w = Operand { at: w.as_ptr(), across: 1, along: outputs };
    // SAFETY: the slices cut above hold all that these strides and extents reach.
    unsafe {
        product(level, samples, outputs, &all, x, w, Target { at: y.as_mut_ptr(), row: outputs, column: 1 })
    }
}

/// One sample for each of several networks of one shape, each with its own weights: `w[g]` is `inputs × outputs`, `b[g]`
/// has one number per output, `x` is `group × inputs`, `y` `group × outputs`. The same bits as [`dense_rows`] for each
/// alone; side by side their additions hide each other's latency. Groups whose weights together fit the L1 cache
/// (32 KiB) run at full speed.
///
/// # Panics
/// If a slice is shorter than that, or `w` and `b` differ in length.
pub fn dense_group(inputs: usize, outputs: usize, w: &[&[f32]], b: &[&[f32]], x: &[f32], y: &mut [f32]) {
    dense_group_at(Found::best(), inputs, outputs, w, b, x, y);
}

fn dense_group_at(
    level: Found,
    inputs: usize,
    outputs: usize,
    w: &[&[f32]],
    b: &[&[f32]],
    x: &[f32],
    y: &mut [f32],
) {
    assert_eq!(w.len(), b.len(), "weights and biases of one group");
    let (x, y) = (&x[..w.len() * inputs], &mut y[..w.len() * outputs]);
    for ((y, w), b) in y.chunks_exact_mut(outputs.max(1)).zip(w).zip(b) {
        assert!(w.len() >= inputs * outputs, "{} weights for {inputs} x {outputs}", w.len());
        y.copy_from_slice(&b[..outputs]);
    }
    // SAFETY: every weight slice has just been found long enough; `x` and `y` are cut to size.
    unsafe { group_product(level, inputs, outputs, w, x.as_ptr(), y.as_mut_ptr()) }
}

/// Writes the start values of `outputs × lanes` sums.
pub(super) fn start(begin: Begin<'_>, outputs: usize, lanes: usize, y: &mut [f32]) {
    match begin {
        Begin::Zero => y.fill(0.0),
        Begin::Bias(b) if lanes == 1 => y.copy_from_slice(&b[..outputs]),
        Begin::Bias(b) => {
            for (row, &b) in y.chunks_exact_mut(lanes.max(1)).zip(&b[..outputs]) {
                row.fill(b);
            }
        }
        Begin::Held => (),
    }
}

/// Writes the start values of `samples × outputs` sums.
fn start_rows(begin: Begin<'_>, outputs: usize, y: &mut [f32]) {
    match begin {
        Begin::Zero => y.fill(0.0),
        Begin::Bias(b) => {
            for row in y.chunks_exact_mut(outputs.max(1)) {
                row.copy_from_slice(&b[..outputs]);
            }
        }
        Begin::Held => (),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NumericLevel;

    fn numbers(n: usize, seed: usize) -> Vec<f32> {
        (0..n).map(|i| libm::sinf((i * 7 + seed * 131) as f32 * 0.37)).collect()
    }

    /// The definition, for samples one after the other.
    fn twin(samples: usize, inputs: usize, outputs: usize, w: &[f32], y0: &[f32], x: &[f32]) -> Vec<f32> {
        let mut y = y0.to_vec();
        for s in 0..samples {
            for o in 0..outputs {
                for i in 0..inputs {
                    y[s * outputs + o] = x[s * inputs + i].mul_add(w[i * outputs + o], y[s * outputs + o]);
                }
            }
        }
        y
    }

    fn transposed(rows: usize, columns: usize, x: &[f32]) -> Vec<f32> {
        (0..rows * columns).map(|k| x[k % rows * columns + k / rows]).collect()
    }

    #[test]
    fn all_forms_and_levels_equal_the_twin() {
        let sizes = [
            (1, 1),
            (4, 32),
            (32, 2),
            (7, 3),
            (5, 17),
            (33, 31),
            (16, 64),
            (3, 100),
            (2, 15),
            (1, 129),
            (0, 4),
        ];
        for (inputs, outputs) in sizes {
            let w = numbers(inputs * outputs, 1);
            let b = numbers(outputs, 2);
            for samples in [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 16, 23, 31, 40] {
                let x = numbers(samples * inputs, 3);
                let lanes_x = transposed(samples, inputs, &x);
                let held = numbers(samples * outputs, 4);
                let biased: Vec<f32> = (0..samples).flat_map(|_| b.iter().copied()).collect();
                for (begin, y0) in [
                    (Begin::Bias(&b), &biased),
                    (Begin::Zero, &vec![0.0; samples * outputs]),
                    (Begin::Held, &held),
                ] {
                    let expected = twin(samples, inputs, outputs, &w, y0, &x);
                    for level in NumericLevel::available() {
                        let mut y = held.clone();
                        dense_rows_at(
                            Found::check(level).unwrap(),
                            samples,
                            inputs,
                            outputs,
                            &w,
                            begin,
                            &x,
                            &mut y,
                        );
                        assert_eq!(y, expected, "rows {samples} {inputs} {outputs} {begin:?} {level:?}");
                        let mut y = transposed(samples, outputs, &held);
                        dense_at(
                            Found::check(level).unwrap(),
                            samples,
                            inputs,
                            outputs,
                            &w,
                            begin,
                            &lanes_x,
                            &mut y,
                        );
                        assert_eq!(transposed(outputs, samples, &y), expected, "lanes {samples} {level:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn groups_equal_their_members() {
        for (inputs, outputs) in [(4, 32), (32, 2), (5, 17), (9, 1), (3, 40)] {
            for group in [0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 12] {
                let w: Vec<Vec<f32>> = (0..group).map(|g| numbers(inputs * outputs, g)).collect();
                let b: Vec<Vec<f32>> = (0..group).map(|g| numbers(outputs, g + 50)).collect();
                let x = numbers(group * inputs, 3);
                let expected: Vec<f32> = (0..group)
                    .flat_map(|g| twin(1, inputs, outputs, &w[g], &b[g], &x[g * inputs..][..inputs]))
                    .collect();
                let w: Vec<&[f32]> = w.iter().map(|w| &w[..]).collect();
                let b: Vec<&[f32]> = b.iter().map(|b| &b[..]).collect();
                for level in NumericLevel::available() {
                    let mut y = vec![0.0; group * outputs];
                    dense_group_at(Found::check(level).unwrap(), inputs, outputs, &w, &b, &x, &mut y);
                    assert_eq!(y, expected);
                }
            }
        }
    }

    #[test]
    fn by_hand() {
        let mut y = [0.0; 2];
        dense(1, 2, 2, &[1.0, 2.0, 3.0, 4.0], Begin::Bias(&[10.0, 20.0]), &[1.0, -1.0], &mut y);
        assert_eq!(y, [8.0, 18.0]);
    }

    #[test]
    #[should_panic(expected = "range end index")]
    fn short_slices_are_refused() {
        dense(1, 2, 2, &[1.0; 3], Begin::Zero, &[1.0; 2], &mut [0.0; 2]);
    }
}
