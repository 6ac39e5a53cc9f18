//! ARS: augmented random search.
//!
//! Mania, Guy & Recht 2018, *Simple random search provides a competitive approach to reinforcement learning* (algorithm 2). With N
//! directions δ, losses f± at mean ± ν·δ, the b directions whose better loss is best, and the standard deviation σ_R of their 2b losses
//!
//! ```text
//! mean ← mean − α/(b·σ_R)·Σ (f⁺ − f⁻)·δ
//! ```
//!
//! V1 and V2 differ in the normalisation of observations only, which is a setting of the task. Linear policies that start at zero are a
//! network without hidden layers and with zero initialisers.
//!
//! *Differs from the paper:* losses with no spread change nothing. Failed members count as the worst. Where genes are bounded, the batch is
//! written out and members are clamped.
//!
//! Cost per generation: `population_size` evaluations; one noise vector per kept direction in `tell`; memory for a few vectors.
//!
//! Needs: one objective; vectors of a fixed length.

use super::sampling::{Sampling, check};
use crate::{schedule::Schedule, start};
use evolvent_core::{
    Algorithm, Auto, Batch, Candidate, Diagnostics, Drawn, Outcome, Rank, Scale, Scores, Space, Start,
    Stream, Vector, VectorGenes, Violations,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The `"auto"` ν as a share of the genes' spread, and the `"auto"` α as a share of ν: the paper's ratio of 0.02 to 0.03.
const AUTO_SIGMA: f64 = 0.1;
const AUTO_RATE: f64 = 2.0 / 3.0;

/// ARS: random directions, the best of them averaged; linear policies and small networks.
///
/// Compared with evosax 0.3.2 generation by generation: `results/trajectories.md`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Ars {
    /// 2N, number of members, an even number of at least 2. The default has the paper's 8 directions of HalfCheetah.
    #[serde(alias = "popsize", alias = "pop_size")]
    pub population_size: usize,
    /// b, number of directions that are used, at least 1. `"auto"` is all.
    pub top_directions: Auto<usize>,
    /// ν, standard deviation of the perturbations, above 0. `"auto"` is a tenth of the genes' initial standard deviation.
    pub sigma: Auto<f64>,
    /// α, above 0. `"auto"` is 2ν/3.
    pub learning_rate: Auto<f64>,
    /// The factor on `sigma` in each generation.
    pub sigma_schedule: Schedule,
    /// The factor on `learning_rate` in each generation.
    pub learning_rate_schedule: Schedule,
}

impl Default for Ars {
    fn default() -> Self {
        Ars {
            population_size: 16,
            top_directions: Auto::Auto,
            sigma: Auto::Auto,
            learning_rate: Auto::Auto,
            sigma_schedule: Schedule::Constant,
            learning_rate_schedule: Schedule::Constant,
        }
    }
}

/// State of [`Ars`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ArsState {
    genes: VectorGenes,
    mean: Vec<f64>,
    sigma: f64,
    learning_rate: f64,
    generation: u64,
    sampling: Option<Sampling>,
    #[serde(skip)]
    drawn: Drawn,
    #[serde(skip)]
    sum: Vec<f64>,
}

impl Algorithm for Ars {
    const NAME: &'static str = "ars";
    type Genome = Vector;
    type State = ArsState;

    fn init(
        &self,
        space: &Space<Vector>,
        start: &Start<Vector>,
        rng: &mut Stream,
    ) -> Result<ArsState, Violations> {
        let mut v = Violations::new();
        v.at_least("population_size", self.population_size, 2);
        let even = self.population_size.is_multiple_of(2);
        v.require(
            even,
            "population_size",
            self.population_size,
            "an even number, because members are mirrored",
        );
        if let Auto::Value(b) = self.top_directions {
            let directions = self.population_size / 2;
            let expected = format!("a number of directions from 1 to {directions}, half the population");
            v.require(b >= 1 && b <= directions, "top_directions", b, &expected);
        }
        self.sigma.given().into_iter().for_each(|&s| v.positive("sigma", s));
        self.learning_rate.given().into_iter().for_each(|&r| v.positive("learning_rate", r));
        self.sigma_schedule.check("sigma_schedule", &mut v);
        self.learning_rate_schedule.check("learning_rate_schedule", &mut v);
        check(space, start, &mut v);
        v.into_result()?;
        let genes = space.genes.clone();
        let sigma = self.initial_sigma(&genes);
        Ok(ArsState {
            mean: start::centre(&genes, start, rng),
            sigma,
            learning_rate: self.learning_rate.or(|| AUTO_RATE * sigma),
            generation: 0,
            sampling: None,
            drawn: Drawn::default(),
            sum: Vec::new(),
            genes,
        })
    }

    fn ask(&self, state: &mut ArsState, rng: &mut Stream) -> Batch<Vector> {
        let sampling = Sampling::new(rng, self.population_size, true, Rank::Full);
        state.sampling = Some(sampling);
        let sigma = state.sigma * self.sigma_schedule.factor(state.generation);
        sampling.batch(&state.genes, state.mean.clone(), Scale::Scalar(sigma), &mut state.drawn)
    }

    fn tell(&self, state: &mut ArsState, _: &Batch<Vector>, scores: &Scores, _: &mut Stream) {
        let rate = state.learning_rate * self.learning_rate_schedule.factor(state.generation);
        state.generation += 1;
        let (Some(losses), Some(sampling)) = (scores.finite(), state.sampling.take()) else { return };
        let top = self.top_directions.or(|| self.population_size / 2);
        let Some(weights) = weights(&losses, top) else { return };
        let mut sum = std::mem::take(&mut state.sum);
        sum.resize(state.mean.len(), 0.0);
        sampling.sum(&state.genes.layout, &weights, &state.drawn, &mut sum);
        state.mean.iter_mut().zip(&sum).for_each(|(m, g)| *m -= rate * g);
        if let Some(bounds) = &state.genes.bounds {
            bounds.clamp(&mut state.mean);
        }
        state.sum = sum;
    }

    fn outcome(&self, state: &ArsState) -> Outcome<Vector> {
        Outcome::Point(Candidate::unmeasured(Vector(state.mean.clone())))
    }

    fn rescaled(&self, space: &Space<Vector>, population: f64, sigma: f64) -> Option<Self> {
        let pairs = (self.population_size as f64 * population / 2.0).round().max(1.0) as usize;
        let top_directions = match self.top_directions {
            Auto::Auto => Auto::Auto,
            Auto::Value(b) => Auto::Value(((b as f64 * population).round() as usize).clamp(1, pairs)),
        };
        let sigma = Auto::Value(sigma * self.initial_sigma(&space.genes));
        Some(Ars { population_size: 2 * pairs, top_directions, sigma, ..self.clone() })
    }

    fn diagnose(&self, state: &ArsState, out: &mut Diagnostics) {
        out.add("sigma", state.sigma * self.sigma_schedule.factor(state.generation));
        out.add("learning_rate", state.learning_rate * self.learning_rate_schedule.factor(state.generation));
    }
}

impl Ars {
    fn initial_sigma(&self, genes: &VectorGenes) -> f64 {
        self.sigma.or(|| AUTO_SIGMA * start::spread(genes))
    }
}

/// f±/(b·σ_R) for the members of the b best directions, 0 for the others; `None` if the losses have no spread. Members 2k and 2k + 1 are a
/// pair, whose noise has opposite signs.
fn weights(losses: &[f64], top: usize) -> Option<Vec<f64>> {
    // Halves of extreme losses have finite differences; the factor cancels.
    let largest = losses.iter().fold(0.0f64, |m, l| m.max(l.abs()));
    let scale = if largest > 1e150 { 1.0 / largest } else { 1.0 };
    let best = losses.iter().copied().fold(f64::INFINITY, f64::min) * scale;
    let regret = |i: usize| losses[i] * scale - best;
    let mut directions: Vec<usize> = (0..losses.len() / 2).collect();
    directions.sort_by(|&a, &b| {
        let better = |k: usize| regret(2 * k).min(regret(2 * k + 1));
        better(a).total_cmp(&better(b))
    });
    directions.truncate(top);
    let used = || directions.iter().flat_map(|&k| [regret(2 * k), regret(2 * k + 1)]);
    let count = 2.0 * directions.len() as f64;
    let mean = used().sum::<f64>() / count;
    let deviation = (used().map(|r| (r - mean).powi(2)).sum::<f64>() / count).sqrt();
    if deviation <= 0.0 || !deviation.is_finite() {
        return None;
    }
    let mut weights = vec![0.0; losses.len()];
    for &k in &directions {
        for i in [2 * k, 2 * k + 1] {
            weights[i] = regret(i) / (directions.len() as f64 * deviation);
        }
    }
    Some(weights)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::es::sampling::tests::moments_of_rows;
    use evolvent_test::{Reference, assert_close};

    #[test]
    fn weights_by_hand() {
        // Directions (5, 1), (2, 9), (4, 4): the best two are the first two. Losses 5, 1, 2, 9 have mean 4.25.
        let deviation =
            ((0.75f64.powi(2) + 3.25f64.powi(2) + 2.25f64.powi(2) + 4.75f64.powi(2)) / 4.0).sqrt();
        let found = weights(&[5.0, 1.0, 2.0, 9.0, 4.0, 4.0], 2).unwrap();
        let expected = [4.0, 0.0, 1.0, 8.0, 0.0, 0.0].map(|r| r / (2.0 * deviation));
        assert_close("weights", &found, &expected, 1e-15, 0.0);
        assert_eq!(weights(&[3.0; 4], 2), None);
        assert!(weights(&[f64::MAX, f64::MIN, 0.0, 1.0], 2).unwrap().iter().all(|w| w.is_finite()));
    }

    #[test]
    fn means_are_those_of_evosax() {
        let file = Reference::parse(include_str!("../../tests/reference/evosax_ars.json"));
        for run in file.get("runs").entries() {
            let (n, mut mean) = (run.number("dimension") as usize, run.numbers("mean"));
            for step in run.get("steps").entries() {
                let w = weights(&step.numbers("values"), run.number("top_directions") as usize).unwrap();
                let sum = moments_of_rows(&step.numbers("noise"), n, &w, &w);
                mean.iter_mut().zip(&sum).for_each(|(m, g)| *m -= run.number("learning_rate") * g[0]);
                assert_close("mean", &mean, &step.numbers("mean"), 1e-9, 1e-9);
            }
        }
    }

    mod few_directions {
        use super::*;
        evolvent_test::conformance!(
            Ars,
            Ars {
                top_directions: Auto::Value(3),
                sigma: Auto::Value(0.5),
                population_size: 10,
                ..Ars::default()
            }
        );
    }
}
