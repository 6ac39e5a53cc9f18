//! `[network.hebbian]`: dense networks whose weights change while they run; the rules of change evolve, the weights do not.
//!
//! E. Najarro and S. Risi, "Meta-learning through Hebbian plasticity in random networks", NeurIPS 2020. Weights are the state
//! of an episode and begin at random; after each step every connection changes by Δw = η (A x y + B x + C y + D) with five
//! numbers of its own ([`plasticity`](crate::plasticity)). Any algorithm over vectors evolves them.
//!
//! A rollout draws new weights for each episode. Where there are no episodes (data sets, exports) a network begins with
//! one and the same draw.
//!
//! Cost of a step: per connection one fused multiply-add for the sum and four for the change; each lane has weights of its own.

use crate::{
    Activation, Describe, NetworkConfig, Normalizer, Program, Squash,
    dense::describe_input,
    layout::{check_initializer, check_interface, check_sizes, check_weights},
    network::expect_fit,
    plasticity::{LEAST_NORM, Rules, WeightBound},
    program::{Kind, Reduction},
};
use evolvent_core::{
    Auto, DecodeError, Decoder, Init, Interface, Layout, Network, Purpose, Role, RunKey, Stream, Vector,
    VectorGenes, Violations, stream,
};
use evolvent_math::kernels::vectorize;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Where the weights of an episode begin.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FirstWeights {
    /// Uniform in ± this, drawn anew for each episode.
    Random(f32),
    /// At numbers that evolve, too, and whose initial spread is `initializer`.
    Evolved,
}

/// A multilayer perceptron with Hebbian plasticity and no biases.
///
/// Blocks of the parameter vector, each `[inputs, outputs]`: `layer0.a`, `layer0.b`, `layer0.c`, `layer0.d`, `layer0.rate` (if
/// rates evolve), `layer0.first` (if first weights evolve), `layer1.a` …; the last layer is the output layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Hebbian {
    /// Neurons of each hidden layer, each at least 1.
    pub hidden: Vec<usize>,
    /// Activation of the hidden layers.
    pub activation: Activation,
    /// Activation of the raw outputs, in front of the head. The rules see what it answers.
    pub output_activation: Activation,
    /// Learning rate η of all connections; `"auto"`: a number for each connection, which evolves.
    pub rate: Auto<f32>,
    /// Where the weights of an episode begin: `{ random = 0.1 }` or `"evolved"`.
    pub first_weights: FirstWeights,
    /// What keeps weights from growing without end: `"none"`, `{ clip = 3.0 }` or `"normalize"`.
    pub bound: WeightBound,
    /// How the numbers of the rules start.
    pub initializer: Init,
    /// How raw outputs become continuous actions.
    pub squash: Squash,
}

impl Default for Hebbian {
    fn default() -> Self {
        Hebbian {
            hidden: vec![32],
            activation: Activation::Tanh,
            output_activation: Activation::Linear,
            rate: Auto::Auto,
            first_weights: FirstWeights::Random(0.1),
            bound: WeightBound::Normalize,
            initializer: Init::Normal { std: 0.1 },
            squash: Squash::Tanh,
        }
    }
}

/// A layer: its size, where its weights are in the state, and where its rules are in the genome.
#[derive(Clone, Copy, Debug)]
struct Layer {
    inputs: usize,
    outputs: usize,
    weight: usize,
    /// A, B, C, D.
    rules: [usize; 4],
    rate: Option<usize>,
    first: Option<usize>,
}

impl Layer {
    fn len(&self) -> usize {
        self.inputs * self.outputs
    }
}

impl Hebbian {
    fn plan(&self, interface: &Interface) -> (Layout, Vec<Layer>) {
        let mut layout = Layout { blocks: Vec::new() };
        let mut layers = Vec::with_capacity(self.hidden.len() + 1);
        let (mut inputs, mut from, mut weight) = (interface.inputs(), None, 0);
        let sizes = self.hidden.iter().copied().chain([interface.output.len()]);
        for (n, outputs) in sizes.enumerate() {
            let to = (n < self.hidden.len()).then_some(n as u32);
            let mut push = |what: &str, role: Role| {
                let name = format!("layer{n}.{what}");
                layout.push(name, vec![inputs, outputs], role, self.initializer, vec![from, to])
            };
            let rules = ["a", "b", "c", "d"].map(|what| push(what, Role::Plasticity));
            let rate = (self.rate == Auto::Auto).then(|| push("rate", Role::Plasticity));
            let evolved = self.first_weights == FirstWeights::Evolved;
            let first = evolved.then(|| push("first", Role::Weight));
            layers.push(Layer { inputs, outputs, weight, rules, rate, first });
            weight += inputs * outputs;
            (inputs, from) = (outputs, to);
        }
        (layout, layers)
    }
}

impl NetworkConfig for Hebbian {
    const NAME: &'static str = "hebbian";

    fn squash(&self) -> Squash {
        self.squash
    }
}

impl Decoder for Hebbian {
    type Genome = Vector;
    type Network = HebbianNetwork;

    fn check(&self, interface: &Interface) -> Result<(), Violations> {
        let mut v = Violations::new();
        check_interface(&mut v, interface);
        check_sizes(&mut v, "hidden", &self.hidden);
        let sizes = [&[interface.inputs()], &self.hidden[..], &[interface.output.len()]].concat();
        check_weights(&mut v, "hidden", sizes.windows(2).map(|s| [s[0], s[1]]));
        check_initializer(&mut v, "initializer", Auto::Value(self.initializer));
        if let Auto::Value(rate) = self.rate {
            v.require(rate.is_finite(), "rate", rate, "\"auto\" or a finite number");
        }
        if let FirstWeights::Random(limit) = self.first_weights {
            v.non_negative("first_weights.random", f64::from(limit));
        }
        if let WeightBound::Clip(limit) = self.bound {
            v.positive("bound.clip", f64::from(limit));
        }
        v.into_result()
    }

    fn genes(&self, interface: &Interface) -> VectorGenes {
        VectorGenes { layout: Arc::new(self.plan(interface).0), bounds: None }
    }

    fn blank(&self, interface: &Interface) -> HebbianNetwork {
        let (layout, layers) = self.plan(interface);
        let weights = layers.iter().map(Layer::len).sum();
        let random = match self.first_weights {
            FirstWeights::Random(limit) => limit,
            FirstWeights::Evolved => 0.0,
        };
        let mut first = vec![0.0; weights];
        let mut rng = stream(RunKey::from_seed(0), 0, 0, 0, Purpose::Init);
        first.iter_mut().for_each(|w| *w = uniform(&mut rng, random));
        HebbianNetwork {
            plan: Arc::new(Plan {
                settings: self.clone(),
                layers,
                random,
                weights,
                input_shape: interface.input.clone(),
            }),
            genome: vec![0.0; layout.dimension()],
            first,
            normalizer: None,
        }
    }

    fn decode(&self, genome: &[f32], into: &mut HebbianNetwork) -> Result<(), DecodeError> {
        let (expected, found) = (into.genome.len(), genome.len());
        if found != expected {
            let message = format!("the network has {expected} parameters, the genome {found} genes");
            return Err(DecodeError(message));
        }
        into.genome.copy_from_slice(genome);
        for layer in &into.plan.layers {
            if let Some(first) = layer.first {
                into.first[layer.weight..][..layer.len()].copy_from_slice(&genome[first..][..layer.len()]);
            }
        }
        Ok(())
    }
}

fn uniform(rng: &mut Stream, limit: f32) -> f32 {
    rng.uniform_in(-1.0, 1.0) as f32 * limit
}

/// What the networks of one decoder share.
#[derive(Debug)]
struct Plan {
    settings: Hebbian,
    layers: Vec<Layer>,
    /// Half the range of random first weights; 0 if they evolve.
    random: f32,
    weights: usize,
    input_shape: Vec<usize>,
}

impl Plan {
    fn activation(&self, layer: usize) -> Activation {
        let last = layer + 1 == self.layers.len();
        if last { self.settings.output_activation } else { self.settings.activation }
    }

    /// Numbers that a step holds per lane: inputs, all neurons, and one for the norm.
    fn values(&self) -> usize {
        self.layers[0].inputs + self.layers.iter().map(|l| l.outputs).sum::<usize>() + 1
    }
}

/// The phenotype of [`Hebbian`].
#[derive(Clone, Debug)]
pub struct HebbianNetwork {
    plan: Arc<Plan>,
    genome: Vec<f32>,
    /// First weights where no episode draws them.
    first: Vec<f32>,
    normalizer: Option<Arc<Normalizer>>,
}

/// `count` lanes from `first` on, in rows of `stride`.
#[derive(Clone, Copy)]
struct Rows {
    first: usize,
    count: usize,
    stride: usize,
}

impl Rows {
    #[inline(always)]
    fn of(self, row: usize) -> std::ops::Range<usize> {
        let begin = row * self.stride + self.first;
        begin..begin + self.count
    }
}

impl HebbianNetwork {
    fn rules(&self, layer: &Layer) -> Rules<'_> {
        let block = |at: usize| &self.genome[at..at + layer.len()];
        let [a, b, c, d] = layer.rules.map(block);
        let rate = match (&self.plan.settings.rate, layer.rate) {
            (Auto::Value(rate), _) => std::slice::from_ref(rate),
            (Auto::Auto, Some(at)) => block(at),
            (Auto::Auto, None) => &[],
        };
        Rules { rate, a, b, c, d }
    }

    #[inline(always)]
    fn step(&self, rows: Rows, input: &[f32], state: &mut [f32], output: &mut [f32], scratch: &mut [f32]) {
        let (plan, count) = (&*self.plan, rows.count);
        let (values, norm) = scratch.split_at_mut((plan.values() - 1) * count);
        let inputs = plan.layers[0].inputs;
        for i in 0..inputs {
            values[i * count..(i + 1) * count].copy_from_slice(&input[rows.of(i)]);
        }
        if let Some(normalizer) = &self.normalizer {
            normalizer.apply(count, &mut values[..inputs * count]);
        }
        let mut rest = values;
        for (n, layer) in plan.layers.iter().enumerate() {
            let (x, after) = rest.split_at_mut(layer.inputs * count);
            let y = &mut after[..layer.outputs * count];
            self.answer(layer, rows, x, state, y);
            plan.activation(n).apply_inline(y);
            self.learn(layer, rows, x, y, state, &mut norm[..count]);
            rest = after;
        }
        let last = plan.layers[plan.layers.len() - 1].outputs;
        for o in 0..last {
            output[rows.of(o)].copy_from_slice(&rest[o * count..(o + 1) * count]);
        }
    }

    /// Sums in ascending order of the inputs, whatever the lanes.
    #[inline(always)]
    fn answer(&self, layer: &Layer, rows: Rows, x: &[f32], state: &[f32], y: &mut [f32]) {
        let count = rows.count;
        y.fill(0.0);
        for i in 0..layer.inputs {
            let first = layer.weight + i * layer.outputs;
            if rows.stride == 1 {
                // One lane: the weights of an input lie side by side.
                let (x, w) = (x[i], &state[first..first + layer.outputs]);
                y.iter_mut().zip(w).for_each(|(y, &w)| *y = w.mul_add(x, *y));
                continue;
            }
            let x = &x[i * count..(i + 1) * count];
            for (o, y) in y.chunks_exact_mut(count).enumerate() {
                let w = &state[rows.of(first + o)];
                y.iter_mut().zip(x).zip(w).for_each(|((y, &x), &w)| *y = w.mul_add(x, *y));
            }
        }
    }

    #[inline(always)]
    fn learn(&self, layer: &Layer, rows: Rows, x: &[f32], y: &[f32], state: &mut [f32], norm: &mut [f32]) {
        let (rules, count, bound) = (self.rules(layer), rows.count, self.plan.settings.bound);
        let clip = |w: f32, limit: f32| {
            let w = if w > limit { limit } else { w };
            if w < -limit { -limit } else { w }
        };
        norm.fill(LEAST_NORM);
        for i in 0..layer.inputs {
            let x = &x[i * count..(i + 1) * count];
            let first = i * layer.outputs;
            if rows.stride == 1 {
                let w = &mut state[layer.weight + first..][..layer.outputs];
                for (o, (w, &y)) in w.iter_mut().zip(y).enumerate() {
                    *w += rules.change(first + o, x[0], y);
                }
                match bound {
                    WeightBound::None => {}
                    WeightBound::Clip(limit) => w.iter_mut().for_each(|w| *w = clip(*w, limit)),
                    WeightBound::Normalize => {
                        norm[0] = w.iter().fold(norm[0], |m, w| if w.abs() > m { w.abs() } else { m });
                    }
                }
                continue;
            }
            for o in 0..layer.outputs {
                let y = &y[o * count..(o + 1) * count];
                let w = &mut state[rows.of(layer.weight + first + o)];
                for ((w, &x), &y) in w.iter_mut().zip(x).zip(y) {
                    *w += rules.change(first + o, x, y);
                }
                match bound {
                    WeightBound::None => {}
                    WeightBound::Clip(limit) => w.iter_mut().for_each(|w| *w = clip(*w, limit)),
                    WeightBound::Normalize => {
                        norm.iter_mut()
                            .zip(w)
                            .for_each(|(m, w)| *m = if w.abs() > *m { w.abs() } else { *m });
                    }
                }
            }
        }
        if bound == WeightBound::Normalize {
            for k in 0..layer.len() {
                let w = &mut state[rows.of(layer.weight + k)];
                w.iter_mut().zip(&*norm).for_each(|(w, m)| *w /= m);
            }
        }
    }
}

impl Network for HebbianNetwork {
    fn inputs(&self) -> usize {
        self.plan.layers[0].inputs
    }

    fn outputs(&self) -> usize {
        self.plan.layers[self.plan.layers.len() - 1].outputs
    }

    fn state_len(&self) -> usize {
        self.plan.weights
    }

    fn scratch_len(&self, lanes: usize) -> usize {
        self.plan.values() * lanes
    }

    fn reset_state(&self, state: &mut [f32], lanes: usize, lane: usize) {
        self.first.iter().enumerate().for_each(|(i, &w)| state[i * lanes + lane] = w);
    }

    fn begin_episode(&self, state: &mut [f32], lanes: usize, lane: usize, rng: &mut Stream) {
        if self.plan.random == 0.0 {
            return self.reset_state(state, lanes, lane);
        }
        (0..self.plan.weights).for_each(|i| state[i * lanes + lane] = uniform(rng, self.plan.random));
    }

    fn forward(
        &self,
        lanes: usize,
        input: &[f32],
        state: &mut [f32],
        output: &mut [f32],
        scratch: &mut [f32],
    ) {
        if lanes > 0 {
            let rows = Rows { first: 0, count: lanes, stride: lanes };
            vectorize(
                #[inline(always)]
                || self.step(rows, input, state, output, scratch),
            );
        }
    }

    fn group_scratch_len(group: &[Self], episodes: usize) -> usize {
        group.first().map_or(0, |network| network.scratch_len(episodes))
    }

    /// In place: a network's state is as long as all its weights, too long to be copied there and back.
    fn forward_group(
        group: &[Self],
        episodes: usize,
        input: &[f32],
        state: &mut [f32],
        output: &mut [f32],
        scratch: &mut [f32],
    ) {
        if episodes == 0 {
            return;
        }
        vectorize(
            #[inline(always)]
            || {
                for (g, network) in group.iter().enumerate() {
                    let rows = Rows { first: g * episodes, count: episodes, stride: group.len() * episodes };
                    network.step(rows, input, state, output, scratch);
                }
            },
        );
    }
}

impl Describe for HebbianNetwork {
    fn set_normalizer(&mut self, normalizer: Option<Arc<Normalizer>>) {
        expect_fit(normalizer.as_ref(), self.inputs());
        self.normalizer = normalizer;
    }

    fn normalizer(&self) -> Option<&Arc<Normalizer>> {
        self.normalizer.as_ref()
    }

    /// The weights of each layer are a state, `layer<n>.weight`, row by row; random first weights are one draw.
    fn program(&self) -> Program {
        let plan = &self.plan;
        let mut program = Program::default();
        let mut x = describe_input(&mut program, &plan.input_shape, self.normalizer.as_ref(), true);
        for (n, layer) in plan.layers.iter().enumerate() {
            x = self.describe_layer(&mut program, n, layer, &x);
        }
        program.output("output", &[self.outputs()]);
        program
    }
}

impl HebbianNetwork {
    fn describe_layer(&self, p: &mut Program, n: usize, layer: &Layer, x: &str) -> String {
        let (inputs, outputs, len) = (layer.inputs, layer.outputs, layer.len());
        let named = |what: &str| format!("layer{n}.{what}");
        let next = named("weight.next");
        let w = p.state(&named("weight"), &next, &[len]);
        if let Some(state) = p.states.last_mut() {
            state.initial = self.first[layer.weight..][..len].to_vec();
        }
        let gather = |indices: Vec<usize>| Kind::Gather { axis: 0, indices };
        let x = p.op(&named("carried"), gather((0..len).map(|k| k / outputs).collect()), &[x]);
        let products = p.op(&named("products"), Kind::Mul, &[&w, &x]);
        let by_output = (0..len).map(|k| (k % inputs) * outputs + k / inputs).collect();
        let turned = p.op(&named("by_output"), gather(by_output), &[&products]);
        let matrix = p.op(&named("matrix"), Kind::Reshape { shape: vec![outputs, inputs] }, &[&turned]);
        let column = p.op(&named("column"), Kind::Reduce(Reduction::Sum), &[&matrix]);
        let last = n + 1 == self.plan.layers.len();
        let sum = p.op(&named("sum"), Kind::Flatten, &[&column]);
        let answer = if last { "output".to_string() } else { format!("layer{n}") };
        let answer = p.op(&answer, Kind::Activate(self.plan.activation(n)), &[&sum]);
        let y = p.op(&named("answered"), gather((0..len).map(|k| k % outputs).collect()), &[&answer]);
        // η (A x y + B x + C y + D)
        let block = |at: usize| self.genome[at..at + len].to_vec();
        let mut k = 0;
        let [a, b, c, d] = layer.rules.map(|at| {
            k += 1;
            p.constant(&named(["a", "b", "c", "d"][k - 1]), &[len], block(at))
        });
        if let Some(first) = layer.first {
            p.constant(&named("first"), &[len], block(first)); // the state's beginning, by its name in the layout
        }
        let rate = match (&self.plan.settings.rate, layer.rate) {
            (Auto::Value(rate), _) => p.constant(&named("rate"), &[1], vec![*rate]),
            (Auto::Auto, at) => p.constant(&named("rate"), &[len], at.map(block).unwrap_or_default()),
        };
        let xy = p.op(&named("correlation"), Kind::Mul, &[&x, &y]);
        let axy = p.op(&named("a.term"), Kind::Mul, &[&xy, &a]);
        let bx = p.op(&named("b.term"), Kind::Mul, &[&x, &b]);
        let cy = p.op(&named("c.term"), Kind::Mul, &[&y, &c]);
        let ab = p.op(&named("ab"), Kind::Add, &[&axy, &bx]);
        let abc = p.op(&named("abc"), Kind::Add, &[&ab, &cy]);
        let abcd = p.op(&named("abcd"), Kind::Add, &[&abc, &d]);
        let change = p.op(&named("change"), Kind::Mul, &[&abcd, &rate]);
        match self.plan.settings.bound {
            WeightBound::None => p.op(&next, Kind::Add, &[&w, &change]),
            WeightBound::Clip(limit) => {
                let grown = p.op(&named("grown"), Kind::Add, &[&w, &change]);
                p.op(&next, Kind::Clip { low: -limit, high: limit }, &[&grown])
            }
            WeightBound::Normalize => {
                let grown = p.op(&named("grown"), Kind::Add, &[&w, &change]);
                let sizes = p.op(&named("sizes"), Kind::Activate(Activation::Abs), &[&grown]);
                let largest = p.op(&named("largest"), Kind::Reduce(Reduction::Max), &[&sizes]);
                let least = p.constant(&named("least"), &[1], vec![LEAST_NORM]);
                let norm = p.op(&named("norm"), Kind::Max, &[&largest, &least]);
                let norms = p.op(&named("norms"), gather(vec![0; len]), &[&norm]);
                p.op(&next, Kind::Div, &[&grown, &norms])
            }
        };
        answer
    }
}

#[cfg(test)]
mod tests;
