//! Neuron alignment: undoing competing conventions before a crossover.
//!
//! The neurons of a hidden layer can change places without changing what the network does, so the same function has many genomes, and
//! crossing two of them in different orders destroys both (Radcliffe 1993; Whitley, Starkweather & Bogart 1990 call it the competing
//! conventions problem). Here the second parent's neurons are put into the order in which its weights are nearest to the first parent's:
//! weight matching as in Ainsworth, Hayase & Srinivasa 2022, *Git re-basin* (section 3.2, algorithm 1). One layer after the other, the
//! others fixed, the best order is a linear assignment problem; sweeps are repeated until nothing changes.
//!
//! *Differs from the paper:* layers are visited in order and not at random; an axis pair over one group (recurrent weights), where the
//! problem is quadratic, is linearised at the present order, and a change that makes the match worse is not taken.
//!
//! Cost: a sweep takes O(neurons) multiply-adds per weight and O(neurons³) per layer.

use evolvent_core::{Block, Layout};
use evolvent_math::assignment::assignment;

/// Sweeps over all layers at most; a handful is usual.
const SWEEPS: usize = 20;
/// Improvements smaller than this share of the match are rounding.
const ROUNDING: f64 = 1e-12;

/// `b` with its interchangeable neurons in the order in which it is nearest to `a`, and what it computes unchanged. Layouts without
/// groups of neurons leave it as it is.
pub fn aligned(layout: &Layout, a: &[f64], b: &[f64]) -> Vec<f64> {
    let groups = groups(layout);
    let mut b = b.to_vec();
    for _ in 0..SWEEPS {
        let mut changed = false;
        for &(group, size) in &groups {
            let gain = gains(layout, group, size, a, &b);
            let cost: Vec<f64> = gain.iter().map(|g| -g).collect();
            if !cost.iter().all(|c| c.is_finite()) {
                continue;
            }
            let order = assignment(&cost, size);
            if order.iter().enumerate().all(|(i, &j)| i == j) {
                continue;
            }
            let candidate = reordered(layout, group, &order, &b);
            let (old, new) = (matched(layout, group, a, &b), matched(layout, group, a, &candidate));
            if new > old + ROUNDING * old.abs() {
                (b, changed) = (candidate, true);
            }
        }
        if !changed {
            break;
        }
    }
    b
}

/// The groups of interchangeable neurons and their sizes, in the order of the layout. Groups whose axes do not agree in
/// size are left out.
fn groups(layout: &Layout) -> Vec<(u32, usize)> {
    let axes = || layout.blocks.iter().flat_map(|b| b.neurons.iter().copied().zip(b.shape.iter().copied()));
    let mut groups: Vec<(u32, usize)> = Vec::new();
    for (group, size) in axes() {
        let Some(group) = group else { continue };
        if groups.iter().all(|g| g.0 != group) {
            groups.push((group, size));
        }
    }
    groups.retain(|&(group, size)| axes().all(|(g, s)| g != Some(group) || s == size));
    groups
}

/// Position of the neuron along one axis for the entry `k` of a block.
fn along(block: &Block, axis: usize, k: usize) -> usize {
    let inner: usize = block.shape[axis + 1..].iter().product();
    k / inner % block.shape[axis]
}

/// Entry of `gain[i × size + j]`: the inner product of neuron i of `a` and neuron j of `b` over all weights that touch them.
fn gains(layout: &Layout, group: u32, size: usize, a: &[f64], b: &[f64]) -> Vec<f64> {
    let mut gain = vec![0.0; size * size];
    for block in &layout.blocks {
        for axis in (0..block.shape.len()).filter(|&axis| block.neurons[axis] == Some(group)) {
            let inner: usize = block.shape[axis + 1..].iter().product();
            let outer: usize = block.shape[..axis].iter().product();
            let (a, b) = (&a[block.range()], &b[block.range()]);
            for o in 0..outer {
                for i in 0..size {
                    let own = &a[(o * size + i) * inner..][..inner];
                    for j in 0..size {
                        let other = &b[(o * size + j) * inner..][..inner];
                        gain[i * size + j] += own.iter().zip(other).map(|(x, y)| x * y).sum::<f64>();
                    }
                }
            }
        }
    }
    gain
}

/// Σ a·b over the blocks that the group touches.
fn matched(layout: &Layout, group: u32, a: &[f64], b: &[f64]) -> f64 {
    let touched = layout.blocks.iter().filter(|block| block.neurons.contains(&Some(group)));
    touched.flat_map(|block| block.range()).map(|k| a[k] * b[k]).sum()
}

/// `b` with neuron `order[i]` of a group at place i.
fn reordered(layout: &Layout, group: u32, order: &[usize], b: &[f64]) -> Vec<f64> {
    let mut out = b.to_vec();
    for block in layout.blocks.iter().filter(|block| block.neurons.contains(&Some(group))) {
        let (from, to) = (&b[block.range()], &mut out[block.range()]);
        for (k, value) in to.iter_mut().enumerate() {
            let mut source = k;
            for axis in (0..block.shape.len()).filter(|&axis| block.neurons[axis] == Some(group)) {
                let inner: usize = block.shape[axis + 1..].iter().product();
                let place = along(block, axis, k);
                source = source - place * inner + order[place] * inner;
            }
            *value = from[source];
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ga::{Crossover, RealVariation};
    use evolvent_core::{Init, Purpose, Role, RunKey, Stream, Variation, Vector, VectorGenes, stream};
    use std::sync::Arc;

    fn rng(seed: u64) -> Stream {
        stream(RunKey::from_seed(seed), 0, 0, 0, Purpose::Ask)
    }

    /// Two hidden layers of 6 and 5 neurons, the first recurrent, between 4 inputs and 3 outputs.
    fn layout() -> Layout {
        let mut l = Layout { blocks: Vec::new() };
        let (first, second) = (Some(0), Some(1));
        l.push("layer0.weight", vec![4, 6], Role::Weight, Init::LecunNormal, vec![None, first]);
        l.push("layer0.recurrent", vec![6, 6], Role::Weight, Init::LecunNormal, vec![first, first]);
        l.push("layer0.bias", vec![6], Role::Bias, Init::Zeros, vec![first]);
        l.push("layer1.weight", vec![6, 5], Role::Weight, Init::LecunNormal, vec![first, second]);
        l.push("layer1.bias", vec![5], Role::Bias, Init::Zeros, vec![second]);
        l.push("layer2.weight", vec![5, 3], Role::Weight, Init::LecunNormal, vec![second, None]);
        l
    }

    fn normal(n: usize, rng: &mut Stream) -> Vec<f64> {
        (0..n).map(|_| rng.normal()).collect()
    }

    /// Two steps of the recurrent network of [`layout`].
    fn outputs(layout: &Layout, x: &[f64]) -> Vec<f64> {
        let block = |i: usize| &x[layout.blocks[i].range()];
        let times = |input: &[f64], weights: &[f64], outputs: usize| -> Vec<f64> {
            (0..outputs)
                .map(|o| input.iter().enumerate().map(|(i, v)| v * weights[i * outputs + o]).sum())
                .collect()
        };
        let mut state = vec![0.0; 6];
        let mut out = Vec::new();
        for observation in [[0.3, -0.7, 0.2, 1.0], [-0.5, 0.1, 0.9, 0.4]] {
            let (new, own) = (times(&observation, block(0), 6), times(&state, block(1), 6));
            state = (0..6).map(|i| libm::tanh(new[i] + own[i] + block(2)[i])).collect();
            let second = times(&state, block(3), 5);
            let second: Vec<f64> = second.iter().zip(block(4)).map(|(v, b)| libm::tanh(v + b)).collect();
            out.extend(times(&second, block(5), 3));
        }
        out
    }

    #[test]
    fn what_a_network_computes_stays() {
        let layout = layout();
        for seed in 0..10 {
            let mut rng = rng(seed);
            let (a, b) = (normal(layout.dimension(), &mut rng), normal(layout.dimension(), &mut rng));
            let moved = aligned(&layout, &a, &b);
            assert_ne!(moved, b);
            for (x, y) in outputs(&layout, &b).iter().zip(outputs(&layout, &moved)) {
                assert!((x - y).abs() < 1e-12);
            }
            let distance = |b: &[f64]| a.iter().zip(b).map(|(x, y)| (x - y).powi(2)).sum::<f64>();
            assert!(distance(&moved) < distance(&b));
        }
    }

    /// The same network in another order, with a little noise, comes back to its own order.
    #[test]
    fn finds_the_order_again() {
        let layout = layout();
        for seed in 0..10 {
            let mut rng = rng(100 + seed);
            let a = normal(layout.dimension(), &mut rng);
            let mut b = a.clone();
            for (group, size) in groups(&layout) {
                let mut order: Vec<usize> = (0..size).collect();
                rng.shuffle(&mut order);
                b = reordered(&layout, group, &order, &b);
            }
            b.iter_mut().for_each(|x| *x += 0.01 * rng.normal());
            let back = aligned(&layout, &a, &b);
            assert!(a.iter().zip(&back).all(|(x, y)| (x - y).abs() < 0.1), "seed {seed}");
        }
    }

    /// Half of a network and half of its permuted twin is the network itself, if their neurons are matched, and nothing if not.
    #[test]
    fn crossover_with_a_permuted_twin_keeps_the_function() {
        let layout = layout();
        let a = normal(layout.dimension(), &mut rng(7));
        let b = reordered(&layout, 0, &[3, 5, 1, 0, 2, 4], &a);
        let expected = outputs(&layout, &a);
        let genes = VectorGenes { layout: Arc::new(layout.clone()), bounds: None };
        let error = |align_neurons: bool| {
            let variation =
                RealVariation { crossover: Crossover::Arithmetic, align_neurons, ..RealVariation::default() };
            let parents = [Vector(a.clone()), Vector(b.clone())];
            let [child, _] = variation.cross(&genes, &parents[0], &parents[1], &mut (), &mut rng(8));
            let differences = expected.iter().zip(outputs(&layout, &child.0)).map(|(x, y)| (x - y).abs());
            differences.fold(0.0, f64::max)
        };
        assert!(error(true) < 1e-12 && error(false) > 0.1, "{} {}", error(true), error(false));
    }

    #[test]
    fn vectors_without_neurons_stay_as_they_are() {
        let mut layout = Layout { blocks: Vec::new() };
        layout.push("x", vec![7], Role::Coordinate, Init::Zeros, vec![None]);
        let b = normal(7, &mut rng(1));
        assert_eq!(aligned(&layout, &[0.5; 7], &b), b);
    }
}
