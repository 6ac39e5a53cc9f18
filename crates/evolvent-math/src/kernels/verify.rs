//! A machine that cannot keep the bits says so.

use super::conv::{Window, average_pool2d, conv2d, max_pool2d};
use super::dense::{Begin, dense, dense_group, dense_rows};
use super::matrix::{View, add_product, matvec};
use super::perceptron::{Layer, Parameters, affine};
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

/// Compares results of each family of kernels with committed checksums; takes less than a millisecond.
pub fn verify() -> Result<NumericLevel, Drift> {
    let level = numeric_level();
    for ((kernel, found), expected) in checksums().into_iter().zip(EXPECTED) {
        if found != expected {
            return Err(Drift { kernel, level, expected, found });
        }
    }
    Ok(level)
}

/// Families of kernels, in the order of [`checksums`].
const FAMILIES: usize = 7;

const EXPECTED: [u64; FAMILIES] = [
    0x3f67_1866_3e0a_78a5,
    0xc73d_5737_488a_3aa6,
    0x3008_6ee0_5eae_d0f9,
    0xc172_df51_592b_1c8c,
    0x79c9_447a_bd26_d9c8,
    0x5451_7ccb_598a_81eb,
    0xc746_f620_3313_3243,
];

/// Sizes are chosen so that full vectors, remainders and several rows at once all occur.
fn checksums() -> [(&'static str, u64); FAMILIES] {
    let key = StreamKey { key: [1, 2], index: 3, round: 4 };
    let mut z = [0.0f32; 512];
    noise::fill_normal(key, 5, &mut z);
    let wide: Vec<f64> = z.iter().map(|&z| f64::from(z)).collect();
    [
        ("noise", noises(key, &z)),
        ("activation", activations(&z)),
        ("dense", denses(&z)),
        ("conv", convolutions(&z)),
        ("perceptron", perceptrons(&z)),
        ("matrix", matrices(&wide)),
        ("reduce", reductions(&z, &wide)),
    ]
}

fn noises(key: StreamKey, z: &[f32]) -> u64 {
    let mut rows = [0.25f32; 150];
    let (added, rest) = rows.split_at_mut(50);
    let (moved, scaled) = rest.split_at_mut(50);
    noise::axpy_normal(key, 7, 0.3, added);
    noise::perturb(&z[..50], -0.3, key, 11, moved);
    noise::perturb_scaled(&z[..50], -1.0, &z[50..100], key, 13, scaled);
    let mut sums = [0.5; 50];
    noise::weighted_sum_normal(&[(key, 0.1), (StreamKey { index: 4, ..key }, -0.7)], 17, &mut sums);
    fold64(fold(fold(START, z), &rows), &sums)
}

fn activations(z: &[f32]) -> u64 {
    let functions: [fn(&mut [f32]); 13] = [
        |x| activation::map(x, activation::tanh),
        |x| activation::map(x, activation::sigmoid),
        |x| activation::map(x, activation::exp),
        |x| activation::map(x, |x| activation::ln(x * x)),
        |x| activation::map(x, activation::sin),
        |x| activation::map(x, activation::cos),
        |x| activation::map(x, activation::gauss),
        |x| activation::map(x, activation::erf),
        |x| activation::map(x, activation::gelu),
        |x| activation::map(x, activation::gelu_tanh),
        |x| activation::map(x, activation::silu),
        |x| activation::map(x, activation::softplus),
        |x| x.chunks_mut(37).for_each(activation::softmax),
    ];
    let mut hash = START;
    for f in functions {
        let mut image: Vec<f32> = z.iter().map(|z| 3.0 * z).collect();
        f(&mut image);
        hash = fold(hash, &image);
    }
    hash
}

fn denses(z: &[f32]) -> u64 {
    let (mut lanes, mut rows, mut group) = ([0.0; 7 * 19], [0.0; 7 * 19], [0.0; 3 * 19]);
    dense(7, 13, 19, &z[..13 * 19], Begin::Bias(&z[300..]), &z[400..], &mut lanes);
    dense_rows(7, 13, 19, &z[..13 * 19], Begin::Bias(&z[300..]), &z[400..], &mut rows);
    let w = [&z[..13 * 19], &z[20..20 + 13 * 19], &z[40..40 + 13 * 19]];
    let b = [&z[300..319], &z[310..329], &z[320..339]];
    dense_group(13, 19, &w, &b, &z[400..439], &mut group);
    fold(fold(fold(START, &lanes), &rows), &group)
}

fn convolutions(z: &[f32]) -> u64 {
    let window = Window { image: [6, 5], channels: 2, kernel: [3, 3], stride: [1, 1], padding: [1, 1] };
    let (lanes, filters) = (3, 5);
    let [height, width] = window.output();
    let mut y = vec![0.0; height * width * filters * lanes];
    conv2d(lanes, &window, filters, &z[..window.weights(filters)], &z[100..], &z[200..], &mut y);
    let pool = Window { kernel: [2, 2], stride: [2, 2], padding: [0, 0], ..window };
    let [height, width] = pool.pooled();
    let mut pooled = [vec![0.0; height * width * 2 * lanes], vec![0.0; height * width * 2 * lanes]];
    max_pool2d(lanes, &pool, &z[200..], &mut pooled[0]);
    average_pool2d(lanes, &pool, &z[200..], &mut pooled[1]);
    pooled.iter().fold(fold(START, &y), |hash, y| fold(hash, y))
}

fn perceptrons(z: &[f32]) -> u64 {
    let layers = [
        Layer { inputs: 5, outputs: 11, weight: 0, bias: Some(55) },
        Layer { inputs: 11, outputs: 18, weight: 66, bias: None },
    ];
    let each: [&[f32]; 3] = [z, &z[100..], &z[200..]];
    let mut hash = START;
    for parameters in [Parameters::Shared(z), Parameters::Each(&each)] {
        let mut values = z[480..495].to_vec();
        for layer in layers {
            let mut y = vec![0.0; 3 * layer.outputs];
            affine(3, layer, parameters, &values, &mut y);
            activation::map(&mut y, activation::tanh);
            values = y;
        }
        hash = fold(hash, &values);
    }
    hash
}

fn matrices(z: &[f64]) -> u64 {
    let (mut c, mut y) = ([0.5; 9 * 13], [0.0; 9]);
    let a = View::new(&z[..9 * 21], 9, 21);
    add_product(a, View::new(&z[200..200 + 21 * 13], 21, 13), &mut c, 13);
    add_product(
        View::new(&z[..21 * 9], 21, 9).transposed(),
        View::new(&z[200..200 + 21 * 13], 21, 13),
        &mut c,
        13,
    );
    matvec(&z[..9 * 37], 37, &z[400..437], &mut y);
    fold64(fold64(START, &c), &y)
}

fn reductions(z: &[f32], wide: &[f64]) -> u64 {
    let sums = [reduce::dot_f32(&z[..300], &z[200..500]), reduce::sum_f32(&z[..301])];
    let wides = [
        reduce::dot(&wide[..300], &wide[200..500]),
        reduce::sum(&wide[..301]),
        reduce::square_distance(&wide[..299], &wide[200..499]),
    ];
    fold64(fold(START, &sums), &wides)
}

/// FNV-1a over the bits.
const START: u64 = 0xcbf2_9ce4_8422_2325;

fn fold(hash: u64, x: &[f32]) -> u64 {
    x.iter().fold(hash, |h, x| mix(h, u64::from(x.to_bits())))
}

fn fold64(hash: u64, x: &[f64]) -> u64 {
    x.iter().fold(hash, |h, x| mix(h, x.to_bits()))
}

fn mix(hash: u64, bits: u64) -> u64 {
    (hash ^ bits).wrapping_mul(0x0000_0100_0000_01b3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_keeps_the_bits() {
        let found = checksums().map(|c| c.1);
        assert_eq!(
            found, EXPECTED,
            "if kernels changed on purpose, raise BITS_VERSION; found {found:#018x?}"
        );
        assert_eq!(verify(), Ok(numeric_level()));
    }

    #[test]
    fn a_run_can_afford_the_check() {
        // The shortest of several: the machine may be busy with other tests.
        let once = || {
            let begun = std::time::Instant::now();
            verify().unwrap();
            begun.elapsed()
        };
        let shortest = (0..9).map(|_| once()).min().unwrap();
        assert!(shortest < std::time::Duration::from_millis(10), "{shortest:?}");
    }

    #[test]
    fn drift_names_the_kernel() {
        let drift = Drift { kernel: "noise", level: NumericLevel::Scalar, expected: 1, found: 2 };
        assert!(drift.to_string().contains("`noise` at level `scalar`"));
    }
}
