//! `[network.dense]`: layers in which every neuron sees every neuron of the layer before.
//!
//! Cost of a step: one fused multiply-add per weight and one activation per neuron. Figures are in `benches/forward.rs`.

use crate::sensitivity::{SensitivityProbe, probe};
use crate::{
    Activation, Describe, NetworkConfig, Normalizer, Program, Squash,
    lanes::{Window, group_window_len, stack_len, window_len, windows},
    layout::{check_initializer, check_interface, check_sizes, check_weights, initializer, push_affine},
    network::expect_fit,
    parameters::{Parameters, Placement},
    program::Kind,
};
use evolvent_core::{
    Auto, DecodeError, Decoder, Init, Interface, Layout, Network, Vector, VectorGenes, Violations,
};
use evolvent_math::kernels::perceptron::Layer;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A multilayer perceptron.
///
/// Blocks of the parameter vector: `layer0.weight` `[inputs, outputs]`, `layer0.bias` `[outputs]`, `layer1.weight` …;
/// the last layer is the output layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Dense {
    /// Neurons of each hidden layer, each at least 1. `[]` for none: a linear policy.
    pub hidden: Vec<usize>,
    /// Activation of the hidden layers.
    pub activation: Activation,
    /// Activation of the raw outputs, in front of the head.
    pub output_activation: Activation,
    /// Whether neurons have biases. They start at 0.
    pub bias: bool,
    /// How the weights of the hidden layers start. `"auto"`: He (normal) for relu, leaky_relu, elu, gelu, silu, softplus
    /// and abs, LeCun (normal) for the others.
    pub initializer: Auto<Init>,
    /// How the weights of the output layer start; `"auto"` as for the hidden layers.
    pub output_initializer: Auto<Init>,
    /// How raw outputs become continuous actions.
    pub squash: Squash,
}

impl Default for Dense {
    fn default() -> Self {
        Dense {
            hidden: vec![32],
            activation: Activation::Tanh,
            output_activation: Activation::Linear,
            bias: true,
            initializer: Auto::Auto,
            output_initializer: Auto::Auto,
            squash: Squash::Tanh,
        }
    }
}

/// A stack of affine layers: hidden ones, then the output layer.
pub(crate) struct Stack<'a> {
    pub(crate) hidden: &'a [usize],
    pub(crate) outputs: usize,
    pub(crate) bias: bool,
    pub(crate) init: Init,
    pub(crate) output_init: Init,
}

impl Stack<'_> {
    /// Adds the layers to a layout. They are called `layer<n>` from `first` on; hidden layer `n` is neuron group `n`, and
    /// `from` is the group that feeds the stack.
    pub(crate) fn push(
        &self,
        layout: &mut Layout,
        first: usize,
        inputs: usize,
        from: Option<u32>,
    ) -> Vec<Layer> {
        let (mut inputs, mut from) = (inputs, from);
        let mut layers = Vec::with_capacity(self.hidden.len() + 1);
        for (n, &size) in self.hidden.iter().enumerate() {
            let to = Some((first + n) as u32);
            let name = format!("layer{}", first + n);
            layers.push(push_affine(layout, &name, (inputs, size), self.bias, self.init, (from, to)));
            (inputs, from) = (size, to);
        }
        let name = format!("layer{}", first + self.hidden.len());
        let size = (inputs, self.outputs);
        layers.push(push_affine(layout, &name, size, self.bias, self.output_init, (from, None)));
        layers
    }
}

impl Dense {
    fn plan(&self, interface: &Interface) -> (Layout, Vec<Layer>) {
        let mut layout = Layout { blocks: Vec::new() };
        let stack = Stack {
            hidden: &self.hidden,
            outputs: interface.output.len(),
            bias: self.bias,
            init: initializer(self.initializer, self.activation),
            output_init: initializer(self.output_initializer, self.output_activation),
        };
        let layers = stack.push(&mut layout, 0, interface.inputs(), None);
        (layout, layers)
    }
}

impl NetworkConfig for Dense {
    const NAME: &'static str = "dense";

    fn squash(&self) -> Squash {
        self.squash
    }

    fn sensitivity_probe(&self, interface: &Interface) -> Option<SensitivityProbe<Self::Network>> {
        Some(probe(self, interface))
    }
}

impl Decoder for Dense {
    type Genome = Vector;
    type Network = DenseNetwork;

    fn check(&self, interface: &Interface) -> Result<(), Violations> {
        let mut v = Violations::new();
        check_interface(&mut v, interface);
        check_sizes(&mut v, "hidden", &self.hidden);
        check_initializer(&mut v, "initializer", self.initializer);
        check_initializer(&mut v, "output_initializer", self.output_initializer);
        let sizes = [&[interface.inputs()], &self.hidden[..], &[interface.output.len()]].concat();
        check_weights(&mut v, "hidden", sizes.windows(2).map(|s| [s[0], s[1]]));
        v.into_result()
    }

    fn genes(&self, interface: &Interface) -> VectorGenes {
        VectorGenes { layout: Arc::new(self.plan(interface).0), bounds: None }
    }

    fn blank(&self, interface: &Interface) -> DenseNetwork {
        let (layout, layers) = self.plan(interface);
        let placement = Placement::new(layout.dimension(), layers.iter().map(|l| l.weight));
        DenseNetwork {
            plan: Arc::new(Plan {
                layers: layers.into_iter().map(|l| placement.place(l)).collect(),
                activation: self.activation,
                output_activation: self.output_activation,
                input_shape: interface.input.clone(),
            }),
            parameters: Parameters::new(Arc::new(placement)),
            normalizer: None,
        }
    }

    fn decode(&self, genome: &[f32], into: &mut DenseNetwork) -> Result<(), DecodeError> {
        into.parameters.decode(genome)
    }
}

/// What the networks of one decoder share.
#[derive(Debug)]
struct Plan {
    layers: Vec<Layer>,
    activation: Activation,
    output_activation: Activation,
    input_shape: Vec<usize>,
}

impl Plan {
    /// Numbers of scratch memory per lane: the observation, the result and two layers.
    fn scratch_per_lane(&self) -> usize {
        let (first, last) = (self.layers[0].inputs, self.layers[self.layers.len() - 1].outputs);
        first + last + stack_len(&self.layers)
    }
}

/// The phenotype of [`Dense`].
#[derive(Clone, Debug)]
pub struct DenseNetwork {
    parameters: Parameters,
    plan: Arc<Plan>,
    normalizer: Option<Arc<Normalizer>>,
}

impl AsRef<[f32]> for DenseNetwork {
    fn as_ref(&self) -> &[f32] {
        self.parameters.all()
    }
}

impl DenseNetwork {
    /// Steps the lanes of a window.
    fn step(group: &[Self], window: Window, input: &[f32], output: &mut [f32], scratch: &mut [f32]) {
        let Some(network) = group.first() else { return };
        let (plan, inputs, outputs) = (&*network.plan, network.inputs(), network.outputs());
        let last = plan.layers.len() - 1;
        let activation = |n: usize| if n == last { plan.output_activation } else { plan.activation };
        let (x, rest) = scratch.split_at_mut(inputs * window.count);
        let (y, rest) = rest.split_at_mut(outputs * window.count);
        let rest = &mut rest[..stack_len(&plan.layers) * window.count];
        if window.is_whole() && network.normalizer.is_none() {
            return window.stack(group, &plan.layers, activation, input, output, rest);
        }
        window.load_input(input, inputs, inputs, network.normalizer.as_deref(), x);
        window.stack(group, &plan.layers, activation, x, y, rest);
        window.store(y, outputs, 0..outputs, output, 0);
    }
}

impl Network for DenseNetwork {
    fn inputs(&self) -> usize {
        self.plan.layers[0].inputs
    }

    fn outputs(&self) -> usize {
        self.plan.layers[self.plan.layers.len() - 1].outputs
    }

    fn scratch_len(&self, lanes: usize) -> usize {
        self.plan.scratch_per_lane() * window_len(lanes)
    }

    fn forward(
        &self,
        lanes: usize,
        input: &[f32],
        _state: &mut [f32],
        output: &mut [f32],
        scratch: &mut [f32],
    ) {
        windows(std::slice::from_ref(self), lanes, |group, window| {
            Self::step(group, window, input, output, scratch);
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
        _state: &mut [f32],
        output: &mut [f32],
        scratch: &mut [f32],
    ) {
        windows(group, episodes, |group, window| Self::step(group, window, input, output, scratch));
    }
}

/// Adds affine layers and their activations to a program: values `layer<n>`, weights by the names of their blocks. The
/// last value is called `output`.
pub(crate) fn describe_stack(
    program: &mut Program,
    (layers, first): (&[Layer], usize),
    (activation, output_activation): (Activation, Activation),
    parameters: &[f32],
    x: String,
) {
    let mut x = x;
    for (n, layer) in layers.iter().enumerate() {
        let (name, is_last) = (format!("layer{}", first + n), n + 1 == layers.len());
        let activation = if is_last { output_activation } else { activation };
        let result = if is_last { "output".to_string() } else { name.clone() };
        let sum = if activation == Activation::Linear { result.clone() } else { format!("{name}.sum") };
        x = describe_affine(program, &name, layer, parameters, &x, &sum);
        if activation != Activation::Linear {
            x = program.op(&result, Kind::Activate(activation), &[&x]);
        }
    }
    if let Some(layer) = layers.last() {
        program.output("output", &[layer.outputs]);
    }
}

/// Adds one affine layer, with the blocks `NAME.weight` and `NAME.bias`, and returns the name of its sums.
pub(crate) fn describe_affine(
    program: &mut Program,
    name: &str,
    layer: &Layer,
    parameters: &[f32],
    x: &str,
    sum: &str,
) -> String {
    let (i, o) = (layer.inputs, layer.outputs);
    let weight = parameters[layer.weight..][..i * o].to_vec();
    let w = program.constant(&format!("{name}.weight"), &[i, o], weight);
    let Some(bias) = layer.bias else { return program.op(sum, Kind::MatMul, &[x, &w]) };
    let b = program.constant(&format!("{name}.bias"), &[o], parameters[bias..][..o].to_vec());
    program.op(sum, Kind::Gemm, &[x, &w, &b])
}

/// Adds the input `observation`, the normaliser and, if asked for, a flattening; returns the name of the result.
pub(crate) fn describe_input(
    program: &mut Program,
    shape: &[usize],
    normalizer: Option<&Arc<Normalizer>>,
    flatten: bool,
) -> String {
    let mut x = program.input("observation", shape);
    if let Some(normalizer) = normalizer {
        x = normalizer.describe(program, &x, shape);
    }
    if flatten && shape.len() != 1 {
        x = program.op("observation.flat", Kind::Flatten, &[&x]);
    }
    x
}

impl Describe for DenseNetwork {
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
        let x = describe_input(&mut program, &plan.input_shape, self.normalizer.as_ref(), true);
        let activations = (plan.activation, plan.output_activation);
        describe_stack(&mut program, (&plan.layers, 0), activations, self.as_ref(), x);
        program
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::twin::{check_lanes, check_layout, check_program, interface, network};
    use evolvent_core::{Output, Role};

    #[test]
    fn by_hand() {
        let config = Dense { hidden: vec![2], activation: Activation::Relu, ..Dense::default() };
        let problem = interface(&[2], Output::Values(1));
        let mut net = config.blank(&problem);
        // Hidden: 1·x₀ + 3·x₁ + 0.5, 2·x₀ + 4·x₁ − 8; output: 10 h₀ + 100 h₁ + 1.
        let genome = [1.0, 2.0, 3.0, 4.0, 0.5, -8.0, 10.0, 100.0, 1.0];
        config.decode(&genome, &mut net).unwrap();
        let mut scratch = vec![0.0; net.scratch_len(2)];
        let mut y = [0.0; 2];
        net.forward(2, &[1.0, 2.0, 1.0, 2.0], &mut [], &mut y, &mut scratch);
        assert_eq!(y, [46.0, 10.0 * 8.5 + 100.0 * 4.0 + 1.0]);
        let error = config.decode(&genome[1..], &mut net).unwrap_err();
        assert_eq!(error.0, "the network has 9 parameters, the genome 8 genes");
    }

    #[test]
    fn the_layout_names_layers_and_neurons() {
        let config = Dense { hidden: vec![3, 2], ..Dense::default() };
        let genes = config.genes(&interface(&[2, 2], Output::Discrete(5)));
        let blocks = &genes.layout.blocks;
        let names: Vec<&str> = blocks.iter().map(|b| b.name.as_str()).collect();
        assert_eq!(
            names,
            ["layer0.weight", "layer0.bias", "layer1.weight", "layer1.bias", "layer2.weight", "layer2.bias"]
        );
        assert_eq!((&blocks[2].shape[..], &blocks[2].neurons[..]), (&[3, 2][..], &[Some(0), Some(1)][..]));
        assert_eq!((&blocks[4].shape[..], &blocks[4].neurons[..]), (&[2, 5][..], &[Some(1), None][..]));
        assert_eq!((blocks[5].role, genes.dimension()), (Role::Bias, 15 + 8 + 15));
        check_layout(&genes);
        let bare = Dense { hidden: vec![], bias: false, ..Dense::default() };
        assert_eq!(bare.genes(&interface(&[4], Output::Values(2))).dimension(), 8);
    }

    #[test]
    fn equal_to_its_program_with_every_activation() {
        for activation in Activation::ALL {
            for (hidden, bias) in [(vec![], true), (vec![5], false), (vec![7, 19], true)] {
                let config =
                    Dense { hidden, activation, output_activation: activation, bias, ..Dense::default() };
                check_program(&config, &interface(&[3], Output::Values(4)), 3);
            }
        }
        let config = Dense { hidden: vec![40], ..Dense::default() };
        check_program(&config, &interface(&[2, 3, 4], Output::Classes(10)), 2);
    }

    #[test]
    fn no_split_of_the_lanes_shows() {
        for hidden in [vec![], vec![9], vec![32, 32], vec![70, 3]] {
            let config = Dense { hidden, ..Dense::default() };
            check_lanes(&config, &interface(&[4], Output::Discrete(2)));
            check_lanes(&config, &interface(&[17], Output::Values(20)));
        }
    }

    #[test]
    fn mistakes_are_listed_together() {
        let config = Dense {
            hidden: vec![8, 0],
            initializer: Auto::Value(Init::Normal { std: -1.0 }),
            output_initializer: Auto::Value(Init::Uniform { low: 2.0, high: 1.0 }),
            ..Dense::default()
        };
        let violations = config.check(&interface(&[0], Output::Values(0))).unwrap_err();
        let paths: Vec<&str> = violations.0.iter().map(|v| v.path.as_str()).collect();
        assert_eq!(paths, ["inputs", "outputs", "hidden.1", "initializer", "output_initializer"]);
        let config = Dense { hidden: vec![usize::MAX / 2, 1_000_000, 1_000_000], ..Dense::default() };
        let violations = config.check(&interface(&[4], Output::Values(1))).unwrap_err();
        assert_eq!(violations.0[0].path, "hidden.0");
        assert_eq!(violations.0[1].expected, "at most 1e9 weights");
        assert_eq!(Dense::default().check(&interface(&[4], Output::Values(1))), Ok(()));
    }

    #[test]
    fn the_normaliser_is_part_of_the_network() {
        let config = Dense::default();
        let mut net = network(&config, &interface(&[3], Output::Values(2)), 1);
        let normalizer = Normalizer { mean: vec![0.5; 3], inv_std: vec![2.0; 3], clip: 1.5 };
        let raw = [0.7, 3.0, -0.2];
        let mut outside = raw;
        normalizer.apply(1, &mut outside);
        let mut scratch = vec![0.0; net.scratch_len(1)];
        let (mut a, mut b) = ([0.0; 2], [0.0; 2]);
        net.forward(1, &outside, &mut [], &mut a, &mut scratch);
        net.set_normalizer(Some(Arc::new(normalizer)));
        net.forward(1, &raw, &mut [], &mut b, &mut scratch);
        assert_eq!(a, b);
    }

    #[test]
    fn the_table_is_strict() {
        let config: Dense = serde_json::from_str(r#"{"hidden": [4], "activation": "step"}"#).unwrap();
        assert_eq!(config, Dense { hidden: vec![4], activation: Activation::Step, ..Dense::default() });
        assert!(serde_json::from_str::<Dense>(r#"{"hiden": [4]}"#).is_err());
        let text = serde_json::to_string(&Dense::default()).unwrap();
        assert_eq!(serde_json::from_str::<Dense>(&text).unwrap(), Dense::default());
    }
}
