//! CEM: the cross-entropy method.
//!
//! Rubinstein 1999; De Boer, Kroese, Mannor & Rubinstein 2005, *A tutorial on the cross-entropy method* (section 5: smoothing); with the
//! added variance of Szita & Lőrincz 2006, *Learning Tetris using the noisy cross-entropy method*. The distribution has one mean and one
//! standard deviation per coordinate, which move towards those of the best members:
//!
//! ```text
//! μ ← (1 − α)·μ + α·mean of the elites
//! σ ← √((1 − α)·σ² + α·variance of the elites + extra²)
//! ```
//!
//! The batch is virtual: one base, one scale per coordinate, a seed per member.
//!
//! *Differs from the paper:* variances, not standard deviations, are smoothed. Elites that are equal in loss to a member left out share
//! their weight with it. Where genes are bounded, the batch is written out and members are clamped.
//!
//! Cost per generation: `population_size` evaluations; one noise vector per elite in `tell`; memory for a few vectors.
//!
//! Needs: one objective; vectors of a fixed length.

use super::{
    sampling::{SIGMAS, Sampling, check},
    shaping::ranked,
    snes::deviations,
};
use crate::{schedule::Schedule, start};
use evolvent_core::{
    Algorithm, Auto, Batch, Candidate, Diagnostics, Drawn, Outcome, Rank, Scale, Scores, Space, Start,
    StopReason, Stream, Vector, VectorGenes, Violations,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The `"auto"` extra standard deviation as a share of the initial one.
const AUTO_EXTRA: f64 = 0.1;

/// CEM: the cross-entropy method, a Gaussian fitted again and again to the best members.
///
/// Compared with pypop7 0.0.82 generation by generation: `results/trajectories.md`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Cem {
    /// Number of members, at least 2.
    #[serde(alias = "popsize", alias = "pop_size")]
    pub population_size: usize,
    /// Share of the members that are elites, in (0, 1]; at least one is. The tutorial has 0.01 to 0.1 for large populations.
    pub elite_share: f64,
    /// σ₀, initial standard deviation, above 0. `"auto"` is that with which genes are initialised.
    pub sigma: Auto<f64>,
    /// α, smoothing, in (0, 1]; the tutorial has 0.4 to 0.9.
    pub learning_rate: f64,
    /// A standard deviation that is added each generation against early convergence, at least 0. `"auto"` is σ₀/10.
    pub extra_sigma: Auto<f64>,
    /// The factor on `extra_sigma` in each generation.
    pub extra_schedule: Schedule,
    /// Stops when all standard deviations are below this, at least 0.
    pub tolerance: f64,
}

impl Default for Cem {
    fn default() -> Self {
        Cem {
            population_size: 64,
            elite_share: 0.2,
            sigma: Auto::Auto,
            learning_rate: 0.9,
            extra_sigma: Auto::Auto,
            extra_schedule: Schedule::Exponential { decay: 0.95, floor: 0.0 },
            tolerance: 1e-11,
        }
    }
}

/// State of [`Cem`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CemState {
    genes: VectorGenes,
    mean: Vec<f64>,
    sigma: Arc<Vec<f64>>,
    extra_sigma: f64,
    generation: u64,
    sampling: Option<Sampling>,
    #[serde(skip)]
    drawn: Drawn,
    #[serde(skip)]
    moments: Vec<[f64; 2]>,
}

impl Algorithm for Cem {
    const NAME: &'static str = "cem";
    type Genome = Vector;
    type State = CemState;

    fn init(
        &self,
        space: &Space<Vector>,
        start: &Start<Vector>,
        rng: &mut Stream,
    ) -> Result<CemState, Violations> {
        let mut v = Violations::new();
        v.at_least("population_size", self.population_size, 2);
        let share = |v: &mut Violations, path: &str, x: f64| {
            v.require(x > 0.0 && x <= 1.0, path, x, "a share in (0, 1]");
        };
        share(&mut v, "elite_share", self.elite_share);
        share(&mut v, "learning_rate", self.learning_rate);
        self.sigma.given().into_iter().for_each(|&s| v.positive("sigma", s));
        self.extra_sigma.given().into_iter().for_each(|&s| v.non_negative("extra_sigma", s));
        self.extra_schedule.check("extra_schedule", &mut v);
        v.non_negative("tolerance", self.tolerance);
        check(space, start, &mut v);
        v.into_result()?;
        let genes = space.genes.clone();
        let sigma = self.sigma.or(|| start::spread(&genes));
        Ok(CemState {
            mean: start::centre(&genes, start, rng),
            sigma: Arc::new(vec![sigma; genes.dimension()]),
            extra_sigma: self.extra_sigma.or(|| AUTO_EXTRA * sigma),
            generation: 0,
            sampling: None,
            drawn: Drawn::default(),
            moments: Vec::new(),
            genes,
        })
    }

    fn ask(&self, state: &mut CemState, rng: &mut Stream) -> Batch<Vector> {
        let sampling = Sampling::new(rng, self.population_size, false, Rank::Full);
        state.sampling = Some(sampling);
        let scale = Scale::PerCoordinate(state.sigma.clone());
        sampling.batch(&state.genes, state.mean.clone(), scale, &mut state.drawn)
    }

    fn tell(&self, state: &mut CemState, _: &Batch<Vector>, scores: &Scores, _: &mut Stream) {
        let extra = state.extra_sigma * self.extra_schedule.factor(state.generation);
        state.generation += 1;
        let measured = scores.failed.iter().filter(|&&failed| !failed).count();
        let shares = self.shares(scores.len(), measured);
        let (Some(w), Some(sampling)) = (ranked(scores, &shares), state.sampling.take()) else { return };
        let mut moments = std::mem::take(&mut state.moments);
        moments.resize(state.mean.len(), [0.0; 2]);
        sampling.moments(&state.genes.layout, (&w, &w), &state.drawn, &mut moments);
        self.learn(state, extra, &moments);
        state.moments = moments;
    }

    fn outcome(&self, state: &CemState) -> Outcome<Vector> {
        Outcome::Point(Candidate::unmeasured(Vector(state.mean.clone())))
    }

    fn stopped(&self, state: &CemState) -> Option<StopReason> {
        let below = state.sigma.iter().all(|&s| s < self.tolerance);
        below
            .then(|| StopReason::Converged(format!("all standard deviations are below {:e}", self.tolerance)))
    }

    fn rescaled(&self, space: &Space<Vector>, population: f64, sigma: f64) -> Option<Self> {
        let size = (self.population_size as f64 * population).round().max(2.0) as usize;
        let sigma = Auto::Value(sigma * self.sigma.or(|| start::spread(&space.genes)));
        Some(Cem { population_size: size, sigma, ..self.clone() })
    }

    fn diagnose(&self, state: &CemState, out: &mut Diagnostics) {
        deviations(&state.sigma, out);
    }
}

impl Cem {
    /// What the members count, best first: 1/elites or nothing.
    fn shares(&self, members: usize, measured: usize) -> Vec<f64> {
        let elites = ((self.elite_share * members as f64).round() as usize).clamp(1, measured.max(1));
        let mut shares = vec![0.0; members];
        shares[..elites].fill(1.0 / elites as f64);
        shares
    }

    /// The elites' mean noise and mean square noise of each coordinate move the distribution.
    fn learn(&self, state: &mut CemState, extra: f64, moments: &[[f64; 2]]) {
        let rate = self.learning_rate;
        let sigma = Arc::make_mut(&mut state.sigma);
        for ((mean, sigma), [first, second]) in state.mean.iter_mut().zip(sigma).zip(moments) {
            *mean += rate * *sigma * first;
            let variance = (second - first * first).max(0.0);
            let next = *sigma * *sigma * (1.0 - rate + rate * variance) + extra * extra;
            *sigma = next.sqrt().clamp(SIGMAS.0, SIGMAS.1);
        }
        if let Some(bounds) = &state.genes.bounds {
            bounds.clamp(&mut state.mean);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::es::sampling::tests::moments_of_rows;
    use evolvent_core::{Init, Purpose, RunKey, stream};
    use evolvent_test::{Reference, assert_close};

    #[test]
    fn distributions_are_those_of_pypop7() {
        let file = Reference::parse(include_str!("../../tests/reference/pypop7_cem.json"));
        for run in file.get("runs").entries() {
            let (n, steps) = (run.number("dimension") as usize, run.get("steps").entries());
            let size = steps[0].numbers("values").len();
            let cem = Cem {
                population_size: size,
                sigma: Auto::Value(run.number("sigma")),
                learning_rate: run.number("alpha"),
                extra_sigma: Auto::Value(0.0),
                ..Cem::default()
            };
            let space = Space::new(VectorGenes::flat(n, Init::Zeros, None));
            let mut rng = stream(RunKey::from_seed(1), 0, 0, 0, Purpose::Init);
            let mut state = cem.init(&space, &Start::Point(Vector(run.numbers("mean"))), &mut rng).unwrap();
            for step in &steps {
                let scores = Scores::of_losses(&step.numbers("values"));
                let w = ranked(&scores, &cem.shares(size, size)).unwrap();
                cem.learn(&mut state, 0.0, &moments_of_rows(&step.numbers("noise"), n, &w, &w));
                assert_close("mean", &state.mean, &step.numbers("mean"), 1e-12, 1e-12);
                assert_close("sigma", &state.sigma, &step.numbers("std"), 1e-11, 0.0);
            }
        }
    }

    #[test]
    fn moves_to_the_elites_by_hand() {
        let cem = Cem { learning_rate: 1.0, sigma: Auto::Value(2.0), ..Cem::default() };
        let space = Space::new(VectorGenes::flat(1, Init::Constant(10.0), None));
        let mut rng = stream(RunKey::from_seed(1), 0, 0, 0, Purpose::Init);
        let mut state = cem.init(&space, &Start::Default, &mut rng).unwrap();
        // Members 10 + 2·(1, 3, −7); the first two are elites: 12 and 16.
        let w = [0.5, 0.5, 0.0];
        cem.learn(&mut state, 1.5, &moments_of_rows(&[1.0, 3.0, -7.0], 1, &w, &w));
        assert_eq!(state.mean, [14.0]);
        assert!((state.sigma[0] - (4.0f64 + 2.25).sqrt()).abs() < 1e-15);
    }

    #[test]
    fn finds_the_centre_of_a_sphere() {
        let cem = Cem::default();
        let space = Space::new(VectorGenes::flat(6, Init::Uniform { low: -5.0, high: 5.0 }, None));
        let mut solved = 0;
        for seed in 0..10 {
            let key = RunKey::from_seed(seed);
            let mut state =
                cem.init(&space, &Start::Default, &mut stream(key, 0, 0, 0, Purpose::Init)).unwrap();
            for round in 0..150 {
                let batch = cem.ask(&mut state, &mut stream(key, round, 0, 0, Purpose::Ask));
                let losses: Vec<f64> = evolvent_test::Specimen::written_out(&batch)
                    .iter()
                    .map(|x: &Vector| x.0.iter().map(|x| (x - 1.0).powi(2)).sum())
                    .collect();
                cem.tell(
                    &mut state,
                    &batch,
                    &Scores::of_losses(&losses),
                    &mut stream(key, round, 0, 0, Purpose::Tell),
                );
            }
            solved += usize::from(state.mean.iter().all(|x| (x - 1.0).abs() < 1e-2));
        }
        evolvent_test::assert_success_rate("CEM on the sphere", solved, 10, 0.95, 1e-4);
    }
}
