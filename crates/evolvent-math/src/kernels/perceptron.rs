//! Layers of small multilayer perceptrons: the hot path of rollouts.
//!
//! *Lanes* lie one after the other (value `i` of lane `l` is at `l * values + i`). They belong to one network, or each has a
//! network of its own. Additions are in the order of [`dense`](super::dense): bias, then one fused multiply-add for each
//! input in ascending order; so results have the same bits.
//!
//! **Speed.** One core of an EPYC 9004 (Zen 4, 3.7 GHz), 4-32-32-2 with tanh, nanoseconds for each lane: 68 with six
//! distinct networks (whose weights, 5 KB each, fit the L1 cache), 79 with sixteen (weights come from the L2 cache),
//! through the networks crate on a loaded machine; an unsafe prototype took 53 and 69. Bounds:
//! 22 for reading 5 KB at 64 bytes a cycle, 15 for 64 tanh. Three lanes times 32 outputs are summed side by side, which
//! shares each broadcast among two vectors and hides the latency of additions. Parameters should begin on a cache line
//! ([`dense_group`](super::dense::dense_group) and unaligned parameters: 130).

use super::vectorize;

/// An affine layer inside a network's parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Numbers that it takes.
    pub inputs: usize,
    /// Numbers that it gives.
    pub outputs: usize,
    /// Where its `inputs × outputs` weights begin, outputs contiguous.
    pub weight: usize,
    /// Where its `outputs` biases begin, if it has any.
    pub bias: Option<usize>,
}

/// The parameters of the lanes' networks.
#[derive(Clone, Copy, Debug)]
pub enum Parameters<'a> {
    /// All lanes have the same.
    Shared(&'a [f32]),
    /// One network for each lane.
    Each(&'a [&'a [f32]]),
}

/// y = bias + x·W for one layer: `x` is `lanes × inputs`, `y` `lanes × outputs`.
///
/// It is not inlined: its tiles are many, and one copy for each instruction set is enough.
///
/// # Panics
/// If a slice is shorter than that or than the layer says.
pub fn affine(lanes: usize, layer: Layer, parameters: Parameters<'_>, x: &[f32], y: &mut [f32]) {
    vectorize(
        #[inline(always)]
        || step(lanes, &layer, parameters, x, y),
    );
}

#[inline(always)]
fn step(lanes: usize, layer: &Layer, parameters: Parameters<'_>, x: &[f32], y: &mut [f32]) {
    let (x, y) = (&x[..lanes * layer.inputs], &mut y[..lanes * layer.outputs]);
    let needed =
        (layer.weight + layer.inputs * layer.outputs).max(layer.bias.map_or(0, |bias| bias + layer.outputs));
    match parameters {
        Parameters::Shared(own) => {
            let own = &own[..needed];
            // SAFETY: the slices have just been cut to what the layer and the lanes reach.
            unsafe { shared(lanes, layer, own.as_ptr(), x.as_ptr(), y.as_mut_ptr()) };
        }
        Parameters::Each(each) => {
            let each = &each[..lanes];
            for own in each {
                assert!(own.len() >= needed, "{} parameters, the layer reaches {needed}", own.len());
            }
            // SAFETY: as above; every network has just been found long enough.
            unsafe { distinct(layer, each, x.as_ptr(), y.as_mut_ptr()) };
        }
    }
}

/// Tiles of 3, 2 and 1 lanes that cover so many, with as few single ones as can be.
#[inline(always)]
fn threes(lanes: usize) -> [usize; 3] {
    match lanes % 3 {
        1 if lanes > 1 => [lanes / 3 - 1, 2, 0],
        1 => [0, 0, 1],
        2 => [lanes / 3, 1, 0],
        _ => [lanes / 3, 0, 0],
    }
}

/// Tiles of 6, 3, 2 and 1 lanes that cover so many.
#[inline(always)]
fn sixes(lanes: usize) -> [usize; 4] {
    let [three, two, one] = threes(lanes % 6);
    [lanes / 6, three, two, one]
}

/// All tiles of a layer: `$tile::<R, V>(first lane, first output)` for tiles of R lanes and V outputs.
macro_rules! tiles {
    ($lanes:expr, $outputs:expr, $tile:ident) => {
        let (mut j, outputs) = (0, $outputs);
        macro_rules! columns {
            ($width:literal, $counts:expr, $rows:tt) => {
                while outputs - j >= $width {
                    let mut lane = 0;
                    columns!(@rows $width, $counts, $rows, lane);
                    debug_assert_eq!(lane, $lanes);
                    j += $width;
                }
            };
            (@rows $width:literal, $counts:expr, [$r3:literal $r2:literal $r1:literal], $lane:ident) => {
                let [a, b, c] = $counts;
                columns!(@run $width, a, $r3, $lane);
                columns!(@run $width, b, $r2, $lane);
                columns!(@run $width, c, $r1, $lane);
            };
            (@rows $width:literal, $counts:expr, [$r6:literal $r3:literal $r2:literal $r1:literal], $lane:ident) => {
                let [a, b, c, d] = $counts;
                columns!(@run $width, a, $r6, $lane);
                columns!(@run $width, b, $r3, $lane);
                columns!(@run $width, c, $r2, $lane);
                columns!(@run $width, d, $r1, $lane);
            };
            (@run $width:literal, $count:expr, $rows:literal, $lane:ident) => {
                for _ in 0..$count {
                    $tile!($rows, $width, $lane, j);
                    $lane += $rows;
                }
            };
        }
        let (wide, narrow) = (threes($lanes), sixes($lanes));
        if $lanes == 1 {
            // A lone lane needs wide tiles to have enough independent sums.
            columns!(64, [0, 0, 1], [3 2 1]);
        }
        columns!(32, wide, [3 2 1]);
        columns!(16, narrow, [6 3 2 1]);
        columns!(8, narrow, [6 3 2 1]);
        columns!(4, narrow, [6 3 2 1]);
        columns!(2, narrow, [6 3 2 1]);
        columns!(1, narrow, [6 3 2 1]);
    };
}

/// # Safety
/// `parameters`, `x` and `y` must hold all that the layer and the lanes reach.
#[inline(always)]
unsafe fn shared(lanes: usize, layer: &Layer, parameters: *const f32, x: *const f32, y: *mut f32) {
    macro_rules! tile {
        ($rows:literal, $width:literal, $lane:ident, $j:ident) => {
            // SAFETY: tiles lie inside the lanes and the outputs.
            unsafe {
                sum::<$rows, $width, true>(
                    layer,
                    [parameters; $rows],
                    $j,
                    x.add($lane * layer.inputs),
                    y.add($lane * layer.outputs + $j),
                )
            }
        };
    }
    tiles!(lanes, layer.outputs, tile);
}

/// # Safety
/// Each of `parameters`, `x` and `y` must hold all that the layer and the lanes reach.
#[inline(always)]
unsafe fn distinct(layer: &Layer, parameters: &[&[f32]], x: *const f32, y: *mut f32) {
    macro_rules! tile {
        ($rows:literal, $width:literal, $lane:ident, $j:ident) => {
            // SAFETY: tiles lie inside the lanes and the outputs.
            unsafe {
                let own: [*const f32; $rows] = std::array::from_fn(
                    #[inline(always)]
                    |r| parameters[$lane + r].as_ptr(),
                );
                sum::<$rows, $width, false>(
                    layer,
                    own,
                    $j,
                    x.add($lane * layer.inputs),
                    y.add($lane * layer.outputs + $j),
                )
            }
        };
    }
    tiles!(parameters.len(), layer.outputs, tile);
}

/// The sums of `R` lanes and `V` outputs from output `j` on, held in registers. `SAME`: all lanes have one network.
///
/// # Safety
/// As the callers.
#[inline(always)]
unsafe fn sum<const R: usize, const V: usize, const SAME: bool>(
    layer: &Layer,
    parameters: [*const f32; R],
    j: usize,
    x: *const f32,
    y: *mut f32,
) {
    let (inputs, outputs) = (layer.inputs, layer.outputs);
    // SAFETY: the caller's promise.
    unsafe {
        let mut acc = [[0.0f32; V]; R];
        if let Some(bias) = layer.bias {
            for r in 0..R {
                acc[r] = parameters[r].add(bias + j).cast::<[f32; V]>().read_unaligned();
            }
        }
        let mut at = layer.weight + j;
        for k in 0..inputs {
            let mut line = [0.0; V];
            for r in 0..R {
                if r == 0 || !SAME {
                    line = parameters[r].add(at).cast::<[f32; V]>().read_unaligned();
                }
                let factor = *x.add(r * inputs + k);
                for v in 0..V {
                    acc[r][v] = factor.mul_add(line[v], acc[r][v]);
                }
            }
            at += outputs;
        }
        for r in 0..R {
            y.add(r * outputs).cast::<[f32; V]>().write_unaligned(acc[r]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NumericLevel;
    use crate::activation;

    fn numbers(n: usize, seed: usize) -> Vec<f32> {
        (0..n).map(|i| libm::sinf((i * 7 + seed * 131) as f32 * 0.37)).collect()
    }

    fn stack(sizes: &[usize], bias: bool) -> (Vec<Layer>, usize) {
        let (mut layers, mut next) = (Vec::new(), 0);
        for s in sizes.windows(2) {
            let weight = next;
            next += s[0] * s[1];
            let own = bias.then_some(next);
            next += if bias { s[1] } else { 0 };
            layers.push(Layer { inputs: s[0], outputs: s[1], weight, bias: own });
        }
        (layers, next)
    }

    /// The definition, for one lane.
    fn twin(layers: &[Layer], p: &[f32], x: &[f32]) -> Vec<f32> {
        let mut x = x.to_vec();
        for layer in layers {
            x = (0..layer.outputs)
                .map(|o| {
                    let mut sum = layer.bias.map_or(0.0, |b| p[b + o]);
                    for i in 0..layer.inputs {
                        sum = x[i].mul_add(p[layer.weight + i * layer.outputs + o], sum);
                    }
                    activation::tanh(sum)
                })
                .collect();
        }
        x
    }

    #[test]
    fn every_lane_equals_the_twin_at_every_level() {
        let shapes: [&[usize]; 6] =
            [&[4, 32, 32, 2], &[1, 1], &[3, 70, 5], &[17, 31, 16, 9], &[5, 129], &[2, 100, 6, 3]];
        for sizes in shapes {
            for bias in [true, false] {
                let (layers, count) = stack(sizes, bias);
                let inputs = sizes[0];
                for lanes in [1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13, 16] {
                    let own: Vec<Vec<f32>> = (0..lanes).map(|l| numbers(count, l)).collect();
                    let each: Vec<&[f32]> = own.iter().map(|p| &p[..]).collect();
                    let x = numbers(lanes * inputs, 99);
                    for parameters in [Parameters::Each(&each), Parameters::Shared(&own[0])] {
                        let expected: Vec<f32> = (0..lanes)
                            .flat_map(|l| {
                                let p = if matches!(parameters, Parameters::Each(_)) { l } else { 0 };
                                twin(&layers, &own[p], &x[l * inputs..][..inputs])
                            })
                            .collect();
                        for level in NumericLevel::available() {
                            let mut values = x.clone();
                            for layer in &layers {
                                let mut y = vec![f32::NAN; lanes * layer.outputs];
                                level.run(
                                    #[inline(always)]
                                    || step(lanes, layer, parameters, &values, &mut y),
                                );
                                activation::map(&mut y, activation::tanh);
                                values = y;
                            }
                            assert_eq!(values, expected, "{sizes:?} bias {bias} {lanes} lanes {level:?}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn tilings_cover_every_lane_once() {
        for lanes in 0..50 {
            let [a, b, c] = threes(lanes);
            assert_eq!(3 * a + 2 * b + c, lanes);
            assert!(lanes == 1 || c == 0);
            let [s, a, b, c] = sixes(lanes);
            assert_eq!(6 * s + 3 * a + 2 * b + c, lanes);
        }
    }

    #[test]
    #[should_panic(expected = "range end index")]
    fn short_parameters_are_refused() {
        let (layers, count) = stack(&[3, 4], true);
        affine(1, layers[0], Parameters::Shared(&vec![0.0; count - 1]), &[0.0; 3], &mut [0.0; 4]);
    }
}
