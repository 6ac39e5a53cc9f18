//! What the networks' layouts have in common: affine layers inside a flat parameter vector, and their initialisers.

use crate::Activation;
use evolvent_core::{Auto, Init, Interface, Layout, Role, Violations};
use evolvent_math::kernels::perceptron::Layer;

/// Most weights that a network may have: more is a slip of the keyboard, and would end in an allocation failure.
const MOST_WEIGHTS: f64 = 1e9;

/// Adds the blocks `NAME.weight` and, if asked for, `NAME.bias` to a layout; the layer's offsets are genes.
pub(crate) fn push_affine(
    layout: &mut Layout,
    name: &str,
    (inputs, outputs): (usize, usize),
    bias: bool,
    init: Init,
    (from, to): (Option<u32>, Option<u32>),
) -> Layer {
    let name_weight = format!("{name}.weight");
    let weight = layout.push(name_weight, vec![inputs, outputs], Role::Weight, init, vec![from, to]);
    let bias = bias.then(|| push_bias(layout, &format!("{name}.bias"), outputs, to));
    Layer { inputs, outputs, weight, bias }
}

/// Adds a block of biases, which start at 0, and returns its offset.
pub(crate) fn push_bias(layout: &mut Layout, name: &str, outputs: usize, neurons: Option<u32>) -> usize {
    layout.push(name, vec![outputs], Role::Bias, Init::Zeros, vec![neurons])
}

/// The initialiser of a layer if `"auto"`: He for the rectifiers and their smooth kin, LeCun for all others.
pub(crate) fn initializer(given: Auto<Init>, activation: Activation) -> Init {
    given.or(|| match activation {
        Activation::Relu
        | Activation::LeakyRelu
        | Activation::Elu
        | Activation::Gelu
        | Activation::Silu
        | Activation::Softplus
        | Activation::Abs => Init::HeNormal,
        _ => Init::LecunNormal,
    })
}

/// An initialiser's numbers must be finite and in order.
pub(crate) fn check_initializer(v: &mut Violations, path: &str, given: Auto<Init>) {
    match given {
        Auto::Value(Init::Constant(x)) => v.require(x.is_finite(), path, x, "a finite constant"),
        Auto::Value(Init::Uniform { low, high }) => {
            let ok = low.is_finite() && high.is_finite() && low <= high;
            v.require(ok, path, format!("{low} to {high}"), "finite ends, low not above high");
        }
        Auto::Value(Init::Normal { std: x } | Init::NormalizedColumns { norm: x }) => v.non_negative(path, x),
        Auto::Value(Init::Orthogonal { gain }) => v.non_negative(path, gain),
        _ => {}
    }
}

/// Most neurons or filters of one layer.
const MOST_NEURONS: usize = 1_000_000;

/// A layer has 1 to 10⁶ neurons.
pub(crate) fn check_size(v: &mut Violations, path: &str, size: usize) -> bool {
    let ok = (1..=MOST_NEURONS).contains(&size);
    v.require(ok, path, size, "an integer from 1 to 1000000");
    ok
}

/// [`check_size`] for a list.
pub(crate) fn check_sizes(v: &mut Violations, path: &str, sizes: &[usize]) {
    for (i, &size) in sizes.iter().enumerate() {
        check_size(v, &format!("{path}.{i}"), size);
    }
}

/// A problem must have inputs and outputs.
pub(crate) fn check_interface(v: &mut Violations, interface: &Interface) {
    let inputs = interface.inputs();
    v.require(inputs > 0, "inputs", inputs, "a problem that shows at least one number");
    v.require(!interface.output.is_empty(), "outputs", 0, "a problem with at least one output");
}

/// The number of weights, given layer by layer as factors, must be one that memory can hold.
pub(crate) fn check_weights(v: &mut Violations, path: &str, layers: impl IntoIterator<Item = [usize; 2]>) {
    let weights: f64 = layers.into_iter().map(|[i, o]| (i as f64 + 1.0) * o as f64).sum();
    v.require(weights <= MOST_WEIGHTS, path, format!("{weights:.3e} weights"), "at most 1e9 weights");
}
