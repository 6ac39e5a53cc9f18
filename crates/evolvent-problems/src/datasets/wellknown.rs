//! Well-known sets in IDX files that the user has put into the folder of data sets. Nothing is ever fetched.

use std::path::{Path, PathBuf};

use super::array;
use super::error::{DataError, DataErrorKind, Place};
use super::files::{DATA_VARIABLE, Folders, Limits};
use super::idx;
use super::spec::{ChannelAxis, TargetKind};
use super::table::Table;

/// A set that comes as the four files of MNIST.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WellKnown {
    name: &'static str,
    /// Folders below the folder of data sets, as different programs name them.
    folders: &'static [&'static str],
    origin: &'static str,
}

/// Handwritten digits (Y. LeCun, C. Cortes, C. Burges): 60,000 and 10,000 grey images of 28x28 pixels, 10 classes.
pub const MNIST: WellKnown = WellKnown {
    name: "mnist",
    folders: &["mnist", "MNIST/raw", "MNIST"],
    origin: "http://yann.lecun.com/exdb/mnist/ or https://storage.googleapis.com/cvdf-datasets/mnist/",
};

/// Articles of clothing (H. Xiao, K. Rasul, R. Vollgraf, 2017), shaped as MNIST.
pub const FASHION_MNIST: WellKnown = WellKnown {
    name: "fashion_mnist",
    folders: &["fashion_mnist", "fashion-mnist", "FashionMNIST/raw", "FashionMNIST"],
    origin: "https://github.com/zalandoresearch/fashion-mnist (MIT licence)",
};

/// Cursive Japanese characters (T. Clanuwat et al., 2018), shaped as MNIST.
pub const KMNIST: WellKnown = WellKnown {
    name: "kmnist",
    folders: &["kmnist", "KMNIST/raw", "KMNIST"],
    origin: "https://github.com/rois-codh/kmnist (CC BY-SA 4.0)",
};

const PARTS: [[&str; 2]; 2] = [["train-images", "train-labels"], ["t10k-images", "t10k-labels"]];

/// The spellings of a file's name that are in use.
fn file_names(part: &str) -> [String; 4] {
    let axes = if part.ends_with("images") { 3 } else { 1 };
    let plain = format!("{part}-idx{axes}-ubyte");
    let dotted = format!("{part}.idx{axes}-ubyte");
    [format!("{plain}.gz"), plain, format!("{dotted}.gz"), dotted]
}

impl WellKnown {
    /// The training and the test samples, images of shape `[1, 28, 28]` scaled to 0..1.
    ///
    /// # Errors
    /// When the folder of data sets is not set or does not hold the files: the message names where each was looked for
    /// and where it can be had; and the errors of IDX files.
    pub fn open(&self, folders: &Folders, limits: &Limits) -> Result<(Table, Table), DataError> {
        let Some(data) = &folders.data else {
            return Err(self.missing(
                "files below the folder of data sets",
                format!("no folder: {DATA_VARIABLE} is not set"),
            ));
        };
        let [training, test] = PARTS;
        let training = self.part(data, training, limits)?;
        let mut test = self.part(data, test, limits)?;
        test.targets.adopt_classes(&training.targets, self.name)?;
        Ok((training, test))
    }

    fn part(&self, data: &Path, [images, labels]: [&str; 2], limits: &Limits) -> Result<Table, DataError> {
        let images = idx::open(&self.find(data, images)?, limits)?;
        let labels = idx::open(&self.find(data, labels)?, limits)?;
        array::table(&images, &labels, ChannelAxis::First, TargetKind::Classes)
    }

    fn find(&self, data: &Path, part: &str) -> Result<PathBuf, DataError> {
        let names = file_names(part);
        let mut places =
            self.folders.iter().flat_map(|folder| names.iter().map(move |name| data.join(folder).join(name)));
        places.find(|place| place.is_file()).ok_or_else(|| {
            let folders: Vec<String> =
                self.folders.iter().map(|f| data.join(f).display().to_string()).collect();
            let expected = format!("a file {}", names.join(" or "));
            self.missing(&expected, format!("none in {}", folders.join(" nor in ")))
        })
    }

    fn missing(&self, expected: &str, found: String) -> DataError {
        DataError::new(DataErrorKind::NotFound, self.name, Place::Whole, expected, found).hint(format!(
            "data sets are never downloaded for you: get {}.gz, {}.gz, {}.gz and {}.gz from {}, put them into the folder {} \
             of a folder of yours, and set {DATA_VARIABLE} to that folder",
            file_names(PARTS[0][0])[1],
            file_names(PARTS[0][1])[1],
            file_names(PARTS[1][0])[1],
            file_names(PARTS[1][1])[1],
            self.origin,
            self.folders[0],
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn idx(axes: &[u32], data: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 0, 8, axes.len() as u8];
        axes.iter().for_each(|axis| bytes.extend(axis.to_be_bytes()));
        bytes.extend(data);
        bytes
    }

    #[test]
    fn the_message_says_what_to_get_and_where_to_put_it() {
        let error = MNIST.open(&Folders::default(), &Limits::default()).unwrap_err().to_string();
        assert!(
            error.contains("EVOLVENT_DATA is not set") && error.contains("t10k-labels-idx1-ubyte.gz"),
            "{error}"
        );
        let root = tempfile::tempdir().unwrap();
        let folders = Folders { base: None, data: Some(root.path().to_owned()) };
        let error = FASHION_MNIST.open(&folders, &Limits::default()).unwrap_err();
        assert!(
            error.expected.contains("train-images-idx3-ubyte.gz or train-images-idx3-ubyte or"),
            "{error}"
        );
        assert!(error.found.contains("FashionMNIST"), "{error}");
        assert!(error.hint.contains("zalandoresearch"), "{error}");
    }

    #[test]
    fn every_spelling_is_found_and_test_classes_are_matched() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("KMNIST/raw");
        std::fs::create_dir_all(&folder).unwrap();
        let write = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).unwrap();
        write("train-images.idx3-ubyte", &idx(&[3, 1, 2], &[0, 255, 51, 0, 0, 0]));
        write("train-labels-idx1-ubyte", &idx(&[3], &[2, 0, 1]));
        write("t10k-images-idx3-ubyte", &idx(&[1, 1, 2], &[255, 255]));
        write("t10k-labels-idx1-ubyte", &idx(&[1], &[2]));
        let folders = Folders { base: None, data: Some(root.path().to_owned()) };
        let (training, test) = KMNIST.open(&folders, &Limits::default()).unwrap();
        assert_eq!((training.shape, &training.inputs[..3]), (vec![1, 1, 2], &[0.0, 1.0, 0.2][..]));
        let names = ["0", "1", "2"].map(String::from).to_vec();
        assert_eq!(test.targets, super::super::Targets::Classes { labels: vec![2], names });
    }
}
