//! Division of the samples into training, validation and test parts.

use evolvent_core::Stream;

use super::error::{DataError, DataErrorKind, Place};
use super::table::Targets;

/// Indices of the samples of each part, in rising order; every sample is in exactly one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// What networks are evolved on.
    pub training: Vec<u32>,
    /// What the champion is chosen by.
    pub validation: Vec<u32>,
    /// What is reported.
    pub test: Vec<u32>,
}

/// Divides the samples by chance: `validation` and `test` samples of the two held-out parts, the rest for training.
///
/// With `stratify` and classes as targets, each part takes its share of every class (largest remainders), and the last
/// sample of a class stays in the training part; where that leaves a part short, it stays short.
///
/// # Errors
/// When no sample is left for training.
pub fn split(
    targets: &Targets,
    validation: usize,
    test: usize,
    stratify: bool,
    stream: &mut Stream,
) -> Result<Split, DataError> {
    let samples = targets.len();
    if validation.saturating_add(test) >= samples {
        let place = Place::Entry("validation and test".into());
        let expected = format!("together fewer than the {samples} samples");
        let found = format!("{validation} + {test}");
        return Err(DataError::new(DataErrorKind::Setting, "dataset", place, expected, found));
    }
    let mut order: Vec<u32> = (0..samples as u32).collect();
    stream.shuffle(&mut order);
    let mut split = Split::default();
    match targets {
        Targets::Classes { labels, names } if stratify => {
            let mut members = vec![Vec::new(); names.len()];
            order.iter().for_each(|&sample| members[labels[sample as usize] as usize].push(sample));
            // One sample of each class is not for giving away.
            let mut free: Vec<usize> = members.iter().map(|class| class.len().saturating_sub(1)).collect();
            let sizes: Vec<usize> = members.iter().map(Vec::len).collect();
            let test_shares = shares(test, &sizes, &mut free);
            let validation_shares = shares(validation, &sizes, &mut free);
            for (class, (test, validation)) in
                members.iter().zip(test_shares.into_iter().zip(validation_shares))
            {
                split.test.extend(&class[..test]);
                split.validation.extend(&class[test..test + validation]);
                split.training.extend(&class[test + validation..]);
            }
        }
        _ => {
            split.test.extend(&order[..test]);
            split.validation.extend(&order[test..test + validation]);
            split.training.extend(&order[test + validation..]);
        }
    }
    split.training.sort_unstable();
    split.validation.sort_unstable();
    split.test.sort_unstable();
    Ok(split)
}

/// Divides `total` in proportion to `sizes` by largest remainders, at most `free[i]` to each, and lowers `free`.
fn shares(total: usize, sizes: &[usize], free: &mut [usize]) -> Vec<usize> {
    let all = sizes.iter().sum::<usize>().max(1) as u128;
    let exact = |size: usize| size as u128 * total as u128;
    let mut shares: Vec<usize> = sizes
        .iter()
        .zip(free.iter())
        .map(|(&size, &free)| ((exact(size) / all) as usize).min(free))
        .collect();
    let mut by_remainder: Vec<usize> = (0..sizes.len()).collect();
    by_remainder.sort_by_key(|&class| (std::cmp::Reverse(exact(sizes[class]) % all), class));
    let mut left = total - shares.iter().sum::<usize>();
    while left > 0 {
        let before = left;
        for &class in &by_remainder {
            if left > 0 && shares[class] < free[class] {
                shares[class] += 1;
                left -= 1;
            }
        }
        if left == before {
            break;
        }
    }
    for (free, share) in free.iter_mut().zip(&shares) {
        *free -= share;
    }
    shares
}

#[cfg(test)]
mod tests {
    use evolvent_core::{Purpose, RunKey, stream};
    use proptest::prelude::*;

    use super::*;

    fn draws(seed: u64) -> Stream {
        stream(RunKey::from_seed(seed), 0, 0, 0, Purpose::Split)
    }

    fn classes(labels: Vec<u32>) -> Targets {
        let names = (0..=labels.iter().copied().max().unwrap_or(0)).map(|c| c.to_string()).collect();
        Targets::Classes { labels, names }
    }

    #[test]
    fn strata_keep_their_proportions() {
        let targets = classes((0..100).map(|i| u32::from(i >= 90)).collect());
        let parts = split(&targets, 20, 30, true, &mut draws(1)).unwrap();
        let rare = |part: &[u32]| part.iter().filter(|&&i| i >= 90).count();
        assert_eq!([parts.training.len(), parts.validation.len(), parts.test.len()], [50, 20, 30]);
        assert_eq!([rare(&parts.training), rare(&parts.validation), rare(&parts.test)], [5, 2, 3]);
    }

    #[test]
    fn a_lonely_sample_stays_in_training() {
        let targets = classes(vec![0, 0, 0, 0, 0, 1]);
        for seed in 0..20 {
            let parts = split(&targets, 2, 2, true, &mut draws(seed)).unwrap();
            assert!(parts.training.contains(&5), "{parts:?}");
            assert_eq!((parts.validation.len(), parts.test.len()), (2, 2));
        }
    }

    #[test]
    fn the_seed_decides() {
        let targets = Targets::Values { values: vec![0.0; 50], dimension: 1, names: vec![] };
        let of = |seed| split(&targets, 10, 10, true, &mut draws(seed)).unwrap();
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
        assert!(split(&targets, 25, 25, true, &mut draws(1)).is_err());
        assert!(split(&targets, usize::MAX, 1, true, &mut draws(1)).is_err());
        assert_eq!(split(&targets, 0, 0, true, &mut draws(1)).unwrap().training.len(), 50);
    }

    proptest! {
        #[test]
        fn every_sample_is_in_one_part(
            labels in prop::collection::vec(0u32..5, 1..200),
            validation in 0usize..100,
            test in 0usize..100,
            stratify: bool,
        ) {
            let samples = labels.len();
            let targets = classes(labels);
            match split(&targets, validation, test, stratify, &mut draws(3)) {
                Err(_) => prop_assert!(validation + test >= samples),
                Ok(parts) => {
                    let mut all = [parts.training.clone(), parts.validation.clone(), parts.test.clone()].concat();
                    all.sort_unstable();
                    prop_assert_eq!(all, (0..samples as u32).collect::<Vec<_>>());
                    prop_assert!(parts.validation.len() <= validation && parts.test.len() <= test);
                    prop_assert!(!parts.training.is_empty());
                    if !stratify {
                        prop_assert_eq!((parts.validation.len(), parts.test.len()), (validation, test));
                    }
                }
            }
        }
    }
}
