//! JADE: differential evolution that adapts its parameters and keeps an archive.
//!
//! Zhang & Sanderson 2009, *JADE: adaptive differential evolution with optional external archive* (table I). Each trial has an F from
//! Cauchy(μ_F, 0.1) and a CR from N(μ_CR, 0.1); its mutant is current-to-pbest/1 with the archive (7), (8). After a generation, with the F and CR of
//! the trials that beat their targets,
//!
//! ```text
//! μ_CR ← (1 − c)·μ_CR + c·mean(S_CR)              (10)
//! μ_F  ← (1 − c)·μ_F + c·Σ S_F² / Σ S_F           (12), (13)
//! ```
//!
//! *Differs from the paper:* a trial as good as its target replaces it, without counting as a success. At least two members count as the best.
//! Where values of different rounds cannot be compared (noisy or changing fitness), targets are evaluated again beside their trials.
//!
//! Cost per generation: `population_size` evaluations, twice as many where targets are evaluated again.
//!
//! Needs: one objective, vectors of a fixed length; takes constraints (feasible first, Deb 2000).

use super::pbest::{FEWEST, Pool, draw_settings, lehmer_mean};
use crate::repair::Repair;
use evolvent_core::{
    Algorithm, Auto, Batch, Diagnostics, Needs, Outcome, Scores, Space, Start, StopReason, Stream, Vector,
    Violations,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// JADE: differential evolution that adapts its rates and moves towards the best members.
///
/// Compared with pypop7 0.0.82 generation by generation: `results/trajectories.md`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Jade {
    /// NP, number of vectors, at least 4. `"auto"` is 30 up to 10 dimensions, 100 up to 30, and 400 above (section V).
    #[serde(alias = "popsize", alias = "pop_size")]
    pub population_size: Auto<usize>,
    /// p, the share of the population that is taken for the best, in (0, 1]. The default is the paper's.
    pub best_share: f64,
    /// c, how fast μ_F and μ_CR follow what succeeds, in [0, 1]. The default is the paper's.
    pub adaptation_rate: f64,
    /// Size of the archive as a share of the population, at least 0; 0 is JADE without archive. The default is the paper's.
    pub archive_share: f64,
    /// What becomes of genes that leave their bounds. The default is the paper's.
    pub repair: Repair,
}

impl Default for Jade {
    fn default() -> Self {
        Jade {
            population_size: Auto::Auto,
            best_share: 0.05,
            adaptation_rate: 0.1,
            archive_share: 1.0,
            repair: Repair::Midpoint,
        }
    }
}

/// State of [`Jade`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JadeState {
    pool: Pool,
    mean_f: f64,
    mean_cr: f64,
}

impl Algorithm for Jade {
    const NAME: &'static str = "jade";
    type Genome = Vector;
    type State = JadeState;

    fn holds(&self, space: &Space<Vector>) -> f64 {
        2.0 * self.size(space.genes.dimension()) as f64
    }

    fn needs(&self) -> Needs {
        Needs { constraints: true, ..Needs::default() }
    }

    fn init(
        &self,
        space: &Space<Vector>,
        start: &Start<Vector>,
        rng: &mut Stream,
    ) -> Result<JadeState, Violations> {
        let mut v = Violations::new();
        let size = self.size(space.genes.dimension());
        v.at_least("population_size", size, FEWEST);
        v.require(
            self.best_share > 0.0 && self.best_share <= 1.0,
            "best_share",
            self.best_share,
            "a share in (0, 1]",
        );
        v.probability("adaptation_rate", self.adaptation_rate);
        v.non_negative("archive_share", self.archive_share);
        Pool::check(space, start, &mut v);
        v.into_result()?;
        Ok(JadeState { pool: Pool::new(space, start, size, rng), mean_f: 0.5, mean_cr: 0.5 })
    }

    fn ask(&self, state: &mut JadeState, rng: &mut Stream) -> Batch<Vector> {
        let (f, cr) = (state.mean_f, state.mean_cr);
        state.pool.ask(self.best_share, self.repair, rng, |rng| draw_settings(f, cr, rng))
    }

    fn tell(&self, state: &mut JadeState, batch: &Batch<Vector>, scores: &Scores, rng: &mut Stream) {
        let capacity = (self.archive_share * state.pool.len() as f64).round() as usize;
        let Some(successes) = state.pool.tell(batch, scores, capacity, rng).filter(|s| !s.is_empty()) else {
            return;
        };
        let c = self.adaptation_rate;
        let mean_cr = successes.iter().map(|s| s.cr).sum::<f64>() / successes.len() as f64;
        state.mean_cr = (1.0 - c) * state.mean_cr + c * mean_cr; // (10)
        state.mean_f = (1.0 - c) * state.mean_f + c * lehmer_mean(successes.iter().map(|s| (1.0, s.f))); // (12)
    }

    fn outcome(&self, state: &JadeState) -> Outcome<Vector> {
        state.pool.outcome()
    }

    fn stopped(&self, state: &JadeState) -> Option<StopReason> {
        state.pool.stopped()
    }

    fn rescaled(&self, space: &Space<Vector>, population: f64, _: f64) -> Option<Self> {
        let size = (self.size(space.genes.dimension()) as f64 * population).round() as usize;
        Some(Jade { population_size: Auto::Value(size.max(FEWEST)), ..self.clone() })
    }

    fn diagnose(&self, state: &JadeState, out: &mut Diagnostics) {
        state.pool.diagnose(out);
        out.add("mean_differential_weight", state.mean_f);
        out.add("mean_crossover_rate", state.mean_cr);
    }
}

impl Jade {
    fn size(&self, dimension: usize) -> usize {
        self.population_size.or(|| match dimension {
            0..=10 => 30,
            11..=30 => 100,
            _ => 400,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use evolvent_core::{Bounds, Init, Purpose, RunKey, VectorGenes, Vectors, stream};
    use evolvent_test::{Reference, assert_close};

    /// pypop7 was given the numbers that are drawn here. Its archive overflows on the way.
    #[test]
    fn trials_and_means_are_those_of_pypop7() {
        let file = Reference::parse(include_str!("../../tests/reference/pypop7_jade.json"));
        for run in file.get("runs").entries() {
            let (n, steps) = (run.number("dimension") as usize, run.get("steps").entries());
            let jade = Jade {
                population_size: Auto::Value(steps[0].numbers("values").len()),
                best_share: run.number("best_share"),
                ..Jade::default()
            };
            let first = steps[0].numbers("trials").chunks(n).map(|x| Vector(x.to_vec())).collect();
            let bounds = Some(Bounds::uniform(n, -run.number("bound"), run.number("bound")));
            let space = Space::new(VectorGenes::flat(n, Init::Zeros, bounds));
            let key = RunKey::from_seed(run.number("seed") as u64);
            let at = |round: u64, purpose: Purpose| stream(key, round, 0, 0, purpose);
            let mut state = jade.init(&space, &Start::Population(first), &mut at(0, Purpose::Init)).unwrap();
            for (round, step) in (0..).zip(&steps) {
                let batch = jade.ask(&mut state, &mut at(round, Purpose::Ask));
                let Vectors::Dense { data, .. } = &batch.members else { unreachable!() };
                assert_close("trials", data, &step.numbers("trials"), 0.0, 1e-12);
                let scores = Scores::of_losses(&step.numbers("values"));
                jade.tell(&mut state, &batch, &scores, &mut at(round, Purpose::Tell));
                if round > 0 {
                    let theirs = ["mean_f", "mean_cr"].map(|name| step.number(name));
                    assert_close("means", &[state.mean_f, state.mean_cr], &theirs, 1e-12, 0.0);
                    assert_eq!(state.pool.archived() as f64, step.number("archived"));
                }
            }
        }
    }

    #[test]
    fn converges_and_learns_a_high_crossover_rate_where_genes_depend() {
        let jade = Jade::default();
        let space = Space::new(VectorGenes::flat(6, Init::Uniform { low: -3.0, high: 3.0 }, None));
        let key = RunKey::from_seed(4);
        let mut state = jade.init(&space, &Start::Default, &mut stream(key, 0, 0, 0, Purpose::Init)).unwrap();
        let rosenbrock = |x: &[f64]| {
            x.windows(2).map(|w| 100.0 * (w[0] * w[0] - w[1]).powi(2) + (w[0] - 1.0).powi(2)).sum::<f64>()
        };
        for round in 0..600 {
            let batch = jade.ask(&mut state, &mut stream(key, round, 0, 0, Purpose::Ask));
            let Vectors::Dense { data, .. } = &batch.members else { unreachable!() };
            let losses: Vec<f64> = data.chunks(6).map(rosenbrock).collect();
            jade.tell(
                &mut state,
                &batch,
                &Scores::of_losses(&losses),
                &mut stream(key, round, 0, 0, Purpose::Tell),
            );
        }
        let loss = jade.outcome(&state).candidates()[0].losses.clone().unwrap()[0];
        assert!(loss < 1e-6, "{loss}");
        assert!(state.mean_cr > 0.6, "{}", state.mean_cr);
    }

    mod without_archive {
        use super::*;
        evolvent_test::conformance!(
            Jade,
            Jade {
                archive_share: 0.0,
                population_size: Auto::Value(11),
                repair: Repair::Clip,
                ..Jade::default()
            }
        );
    }
}
