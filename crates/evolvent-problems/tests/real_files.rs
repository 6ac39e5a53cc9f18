//! Data sets that the user has: skipped, with a note, where `EVOLVENT_DATA` is not set or lacks the files.

use std::path::Path;

use evolvent_core::{Output, RunKey};
use evolvent_problems::datasets::{
    Colour, CsvSpec, Dataset, DatasetSpec, Folders, IdxSpec, Limits, Loss, Source, Table, Targets, png,
};

/// The folders, if all the files are there.
#[allow(clippy::print_stderr)] // a skipped test must say so
fn folders(files: &[&str]) -> Option<Folders> {
    let folders = Folders::from_environment(None);
    let missing = match &folders.data {
        None => Some("EVOLVENT_DATA is not set".to_owned()),
        Some(data) => {
            files.iter().find(|f| !data.join(f).exists()).map(|f| format!("no {f} in EVOLVENT_DATA"))
        }
    };
    if let Some(missing) = missing {
        eprintln!("skipped: {missing}");
        return None;
    }
    Some(folders)
}

fn load(source: Source, folders: &Folders) -> Dataset {
    let spec = DatasetSpec { source, ..Default::default() };
    Dataset::load(&spec, folders, &Limits::default(), RunKey::from_seed(1)).unwrap()
}

fn class_counts(table: &Table) -> Vec<usize> {
    let Targets::Classes { labels, names } = &table.targets else { panic!() };
    let mut counts = vec![0; names.len()];
    labels.iter().for_each(|&label| counts[label as usize] += 1);
    counts
}

#[test]
fn mnist_is_the_published_set() {
    let Some(folders) = folders(&["mnist/train-images-idx3-ubyte.gz"]) else { return };
    let mnist = load(Source::Mnist, &folders);
    assert_eq!(mnist.interface().input, [1, 28, 28]);
    assert_eq!(mnist.interface().output, Output::Classes(10));
    assert_eq!((mnist.training.len(), mnist.validation.len(), mnist.test.len()), (51_000, 9_000, 10_000));
    let counts: Vec<usize> = class_counts(&mnist.training)
        .iter()
        .zip(class_counts(&mnist.validation))
        .map(|(a, b)| a + b)
        .collect();
    assert_eq!(counts, [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]);
    assert_eq!(class_counts(&mnist.test), [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]);
    // Stratified: every class gives 15 % to the validation part.
    for (class, (&all, part)) in counts.iter().zip(class_counts(&mnist.validation)).enumerate() {
        assert!((part as f64 - 0.15 * all as f64).abs() <= 1.0, "{class}: {part} of {all}");
    }
    let sum: f64 =
        mnist.training.inputs.iter().chain(&mnist.validation.inputs).map(|&grey| f64::from(grey)).sum();
    let mean = sum / (60_000.0 * 784.0) * 255.0;
    assert!((mean - 33.3184).abs() < 1e-3, "{mean}");
    assert_eq!(mnist.minibatch_size, 512);
    let by_path = IdxSpec {
        inputs: "mnist/t10k-images-idx3-ubyte.gz".into(),
        targets: "mnist/t10k-labels-idx1-ubyte.gz".into(),
        ..Default::default()
    };
    let half = load(Source::Idx(by_path), &folders);
    assert_eq!(half.training.len() + half.validation.len() + half.test.len(), 10_000);
}

#[test]
fn regression_tables() {
    for (file, samples, features) in [
        ("concrete", 1030, 8),
        ("energy", 768, 8),
        ("wine-quality-red", 1599, 11),
        ("power-plant", 9568, 4),
        ("kin8nm", 8192, 8),
    ] {
        let path = format!("uci/{file}.csv.gz");
        let Some(folders) = folders(&[&path]) else { return };
        let spec = CsvSpec { path: path.into(), ..Default::default() };
        let set = load(Source::Csv(spec), &folders);
        assert_eq!(set.training.len() + set.validation.len() + set.test.len(), samples, "{file}");
        assert_eq!(set.training.shape, [features], "{file}");
        // Grades of wine are whole, but written with a point, so that they are numbers too.
        assert_eq!(set.loss, Loss::MeanSquaredError, "{file}");
    }
}

#[test]
fn a_folder_of_images() {
    let Some(folders) = folders(&["omniglot/images_background_small1"]) else { return };
    let path = folders.find(Path::new("omniglot/images_background_small1")).unwrap();
    let table = png::read_folder(&path, Colour::Auto, &Limits::default()).unwrap();
    assert_eq!((table.shape.as_slice(), table.len(), table.targets.width()), (&[1, 105, 105][..], 2720, 136));
}
