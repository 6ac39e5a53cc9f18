//! The in-memory form of every data set: samples with inputs and targets.

use std::collections::BTreeMap;

use super::error::{DataError, DataErrorKind, Place};

/// Samples with their targets, in memory.
///
/// Layout: `inputs` is sample-major, one row of [`width`](Self::width) values per sample; inside a row the axes of
/// `shape` follow in order, the last fastest. Tabular data has the shape `[features]`, images `[channels, height,
/// width]`. Every value is finite.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// `len() * width()` values, sample-major.
    pub inputs: Vec<f32>,
    /// Shape of one sample.
    pub shape: Vec<usize>,
    /// What the network should answer.
    pub targets: Targets,
    /// Names of the inputs where the source has them (columns of a CSV file); else empty.
    pub features: Vec<String>,
}

/// What a network should answer for each sample.
#[derive(Clone, Debug, PartialEq)]
pub enum Targets {
    /// One class per sample.
    Classes {
        /// Index into `names` per sample.
        labels: Vec<u32>,
        /// Name of each class.
        names: Vec<String>,
    },
    /// One or several numbers per sample.
    Values {
        /// `len * dimension` values, sample-major.
        values: Vec<f32>,
        /// Numbers per sample, at least 1.
        dimension: usize,
        /// Names of the numbers where the source has them; else empty.
        names: Vec<String>,
    },
}

/// The most classes a data set may have.
pub const MAX_CLASSES: usize = 65_536;

impl Targets {
    /// Number of samples.
    pub fn len(&self) -> usize {
        match self {
            Targets::Classes { labels, .. } => labels.len(),
            Targets::Values { values, dimension, .. } => values.len() / dimension,
        }
    }

    /// True when there is no sample.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of classes, or of values per sample.
    pub fn width(&self) -> usize {
        match self {
            Targets::Classes { names, .. } => names.len(),
            Targets::Values { dimension, .. } => *dimension,
        }
    }

    /// Classes from integers: the distinct ones in rising order, named by their digits.
    pub(crate) fn from_integers(integers: &[i64], file: &str) -> Result<Self, DataError> {
        let mut distinct = integers.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        check_class_count(distinct.len(), file)?;
        // Every integer is in `distinct`, so the search never fails.
        let labels = integers.iter().map(|i| distinct.binary_search(i).unwrap_or_default() as u32).collect();
        Ok(Targets::Classes { labels, names: distinct.iter().map(i64::to_string).collect() })
    }

    /// Classes from texts: the distinct ones in the order of their bytes.
    pub(crate) fn from_texts(texts: &[String], file: &str) -> Result<Self, DataError> {
        let mut names = texts.to_vec();
        names.sort_unstable();
        names.dedup();
        check_class_count(names.len(), file)?;
        let labels = texts.iter().map(|t| names.binary_search(t).unwrap_or_default() as u32).collect();
        Ok(Targets::Classes { labels, names })
    }

    /// Makes the targets of a test file speak of the classes of the training file, by name.
    pub(crate) fn adopt_classes(&mut self, training: &Targets, file: &str) -> Result<(), DataError> {
        let mismatch = |expected: String, found: String| {
            Err(DataError::new(DataErrorKind::Mismatch, file, Place::Whole, expected, found))
        };
        match (self, training) {
            (Targets::Classes { labels, names }, Targets::Classes { names: wanted, .. }) => {
                let places: BTreeMap<&str, u32> = wanted.iter().map(String::as_str).zip(0..).collect();
                let mut index = Vec::with_capacity(names.len());
                for name in names.iter() {
                    match places.get(name.as_str()) {
                        Some(&position) => index.push(position),
                        None => {
                            return mismatch(
                                format!("the classes of the training data: {}", super::error::listed(wanted)),
                                format!("a class {name:?}"),
                            );
                        }
                    }
                }
                labels.iter_mut().for_each(|label| *label = index[*label as usize]);
                names.clone_from(wanted);
                Ok(())
            }
            (Targets::Values { dimension, .. }, Targets::Values { dimension: wanted, .. }) => {
                if dimension == wanted {
                    return Ok(());
                }
                mismatch(
                    format!("{wanted} target values per sample as in the training data"),
                    dimension.to_string(),
                )
            }
            (Targets::Classes { .. }, Targets::Values { .. }) => {
                mismatch("numbers as targets, as in the training data".into(), "classes".into())
            }
            (Targets::Values { .. }, Targets::Classes { .. }) => {
                mismatch("classes as targets, as in the training data".into(), "numbers".into())
            }
        }
    }
}

pub(crate) fn check_class_count(count: usize, file: &str) -> Result<(), DataError> {
    if count <= MAX_CLASSES {
        return Ok(());
    }
    let expected = format!("at most {MAX_CLASSES} classes");
    Err(DataError::new(DataErrorKind::TooLarge, file, Place::Whole, expected, count.to_string())
        .hint("set target_kind = \"values\" when the target is a quantity"))
}

impl Table {
    /// Number of samples.
    pub fn len(&self) -> usize {
        self.targets.len()
    }

    /// True when there is no sample.
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }

    /// Inputs per sample: the product of the shape.
    pub fn width(&self) -> usize {
        self.shape.iter().product()
    }

    /// True when a sample is an image, `[channels, height, width]`.
    pub fn is_image(&self) -> bool {
        self.shape.len() == 3
    }

    /// The inputs of one sample.
    pub fn input(&self, sample: usize) -> &[f32] {
        let width = self.width();
        &self.inputs[sample * width..(sample + 1) * width]
    }

    /// The samples with these indices, in their order.
    ///
    /// # Panics
    /// When an index is not below [`len`](Self::len).
    pub fn select(&self, indices: &[u32]) -> Table {
        let targets = match &self.targets {
            Targets::Classes { labels, names } => Targets::Classes {
                labels: indices.iter().map(|&sample| labels[sample as usize]).collect(),
                names: names.clone(),
            },
            Targets::Values { values, dimension, names } => Targets::Values {
                values: rows(values, *dimension, indices),
                dimension: *dimension,
                names: names.clone(),
            },
        };
        Table {
            inputs: rows(&self.inputs, self.width(), indices),
            shape: self.shape.clone(),
            targets,
            features: self.features.clone(),
        }
    }

    /// Checks what the readers promise: sizes that agree, at least one sample and one input, finite numbers.
    pub(crate) fn checked(self, file: &str) -> Result<Self, DataError> {
        let mismatch = |expected: String, found: String| {
            DataError::new(DataErrorKind::Mismatch, file, Place::Whole, expected, found)
        };
        let width = self.width();
        if self.is_empty() || width == 0 || self.inputs.is_empty() {
            return Err(mismatch(
                "at least one sample with one input".into(),
                format!("{} samples of shape {:?}", self.len(), self.shape),
            ));
        }
        if u32::try_from(self.len()).is_err() {
            return Err(mismatch(format!("at most {} samples", u32::MAX), self.len().to_string()));
        }
        if self.inputs.len() != self.len() * width {
            return Err(mismatch(
                format!("as many inputs as targets ({} samples)", self.len()),
                format!("{} samples", self.inputs.len() / width),
            ));
        }
        let bad = |sample: usize, what: String, value: f32| {
            let place = Place::Entry(format!("sample {sample}, {what}").into());
            DataError::new(
                DataErrorKind::BadValue,
                file,
                place,
                "a finite number that f32 can hold",
                value.to_string(),
            )
            .hint("fill or drop missing values first")
        };
        if let Some(at) = self.inputs.iter().position(|x| !x.is_finite()) {
            return Err(bad(at / width, format!("input {}", at % width), self.inputs[at]));
        }
        if let Targets::Values { values, dimension, .. } = &self.targets
            && let Some(at) = values.iter().position(|x| !x.is_finite())
        {
            return Err(bad(at / dimension, format!("target {}", at % dimension), values[at]));
        }
        Ok(self)
    }
}

fn rows(values: &[f32], width: usize, indices: &[u32]) -> Vec<f32> {
    let mut rows = Vec::with_capacity(indices.len() * width);
    for &sample in indices {
        let start = sample as usize * width;
        rows.extend_from_slice(&values[start..start + width]);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        Table {
            inputs: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
            shape: vec![2],
            targets: Targets::Classes { labels: vec![0, 1, 0], names: vec!["a".into(), "b".into()] },
            features: vec!["x".into(), "y".into()],
        }
    }

    #[test]
    fn selection_keeps_order_and_names() {
        let part = table().select(&[2, 0]);
        assert_eq!(part.inputs, [5.0, 6.0, 1.0, 2.0]);
        assert_eq!(
            part.targets,
            Targets::Classes { labels: vec![0, 0], names: vec!["a".into(), "b".into()] }
        );
        assert_eq!((part.len(), part.width(), part.input(1)), (2, 2, &[1.0, 2.0][..]));
    }

    #[test]
    fn integer_classes_are_sorted_as_numbers() {
        let targets = Targets::from_integers(&[10, -1, 9, 10], "f").unwrap();
        assert_eq!(
            targets,
            Targets::Classes { labels: vec![2, 0, 1, 2], names: vec!["-1".into(), "9".into(), "10".into()] }
        );
    }

    #[test]
    fn test_classes_are_matched_by_name() {
        let training = Targets::from_integers(&[3, 5, 7], "f").unwrap();
        let mut test = Targets::from_integers(&[7, 5, 7], "f").unwrap();
        test.adopt_classes(&training, "f").unwrap();
        let names = ["3", "5", "7"].map(String::from).to_vec();
        assert_eq!(test, Targets::Classes { labels: vec![2, 1, 2], names });
        let mut stranger = Targets::from_integers(&[4], "g").unwrap();
        assert_eq!(stranger.adopt_classes(&training, "g").unwrap_err().kind, DataErrorKind::Mismatch);
    }

    #[test]
    fn checks_find_gaps_and_bad_numbers() {
        assert!(table().checked("f").is_ok());
        let mut short = table();
        short.inputs.truncate(4);
        assert_eq!(short.checked("f").unwrap_err().kind, DataErrorKind::Mismatch);
        let mut gap = table();
        gap.inputs[3] = f32::NAN;
        let error = gap.checked("f").unwrap_err();
        assert_eq!(error.place, Place::Entry("sample 1, input 1".into()));
    }
}
