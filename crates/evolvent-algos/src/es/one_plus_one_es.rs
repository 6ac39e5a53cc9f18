//! The (1+1)-ES with the one-fifth success rule.
//!
//! Rechenberg 1973; in the form of Kern et al. 2004 and Auger 2009: one parent, one child, and after each child
//!
//! ```text
//! σ ← σ·exp((1 − p)/(d·(1 − p)))  = σ·exp(1/d)             after a success
//! σ ← σ·exp(−p/(d·(1 − p)))       = σ·exp(−1/(4d))          after a failure, with the target rate p = 1/5
//! ```
//!
//! *Differs from the paper:* bounds are repaired. A child that is as good as its parent replaces it but is no success. Where values of
//! different rounds cannot be compared (noisy or changing fitness), the parent is evaluated again beside each child.
//!
//! Cost per generation: one evaluation, two where the parent is evaluated again. It cannot use several threads.
//!
//! Needs: one objective, vectors of a fixed length; takes constraints (feasible first, Deb 2000).

use super::sampling::{SIGMAS, check};
use crate::{merit::Merit, repair::Repair, start};
use evolvent_core::{
    Algorithm, Auto, Batch, Diagnostics, Needs, Outcome, Scores, Space, Start, StopReason, Stream, Vector,
    VectorGenes, Vectors, Violations,
};
use evolvent_math::noise;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The (1+1)-ES: one parent, one child, a step size by the one-fifth rule.
///
/// Compared with pypop7 0.0.82 generation by generation: `results/trajectories.md`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OnePlusOneEs {
    /// σ₀, initial standard deviation, above 0. `"auto"` is that with which genes are initialised.
    pub sigma: Auto<f64>,
    /// d, damping of σ, above 0. `"auto"` is 1 + n/2 (Igel, Suttorp & Hansen 2006).
    pub damping: Auto<f64>,
    /// The success rate at which σ stays, in (0, 1). The default is Rechenberg's fifth.
    pub target_success_rate: f64,
    /// What becomes of genes that leave their bounds.
    pub repair: Repair,
    /// Stops when σ is below this, at least 0.
    pub tolerance: f64,
}

impl Default for OnePlusOneEs {
    fn default() -> Self {
        OnePlusOneEs {
            sigma: Auto::Auto,
            damping: Auto::Auto,
            target_success_rate: 0.2,
            repair: Repair::Reflect,
            tolerance: 1e-12,
        }
    }
}

/// State of [`OnePlusOneEs`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OnePlusOneEsState {
    genes: VectorGenes,
    comparable: bool,
    parent: Vec<f64>,
    merit: Merit,
    sigma: f64,
    damping: f64,
    /// A running mean of successes.
    success_rate: f64,
}

impl Algorithm for OnePlusOneEs {
    const NAME: &'static str = "one_plus_one_es";
    type Genome = Vector;
    type State = OnePlusOneEsState;

    fn needs(&self) -> Needs {
        Needs { constraints: true, ..Needs::default() }
    }

    fn init(
        &self,
        space: &Space<Vector>,
        start: &Start<Vector>,
        rng: &mut Stream,
    ) -> Result<OnePlusOneEsState, Violations> {
        let mut v = Violations::new();
        self.sigma.given().into_iter().for_each(|&s| v.positive("sigma", s));
        self.damping.given().into_iter().for_each(|&d| v.positive("damping", d));
        let rate = self.target_success_rate;
        v.require(rate > 0.0 && rate < 1.0, "target_success_rate", rate, "a rate in (0, 1)");
        v.non_negative("tolerance", self.tolerance);
        check(space, start, &mut v);
        v.into_result()?;
        let genes = space.genes.clone();
        Ok(OnePlusOneEsState {
            comparable: space.fitness.comparable_across_rounds(),
            parent: start::centre(&genes, start, rng),
            merit: Merit::NONE,
            sigma: self.sigma.or(|| start::spread(&genes)),
            damping: self.damping.or(|| 1.0 + genes.dimension() as f64 / 2.0),
            success_rate: rate,
            genes,
        })
    }

    fn ask(&self, state: &mut OnePlusOneEsState, rng: &mut Stream) -> Batch<Vector> {
        let dimension = state.parent.len();
        let mut child = state.parent.clone();
        noise::accumulate_normal(rng.split(0), 0, state.sigma, &mut child);
        self.repair.vector(&mut child, &state.parent, state.genes.bounds.as_ref(), rng);
        let data =
            if state.merit.failed || !state.comparable { [&*state.parent, &child].concat() } else { child };
        Batch::new(Vectors::Dense { dimension, data })
    }

    fn tell(&self, state: &mut OnePlusOneEsState, batch: &Batch<Vector>, scores: &Scores, _: &mut Stream) {
        let Vectors::Dense { data, .. } = &batch.members else { return };
        if scores.all_failed() {
            return;
        }
        let child = scores.len() - 1;
        if child > 0 {
            state.merit = Merit::of(scores, 0);
        }
        let merit = Merit::of(scores, child);
        let success = merit.beats(&state.merit);
        if !state.merit.beats(&merit) {
            state.merit = merit;
            let dimension = state.parent.len();
            state.parent.copy_from_slice(&data[child * dimension..]);
        }
        let p = self.target_success_rate;
        let change = if success { 1.0 } else { -p / (1.0 - p) } / state.damping;
        state.sigma = (state.sigma * libm::exp(change.clamp(-1.0, 1.0))).clamp(SIGMAS.0, SIGMAS.1);
        state.success_rate += 0.05 * (f64::from(u8::from(success)) - state.success_rate);
    }

    fn outcome(&self, state: &OnePlusOneEsState) -> Outcome<Vector> {
        Outcome::Point(state.merit.candidate(Vector(state.parent.clone())))
    }

    fn stopped(&self, state: &OnePlusOneEsState) -> Option<StopReason> {
        let below = state.sigma < self.tolerance;
        below.then(|| StopReason::Converged(format!("sigma is below {:e}", self.tolerance)))
    }

    fn diagnose(&self, state: &OnePlusOneEsState, out: &mut Diagnostics) {
        out.add("sigma", state.sigma);
        out.add("success_rate", state.success_rate);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use evolvent_core::{Init, Purpose, RunKey, stream};
    use evolvent_test::{Reference, assert_close};

    /// Its rate c has σ·exp(0.8·c) after a success and σ·exp(−0.2·c) after a failure: a damping of 1.25/c.
    #[test]
    fn parents_and_step_sizes_are_those_of_pypop7() {
        let file = Reference::parse(include_str!("../../tests/reference/pypop7_one_plus_one_es.json"));
        for run in file.get("runs").entries() {
            let n = run.number("dimension") as usize;
            let es = OnePlusOneEs {
                sigma: Auto::Value(run.number("sigma")),
                damping: Auto::Value(1.25 / run.number("rate")),
                ..OnePlusOneEs::default()
            };
            let space = Space::new(VectorGenes::flat(n, Init::Zeros, None));
            let mut rng = stream(RunKey::from_seed(1), 0, 0, 0, Purpose::Init);
            let mut state = es.init(&space, &Start::Point(Vector(run.numbers("mean"))), &mut rng).unwrap();
            for (k, step) in run.get("steps").entries().iter().enumerate() {
                let (mut data, mut losses) = (step.numbers("child"), vec![step.number("value")]);
                if k == 0 {
                    data.splice(0..0, run.numbers("mean"));
                    losses.insert(0, run.number("value"));
                }
                let batch = Batch::new(Vectors::Dense { dimension: n, data });
                es.tell(&mut state, &batch, &Scores::of_losses(&losses), &mut rng);
                assert_close("parent", &state.parent, &step.numbers("parent"), 0.0, 0.0);
                assert_close("sigma", &[state.sigma], &[step.number("sigma")], 1e-12, 0.0);
            }
        }
    }

    #[test]
    fn step_sizes_by_hand() {
        let es =
            OnePlusOneEs { sigma: Auto::Value(1.0), damping: Auto::Value(2.0), ..OnePlusOneEs::default() };
        let space = Space::new(VectorGenes::flat(3, Init::Zeros, None));
        let mut rng = stream(RunKey::from_seed(1), 0, 0, 0, Purpose::Ask);
        let mut state = es.init(&space, &Start::Default, &mut rng).unwrap();
        let first = es.ask(&mut state, &mut rng);
        assert_eq!(first.len(), 2);
        es.tell(&mut state, &first, &Scores::of_losses(&[5.0, 4.0]), &mut rng);
        assert!((state.sigma - libm::exp(0.5)).abs() < 1e-15 && state.merit.loss == 4.0);
        let second = es.ask(&mut state, &mut rng);
        assert_eq!(second.len(), 1);
        es.tell(&mut state, &second, &Scores::of_losses(&[6.0]), &mut rng);
        assert!((state.sigma - libm::exp(0.5 - 0.125)).abs() < 1e-15 && state.merit.loss == 4.0);
    }

    /// On the sphere it takes about 10·n evaluations per power of ten in distance at most (Beyer 2001: progress ≈ 0.2/n per step).
    #[test]
    fn converges_linearly_on_the_sphere() {
        let es = OnePlusOneEs { sigma: Auto::Value(0.5), ..OnePlusOneEs::default() };
        let space = Space::new(VectorGenes::flat(10, Init::Constant(1.0), None));
        let mut rng = stream(RunKey::from_seed(5), 0, 0, 0, Purpose::Ask);
        let mut state = es.init(&space, &Start::Default, &mut rng).unwrap();
        for round in 0..2500 {
            let batch = es.ask(&mut state, &mut rng.split(round).stream());
            let Vectors::Dense { data, .. } = &batch.members else { unreachable!() };
            let losses: Vec<f64> = data.chunks(10).map(|x| x.iter().map(|x| x * x).sum()).collect();
            es.tell(&mut state, &batch, &Scores::of_losses(&losses), &mut rng);
        }
        assert!(state.merit.loss < 1e-10, "{}", state.merit.loss);
    }
}
