//! Bit strings: a small genome that is no vector, with its variation.

use crate::draws::for_each_chosen;
use evolvent_core::{Auto, Batch, Genome, Stream, Variation, Violations};
use evolvent_math::rows::Materialize;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A string of bits. It is written as text of `0` and `1`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Bits {
    length: usize,
    /// Bit `i` is bit `i % 64` of word `i / 64`; bits beyond the length are 0.
    words: Vec<u64>,
}

impl Bits {
    /// So many zeros.
    pub fn zeros(length: usize) -> Self {
        Bits { length, words: vec![0; length.div_ceil(64)] }
    }

    /// Number of bits.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Bit `i`.
    ///
    /// # Panics
    /// If there is no such bit.
    pub fn get(&self, i: usize) -> bool {
        assert!(i < self.length, "bit {i} of {}", self.length);
        self.words[i / 64] >> (i % 64) & 1 == 1
    }

    /// Inverts bit `i`.
    ///
    /// # Panics
    /// If there is no such bit.
    pub fn flip(&mut self, i: usize) {
        assert!(i < self.length, "bit {i} of {}", self.length);
        self.words[i / 64] ^= 1 << (i % 64);
    }

    /// All bits in order.
    pub fn iter(&self) -> impl Iterator<Item = bool> + '_ {
        (0..self.length).map(|i| self.get(i))
    }

    /// Number of ones.
    pub fn count_ones(&self) -> usize {
        self.words.iter().map(|w| w.count_ones() as usize).sum()
    }

    /// Number of positions in which two strings of one length differ.
    pub fn hamming(&self, other: &Bits) -> usize {
        self.words.iter().zip(&other.words).map(|(a, b)| (a ^ b).count_ones() as usize).sum()
    }
}

impl FromIterator<bool> for Bits {
    fn from_iter<I: IntoIterator<Item = bool>>(bits: I) -> Self {
        let mut all = Bits::default();
        for bit in bits {
            if all.length.is_multiple_of(64) {
                all.words.push(0);
            }
            all.length += 1;
            if bit {
                all.flip(all.length - 1);
            }
        }
        all
    }
}

impl From<Bits> for String {
    fn from(bits: Bits) -> Self {
        bits.iter().map(|bit| if bit { '1' } else { '0' }).collect()
    }
}

impl TryFrom<String> for Bits {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.chars()
            .map(|c| match c {
                '0' => Ok(false),
                '1' => Ok(true),
                other => Err(format!("expected a string of 0 and 1, found {other:?}")),
            })
            .collect()
    }
}

/// The genes of a bit string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BitsGenes {
    /// Number of bits.
    pub length: usize,
}

impl Genome for Bits {
    const KIND: &'static str = "bits";
    type Genes = BitsGenes;
    type Members = Vec<Bits>;
    type View = Bits;

    fn fits(&self, genes: &BitsGenes) -> Result<(), Violations> {
        let mut v = Violations::new();
        v.require(self.length == genes.length, "bits", self.length, &format!("{} bits", genes.length));
        v.into_result()
    }

    fn bounded(_: &BitsGenes) -> bool {
        true
    }

    fn bytes(genes: &BitsGenes) -> f64 {
        size_of::<Self>() as f64 + genes.length as f64 / 8.0
    }
}

impl Materialize for Bits {
    type Scratch = ();

    fn view<'a>(batch: &'a Batch<Bits>, i: usize, (): &'a mut ()) -> &'a Bits {
        &batch.members[i]
    }

    fn view_owned<'a>(genome: &'a Bits, (): &'a mut ()) -> &'a Bits {
        genome
    }
}

/// How two bit strings make two children.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum BitsCrossover {
    /// Each bit is exchanged by itself (Syswerda 1989).
    Uniform {
        /// Probability of an exchange, in [0, 1]; beyond ½ the children only change their names.
        rate: f64,
    },
    /// All bits from one random place on are exchanged (Holland 1975).
    OnePoint,
    /// All bits between two random places are exchanged.
    TwoPoint,
}

/// Variation of bit strings: uniform bits, flips, exchange, Hamming distance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BitsVariation {
    /// How two parents make two children.
    pub crossover: BitsCrossover,
    /// Probability that mutation flips a bit, in [0, 1]. `"auto"` is 1 / length (Mühlenbein 1992).
    pub flip_rate: Auto<f64>,
}

impl Default for BitsVariation {
    fn default() -> Self {
        BitsVariation { crossover: BitsCrossover::Uniform { rate: 0.5 }, flip_rate: Auto::Auto }
    }
}

impl Variation for BitsVariation {
    type Genome = Bits;
    type Ledger = ();

    fn check(&self, genes: &BitsGenes) -> Result<(), Violations> {
        let mut v = Violations::new();
        v.require(genes.length > 0, "genes.length", 0, "at least one gene");
        if let Auto::Value(rate) = self.flip_rate {
            v.probability("flip_rate", rate);
        }
        if let BitsCrossover::Uniform { rate } = self.crossover {
            v.probability("crossover.uniform.rate", rate);
        }
        v.into_result()
    }

    fn sample(&self, genes: &BitsGenes, _: &mut (), rng: &mut Stream) -> Bits {
        let mut bits = Bits::zeros(genes.length);
        bits.words.fill_with(|| rng.next_u64());
        if let Some(last) = bits.words.last_mut().filter(|_| !genes.length.is_multiple_of(64)) {
            *last &= (1 << (genes.length % 64)) - 1;
        }
        bits
    }

    /// `strength` multiplies the rate of flips, which stays at ½ at most.
    fn mutate(&self, genes: &BitsGenes, genome: &mut Bits, strength: f64, _: &mut (), rng: &mut Stream) {
        let rate = self.flip_rate.or(|| 1.0 / genes.length.max(1) as f64);
        // A given rate beyond ½ is kept; a growing strength does not lead there.
        let rate = (rate * strength).min(rate.max(0.5));
        for_each_chosen(rng, rate, genes.length, |i| genome.flip(i));
    }

    fn cross(&self, genes: &BitsGenes, a: &Bits, b: &Bits, _: &mut (), rng: &mut Stream) -> [Bits; 2] {
        let (mut first, mut second) = (a.clone(), b.clone());
        let mut exchange = |i: usize| {
            if a.get(i) != b.get(i) {
                first.flip(i);
                second.flip(i);
            }
        };
        match self.crossover {
            BitsCrossover::Uniform { rate } => for_each_chosen(rng, rate, genes.length, exchange),
            BitsCrossover::OnePoint => (rng.below(genes.length.max(1))..genes.length).for_each(&mut exchange),
            BitsCrossover::TwoPoint => {
                let cuts = [rng.below(genes.length + 1), rng.below(genes.length + 1)];
                (cuts[0].min(cuts[1])..cuts[0].max(cuts[1])).for_each(&mut exchange);
            }
        }
        [first, second]
    }

    /// The share of positions that differ, in [0, 1].
    fn distance(&self, a: &Bits, b: &Bits) -> f64 {
        a.hamming(b) as f64 / a.length.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use evolvent_core::{Batch, Purpose, RunKey, stream};
    use evolvent_test::Specimen;

    /// OneMax, and its opposite.
    impl Specimen for Bits {
        fn genes(size: usize) -> BitsGenes {
            BitsGenes { length: 4 * size }
        }
        fn misfit(size: usize) -> Option<Self> {
            Some(Bits::zeros(4 * size + 1))
        }
        fn example(genes: &BitsGenes) -> Self {
            (0..genes.length).map(|i| i % 3 == 0).collect()
        }
        fn loss(&self, objective: usize) -> f64 {
            (if objective.is_multiple_of(2) { self.length - self.count_ones() } else { self.count_ones() })
                as f64
        }
        fn is_sound(&self) -> bool {
            self.words.len() == self.length.div_ceil(64)
        }
        fn written_out(batch: &Batch<Self>) -> Vec<Self> {
            batch.members.clone()
        }
    }

    fn rng() -> Stream {
        stream(RunKey::from_seed(4), 0, 0, 0, Purpose::Ask)
    }

    #[test]
    fn text_and_back() {
        let bits: Bits = (0..70).map(|i| i % 5 == 0).collect();
        let text = String::from(bits.clone());
        assert_eq!((text.len(), &text[..6], bits.count_ones()), (70, "100001", 14));
        assert_eq!(Bits::try_from(text), Ok(bits));
        assert!(Bits::try_from("01x".to_string()).unwrap_err().contains("'x'"));
    }

    #[test]
    fn crossover_conserves_bits_in_place() {
        let genes = BitsGenes { length: 130 };
        let mut rng = rng();
        for crossover in
            [BitsCrossover::Uniform { rate: 0.5 }, BitsCrossover::OnePoint, BitsCrossover::TwoPoint]
        {
            let variation = BitsVariation { crossover, ..BitsVariation::default() };
            let (a, b) =
                (variation.sample(&genes, &mut (), &mut rng), variation.sample(&genes, &mut (), &mut rng));
            for _ in 0..50 {
                let [c, d] = variation.cross(&genes, &a, &b, &mut (), &mut rng);
                let kept = |i| {
                    (c.get(i), d.get(i)) == (a.get(i), b.get(i))
                        || (c.get(i), d.get(i)) == (b.get(i), a.get(i))
                };
                assert!((0..130).all(kept), "{crossover:?}");
            }
        }
    }

    #[test]
    fn one_point_exchanges_a_tail() {
        let genes = BitsGenes { length: 40 };
        let variation = BitsVariation { crossover: BitsCrossover::OnePoint, ..BitsVariation::default() };
        let ones: Bits = (0..40).map(|_| true).collect();
        let [c, _] = variation.cross(&genes, &ones, &Bits::zeros(40), &mut (), &mut rng());
        let text = String::from(c);
        assert!(text.trim_start_matches('1').chars().all(|c| c == '0') && text.contains('0'));
    }

    #[test]
    fn flips_are_one_on_average() {
        let (genes, variation, mut rng) = (BitsGenes { length: 200 }, BitsVariation::default(), rng());
        let mut flips = 0;
        for _ in 0..2000 {
            let mut bits = Bits::zeros(200);
            variation.mutate(&genes, &mut bits, 1.0, &mut (), &mut rng);
            flips += bits.count_ones();
        }
        // 2000 expected, standard deviation 45.
        assert!((1800..2200).contains(&flips), "{flips}");
    }

    #[test]
    fn distance_is_the_share_of_differences() {
        let a: Bits = [true, false, true, true].into_iter().collect();
        let b: Bits = [true, true, false, true].into_iter().collect();
        let variation = BitsVariation::default();
        assert_eq!((variation.distance(&a, &b), variation.distance(&a, &a)), (0.5, 0.0));
    }
}
