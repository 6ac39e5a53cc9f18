//! Keyed random streams: every draw of a run is a pure function of its address.
//!
//! The generator is Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): a keyed
//! bijection of a 128-bit counter. The counter is `[block, block_hi, index, round]`, so that any block of any stream can
//! be computed anywhere, in any order, on any number of threads. Nothing here touches the platform's libm.

use serde::{Deserialize, Serialize};

/// What a stream is drawn for. A closed set: two uses with one purpose would share their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u32)]
pub enum Purpose {
    /// `Algorithm::init`.
    Init = 1,
    /// `Algorithm::ask`.
    Ask = 2,
    /// `Algorithm::tell`.
    Tell = 3,
    /// Initial state of an episode and noise inside the environment.
    Episode = 4,
    /// Noise that a task adds to actions.
    ActionNoise = 5,
    /// Which samples a minibatch holds.
    Minibatch = 6,
    /// Noise inside a problem that is not an environment.
    Problem = 7,
    /// Splits and shuffles of a data set.
    Split = 8,
    /// Fresh episodes that judge a champion.
    Validation = 9,
    /// Fresh episodes of a replay; never used while a run is going on.
    Replay = 10,
    /// A nested run.
    Child = 11,
    /// A stream split off another stream by an algorithm.
    Fork = 12,
    /// Bootstrap resampling in statistics.
    Bootstrap = 13,
}

/// The root of all randomness of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RunKey(pub u64);

impl RunKey {
    /// The key of the run with this seed.
    pub fn from_seed(seed: u64) -> Self {
        RunKey(mix(seed ^ 0x45_56_4f_4c_56_45_4e_54)) // "EVOLVENT"
    }

    /// The key of a run nested in this one (meta-evolution, tuning), one per `(round, index)`.
    pub fn child(self, round: u64, index: u64) -> Self {
        RunKey(stream(self, round, index, 0, Purpose::Child).next_u64())
    }
}

/// The address of a stream: 16 bytes from which every one of its numbers can be rebuilt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StreamKey {
    /// Philox key.
    pub key: [u32; 2],
    /// Third counter word.
    pub index: u32,
    /// Fourth counter word.
    pub round: u32,
}

impl StreamKey {
    /// The `block`-th group of four random words.
    #[inline]
    pub fn block(self, block: u64) -> [u32; 4] {
        philox4x32(self.counter(block), self.key)
    }

    fn counter(self, block: u64) -> [u32; 4] {
        [block as u32, (block >> 32) as u32, self.index, self.round]
    }

    /// A sequential reader that starts at the first block.
    pub fn stream(self) -> Stream {
        Stream { key: self, next: 0, buffer: [0; WORDS], left: 0, spare: None }
    }
}

/// The address of the stream of one `(round, index, replicate)` for one purpose.
///
/// A round is one ask/tell pair and never repeats in a run. Antithetic pairs share an index.
pub fn stream_key(run: RunKey, round: u64, index: u64, replicate: u64, purpose: Purpose) -> StreamKey {
    let mut key = mix(run.0 ^ (purpose as u64) << 56);
    key = mix(key ^ replicate);
    // The low halves are counter words; the high halves, almost always zero, go into the key.
    key = mix(key ^ (round >> 32) ^ (index & 0xffff_ffff_0000_0000));
    StreamKey { key: [key as u32, (key >> 32) as u32], index: index as u32, round: round as u32 }
}

/// The stream of one `(round, index, replicate)` for one purpose; see [`stream_key`].
pub fn stream(run: RunKey, round: u64, index: u64, replicate: u64, purpose: Purpose) -> Stream {
    stream_key(run, round, index, replicate, purpose).stream()
}

/// Words that a [`Stream`] holds: two blocks, because one is a chain of multiplications that leaves room for another beside it.
const WORDS: usize = 8;

/// A sequential reader of one stream.
#[derive(Clone, Debug)]
pub struct Stream {
    key: StreamKey,
    next: u64,
    buffer: [u32; WORDS],
    left: u8,
    spare: Option<f64>,
}

impl Stream {
    /// The address of this stream.
    pub fn key(&self) -> StreamKey {
        self.key
    }

    /// The address of the `index`-th stream split off this one. Draws nothing: the same whenever it is called.
    pub fn split(&self, index: u64) -> StreamKey {
        let own = u64::from(self.key.key[0]) | u64::from(self.key.key[1]) << 32;
        let mut key = mix(own ^ (Purpose::Fork as u64) << 56);
        key = mix(key ^ u64::from(self.key.index));
        key = mix(key ^ (index >> 32));
        StreamKey { key: [key as u32, (key >> 32) as u32], index: index as u32, round: self.key.round }
    }

    /// Moves to the start of block `block` (four words each); episodes and steps are positions inside a stream.
    pub fn seek(&mut self, block: u64) {
        (self.next, self.left, self.spare) = (block, 0, None);
    }

    /// 32 random bits.
    #[inline]
    pub fn next_u32(&mut self) -> u32 {
        if self.left == 0 {
            self.refill();
        }
        self.left -= 1;
        self.buffer[WORDS - 1 - usize::from(self.left)]
    }

    #[inline(never)]
    fn refill(&mut self) {
        let counters = [0, 1].map(|k| self.key.counter(self.next.wrapping_add(k)));
        self.buffer.copy_from_slice(philox(counters, self.key.key).as_flattened());
        self.next = self.next.wrapping_add(2);
        self.left = WORDS as u8;
    }

    /// 64 random bits.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        let low = u64::from(self.next_u32());
        low | u64::from(self.next_u32()) << 32
    }

    /// Uniform in [0, 1), 53 bits.
    #[inline]
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Uniform in [low, high).
    #[inline]
    pub fn uniform_in(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// Uniform in `0..n`, without bias (Lemire's method). `n` must not be 0.
    #[inline]
    pub fn below(&mut self, n: usize) -> usize {
        debug_assert!(n > 0);
        let n = n as u64;
        let mut product = u128::from(self.next_u64()) * u128::from(n);
        if (product as u64) < n {
            let threshold = n.wrapping_neg() % n;
            while (product as u64) < threshold {
                product = u128::from(self.next_u64()) * u128::from(n);
            }
        }
        (product >> 64) as usize
    }

    /// True with probability `p`.
    #[inline]
    pub fn chance(&mut self, p: f64) -> bool {
        self.uniform() < p
    }

    /// A standard normal deviate (Box–Muller in `f64`; at most 8.6 sigma).
    pub fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let radius = (-2.0 * libm::log(1.0 - self.uniform())).sqrt();
        let (sin, cos) = libm::sincos(std::f64::consts::TAU * self.uniform());
        self.spare = Some(radius * sin);
        radius * cos
    }

    /// A Cauchy deviate with location 0 and scale 1.
    pub fn cauchy(&mut self) -> f64 {
        libm::tan(std::f64::consts::PI * (self.uniform() - 0.5))
    }

    /// Shuffles in place (Fisher–Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}

/// Philox4x32 with ten rounds: the published function, checked against its known answers.
#[inline]
pub fn philox4x32(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    philox([counter], key)[0]
}

/// Philox of several counters with one key, a round of all after a round of all.
#[inline]
fn philox<const N: usize>(mut counters: [[u32; 4]; N], mut k: [u32; 2]) -> [[u32; 4]; N] {
    for _ in 0..10 {
        for c in &mut counters {
            let p0 = u64::from(c[0]) * 0xD251_1F53;
            let p1 = u64::from(c[2]) * 0xCD9E_8D57;
            *c = [(p1 >> 32) as u32 ^ c[1] ^ k[0], p1 as u32, (p0 >> 32) as u32 ^ c[3] ^ k[1], p0 as u32];
        }
        k = [k[0].wrapping_add(0x9E37_79B9), k[1].wrapping_add(0xBB67_AE85)];
    }
    counters
}

/// The finaliser of SplitMix64 with its increment: a bijection of 64 bits.
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ x >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ x >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ x >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The known answers published with Random123 (`kat_vectors`).
    #[test]
    fn philox_known_answers() {
        assert_eq!(philox4x32([0; 4], [0; 2]), [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
        assert_eq!(philox4x32([!0; 4], [!0; 2]), [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]);
        assert_eq!(
            philox4x32([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0]),
            [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1]
        );
    }

    #[test]
    fn every_part_of_the_address_matters() {
        let run = RunKey::from_seed(1);
        let base = stream_key(run, 3, 5, 7, Purpose::Ask).block(0);
        for other in [
            stream_key(RunKey::from_seed(2), 3, 5, 7, Purpose::Ask),
            stream_key(run, 4, 5, 7, Purpose::Ask),
            stream_key(run, 3 + (1 << 32), 5, 7, Purpose::Ask),
            stream_key(run, 3, 6, 7, Purpose::Ask),
            stream_key(run, 3, 5 + (1 << 32), 7, Purpose::Ask),
            stream_key(run, 3, 5, 8, Purpose::Ask),
            stream_key(run, 3, 5, 7, Purpose::Tell),
            stream_key(run.child(0, 0), 3, 5, 7, Purpose::Ask),
        ] {
            assert_ne!(base, other.block(0));
        }
    }

    #[test]
    fn splits_do_not_depend_on_what_was_drawn() {
        let mut a = stream(RunKey::from_seed(9), 0, 0, 0, Purpose::Ask);
        let before = a.split(4);
        a.next_u64();
        assert_eq!(before, a.split(4));
        assert_ne!(before, a.split(5));
    }

    #[test]
    fn moments_of_the_deviates() {
        let mut s = stream(RunKey::from_seed(11), 0, 0, 0, Purpose::Problem);
        let n = 200_000;
        let (mut mean, mut square, mut fourth, mut uniform) = (0.0, 0.0, 0.0, 0.0);
        for _ in 0..n {
            let x = s.normal();
            mean += x;
            square += x * x;
            fourth += x * x * x * x;
            uniform += s.uniform();
        }
        let n = f64::from(n);
        assert!((mean / n).abs() < 0.01 && (square / n - 1.0).abs() < 0.02 && (fourth / n - 3.0).abs() < 0.1);
        assert!((uniform / n - 0.5).abs() < 0.005);
        let mut counts = [0usize; 7];
        (0..70_000).for_each(|_| counts[s.below(7)] += 1);
        assert!(counts.iter().all(|&c| (9_500..10_500).contains(&c)), "{counts:?}");
    }
}
