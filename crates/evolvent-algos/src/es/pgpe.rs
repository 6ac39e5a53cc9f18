//! PGPE: policy gradients with parameter-based exploration, with ClipUp.
//!
//! Sehnke, Osendorfer, Rückstieß, Graves, Peters & Schmidhuber 2010, *Parameter-exploring policy gradients* (symmetric sampling,
//! section 3.2); Toklu, Liskowski & Srivastava 2020, *ClipUp: a simple and powerful optimizer for distribution-based policy evolution*.
//! With antithetic pairs μ ± σ ⊙ ε and shaped losses f⁺, f⁻, their mean over all being b,
//!
//! ```text
//! ∇μ = mean over pairs of (f⁺ − f⁻)/2·σ ⊙ ε
//! ∇σ = mean over pairs of ((f⁺ + f⁻)/2 − b)·σ ⊙ (ε² − 1)
//! ```
//!
//! μ follows its gradient by an optimiser, σ by a plain step that changes it by a limited share.
//!
//! *Differs from the paper:* shaping applies to all losses at once, as in the authors' code. Where genes are bounded, the batch is
//! written out and members are clamped.
//!
//! Cost per generation: `population_size` evaluations; one noise vector per pair in `tell`; memory for a few vectors.
//!
//! Needs: one objective; vectors of a fixed length.

use super::{
    Optimizer, OptimizerState, Shaping,
    sampling::{SIGMAS, Sampling, check},
    snes::deviations,
};
use crate::{schedule::Schedule, start};
use evolvent_core::{
    Algorithm, Auto, Batch, Candidate, Diagnostics, Drawn, Outcome, Rank, Scale, Scores, Space, Start,
    Stream, Vector, VectorGenes, Violations,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The `"auto"` radius of the initial distribution in units of ClipUp's greatest speed (Toklu et al. 2020, section 4).
const RADIUS: f64 = 15.0;

/// PGPE: as OpenAI-ES, but every gene has a width of its own, which is learnt as well.
///
/// Compared with evosax 0.3.2 generation by generation: `results/trajectories.md`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Pgpe {
    /// Number of members, an even number of at least 2.
    #[serde(alias = "popsize", alias = "pop_size")]
    pub population_size: usize,
    /// σ₀, initial standard deviation, above 0. `"auto"` is 15·`max_speed`/√d for ClipUp (Toklu et al. 2020), else that with which genes
    /// are initialised.
    pub sigma: Auto<f64>,
    /// Of μ, above 0. `"auto"` is half the greatest speed for ClipUp (Toklu et al. 2020), σ₀/2 for Adam and 1 for SGD.
    pub learning_rate: Auto<f64>,
    /// Of σ, at least 0. The default is Toklu et al.'s.
    pub sigma_learning_rate: f64,
    /// The largest share by which σ changes in a generation, in (0, 1). The default is Toklu et al.'s.
    pub sigma_max_change: f64,
    /// How losses become weights.
    pub shaping: Shaping,
    /// How the gradient moves μ.
    pub optimizer: Optimizer,
    /// The factor on `learning_rate` in each generation.
    pub learning_rate_schedule: Schedule,
}

impl Default for Pgpe {
    fn default() -> Self {
        Pgpe {
            population_size: 64,
            sigma: Auto::Auto,
            learning_rate: Auto::Auto,
            sigma_learning_rate: 0.1,
            sigma_max_change: 0.2,
            shaping: Shaping::CenteredRanks,
            optimizer: Optimizer::ClipUp { momentum: 0.9, max_speed: 0.15 },
            learning_rate_schedule: Schedule::Constant,
        }
    }
}

/// State of [`Pgpe`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PgpeState {
    genes: VectorGenes,
    learning_rate: f64,
    mean: Vec<f64>,
    sigma: Arc<Vec<f64>>,
    optimizer: OptimizerState,
    generation: u64,
    sampling: Option<Sampling>,
    #[serde(skip)]
    drawn: Drawn,
    #[serde(skip)]
    moments: Vec<[f64; 2]>,
}

impl Algorithm for Pgpe {
    const NAME: &'static str = "pgpe";
    type Genome = Vector;
    type State = PgpeState;

    fn init(
        &self,
        space: &Space<Vector>,
        start: &Start<Vector>,
        rng: &mut Stream,
    ) -> Result<PgpeState, Violations> {
        let mut v = Violations::new();
        v.at_least("population_size", self.population_size, 2);
        let even = self.population_size.is_multiple_of(2);
        v.require(
            even,
            "population_size",
            self.population_size,
            "an even number, because members are mirrored",
        );
        self.sigma.given().into_iter().for_each(|&s| v.positive("sigma", s));
        self.learning_rate.given().into_iter().for_each(|&r| v.positive("learning_rate", r));
        v.non_negative("sigma_learning_rate", self.sigma_learning_rate);
        let change = self.sigma_max_change;
        v.require(change > 0.0 && change < 1.0, "sigma_max_change", change, "a share in (0, 1)");
        self.optimizer.check("optimizer", &mut v);
        self.learning_rate_schedule.check("learning_rate_schedule", &mut v);
        check(space, start, &mut v);
        v.into_result()?;
        let genes = space.genes.clone();
        let sigma = self.initial_sigma(&genes);
        Ok(PgpeState {
            learning_rate: self.learning_rate.or(|| match self.optimizer {
                Optimizer::ClipUp { max_speed, .. } => max_speed / 2.0,
                Optimizer::Adam { .. } => sigma / 2.0,
                Optimizer::Sgd { .. } => 1.0,
            }),
            mean: start::centre(&genes, start, rng),
            sigma: Arc::new(vec![sigma; genes.dimension()]),
            optimizer: self.optimizer.state(genes.dimension()),
            generation: 0,
            sampling: None,
            drawn: Drawn::default(),
            moments: Vec::new(),
            genes,
        })
    }

    fn ask(&self, state: &mut PgpeState, rng: &mut Stream) -> Batch<Vector> {
        let sampling = Sampling::new(rng, self.population_size, true, Rank::Full);
        state.sampling = Some(sampling);
        let scale = Scale::PerCoordinate(state.sigma.clone());
        sampling.batch(&state.genes, state.mean.clone(), scale, &mut state.drawn)
    }

    fn tell(&self, state: &mut PgpeState, _: &Batch<Vector>, scores: &Scores, _: &mut Stream) {
        let rate = state.learning_rate * self.learning_rate_schedule.factor(state.generation);
        state.generation += 1;
        let (Some(f), Some(sampling)) = (self.shaping.weights(scores), state.sampling.take()) else { return };
        let (first, second) = pair_weights(&f);
        let mut moments = std::mem::take(&mut state.moments);
        moments.resize(state.mean.len(), [0.0; 2]);
        sampling.moments(&state.genes.layout, (&first, &second), &state.drawn, &mut moments);
        self.learn(state, rate, &moments);
        state.moments = moments;
    }

    fn outcome(&self, state: &PgpeState) -> Outcome<Vector> {
        Outcome::Point(Candidate::unmeasured(Vector(state.mean.clone())))
    }

    fn rescaled(&self, space: &Space<Vector>, population: f64, sigma: f64) -> Option<Self> {
        let pairs = (self.population_size as f64 * population / 2.0).round().max(1.0) as usize;
        let sigma = Auto::Value(sigma * self.initial_sigma(&space.genes));
        Some(Pgpe { population_size: 2 * pairs, sigma, ..self.clone() })
    }

    fn diagnose(&self, state: &PgpeState, out: &mut Diagnostics) {
        deviations(&state.sigma, out);
        out.add("learning_rate", state.learning_rate * self.learning_rate_schedule.factor(state.generation));
    }
}

impl Pgpe {
    fn initial_sigma(&self, genes: &VectorGenes) -> f64 {
        self.sigma.or(|| match self.optimizer {
            Optimizer::ClipUp { max_speed, .. } => RADIUS * max_speed / (genes.dimension() as f64).sqrt(),
            _ => start::spread(genes),
        })
    }

    /// `moments` hold Σ w₁·ε and Σ w₂·ε² of [`pair_weights`]; w₂ sums to 0, so Σ w₂·(ε² − 1) is Σ w₂·ε².
    fn learn(&self, state: &mut PgpeState, rate: f64, moments: &[[f64; 2]]) {
        let gradient: Vec<f64> = moments.iter().zip(state.sigma.iter()).map(|(m, s)| s * m[0]).collect();
        self.optimizer.descend(&mut state.optimizer, rate, &gradient, &mut state.mean);
        if let Some(bounds) = &state.genes.bounds {
            bounds.clamp(&mut state.mean);
        }
        for (sigma, [_, second]) in Arc::make_mut(&mut state.sigma).iter_mut().zip(moments) {
            let step = self.sigma_learning_rate * *sigma * second;
            let most = self.sigma_max_change * *sigma;
            if !step.is_nan() {
                *sigma = (*sigma - step.clamp(-most, most)).clamp(SIGMAS.0, SIGMAS.1);
            }
        }
    }
}

/// The weight of each member's ±ε in ∇μ and of its ε² in ∇σ; members 2k and 2k + 1 are a pair.
fn pair_weights(f: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let n = f.len() as f64;
    let baseline = f.iter().sum::<f64>() / n;
    // (f⁺ − f⁻)/2 divided by n/2 pairs.
    let first = f.iter().map(|f| f / n).collect();
    let second = f.iter().map(|f| (f - baseline) / n).collect();
    (first, second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::es::sampling::tests::moments_of_rows;
    use evolvent_core::{Init, Purpose, RunKey, stream};
    use evolvent_test::{Reference, assert_close};

    #[test]
    fn distributions_are_those_of_evosax() {
        let file = Reference::parse(include_str!("../../tests/reference/evosax_pgpe.json"));
        for run in file.get("runs").entries() {
            let (n, steps) = (run.number("dimension") as usize, run.get("steps").entries());
            let size = steps[0].numbers("values").len();
            let pgpe = Pgpe {
                population_size: size,
                sigma: Auto::Value(run.number("sigma")),
                optimizer: Optimizer::Sgd { momentum: 0.0 },
                ..Pgpe::default()
            };
            let space = Space::new(VectorGenes::flat(n, Init::Zeros, None));
            let mut rng = stream(RunKey::from_seed(1), 0, 0, 0, Purpose::Init);
            let mut state = pgpe.init(&space, &Start::Point(Vector(run.numbers("mean"))), &mut rng).unwrap();
            for step in &steps {
                let f = pgpe.shaping.weights(&Scores::of_losses(&step.numbers("values"))).unwrap();
                let (first, second) = pair_weights(&f);
                let moments = moments_of_rows(&step.numbers("noise"), n, &first, &second);
                pgpe.learn(&mut state, run.number("learning_rate"), &moments);
                assert_close("mean", &state.mean, &step.numbers("mean"), 1e-9, 1e-9);
                assert_close("sigma", &state.sigma, &step.numbers("std"), 1e-9, 0.0);
            }
        }
    }

    mod adam_z_scores {
        use super::*;
        evolvent_test::conformance!(
            Pgpe,
            Pgpe {
                population_size: 16,
                optimizer: Optimizer::default(),
                shaping: Shaping::ZScore,
                ..Pgpe::default()
            }
        );
    }
}
