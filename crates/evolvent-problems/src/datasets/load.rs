//! From a specification to a data set that is ready for evolution: read, split, scaled.

use evolvent_core::{Auto, Interface, Purpose, RunKey, Stream, Violations, stream};

use super::array;
use super::builtin;
use super::csv;
use super::error::{DataError, DataErrorKind, Place};
use super::files::{Folders, Limits, read};
use super::generated;
use super::idx;
use super::loss::Loss;
use super::metric::Metric;
use super::npy;
use super::npz::Archive;
use super::png;
use super::scaling::Scaling;
use super::setting::Amount;
use super::spec::{ChannelAxis, DatasetSpec, NpzSpec, ParitySpec, Source, SpiralsSpec, TargetKind};
use super::split::split;
use super::table::{Table, Targets};
use super::visual;
use super::wellknown;

/// The samples of a source before they are split.
#[derive(Clone, Debug)]
pub struct Samples {
    /// All samples, or those of the training file.
    pub table: Table,
    /// Test samples that the source itself sets apart.
    pub test: Option<Table>,
    /// The samples are all there are (a truth table) or are meant to be learnt whole, so that none is held out unless
    /// it is asked for.
    pub complete: bool,
}

/// A data set that is ready for evolution. Inputs and targets are scaled; `validation` and `test` may be empty.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// What networks are evolved on.
    pub training: Table,
    /// What the champion is chosen by; empty: choose by the training samples.
    pub validation: Table,
    /// What is reported; empty: report the validation samples, or else the training samples.
    pub test: Table,
    /// What was done to the inputs; a champion carries it, so that it takes data as they are in the file.
    pub input_scaling: Scaling,
    /// What was done to targets that are numbers; a champion undoes it on its outputs.
    pub target_scaling: Scaling,
    /// What is minimised.
    pub loss: Loss,
    /// What is reported.
    pub metric: Metric,
    /// Training samples per round.
    pub minibatch_size: usize,
    /// Training samples that a round's minibatch is drawn from by importance; 0: minibatches are uniform.
    pub candidates: usize,
    /// β: weights of samples drawn by importance are inverse probabilities to the power of it.
    pub importance_correction: f64,
}

impl Dataset {
    /// A checksum (FNV-1a) of all samples and targets as they are shown to networks.
    pub fn checksum(&self) -> u64 {
        let mut hash = 0xcbf2_9ce4_8422_2325u64;
        let mut mix = |bits: u32| hash = (hash ^ u64::from(bits)).wrapping_mul(0x0000_0100_0000_01b3);
        for table in [&self.training, &self.validation, &self.test] {
            mix(table.inputs.len() as u32);
            table.inputs.iter().for_each(|x| mix(x.to_bits()));
            match &table.targets {
                Targets::Classes { labels, .. } => labels.iter().for_each(|&label| mix(label)),
                Targets::Values { values, .. } => values.iter().for_each(|x| mix(x.to_bits())),
            }
        }
        hash
    }
}

/// Why a data set could not be made: its settings, or its files.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum LoadError {
    /// Settings out of range or at odds with the data; paths are relative to the table of the data set.
    #[error("{0}")]
    Settings(Violations),
    /// A file.
    #[error("{0}")]
    Data(#[from] DataError),
}

impl From<Violations> for LoadError {
    fn from(violations: Violations) -> Self {
        LoadError::Settings(violations)
    }
}

/// `"auto"` for validation and test samples.
const HELD_OUT: Amount = Amount::Fraction(0.15);
/// `"auto"` for the minibatch: up to so many training samples, all of them.
const FULL_BATCH: usize = 2000;
/// `"auto"` for the minibatch of larger sets.
const MINIBATCH: usize = 512;

impl Dataset {
    /// Reads, splits and scales a data set. A function of the specification, the files and the seed alone: the split
    /// follows `spec.seed`, or else the key of the run.
    ///
    /// ```
    /// use evolvent_core::{Output, RunKey};
    /// use evolvent_problems::datasets::{Dataset, DatasetSpec, Folders, Limits, Source};
    /// let spec = DatasetSpec { source: Source::Iris, ..Default::default() };
    /// let iris = Dataset::load(&spec, &Folders::default(), &Limits::default(), RunKey::from_seed(1)).unwrap();
    /// // 15 % each are held out: 22.5 samples, rounded up.
    /// assert_eq!((iris.training.len(), iris.validation.len(), iris.test.len()), (104, 23, 23));
    /// assert_eq!(iris.interface().output, Output::Classes(3));
    /// ```
    ///
    /// # Errors
    /// All settings that are out of range at once, or the first file that cannot be used.
    pub fn load(
        spec: &DatasetSpec,
        folders: &Folders,
        limits: &Limits,
        run: RunKey,
    ) -> Result<Self, LoadError> {
        spec.check()?;
        let samples = open(&spec.source, folders, limits, &mut draws(spec, run, Purpose::Problem))?;
        Self::prepare(samples, spec, run)
    }

    /// Splits and scales samples that come from elsewhere than a file; `spec.source` is not looked at.
    ///
    /// # Errors
    /// Settings that are out of range or do not fit the data.
    pub fn prepare(samples: Samples, spec: &DatasetSpec, run: RunKey) -> Result<Self, LoadError> {
        spec.check()?;
        let Samples { table, test: own_test, complete } = samples;
        let all = table.len();
        let auto = if complete { Amount::Count(0) } else { HELD_OUT };
        let validation = spec.validation.or(|| auto).of(all);
        let test = match (&own_test, spec.test) {
            (None, test) => test.or(|| auto).of(all),
            (Some(_), Auto::Auto) => 0,
            (Some(_), Auto::Value(_)) => {
                let mut v = Violations::new();
                v.add_with_hint(
                    "test",
                    "an amount",
                    "\"auto\", because the set has test samples of its own",
                    "leave test out",
                );
                return Err(v.into());
            }
        };
        let parts =
            split(&table.targets, validation, test, spec.stratify, &mut draws(spec, run, Purpose::Split))?;
        let mut validation = table.select(&parts.validation);
        let mut test = own_test.unwrap_or_else(|| table.select(&parts.test));
        let mut training = if parts.training.len() == all { table } else { table.select(&parts.training) };
        let input_scaling = Scaling::of_inputs(&training, spec.standardise);
        let target_scaling =
            if spec.standardise_targets { Scaling::of_targets(&training.targets) } else { Scaling::none() };
        for part in [&mut training, &mut validation, &mut test] {
            let width = part.width();
            input_scaling.apply(&mut part.inputs, width);
            if let Targets::Values { values, dimension, .. } = &mut part.targets {
                target_scaling.apply(values, *dimension);
            }
        }
        let loss = spec.loss.or(|| Loss::fitting(&training.targets));
        let metric = spec.metric.or(|| Metric::fitting(&training.targets));
        let mut v = Violations::new();
        for result in [loss.check(&training.targets), metric.check(&training.targets, loss)] {
            v.0.extend(result.err().into_iter().flat_map(|inner| inner.0));
        }
        v.into_result()?;
        let size = training.len();
        let minibatch_size =
            spec.minibatch_size.or(|| if size <= FULL_BATCH { size } else { MINIBATCH }).min(size);
        Ok(Dataset {
            training,
            validation,
            test,
            input_scaling,
            target_scaling,
            loss,
            metric,
            minibatch_size,
            importance_correction: spec.importance_correction,
            candidates: spec.candidates.given().map_or(0, |&candidates| candidates.min(size)),
        })
    }

    /// What a network is shown and what it must answer.
    pub fn interface(&self) -> Interface {
        Interface { input: self.training.shape.clone(), output: self.loss.output(&self.training.targets) }
    }

    /// The samples by which a champion is chosen: the validation part, or else the training part.
    pub fn choosing(&self) -> &Table {
        if self.validation.is_empty() { &self.training } else { &self.validation }
    }

    /// The samples on which a champion is reported: the test part, or else those by which it is chosen.
    pub fn reporting(&self) -> &Table {
        if self.test.is_empty() { self.choosing() } else { &self.test }
    }
}

fn draws(spec: &DatasetSpec, run: RunKey, purpose: Purpose) -> Stream {
    let key = match spec.seed {
        Auto::Auto => run,
        Auto::Value(seed) => RunKey::from_seed(seed),
    };
    stream(key, 0, 0, 0, purpose)
}

/// Reads or computes the samples of a source; `stream` is for generated ones.
///
/// # Errors
/// Files that are missing, damaged or do not fit together.
pub fn open(
    source: &Source,
    folders: &Folders,
    limits: &Limits,
    stream: &mut Stream,
) -> Result<Samples, DataError> {
    let plain = |table: Table| Ok(Samples { table, test: None, complete: false });
    let complete = |table: Table, test: Option<Table>| Ok(Samples { table, test, complete: true });
    match source {
        Source::Xor => complete(generated::parity(2), None),
        Source::Parity(ParitySpec { bits }) => complete(generated::parity(*bits), None),
        Source::TwoSpirals => {
            let spec = SpiralsSpec::default();
            complete(generated::spirals(&spec, stream), Some(generated::spirals_between(&spec)))
        }
        Source::Spirals(spec) => {
            complete(generated::spirals(spec, stream), Some(generated::spirals_between(spec)))
        }
        Source::Iris => plain(builtin::iris()?),
        Source::Wine => plain(builtin::wine()?),
        Source::Digits => plain(builtin::digits()?),
        Source::Sine(spec) => plain(generated::sine(spec, stream)),
        Source::Friedman1(spec) => plain(generated::friedman1(spec, stream)),
        Source::Retina(spec) => complete(visual::retina(spec), None),
        Source::VisualDiscrimination(spec) => {
            let (table, test) = visual::visual_discrimination(spec);
            complete(table, Some(test))
        }
        Source::Mnist => with_test(wellknown::MNIST.open(folders, limits)?),
        Source::FashionMnist => with_test(wellknown::FASHION_MNIST.open(folders, limits)?),
        Source::Kmnist => with_test(wellknown::KMNIST.open(folders, limits)?),
        Source::Csv(spec) => {
            let test = spec.test_path.as_ref().map(|path| folders.find(path)).transpose()?;
            let (table, test) = csv::open(&folders.find(&spec.path)?, test.as_deref(), spec, limits)?;
            Ok(Samples { table, test, complete: false })
        }
        Source::Idx(spec) => {
            let read = |path| idx::open(&folders.find(path)?, limits);
            let pair = |inputs, targets, kind| {
                array::table(&read(inputs)?, &read(targets)?, ChannelAxis::First, kind)
            };
            let table = pair(&spec.inputs, &spec.targets, spec.target_kind)?;
            let own = spec.test_inputs.as_ref().zip(spec.test_targets.as_ref());
            let test = own.map(|(inputs, targets)| pair(inputs, targets, kind_of(&table))).transpose()?;
            fitting(table, test, "the test files")
        }
        Source::Npy(spec) => {
            let read = |path| npy::open(&folders.find(path)?, limits);
            let pair =
                |inputs, targets, kind| array::table(&read(inputs)?, &read(targets)?, spec.channels, kind);
            let table = pair(&spec.inputs, &spec.targets, spec.target_kind)?;
            let own = spec.test_inputs.as_ref().zip(spec.test_targets.as_ref());
            let test = own.map(|(inputs, targets)| pair(inputs, targets, kind_of(&table))).transpose()?;
            fitting(table, test, "the test files")
        }
        Source::Npz(spec) => open_npz(spec, folders, limits),
        Source::PngFolder(spec) => {
            let table = png::read_folder(&folders.find(&spec.path)?, spec.colour, limits)?;
            let Some(path) = &spec.test_path else { return plain(table) };
            let test = png::read_folder(&folders.find(path)?, spec.colour, limits)?;
            fitting(table, Some(test), &path.display().to_string())
        }
    }
}

fn open_npz(spec: &NpzSpec, folders: &Folders, limits: &Limits) -> Result<Samples, DataError> {
    let path = folders.find(&spec.path)?;
    let file = path.display().to_string();
    let bytes = read(&path, limits)?;
    let archive = Archive::parse(&bytes, &file, limits)?;
    let pair = |inputs: &str, targets: &str, kind| {
        array::table(&archive.array(inputs)?, &archive.array(targets)?, spec.channels, kind)
    };
    let table = pair(&spec.inputs, &spec.targets, spec.target_kind)?;
    let own = spec.test_inputs.as_ref().zip(spec.test_targets.as_ref());
    let test = own.map(|(inputs, targets)| pair(inputs, targets, kind_of(&table))).transpose()?;
    fitting(table, test, &file)
}

/// Test targets are read as what the training targets turned out to be.
fn kind_of(table: &Table) -> TargetKind {
    match table.targets {
        Targets::Classes { .. } => TargetKind::Classes,
        Targets::Values { .. } => TargetKind::Values,
    }
}

fn with_test((table, test): (Table, Table)) -> Result<Samples, DataError> {
    fitting(table, Some(test), "the test files")
}

/// Checks that test samples have the shape and the classes of the training samples.
fn fitting(table: Table, mut test: Option<Table>, file: &str) -> Result<Samples, DataError> {
    if let Some(test) = &mut test {
        if test.shape != table.shape {
            let expected = format!("samples of shape {:?} as in the training data", table.shape);
            let found = format!("{:?}", test.shape);
            return Err(DataError::new(DataErrorKind::Mismatch, file, Place::Whole, expected, found));
        }
        test.targets.adopt_classes(&table.targets, file)?;
    }
    Ok(Samples { table, test, complete: false })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::spec::{CsvSpec, IdxSpec, NpySpec, PngFolderSpec, SineSpec, Standardise};
    use super::*;

    fn load(spec: &DatasetSpec, seed: u64) -> Result<Dataset, LoadError> {
        let folders =
            Folders { base: Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")), data: None };
        Dataset::load(spec, &folders, &Limits::default(), RunKey::from_seed(seed))
    }

    fn from(source: Source) -> DatasetSpec {
        DatasetSpec { source, ..Default::default() }
    }

    #[test]
    fn truth_tables_are_learnt_whole() {
        let xor = load(&from(Source::Xor), 1).unwrap();
        assert_eq!((xor.training.len(), xor.validation.len(), xor.test.len()), (4, 0, 0));
        assert_eq!((xor.choosing(), xor.reporting()), (&xor.training, &xor.training));
        assert_eq!(xor.minibatch_size, 4);
        let spirals = load(&from(Source::TwoSpirals), 1).unwrap();
        assert_eq!((spirals.training.len(), spirals.test.len()), (194, 192));
        let asked = DatasetSpec { validation: Auto::Value(Amount::Count(64)), ..from(Source::TwoSpirals) };
        assert_eq!(load(&asked, 1).unwrap().validation.len(), 64);
    }

    #[test]
    fn the_split_is_a_function_of_the_seed() {
        let spec = from(Source::Iris);
        let inputs = |spec: &DatasetSpec, seed| load(spec, seed).unwrap().test.inputs;
        assert_eq!(inputs(&spec, 1), inputs(&spec, 1));
        assert_ne!(inputs(&spec, 1), inputs(&spec, 2));
        let fixed = DatasetSpec { seed: Auto::Value(5), ..spec };
        assert_eq!(inputs(&fixed, 1), inputs(&fixed, 2));
        let sine = DatasetSpec {
            source: Source::Sine(SineSpec { points: 40, noise: 0.1 }),
            seed: Auto::Value(5),
            ..Default::default()
        };
        assert_eq!(inputs(&sine, 1), inputs(&sine, 2));
    }

    /// Statistics come from the training part: scaled back, the parts are rows of the file.
    #[test]
    fn scaling_is_fitted_on_training_samples_only() {
        let wine = load(&from(Source::Wine), 3).unwrap();
        let moments = |table: &Table, feature: usize| {
            let column: Vec<f64> = (0..table.len()).map(|i| f64::from(table.input(i)[feature])).collect();
            let mean = column.iter().sum::<f64>() / column.len() as f64;
            let square = column.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / column.len() as f64;
            (mean, square)
        };
        for feature in 0..13 {
            let (mean, variance) = moments(&wine.training, feature);
            assert!(mean.abs() < 1e-5 && (variance - 1.0).abs() < 1e-5, "{feature}: {mean} {variance}");
        }
        assert!(moments(&wine.test, 0).0.abs() > 1e-4);
        let original = builtin::wine().unwrap();
        let mut row = wine.test.input(0).to_vec();
        wine.input_scaling.undo(&mut row, 13);
        let close =
            |i: usize| original.input(i).iter().zip(&row).all(|(a, b)| (a - b).abs() < 1e-3 * a.abs());
        assert!((0..original.len()).any(close));
    }

    #[test]
    fn every_reader_is_reached() {
        let csv = CsvSpec {
            path: "csv/values.csv.gz".into(),
            test_path: Some("csv/values.csv.gz".into()),
            ..Default::default()
        };
        let spec = DatasetSpec { validation: Auto::Value(Amount::Count(1)), ..from(Source::Csv(csv)) };
        let csv = load(&spec, 1).unwrap();
        assert_eq!((csv.training.len(), csv.validation.len(), csv.test.len()), (2, 1, 3));
        assert_eq!((csv.metric, csv.loss), (Metric::R2, Loss::MeanSquaredError));
        let whole = |source| DatasetSpec {
            validation: Auto::Value(Amount::Count(0)),
            standardise: Standardise::None,
            ..from(source)
        };
        let images = || "idx/images-idx3-ubyte.gz".into();
        let labels = || "idx/labels-idx1-ubyte".into();
        let idx = IdxSpec {
            inputs: images(),
            targets: labels(),
            test_inputs: Some("idx/images-idx3-ubyte".into()),
            test_targets: Some(labels()),
            target_kind: TargetKind::Auto,
        };
        let idx = load(&whole(Source::Idx(idx)), 1).unwrap();
        assert_eq!((idx.training.shape.as_slice(), idx.test.len()), (&[1, 3, 3][..], 2));
        let npy = NpySpec {
            inputs: "npy/u1_images.npy".into(),
            targets: "npy/i2_big.npy".into(),
            ..Default::default()
        };
        let none = DatasetSpec { test: Auto::Value(Amount::Count(0)), ..whole(Source::Npy(npy)) };
        let npy = load(&none, 1).unwrap();
        assert_eq!((npy.training.shape.as_slice(), npy.training.targets.width()), (&[3, 3, 1][..], 2));
        let npz = NpzSpec { path: "npz/deflated.npz".into(), ..Default::default() };
        let npz =
            load(&DatasetSpec { test: Auto::Value(Amount::Fraction(0.5)), ..whole(Source::Npz(npz)) }, 1)
                .unwrap();
        assert_eq!((npz.training.len(), npz.test.len()), (3, 3));
        let folder = PngFolderSpec { path: "png".into(), ..Default::default() };
        assert!(
            matches!(load(&whole(Source::PngFolder(folder)), 1), Err(LoadError::Data(e)) if e.expected.contains("sub-folders"))
        );
    }

    #[test]
    fn settings_at_odds_with_the_data() {
        let settings = |spec: DatasetSpec| match load(&spec, 1) {
            Err(LoadError::Settings(violations)) => violations.to_string(),
            other => panic!("{other:?}"),
        };
        let sine = from(Source::Sine(SineSpec::default()));
        let both = DatasetSpec {
            loss: Auto::Value(Loss::CrossEntropy),
            metric: Auto::Value(Metric::Accuracy),
            ..sine
        };
        assert_eq!(settings(both).lines().count(), 2);
        let own = DatasetSpec { test: Auto::Value(Amount::Count(3)), ..from(Source::TwoSpirals) };
        assert!(settings(own).contains("test samples of its own"));
        let big = DatasetSpec { test: Auto::Value(Amount::Count(150)), ..from(Source::Iris) };
        assert!(load(&big, 1).unwrap_err().to_string().contains("fewer than the 150 samples"));
    }
}
