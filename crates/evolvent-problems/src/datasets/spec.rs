//! The table `[problem.dataset]` of an experiment file.
//!
//! ```
//! use evolvent_core::Auto;
//! use evolvent_problems::datasets::{Amount, Column, DatasetSpec, Source};
//! let text = r#"
//! source = { csv = { path = "houses.csv", target = "price" } }
//! test = 0.25
//! minibatch_size = 64
//! "#;
//! let spec: DatasetSpec = toml::from_str(text).unwrap();
//! let Source::Csv(csv) = &spec.source else { panic!() };
//! assert_eq!(csv.target.0, [Column::Name("price".into())]);
//! assert_eq!(spec.test, Auto::Value(Amount::Fraction(0.25)));
//! assert!(spec.check().is_ok());
//! ```

use std::path::PathBuf;

use evolvent_core::{Auto, Violations};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::loss::Loss;
use super::metric::Metric;
use super::setting::{Amount, Column, Columns};
use super::visual::{RetinaSpec, VisualDiscriminationSpec};

/// A supervised data set: where it comes from, how it is split and scaled, and how answers are judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DatasetSpec {
    /// Where the samples come from: the name of a built-in or well-known set, or a reader with its settings.
    pub source: Source,
    /// Samples held out to choose the champion: a fraction (0.0 to below 1.0) of the samples or a count. `"auto"`: 0.15,
    /// and none for the truth tables (xor, parity, retina), two_spirals and visual_discrimination, which are learnt whole.
    #[serde(default)]
    pub validation: Auto<Amount>,
    /// Samples held out for the final report: a fraction (0.0 to below 1.0) or a count. `"auto"`: the set's own test
    /// samples where it has them, else as for `validation`. Where the set has its own, only `"auto"` is allowed.
    #[serde(default)]
    pub test: Auto<Amount>,
    /// Splits keep the proportions of the classes. Without effect on numbers as targets.
    #[serde(default = "yes")]
    pub stratify: bool,
    /// Seed of the split and of generated samples, so that runs with different seeds can share them. `"auto"`: drawn
    /// from the seed of the run.
    #[serde(default)]
    pub seed: Auto<u64>,
    /// Scaling of the inputs, fitted on the training samples only.
    #[serde(default)]
    pub standardise: Standardise,
    /// Targets that are numbers are brought to mean 0 and standard deviation 1, fitted on the training samples. Metrics
    /// are given in the units of the data all the same.
    #[serde(default = "yes")]
    pub standardise_targets: bool,
    /// What is minimised. `"auto"`: cross_entropy for classes, mean_squared_error for numbers.
    #[serde(default)]
    pub loss: Auto<Loss>,
    /// What is reported. `"auto"`: accuracy for classes, r2 for numbers.
    #[serde(default)]
    pub metric: Auto<Metric>,
    /// Training samples per round, at least 1, the same for the whole population; at or above the number of training
    /// samples every round uses all of them. `"auto"`: all up to 2,000 samples, else 512.
    #[serde(default)]
    pub minibatch_size: Auto<usize>,
    /// Samples that each round draws its minibatch from, more than `minibatch_size`: the centre of the population answers
    /// all of them, and those that it is wrong about enter more often, weighted so that the expected loss stays the same
    /// (importance sampling). For algorithms whose populations have one centre, such as open_es, snes and pgpe; for others
    /// minibatches stay uniform. `"auto"`: none.
    #[serde(default)]
    pub candidates: Auto<usize>,
    /// β of importance sampling, from 0 to 1: weights are the inverse probabilities to the power of it. 1 leaves the expected
    /// loss as it is; less gives the samples that the centre is wrong about more weight.
    #[serde(default = "whole")]
    pub importance_correction: f64,
}

fn yes() -> bool {
    true
}

fn whole() -> f64 {
    1.0
}

impl Default for DatasetSpec {
    fn default() -> Self {
        DatasetSpec {
            source: Source::default(),
            validation: Auto::Auto,
            test: Auto::Auto,
            stratify: true,
            seed: Auto::Auto,
            standardise: Standardise::default(),
            standardise_targets: true,
            loss: Auto::Auto,
            metric: Auto::Auto,
            minibatch_size: Auto::Auto,
            candidates: Auto::Auto,
            importance_correction: 1.0,
        }
    }
}

/// Where samples come from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Exclusive or of two bits: 4 samples, 2 classes.
    #[default]
    Xor,
    /// Parity of several bits: the whole truth table, 2 classes.
    Parity(ParitySpec),
    /// The two spirals of Lang and Witbrock (1988): 194 points, 2 classes; tested on 192 points between them.
    TwoSpirals,
    /// Two spirals with a density, a radius and noise of one's own.
    Spirals(SpiralsSpec),
    /// Fisher's iris flowers: 150 samples, 4 features, 3 classes.
    Iris,
    /// Three cultivars of wine: 178 samples, 13 features, 3 classes.
    Wine,
    /// Handwritten digits, 8x8 grey: 1,797 samples, 10 classes.
    Digits,
    /// One period of a sine, noisy or not: regression with 1 input.
    Sine(SineSpec),
    /// Friedman's function number 1: regression with 10 inputs, 5 of them idle.
    Friedman1(Friedman1Spec),
    /// The modular retina (Kashtan & Alon 2005): all 256 patterns of two rows and four columns; two targets, 1 or −1, say whether
    /// an object is in the left and in the right half.
    Retina(RetinaSpec),
    /// Visual discrimination (Stanley, D'Ambrosio & Gauci 2009): find the middle of the larger of two boxes; a class for each
    /// pixel, 75 trials and 225 further ones for the test.
    VisualDiscrimination(VisualDiscriminationSpec),
    /// MNIST digits, 28x28 grey, from the folder `EVOLVENT_DATA`: 60,000 and 10,000 test samples, 10 classes.
    Mnist,
    /// Fashion-MNIST, as `mnist`.
    FashionMnist,
    /// Kuzushiji-MNIST, as `mnist`.
    Kmnist,
    /// A CSV file, packed by gzip or not.
    Csv(CsvSpec),
    /// IDX files (the format of MNIST), packed by gzip or not.
    Idx(IdxSpec),
    /// NumPy arrays, one per npy file.
    Npy(NpySpec),
    /// NumPy arrays in one npz file.
    Npz(NpzSpec),
    /// A folder with a sub-folder of PNG images for each class.
    PngFolder(PngFolderSpec),
}

/// Settings of `source = { parity = … }`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ParitySpec {
    /// Number of bits, 1 to 16; all 2^bits patterns are samples. Default 3.
    #[schemars(range(min = 1, max = 16))]
    pub bits: usize,
}

impl Default for ParitySpec {
    fn default() -> Self {
        ParitySpec { bits: 3 }
    }
}

/// Settings of `source = { spirals = … }`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SpiralsSpec {
    /// Points per spiral and sixteenth of a half turn, 1 to 1000; 96 × density + 1 points per spiral. Default 1.
    #[schemars(range(min = 1, max = 1000))]
    pub density: usize,
    /// Outer radius, above 0. Default 6.5.
    pub radius: f64,
    /// Standard deviation of the Gaussian noise added to both coordinates, at least 0. Default 0.
    #[schemars(range(min = 0.0))]
    pub noise: f64,
}

impl Default for SpiralsSpec {
    fn default() -> Self {
        SpiralsSpec { density: 1, radius: 6.5, noise: 0.0 }
    }
}

/// Settings of `source = { sine = … }`: y = sin(x) + noise for x evenly spaced in [-π, π].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SineSpec {
    /// Number of samples, 2 to 1,000,000. Default 200.
    #[schemars(range(min = 2, max = 1_000_000))]
    pub points: usize,
    /// Standard deviation of the Gaussian noise added to y, at least 0. Default 0.
    #[schemars(range(min = 0.0))]
    pub noise: f64,
}

impl Default for SineSpec {
    fn default() -> Self {
        SineSpec { points: 200, noise: 0.0 }
    }
}

/// Settings of `source = { friedman1 = … }`: y = 10 sin(π x₀ x₁) + 20 (x₂ − 0.5)² + 10 x₃ + 5 x₄ + noise, x uniform.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Friedman1Spec {
    /// Number of samples, 2 to 1,000,000. Default 500.
    #[schemars(range(min = 2, max = 1_000_000))]
    pub points: usize,
    /// Standard deviation of the Gaussian noise added to y, at least 0. Default 1, as in the paper.
    #[schemars(range(min = 0.0))]
    pub noise: f64,
}

impl Default for Friedman1Spec {
    fn default() -> Self {
        Friedman1Spec { points: 500, noise: 1.0 }
    }
}

/// What the targets of a file are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TargetKind {
    /// In CSV files: classes when the first target is a text, or when all are whole numbers without a decimal point and
    /// there are at most 20 different ones. In arrays: classes when one integer, boolean or text is given per sample.
    #[default]
    Auto,
    /// One class per sample, a text or a whole number.
    Classes,
    /// Numbers.
    Values,
}

/// Settings of `source = { csv = … }`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CsvSpec {
    /// The file; `.csv.gz` is unpacked.
    pub path: PathBuf,
    /// A second file with the test samples and the same columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_path: Option<PathBuf>,
    /// The target column by name or number (0 is the first, -1 the last), or a list of them for several values. Default:
    /// the last column.
    #[serde(default = "last_column")]
    pub target: Columns,
    /// What the target is.
    #[serde(default)]
    pub target_kind: TargetKind,
    /// Columns that are no inputs: names, dates, identifiers.
    #[serde(default)]
    pub ignore: Vec<Column>,
    /// Input columns with texts (at most 256 different ones): each becomes as many inputs as it has different values,
    /// one of them 1 and the others 0.
    #[serde(default)]
    pub categorical: Vec<Column>,
    /// The character between columns. `"auto"`: whichever of comma, semicolon, tab and bar the first line has most of.
    #[serde(default)]
    pub delimiter: Auto<char>,
    /// The first line names the columns. Default true.
    #[serde(default = "yes")]
    pub header: bool,
}

fn last_column() -> Columns {
    Columns(vec![Column::Index(-1)])
}

impl Default for CsvSpec {
    fn default() -> Self {
        CsvSpec {
            path: PathBuf::new(),
            test_path: None,
            target: last_column(),
            target_kind: TargetKind::Auto,
            ignore: Vec::new(),
            categorical: Vec::new(),
            delimiter: Auto::Auto,
            header: true,
        }
    }
}

/// Settings of `source = { idx = … }`. Bytes in images (three axes or more) are scaled to 0..1.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IdxSpec {
    /// File of the inputs.
    pub inputs: PathBuf,
    /// File of the targets.
    pub targets: PathBuf,
    /// File of the inputs of the test samples; together with `test_targets`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_inputs: Option<PathBuf>,
    /// File of the targets of the test samples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_targets: Option<PathBuf>,
    /// What the targets are.
    #[serde(default)]
    pub target_kind: TargetKind,
}

/// Which axis of a colour image holds the channels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChannelAxis {
    /// `[samples, channels, height, width]`, as PyTorch and ONNX have it.
    #[default]
    First,
    /// `[samples, height, width, channels]`, as TensorFlow and most image files have it.
    Last,
}

/// Settings of `source = { npy = … }`. Bytes in images (three axes or more) are scaled to 0..1.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NpySpec {
    /// File of the inputs, samples along the first axis.
    pub inputs: PathBuf,
    /// File of the targets, samples along the first axis.
    pub targets: PathBuf,
    /// File of the inputs of the test samples; together with `test_targets`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_inputs: Option<PathBuf>,
    /// File of the targets of the test samples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_targets: Option<PathBuf>,
    /// What the targets are.
    #[serde(default)]
    pub target_kind: TargetKind,
    /// Where arrays with four axes have their channels.
    #[serde(default)]
    pub channels: ChannelAxis,
}

/// Settings of `source = { npz = … }`. Bytes in images (three axes or more) are scaled to 0..1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NpzSpec {
    /// The archive.
    pub path: PathBuf,
    /// Name of the array of inputs. Default `"inputs"`.
    #[serde(default = "inputs_name")]
    pub inputs: String,
    /// Name of the array of targets. Default `"targets"`.
    #[serde(default = "targets_name")]
    pub targets: String,
    /// Name of the array of test inputs; together with `test_targets`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_inputs: Option<String>,
    /// Name of the array of test targets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_targets: Option<String>,
    /// What the targets are.
    #[serde(default)]
    pub target_kind: TargetKind,
    /// Where arrays with four axes have their channels.
    #[serde(default)]
    pub channels: ChannelAxis,
}

fn inputs_name() -> String {
    "inputs".into()
}

fn targets_name() -> String {
    "targets".into()
}

impl Default for NpzSpec {
    fn default() -> Self {
        NpzSpec {
            path: PathBuf::new(),
            inputs: inputs_name(),
            targets: targets_name(),
            test_inputs: None,
            test_targets: None,
            target_kind: TargetKind::Auto,
            channels: ChannelAxis::First,
        }
    }
}

/// Which channels an image is turned into.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Colour {
    /// As the file has them (grey 1, grey with alpha 2, colour 3, colour with alpha 4); all images must agree.
    #[default]
    Auto,
    /// One channel: 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601); transparency is dropped.
    Grey,
    /// Three channels; transparency is dropped.
    Rgb,
}

/// Settings of `source = { png_folder = … }`. Pixels are scaled to 0..1; all images must have one size.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PngFolderSpec {
    /// The folder. Each folder below it that holds `.png` files is a class, named by its path from here.
    pub path: PathBuf,
    /// A second folder with the test samples and the same classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_path: Option<PathBuf>,
    /// Channels.
    #[serde(default)]
    pub colour: Colour,
}

/// Scaling of the inputs; statistics come from the training samples alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Standardise {
    /// `per_feature` for tables, `none` for images (which are read as 0..1).
    #[default]
    Auto,
    /// As read.
    None,
    /// Each input to mean 0 and standard deviation 1; a constant input becomes 0.
    PerFeature,
    /// Each channel of images to mean 0 and standard deviation 1; for tables the same as `per_feature`.
    PerChannel,
    /// All inputs together to mean 0 and standard deviation 1.
    Global,
    /// Each input of tables, all inputs of images together, to 0..1 by minimum and maximum.
    MinMax,
}

impl DatasetSpec {
    /// What is out of range, all of it at once; paths are looked for when the set is loaded.
    ///
    /// # Errors
    /// The violations, their paths relative to this table.
    pub fn check(&self) -> Result<(), Violations> {
        let mut v = Violations::new();
        for (path, amount) in [("validation", self.validation), ("test", self.test)] {
            if let Auto::Value(Amount::Fraction(fraction)) = amount {
                let expected = "a fraction from 0.0 to below 1.0, or a whole number of samples";
                v.require((0.0..1.0).contains(&fraction), path, fraction, expected);
            }
        }
        if let (Auto::Value(Amount::Fraction(a)), Auto::Value(Amount::Fraction(b))) =
            (self.validation, self.test)
            && a + b >= 1.0
        {
            v.add(
                "test",
                format!("{a} + {b}"),
                "validation and test together below 1.0, to leave training samples",
            );
        }
        if let Auto::Value(size) = self.minibatch_size {
            v.at_least("minibatch_size", size, 1);
            let beta = self.importance_correction;
            v.require((0.0..=1.0).contains(&beta), "importance_correction", beta, "from 0 to 1");
            if let Auto::Value(candidates) = self.candidates {
                let expected = format!("more than minibatch_size, {size}");
                v.require(candidates > size, "candidates", candidates, &expected);
            }
        }
        self.source.check(&mut v);
        v.into_result()
    }
}

impl Source {
    fn check(&self, v: &mut Violations) {
        let points_range = "a whole number in 2 to 1,000,000";
        let mut pair = |inputs: bool, targets: bool, path: &str| {
            v.require(inputs == targets, path, "only one of them", "test_inputs and test_targets together");
        };
        match self {
            Source::Idx(spec) => pair(spec.test_inputs.is_some(), spec.test_targets.is_some(), "source.idx"),
            Source::Npy(spec) => pair(spec.test_inputs.is_some(), spec.test_targets.is_some(), "source.npy"),
            Source::Npz(spec) => pair(spec.test_inputs.is_some(), spec.test_targets.is_some(), "source.npz"),
            Source::Parity(spec) => {
                let range = (1..=16).contains(&spec.bits);
                v.require(range, "source.parity.bits", spec.bits, "a whole number in 1 to 16");
            }
            Source::Spirals(spec) => {
                let range = (1..=1000).contains(&spec.density);
                v.require(range, "source.spirals.density", spec.density, "a whole number in 1 to 1000");
                v.positive("source.spirals.radius", spec.radius);
                v.non_negative("source.spirals.noise", spec.noise);
            }
            Source::Sine(SineSpec { points, noise }) => {
                v.require((2..=1_000_000).contains(points), "source.sine.points", points, points_range);
                v.non_negative("source.sine.noise", *noise);
            }
            Source::Friedman1(Friedman1Spec { points, noise }) => {
                v.require((2..=1_000_000).contains(points), "source.friedman1.points", points, points_range);
                v.non_negative("source.friedman1.noise", *noise);
            }
            Source::Retina(spec) => spec.check(v),
            Source::VisualDiscrimination(spec) => spec.check(v),
            Source::Csv(spec) => {
                v.require(!spec.target.0.is_empty(), "source.csv.target", "[]", "at least one column");
                if let Auto::Value(delimiter) = spec.delimiter {
                    let plain = delimiter.is_ascii() && !matches!(delimiter, '"' | '\n' | '\r');
                    let expected = "one ASCII character that is no quote and ends no line";
                    v.require(plain, "source.csv.delimiter", format!("{delimiter:?}"), expected);
                }
                if spec.target.0.len() > 1 && spec.target_kind == TargetKind::Classes {
                    v.add(
                        "source.csv.target_kind",
                        "\"classes\"",
                        "\"values\" where there are several targets",
                    );
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
