//! Restarts: a wrapper that begins anew whenever its algorithm has nothing more to gain, and keeps the best outcome.
//!
//! *Same size* is independent runs. *IPOP* (Auger & Hansen 2005, *A restart CMA evolution strategy with increasing population
//! size*) multiplies the population by 2 each time. *BIPOP* (Hansen 2009, *Benchmarking a BI-population CMA-ES on the BBOB-2009
//! function testbed*, section 2) alternates two regimes, always the one that has used fewer evaluations: the large one as in IPOP,
//! the small one with population ⌊λ·(λ_large/2λ)^(U²)⌋, step size σ·10^(−2U) with U uniform in [0, 1], and at most half as many
//! evaluations as the last large run used.
//!
//! *Differs from the papers:* the wrapper is not bound to CMA-ES: any algorithm over vectors can be inside that can be rescaled and says
//! when it has stopped, or is stopped here when its best value has not improved for `patience` generations. The
//! first run counts to the small regime, as in pycma. Where losses of different runs cannot be compared, or an outcome was never
//! evaluated itself (the mean of an evolution strategy), the new outcome is evaluated beside the kept one.
//!
//! Cost: that of the algorithm inside, and those comparisons.
//!
//! Needs: what the algorithm inside needs, and one objective.

use crate::{
    draws::fork,
    merit::Merit,
    vector_algorithms::{VectorAlgorithm, VectorState},
};
use evolvent_core::{
    Algorithm, Batch, Candidate, Diagnostics, Needs, Outcome, Request, Scores, Space, Start, StopReason,
    Stream, Vector, Violations,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The largest factor between two populations.
const MOST_FACTOR: f64 = 100.0;
/// A population grows to so many times its first size at most …
const MOST_GROWTH: f64 = 16_384.0;
/// … and until so many numbers are held at once, 2²⁷ or a gigabyte, or twice as many as at first.
const MOST_NUMBERS: f64 = 134_217_728.0;

/// Restarts of an algorithm over vectors, in populations of the same size, growing, or of both kinds.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Restarts {
    /// How the population grows from run to run.
    pub policy: Policy,
    /// Most restarts after the first run; left out: as many as the budget allows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_restarts: Option<u64>,
    /// A run also ends when its best value has not improved for so many generations, at least 1; left out: only when its algorithm says so. It
    /// counts only where losses of different rounds can be compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patience: Option<u64>,
    /// How often the kept and the new outcome are each evaluated to find the better one under a noisy or changing fitness, at least 1.
    pub replicates: u32,
    /// What is restarted: `[algorithm.restarts.algorithm.cma_es]`.
    pub algorithm: Box<VectorAlgorithm>,
}

impl Default for Restarts {
    fn default() -> Self {
        Restarts {
            policy: Policy::default(),
            max_restarts: None,
            patience: None,
            replicates: 10,
            algorithm: Box::new(VectorAlgorithm::CmaEs(crate::CmaEs::default())),
        }
    }
}

/// How the population grows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Policy {
    /// It stays as it is.
    SameSize,
    /// It is multiplied each time.
    Ipop {
        /// The factor, above 1 and at most 100; 2 in the paper's later use and in pycma.
        factor: f64,
    },
    /// Large populations that are multiplied each time, and small ones with small steps in between.
    Bipop {
        /// The factor of the large ones, above 1 and at most 100; 2 in the paper.
        factor: f64,
    },
}

impl Default for Policy {
    fn default() -> Self {
        Policy::Ipop { factor: 2.0 }
    }
}

/// The two regimes of BIPOP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Regime {
    Small,
    Large,
}

/// One run of the algorithm inside.
#[derive(Serialize, Deserialize)]
struct Run {
    algorithm: VectorAlgorithm,
    state: VectorState,
    regime: Regime,
    evaluations: u64,
    /// Most evaluations it may use.
    allowance: u64,
    /// Its best merit, and generations since that was found.
    best: Merit,
    waited: u64,
}

/// State of [`Restarts`].
#[derive(Serialize, Deserialize)]
pub struct RestartsState {
    space: Space<Vector>,
    run: Box<Run>,
    /// The best outcome of earlier runs.
    kept: Option<Candidate<Vector>>,
    /// The outcome of the run that has just ended, while it must be evaluated.
    challenger: Option<Candidate<Vector>>,
    restarts: u64,
    /// Runs of the large regime so far.
    large_runs: u32,
    /// Evaluations used by each regime.
    used: [u64; 2],
    /// Evaluations of the last large run.
    last_large: u64,
    stop: Option<StopReason>,
}

impl Algorithm for Restarts {
    const NAME: &'static str = "restarts";
    type Genome = Vector;
    type State = RestartsState;

    fn holds(&self, space: &Space<Vector>) -> f64 {
        self.algorithm.holds(space)
    }

    fn needs(&self) -> Needs {
        let needs = self.algorithm.needs();
        Needs { objectives: (needs.objectives.0.min(1), 1), ..needs }
    }

    fn init(
        &self,
        space: &Space<Vector>,
        start: &Start<Vector>,
        rng: &mut Stream,
    ) -> Result<RestartsState, Violations> {
        let mut v = Violations::new();
        let growing = match self.policy {
            Policy::SameSize => None,
            Policy::Ipop { factor } => Some(("ipop", factor)),
            Policy::Bipop { factor } => Some(("bipop", factor)),
        };
        if let Some((name, factor)) = growing {
            let path = format!("policy.{name}.factor");
            let fine = factor > 1.0 && factor <= MOST_FACTOR;
            v.require(fine, &path, factor, &format!("a number above 1 and at most {MOST_FACTOR}"));
            if self.algorithm.rescaled(space, 1.0, 1.0).is_none() {
                let hint = "take the policy `same_size`";
                v.add_with_hint(
                    "algorithm",
                    self.algorithm.key(),
                    "an algorithm with a population that can grow",
                    hint,
                );
            }
        }
        if let Some(patience) = self.patience {
            v.require(patience > 0, "patience", patience, "at least 1 generation");
        }
        v.at_least("replicates", self.replicates as usize, 1);
        if self.algorithm.needs().objectives.0 > 1 {
            v.add("algorithm", self.algorithm.key(), "an algorithm for one objective");
        }
        if self.algorithm.key() == Self::NAME {
            v.add("algorithm", Self::NAME, "an algorithm that is no wrapper itself");
        }
        v.into_result()?;
        let inner = (*self.algorithm).clone();
        let run = self.begin(inner, space, start, Regime::Small, u64::MAX, rng)?;
        Ok(RestartsState {
            space: space.clone(),
            run: Box::new(run),
            kept: None,
            challenger: None,
            restarts: 0,
            large_runs: 0,
            used: [0, 0],
            last_large: 0,
            stop: None,
        })
    }

    fn ask(&self, state: &mut RestartsState, rng: &mut Stream) -> Batch<Vector> {
        match &state.challenger {
            Some(challenger) => self.comparison(state, challenger),
            None => state.run.algorithm.ask(&mut state.run.state, rng),
        }
    }

    fn tell(&self, state: &mut RestartsState, batch: &Batch<Vector>, scores: &Scores, rng: &mut Stream) {
        if let Some(challenger) = state.challenger.take() {
            self.decide(state, challenger, scores);
            return self.restart(state, rng);
        }
        let comparable = state.space.fitness.comparable_across_rounds();
        let run = &mut *state.run;
        run.algorithm.tell(&mut run.state, batch, scores, rng);
        run.evaluations += batch.len() as u64;
        state.used[run.regime as usize] += batch.len() as u64;
        run.waited += 1;
        if let Some(i) = scores.best().filter(|&i| Merit::of(scores, i).beats(&run.best)) {
            (run.best, run.waited) = (Merit::of(scores, i), 0);
        }
        if let Some(reason) = self.ended(run, comparable) {
            state.stop = Some(reason);
            self.end(state, rng);
        }
    }

    fn outcome(&self, state: &RestartsState) -> Outcome<Vector> {
        let current = state.run.algorithm.outcome(&state.run.state);
        let (Some(kept), Some(current)) = (&state.kept, current.recommended()) else { return current };
        let better = state.comparable() && merit(current).beats(&merit(kept));
        Outcome::Point(if better { current.clone() } else { kept.clone() })
    }

    /// Why the last run ended, when no further one is allowed.
    fn stopped(&self, state: &RestartsState) -> Option<StopReason> {
        let over = state.challenger.is_none() && self.max_restarts.is_some_and(|most| state.restarts >= most);
        state.stop.clone().filter(|_| over)
    }

    fn diagnose(&self, state: &RestartsState, out: &mut Diagnostics) {
        out.add("restarts", state.restarts as f64);
        state.run.algorithm.diagnose(&state.run.state, out);
    }
}

impl RestartsState {
    fn comparable(&self) -> bool {
        self.space.fitness.comparable_across_rounds()
    }
}

impl Restarts {
    fn begin(
        &self,
        algorithm: VectorAlgorithm,
        space: &Space<Vector>,
        start: &Start<Vector>,
        regime: Regime,
        allowance: u64,
        rng: &mut Stream,
    ) -> Result<Run, Violations> {
        let mut v = Violations::new();
        match algorithm.init(space, start, rng) {
            Ok(state) => {
                Ok(Run { algorithm, state, regime, evaluations: 0, allowance, best: Merit::NONE, waited: 0 })
            }
            Err(inner) => {
                // What the start or the genes lack is not the inner algorithm's setting.
                let (outer, own): (Vec<_>, Vec<_>) =
                    inner.0.into_iter().partition(|v| v.path.starts_with("start"));
                v.0.extend(outer);
                v.absorb(&format!("algorithm.{}", algorithm.key()), Err(Violations(own)));
                Err(v)
            }
        }
    }

    /// Why the run is over, if it is.
    fn ended(&self, run: &Run, comparable: bool) -> Option<StopReason> {
        let own = run.algorithm.stopped(&run.state);
        let impatient = self
            .patience
            .filter(|&p| comparable && run.waited >= p)
            .map(|p| StopReason::Stagnated(format!("no better value for {p} generations (patience)")));
        let spent = (run.evaluations >= run.allowance).then(|| {
            StopReason::Finished(format!("{} evaluations, the allowance of a small run", run.allowance))
        });
        own.or(impatient).or(spent)
    }

    /// A run has ended: its outcome is compared with the kept one, at once or by evaluating it.
    fn end(&self, state: &mut RestartsState, rng: &mut Stream) {
        if state.run.regime == Regime::Large {
            state.last_large = state.run.evaluations;
        }
        let outcome = state.run.algorithm.outcome(&state.run.state);
        let Some(new) = outcome.recommended() else { return self.restart(state, rng) };
        if !state.comparable() && state.kept.is_none() {
            state.kept = Some(new.clone());
        } else if state.comparable() && new.losses.is_some() {
            if state.kept.as_ref().is_none_or(|kept| merit(new).beats(&merit(kept))) {
                state.kept = Some(new.clone());
            }
        } else {
            state.challenger = Some(new.clone());
            return;
        }
        self.restart(state, rng);
    }

    /// The batch that finds the better of the kept and the new outcome: both, side by side, as often as noise demands.
    fn comparison(&self, state: &RestartsState, challenger: &Candidate<Vector>) -> Batch<Vector> {
        if state.comparable() {
            return Batch::of(vec![challenger.genome.clone()]);
        }
        let kept = state.kept.as_ref().unwrap_or(challenger);
        let pair = [kept.genome.clone(), challenger.genome.clone()];
        let mut batch = Batch::of((0..2 * self.replicates as usize).map(|i| pair[i % 2].clone()).collect());
        for i in 0..batch.len() {
            // Both meet the same episodes.
            batch.streams[i] = i as u64 / 2;
            batch.requests.push(Request { replicate: i as u32 / 2, ..Request::default() });
        }
        batch
    }

    fn decide(&self, state: &mut RestartsState, challenger: Candidate<Vector>, scores: &Scores) {
        if state.comparable() {
            let measured = Merit::of(scores, 0);
            if state.kept.as_ref().is_none_or(|kept| measured.beats(&merit(kept))) {
                state.kept = Some(measured.candidate(challenger.genome));
            }
            return;
        }
        // Wins in paired comparisons: robust against outliers and failures, and offsets do not matter.
        let wins = (0..scores.len() / 2).map(|k| scores.compare(2 * k + 1, 2 * k) as i64).sum::<i64>();
        if wins < 0 {
            state.kept = Some(challenger);
        }
    }

    /// The next run, or none if the last allowed one has ended.
    fn restart(&self, state: &mut RestartsState, rng: &mut Stream) {
        if self.max_restarts.is_some_and(|most| state.restarts >= most) {
            return;
        }
        let mut rng = fork(rng).stream();
        let plan = self.plan(state, &mut rng);
        let algorithm = self.grown(&state.space, &plan);
        let begun =
            self.begin(algorithm, &state.space, &Start::Default, plan.regime, plan.allowance, &mut rng);
        // What was accepted once is accepted again with a larger population; if not, the last run goes on.
        if let Ok(run) = begun {
            state.restarts += 1;
            state.large_runs += u32::from(plan.regime == Regime::Large);
            *state.run = run;
        }
    }

    /// The algorithm of the next run. Without an end to its growth, a flat fitness, on which every run ends at once,
    /// would double the population until memory is full.
    fn grown(&self, space: &Space<Vector>, plan: &Plan) -> VectorAlgorithm {
        let n = space.genes.dimension() as f64;
        let most = MOST_NUMBERS.max(2.0 * self.algorithm.holds(space) * n);
        let mut population = plan.population.min(MOST_GROWTH);
        loop {
            let Some(next) = self.algorithm.rescaled(space, population, plan.sigma) else {
                return (*self.algorithm).clone();
            };
            if population <= 1.0 || next.holds(space) * n <= most {
                return next;
            }
            population = (population / 2.0).max(1.0);
        }
    }

    fn plan(&self, state: &RestartsState, rng: &mut Stream) -> Plan {
        let large = |population| Plan { population, sigma: 1.0, regime: Regime::Large, allowance: u64::MAX };
        match self.policy {
            Policy::SameSize => large(1.0),
            Policy::Ipop { factor } => large(libm::pow(factor, (state.restarts + 1) as f64)),
            Policy::Bipop { factor } => {
                let [small_used, large_used] = state.used;
                if small_used >= large_used {
                    return large(libm::pow(factor, f64::from(state.large_runs + 1)));
                }
                let last_large = libm::pow(factor, f64::from(state.large_runs));
                Plan {
                    population: libm::pow(last_large / 2.0, rng.uniform().powi(2)),
                    sigma: libm::pow(10.0, -2.0 * rng.uniform()),
                    regime: Regime::Small,
                    allowance: (state.last_large / 2).max(1),
                }
            }
        }
    }
}

/// What the next run shall be.
struct Plan {
    /// Factors on population size and step size.
    population: f64,
    sigma: f64,
    regime: Regime,
    allowance: u64,
}

fn merit(candidate: &Candidate<Vector>) -> Merit {
    match &candidate.losses {
        Some(losses) => Merit { failed: false, violation: candidate.violation, loss: losses[0] },
        None => Merit::NONE,
    }
}

#[cfg(test)]
mod tests;
