//! Variation of real vectors: the crossovers and mutations of real-coded genetic algorithms.
//!
//! Step sizes are absolute. `"auto"` takes them from the space: a tenth of the standard deviation with which a block of
//! genes is initialised. Genes that leave their bounds are repaired.

use super::alignment::aligned;
use crate::{
    draws::{for_each_chosen, fork},
    repair::Repair,
    start::{block_spreads, spread},
};
use evolvent_core::{Auto, Bounds, Stream, Variation, Vector, VectorGenes, Violations};
use evolvent_math::{kernels::vectorize, noise, reduce};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// The `"auto"` step of Gaussian mutation as a share of a block's initial standard deviation.
const AUTO_STEP: f64 = 0.1;

/// How two vectors make two children.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Crossover {
    /// Children are complementary weighted means, with one random weight for the whole vector (Michalewicz 1992).
    Arithmetic,
    /// Each gene is uniform in the parents' interval, which is widened on both sides (BLX-α, Eshelman & Schaffer 1993).
    Blend {
        /// α, the widening as a share of the interval, at least 0; 0.5 keeps the spread of a population.
        alpha: f64,
    },
    /// Each gene is spread around the parents' mean as one-point crossover spreads binary numbers (SBX, Deb & Agrawal
    /// 1995); inside bounds in the form of Deb's NSGA-II code, but for its random exchange of the children's genes.
    Sbx {
        /// η, the distribution index, at least 0: the larger, the nearer to the parents. 15 to 20 is usual.
        eta: f64,
        /// Probability that a gene takes part, in [0, 1]; 0.5 in Deb's code.
        rate: f64,
    },
    /// Each gene is exchanged by itself (Syswerda 1989).
    Uniform {
        /// Probability of an exchange, in [0, 1].
        rate: f64,
    },
    /// All genes from one random place on are exchanged (Holland 1975).
    OnePoint,
    /// All genes between two random places are exchanged.
    TwoPoint,
}

/// How a vector is changed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Mutation {
    /// Normal deviates are added to genes.
    Gaussian {
        /// σ, the standard deviation, above 0. `"auto"` is a tenth of each block's initial standard deviation.
        sigma: Auto<f64>,
        /// Probability that a gene changes, in [0, 1].
        rate: f64,
    },
    /// A polynomial distribution that ends at the bounds (Deb & Goyal 1996, in the form of Deb's NSGA-II code). Needs
    /// finite bounds on every gene.
    Polynomial {
        /// η, the distribution index, at least 0: the larger, the smaller the steps. 20 is usual.
        eta: f64,
        /// Probability that a gene changes, in [0, 1]. `"auto"` is 1 / dimension.
        rate: Auto<f64>,
    },
}

/// Variation of real vectors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RealVariation {
    /// How two parents make two children.
    pub crossover: Crossover,
    /// Whether the second parent's hidden neurons are first put into the order that fits the first parent's best, so that crossover mixes
    /// neurons that do the same ([`aligned`]). Without hidden neurons it changes nothing.
    pub align_neurons: bool,
    /// How a child is changed.
    pub mutation: Mutation,
    /// What becomes of genes that leave their bounds.
    pub repair: Repair,
}

impl Default for RealVariation {
    fn default() -> Self {
        RealVariation {
            crossover: Crossover::Sbx { eta: 15.0, rate: 0.5 },
            align_neurons: false,
            mutation: Mutation::Gaussian { sigma: Auto::Auto, rate: 1.0 },
            repair: Repair::Reflect,
        }
    }
}

impl Variation for RealVariation {
    type Genome = Vector;
    type Ledger = ();

    fn check(&self, genes: &VectorGenes) -> Result<(), Violations> {
        let mut v = Violations::new();
        v.require(genes.dimension() > 0, "genes.dimension", 0, "at least one gene");
        match self.crossover {
            Crossover::Blend { alpha } => v.non_negative("crossover.blend.alpha", alpha),
            Crossover::Sbx { eta, rate } => {
                v.non_negative("crossover.sbx.eta", eta);
                v.probability("crossover.sbx.rate", rate);
            }
            Crossover::Uniform { rate } => v.probability("crossover.uniform.rate", rate),
            Crossover::Arithmetic | Crossover::OnePoint | Crossover::TwoPoint => {}
        }
        match self.mutation {
            Mutation::Gaussian { sigma, rate } => {
                sigma.given().into_iter().for_each(|&s| v.positive("mutation.gaussian.sigma", s));
                v.probability("mutation.gaussian.rate", rate);
            }
            Mutation::Polynomial { eta, rate } => {
                v.non_negative("mutation.polynomial.eta", eta);
                rate.given().into_iter().for_each(|&r| v.probability("mutation.polynomial.rate", r));
                let finite = |b: &Bounds| b.low.iter().chain(&b.high).all(|x| x.is_finite());
                if !genes.bounds.as_ref().is_some_and(finite) {
                    let hint = "gaussian mutation needs no bounds";
                    v.add_with_hint(
                        "mutation.polynomial",
                        "genes without bounds",
                        "finite bounds on every gene",
                        hint,
                    );
                }
            }
        }
        v.into_result()
    }

    fn sample(&self, genes: &VectorGenes, _: &mut (), rng: &mut Stream) -> Vector {
        Vector(genes.sample(rng))
    }

    /// `strength` multiplies the steps.
    fn mutate(&self, genes: &VectorGenes, genome: &mut Vector, strength: f64, _: &mut (), rng: &mut Stream) {
        let x = &mut genome.0;
        match self.mutation {
            Mutation::Gaussian { sigma, rate } => self.gaussian(genes, x, sigma, rate, strength, rng),
            Mutation::Polynomial { eta, rate } => {
                let Some(bounds) = &genes.bounds else { return };
                let rate = rate.or(|| 1.0 / x.len() as f64);
                let mut chosen = fork(rng).stream();
                for_each_chosen(&mut chosen, rate, x.len(), |i| {
                    let (low, high) = (bounds.low[i], bounds.high[i]);
                    let step = strength * polynomial(x[i], low, high, eta, rng.uniform());
                    x[i] = self.repair.coordinate(x[i] + step, x[i], low, high, rng);
                });
            }
        }
    }

    fn rescale(
        &self,
        genes: &VectorGenes,
        parent: &Vector,
        genome: &mut Vector,
        factors: &[f64],
        rng: &mut Stream,
    ) {
        for ((x, p), factor) in genome.0.iter_mut().zip(&parent.0).zip(factors) {
            *x = p + factor * (*x - p);
        }
        self.repair.vector(&mut genome.0, &parent.0, genes.bounds.as_ref(), rng);
    }

    fn cross(
        &self,
        genes: &VectorGenes,
        a: &Vector,
        b: &Vector,
        _: &mut (),
        rng: &mut Stream,
    ) -> [Vector; 2] {
        let b = &self.second_parent(genes, a, b);
        let [mut c, mut d] = [a.clone(), Vector::clone(b)];
        let n = a.0.len();
        let mut exchange = |i: usize| std::mem::swap(&mut c.0[i], &mut d.0[i]);
        match self.crossover {
            Crossover::Uniform { rate: 0.5 } => exchange_half(rng, &mut c.0, &mut d.0),
            Crossover::Uniform { rate } => for_each_chosen(rng, rate, n, exchange),
            Crossover::OnePoint => (rng.below(n.max(1))..n).for_each(&mut exchange),
            Crossover::TwoPoint => {
                let cuts = [rng.below(n + 1), rng.below(n + 1)];
                (cuts[0].min(cuts[1])..cuts[0].max(cuts[1])).for_each(&mut exchange);
            }
            Crossover::Arithmetic => {
                let w = rng.uniform();
                for (c, d) in c.0.iter_mut().zip(&mut d.0) {
                    (*c, *d) = (w * *c + (1.0 - w) * *d, (1.0 - w) * *c + w * *d);
                }
            }
            Crossover::Blend { alpha } => {
                for (c, d) in c.0.iter_mut().zip(&mut d.0) {
                    (*c, *d) = (blend(*c, *d, alpha, rng.uniform()), blend(*d, *c, alpha, rng.uniform()));
                }
                self.repair.vector(&mut c.0, &a.0, genes.bounds.as_ref(), rng);
                self.repair.vector(&mut d.0, &b.0, genes.bounds.as_ref(), rng);
            }
            Crossover::Sbx { eta, rate } => {
                let mut chosen = fork(rng).stream();
                for_each_chosen(&mut chosen, rate, n, |i| {
                    let interval = genes.bounds.as_ref().map(|b| (b.low[i], b.high[i]));
                    (c.0[i], d.0[i]) = sbx(a.0[i], b.0[i], interval, eta, rng.uniform());
                });
            }
        }
        [c, d]
    }

    /// Root mean square difference of genes.
    fn distance(&self, a: &Vector, b: &Vector) -> f64 {
        let squares: f64 = a.0.iter().zip(&b.0).map(|(a, b)| (a - b).powi(2)).sum();
        (squares / a.0.len().max(1) as f64).sqrt().min(f64::MAX)
    }
}

impl RealVariation {
    /// The second parent, its neurons in the order of the first one's if that is wanted.
    fn second_parent<'a>(&self, genes: &VectorGenes, a: &Vector, b: &'a Vector) -> Cow<'a, Vector> {
        if !self.align_neurons {
            return Cow::Borrowed(b);
        }
        let mut moved = aligned(&genes.layout, &a.0, &b.0);
        // Neurons that change places might meet other bounds.
        genes.bounds.iter().for_each(|bounds| bounds.clamp(&mut moved));
        Cow::Owned(Vector(moved))
    }

    fn gaussian(
        &self,
        genes: &VectorGenes,
        x: &mut [f64],
        sigma: Auto<f64>,
        rate: f64,
        strength: f64,
        rng: &mut Stream,
    ) {
        let bounds = genes.bounds.as_ref();
        let parent: Option<Vec<f64>> = bounds.map(|_| x.to_vec());
        let steps = match sigma {
            Auto::Value(sigma) => vec![sigma; genes.layout.blocks.len()],
            Auto::Auto => block_spreads(genes).into_iter().map(|s| AUTO_STEP * s).collect(),
        };
        let key = fork(rng);
        let mut chosen = key.stream();
        for (block, step) in genes.layout.blocks.iter().zip(steps) {
            let x = &mut x[block.range()];
            if rate < 1.0 {
                for_each_chosen(&mut chosen, rate, x.len(), |i| x[i] += strength * step * rng.normal());
            } else {
                noise::accumulate_normal(key, block.offset, strength * step, x);
            }
        }
        match parent {
            Some(parent) => self.repair.vector(x, &parent, bounds, rng),
            None if reduce::all_finite(x) => {}
            None => x.iter_mut().filter(|x| !x.is_finite()).for_each(|x| *x = x.signum() * spread(genes)),
        }
    }
}

/// Exchanges each gene with probability ½, as [`for_each_chosen`] would choose them, without a branch.
fn exchange_half(rng: &mut Stream, c: &mut [f64], d: &mut [f64]) {
    for (c, d) in c.chunks_mut(64).zip(d.chunks_mut(64)) {
        let bits = rng.next_u64();
        vectorize(
            #[inline(always)]
            || {
                for (i, (c, d)) in c.iter_mut().zip(d).enumerate() {
                    let all = (bits >> i & 1).wrapping_neg();
                    let differing = (c.to_bits() ^ d.to_bits()) & all;
                    *c = f64::from_bits(c.to_bits() ^ differing);
                    *d = f64::from_bits(d.to_bits() ^ differing);
                }
            },
        );
    }
}

/// A number in the interval of two parents, widened by a share `alpha` of it on both sides; `u` in [0, 1).
fn blend(a: f64, b: f64, alpha: f64, u: f64) -> f64 {
    // γ = (1 + 2α)u − α: Eshelman & Schaffer 1993.
    let gamma = (1.0 + 2.0 * alpha) * u - alpha;
    (1.0 - gamma) * a + gamma * b
}

/// One gene of two children; `u` in [0, 1). Deb & Agrawal 1995, equations 8 to 10, with the spread cut off at the bounds as
/// in Deb's NSGA-II code. The first child keeps to the side of `a`; that code exchanges the two at random, the paper does not.
fn sbx(a: f64, b: f64, interval: Option<(f64, f64)>, eta: f64, u: f64) -> (f64, f64) {
    let distance = (b - a).abs();
    if distance <= 1e-14 || !distance.is_finite() {
        return (a, b);
    }
    let (near, far) = (a.min(b), a.max(b));
    let spread = |to_bound: Option<f64>| {
        // α = 2 − β^−(η+1) is the probability mass inside the bound, times 2; without a bound it is 2.
        let mass = to_bound.map_or(2.0, |gap| 2.0 - libm::pow(1.0 + 2.0 * gap / distance, -(eta + 1.0)));
        let base = if u <= 1.0 / mass { u * mass } else { 1.0 / (2.0 - u * mass) };
        libm::pow(base, 1.0 / (eta + 1.0))
    };
    let lower = 0.5 * (near + far - spread(interval.map(|(low, _)| near - low)) * distance);
    let upper = 0.5 * (near + far + spread(interval.map(|(_, high)| high - far)) * distance);
    let (low, high) = interval.unwrap_or((f64::MIN, f64::MAX));
    let (lower, upper) = (lower.clamp(low, high), upper.clamp(low, high));
    if a <= b { (lower, upper) } else { (upper, lower) }
}

/// The step of polynomial mutation for a gene in [low, high]; `u` in [0, 1).
fn polynomial(x: f64, low: f64, high: f64, eta: f64, u: f64) -> f64 {
    let width = high - low;
    if width <= 0.0 {
        return 0.0;
    }
    let power = 1.0 / (eta + 1.0);
    let delta = if u < 0.5 {
        let rest = libm::pow(1.0 - (x - low) / width, eta + 1.0);
        libm::pow(2.0 * u + (1.0 - 2.0 * u) * rest, power) - 1.0
    } else {
        let rest = libm::pow(1.0 - (high - x) / width, eta + 1.0);
        1.0 - libm::pow(2.0 * (1.0 - u) + (2.0 * u - 1.0) * rest, power)
    };
    delta * width
}

#[cfg(test)]
mod tests {
    use super::*;
    use evolvent_core::{Init, Purpose, RunKey, stream};

    const CROSSOVERS: [Crossover; 6] = [
        Crossover::Arithmetic,
        Crossover::Blend { alpha: 0.5 },
        Crossover::Sbx { eta: 10.0, rate: 0.5 },
        Crossover::Uniform { rate: 0.3 },
        Crossover::OnePoint,
        Crossover::TwoPoint,
    ];

    fn rng() -> Stream {
        stream(RunKey::from_seed(8), 0, 0, 0, Purpose::Ask)
    }

    fn genes(bounded: bool) -> VectorGenes {
        let bounds = bounded.then(|| Bounds::uniform(40, -2.0, 3.0));
        VectorGenes::flat(40, Init::Uniform { low: -2.0, high: 3.0 }, bounds)
    }

    #[test]
    fn half_an_exchange_is_the_one_by_single_genes() {
        let (mut rng, mut twin) = (rng(), rng());
        let (mut c, mut d): (Vec<f64>, Vec<f64>) = (0..150).map(|i| (f64::from(i), -f64::from(i))).unzip();
        let (mut e, mut f) = (c.clone(), d.clone());
        exchange_half(&mut rng, &mut c, &mut d);
        for_each_chosen(&mut twin, 0.5, 150, |i| std::mem::swap(&mut e[i], &mut f[i]));
        assert_eq!((c, d, rng.next_u64()), (e, f, twin.next_u64()));
    }

    #[test]
    fn sbx_by_hand() {
        // u = ½ gives β = 1: the children are the parents. u = 0.1, η = 1: β = √0.2.
        let (c, d) = sbx(1.0, 3.0, None, 1.0, 0.5);
        assert!((c - 1.0).abs() < 1e-15 && (d - 3.0).abs() < 1e-15);
        let beta = 0.2f64.sqrt();
        let (c, d) = sbx(3.0, 1.0, None, 1.0, 0.1);
        assert!((c - (2.0 + beta)).abs() < 1e-15 && (d - (2.0 - beta)).abs() < 1e-15);
        // Bounds [0, 4], η = 1: β' = 2, mass 2 − 1/4; u = 0.9: β = √(1/(2 − 0.9·1.75)).
        let beta = (1.0f64 / (2.0 - 0.9 * 1.75)).sqrt();
        let (c, d) = sbx(1.0, 3.0, Some((0.0, 4.0)), 1.0, 0.9);
        assert!((c - (2.0 - beta)).abs() < 1e-15 && (d - (2.0 + beta)).abs() < 1e-15);
        // At the end of the distribution the children reach the bounds.
        let (c, d) = sbx(1.0, 3.0, Some((0.0, 4.0)), 1.0, 1.0 - 1e-16);
        assert!(c.abs() < 1e-7 && (d - 4.0).abs() < 1e-7);
    }

    #[test]
    fn polynomial_by_hand() {
        // x in the middle of [0, 2], η = 1, u = 0: √(1·¼) − 1 = −½ of the width, the lower bound itself.
        assert!((polynomial(1.0, 0.0, 2.0, 1.0, 0.0) + 1.0).abs() < 1e-15);
        assert!(polynomial(1.0, 0.0, 2.0, 1.0, 0.5).abs() < 1e-15);
        // u = 0.75: 1 − √(0.5 + 0.5·¼) of the width.
        let expected = 2.0 * (1.0 - 0.625f64.sqrt());
        assert!((polynomial(1.0, 0.0, 2.0, 1.0, 0.75) - expected).abs() < 1e-15);
    }

    #[test]
    fn crossovers_keep_the_parents_mean() {
        let genes = genes(false);
        for crossover in CROSSOVERS {
            let variation = RealVariation { crossover, ..RealVariation::default() };
            let mut rng = rng();
            let (a, b) =
                (variation.sample(&genes, &mut (), &mut rng), variation.sample(&genes, &mut (), &mut rng));
            let (mut error, rounds) = (0.0, 2000);
            for _ in 0..rounds {
                let [c, d] = variation.cross(&genes, &a, &b, &mut (), &mut rng);
                let sums =
                    |x: &Vector, y: &Vector| x.0.iter().zip(&y.0).map(|(x, y)| x + y).collect::<Vec<_>>();
                let (parents, children) = (sums(&a, &b), sums(&c, &d));
                error += parents.iter().zip(&children).map(|(p, c)| (p - c) / 40.0).sum::<f64>();
                if !matches!(crossover, Crossover::Blend { .. }) {
                    assert!(
                        parents.iter().zip(&children).all(|(p, c)| (p - c).abs() < 1e-12),
                        "{crossover:?}"
                    );
                }
            }
            assert!((error / f64::from(rounds)).abs() < 0.05, "{crossover:?}: {error}");
        }
    }

    #[test]
    fn nothing_leaves_its_bounds() {
        let genes = genes(true);
        let mutations = [
            Mutation::Gaussian { sigma: Auto::Value(2.0), rate: 1.0 },
            Mutation::Gaussian { sigma: Auto::Auto, rate: 0.3 },
            Mutation::Polynomial { eta: 5.0, rate: Auto::Value(0.5) },
        ];
        let mut rng = rng();
        for (crossover, mutation) in CROSSOVERS.into_iter().zip(mutations.into_iter().cycle()) {
            let variation = RealVariation { crossover, mutation, ..RealVariation::default() };
            let (mut a, b) =
                (variation.sample(&genes, &mut (), &mut rng), variation.sample(&genes, &mut (), &mut rng));
            for _ in 0..100 {
                [a, _] = variation.cross(&genes, &a, &b, &mut (), &mut rng);
                variation.mutate(&genes, &mut a, 3.0, &mut (), &mut rng);
                assert!(a.0.iter().all(|x| (-2.0..=3.0).contains(x)), "{crossover:?} {mutation:?}");
            }
        }
    }

    #[test]
    fn gaussian_steps_have_the_size_that_is_set() {
        let genes = VectorGenes::flat(20_000, Init::Zeros, None);
        for (sigma, rate, expected) in
            [(Auto::Value(0.3), 1.0, 0.3), (Auto::Value(0.3), 0.25, 0.15), (Auto::Auto, 1.0, 0.05)]
        {
            let variation =
                RealVariation { mutation: Mutation::Gaussian { sigma, rate }, ..RealVariation::default() };
            let mut x = Vector(vec![0.0; 20_000]);
            variation.mutate(&genes, &mut x, 2.0, &mut (), &mut rng());
            let rms = variation.distance(&x, &Vector(vec![0.0; 20_000]));
            assert!((rms / (2.0 * expected) - 1.0).abs() < 0.05, "{rms} for {expected}");
        }
    }

    #[test]
    fn polynomial_needs_bounds() {
        let mutation = Mutation::Polynomial { eta: 20.0, rate: Auto::Auto };
        let variation = RealVariation { mutation, ..RealVariation::default() };
        assert!(variation.check(&genes(true)).is_ok());
        let violations = variation.check(&genes(false)).unwrap_err();
        assert_eq!(violations.0[0].path, "mutation.polynomial");
    }
}
