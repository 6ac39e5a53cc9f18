//! Evolved irregular graphs as networks: a flat instruction array per structure, one row of numbers per node.
//!
//! Lanes are stepped in blocks of fixed width, so that a node's sum stays in registers and its values in the first cache
//! level. Every lane adds in gene order, whatever the width: neither lanes nor groups show in the result.

use crate::{
    graph::{Aggregation, Dynamics, Graph},
    plan::Plan,
};
use evolvent_core::{DecodeError, Network};
use evolvent_math::kernels::vectorize;
use evolvent_nets::{Activation, Normalizer};
use std::sync::Arc;

/// Lanes of the widest block.
const WIDEST: usize = 16;

/// What a network has beside its genes; from the decoder, the same for all of its networks.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rules {
    pub(crate) inputs: usize,
    /// Inputs and the bias node, if there is one.
    pub(crate) sources: usize,
    pub(crate) outputs: usize,
    /// Shape of one observation; its product is `inputs`.
    pub(crate) input_shape: Vec<usize>,
    pub(crate) dynamics: Dynamics,
    /// Steepness, if it is the same for all activations.
    pub(crate) response: Option<f32>,
    /// Whether nodes have factors on it.
    pub(crate) responses: bool,
    pub(crate) dt: f32,
    /// What the bias node shows.
    pub(crate) bias: f32,
}

impl Rules {
    /// The steepness of a node.
    fn steepness(&self, activation: Activation) -> f32 {
        self.response.unwrap_or(if activation == Activation::Sigmoid { 4.9 } else { 1.0 })
    }
}

/// The phenotype of a [`Graph`]. Memory is that of its own genes: nothing is padded to the largest genome.
#[derive(Clone, Debug)]
pub struct GraphNetwork {
    pub(crate) rules: Arc<Rules>,
    pub(crate) plan: Arc<Plan>,
    /// One per plan input.
    pub(crate) weights: Vec<f32>,
    /// One per computed node.
    pub(crate) nodes: Vec<Neuron>,
    pub(crate) normalizer: Option<Arc<Normalizer>>,
}

/// The numbers and functions of a computed node: activation(response · (aggregate + bias)).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Neuron {
    pub(crate) activation: Activation,
    pub(crate) aggregation: Aggregation,
    pub(crate) bias: f32,
    pub(crate) response: f32,
    /// dt / time constant, at most 1; 1 unless time runs continuously.
    pub(crate) rate: f32,
}

impl GraphNetwork {
    /// A network without connections, to be written over by [`GraphNetwork::express`].
    pub(crate) fn blank(rules: Arc<Rules>) -> Self {
        GraphNetwork {
            rules,
            plan: Arc::new(Plan::default()),
            weights: Vec::new(),
            nodes: Vec::new(),
            normalizer: None,
        }
    }

    /// Writes the phenotype of `graph` over this one. Buffers are kept.
    pub(crate) fn express(&mut self, graph: &Graph) -> Result<(), DecodeError> {
        let structure = &graph.structure;
        let found = (structure.sources as usize, structure.outputs as usize);
        let expected = (self.rules.sources, self.rules.outputs);
        if found != expected {
            return Err(DecodeError(format!(
                "a graph with {} inputs (the bias counted) and {} outputs, where {} and {} are needed",
                found.0, found.1, expected.0, expected.1
            )));
        }
        self.plan = structure.plan(self.rules.dynamics != Dynamics::FeedForward);
        let (plan, rules) = (&*self.plan, &*self.rules);
        let values = graph.weights();
        self.weights.clear();
        self.weights.extend(plan.genes.iter().map(|&g| values[g as usize]));
        if rules.bias != 1.0 {
            // in the weights, so that everything that reads a network sees a constant of 1
            let from_bias = |source: u32| source as usize == rules.inputs && rules.sources > rules.inputs;
            let weights = self.weights.iter_mut().zip(&plan.inputs);
            weights.filter(|(_, source)| from_bias(**source)).for_each(|(w, _)| *w *= rules.bias);
        }
        let continuous = rules.dynamics == Dynamics::ContinuousTime;
        // The exponential of a node's number in a row, which is 1 where there is none.
        let factor = |there: bool, row: usize, at: usize| {
            let log = graph.row(row).get(at).filter(|_| there);
            log.map_or(1.0, |&x| libm::expf(x))
        };
        let biases = graph.biases();
        self.nodes.clear();
        self.nodes.extend(plan.nodes.iter().map(|&n| {
            let node = structure.nodes[n as usize];
            let at = n as usize - structure.sources as usize;
            let rate = if continuous { (rules.dt / factor(true, 1, at)).min(1.0) } else { 1.0 };
            let steepness = rules.steepness(node.activation);
            Neuron {
                activation: node.activation,
                aggregation: node.aggregation,
                bias: biases[at],
                response: steepness * factor(rules.responses, 1 + usize::from(continuous), at),
                rate,
            }
        }));
        Ok(())
    }

    /// Expressed connections that an output can see.
    pub fn connections(&self) -> usize {
        self.weights.len()
    }

    /// Computed nodes.
    pub fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// The inputs of computed node `k`: where they come from in the numbering of the plan, and their weights.
    pub(crate) fn terms(&self, k: usize) -> impl ExactSizeIterator<Item = (usize, f32)> + '_ {
        let range = self.plan.range(k);
        let sources = self.plan.inputs[range.clone()].iter().map(|&s| s as usize);
        sources.zip(self.weights[range].iter().copied())
    }

    /// Values that a block of lanes holds.
    fn rows(&self) -> usize {
        let again = if self.rules.dynamics == Dynamics::FeedForward { 0 } else { self.nodes.len() };
        self.plan.sources as usize + self.nodes.len() + again
    }

    /// The value of node `k` from those before it.
    #[inline(always)]
    fn node<const W: usize>(&self, k: usize, values: &[[f32; W]]) -> [f32; W] {
        let neuron = self.nodes[k];
        let range = self.plan.range(k);
        let sources = &self.plan.inputs[range.clone()];
        let weights = &self.weights[range];
        let terms = sources.iter().zip(weights).map(|(&s, &w)| (&values[s as usize], w));
        let mut out = [0.0; W];
        match neuron.aggregation {
            Aggregation::Sum | Aggregation::Mean => {
                for (x, w) in terms {
                    (0..W).for_each(|l| out[l] = w.mul_add(x[l], out[l]));
                }
                if neuron.aggregation == Aggregation::Mean && !sources.is_empty() {
                    let share = 1.0 / sources.len() as f32;
                    out.iter_mut().for_each(|y| *y *= share);
                }
            }
            Aggregation::Product => {
                out = [1.0; W];
                for (x, w) in terms {
                    (0..W).for_each(|l| out[l] *= w * x[l]);
                }
            }
            Aggregation::Min | Aggregation::Max | Aggregation::MaxAbs => {
                let better = |new: f32, old: f32| match neuron.aggregation {
                    Aggregation::Min => new < old,
                    Aggregation::Max => new > old,
                    _ => new.abs() > old.abs(),
                };
                for (i, (x, w)) in terms.enumerate() {
                    for l in 0..W {
                        let new = w * x[l];
                        if i == 0 || better(new, out[l]) {
                            out[l] = new;
                        }
                    }
                }
            }
        }
        out.iter_mut().for_each(|y| *y = neuron.response * (*y + neuron.bias));
        neuron.activation.apply_inline(&mut out);
        out
    }

    /// Steps `count` ≤ `W` lanes from `first` on, of `total` in the caller's buffers.
    #[inline(always)]
    fn block<const W: usize>(
        &self,
        (first, count, total): (usize, usize, usize),
        input: &[f32],
        state: &mut [f32],
        output: &mut [f32],
        scratch: &mut [f32],
    ) {
        let values = &mut scratch.as_chunks_mut::<W>().0[..self.rows()];
        let (sources, computed) = (self.plan.sources as usize, self.nodes.len());
        let load = |row: &mut [f32; W], from: &[f32], i: usize| {
            if count == W {
                row.copy_from_slice(&from[i * total + first..][..W]);
            } else {
                // lanes beyond the last are computed like the others and thrown away
                *row = [0.0; W];
                row[..count].copy_from_slice(&from[i * total + first..][..count]);
            }
        };
        let store = |row: &[f32; W], to: &mut [f32], i: usize| {
            to[i * total + first..][..count].copy_from_slice(&row[..count]);
        };
        for (i, row) in values[..self.rules.inputs].iter_mut().enumerate() {
            load(row, input, i);
            if let Some(normalizer) = &self.normalizer {
                row.iter_mut().for_each(|x| *x = normalizer.one(i, *x));
            }
        }
        values[self.rules.inputs..sources].fill([1.0; W]);
        // Recurrent networks have two buffers: everyone reads the step before.
        let remembers = self.rules.dynamics != Dynamics::FeedForward;
        let next = sources + if remembers { computed } else { 0 };
        (sources..next).for_each(|i| load(&mut values[i], state, i - sources));
        for k in 0..computed {
            let mut y = self.node(k, &values[..next + k]);
            if self.rules.dynamics == Dynamics::ContinuousTime {
                let (rate, u) = (self.nodes[k].rate, values[sources + k]);
                (0..W).for_each(|l| y[l] = rate.mul_add(y[l] - u[l], u[l]));
            }
            values[next + k] = y;
        }
        if remembers {
            (0..computed).for_each(|k| store(&values[next + k], state, k));
        }
        for (o, &node) in self.plan.outputs.iter().enumerate() {
            store(&values[node as usize + next - sources], output, o);
        }
    }

    /// Steps `count` lanes from `first` on.
    #[inline(always)]
    fn lanes(
        &self,
        (first, count, total): (usize, usize, usize),
        input: &[f32],
        state: &mut [f32],
        output: &mut [f32],
        scratch: &mut [f32],
    ) {
        let mut done = 0;
        while done < count {
            let left = count - done;
            let lanes = (first + done, left.min(WIDEST), total);
            match left {
                1 => self.block::<1>(lanes, input, state, output, scratch),
                2..=4 => self.block::<4>(lanes, input, state, output, scratch),
                5..=8 => self.block::<8>(lanes, input, state, output, scratch),
                _ => self.block::<WIDEST>(lanes, input, state, output, scratch),
            }
            done += lanes.1;
        }
    }
}

impl Network for GraphNetwork {
    fn inputs(&self) -> usize {
        self.rules.inputs
    }

    fn outputs(&self) -> usize {
        self.plan.outputs.len()
    }

    fn state_len(&self) -> usize {
        if self.rules.dynamics == Dynamics::FeedForward { 0 } else { self.nodes.len() }
    }

    fn scratch_len(&self, lanes: usize) -> usize {
        self.rows() * lanes.next_power_of_two().clamp(1, WIDEST).max(if lanes > 1 { 4 } else { 1 })
    }

    fn forward(
        &self,
        lanes: usize,
        input: &[f32],
        state: &mut [f32],
        output: &mut [f32],
        scratch: &mut [f32],
    ) {
        Self::forward_group(std::slice::from_ref(self), lanes, input, state, output, scratch);
    }

    fn group_scratch_len(group: &[Self], episodes: usize) -> usize {
        group.iter().map(|n| n.scratch_len(episodes)).max().unwrap_or(0)
    }

    fn forward_group(
        group: &[Self],
        episodes: usize,
        input: &[f32],
        state: &mut [f32],
        output: &mut [f32],
        scratch: &mut [f32],
    ) {
        let total = group.len() * episodes;
        vectorize(
            #[inline(always)]
            || {
                for (g, network) in group.iter().enumerate() {
                    network.lanes((g * episodes, episodes, total), input, state, output, scratch);
                }
            },
        );
    }
}
