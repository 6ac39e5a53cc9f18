//! Networks that CPPNs describe: layers of neurons joined by dense or sparse matrices, with weights that may learn.
//!
//! Values of a step are numbered: inputs first, then neurons in the order in which they are computed. Neurons are computed
//! in stages; no neuron reads another of its own stage, unless the network is recurrent and all read the step before.
//! Between two layers with a good part of all possible connections the dense kernels run, elsewhere a list of
//! connections, one row of lanes at a time.

use crate::{
    cppn::Query,
    expression::RuleNumbers,
    picture::{self, Panel},
    substrate::{Points, Substrate},
};
use evolvent_core::{Interface, Network};
use evolvent_math::kernels::{
    dense::{Begin, dense},
    vectorize,
};
use evolvent_nets::{Activation, Depiction, Describe, Normalizer, Program, plasticity::Rules, program::Kind};
use std::sync::Arc;

/// Share of all possible connections between two layers from which on the dense kernels are faster than a list.
const DENSE: f64 = 0.25;

/// Neurons that are computed together.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stage {
    /// First neuron, and how many.
    pub(crate) first: usize,
    pub(crate) count: usize,
    pub(crate) activation: Activation,
    /// Matrices: first value read, how many, and where the weights begin, `[values][neurons]`.
    dense: Vec<(usize, usize, usize)>,
}

/// A list of connections into one neuron.
type Incoming = Vec<(u32, f32, RuleNumbers)>;

/// The phenotype of HyperNEAT and ES-HyperNEAT.
#[derive(Clone, Debug)]
pub struct SubstrateNetwork {
    pub(crate) substrate: Arc<Substrate>,
    pub(crate) query: Query,
    input_shape: Vec<usize>,
    inputs: usize,
    outputs: usize,
    recurrent: bool,
    plastic: bool,
    /// Plastic weights stay within ± this.
    weight_range: f32,
    stages: Vec<Stage>,
    /// One per neuron.
    pub(crate) biases: Vec<f32>,
    /// Weights of the matrices.
    matrices: Vec<f32>,
    /// For each neuron the end of its connections in the lists below; the first begins at 0.
    ends: Vec<usize>,
    sources: Vec<u32>,
    weights: Vec<f32>,
    /// η, A, B and C of each connection; empty unless plastic.
    rules: [Vec<f32>; 4],
    /// Coordinates of hidden neurons that are not of the substrate.
    places: Vec<Vec<f32>>,
    /// What pictures of the pattern show.
    panels: Arc<[Panel]>,
    normalizer: Option<Arc<Normalizer>>,
}

/// What does not change from genome to genome.
#[derive(Clone, Debug)]
pub(crate) struct Kinship {
    pub(crate) recurrent: bool,
    pub(crate) plastic: bool,
    pub(crate) weight_range: f32,
    pub(crate) panels: Vec<Panel>,
}

impl SubstrateNetwork {
    /// A network without neurons.
    pub(crate) fn blank(
        substrate: Arc<Substrate>,
        query: Query,
        interface: &Interface,
        kinship: Kinship,
    ) -> Self {
        SubstrateNetwork {
            substrate,
            query,
            input_shape: interface.input.clone(),
            inputs: interface.inputs(),
            outputs: interface.output.len(),
            recurrent: kinship.recurrent,
            plastic: kinship.plastic,
            weight_range: kinship.weight_range,
            stages: Vec::new(),
            biases: Vec::new(),
            matrices: Vec::new(),
            ends: Vec::new(),
            sources: Vec::new(),
            weights: Vec::new(),
            rules: std::array::from_fn(|_| Vec::new()),
            places: Vec::new(),
            panels: kinship.panels.into(),
            normalizer: None,
        }
    }

    /// Forgets all neurons; memory is kept.
    pub(crate) fn clear(&mut self) {
        self.stages.clear();
        self.biases.clear();
        self.matrices.clear();
        self.ends.clear();
        self.sources.clear();
        self.weights.clear();
        self.rules.iter_mut().for_each(Vec::clear);
        self.places.clear();
    }

    /// Notes where hidden neurons were found.
    pub(crate) fn placed(&mut self, places: Vec<Vec<f32>>) {
        self.places = places;
    }

    /// The coordinates of every value: inputs, then neurons.
    pub fn positions(&self) -> Vec<&[f32]> {
        let layers = &self.substrate.layers;
        let last = layers.len() - 1;
        let points = |layer: usize| (0..layers[layer].len()).map(move |i| layers[layer].at(i));
        let hidden = self.places.iter().map(Vec::as_slice);
        (0..last).flat_map(points).chain(hidden).chain(points(last)).collect()
    }

    /// Adds a stage with these biases and, per neuron, the connections into it, whose sources are value numbers, ascending.
    /// `blocks` are further connections by layer: first value, how many, and their weights `[values][neurons]` with rules
    /// (empty unless plastic); each becomes a matrix or part of the lists, whichever is faster.
    pub(crate) fn push(
        &mut self,
        activation: Activation,
        biases: &[f32],
        mut incoming: Vec<Incoming>,
        blocks: Vec<(usize, usize, Vec<f32>, Vec<RuleNumbers>)>,
    ) {
        let count = biases.len();
        incoming.resize_with(count, Vec::new);
        let mut stage = Stage { first: self.biases.len(), count, activation, dense: Vec::new() };
        for (from, len, weights, rules) in blocks {
            let live = weights.iter().filter(|&&w| w != 0.0).count();
            if !self.plastic && live > 0 && live as f64 >= DENSE * weights.len() as f64 {
                stage.dense.push((from, len, self.matrices.len()));
                self.matrices.extend(weights);
                continue;
            }
            for (i, row) in weights.chunks_exact(count.max(1)).enumerate() {
                for (o, &w) in row.iter().enumerate().filter(|(_, w)| **w != 0.0) {
                    let rule = rules.get(i * count + o).copied().unwrap_or_default();
                    incoming[o].push(((from + i) as u32, w, rule));
                }
            }
        }
        for list in incoming {
            for (source, weight, rule) in list {
                self.sources.push(source);
                self.weights.push(weight);
                if self.plastic {
                    self.rules.iter_mut().zip(rule).for_each(|(all, x)| all.push(x));
                }
            }
            self.ends.push(self.sources.len());
        }
        self.biases.extend_from_slice(biases);
        self.stages.push(stage);
    }

    /// The layer of every value: hidden neurons that decoding found are one layer.
    pub(crate) fn sheets(&self) -> Vec<usize> {
        let layers = &self.substrate.layers;
        let last = layers.len() - 1;
        let counts = layers[..last].iter().map(Points::len).chain([self.places.len(), layers[last].len()]);
        counts.enumerate().flat_map(|(sheet, count)| std::iter::repeat_n(sheet, count)).collect()
    }

    /// Coordinates of hidden neurons that decoding found.
    pub(crate) fn found(&self) -> &[Vec<f32>] {
        &self.places
    }

    pub(crate) fn panels(&self) -> &[Panel] {
        &self.panels
    }

    /// Neurons, outputs counted.
    pub fn neurons(&self) -> usize {
        self.biases.len()
    }

    /// Connections with a weight other than 0 when the network was decoded.
    pub fn connections(&self) -> usize {
        self.weights.len() + self.matrices.iter().filter(|&&w| w != 0.0).count()
    }

    /// The substrate that it was decoded on: of HyperNEAT all layers, of ES-HyperNEAT inputs and outputs.
    pub fn substrate(&self) -> &Substrate {
        &self.substrate
    }

    /// All connections as decoded, each with the number of the value that it reads, of the neuron that it enters (inputs
    /// are values 0 to `inputs` − 1, neuron n is value `inputs` + n) and its weight.
    pub fn connection_list(&self) -> Vec<(usize, usize, f32)> {
        let mut list = Vec::with_capacity(self.connections());
        for stage in &self.stages {
            for o in 0..stage.count {
                let to = self.inputs + stage.first + o;
                for &(from, len, at) in &stage.dense {
                    for i in 0..len {
                        let w = self.matrices[at + i * stage.count + o];
                        if w != 0.0 {
                            list.push((from + i, to, w));
                        }
                    }
                }
                for e in self.range(stage.first + o) {
                    list.push((self.sources[e] as usize, to, self.weights[e]));
                }
            }
        }
        list
    }

    #[inline(always)]
    fn range(&self, neuron: usize) -> std::ops::Range<usize> {
        let begin = if neuron == 0 { 0 } else { self.ends[neuron - 1] };
        begin..self.ends[neuron]
    }

    fn carried(&self) -> usize {
        if self.recurrent { self.neurons() } else { 0 }
    }

    /// Computes one stage: `read` holds the values that it reads, `out` gets its neurons, `learnt` are the plastic weights.
    fn stage(&self, stage: &Stage, lanes: usize, read: &[f32], out: &mut [f32], learnt: &[f32]) {
        let biases = &self.biases[stage.first..stage.first + stage.count];
        let mut begin = Begin::Bias(biases);
        for &(from, len, at) in &stage.dense {
            let w = &self.matrices[at..at + len * stage.count];
            dense(lanes, len, stage.count, w, begin, &read[from * lanes..(from + len) * lanes], out);
            begin = Begin::Held;
        }
        if stage.dense.is_empty() {
            out.chunks_exact_mut(lanes).zip(biases).for_each(|(row, &b)| row.fill(b));
        }
        vectorize(
            #[inline(always)]
            || {
                for (o, row) in out.chunks_exact_mut(lanes).enumerate() {
                    for e in self.range(stage.first + o) {
                        let x = &read[self.sources[e] as usize * lanes..][..lanes];
                        if self.plastic {
                            let w = &learnt[e * lanes..][..lanes];
                            row.iter_mut().zip(x).zip(w).for_each(|((y, &x), &w)| *y = w.mul_add(x, *y));
                        } else {
                            let w = self.weights[e];
                            row.iter_mut().zip(x).for_each(|(y, &x)| *y = w.mul_add(x, *y));
                        }
                    }
                }
                stage.activation.apply_inline(out);
            },
        );
    }

    /// Changes the plastic weights: `read` are the values that connections carried, `values` the neurons' answers.
    fn learn(&self, lanes: usize, read: &[f32], answers: &[f32], learnt: &mut [f32]) {
        let [rate, a, b, c] = &self.rules;
        let rules = Rules { rate, a, b, c, d: &[] };
        let limit = self.weight_range;
        vectorize(
            #[inline(always)]
            || {
                for neuron in 0..self.neurons() {
                    let y = &answers[neuron * lanes..][..lanes];
                    for e in self.range(neuron) {
                        let x = &read[self.sources[e] as usize * lanes..][..lanes];
                        let w = &mut learnt[e * lanes..][..lanes];
                        for ((w, &x), &y) in w.iter_mut().zip(x).zip(y) {
                            let next = *w + rules.change(e, x, y);
                            let next = if next > limit { limit } else { next };
                            *w = if next < -limit { -limit } else { next };
                        }
                    }
                }
            },
        );
    }
}

impl Network for SubstrateNetwork {
    fn inputs(&self) -> usize {
        self.inputs
    }

    fn outputs(&self) -> usize {
        self.outputs
    }

    fn state_len(&self) -> usize {
        self.carried() + if self.plastic { self.weights.len() } else { 0 }
    }

    fn scratch_len(&self, lanes: usize) -> usize {
        (self.inputs + self.neurons() + self.carried()) * lanes
    }

    fn reset_state(&self, state: &mut [f32], lanes: usize, lane: usize) {
        let (carried, len) = (self.carried(), self.state_len());
        for i in 0..len {
            state[i * lanes + lane] = if i < carried { 0.0 } else { self.weights[i - carried] };
        }
    }

    fn forward(
        &self,
        lanes: usize,
        input: &[f32],
        state: &mut [f32],
        output: &mut [f32],
        scratch: &mut [f32],
    ) {
        if lanes == 0 {
            return;
        }
        let (inputs, neurons) = (self.inputs * lanes, self.neurons() * lanes);
        let (before, learnt) = state[..self.state_len() * lanes].split_at_mut(self.carried() * lanes);
        let (values, new) = scratch.split_at_mut(inputs + neurons);
        values[..inputs].copy_from_slice(&input[..inputs]);
        if let Some(normalizer) = &self.normalizer {
            normalizer.apply(lanes, &mut values[..inputs]);
        }
        if self.recurrent {
            values[inputs..].copy_from_slice(before);
            for stage in &self.stages {
                let out = &mut new[stage.first * lanes..(stage.first + stage.count) * lanes];
                self.stage(stage, lanes, values, out, learnt);
            }
            before.copy_from_slice(&new[..neurons]);
            if self.plastic {
                self.learn(lanes, values, before, learnt);
            }
        } else {
            for stage in &self.stages {
                let (read, out) = values.split_at_mut(inputs + stage.first * lanes);
                self.stage(stage, lanes, read, &mut out[..stage.count * lanes], learnt);
            }
            if self.plastic {
                self.learn(lanes, values, &values[inputs..], learnt);
            }
        }
        let answers = if self.recurrent { &new[..neurons] } else { &values[inputs..] };
        let outputs = self.outputs * lanes;
        output[..outputs].copy_from_slice(&answers[neurons - outputs..]);
    }
}

impl Describe for SubstrateNetwork {
    fn set_normalizer(&mut self, normalizer: Option<Arc<Normalizer>>) {
        if let Some(n) = &normalizer {
            let inputs = self.inputs;
            assert_eq!((n.mean.len(), n.inv_std.len()), (inputs, inputs), "a normaliser for {inputs} inputs");
        }
        self.normalizer = normalizer;
    }

    fn normalizer(&self) -> Option<&Arc<Normalizer>> {
        self.normalizer.as_ref()
    }

    fn depict(&self, what: &Depiction) -> Result<Option<String>, String> {
        picture::depict(self, what).map(Some)
    }

    /// Each stage is one matrix over the values that it reads, zeros where there is no connection; plastic weights are a state
    /// with one number per connection.
    fn program(&self) -> Program {
        let mut program = Program::default();
        let mut x = program.input("observation", &self.input_shape);
        if let Some(normalizer) = &self.normalizer {
            x = normalizer.describe(&mut program, &x, &self.input_shape);
        }
        if self.input_shape.len() != 1 {
            x = program.op("observation.flat", Kind::Flatten, &[&x]);
        }
        if self.recurrent {
            let before = program.state("neurons", "neurons.next", &[self.neurons()]);
            x = program.op("values", Kind::Concat { axis: 0 }, &[&x, &before]);
        }
        let mut read = x; // what stages read: all values so far, or those of the step before
        let mut parts: Vec<String> = Vec::new();
        let mut learning = Vec::new();
        for (n, stage) in self.stages.iter().enumerate() {
            let name = format!("stage{n}");
            let sum = if self.plastic {
                let (sum, work) = self.describe_plastic(&mut program, &name, stage, &read);
                learning.extend(work);
                sum
            } else {
                self.describe_fixed(&mut program, &name, stage, &read)
            };
            let answer = program.op(&name, Kind::Activate(stage.activation), &[&sum]);
            if !self.recurrent {
                read = program.op(&format!("{name}.values"), Kind::Concat { axis: 0 }, &[&read, &answer]);
            }
            parts.push(answer);
        }
        let names: Vec<&str> = parts.iter().map(String::as_str).collect();
        let all = if self.recurrent { "neurons.next" } else { "neurons" };
        let all = program.op(all, Kind::Concat { axis: 0 }, &names);
        let neurons = self.neurons();
        let slice = Kind::Slice { axis: 0, start: neurons - self.outputs, end: neurons };
        program.op("output", slice, &[&all]);
        program.output("output", &[self.outputs]);
        for (name, neuron, learnt) in learning {
            self.describe_learning(&mut program, &name, neuron, &learnt, &all);
        }
        program
    }
}

/// A stage whose weights learn: its name, its connections, and the names of their weights and of what they carried.
type Learning = (String, std::ops::Range<usize>, (String, String));

impl SubstrateNetwork {
    fn describe_fixed(&self, program: &mut Program, name: &str, stage: &Stage, read: &str) -> String {
        let mut sources: Vec<usize> =
            stage.dense.iter().flat_map(|&(from, len, _)| from..from + len).collect();
        let edges = self.edges(stage);
        sources.extend(self.sources[edges.clone()].iter().map(|&s| s as usize));
        sources.sort_unstable();
        sources.dedup();
        let biases = self.biases[stage.first..stage.first + stage.count].to_vec();
        if sources.is_empty() {
            // Nothing comes in: the sum is the bias, whatever is read.
            let first = Kind::Gather { axis: 0, indices: vec![0; stage.count] };
            let any = program.op(&format!("{name}.any"), first, &[read]);
            let zero = program.constant(&format!("{name}.zero"), &[1], vec![0.0]);
            let none = program.op(&format!("{name}.none"), Kind::Mul, &[&any, &zero]);
            let bias = program.constant(&format!("{name}.bias"), &[stage.count], biases);
            return program.op(&format!("{name}.sum"), Kind::Add, &[&none, &bias]);
        }
        let mut matrix = vec![0.0; sources.len() * stage.count];
        let row = |source: usize| sources.binary_search(&source).expect("listed");
        for &(from, len, at) in &stage.dense {
            for i in 0..len {
                let at = &self.matrices[at + i * stage.count..][..stage.count];
                let to = &mut matrix[row(from + i) * stage.count..][..stage.count];
                to.iter_mut().zip(at).for_each(|(to, w)| *to += w);
            }
        }
        for o in 0..stage.count {
            for e in self.range(stage.first + o) {
                matrix[row(self.sources[e] as usize) * stage.count + o] += self.weights[e];
            }
        }
        let shape = [sources.len(), stage.count];
        let x = program.op(&format!("{name}.read"), Kind::Gather { axis: 0, indices: sources }, &[read]);
        let w = program.constant(&format!("{name}.weight"), &shape, matrix);
        let b = program.constant(&format!("{name}.bias"), &[stage.count], biases);
        program.op(&format!("{name}.sum"), Kind::Gemm, &[&x, &w, &b])
    }

    fn edges(&self, stage: &Stage) -> std::ops::Range<usize> {
        match stage.count {
            0 => 0..0,
            count => self.range(stage.first).start..self.range(stage.first + count - 1).end,
        }
    }

    /// Products of weights and values, one per connection, summed by neuron through a matrix of ones.
    fn describe_plastic(
        &self,
        program: &mut Program,
        name: &str,
        stage: &Stage,
        read: &str,
    ) -> (String, Option<Learning>) {
        let edges = self.edges(stage);
        if edges.is_empty() {
            return (self.describe_fixed(program, name, stage, read), None);
        }
        let n = edges.len();
        let state = format!("{name}.weight");
        let w = program.state(&state, &format!("{state}.next"), &[n]);
        if let Some(state) = program.states.last_mut() {
            state.initial = self.weights[edges.clone()].to_vec();
        }
        let indices = self.sources[edges.clone()].iter().map(|&s| s as usize).collect();
        let x = program.op(&format!("{name}.carried"), Kind::Gather { axis: 0, indices }, &[read]);
        let products = program.op(&format!("{name}.products"), Kind::Mul, &[&w, &x]);
        let mut ones = vec![0.0; n * stage.count];
        for o in 0..stage.count {
            self.range(stage.first + o).for_each(|e| ones[(e - edges.start) * stage.count + o] = 1.0);
        }
        let ones = program.constant(&format!("{name}.targets"), &[n, stage.count], ones);
        let biases = self.biases[stage.first..stage.first + stage.count].to_vec();
        let b = program.constant(&format!("{name}.bias"), &[stage.count], biases);
        let sum = program.op(&format!("{name}.sum"), Kind::Gemm, &[&products, &ones, &b]);
        (sum, Some((name.to_string(), edges, (w, x))))
    }

    /// w + η (A x y + B x + C y), clipped.
    fn describe_learning(
        &self,
        program: &mut Program,
        name: &str,
        edges: std::ops::Range<usize>,
        (w, x): &(String, String),
        answers: &str,
    ) {
        let n = edges.len();
        let neuron = |e: usize| self.ends.partition_point(|&end| end <= e);
        let indices = edges.clone().map(neuron).collect();
        let named = |what: &str| format!("{name}.{what}");
        let y = program.op(&named("answered"), Kind::Gather { axis: 0, indices }, &[answers]);
        let [rate, a, b, c] = std::array::from_fn(|k| {
            let what = named(["rate", "a", "b", "c"][k]);
            program.constant(&what, &[n], self.rules[k][edges.clone()].to_vec())
        });
        let xy = program.op(&named("correlation"), Kind::Mul, &[x, &y]);
        let axy = program.op(&named("a.term"), Kind::Mul, &[&xy, &a]);
        let bx = program.op(&named("b.term"), Kind::Mul, &[x, &b]);
        let cy = program.op(&named("c.term"), Kind::Mul, &[&y, &c]);
        let ab = program.op(&named("ab"), Kind::Add, &[&axy, &bx]);
        let abc = program.op(&named("abc"), Kind::Add, &[&ab, &cy]);
        let change = program.op(&named("change"), Kind::Mul, &[&abc, &rate]);
        let grown = program.op(&named("grown"), Kind::Add, &[w, &change]);
        let clip = Kind::Clip { low: -self.weight_range, high: self.weight_range };
        program.op(&named("weight.next"), clip, &[&grown]);
    }
}
