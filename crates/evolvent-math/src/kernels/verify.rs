//! A machine that cannot keep the bits says so.

use super::dense::{Begin, dense_rows};
use super::{NumericLevel, activation, noise, numeric_level, reduce};
use evolvent_core::StreamKey;

/// A kernel whose results differ from the committed ones on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drift {
    /// The kernel.
    pub kernel: &'static str,
    /// The level that it ran on.
    pub level: NumericLevel,
    /// Checksum of the committed results.
    pub expected: u64,
    /// Checksum of this machine's.
    pub found: u64,
}

impl std::fmt::Display for Drift {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Drift { kernel, level, expected, found } = self;
        write!(
            f,
            "this machine cannot repeat results to the bit: kernel `{kernel}` at level `{}` has checksum {found:016x} instead \
             of {expected:016x} (a C library or an emulator whose fused multiply-add rounds twice does this); runs work, \
             but compare them with other machines' by their statistics only",
            level.name()
        )
    }
}

impl std::error::Error for Drift {}

/// Compares results of each family of kernels with committed checksums; takes some microseconds.
pub fn verify() -> Result<NumericLevel, Drift> {
    let level = numeric_level();
    for ((kernel, found), expected) in checksums().into_iter().zip(EXPECTED) {
        if found != expected {
            return Err(Drift { kernel, level, expected, found });
        }
    }
    Ok(level)
}

const EXPECTED: [u64; 4] =
    [0xf650_0d2c_f81d_b535, 0x4b46_7f6a_5d84_9f21, 0x942f_6704_1d2d_0ce8, 0xc8bb_0ef3_e85a_4b76];

fn checksums() -> [(&'static str, u64); 4] {
    let key = StreamKey { key: [1, 2], index: 3, round: 4 };
    let mut z = [0.0f32; 512];
    noise::fill_normal(key, 5, &mut z);
    let noise = fold(&z);

    let functions: [fn(&mut [f32]); 9] = [
        |x| activation::map(x, activation::tanh),
        |x| activation::map(x, activation::sigmoid),
        |x| activation::map(x, activation::exp),
        |x| activation::map(x, |x| activation::ln(x * x)),
        |x| activation::map(x, activation::sin),
        |x| activation::map(x, activation::gauss),
        |x| activation::map(x, activation::gelu),
        |x| activation::map(x, activation::silu),
        |x| activation::map(x, activation::softplus),
    ];
    let mut images = Vec::with_capacity(9 * z.len());
    for f in functions {
        let begin = images.len();
        images.extend(z.iter().map(|z| 3.0 * z));
        f(&mut images[begin..]);
    }
    let activations = fold(&images);

    let mut y = [0.0; 7 * 19];
    dense_rows(7, 13, 19, &z[..13 * 19], Begin::Bias(&z[300..]), &z[400..], &mut y);
    let dense = fold(&y);

    let wide: Vec<f64> = z.iter().map(|&z| f64::from(z)).collect();
    let sums = [reduce::dot(&wide[..300], &wide[200..500]) as f32, reduce::sum_f32(&z[..301])];
    [("noise", noise), ("activation", activations), ("dense", dense), ("reduce", fold(&sums))]
}

/// FNV-1a over the bits.
fn fold(x: &[f32]) -> u64 {
    x.iter()
        .fold(0xcbf2_9ce4_8422_2325, |h, x| (h ^ u64::from(x.to_bits())).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_keeps_the_bits() {
        assert_eq!(checksums().map(|c| c.1), EXPECTED, "if kernels changed on purpose, raise BITS_VERSION");
        assert_eq!(verify(), Ok(numeric_level()));
    }

    #[test]
    fn drift_names_the_kernel() {
        let drift = Drift { kernel: "noise", level: NumericLevel::Scalar, expected: 1, found: 2 };
        assert!(drift.to_string().contains("`noise` at level `scalar`"));
    }
}
