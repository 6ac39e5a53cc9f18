//! sep-CMA-ES: CMA-ES with a diagonal covariance matrix, linear in time and memory.
//!
//! Ros & Hansen 2008, *A simple modification in CMA-ES achieving linear time and space complexity*. C is diagonal, and because it has only n
//! numbers it learns (n + 2)/3 times as fast. With z ~ N(0, I), y = √C ⊙ z, ⟨·⟩ the weighted mean of the better half
//!
//! ```text
//! m   ← m + σ·⟨y⟩
//! p_σ ← (1 − c_σ)·p_σ + √(c_σ(2 − c_σ)μ_w)·⟨z⟩
//! σ   ← σ·exp(c_σ/d_σ·(‖p_σ‖/E‖N(0, I)‖ − 1))
//! p_c ← (1 − c_c)·p_c + h_σ·√(c_c(2 − c_c)μ_w)·⟨y⟩
//! C   ← (1 − c_cov)·C + c_cov/μ_cov·p_c² + c_cov·(1 − 1/μ_cov)·⟨y²⟩
//! ```
//!
//! The batch is virtual: one base, one scale per coordinate, a seed per member; `tell` needs only Σ w·z and Σ w·z².
//!
//! *Differs from the paper:* c_cov is at most 1; what a stalled rank-one update does not add is not taken away either. Where genes are
//! bounded, the batch is written out and members are clamped.
//!
//! Cost per generation: λ evaluations; one noise vector per better member in `tell`; memory for a few vectors.
//!
//! Needs: one objective; vectors of a fixed length.

use crate::{
    es::{
        sampling::{SIGMAS, Sampling, check, default_population_size},
        shaping::ranked,
        snes::deviations,
    },
    start,
};
use evolvent_core::{
    Algorithm, Auto, Batch, Candidate, Diagnostics, Drawn, Outcome, Rank, Scale, Scores, Space, Start,
    StopReason, Stream, Vector, VectorGenes, Violations,
};
use evolvent_math::{kernels::vectorize, reduce, special::expected_norm};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Largest variance in C relative to 1, and its inverse: beyond it nothing is learned any more.
const VARIANCES: (f64, f64) = (1e-60, 1e60);

/// sep-CMA-ES: CMA-ES with independent genes, at linear cost.
///
/// Compared with cmaes 0.13.1 generation by generation: `results/trajectories.md`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SepCmaEs {
    /// λ, number of members, at least 2. `"auto"` is 4 + ⌊3 ln n⌋.
    #[serde(alias = "popsize", alias = "pop_size")]
    pub population_size: Auto<usize>,
    /// σ₀, initial standard deviation, above 0. `"auto"` is that with which genes are initialised.
    pub sigma: Auto<f64>,
    /// Stops when all standard deviations are below this, at least 0.
    pub tolerance: f64,
}

impl Default for SepCmaEs {
    fn default() -> Self {
        SepCmaEs { population_size: Auto::Auto, sigma: Auto::Auto, tolerance: 1e-11 }
    }
}

/// State of [`SepCmaEs`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SepCmaEsState {
    genes: VectorGenes,
    rates: Rates,
    mean: Vec<f64>,
    sigma: f64,
    variances: Vec<f64>,
    path_sigma: Vec<f64>,
    path_covariance: Vec<f64>,
    generation: u64,
    sampling: Option<Sampling>,
    #[serde(skip)]
    drawn: Drawn,
    #[serde(skip)]
    moments: Vec<[f64; 2]>,
}

/// Constants derived from dimension and population size.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Rates {
    /// One per rank; 0 for the worse half.
    weights: Vec<f64>,
    mueff: f64,
    cc: f64,
    /// c_cov/μ_cov and c_cov·(1 − 1/μ_cov).
    c1: f64,
    cmu: f64,
    cs: f64,
    damping: f64,
    chi: f64,
}

impl Rates {
    fn new(dimension: usize, population_size: usize) -> Self {
        let (n, parents) = (dimension as f64, population_size / 2);
        let mut weights: Vec<f64> = (0..population_size)
            .map(|i| libm::log(parents as f64 + 1.0) - libm::log(i as f64 + 1.0))
            .collect();
        weights[parents..].fill(0.0);
        let sum: f64 = weights.iter().sum();
        weights.iter_mut().for_each(|w| *w /= sum);
        let mueff = 1.0 / weights.iter().map(|w| w * w).sum::<f64>();
        // c_cov of CMA-ES with μ_cov = μ_eff, times (n + 2)/3.
        let rank_one = 2.0 / (mueff * (n + std::f64::consts::SQRT_2).powi(2));
        let rank_mu = (1.0 - 1.0 / mueff) * ((2.0 * mueff - 1.0) / ((n + 2.0).powi(2) + mueff)).min(1.0);
        let ccov = ((n + 2.0) / 3.0 * (rank_one + rank_mu)).min(1.0);
        let cs = (mueff + 2.0) / (n + mueff + 3.0);
        Rates {
            weights,
            mueff,
            cc: 4.0 / (n + 4.0),
            c1: ccov / mueff,
            cmu: ccov * (1.0 - 1.0 / mueff),
            cs,
            damping: 1.0 + 2.0 * (((mueff - 1.0) / (n + 1.0)).sqrt() - 1.0).max(0.0) + cs,
            chi: expected_norm(dimension),
        }
    }
}

impl Algorithm for SepCmaEs {
    const NAME: &'static str = "sep_cma_es";
    type Genome = Vector;
    type State = SepCmaEsState;

    fn init(
        &self,
        space: &Space<Vector>,
        start: &Start<Vector>,
        rng: &mut Stream,
    ) -> Result<SepCmaEsState, Violations> {
        let genes = space.genes.clone();
        let n = genes.dimension();
        let population_size = self.population_size.or(|| default_population_size(n));
        let mut v = Violations::new();
        v.at_least("population_size", population_size, 2);
        self.sigma.given().into_iter().for_each(|&s| v.positive("sigma", s));
        v.non_negative("tolerance", self.tolerance);
        check(space, start, &mut v);
        v.into_result()?;
        Ok(SepCmaEsState {
            rates: Rates::new(n, population_size),
            mean: start::centre(&genes, start, rng),
            sigma: self.sigma.or(|| start::spread(&genes)),
            variances: vec![1.0; n],
            path_sigma: vec![0.0; n],
            path_covariance: vec![0.0; n],
            generation: 0,
            sampling: None,
            drawn: Drawn::default(),
            moments: Vec::new(),
            genes,
        })
    }

    fn ask(&self, state: &mut SepCmaEsState, rng: &mut Stream) -> Batch<Vector> {
        let sampling = Sampling::new(rng, state.rates.weights.len(), false, Rank::Full);
        state.sampling = Some(sampling);
        let scale = Scale::PerCoordinate(Arc::new(state.deviations()));
        sampling.batch(&state.genes, state.mean.clone(), scale, &mut state.drawn)
    }

    fn tell(&self, state: &mut SepCmaEsState, _: &Batch<Vector>, scores: &Scores, _: &mut Stream) {
        let (Some(w), Some(sampling)) = (ranked(scores, &state.rates.weights), state.sampling.take()) else {
            return;
        };
        let mut moments = std::mem::take(&mut state.moments);
        moments.resize(state.mean.len(), [0.0; 2]);
        sampling.moments(&state.genes.layout, (&w, &w), &state.drawn, &mut moments);
        state.learn(&moments);
        state.moments = moments;
    }

    fn outcome(&self, state: &SepCmaEsState) -> Outcome<Vector> {
        Outcome::Point(Candidate::unmeasured(Vector(state.mean.clone())))
    }

    fn stopped(&self, state: &SepCmaEsState) -> Option<StopReason> {
        let below = state.variances.iter().all(|v| state.sigma * v.sqrt() < self.tolerance);
        below
            .then(|| StopReason::Converged(format!("all standard deviations are below {:e}", self.tolerance)))
    }

    fn rescaled(&self, space: &Space<Vector>, population: f64, sigma: f64) -> Option<Self> {
        let size = self.population_size.or(|| default_population_size(space.genes.dimension())) as f64;
        Some(SepCmaEs {
            population_size: Auto::Value((size * population).round().max(2.0) as usize),
            sigma: Auto::Value(sigma * self.sigma.or(|| start::spread(&space.genes))),
            ..self.clone()
        })
    }

    fn diagnose(&self, state: &SepCmaEsState, out: &mut Diagnostics) {
        deviations(&state.deviations(), out);
        let length = state.path_sigma.iter().map(|p| p * p).sum::<f64>().sqrt();
        out.add("path_length", length / state.rates.chi);
    }
}

impl SepCmaEsState {
    fn deviations(&self) -> Vec<f64> {
        self.variances.iter().map(|v| self.sigma * v.sqrt()).collect()
    }

    /// ⟨z⟩ and ⟨z²⟩ of each coordinate move the distribution.
    fn learn(&mut self, moments: &[[f64; 2]]) {
        self.generation += 1;
        let Rates { mueff, cc, c1, cmu, cs, damping, chi, .. } = self.rates;
        let keep = (cs * (2.0 - cs) * mueff).sqrt();
        vectorize(
            #[inline(always)]
            || {
                for (p, [z, _]) in self.path_sigma.iter_mut().zip(moments) {
                    *p = (1.0 - cs) * *p + keep * z;
                }
            },
        );
        let length = reduce::dot(&self.path_sigma, &self.path_sigma).sqrt();
        let warm_up = (1.0 - libm::pow(1.0 - cs, 2.0 * self.generation as f64)).sqrt();
        let calm = length / warm_up < (1.4 + 2.0 / (self.mean.len() as f64 + 1.0)) * chi;
        let keep = if calm { (cc * (2.0 - cc) * mueff).sqrt() } else { 0.0 };
        let stalled = if calm { 0.0 } else { c1 * cc * (2.0 - cc) };
        let decay = 1.0 - c1 - cmu + stalled;
        let sigma = self.sigma;
        let coordinates = self.mean.iter_mut().zip(&mut self.variances).zip(&mut self.path_covariance);
        vectorize(
            #[inline(always)]
            || {
                for (((mean, variance), path), [z, zz]) in coordinates.zip(moments) {
                    let y = variance.sqrt() * z;
                    *mean += sigma * y;
                    *path = (1.0 - cc) * *path + keep * y;
                    let next = decay * *variance + c1 * *path * *path + cmu * *variance * zz;
                    *variance = next.clamp(VARIANCES.0, VARIANCES.1);
                }
            },
        );
        if let Some(bounds) = &self.genes.bounds {
            bounds.clamp(&mut self.mean);
        }
        let change = (cs / damping * (length / chi - 1.0)).clamp(-1.0, 1.0);
        self.sigma = (self.sigma * libm::exp(change)).clamp(SIGMAS.0, SIGMAS.1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::es::sampling::tests::moments_of_rows;
    use evolvent_core::{Init, Purpose, RunKey, stream};
    use evolvent_test::{Reference, assert_close};

    #[test]
    fn states_are_those_of_cmaes() {
        let file = Reference::parse(include_str!("../../tests/reference/cmaes_sep.json"));
        for run in file.get("runs").entries() {
            let (n, steps) = (run.number("dimension") as usize, run.get("steps").entries());
            let cma = SepCmaEs {
                population_size: Auto::Value(steps[0].numbers("values").len()),
                sigma: Auto::Value(run.number("sigma")),
                ..SepCmaEs::default()
            };
            let space = Space::new(VectorGenes::flat(n, Init::Zeros, None));
            let mut rng = stream(RunKey::from_seed(1), 0, 0, 0, Purpose::Init);
            let mut state = cma.init(&space, &Start::Point(Vector(run.numbers("mean"))), &mut rng).unwrap();
            for step in &steps {
                let w = ranked(&Scores::of_losses(&step.numbers("values")), &state.rates.weights).unwrap();
                let deviations = state.deviations();
                let x = step.numbers("population");
                let z: Vec<f64> =
                    x.iter().enumerate().map(|(k, x)| (x - state.mean[k % n]) / deviations[k % n]).collect();
                state.learn(&moments_of_rows(&z, n, &w, &w));
                assert_close("mean", &state.mean, &step.numbers("mean"), 1e-9, 1e-9);
                assert_close("sigma", &[state.sigma], &[step.number("sigma")], 1e-9, 0.0);
                assert_close("C", &state.variances, &step.numbers("variances"), 1e-9, 0.0);
                assert_close("p_c", &state.path_covariance, &step.numbers("path"), 1e-8, 1e-10);
            }
        }
    }
}
