//! Activation functions. The ones without a useful derivative (`step`, `sign`) are as welcome as the others.

use evolvent_math::activation::{self as kernel, map_inline};
use evolvent_math::kernels::vectorize;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A scalar function applied to each neuron's weighted sum.
///
/// The fast forms are within 5e-7 (absolute, or relative where values exceed 1) of the definitions written here, for
/// all finite arguments (`sin` and `cos`: up to 2⁵⁰), and NaN stays NaN except in `step` and `sign`, which give 0.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// x.
    #[serde(alias = "identity")]
    Linear,
    /// tanh x.
    #[default]
    Tanh,
    /// 1 / (1 + e⁻ˣ).
    Sigmoid,
    /// max(x, 0).
    Relu,
    /// x if x > 0, else 0.01 x.
    LeakyRelu,
    /// x if x > 0, else eˣ − 1 (Clevert et al. 2016).
    Elu,
    /// ½ x (1 + tanh(√(2/π) (x + 0.044715 x³))), the tanh form of Hendrycks & Gimpel 2016.
    Gelu,
    /// x / (1 + e⁻ˣ), also called swish.
    #[serde(alias = "swish")]
    Silu,
    /// ln(1 + eˣ).
    Softplus,
    /// sin x.
    Sin,
    /// cos x.
    Cos,
    /// e^(−x²).
    Gauss,
    /// |x|.
    Abs,
    /// 1 if x > 0, else 0 (so 0 at 0).
    Step,
    /// 1 if x > 0, −1 if x < 0, 0 at 0.
    Sign,
}

/// Slope of [`Activation::LeakyRelu`] below 0.
const LEAK: f32 = 0.01;
/// √(2/π).
const GELU: f32 = 0.797_884_6;

// What `evolvent_math::activation` has no need of: without a transcendental, or made from one in a line.
#[inline(always)]
fn relu(x: f32) -> f32 {
    if x < 0.0 { 0.0 } else { x }
}
#[inline(always)]
fn leaky_relu(x: f32) -> f32 {
    if x < 0.0 { LEAK * x } else { x }
}
#[inline(always)]
fn elu(x: f32) -> f32 {
    // The exponential of a positive number would be wasted, and might overflow.
    let below = kernel::exp(if x > 0.0 { 0.0 } else { x }) - 1.0;
    if x > 0.0 { x } else { below }
}
#[inline(always)]
fn step(x: f32) -> f32 {
    if x > 0.0 { 1.0 } else { 0.0 }
}
#[inline(always)]
fn sign(x: f32) -> f32 {
    step(x) - step(-x)
}

impl Activation {
    /// All activations.
    pub const ALL: [Activation; 15] = [
        Activation::Linear,
        Activation::Tanh,
        Activation::Sigmoid,
        Activation::Relu,
        Activation::LeakyRelu,
        Activation::Elu,
        Activation::Gelu,
        Activation::Silu,
        Activation::Softplus,
        Activation::Sin,
        Activation::Cos,
        Activation::Gauss,
        Activation::Abs,
        Activation::Step,
        Activation::Sign,
    ];

    /// Replaces every number by its image.
    pub fn apply(self, x: &mut [f32]) {
        if self != Activation::Linear {
            vectorize(
                #[inline(always)]
                || self.apply_inline(x),
            );
        }
    }

    /// [`Activation::apply`] for use inside [`vectorize`].
    #[inline(always)]
    pub fn apply_inline(self, x: &mut [f32]) {
        match self {
            Activation::Linear => {}
            Activation::Tanh => map_inline(x, kernel::tanh),
            Activation::Sigmoid => map_inline(x, kernel::sigmoid),
            Activation::Relu => map_inline(x, relu),
            Activation::LeakyRelu => map_inline(x, leaky_relu),
            Activation::Elu => map_inline(x, elu),
            Activation::Gelu => map_inline(x, kernel::gelu_tanh),
            Activation::Silu => map_inline(x, kernel::silu),
            Activation::Softplus => map_inline(x, kernel::softplus),
            Activation::Sin => map_inline(x, kernel::sin),
            Activation::Cos => map_inline(x, kernel::cos),
            Activation::Gauss => map_inline(x, kernel::gauss),
            Activation::Abs => map_inline(x, f32::abs),
            Activation::Step => map_inline(x, step),
            Activation::Sign => map_inline(x, sign),
        }
    }

    /// Whether the image of the largest number is the largest image, to the bit and NaN included, so that a maximum may be
    /// taken first.
    pub(crate) fn commutes_with_maximum(self) -> bool {
        matches!(self, Activation::Linear | Activation::Relu | Activation::LeakyRelu)
    }

    /// The image of one number: the same bits as [`Activation::apply`].
    pub fn scalar(self, x: f32) -> f32 {
        let mut one = [x];
        self.apply(&mut one);
        one[0]
    }

    /// The definition, in double precision: what the fast forms and the exports are compared with.
    pub fn exact(self, x: f64) -> f64 {
        match self {
            Activation::Linear => x,
            Activation::Tanh => libm::tanh(x),
            Activation::Sigmoid => 1.0 / (1.0 + libm::exp(-x)),
            Activation::Relu => {
                if x < 0.0 {
                    0.0
                } else {
                    x
                }
            }
            Activation::LeakyRelu => x * if x < 0.0 { f64::from(LEAK) } else { 1.0 },
            Activation::Elu => {
                if x > 0.0 {
                    x
                } else {
                    libm::expm1(x)
                }
            }
            Activation::Gelu => {
                let scale = (2.0 / std::f64::consts::PI).sqrt();
                0.5 * x * (1.0 + libm::tanh(scale * (x + 0.044715 * x * x * x)))
            }
            Activation::Silu => x / (1.0 + libm::exp(-x)),
            Activation::Softplus => {
                let above = if x < 0.0 { 0.0 } else { x };
                above + libm::log1p(libm::exp(-x.abs()))
            }
            Activation::Sin => libm::sin(x),
            Activation::Cos => libm::cos(x),
            Activation::Gauss => libm::exp(-x * x),
            Activation::Abs => x.abs(),
            Activation::Step => f64::from(x > 0.0),
            Activation::Sign => f64::from(x > 0.0) - f64::from(x < 0.0),
        }
    }

    /// The slope at `x` that the sensitivities pass uses. At a kink it is the slope on the left (0 for `abs` at 0).
    ///
    /// `step` and `sign` have none: theirs is the straight-through surrogate of Hubara et al. 2016, the slope of the
    /// line that joins the two levels between −1 and 1 (½ for `step`, 1 for `sign`), and 0 beyond. A slope of 0
    /// everywhere would make every weight below such a neuron look harmless.
    #[inline(always)]
    pub fn derivative(self, x: f32) -> f32 {
        match self {
            Activation::Linear => 1.0,
            Activation::Tanh => {
                let y = kernel::tanh(x);
                1.0 - y * y
            }
            Activation::Sigmoid => {
                let y = kernel::sigmoid(x);
                y * (1.0 - y)
            }
            Activation::Relu => step(x),
            Activation::LeakyRelu => {
                if x > 0.0 {
                    1.0
                } else {
                    LEAK
                }
            }
            Activation::Elu => kernel::exp(if x > 0.0 { 0.0 } else { x }),
            Activation::Gelu => {
                // Beyond ±16 the tanh is ±1 to the last bit, and x³ must not overflow.
                let x = x.clamp(-16.0, 16.0);
                let t = kernel::tanh(GELU * (x + 0.044715 * x * x * x));
                0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * GELU * (1.0 + 0.134145 * x * x)
            }
            Activation::Silu => {
                let x = x.clamp(-100.0, 100.0);
                let y = kernel::sigmoid(x);
                y * (1.0 + x * (1.0 - y))
            }
            Activation::Softplus => kernel::sigmoid(x),
            Activation::Sin => kernel::cos(x),
            Activation::Cos => -kernel::sin(x),
            Activation::Gauss => -2.0 * x.clamp(-100.0, 100.0) * kernel::gauss(x),
            Activation::Abs => sign(x),
            Activation::Step => 0.5 * step(1.0 - x.abs()),
            Activation::Sign => step(1.0 - x.abs()),
        }
    }

    /// Whether the function has a derivative everywhere and [`Activation::derivative`] is it.
    pub fn is_smooth(self) -> bool {
        !matches!(
            self,
            Activation::Relu
                | Activation::LeakyRelu
                | Activation::Elu
                | Activation::Abs
                | Activation::Step
                | Activation::Sign
        )
    }

    /// Its name in experiment files.
    pub fn name(self) -> &'static str {
        match self {
            Activation::Linear => "linear",
            Activation::Tanh => "tanh",
            Activation::Sigmoid => "sigmoid",
            Activation::Relu => "relu",
            Activation::LeakyRelu => "leaky_relu",
            Activation::Elu => "elu",
            Activation::Gelu => "gelu",
            Activation::Silu => "silu",
            Activation::Softplus => "softplus",
            Activation::Sin => "sin",
            Activation::Cos => "cos",
            Activation::Gauss => "gauss",
            Activation::Abs => "abs",
            Activation::Step => "step",
            Activation::Sign => "sign",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::de::IntoDeserializer;

    fn arguments() -> impl Iterator<Item = f32> {
        let middle = (-4000..=4000).map(|i| i as f32 * 0.005);
        middle.chain([1e-30, -1e-30, 50.0, -50.0, 88.0, -88.0, 1e4, -1e4, 1e30, -1e30])
    }

    #[test]
    fn fast_forms_equal_the_definitions() {
        for activation in Activation::ALL {
            for x in arguments() {
                if matches!(activation, Activation::Sin | Activation::Cos) && x.abs() > 1e15 {
                    continue;
                }
                let (fast, exact) = (f64::from(activation.scalar(x)), activation.exact(f64::from(x)));
                assert!(
                    (fast - exact).abs() <= 5e-7 * exact.abs().max(1.0),
                    "{activation:?}({x}): {fast} against {exact}"
                );
            }
        }
    }

    #[test]
    fn values_at_zero_and_of_nan() {
        let at = |x: f32| Activation::ALL.map(|a| a.scalar(x));
        let ln2 = std::f32::consts::LN_2;
        let zero = at(0.0);
        let expected = [0.0, 0.0, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0, ln2, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0];
        assert!(zero.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{zero:?}");
        assert_eq!((Activation::Step.scalar(0.0), Activation::Sign.scalar(-0.0)), (0.0, 0.0));
        for (activation, y) in Activation::ALL.into_iter().zip(at(f32::NAN)) {
            match activation {
                Activation::Step | Activation::Sign => assert_eq!(y, 0.0),
                _ => assert!(y.is_nan(), "{activation:?}"),
            }
        }
    }

    #[test]
    fn a_number_has_the_same_image_at_every_place() {
        let x: Vec<f32> = arguments().take(37).collect();
        for activation in Activation::ALL {
            let mut y = x.clone();
            activation.apply(&mut y);
            for (x, y) in x.iter().zip(&y) {
                assert_eq!(activation.scalar(*x).to_bits(), y.to_bits(), "{activation:?}({x})");
            }
        }
    }

    #[test]
    fn derivatives_equal_differences() {
        for activation in Activation::ALL {
            if matches!(activation, Activation::Step | Activation::Sign) {
                continue;
            }
            for x in (-300..300).map(|i| f64::from(i) * 0.03 + 0.011) {
                let h = 1e-5;
                let difference = (activation.exact(x + h) - activation.exact(x - h)) / (2.0 * h);
                let derivative = f64::from(activation.derivative(x as f32));
                assert!((difference - derivative).abs() < 2e-5, "{activation:?}'({x}): {derivative}");
            }
            for x in [f32::MAX, f32::MIN] {
                assert!(activation.derivative(x).is_finite(), "{activation:?}'({x})");
            }
        }
        let surrogate = |a: Activation| [-2.0, -0.5, 0.0, 0.5, 2.0].map(|x| a.derivative(x));
        assert_eq!(surrogate(Activation::Step), [0.0, 0.5, 0.5, 0.5, 0.0]);
        assert_eq!(surrogate(Activation::Sign), [0.0, 1.0, 1.0, 1.0, 0.0]);
    }

    #[test]
    fn names_are_those_of_experiment_files() {
        for activation in Activation::ALL {
            let d: serde::de::value::StrDeserializer<'_, serde::de::value::Error> =
                activation.name().into_deserializer();
            assert_eq!(Activation::deserialize(d), Ok(activation));
        }
    }
}
