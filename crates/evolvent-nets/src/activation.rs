//! Activation functions. The ones without a useful derivative (`step`, `sign`) are as welcome as the others.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A scalar function applied to each neuron's weighted sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
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

    /// The definition, in double precision: what the fast kernels and the exports are compared with.
    pub fn exact(self, x: f64) -> f64 {
        match self {
            Activation::Linear => x,
            Activation::Tanh => libm::tanh(x),
            Activation::Sigmoid => 1.0 / (1.0 + libm::exp(-x)),
            Activation::Relu => x.max(0.0),
            Activation::LeakyRelu => x * if x > 0.0 { 1.0 } else { 0.01 },
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
            Activation::Softplus => x.max(0.0) + libm::log1p(libm::exp(-x.abs())),
            Activation::Sin => libm::sin(x),
            Activation::Cos => libm::cos(x),
            Activation::Gauss => libm::exp(-x * x),
            Activation::Abs => x.abs(),
            Activation::Step => f64::from(x > 0.0),
            Activation::Sign => f64::from(x > 0.0) - f64::from(x < 0.0),
        }
    }
}
