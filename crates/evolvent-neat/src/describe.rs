//! Graph networks as programs: what exports are made from.
//!
//! Nodes that can be computed at once are one level: the sums of a level are one `gemm` over the values that they read,
//! other aggregations are a `reduce` each, and every run of nodes with one activation is one `activate`. In a
//! feed-forward network a level is the distance from the inputs; a recurrent network is a single level that reads the
//! observation and the state.

use crate::{
    graph::{Aggregation, Dynamics},
    network::{GraphNetwork, Neuron},
};
use evolvent_nets::{
    Activation, Describe, Normalizer, Program,
    program::{Kind, Reduction},
};
use std::{collections::BTreeSet, sync::Arc};

impl Describe for GraphNetwork {
    fn set_normalizer(&mut self, normalizer: Option<Arc<Normalizer>>) {
        if let Some(n) = &normalizer {
            let inputs = self.rules.inputs;
            assert_eq!((n.mean.len(), n.inv_std.len()), (inputs, inputs), "a normaliser for {inputs} inputs");
        }
        self.normalizer = normalizer;
    }

    fn normalizer(&self) -> Option<&Arc<Normalizer>> {
        self.normalizer.as_ref()
    }

    fn program(&self) -> Program {
        let mut program = Program::default();
        let rules = &self.rules;
        let mut x = program.input("observation", &rules.input_shape);
        if let Some(normalizer) = &self.normalizer {
            x = normalizer.describe(&mut program, &x, &rules.input_shape);
        }
        if rules.input_shape.len() != 1 {
            x = program.op("flat", Kind::Flatten, &[&x]);
        }
        let computed = self.nodes.len();
        let mut writer = Writer { network: self, program, one: None, places: Vec::new() };
        let last = if rules.dynamics == Dynamics::FeedForward {
            writer.feed_forward(x)
        } else {
            let state = writer.program.state("state", "state.next", &[computed]);
            writer.recurrent(&x, &state)
        };
        let mut program = writer.program;
        let sources = self.plan.sources as usize;
        let outputs = self.plan.outputs.iter().map(|&o| last.index[o as usize - sources]).collect();
        program.op("output", Kind::Gather { axis: 0, indices: outputs }, &[&last.value]);
        program.output("output", &[self.plan.outputs.len()]);
        program
    }
}

/// A value of the program, and where in it each computed node is.
struct Written {
    value: String,
    index: Vec<usize>,
}

struct Writer<'a> {
    network: &'a GraphNetwork,
    program: Program,
    /// The name of a value `[1]` that is always 1, if it was needed.
    one: Option<String>,
    /// Where in the values of a level's operand each plan number is.
    places: Vec<usize>,
}

impl Writer<'_> {
    /// Level by level; every level reads all values before it.
    fn feed_forward(&mut self, observation: String) -> Written {
        let network = self.network;
        let (inputs, sources) = (network.rules.inputs, network.plan.sources as usize);
        let mut depth = vec![0usize; sources + network.nodes.len()];
        for k in 0..network.nodes.len() {
            depth[sources + k] = 1 + network.terms(k).map(|(from, _)| depth[from]).max().unwrap_or(0);
        }
        let deepest = depth[sources..].iter().copied().max().unwrap_or(0);
        let (mut all, mut length) = (observation.clone(), inputs);
        self.places = (0..sources + network.nodes.len()).collect();
        for level in 1..=deepest {
            let nodes: Vec<usize> =
                (0..network.nodes.len()).filter(|&k| depth[sources + k] == level).collect();
            let (value, order) = self.level(&format!("level{level}"), &nodes, &observation, &all);
            for (i, &k) in order.iter().enumerate() {
                self.places[sources + k] = length + i;
            }
            length += order.len();
            all = self.program.op(&format!("values{level}"), Kind::Concat { axis: 0 }, &[&all, &value]);
        }
        Written { value: all, index: self.places[sources..].to_vec() }
    }

    /// One level that reads the observation and the state.
    fn recurrent(&mut self, observation: &str, state: &str) -> Written {
        let network = self.network;
        let (inputs, sources) = (network.rules.inputs, network.plan.sources as usize);
        let computed = network.nodes.len();
        let all = self.program.op("values", Kind::Concat { axis: 0 }, &[observation, state]);
        // The bias stands behind the inputs in the plan and nowhere in the program.
        self.places = (0..inputs).chain(inputs..sources).chain(inputs..inputs + computed).collect();
        let nodes: Vec<usize> = (0..computed).collect();
        let (value, order) = self.level("level", &nodes, observation, &all);
        let continuous = network.rules.dynamics == Dynamics::ContinuousTime;
        let sorted = if continuous { "target" } else { "state.next" };
        let mut at = vec![0; computed];
        order.iter().enumerate().for_each(|(i, &k)| at[k] = i);
        let value = self.program.op(sorted, Kind::Gather { axis: 0, indices: at }, &[&value]);
        if continuous {
            let rates = network.nodes.iter().map(|n| n.rate).collect();
            let rates = self.program.constant("rates", &[computed], rates);
            let change = self.program.op("difference", Kind::Sub, &[&value, state]);
            let change = self.program.op("change", Kind::Mul, &[&change, &rates]);
            self.program.op("state.next", Kind::Add, &[state, &change]);
        }
        Written { value: "state.next".into(), index: (0..computed).collect() }
    }

    /// The nodes of a level as one value, and their order in it. `all` holds every value that they read.
    fn level(&mut self, name: &str, nodes: &[usize], observation: &str, all: &str) -> (String, Vec<usize>) {
        let network = self.network;
        let neuron = |k: usize| network.nodes[k];
        let (mut sums, mut others): (Vec<usize>, Vec<usize>) = nodes.iter().partition(|&&k| self.is_sum(k));
        sums.sort_by_key(|&k| neuron(k).activation);
        others.sort_by_key(|&k| neuron(k).activation);
        let mut parts = Vec::new();
        if !sums.is_empty() {
            parts.push(self.gemm(name, &sums, observation, all));
        }
        for &k in &others {
            parts.push(self.reduction(name, k, observation, all));
        }
        let mut value = self.concat(&format!("{name}.sums"), &parts);
        let order: Vec<usize> = sums.into_iter().chain(others).collect();
        let alike = |a: &usize, b: &usize| neuron(*a).activation == neuron(*b).activation;
        let mut parts = Vec::new();
        let (mut begin, runs) = (0, order.chunk_by(alike).count());
        for (r, run) in order.chunk_by(alike).enumerate() {
            let mut part = value.clone();
            let (end, activation) = (begin + run.len(), neuron(run[0]).activation);
            if runs > 1 {
                let kind = Kind::Slice { axis: 0, start: begin, end };
                part = self.program.op(&format!("{name}.part{r}"), kind, &[&part]);
            }
            if activation != Activation::Linear {
                part = self.program.op(&format!("{name}.active{r}"), Kind::Activate(activation), &[&part]);
            }
            begin = end;
            parts.push(part);
        }
        if runs > 1 {
            value = self.concat(name, &parts);
        } else if let Some(only) = parts.pop() {
            value = only;
        }
        (value, order)
    }

    /// Whether a node is written as a weighted sum; without inputs every aggregation is a constant.
    fn is_sum(&self, k: usize) -> bool {
        let sum = matches!(self.network.nodes[k].aggregation, Aggregation::Sum | Aggregation::Mean);
        sum || self.network.terms(k).len() == 0
    }

    /// All sums of a level: response · (Σ w x + bias), the bias node inside the bias.
    fn gemm(&mut self, name: &str, nodes: &[usize], observation: &str, all: &str) -> String {
        let network = self.network;
        let bias = |from: usize| (network.rules.inputs..network.plan.sources as usize).contains(&from);
        let read: BTreeSet<usize> = nodes
            .iter()
            .flat_map(|&k| network.terms(k))
            .map(|(from, _)| from)
            .filter(|&f| !bias(f))
            .collect();
        let read: Vec<usize> = read.into_iter().collect();
        let (rows, columns) = (read.len().max(1), nodes.len());
        let mut weight = vec![0.0f32; rows * columns];
        let mut constant = vec![0.0f32; columns];
        for (column, &k) in nodes.iter().enumerate() {
            let Neuron { aggregation, bias: own, response, .. } = network.nodes[k];
            let terms = network.terms(k);
            let share = match aggregation {
                Aggregation::Mean => 1.0 / terms.len().max(1) as f32,
                _ => 1.0,
            };
            constant[column] = match aggregation {
                Aggregation::Product if terms.len() == 0 => response * (1.0 + own),
                _ => response * own,
            };
            for (from, w) in terms {
                let w = response * share * w;
                match read.binary_search(&from) {
                    Ok(row) => weight[row * columns + column] += w,
                    Err(_) => constant[column] += w,
                }
            }
        }
        let x = if read.is_empty() {
            self.one(observation)
        } else {
            let indices = read.iter().map(|&from| self.places[from]).collect();
            self.program.op(&format!("{name}.read"), Kind::Gather { axis: 0, indices }, &[all])
        };
        let weight = self.program.constant(&format!("{name}.weight"), &[rows, columns], weight);
        let constant = self.program.constant(&format!("{name}.bias"), &[columns], constant);
        self.program.op(&format!("{name}.affine"), Kind::Gemm, &[&x, &weight, &constant])
    }

    /// A node with another aggregation than a sum, before its activation.
    fn reduction(&mut self, name: &str, k: usize, observation: &str, all: &str) -> String {
        let network = self.network;
        let name = format!("{name}.node{}", network.plan.nodes[k]);
        let Neuron { aggregation, bias, response, .. } = network.nodes[k];
        let (inputs, sources) = (network.rules.inputs, network.plan.sources as usize);
        let is_bias = |from: usize| (inputs..sources).contains(&from);
        // The terms keep their order: of equals the first counts.
        let mut x = all.to_owned();
        let mut indices: Vec<usize> = network.terms(k).map(|(from, _)| self.places[from]).collect();
        if let Some(at) = network.terms(k).position(|(from, _)| is_bias(from)) {
            let one = self.one(observation);
            x = self.program.op(&format!("{name}.values"), Kind::Concat { axis: 0 }, &[&one, all]);
            indices.iter_mut().for_each(|i| *i += 1);
            indices[at] = 0;
        }
        let n = indices.len();
        let x = self.program.op(&format!("{name}.read"), Kind::Gather { axis: 0, indices }, &[&x]);
        let weights = network.terms(k).map(|(_, w)| w).collect();
        let weights = self.program.constant(&format!("{name}.weights"), &[n], weights);
        let terms = self.program.op(&format!("{name}.terms"), Kind::Mul, &[&x, &weights]);
        let reduction = match aggregation {
            Aggregation::Sum => Reduction::Sum,
            Aggregation::Mean => Reduction::Mean,
            Aggregation::Product => Reduction::Product,
            Aggregation::Min => Reduction::Min,
            Aggregation::Max => Reduction::Max,
            Aggregation::MaxAbs => Reduction::MaxAbs,
        };
        let mut y = self.program.op(&format!("{name}.aggregate"), Kind::Reduce(reduction), &[&terms]);
        for (what, kind, number, neutral) in
            [("bias", Kind::Add, bias, 0.0), ("response", Kind::Mul, response, 1.0)]
        {
            if number != neutral {
                let constant = self.program.constant(&format!("{name}.{what}"), &[1], vec![number]);
                y = self.program.op(&format!("{name}.with_{what}"), kind, &[&y, &constant]);
            }
        }
        y
    }

    /// A value that is always 1, whatever the (finite) observation.
    fn one(&mut self, observation: &str) -> String {
        if self.one.is_none() {
            let first = Kind::Slice { axis: 0, start: 0, end: 1 };
            let first = self.program.op("one.from", first, &[observation]);
            let one = self.program.op("one", Kind::Clip { low: 1.0, high: 1.0 }, &[&first]);
            self.one = Some(one);
        }
        self.one.clone().unwrap_or_default()
    }

    fn concat(&mut self, name: &str, parts: &[String]) -> String {
        if let [only] = parts {
            return only.clone();
        }
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        self.program.op(name, Kind::Concat { axis: 0 }, &parts)
    }
}
