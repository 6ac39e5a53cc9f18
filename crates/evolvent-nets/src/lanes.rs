//! How lanes reach the kernels: a step of a network, or of a group of networks, is cut into windows of lanes that fit
//! the caches, each in the arrangement that its kernel likes.
//!
//! Every kernel adds in one order (start value, then the inputs in ascending order), so neither the windows nor the
//! arrangements show in the result.

use crate::{Activation, Normalizer};
use evolvent_math::kernels::{
    dense::{self, Begin},
    perceptron::{self, Layer, Parameters},
};

/// Networks that step together in one call of a group kernel; a multiple of the six that it interleaves.
const GROUP: usize = 12;
/// Lanes of one network that step together.
const BLOCK: usize = 64;
/// From so many lanes on vectors run over lanes, below over neurons.
const WIDE: usize = 8;

/// Some lanes of a step, with the arrangement of the local buffers that hold them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    /// Lanes of the caller's buffers.
    total: usize,
    /// The first lane of the window.
    first: usize,
    /// Its number of lanes.
    pub(crate) count: usize,
    /// Whether local buffers hold lane after lane (value `i` of lane `l` at `l * values + i`), and not value after
    /// value (`i * count + l`).
    lane_major: bool,
}

/// Numbers of local buffer memory per value for so many lanes.
pub(crate) fn window_len(lanes: usize) -> usize {
    lanes.min(BLOCK)
}

/// As [`window_len`], for a group with so many lanes for each member.
pub(crate) fn group_window_len(group: usize, episodes: usize) -> usize {
    if episodes == 1 { group.min(GROUP) } else { window_len(episodes) }
}

/// Cuts a step of a group into windows. `step` gets either one network and some of its lanes, or several networks and
/// one lane for each.
#[inline(always)]
pub(crate) fn windows<N>(group: &[N], episodes: usize, mut step: impl FnMut(&[N], Window)) {
    let total = group.len() * episodes;
    if episodes == 1 {
        for (chunk, networks) in group.chunks(GROUP).enumerate() {
            let window = Window { total, first: chunk * GROUP, count: networks.len(), lane_major: true };
            step(networks, window);
        }
        return;
    }
    for (g, network) in group.iter().enumerate() {
        for first in (0..episodes).step_by(BLOCK) {
            let count = BLOCK.min(episodes - first);
            let window = Window { total, first: g * episodes + first, count, lane_major: count < WIDE };
            step(std::slice::from_ref(network), window);
        }
    }
}

impl Window {
    /// Windows of at most `block` lanes over `lanes` of so many, arranged value after value.
    pub(crate) fn blocks(
        total: usize,
        lanes: std::ops::Range<usize>,
        block: usize,
    ) -> impl Iterator<Item = Window> {
        let end = lanes.end;
        lanes.step_by(block).map(move |first| {
            let count = block.min(end - first);
            Window { total, first, count, lane_major: false }
        })
    }

    /// Whether the caller's buffers are arranged as local ones, so that no copy is needed.
    pub(crate) fn is_whole(&self) -> bool {
        self.count == self.total && (!self.lane_major || self.count == 1)
    }

    /// Where value `i` of local lane `l` is in a buffer of so many values.
    #[inline(always)]
    pub(crate) fn at(&self, values: usize, i: usize, l: usize) -> usize {
        if self.lane_major { l * values + i } else { i * self.count + l }
    }

    /// Copies values `range` of the window's lanes from the caller's buffer to a local one of `values` values, where
    /// they become `offset..`.
    #[inline(always)]
    pub(crate) fn load(
        &self,
        from: &[f32],
        range: std::ops::Range<usize>,
        values: usize,
        offset: usize,
        into: &mut [f32],
    ) {
        for (k, i) in range.enumerate() {
            let row = &from[i * self.total + self.first..][..self.count];
            if self.lane_major {
                for (l, &x) in row.iter().enumerate() {
                    into[l * values + offset + k] = x;
                }
            } else {
                into[(offset + k) * self.count..][..self.count].copy_from_slice(row);
            }
        }
    }

    /// The reverse of [`Window::load`]: local values `range` become values `offset..` of the caller's buffer.
    #[inline(always)]
    pub(crate) fn store(
        &self,
        from: &[f32],
        values: usize,
        range: std::ops::Range<usize>,
        into: &mut [f32],
        offset: usize,
    ) {
        for (k, i) in range.enumerate() {
            let row = &mut into[(offset + k) * self.total + self.first..][..self.count];
            if self.lane_major {
                for (l, x) in row.iter_mut().enumerate() {
                    *x = from[l * values + i];
                }
            } else {
                row.copy_from_slice(&from[i * self.count..][..self.count]);
            }
        }
    }

    /// Loads the observations into values `0..inputs` of a local buffer of `values` values, normalised if there is a
    /// normaliser. All networks of a group share it.
    #[inline(always)]
    pub(crate) fn load_input(
        &self,
        input: &[f32],
        inputs: usize,
        values: usize,
        normalizer: Option<&Normalizer>,
        into: &mut [f32],
    ) {
        self.load(input, 0..inputs, values, 0, into);
        if let Some(normalizer) = normalizer {
            for i in 0..inputs {
                for l in 0..self.count {
                    let x = &mut into[self.at(values, i, l)];
                    *x = normalizer.one(i, *x);
                }
            }
        }
    }

    /// y = bias + x·W in local buffers, for a layer of all networks.
    pub(crate) fn affine<N: AsRef<[f32]>>(&self, networks: &[N], layer: &Layer, x: &[f32], y: &mut [f32]) {
        if self.lane_major {
            with_parameters(networks, |parameters| {
                perceptron::affine(self.count, *layer, parameters, x, y);
            });
            return;
        }
        let own = networks[0].as_ref();
        let begin = layer.bias.map_or(Begin::Zero, |bias| Begin::Bias(&own[bias..][..layer.outputs]));
        let weight = &own[layer.weight..][..layer.inputs * layer.outputs];
        dense::dense(self.count, layer.inputs, layer.outputs, weight, begin, x, y);
    }

    /// All layers of a stack: `activation(n)` is that of layer `n`. Both scratch buffers hold the widest layer; the
    /// result is in `y`.
    pub(crate) fn stack<N: AsRef<[f32]>>(
        &self,
        networks: &[N],
        layers: &[Layer],
        activation: impl Fn(usize) -> Activation,
        x: &[f32],
        y: &mut [f32],
        scratch: &mut [f32],
    ) {
        let (mut from, mut to) = scratch.split_at_mut(scratch.len() / 2);
        for (n, layer) in layers.iter().enumerate() {
            let input = if n == 0 { x } else { &*from };
            let sums = if n + 1 == layers.len() { &mut *y } else { &mut *to };
            let (input, sums) =
                (&input[..layer.inputs * self.count], &mut sums[..layer.outputs * self.count]);
            self.affine(networks, layer, input, sums);
            activation(n).apply(sums);
            std::mem::swap(&mut from, &mut to);
        }
    }
}

/// Numbers of scratch memory that [`Window::stack`] needs per lane.
pub(crate) fn stack_len(layers: &[Layer]) -> usize {
    2 * layers.iter().map(|l| l.outputs).max().unwrap_or(0)
}

#[inline(always)]
fn with_parameters<N: AsRef<[f32]>>(networks: &[N], run: impl FnOnce(Parameters<'_>)) {
    if let [network] = networks {
        return run(Parameters::Shared(network.as_ref()));
    }
    let mut each = [&[] as &[f32]; GROUP];
    each.iter_mut().zip(networks).for_each(|(each, network)| *each = network.as_ref());
    run(Parameters::Each(&each[..networks.len()]));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_cover_every_lane_once() {
        for (networks, episodes) in [(1, 1), (1, 7), (1, 200), (30, 1), (5, 3), (3, 70)] {
            let group = vec![(); networks];
            let mut seen = vec![0; networks * episodes];
            windows(&group, episodes, |members, window| {
                assert!(members.len() == 1 || members.len() == window.count);
                assert!(window.count <= group_window_len(networks, episodes));
                (0..window.count).for_each(|l| seen[window.first + l] += 1);
            });
            assert!(seen.iter().all(|&n| n == 1));
        }
    }

    #[test]
    fn what_is_loaded_is_stored_again() {
        for lane_major in [false, true] {
            let window = Window { total: 5, first: 1, count: 3, lane_major };
            let global: Vec<f32> = (0..20).map(|i| i as f32).collect();
            let mut local = vec![-1.0; 18];
            // Values 1 and 2 become values 3 and 4 of 6.
            window.load(&global, 1..3, 6, 3, &mut local);
            for l in 0..3 {
                assert_eq!(local[window.at(6, 3, l)], global[5 + 1 + l]);
                assert_eq!(local[window.at(6, 4, l)], global[10 + 1 + l]);
            }
            assert_eq!(local.iter().filter(|&&x| x == -1.0).count(), 12);
            let mut back = vec![0.0; 20];
            window.store(&local, 6, 3..5, &mut back, 1);
            for i in 0..20 {
                let inside = (6..9).contains(&i) || (11..14).contains(&i);
                assert_eq!(back[i], if inside { global[i] } else { 0.0 });
            }
        }
    }
}
