//! `[network.conv]`: convolutions and poolings over images, then dense layers.
//!
//! Observations are `[channels, height, width]` (or `[height, width]`: one channel). Inside, channels are contiguous, as
//! the kernels want them; flattening keeps that order (row, column, channel).

mod stages;

use crate::sensitivity::{SensitivityProbe, probe};
use crate::{
    Activation, Describe, NetworkConfig, Normalizer, Program, Squash,
    dense::{describe_affine, describe_input},
    lanes::Window,
    layout::{check_initializer, check_interface, check_weights},
    network::expect_fit,
    parameters::{Parameters, Placement},
    program::Kind,
};
use evolvent_core::{
    Auto, DecodeError, Decoder, Init, Interface, Network, Role, Vector, VectorGenes, Violations,
};
use evolvent_math::kernels::conv as kernel;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stages::{Shape, Stage, image};
use std::sync::Arc;

/// Lanes that step together: one vector of the widest registers, so that the layers of small images stay in the L2 cache.
const BLOCK: usize = 16;

/// One layer of a convolutional network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ConvLayer {
    /// A convolution (a cross-correlation, as everywhere in the field), then the activation.
    Conv(Filters),
    /// The largest of each window.
    MaxPool(Pool),
    /// The mean of each window.
    AveragePool(Pool),
    /// From images to vectors. The first `dense` layer does it, too, if nothing did before.
    Flatten,
    /// A dense layer, then the activation.
    Dense(Units),
}

/// The filters of a convolution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filters {
    /// Output channels, at least 1.
    pub filters: usize,
    /// Height and width of the filters, at least 1.
    #[serde(default = "three")]
    pub kernel: usize,
    /// Steps to the right and down, at least 1.
    #[serde(default = "one")]
    pub stride: usize,
    /// Zeros on each side of the image.
    #[serde(default)]
    pub padding: usize,
}

/// The window of a pooling. Windows that would stick out of the image are left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// Height and width, at least 1.
    pub size: usize,
    /// Steps to the right and down, at least 1. `"auto"`: `size`, so that windows do not overlap.
    #[serde(default)]
    pub stride: Auto<usize>,
}

/// The neurons of a dense layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Units {
    /// How many, at least 1.
    pub units: usize,
}

fn one() -> usize {
    1
}

fn three() -> usize {
    3
}

/// A convolutional network.
///
/// Blocks of the parameter vector, layers with weights numbered from 0: `layer<n>.weight`, of a convolution `[kernel, kernel,
/// channels, filters]`, of the dense layer behind an image `[height, width, channels, units]`, else `[inputs, units]`; and
/// `layer<n>.bias`. All axes over one layer's filters are one neuron group, also behind poolings and flattening. The
/// last layer is the output layer, which is not listed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Conv {
    /// The layers between the image and the output layer.
    pub layers: Vec<ConvLayer>,
    /// Activation of all convolutions and hidden dense layers.
    pub activation: Activation,
    /// Activation of the raw outputs, in front of the head.
    pub output_activation: Activation,
    /// Whether there are biases. They start at 0.
    pub bias: bool,
    /// How the weights of all layers but the last start. `"auto"`: He (normal) for relu, leaky_relu, elu, gelu, silu,
    /// softplus and abs, LeCun (normal) for the others.
    pub initializer: Auto<Init>,
    /// How the weights of the output layer start; `"auto"` as for the others.
    pub output_initializer: Auto<Init>,
    /// How raw outputs become continuous actions.
    pub squash: Squash,
}

impl Default for Conv {
    fn default() -> Self {
        let conv = |filters| ConvLayer::Conv(Filters { filters, kernel: 3, stride: 1, padding: 1 });
        let pool = || ConvLayer::MaxPool(Pool { size: 2, stride: Auto::Auto });
        Conv {
            layers: vec![conv(8), pool(), conv(16), pool()],
            activation: Activation::Relu,
            output_activation: Activation::Linear,
            bias: true,
            initializer: Auto::Auto,
            output_initializer: Auto::Auto,
            squash: Squash::Tanh,
        }
    }
}

impl NetworkConfig for Conv {
    const NAME: &'static str = "conv";

    fn squash(&self) -> Squash {
        self.squash
    }

    fn sensitivity_probe(&self, interface: &Interface) -> Option<SensitivityProbe<Self::Network>> {
        Some(probe(self, interface))
    }
}

impl Decoder for Conv {
    type Genome = Vector;
    type Network = ConvNetwork;

    fn check(&self, interface: &Interface) -> Result<(), Violations> {
        let mut v = Violations::new();
        check_interface(&mut v, interface);
        check_initializer(&mut v, "initializer", self.initializer);
        check_initializer(&mut v, "output_initializer", self.output_initializer);
        let (layout, _) = self.plan(interface, &mut v);
        let sizes = layout.blocks.iter().filter(|b| b.role == Role::Weight).map(|b| {
            let (last, rest) = b.shape.split_last().expect("weights have axes");
            [rest.iter().product(), *last]
        });
        check_weights(&mut v, "layers", sizes);
        v.into_result()
    }

    fn genes(&self, interface: &Interface) -> VectorGenes {
        VectorGenes { layout: Arc::new(self.plan(interface, &mut Violations::new()).0), bounds: None }
    }

    fn blank(&self, interface: &Interface) -> ConvNetwork {
        let (layout, mut stages) = self.plan(interface, &mut Violations::new());
        let largest = stages.iter().map(Stage::outputs).chain([interface.inputs()]).max().unwrap_or(0);
        let row = stages.iter().map(Stage::row).max().unwrap_or(0);
        let weights = layout.blocks.iter().filter(|b| b.role == Role::Weight);
        let placement = Placement::new(layout.dimension(), weights.map(|b| b.offset));
        for stage in &mut stages {
            match stage {
                Stage::Conv { weight, bias, .. } => {
                    (*weight, *bias) = (placement.of(*weight), bias.map(|gene| placement.of(gene)));
                }
                Stage::Dense { layer, .. } => *layer = placement.place(*layer),
                Stage::MaxPool(_) | Stage::AveragePool(_) => {}
            }
        }
        let filters = stages.iter().map(|s| if let Stage::Conv { filters, .. } = s { *filters } else { 0 });
        ConvNetwork {
            plan: Arc::new(Plan {
                image: image(interface).unwrap_or_default(),
                input_shape: interface.input.clone(),
                outputs: interface.output.len(),
                zeros: vec![0.0; filters.max().unwrap_or(0)],
                stages,
                activation: self.activation,
                output_activation: self.output_activation,
                largest,
                row,
            }),
            parameters: Parameters::new(Arc::new(placement)),
            normalizer: None,
        }
    }

    fn decode(&self, genome: &[f32], into: &mut ConvNetwork) -> Result<(), DecodeError> {
        into.parameters.decode(genome)
    }
}

/// What the networks of one decoder share.
#[derive(Debug)]
struct Plan {
    /// Channels, height and width of an observation.
    image: [usize; 3],
    input_shape: Vec<usize>,
    outputs: usize,
    stages: Vec<Stage>,
    activation: Activation,
    output_activation: Activation,
    /// Most values between two stages.
    largest: usize,
    /// Most values of a row that is pooled in passing.
    row: usize,
    /// As many as there are filters.
    zeros: Vec<f32>,
}

/// The phenotype of [`Conv`].
#[derive(Clone, Debug)]
pub struct ConvNetwork {
    parameters: Parameters,
    plan: Arc<Plan>,
    normalizer: Option<Arc<Normalizer>>,
}

impl AsRef<[f32]> for ConvNetwork {
    fn as_ref(&self) -> &[f32] {
        self.parameters.all()
    }
}

impl ConvNetwork {
    fn bias(&self, at: Option<usize>, filters: usize) -> &[f32] {
        &at.map_or(&self.plan.zeros[..], |at| &self.as_ref()[at..])[..filters]
    }

    /// Loads observations, channels last, normalised if there is a normaliser.
    fn load(&self, window: Window, input: &[f32], x: &mut [f32]) {
        let [channels, height, width] = self.plan.image;
        if channels == 1 {
            window.load_input(input, height * width, height * width, self.normalizer.as_deref(), x);
            return;
        }
        for c in 0..channels {
            for pixel in 0..height * width {
                let i = c * height * width + pixel;
                let at = pixel * channels + c;
                window.load(input, i..i + 1, channels * height * width, at, x);
                if let Some(normalizer) = &self.normalizer {
                    x[at * window.count..][..window.count]
                        .iter_mut()
                        .for_each(|x| *x = normalizer.one(i, *x));
                }
            }
        }
    }

    /// Steps the lanes of a window.
    fn step(&self, window: Window, input: &[f32], output: &mut [f32], scratch: &mut [f32]) {
        let (plan, lanes) = (&*self.plan, window.count);
        let (row, scratch) = scratch.split_at_mut(plan.row * lanes);
        let (mut x, mut y) = scratch.split_at_mut(plan.largest * lanes);
        // One channel in the caller's arrangement is what the first layer reads.
        let as_it_is = window.is_whole() && plan.image[0] == 1 && self.normalizer.is_none();
        if !as_it_is {
            self.load(window, input, x);
        }
        for (n, stage) in plan.stages.iter().enumerate() {
            let (from, y_now) =
                (if n == 0 && as_it_is { input } else { &*x }, &mut y[..stage.outputs() * lanes]);
            let last = n + 1 == plan.stages.len();
            let activation = if last { plan.output_activation } else { plan.activation };
            match stage {
                Stage::Conv { sliding, filters, weight, bias, pool: None } => {
                    let bias = self.bias(*bias, *filters);
                    kernel::conv2d(lanes, sliding, *filters, &self.as_ref()[*weight..], bias, from, y_now);
                    activation.apply(y_now);
                }
                Stage::Conv { sliding, filters, weight, bias, pool: Some(pool) } => {
                    let (weight, bias) = (&self.as_ref()[*weight..], self.bias(*bias, *filters));
                    let apply = |row: &mut [f32]| activation.apply(row);
                    let late = activation.commutes_with_maximum();
                    let early = (!late).then_some(&apply as kernel::RowFunction<'_>);
                    let filters = *filters;
                    kernel::conv2d_max_pool(
                        lanes, sliding, filters, weight, bias, pool, early, from, y_now, row,
                    );
                    if late {
                        activation.apply(y_now);
                    }
                }
                Stage::MaxPool(sliding) => kernel::max_pool2d(lanes, sliding, from, y_now),
                Stage::AveragePool(sliding) => kernel::average_pool2d(lanes, sliding, from, y_now),
                Stage::Dense { layer, .. } => {
                    window.affine(std::slice::from_ref(self), layer, from, y_now);
                    activation.apply(y_now);
                }
            }
            std::mem::swap(&mut x, &mut y);
        }
        window.store(x, plan.outputs, 0..plan.outputs, output, 0);
    }
}

impl Network for ConvNetwork {
    fn inputs(&self) -> usize {
        self.plan.image.iter().product()
    }

    fn outputs(&self) -> usize {
        self.plan.outputs
    }

    fn scratch_len(&self, lanes: usize) -> usize {
        (2 * self.plan.largest + self.plan.row) * lanes.min(BLOCK)
    }

    fn forward(
        &self,
        lanes: usize,
        input: &[f32],
        _state: &mut [f32],
        output: &mut [f32],
        scratch: &mut [f32],
    ) {
        for window in Window::blocks(lanes, 0..lanes, BLOCK) {
            self.step(window, input, output, scratch);
        }
    }

    fn group_scratch_len(group: &[Self], episodes: usize) -> usize {
        group.first().map_or(0, |n| n.scratch_len(episodes))
    }

    fn forward_group(
        group: &[Self],
        episodes: usize,
        input: &[f32],
        _state: &mut [f32],
        output: &mut [f32],
        scratch: &mut [f32],
    ) {
        let total = group.len() * episodes;
        for (g, network) in group.iter().enumerate() {
            for window in Window::blocks(total, g * episodes..(g + 1) * episodes, BLOCK) {
                network.step(window, input, output, scratch);
            }
        }
    }
}

/// `[rows, columns, channels, outputs]`, outputs contiguous, in another order of axes.
fn permuted(weight: &[f32], shape: [usize; 4], order: [usize; 4]) -> Vec<f32> {
    let strides = [shape[1] * shape[2] * shape[3], shape[2] * shape[3], shape[3], 1];
    let [a, b, c, d] = order;
    let mut out = Vec::with_capacity(weight.len());
    for i in 0..shape[a] {
        for j in 0..shape[b] {
            for k in 0..shape[c] {
                for l in 0..shape[d] {
                    out.push(weight[i * strides[a] + j * strides[b] + k * strides[c] + l * strides[d]]);
                }
            }
        }
    }
    out
}

impl Describe for ConvNetwork {
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
        let mut x = describe_input(&mut program, &plan.input_shape, self.normalizer.as_ref(), false);
        if plan.input_shape.len() == 2 {
            x = program.op("image", Kind::Reshape { shape: plan.image.to_vec() }, &[&x]);
        }
        let mut number = 0;
        let mut pools = 0;
        for (n, stage) in plan.stages.iter().enumerate() {
            let last = n + 1 == plan.stages.len();
            let name = format!("layer{number}");
            let activation = if last { plan.output_activation } else { plan.activation };
            let result = if last { "output".to_string() } else { name.clone() };
            let sum = if activation == Activation::Linear { result.clone() } else { format!("{name}.sum") };
            let mut pool = |program: &mut Program, kind: Kind| {
                pools += 1;
                program.op(&format!("pool{}", pools - 1), kind, &[&x])
            };
            match stage {
                Stage::MaxPool(s) => {
                    x = pool(&mut program, Kind::MaxPool { size: s.kernel, stride: s.stride });
                    continue;
                }
                Stage::AveragePool(s) => {
                    x = pool(&mut program, Kind::AveragePool { size: s.kernel, stride: s.stride });
                    continue;
                }
                Stage::Conv { sliding: s, filters, weight, bias, .. } => {
                    let shape = [s.kernel[0], s.kernel[1], s.channels, *filters];
                    let weight = &self.as_ref()[*weight..][..shape.iter().product()];
                    let data = permuted(weight, shape, [3, 2, 0, 1]);
                    let shape = [*filters, s.channels, s.kernel[0], s.kernel[1]];
                    let w = program.constant(&format!("{name}.weight"), &shape, data);
                    let kind = Kind::Conv { stride: s.stride, padding: s.padding };
                    x = match bias {
                        None => program.op(&sum, kind, &[&x, &w]),
                        Some(at) => {
                            let bias = self.as_ref()[*at..][..*filters].to_vec();
                            let b = program.constant(&format!("{name}.bias"), &[*filters], bias);
                            program.op(&sum, kind, &[&x, &w, &b])
                        }
                    };
                }
                Stage::Dense { layer, from: Shape::Vector(_) } => {
                    x = describe_affine(&mut program, &name, layer, self.as_ref(), &x, &sum);
                }
                Stage::Dense { layer, from: Shape::Image([c, h, w]) | Shape::Flat([c, h, w]) } => {
                    // A program's images have their channels first, and so has what it flattens.
                    let x_flat = program.op("flat", Kind::Flatten, &[&x]);
                    let weight = &self.as_ref()[layer.weight..][..layer.inputs * layer.outputs];
                    let data = permuted(weight, [*h, *w, *c, layer.outputs], [2, 0, 1, 3]);
                    let w = program.constant(&format!("{name}.weight"), &[layer.inputs, layer.outputs], data);
                    x = match layer.bias {
                        None => program.op(&sum, Kind::MatMul, &[&x_flat, &w]),
                        Some(at) => {
                            let bias = self.as_ref()[at..][..layer.outputs].to_vec();
                            let b = program.constant(&format!("{name}.bias"), &[layer.outputs], bias);
                            program.op(&sum, Kind::Gemm, &[&x_flat, &w, &b])
                        }
                    };
                }
            }
            if activation != Activation::Linear {
                x = program.op(&result, Kind::Activate(activation), &[&x]);
            }
            if let Stage::Conv { pool: Some(s), .. } = stage {
                x = program.op(
                    &format!("pool{pools}"),
                    Kind::MaxPool { size: s.kernel, stride: s.stride },
                    &[&x],
                );
                pools += 1;
            }
            number += 1;
        }
        program.output("output", &[plan.outputs]);
        program
    }
}

#[cfg(test)]
mod tests;
