//! Evolved irregular graphs as networks: a flat instruction array per structure, one row of numbers per node.

use crate::{
    graph::{Aggregation, Dynamics, Graph},
    plan::Plan,
};
use evolvent_core::Network;
use evolvent_math::kernels::vectorize;
use evolvent_nets::Activation;
use std::sync::Arc;

/// The phenotype of a [`Graph`]. Memory is that of its own genes: nothing is padded to the largest genome.
#[derive(Clone, Debug)]
pub struct GraphNetwork {
    pub(crate) inputs: usize,
    pub(crate) dynamics: Dynamics,
    pub(crate) response: f32,
    pub(crate) dt: f32,
    pub(crate) plan: Arc<Plan>,
    /// One per plan input.
    pub(crate) weights: Vec<f32>,
    /// One per computed node.
    pub(crate) biases: Vec<f32>,
    /// dt / time constant, at most 1, per computed node; empty unless time runs continuously.
    pub(crate) rates: Vec<f32>,
    /// One per computed node.
    pub(crate) functions: Vec<(Activation, Aggregation)>,
}

impl GraphNetwork {
    /// A network without connections, to be written over by [`GraphNetwork::express`].
    pub(crate) fn blank(inputs: usize, dynamics: Dynamics, response: f32, dt: f32) -> Self {
        GraphNetwork {
            inputs,
            dynamics,
            response,
            dt,
            plan: Arc::new(Plan::default()),
            weights: Vec::new(),
            biases: Vec::new(),
            rates: Vec::new(),
            functions: Vec::new(),
        }
    }

    /// Writes the phenotype of `graph` over this one. Buffers are kept.
    pub(crate) fn express(&mut self, graph: &Graph) {
        let structure = &graph.structure;
        self.plan = structure.plan(self.dynamics != Dynamics::FeedForward);
        let plan = &*self.plan;
        let values = graph.weights();
        self.weights.clear();
        self.weights.extend(plan.genes.iter().map(|&g| values[g as usize]));
        let at = |node: u32| node as usize - structure.sources as usize;
        let biases = graph.biases();
        self.biases.clear();
        self.biases.extend(plan.nodes.iter().map(|&n| biases[at(n)]));
        let log_time = graph.log_time_constants();
        self.rates.clear();
        if self.dynamics == Dynamics::ContinuousTime {
            let rate = |&n: &u32| {
                let time = log_time.get(at(n)).map_or(1.0, |&t| libm::expf(t));
                (self.dt / time).min(1.0)
            };
            self.rates.extend(plan.nodes.iter().map(rate));
        }
        self.functions.clear();
        self.functions.extend(plan.nodes.iter().map(|&n| {
            let node = structure.nodes[n as usize];
            (node.activation, node.aggregation)
        }));
    }

    /// Expressed connections that an output can see.
    pub fn connections(&self) -> usize {
        self.weights.len()
    }

    /// Computed nodes.
    pub fn nodes(&self) -> usize {
        self.plan.nodes.len()
    }

    #[inline(always)]
    fn node(&self, k: usize, lanes: usize, values: &[f32], out: &mut [f32]) {
        let begin = if k == 0 { 0 } else { self.plan.ends[k - 1] as usize };
        let end = self.plan.ends[k] as usize;
        let terms = self.plan.inputs[begin..end].iter().zip(&self.weights[begin..end]);
        let row = |source: u32| &values[source as usize * lanes..][..lanes];
        let (activation, aggregation) = self.functions[k];
        match aggregation {
            Aggregation::Sum | Aggregation::Mean => {
                out.fill(0.0);
                for (&source, &w) in terms {
                    out.iter_mut().zip(row(source)).for_each(|(y, &x)| *y = w.mul_add(x, *y));
                }
                if aggregation == Aggregation::Mean && end > begin {
                    let share = 1.0 / (end - begin) as f32;
                    out.iter_mut().for_each(|y| *y *= share);
                }
            }
            Aggregation::Product => {
                out.fill(1.0);
                for (&source, &w) in terms {
                    out.iter_mut().zip(row(source)).for_each(|(y, &x)| *y *= w * x);
                }
            }
            Aggregation::Min | Aggregation::Max | Aggregation::MaxAbs => {
                let better = |new: f32, old: f32| match aggregation {
                    Aggregation::Min => new < old,
                    Aggregation::Max => new > old,
                    _ => new.abs() > old.abs(),
                };
                out.fill(0.0);
                for (i, (&source, &w)) in terms.enumerate() {
                    for (y, &x) in out.iter_mut().zip(row(source)) {
                        if i == 0 || better(w * x, *y) {
                            *y = w * x;
                        }
                    }
                }
            }
        }
        let (bias, response) = (self.biases[k], self.response);
        out.iter_mut().for_each(|y| *y = response * (*y + bias));
        activation.apply_inline(out);
    }

    #[inline(always)]
    fn step(&self, lanes: usize, input: &[f32], state: &mut [f32], output: &mut [f32], values: &mut [f32]) {
        let sources = self.plan.sources as usize;
        values[..self.inputs * lanes].copy_from_slice(&input[..self.inputs * lanes]);
        values[self.inputs * lanes..sources * lanes].fill(1.0);
        let computed = self.plan.nodes.len();
        if self.dynamics == Dynamics::FeedForward {
            for k in 0..computed {
                let (before, rest) = values.split_at_mut((sources + k) * lanes);
                self.node(k, lanes, before, &mut rest[..lanes]);
            }
        } else {
            // Double buffer: everyone reads the step before.
            let (old, new) = values.split_at_mut((sources + computed) * lanes);
            old[sources * lanes..].copy_from_slice(&state[..computed * lanes]);
            for k in 0..computed {
                self.node(k, lanes, old, &mut new[k * lanes..(k + 1) * lanes]);
                if self.dynamics == Dynamics::ContinuousTime {
                    let rate = self.rates[k];
                    let before = &old[(sources + k) * lanes..][..lanes];
                    let now = &mut new[k * lanes..(k + 1) * lanes];
                    now.iter_mut().zip(before).for_each(|(y, &u)| *y = rate.mul_add(*y - u, u));
                }
            }
            state[..computed * lanes].copy_from_slice(&new[..computed * lanes]);
        }
        let result =
            if self.dynamics == Dynamics::FeedForward { &*values } else { &values[computed * lanes..] };
        for (o, &node) in self.plan.outputs.iter().enumerate() {
            output[o * lanes..(o + 1) * lanes].copy_from_slice(&result[node as usize * lanes..][..lanes]);
        }
    }
}

impl Network for GraphNetwork {
    fn inputs(&self) -> usize {
        self.inputs
    }

    fn outputs(&self) -> usize {
        self.plan.outputs.len()
    }

    fn state_len(&self) -> usize {
        if self.dynamics == Dynamics::FeedForward { 0 } else { self.plan.nodes.len() }
    }

    fn scratch_len(&self, lanes: usize) -> usize {
        let computed = self.plan.nodes.len();
        let buffers = if self.dynamics == Dynamics::FeedForward { 1 } else { 2 };
        (self.plan.sources as usize + buffers * computed) * lanes
    }

    fn forward(
        &self,
        lanes: usize,
        input: &[f32],
        state: &mut [f32],
        output: &mut [f32],
        scratch: &mut [f32],
    ) {
        vectorize(
            #[inline(always)]
            || self.step(lanes, input, state, output, scratch),
        );
    }
}
