//! `[network.recurrent]`: networks with memory. Layers of Elman, GRU or LSTM cells, then dense layers.
//!
//! With x the layer's input and h, c its state from the step before (σ the logistic sigmoid, ⊙ the product by elements):
//!
//! ```text
//! elman   h' = f(x W + h U + b)                                   Elman 1990
//! gru     r  = σ(x Wr + h Ur + br)                                Cho et al. 2014, the form that resets after the
//!         z  = σ(x Wz + h Uz + bz)                                product (cuDNN, PyTorch; ONNX linear_before_reset)
//!         n  = tanh(x Wn + bn + r ⊙ (h Un + cn))
//!         h' = (1 − z) ⊙ n + z ⊙ h
//! lstm    i, f, o = σ(x W. + h U. + b.), g = tanh(x Wg + h Ug + bg)   Hochreiter & Schmidhuber 1997, Gers et al. 2000
//!         c' = f ⊙ c + i ⊙ g
//!         h' = o ⊙ tanh(c')
//! ```
//!
//! States begin at 0. Cost of a step: one fused multiply-add per weight and one activation per gate.

use crate::sensitivity::{SensitivityProbe, probe};
use crate::{
    Activation, Describe, NetworkConfig, Normalizer, Program, Squash,
    dense::{Stack, describe_input, describe_stack},
    lanes::{Window, group_window_len, stack_len, window_len, windows},
    layout::{check_initializer, check_interface, check_sizes, check_weights, initializer, push_bias},
    network::expect_fit,
    parameters::{Parameters, Placement},
    program::Kind,
};
use evolvent_core::{
    Auto, DecodeError, Decoder, Init, Interface, Layout, Network, Role, Vector, VectorGenes, Violations,
};
use evolvent_math::kernels::{perceptron::Layer, vectorize};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The kind of a recurrent layer's cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cell {
    /// Elman's simple recurrent network: each neuron sees the layer's last outputs.
    Elman,
    /// Gated recurrent units: two gates.
    #[default]
    Gru,
    /// Long short-term memory: three gates and a cell beside the output.
    Lstm,
}

/// A recurrent network.
///
/// Blocks of the parameter vector, for layer `n` of `H` cells: `layer<n>.weight` `[inputs, H]`, `layer<n>.recurrent` `[H, H]`
/// and `layer<n>.bias` `[H]` (Elman), or these three for each of the gates `layer<n>.reset`, `.update`, `.candidate` (GRU; its
/// candidate has a `recurrent_bias`, too) or `layer<n>.input`, `.forget`, `.cell`, `.output` (LSTM). All axes over one layer's
/// cells are one neuron group. Dense layers follow, numbered on, the last one being the output layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Recurrent {
    /// The kind of cells.
    pub cell: Cell,
    /// Cells of each recurrent layer, each at least 1; at least one layer.
    pub hidden: Vec<usize>,
    /// Neurons of each dense layer between the recurrent layers and the output layer, each at least 1.
    pub dense: Vec<usize>,
    /// Activation of Elman cells and of the dense layers. Gated cells have tanh and sigmoid.
    pub activation: Activation,
    /// Activation of the raw outputs, in front of the head.
    pub output_activation: Activation,
    /// Whether there are biases. They start at 0, those of LSTM forget gates at 1 (Jozefowicz et al. 2015).
    pub bias: bool,
    /// How the weights from a layer's inputs start. `"auto"`: as for `dense`, with tanh for gated cells.
    pub initializer: Auto<Init>,
    /// How the weights from a layer's own last outputs start. `"auto"`: orthogonal with gain 1.
    pub recurrent_initializer: Auto<Init>,
    /// How the weights of the output layer start; `"auto"` as for `dense`.
    pub output_initializer: Auto<Init>,
    /// How raw outputs become continuous actions.
    pub squash: Squash,
}

impl Default for Recurrent {
    fn default() -> Self {
        Recurrent {
            cell: Cell::Gru,
            hidden: vec![16],
            dense: Vec::new(),
            activation: Activation::Tanh,
            output_activation: Activation::Linear,
            bias: true,
            initializer: Auto::Auto,
            recurrent_initializer: Auto::Auto,
            output_initializer: Auto::Auto,
            squash: Squash::Tanh,
        }
    }
}

/// A layer of cells: its products, all with `size` outputs. Elman: one, of `[x, h]`. GRU: reset and update of `[x, h]`, the
/// candidate's of `x` and of `h`. LSTM: input, forget, cell and output of `[x, h]`.
#[derive(Debug)]
struct Cells {
    inputs: usize,
    size: usize,
    products: Vec<Layer>,
    /// Where its state begins in a lane's state: h, and for LSTM c after it.
    state: usize,
}

impl Recurrent {
    fn plan(&self, interface: &Interface) -> (Layout, Vec<Cells>, Vec<Layer>) {
        let mut layout = Layout { blocks: Vec::new() };
        let activation = if self.cell == Cell::Elman { self.activation } else { Activation::Tanh };
        let init = initializer(self.initializer, activation);
        let recurrent = self.recurrent_initializer.or(|| Init::Orthogonal { gain: 1.0 });
        let (mut inputs, mut from, mut state, mut layers) = (interface.inputs(), None, 0, Vec::new());
        for (n, &size) in self.hidden.iter().enumerate() {
            let to = Some(n as u32);
            let weight = |layout: &mut Layout, name: &str| {
                layout.push(format!("{name}.weight"), vec![inputs, size], Role::Weight, init, vec![from, to])
            };
            let own = |layout: &mut Layout, name: &str| {
                let name = format!("{name}.recurrent");
                layout.push(name, vec![size, size], Role::Weight, recurrent, vec![to, to])
            };
            let bias = |layout: &mut Layout, name: &str| {
                self.bias.then(|| push_bias(layout, &format!("{name}.bias"), size, to))
            };
            // Both matrices lie one after the other: together they are one, for the joined vector [x, h].
            let gate = |layout: &mut Layout, name: &str| {
                let at = weight(layout, name);
                own(layout, name);
                Layer { inputs: inputs + size, outputs: size, weight: at, bias: bias(layout, name) }
            };
            let name = format!("layer{n}");
            let products = match self.cell {
                Cell::Elman => vec![gate(&mut layout, &name)],
                Cell::Gru => {
                    let reset = gate(&mut layout, &format!("{name}.reset"));
                    let update = gate(&mut layout, &format!("{name}.update"));
                    let name = format!("{name}.candidate");
                    let at = weight(&mut layout, &name);
                    let bias = bias(&mut layout, &name);
                    let outer = Layer { inputs, outputs: size, weight: at, bias };
                    let at = own(&mut layout, &name);
                    let bias = self
                        .bias
                        .then(|| push_bias(&mut layout, &format!("{name}.recurrent_bias"), size, to));
                    vec![reset, update, outer, Layer { inputs: size, outputs: size, weight: at, bias }]
                }
                Cell::Lstm => {
                    let gates = ["input", "forget", "cell", "output"]
                        .map(|g| gate(&mut layout, &format!("{name}.{g}")));
                    let forget = format!("{name}.forget.bias");
                    if let Some(block) = layout.blocks.iter_mut().find(|b| b.name == forget) {
                        block.init = Init::Constant(1.0);
                    }
                    gates.to_vec()
                }
            };
            layers.push(Cells { inputs, size, products, state });
            state += size * self.states_per_cell();
            (inputs, from) = (size, to);
        }
        let stack = Stack {
            hidden: &self.dense,
            outputs: interface.output.len(),
            bias: self.bias,
            init: initializer(self.initializer, self.activation),
            output_init: initializer(self.output_initializer, self.output_activation),
        };
        let dense = stack.push(&mut layout, self.hidden.len(), inputs, from);
        (layout, layers, dense)
    }

    fn states_per_cell(&self) -> usize {
        if self.cell == Cell::Lstm { 2 } else { 1 }
    }
}

impl NetworkConfig for Recurrent {
    const NAME: &'static str = "recurrent";

    fn squash(&self) -> Squash {
        self.squash
    }

    fn sensitivity_probe(&self, interface: &Interface) -> Option<SensitivityProbe<Self::Network>> {
        Some(probe(self, interface))
    }
}

impl Decoder for Recurrent {
    type Genome = Vector;
    type Network = RecurrentNetwork;

    fn check(&self, interface: &Interface) -> Result<(), Violations> {
        let mut v = Violations::new();
        check_interface(&mut v, interface);
        if self.hidden.is_empty() {
            v.add_with_hint(
                "hidden",
                "[]",
                "at least one layer",
                "a network without memory is [network.dense]",
            );
        }
        check_sizes(&mut v, "hidden", &self.hidden);
        check_sizes(&mut v, "dense", &self.dense);
        check_initializer(&mut v, "initializer", self.initializer);
        check_initializer(&mut v, "recurrent_initializer", self.recurrent_initializer);
        check_initializer(&mut v, "output_initializer", self.output_initializer);
        let sizes = [&[interface.inputs()], &self.hidden[..]].concat();
        check_weights(
            &mut v,
            "hidden",
            sizes.windows(2).map(|s| [s[0].saturating_add(s[1]), s[1].saturating_mul(4)]),
        );
        let sizes = [&self.hidden[self.hidden.len().saturating_sub(1)..], &self.dense, &[1]].concat();
        check_weights(&mut v, "dense", sizes.windows(2).map(|s| [s[0], s[1]]));
        v.into_result()
    }

    fn genes(&self, interface: &Interface) -> VectorGenes {
        VectorGenes { layout: Arc::new(self.plan(interface).0), bounds: None }
    }

    fn blank(&self, interface: &Interface) -> RecurrentNetwork {
        let (layout, mut layers, dense) = self.plan(interface);
        let products = layers.iter().flat_map(|l| &l.products);
        let placement =
            Placement::new(layout.dimension(), products.chain(&dense).map(|product| product.weight));
        for product in layers.iter_mut().flat_map(|l| &mut l.products) {
            *product = placement.place(*product);
        }
        RecurrentNetwork {
            plan: Arc::new(Plan {
                cell: self.cell,
                states: layers.iter().map(|l| l.size).sum::<usize>() * self.states_per_cell(),
                widest: layers.iter().map(|l| l.size.max(l.inputs)).max().unwrap_or(0),
                joined: layers.iter().map(|l| l.inputs + l.size).max().unwrap_or(0),
                layers,
                dense: dense.into_iter().map(|l| placement.place(l)).collect(),
                activation: self.activation,
                output_activation: self.output_activation,
                input_shape: interface.input.clone(),
                outputs: interface.output.len(),
            }),
            parameters: Parameters::new(Arc::new(placement)),
            normalizer: None,
        }
    }

    fn decode(&self, genome: &[f32], into: &mut RecurrentNetwork) -> Result<(), DecodeError> {
        into.parameters.decode(genome)
    }
}

/// What the networks of one decoder share.
#[derive(Debug)]
struct Plan {
    cell: Cell,
    layers: Vec<Cells>,
    dense: Vec<Layer>,
    activation: Activation,
    output_activation: Activation,
    /// Numbers of state per lane.
    states: usize,
    /// Most values that a recurrent layer takes or gives.
    widest: usize,
    /// Most inputs and cells of one recurrent layer together.
    joined: usize,
    input_shape: Vec<usize>,
    outputs: usize,
}

impl Plan {
    /// Numbers of scratch memory per lane: input and output of a layer, `[x, h]`, h, up to four gates; later the result
    /// and two dense layers.
    fn scratch_per_lane(&self) -> usize {
        2 * self.widest + (self.joined + 5 * self.widest).max(self.outputs + stack_len(&self.dense))
    }
}

/// The phenotype of [`Recurrent`]. A lane's state is h of layer 0, its c if it is an LSTM, h of layer 1, and so on.
#[derive(Clone, Debug)]
pub struct RecurrentNetwork {
    parameters: Parameters,
    plan: Arc<Plan>,
    normalizer: Option<Arc<Normalizer>>,
}

impl AsRef<[f32]> for RecurrentNetwork {
    fn as_ref(&self) -> &[f32] {
        self.parameters.all()
    }
}

/// Local buffers of one window.
struct Buffers<'a> {
    /// `[x, h]` of each lane.
    joined: &'a mut [f32],
    /// h.
    held: &'a mut [f32],
    /// Up to four gates, one after the other.
    gates: &'a mut [f32],
}

impl RecurrentNetwork {
    /// Steps the lanes of a window.
    fn step(
        group: &[Self],
        window: Window,
        input: &[f32],
        state: &mut [f32],
        output: &mut [f32],
        scratch: &mut [f32],
    ) {
        let Some(network) = group.first() else { return };
        let (plan, lanes) = (&*network.plan, window.count);
        let (mut x, rest) = scratch.split_at_mut(plan.widest * lanes);
        let (mut y, rest) = rest.split_at_mut(plan.widest * lanes);
        let inputs = network.inputs();
        window.load_input(input, inputs, inputs, network.normalizer.as_deref(), x);
        for layer in &plan.layers {
            let (joined, rest) = rest.split_at_mut(plan.joined * lanes);
            let (held, gates) = rest.split_at_mut(plan.widest * lanes);
            Self::cells(group, window, layer, x, state, y, &mut Buffers { joined, held, gates });
            std::mem::swap(&mut x, &mut y);
        }
        let last = plan.dense.len() - 1;
        let activation = |n: usize| if n == last { plan.output_activation } else { plan.activation };
        let (result, rest) = rest.split_at_mut(plan.outputs * lanes);
        let rest = &mut rest[..stack_len(&plan.dense) * lanes];
        window.stack(group, &plan.dense, activation, x, result, rest);
        window.store(result, plan.outputs, 0..plan.outputs, output, 0);
    }

    /// One layer of cells: `x` is its input, `y` becomes its output, the new h.
    fn cells(
        group: &[Self],
        window: Window,
        layer: &Cells,
        x: &[f32],
        state: &mut [f32],
        y: &mut [f32],
        buffers: &mut Buffers<'_>,
    ) {
        let (plan, inputs, size, lanes) = (&group[0].plan, layer.inputs, layer.size, window.count);
        let n = size * lanes;
        let (y, held, gates) = (&mut y[..n], &mut buffers.held[..n], &mut *buffers.gates);
        let joined = &mut *buffers.joined;
        window.load(state, layer.state..layer.state + size, size, 0, held);
        for lane in 0..lanes {
            for i in 0..inputs {
                joined[window.at(inputs + size, i, lane)] = x[window.at(inputs, i, lane)];
            }
            for i in 0..size {
                joined[window.at(inputs + size, inputs + i, lane)] = held[window.at(size, i, lane)];
            }
        }
        match plan.cell {
            Cell::Elman => {
                window.affine(group, &layer.products[0], joined, y);
                plan.activation.apply(y);
            }
            Cell::Gru => {
                let (reset, rest) = gates.split_at_mut(n);
                let (update, rest) = rest.split_at_mut(n);
                let inner = &mut rest[..n];
                window.affine(group, &layer.products[0], joined, reset);
                window.affine(group, &layer.products[1], joined, update);
                window.affine(group, &layer.products[2], x, y);
                window.affine(group, &layer.products[3], held, inner);
                Activation::Sigmoid.apply(reset);
                Activation::Sigmoid.apply(update);
                vectorize(
                    #[inline(always)]
                    || (0..n).for_each(|i| y[i] = reset[i].mul_add(inner[i], y[i])),
                );
                Activation::Tanh.apply(y);
                vectorize(
                    #[inline(always)]
                    || (0..n).for_each(|i| y[i] = update[i].mul_add(held[i] - y[i], y[i])),
                );
            }
            Cell::Lstm => {
                let (input_gate, rest) = gates.split_at_mut(n);
                let (forget, rest) = rest.split_at_mut(n);
                let (candidate, rest) = rest.split_at_mut(n);
                let output_gate = &mut rest[..n];
                for (product, gate) in
                    layer.products.iter().zip([&mut *input_gate, forget, candidate, output_gate])
                {
                    window.affine(group, product, joined, gate);
                }
                for gate in [&mut *input_gate, forget, output_gate] {
                    Activation::Sigmoid.apply(gate);
                }
                Activation::Tanh.apply(candidate);
                // From here on `held` is c.
                let memory = layer.state + size..layer.state + 2 * size;
                window.load(state, memory.clone(), size, 0, held);
                vectorize(
                    #[inline(always)]
                    || {
                        (0..n).for_each(|i| {
                            held[i] = forget[i].mul_add(held[i], input_gate[i] * candidate[i]);
                        });
                    },
                );
                window.store(held, size, 0..size, state, memory.start);
                y.copy_from_slice(held);
                Activation::Tanh.apply(y);
                vectorize(
                    #[inline(always)]
                    || (0..n).for_each(|i| y[i] *= output_gate[i]),
                );
            }
        }
        window.store(y, size, 0..size, state, layer.state);
    }
}

impl Network for RecurrentNetwork {
    fn inputs(&self) -> usize {
        self.plan.layers[0].inputs
    }

    fn outputs(&self) -> usize {
        self.plan.outputs
    }

    fn state_len(&self) -> usize {
        self.plan.states
    }

    fn scratch_len(&self, lanes: usize) -> usize {
        self.plan.scratch_per_lane() * window_len(lanes)
    }

    fn forward(
        &self,
        lanes: usize,
        input: &[f32],
        state: &mut [f32],
        output: &mut [f32],
        scratch: &mut [f32],
    ) {
        windows(std::slice::from_ref(self), lanes, |group, window| {
            Self::step(group, window, input, state, output, scratch);
        });
    }

    fn group_scratch_len(group: &[Self], episodes: usize) -> usize {
        let per_lane = group.first().map_or(0, |n| n.plan.scratch_per_lane());
        per_lane * group_window_len(group.len(), episodes)
    }

    fn forward_group(
        group: &[Self],
        episodes: usize,
        input: &[f32],
        state: &mut [f32],
        output: &mut [f32],
        scratch: &mut [f32],
    ) {
        windows(group, episodes, |group, window| Self::step(group, window, input, state, output, scratch));
    }
}

impl RecurrentNetwork {
    /// Adds x W + h U + b, or only its parts that are there, and returns its name.
    fn describe_gate(
        &self,
        program: &mut Program,
        name: &str,
        layer: &Cells,
        gate: &Layer,
        (x, h): (&str, &str),
    ) -> String {
        let (inputs, size) = (layer.inputs, layer.size);
        let (weight, recurrent) =
            self.as_ref()[gate.weight..][..(inputs + size) * size].split_at(inputs * size);
        let outer = self.describe_product(program, &format!("{name}.weight"), weight, inputs, size, x);
        let inner = self.describe_product(program, &format!("{name}.recurrent"), recurrent, size, size, h);
        let sum = program.op(&format!("{name}.joined"), Kind::Add, &[&outer, &inner]);
        self.describe_bias(program, &format!("{name}.bias"), gate, &sum)
    }

    fn describe_product(
        &self,
        program: &mut Program,
        name: &str,
        weight: &[f32],
        inputs: usize,
        outputs: usize,
        x: &str,
    ) -> String {
        let w = program.constant(name, &[inputs, outputs], weight.to_vec());
        program.op(&format!("{name}.product"), Kind::MatMul, &[x, &w])
    }

    fn describe_bias(&self, program: &mut Program, name: &str, gate: &Layer, sum: &str) -> String {
        let Some(at) = gate.bias else { return sum.into() };
        let b = program.constant(name, &[gate.outputs], self.as_ref()[at..][..gate.outputs].to_vec());
        program.op(&format!("{name}.sum"), Kind::Add, &[sum, &b])
    }

    /// Adds a layer of cells and returns the name of its new h.
    fn describe_cells(&self, program: &mut Program, n: usize, layer: &Cells, x: &str) -> String {
        let (name, size) = (format!("layer{n}"), layer.size);
        let next = format!("{name}.h.next");
        let h = program.state(&format!("{name}.h"), &next, &[size]);
        let gate = |program: &mut Program, gate: usize, part: &str, activation: Activation| {
            let part = format!("{name}.{part}");
            let sum = self.describe_gate(program, &part, layer, &layer.products[gate], (x, &h));
            program.op(&part, Kind::Activate(activation), &[&sum])
        };
        match self.plan.cell {
            Cell::Elman => {
                let sum = self.describe_gate(program, &name, layer, &layer.products[0], (x, &h));
                program.op(&next, Kind::Activate(self.plan.activation), &[&sum]);
            }
            Cell::Gru => {
                let reset = gate(program, 0, "reset", Activation::Sigmoid);
                let update = gate(program, 1, "update", Activation::Sigmoid);
                let part = format!("{name}.candidate");
                let (outer, inner) = (&layer.products[2], &layer.products[3]);
                let weight = &self.as_ref()[outer.weight..][..layer.inputs * size];
                let sum =
                    self.describe_product(program, &format!("{part}.weight"), weight, layer.inputs, size, x);
                let sum = self.describe_bias(program, &format!("{part}.bias"), outer, &sum);
                let weight = &self.as_ref()[inner.weight..][..size * size];
                let own =
                    self.describe_product(program, &format!("{part}.recurrent"), weight, size, size, &h);
                let own = self.describe_bias(program, &format!("{part}.recurrent_bias"), inner, &own);
                let gated = program.op(&format!("{part}.reset"), Kind::Mul, &[&reset, &own]);
                let sum = program.op(&format!("{part}.sum"), Kind::Add, &[&sum, &gated]);
                let candidate = program.op(&part, Kind::Activate(Activation::Tanh), &[&sum]);
                let difference = program.op(&format!("{part}.difference"), Kind::Sub, &[&h, &candidate]);
                let kept = program.op(&format!("{part}.kept"), Kind::Mul, &[&update, &difference]);
                program.op(&next, Kind::Add, &[&candidate, &kept]);
            }
            Cell::Lstm => {
                let next_c = format!("{name}.c.next");
                let c = program.state(&format!("{name}.c"), &next_c, &[size]);
                let input = gate(program, 0, "input", Activation::Sigmoid);
                let forget = gate(program, 1, "forget", Activation::Sigmoid);
                let candidate = gate(program, 2, "cell", Activation::Tanh);
                let output = gate(program, 3, "output", Activation::Sigmoid);
                let kept = program.op(&format!("{name}.c.kept"), Kind::Mul, &[&forget, &c]);
                let added = program.op(&format!("{name}.c.added"), Kind::Mul, &[&input, &candidate]);
                let c = program.op(&next_c, Kind::Add, &[&kept, &added]);
                let shown = program.op(&format!("{name}.c.shown"), Kind::Activate(Activation::Tanh), &[&c]);
                program.op(&next, Kind::Mul, &[&output, &shown]);
            }
        }
        next
    }
}

impl Describe for RecurrentNetwork {
    fn set_normalizer(&mut self, normalizer: Option<Arc<Normalizer>>) {
        expect_fit(normalizer.as_ref(), self.inputs());
        self.normalizer = normalizer;
    }

    fn normalizer(&self) -> Option<&Arc<Normalizer>> {
        self.normalizer.as_ref()
    }

    fn program(&self) -> Program {
        let plan = &self.plan;
        let mut program = Program::default();
        let mut x = describe_input(&mut program, &plan.input_shape, self.normalizer.as_ref(), true);
        for (n, layer) in plan.layers.iter().enumerate() {
            x = self.describe_cells(&mut program, n, layer, &x);
        }
        let activations = (plan.activation, plan.output_activation);
        describe_stack(&mut program, (&plan.dense, plan.layers.len()), activations, self.as_ref(), x);
        program
    }
}

#[cfg(test)]
mod tests;
