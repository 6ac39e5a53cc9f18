//! From the layers of an experiment file to the stages of a step, and to the layout of their parameters.

use super::{Conv, ConvLayer};
use crate::{
    layout::{check_size, initializer, push_affine, push_bias},
    program::windows,
};
use evolvent_core::{Init, Interface, Layout, Role, Violations};
use evolvent_math::kernels::{conv::Window as Sliding, perceptron::Layer};

/// What a value between two layers is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Channels, height, width.
    Image([usize; 3]),
    /// A flattened image keeps the channels of its parts: channels, height, width.
    Flat([usize; 3]),
    Vector(usize),
}

impl Shape {
    fn len(self) -> usize {
        match self {
            Shape::Image(s) | Shape::Flat(s) => s.iter().product(),
            Shape::Vector(n) => n,
        }
    }
}

/// One stage of a step.
#[derive(Clone, Debug)]
pub(super) enum Stage {
    /// A maximum behind a convolution is taken in passing where windows do not overlap.
    Conv {
        sliding: Sliding,
        filters: usize,
        weight: usize,
        bias: Option<usize>,
        pool: Option<Sliding>,
    },
    MaxPool(Sliding),
    AveragePool(Sliding),
    Dense {
        layer: Layer,
        from: Shape,
    },
}

impl Stage {
    /// A row of a convolution that is pooled in passing.
    pub(super) fn row(&self) -> usize {
        match self {
            Stage::Conv { sliding, filters, pool: Some(_), .. } => sliding.output()[1] * filters,
            _ => 0,
        }
    }

    pub(super) fn outputs(&self) -> usize {
        match self {
            Stage::Conv { sliding, filters, pool, .. } => {
                let positions = pool.map_or_else(|| sliding.output(), |pool| pool.pooled());
                positions.iter().product::<usize>() * filters
            }
            Stage::MaxPool(s) | Stage::AveragePool(s) => s.pooled().iter().product::<usize>() * s.channels,
            Stage::Dense { layer, .. } => layer.outputs,
        }
    }
}

/// Channels, height and width of the observations, if they are images.
pub(super) fn image(interface: &Interface) -> Option<[usize; 3]> {
    match interface.input[..] {
        [height, width] => Some([1, height, width]),
        [channels, height, width] => Some([channels, height, width]),
        _ => None,
    }
}

impl Conv {
    /// Lays out the layers; reports what is wrong with them.
    pub(super) fn plan(&self, interface: &Interface, v: &mut Violations) -> (Layout, Vec<Stage>) {
        let (mut layout, mut stages) = (Layout { blocks: Vec::new() }, Vec::new());
        let Some(first) = image(interface) else {
            v.add_with_hint(
                "inputs",
                format!("{:?}", interface.input),
                "observations of shape [channels, height, width] or [height, width]",
                "for vectors use [network.dense]",
            );
            return (layout, stages);
        };
        let mut shape = Shape::Image(first);
        let (mut from, mut number) = (None, 0);
        let init = initializer(self.initializer, self.activation);
        for (i, layer) in self.layers.iter().enumerate() {
            let path = format!("layers.{i}");
            match (layer, shape) {
                (ConvLayer::Conv(c), Shape::Image(image)) => {
                    let path = format!("{path}.conv");
                    if !check_size(v, &format!("{path}.filters"), c.filters) {
                        return (layout, stages);
                    }
                    let size = Size { name: "kernel", size: c.kernel, stride: c.stride, padding: c.padding };
                    let Some(sliding) = size.over(v, &path, image) else { return (layout, stages) };
                    let to = Some(number as u32);
                    let name = format!("layer{number}");
                    let weight = layout.push(
                        format!("{name}.weight"),
                        vec![c.kernel, c.kernel, image[0], c.filters],
                        Role::Weight,
                        init,
                        vec![None, None, from, to],
                    );
                    let bias =
                        self.bias.then(|| push_bias(&mut layout, &format!("{name}.bias"), c.filters, to));
                    let [height, width] = sliding.output();
                    stages.push(Stage::Conv { sliding, filters: c.filters, weight, bias, pool: None });
                    shape = Shape::Image([c.filters, height, width]);
                    (from, number) = (to, number + 1);
                }
                (ConvLayer::MaxPool(p) | ConvLayer::AveragePool(p), Shape::Image(image)) => {
                    let is_max = matches!(layer, ConvLayer::MaxPool(_));
                    let path = format!("{path}.{}", if is_max { "max_pool" } else { "average_pool" });
                    let stride = p.stride.or(|| p.size);
                    let size = Size { name: "size", size: p.size, stride, padding: 0 };
                    let Some(sliding) = size.over(v, &path, image) else { return (layout, stages) };
                    let [height, width] = sliding.pooled();
                    match stages.last_mut() {
                        Some(Stage::Conv { pool: pool @ None, .. }) if is_max && stride >= p.size => {
                            *pool = Some(sliding);
                        }
                        _ if is_max => stages.push(Stage::MaxPool(sliding)),
                        _ => stages.push(Stage::AveragePool(sliding)),
                    }
                    shape = Shape::Image([image[0], height, width]);
                }
                (ConvLayer::Flatten, Shape::Image(image)) => shape = Shape::Flat(image),
                (ConvLayer::Dense(d), _) => {
                    if !check_size(v, &format!("{path}.dense.units"), d.units) {
                        return (layout, stages);
                    }
                    let to = Some(number as u32);
                    stages.push(self.dense(&mut layout, number, shape, d.units, init, (from, to)));
                    shape = Shape::Vector(d.units);
                    (from, number) = (to, number + 1);
                }
                (_, Shape::Flat(_) | Shape::Vector(_)) => {
                    v.add_with_hint(
                        &path,
                        "a layer for images",
                        "a dense layer",
                        "convolutions and poolings come before flatten and dense",
                    );
                    return (layout, stages);
                }
            }
        }
        let init = initializer(self.output_initializer, self.output_activation);
        stages.push(self.dense(&mut layout, number, shape, interface.output.len(), init, (from, None)));
        (layout, stages)
    }

    fn dense(
        &self,
        layout: &mut Layout,
        number: usize,
        from_shape: Shape,
        units: usize,
        init: Init,
        (from, to): (Option<u32>, Option<u32>),
    ) -> Stage {
        let name = format!("layer{number}");
        let layer = match from_shape {
            Shape::Vector(inputs) => push_affine(layout, &name, (inputs, units), self.bias, init, (from, to)),
            Shape::Image([channels, height, width]) | Shape::Flat([channels, height, width]) => {
                let weight = layout.push(
                    format!("{name}.weight"),
                    vec![height, width, channels, units],
                    Role::Weight,
                    init,
                    vec![None, None, from, to],
                );
                let bias = self.bias.then(|| push_bias(layout, &format!("{name}.bias"), units, to));
                Layer { inputs: from_shape.len(), outputs: units, weight, bias }
            }
        };
        Stage::Dense { layer, from: from_shape }
    }
}

/// The sizes of a window as an experiment file gives them.
struct Size {
    name: &'static str,
    size: usize,
    stride: usize,
    padding: usize,
}

impl Size {
    /// The window over an image, if it fits.
    fn over(&self, v: &mut Violations, path: &str, [channels, height, width]: [usize; 3]) -> Option<Sliding> {
        let (before, size, padding) = (v.0.len(), self.size, self.padding);
        let name = format!("{path}.{}", self.name);
        v.at_least(&name, size, 1);
        v.at_least(&format!("{path}.stride"), self.stride, 1);
        // More zeros than the window is wide would make outputs that see nothing of the image.
        let few = padding < size.max(1);
        v.require(few, &format!("{path}.padding"), padding, &format!("less than {}", self.name));
        let smallest = height.min(width);
        let fits = !few || windows(smallest, padding, size.max(1), self.stride.max(1)).is_some();
        let most = smallest.saturating_add(padding.saturating_mul(2));
        v.require(fits, &name, size, &format!("at most {most}, for the image here is {height} × {width}"));
        (v.0.len() == before).then_some(Sliding {
            image: [height, width],
            channels,
            kernel: [size; 2],
            stride: [self.stride; 2],
            padding: [padding; 2],
        })
    }
}
