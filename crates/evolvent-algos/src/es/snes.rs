//! SNES: separable natural evolution strategy.
//!
//! Wierstra, Schaul, Glasmachers, Sun, Peters & Schmidhuber 2014, *Natural evolution strategies* (algorithm 6); Schaul, Glasmachers &
//! Schmidhuber 2011. One standard deviation per coordinate; with s_k ~ N(0, I), z_k = μ + σ ⊙ s_k and rank-based utilities u_k
//!
//! ```text
//! μ ← μ + η_μ·σ ⊙ Σ u_k·s_k
//! σ ← σ ⊙ exp(η_σ/2·Σ u_k·(s_k² − 1))
//! ```
//!
//! The batch is virtual: one base, one scale per coordinate, a seed per member.
//!
//! *Differs from the paper:* equal losses share their utilities. Where genes are bounded, the batch is written out and members are
//! clamped.
//!
//! Cost per generation: `population_size` evaluations; each member's noise is drawn once in the evaluation and once in `tell`;
//! memory for a few vectors.
//!
//! Needs: one objective; vectors of a fixed length.

use super::{
    sampling::{SIGMAS, Sampling, check, default_population_size},
    shaping::ranked,
};
use crate::start;
use evolvent_core::{
    Algorithm, Auto, Batch, Candidate, Diagnostics, Drawn, Outcome, Rank, Scale, Scores, Space, Start,
    StopReason, Stream, Vector, VectorGenes, Violations,
};
use evolvent_math::{activation, kernels::vectorize, ranking::nes_utilities};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// SNES: the natural gradient of a Gaussian with independent genes; many weights, few settings.
///
/// Compared with evosax 0.3.2 generation by generation: `results/trajectories.md`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Snes {
    /// λ, number of members, at least 2. `"auto"` is 4 + ⌊3 ln d⌋ (table 1).
    #[serde(alias = "popsize", alias = "pop_size")]
    pub population_size: Auto<usize>,
    /// σ₀, initial standard deviation, above 0. `"auto"` is that with which genes are initialised.
    pub sigma: Auto<f64>,
    /// η_μ, above 0. The default is that of table 1.
    pub mean_learning_rate: f64,
    /// η_σ, above 0. `"auto"` is (3 + ln d)/(5√d) (table 1).
    pub sigma_learning_rate: Auto<f64>,
    /// Stops when all standard deviations are below this, at least 0.
    pub tolerance: f64,
}

impl Default for Snes {
    fn default() -> Self {
        Snes {
            population_size: Auto::Auto,
            sigma: Auto::Auto,
            mean_learning_rate: 1.0,
            sigma_learning_rate: Auto::Auto,
            tolerance: 1e-11,
        }
    }
}

/// State of [`Snes`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SnesState {
    genes: VectorGenes,
    population_size: usize,
    utilities: Vec<f64>,
    sigma_learning_rate: f64,
    mean: Vec<f64>,
    sigma: Arc<Vec<f64>>,
    sampling: Option<Sampling>,
    #[serde(skip)]
    drawn: Drawn,
    #[serde(skip)]
    moments: Vec<[f64; 2]>,
}

impl Algorithm for Snes {
    const NAME: &'static str = "snes";
    type Genome = Vector;
    type State = SnesState;

    fn init(
        &self,
        space: &Space<Vector>,
        start: &Start<Vector>,
        rng: &mut Stream,
    ) -> Result<SnesState, Violations> {
        let genes = space.genes.clone();
        let dimension = genes.dimension();
        let population_size = self.population_size.or(|| default_population_size(dimension));
        let mut v = Violations::new();
        v.at_least("population_size", population_size, 2);
        self.sigma.given().into_iter().for_each(|&s| v.positive("sigma", s));
        v.positive("mean_learning_rate", self.mean_learning_rate);
        self.sigma_learning_rate.given().into_iter().for_each(|&r| v.positive("sigma_learning_rate", r));
        v.non_negative("tolerance", self.tolerance);
        check(space, start, &mut v);
        v.into_result()?;
        let d = dimension as f64;
        Ok(SnesState {
            utilities: nes_utilities(population_size),
            population_size,
            sigma_learning_rate: self.sigma_learning_rate.or(|| (3.0 + libm::log(d)) / (5.0 * d.sqrt())),
            mean: start::centre(&genes, start, rng),
            sigma: Arc::new(vec![self.sigma.or(|| start::spread(&genes)); dimension]),
            sampling: None,
            drawn: Drawn::default(),
            moments: Vec::new(),
            genes,
        })
    }

    fn ask(&self, state: &mut SnesState, rng: &mut Stream) -> Batch<Vector> {
        let sampling = Sampling::new(rng, state.population_size, false, Rank::Full);
        state.sampling = Some(sampling);
        let scale = Scale::PerCoordinate(state.sigma.clone());
        sampling.batch(&state.genes, state.mean.clone(), scale, &mut state.drawn)
    }

    fn tell(&self, state: &mut SnesState, _: &Batch<Vector>, scores: &Scores, _: &mut Stream) {
        let (Some(u), Some(sampling)) = (ranked(scores, &state.utilities), state.sampling.take()) else {
            return;
        };
        let mut moments = std::mem::take(&mut state.moments);
        moments.resize(state.mean.len(), [0.0; 2]);
        sampling.moments(&state.genes.layout, (&u, &u), &state.drawn, &mut moments);
        self.learn(state, &moments);
        state.moments = moments;
    }

    fn outcome(&self, state: &SnesState) -> Outcome<Vector> {
        Outcome::Point(Candidate::unmeasured(Vector(state.mean.clone())))
    }

    fn stopped(&self, state: &SnesState) -> Option<StopReason> {
        let below = state.sigma.iter().all(|&s| s < self.tolerance);
        below
            .then(|| StopReason::Converged(format!("all standard deviations are below {:e}", self.tolerance)))
    }

    fn rescaled(&self, space: &Space<Vector>, population: f64, sigma: f64) -> Option<Self> {
        let size = self.population_size.or(|| default_population_size(space.genes.dimension())) as f64;
        Some(Snes {
            population_size: Auto::Value((size * population).round().max(2.0) as usize),
            sigma: Auto::Value(sigma * self.sigma.or(|| start::spread(&space.genes))),
            ..self.clone()
        })
    }

    fn diagnose(&self, state: &SnesState, out: &mut Diagnostics) {
        deviations(&state.sigma, out);
    }
}

impl Snes {
    /// Σ u·s and Σ u·s² of each coordinate move the distribution. The utilities sum to 0, so Σ u·(s² − 1) is Σ u·s².
    fn learn(&self, state: &mut SnesState, moments: &[[f64; 2]]) {
        let rate = 0.5 * state.sigma_learning_rate;
        let sigma = Arc::make_mut(&mut state.sigma);
        vectorize(
            #[inline(always)]
            || {
                for ((mean, sigma), [first, second]) in state.mean.iter_mut().zip(sigma).zip(moments) {
                    *mean += self.mean_learning_rate * *sigma * first;
                    *sigma = (*sigma * activation::exp_f64(rate * second)).clamp(SIGMAS.0, SIGMAS.1);
                }
            },
        );
        if let Some(bounds) = &state.genes.bounds {
            bounds.clamp(&mut state.mean);
        }
    }
}

/// Geometric mean and extremes of one standard deviation per coordinate.
pub(crate) fn deviations(sigma: &[f64], out: &mut Diagnostics) {
    let logs = sigma.iter().map(|&s| libm::log(s)).sum::<f64>();
    out.add("sigma", libm::exp(logs / sigma.len() as f64));
    out.add("smallest_deviation", sigma.iter().copied().fold(f64::INFINITY, f64::min));
    out.add("largest_deviation", sigma.iter().copied().fold(0.0, f64::max));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::es::sampling::tests::moments_of_rows;
    use evolvent_core::{Init, Purpose, RunKey, stream};
    use evolvent_test::{Reference, assert_close};

    #[test]
    fn distributions_are_those_of_evosax() {
        let file = Reference::parse(include_str!("../../tests/reference/evosax_snes.json"));
        for run in file.get("runs").entries() {
            let (n, steps) = (run.number("dimension") as usize, run.get("steps").entries());
            let size = steps[0].numbers("values").len();
            let snes = Snes {
                population_size: Auto::Value(size),
                sigma: Auto::Value(run.number("sigma")),
                ..Snes::default()
            };
            let space = Space::new(VectorGenes::flat(n, Init::Zeros, None));
            let mut rng = stream(RunKey::from_seed(1), 0, 0, 0, Purpose::Init);
            let mut state = snes.init(&space, &Start::Point(Vector(run.numbers("mean"))), &mut rng).unwrap();
            for step in &steps {
                let u = ranked(&Scores::of_losses(&step.numbers("values")), &state.utilities).unwrap();
                snes.learn(&mut state, &moments_of_rows(&step.numbers("noise"), n, &u, &u));
                assert_close("mean", &state.mean, &step.numbers("mean"), 1e-9, 1e-9);
                assert_close("sigma", &state.sigma, &step.numbers("std"), 1e-9, 0.0);
            }
        }
    }
}
