//! LM-MA-ES: limited-memory matrix adaptation.
//!
//! Loshchilov, Glasmachers & Beyer 2017 (2019), *Large scale black-box optimization by limited-memory matrix adaptation* (algorithm 2).
//! Instead of a covariance matrix there are m = 4 + ⌊3 ln n⌋ direction vectors that fade at different speeds; no matrix is decomposed or
//! even formed. With z ~ N(0, I)
//!
//! ```text
//! d ← z; for j < min(t, m): d ← (1 − c_d,j)·d + c_d,j·(m_j·d)·m_j            lines 7 to 10
//! y ← y + σ·Σ wᵢ·dᵢ                                                         line 12
//! p_σ ← (1 − c_σ)·p_σ + √(μ_w·c_σ(2 − c_σ))·Σ wᵢ·zᵢ                         line 13
//! m_j ← (1 − c_c,j)·m_j + √(μ_w·c_c,j(2 − c_c,j))·Σ wᵢ·zᵢ                   line 15
//! σ ← σ·exp(c_σ/2·(‖p_σ‖²/n − 1))                                           line 16
//! ```
//!
//! The transformation is linear, so `tell` needs only Σ wᵢ·zᵢ, drawn again from seeds.
//!
//! *Differs from the paper:* equal losses share their weights; rates that exceed 1 in few dimensions are cut, and σ changes by a factor
//! of at most e. Where genes are bounded, members are clamped.
//!
//! Cost per generation: λ evaluations and O(λ·m·n); the batch is written out; memory for m + 3 vectors beside it.
//!
//! Needs: one objective; vectors of a fixed length.

use crate::{
    es::{
        sampling::{SIGMAS, Sampling, check, default_population_size},
        shaping::ranked,
    },
    start,
};
use evolvent_core::{
    Algorithm, Auto, Batch, Candidate, Diagnostics, Drawn, Outcome, Rank, Scores, Space, Start, StopReason,
    Stream, Vector, VectorGenes, Vectors, Violations,
};
use evolvent_math::{noise, par, reduce};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// LM-MA-ES: CMA-ES with a few remembered directions instead of a matrix; thousands of genes.
///
/// Compared with pypop7 0.0.82 generation by generation: `results/trajectories.md`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LmMaEs {
    /// λ, number of members, at least 2. `"auto"` is 4 + ⌊3 ln n⌋ (algorithm 2).
    #[serde(alias = "popsize", alias = "pop_size")]
    pub population_size: Auto<usize>,
    /// m, number of direction vectors, at least 1. `"auto"` is 4 + ⌊3 ln n⌋ (algorithm 2).
    pub directions: Auto<usize>,
    /// σ₀, initial standard deviation, above 0. `"auto"` is that with which genes are initialised.
    pub sigma: Auto<f64>,
    /// Stops when σ is below this, at least 0.
    pub tolerance: f64,
}

impl Default for LmMaEs {
    fn default() -> Self {
        LmMaEs { population_size: Auto::Auto, directions: Auto::Auto, sigma: Auto::Auto, tolerance: 1e-11 }
    }
}

/// State of [`LmMaEs`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LmMaEsState {
    genes: VectorGenes,
    weights: Vec<f64>,
    mueff: f64,
    cs: f64,
    mean: Vec<f64>,
    sigma: f64,
    path: Vec<f64>,
    directions: Vec<Vec<f64>>,
    generation: u64,
    sampling: Option<Sampling>,
}

impl Algorithm for LmMaEs {
    const NAME: &'static str = "lm_ma_es";
    type Genome = Vector;
    type State = LmMaEsState;

    fn holds(&self, space: &Space<Vector>) -> f64 {
        self.directions.or(|| default_population_size(space.genes.dimension())) as f64
    }

    fn init(
        &self,
        space: &Space<Vector>,
        start: &Start<Vector>,
        rng: &mut Stream,
    ) -> Result<LmMaEsState, Violations> {
        let genes = space.genes.clone();
        let n = genes.dimension();
        let population_size = self.population_size.or(|| default_population_size(n));
        let directions = self.directions.or(|| default_population_size(n));
        let mut v = Violations::new();
        v.at_least("population_size", population_size, 2);
        v.at_least("directions", directions, 1);
        self.sigma.given().into_iter().for_each(|&s| v.positive("sigma", s));
        v.non_negative("tolerance", self.tolerance);
        check(space, start, &mut v);
        v.into_result()?;
        let (weights, mueff) = weights(population_size);
        Ok(LmMaEsState {
            weights,
            mueff,
            cs: (2.0 * population_size as f64 / n as f64).min(1.0),
            mean: start::centre(&genes, start, rng),
            sigma: self.sigma.or(|| start::spread(&genes)),
            path: vec![0.0; n],
            directions: vec![vec![0.0; n]; directions],
            generation: 0,
            sampling: None,
            genes,
        })
    }

    fn ask(&self, state: &mut LmMaEsState, rng: &mut Stream) -> Batch<Vector> {
        let n = state.mean.len();
        let sampling = Sampling::new(rng, state.weights.len(), false, Rank::Full);
        state.sampling = Some(sampling);
        let mut data = vec![0.0; state.weights.len() * n];
        let state = &*state;
        par::blocks(&mut data, n, |from, row| {
            let mut z = vec![0.0f32; n];
            noise::fill_normal(sampling.pair_key(from / n), 0, &mut z);
            row.iter_mut().zip(&z).for_each(|(x, &z)| *x = f64::from(z));
            state.transform(row);
            row.iter_mut().zip(&state.mean).for_each(|(x, m)| *x = m + state.sigma * *x);
            if let Some(bounds) = &state.genes.bounds {
                bounds.clamp(row);
            }
        });
        Batch::new(Vectors::Dense { dimension: n, data })
    }

    fn tell(&self, state: &mut LmMaEsState, _: &Batch<Vector>, scores: &Scores, _: &mut Stream) {
        let (Some(w), Some(sampling)) = (ranked(scores, &state.weights), state.sampling.take()) else {
            return;
        };
        let mut step = vec![0.0; state.mean.len()];
        sampling.sum(&state.genes.layout, &w, &Drawn::default(), &mut step);
        state.learn(step);
    }

    fn outcome(&self, state: &LmMaEsState) -> Outcome<Vector> {
        Outcome::Point(Candidate::unmeasured(Vector(state.mean.clone())))
    }

    fn stopped(&self, state: &LmMaEsState) -> Option<StopReason> {
        let below = state.sigma < self.tolerance;
        below.then(|| StopReason::Converged(format!("sigma is below {:e}", self.tolerance)))
    }

    fn rescaled(&self, space: &Space<Vector>, population: f64, sigma: f64) -> Option<Self> {
        let size = self.population_size.or(|| default_population_size(space.genes.dimension())) as f64;
        Some(LmMaEs {
            population_size: Auto::Value((size * population).round().max(2.0) as usize),
            sigma: Auto::Value(sigma * self.sigma.or(|| start::spread(&space.genes))),
            ..self.clone()
        })
    }

    fn diagnose(&self, state: &LmMaEsState, out: &mut Diagnostics) {
        let n = state.mean.len() as f64;
        out.add("sigma", state.sigma);
        out.add("path_length", (reduce::dot(&state.path, &state.path) / n).sqrt());
        let longest = state.directions.iter().map(|m| reduce::dot(m, m).sqrt()).fold(0.0, f64::max);
        out.add("longest_direction", longest);
    }
}

impl LmMaEsState {
    /// Lines 7 to 10.
    fn transform(&self, d: &mut [f64]) {
        let n = d.len() as f64;
        for (j, m) in self.directions.iter().take(self.generation as usize).enumerate() {
            let c = 1.0 / (libm::pow(1.5, j as f64) * n);
            let along = reduce::dot(m, d);
            d.iter_mut().zip(m).for_each(|(d, m)| *d = (1.0 - c) * *d + c * along * m);
        }
    }

    /// Lines 12 to 16; `step` is Σ wᵢ·zᵢ.
    fn learn(&mut self, step: Vec<f64>) {
        let (n, lambda) = (self.mean.len() as f64, self.weights.len() as f64);
        let mut moved = step.clone();
        self.transform(&mut moved);
        self.mean.iter_mut().zip(&moved).for_each(|(y, d)| *y += self.sigma * d);
        if let Some(bounds) = &self.genes.bounds {
            bounds.clamp(&mut self.mean);
        }
        fade(&mut self.path, self.cs, self.mueff, &step);
        for (j, m) in self.directions.iter_mut().enumerate() {
            fade(m, (lambda / (libm::pow(4.0, j as f64) * n)).min(1.0), self.mueff, &step);
        }
        let change = 0.5 * self.cs * (reduce::dot(&self.path, &self.path) / n - 1.0);
        self.sigma = (self.sigma * libm::exp(change.clamp(-1.0, 1.0))).clamp(SIGMAS.0, SIGMAS.1);
        self.generation += 1;
    }
}

/// p ← (1 − c)·p + √(μ_w·c(2 − c))·step.
fn fade(p: &mut [f64], c: f64, mueff: f64, step: &[f64]) {
    let keep = (mueff * c * (2.0 - c)).sqrt();
    p.iter_mut().zip(step).for_each(|(p, z)| *p = (1.0 - c) * *p + keep * z);
}

/// wᵢ ∝ ln(μ + ½) − ln i for the better half, 0 for the others, and μ_w.
fn weights(population_size: usize) -> (Vec<f64>, f64) {
    let parents = population_size / 2;
    let raw = (0..population_size).map(|i| libm::log(parents as f64 + 0.5) - libm::log(i as f64 + 1.0));
    let mut weights: Vec<f64> = raw.collect();
    weights[parents..].fill(0.0);
    let sum: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|w| *w /= sum);
    let mueff = 1.0 / weights.iter().map(|w| w * w).sum::<f64>();
    (weights, mueff)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::es::sampling::tests::moments_of_rows;
    use evolvent_core::{Init, Purpose, RunKey, stream};
    use evolvent_test::{Reference, assert_close};

    #[test]
    fn states_are_those_of_pypop7() {
        let file = Reference::parse(include_str!("../../tests/reference/pypop7_lm_ma_es.json"));
        for run in file.get("runs").entries() {
            let (n, steps) = (run.number("dimension") as usize, run.get("steps").entries());
            let es = LmMaEs {
                population_size: Auto::Value(steps[0].numbers("values").len()),
                directions: Auto::Value(4),
                sigma: Auto::Value(run.number("sigma")),
                ..LmMaEs::default()
            };
            let space = Space::new(VectorGenes::flat(n, Init::Zeros, None));
            let mut rng = stream(RunKey::from_seed(1), 0, 0, 0, Purpose::Init);
            let mut state = es.init(&space, &Start::Point(Vector(run.numbers("mean"))), &mut rng).unwrap();
            for step in &steps {
                let noise = step.numbers("noise");
                let mut member = noise[noise.len() - n..].to_vec();
                state.transform(&mut member);
                member.iter_mut().zip(&state.mean).for_each(|(x, m)| *x = m + state.sigma * *x);
                assert_close("member", &member, &step.numbers("member"), 1e-11, 1e-12);
                let w = ranked(&Scores::of_losses(&step.numbers("values")), &state.weights).unwrap();
                state.learn(moments_of_rows(&noise, n, &w, &w).iter().map(|[sum, _]| *sum).collect());
                assert_close("mean", &state.mean, &step.numbers("mean"), 1e-11, 1e-12);
                assert_close("sigma", &[state.sigma], &[step.number("sigma")], 1e-11, 0.0);
                assert_close("path", &state.path, &step.numbers("path"), 1e-11, 1e-12);
                let slowest = reduce::dot(&state.directions[3], &state.directions[3]).sqrt();
                assert_close("direction", &[slowest], &[step.number("longest")], 1e-11, 0.0);
            }
        }
    }

    #[test]
    fn step_size_by_hand() {
        let space = Space::new(VectorGenes::flat(100, Init::Zeros, None));
        let mut rng = stream(RunKey::from_seed(1), 0, 0, 0, Purpose::Init);
        let es = LmMaEs { population_size: Auto::Value(10), ..LmMaEs::default() };
        let mut state = es.init(&space, &Start::Default, &mut rng).unwrap();
        assert_eq!(state.cs, 0.2);
        state.learn(vec![1.0; 100]);
        // ‖p‖² = 100·μ_w·0.36.
        let expected = 0.5 * libm::exp(0.1 * (0.36 * state.mueff - 1.0));
        assert!((state.sigma - expected).abs() < 1e-15);
    }
}
