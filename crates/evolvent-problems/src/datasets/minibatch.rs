//! Which samples a round sees: a keyed permutation of the data per epoch, cut into minibatches, computed without state.

use evolvent_core::{Purpose, RunKey, stream_key};

/// Minibatches without replacement, shared by the whole population and addressable at any round.
///
/// The epochs' permutations are laid end to end and cut into pieces of `size`, so that every sample is used equally
/// often and a minibatch may span two epochs. The permutation of epoch e is a Feistel network (eight rounds on the smallest
/// even number of bits that covers the samples, cycle-walked: M. Luby and C. Rackoff 1988; J. Black and P. Rogaway 2002)
/// whose keys are one draw of the stream of e: O(1) per index at any place.
///
/// ```
/// use evolvent_core::RunKey;
/// use evolvent_problems::datasets::Minibatches;
/// let batches = Minibatches::new(RunKey::from_seed(1), 10, 5);
/// let (mut first, mut second) = (Vec::new(), Vec::new());
/// batches.indices(0, &mut first);
/// batches.indices(1, &mut second);
/// first.extend(second);
/// first.sort();
/// assert_eq!(first, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Minibatches {
    run: RunKey,
    samples: u32,
    size: u32,
}

impl Minibatches {
    /// Minibatches of `size` out of `samples` samples; at or above `samples`, every round sees all of them in order.
    ///
    /// # Panics
    /// When either is 0 or there are more than 2³² − 1 samples.
    pub fn new(run: RunKey, samples: usize, size: usize) -> Self {
        assert!(samples > 0 && size > 0, "there are samples, and a minibatch holds some");
        let samples = u32::try_from(samples).expect("at most 2³² - 1 samples");
        // A larger size means all, and so does the number of samples.
        let size = u32::try_from(size).unwrap_or(samples).min(samples);
        Minibatches { run, samples, size }
    }

    /// True when every round sees all samples, so that fitness is exact rather than changing.
    pub fn is_full(&self) -> bool {
        self.size == self.samples
    }

    /// Samples per round.
    pub fn size(&self) -> usize {
        self.size as usize
    }

    /// Writes the samples of a round over `out`.
    pub fn indices(&self, round: u64, out: &mut Vec<u32>) {
        out.clear();
        if self.is_full() {
            out.extend(0..self.samples);
            return;
        }
        let first = u128::from(round) * u128::from(self.size);
        let mut epoch = (first / u128::from(self.samples)) as u64;
        let mut place = (first % u128::from(self.samples)) as u32;
        let mut permutation = Permutation::new(self.run, epoch, self.samples);
        for _ in 0..self.size {
            if place == self.samples {
                (epoch, place) = (epoch + 1, 0);
                permutation = Permutation::new(self.run, epoch, self.samples);
            }
            out.push(permutation.at(place));
            place += 1;
        }
    }
}

/// A keyed permutation of `0..samples`.
#[derive(Clone, Copy, Debug)]
struct Permutation {
    keys: [u32; 8],
    samples: u64,
    /// Bits of each half.
    half: u32,
}

impl Permutation {
    fn new(run: RunKey, epoch: u64, samples: u32) -> Self {
        let key = stream_key(run, epoch, 0, 0, Purpose::Minibatch);
        let (a, b) = (key.block(0), key.block(1));
        let keys = [a[0], a[1], a[2], a[3], b[0], b[1], b[2], b[3]];
        let bits = u32::BITS - (samples - 1).leading_zeros();
        Permutation { keys, samples: u64::from(samples), half: bits.div_ceil(2).max(1) }
    }

    /// The place of `index`, by walking along the cycle until it lies inside: four steps at most on average.
    fn at(&self, index: u32) -> u32 {
        let mut x = u64::from(index);
        loop {
            x = self.feistel(x);
            if x < self.samples {
                return x as u32;
            }
        }
    }

    fn feistel(&self, x: u64) -> u64 {
        let mask = (1u64 << self.half) - 1;
        let (mut left, mut right) = (x >> self.half, x & mask);
        for key in self.keys {
            // The finaliser of MurmurHash3 under a key.
            let mut f = (right as u32).wrapping_add(key);
            f = (f ^ f >> 16).wrapping_mul(0x85eb_ca6b);
            f = (f ^ f >> 13).wrapping_mul(0xc2b2_ae35) ^ key.rotate_left(16);
            f ^= f >> 16;
            (left, right) = (right, left ^ (u64::from(f) & mask));
        }
        left << self.half | right
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn run() -> RunKey {
        RunKey::from_seed(7)
    }

    proptest! {
        #[test]
        fn an_epoch_is_a_permutation(samples in 1u32..3000, epoch: u64) {
            let permutation = Permutation::new(run(), epoch, samples);
            let mut seen: Vec<u32> = (0..samples).map(|i| permutation.at(i)).collect();
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..samples).collect::<Vec<_>>());
        }

        #[test]
        fn rounds_can_be_asked_in_any_order(samples in 1usize..200, size in 1usize..250, round in 0u64..1000) {
            let batches = Minibatches::new(run(), samples, size);
            let (mut a, mut b) = (Vec::new(), vec![9; 3]);
            batches.indices(round, &mut a);
            batches.indices(round + 1, &mut b);
            batches.indices(round, &mut b);
            prop_assert_eq!(&a, &b);
            prop_assert_eq!(a.len(), size.min(samples));
            prop_assert_eq!(batches.is_full(), size >= samples);
        }
    }

    #[test]
    fn every_sample_is_used_equally_often_across_uneven_epochs() {
        let batches = Minibatches::new(run(), 7, 3);
        let mut counts = [0; 7];
        let mut indices = Vec::new();
        for round in 0..70 {
            batches.indices(round, &mut indices);
            indices.iter().for_each(|&i| counts[i as usize] += 1);
        }
        assert_eq!(counts, [30; 7]);
    }

    #[test]
    fn the_largest_sizes_and_rounds() {
        let batches = Minibatches::new(run(), u32::MAX as usize, 4);
        let mut indices = Vec::new();
        batches.indices(u64::MAX, &mut indices);
        assert_eq!(indices.len(), 4);
        assert!(Minibatches::new(run(), 5, usize::MAX).is_full());
    }

    /// Over many epochs every sample stands at every place equally often, and every ordered pair of places holds every
    /// ordered pair of samples: chi-square below its 99.99 % quantile.
    #[test]
    fn permutations_are_even() {
        let epochs = 40_000u64;
        for samples in [3u32, 5, 8, 10] {
            let n = samples as usize;
            let mut places = vec![0u32; n * n];
            let mut pairs = vec![0u32; n * n];
            for epoch in 0..epochs {
                let permutation = Permutation::new(run(), epoch, samples);
                let order: Vec<usize> = (0..samples).map(|i| permutation.at(i) as usize).collect();
                order.iter().enumerate().for_each(|(place, &sample)| places[place * n + sample] += 1);
                pairs[order[0] * n + order[1]] += 1;
            }
            let chi = |cells: &mut dyn Iterator<Item = u32>, expected: f64| -> f64 {
                cells.map(|count| (f64::from(count) - expected).powi(2) / expected).sum()
            };
            // Wilson and Hilferty's approximation of the quantile, z = 3.72.
            let quantile = |freedom: f64| {
                let d = 2.0 / (9.0 * freedom);
                freedom * (1.0 - d + 3.72 * d.sqrt()).powi(3)
            };
            let found = chi(&mut places.iter().copied(), epochs as f64 / n as f64);
            assert!(found < quantile(((n - 1) * (n - 1)) as f64), "{samples}: places {found}");
            let cells = n * (n - 1);
            let mut different = (0..n * n).filter(|i| i / n != i % n).map(|i| pairs[i]);
            let found = chi(&mut different, epochs as f64 / cells as f64);
            assert!(found < quantile((cells - 1) as f64), "{samples}: pairs {found}");
        }
    }
}
