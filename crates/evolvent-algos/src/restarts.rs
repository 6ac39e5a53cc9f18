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

/// Restarts of an algorithm over vectors.
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
mod tests {
    use super::*;
    use crate::{CmaEs, De, OpenEs};
    use evolvent_core::{Auto, Fitness, Init, Purpose, RunKey, VectorGenes, stream};
    use evolvent_math::rows::Rows;

    fn space(fitness: Fitness) -> Space<Vector> {
        let genes = VectorGenes::flat(3, Init::Uniform { low: -5.0, high: 5.0 }, None);
        Space { fitness, ..Space::new(genes) }
    }

    fn rastrigin(x: &[f64]) -> f64 {
        x.iter().map(|x| x * x + 10.0 - 10.0 * libm::cos(std::f64::consts::TAU * x)).sum()
    }

    struct Log {
        state: RestartsState,
        sizes: Vec<usize>,
        best: f64,
        evaluations: usize,
    }

    fn run(
        restarts: &Restarts,
        space: &Space<Vector>,
        seed: u64,
        rounds: u64,
        f: impl Fn(&[f64], u64) -> f64,
    ) -> Log {
        let key = RunKey::from_seed(seed);
        let state = restarts.init(space, &Start::Default, &mut stream(key, 0, 0, 0, Purpose::Init)).unwrap();
        let mut log = Log { state, sizes: Vec::new(), best: f64::INFINITY, evaluations: 0 };
        for round in 0..rounds {
            let batch = restarts.ask(&mut log.state, &mut stream(key, round, 0, 0, Purpose::Ask));
            let mut x = vec![0.0; 3];
            let losses: Vec<f64> = (0..batch.len())
                .map(|i| {
                    batch.row_f64(i, &mut x);
                    f(&x, round)
                })
                .collect();
            log.evaluations += losses.len();
            log.best = losses.iter().copied().fold(log.best, f64::min);
            if log.sizes.last() != Some(&batch.len()) {
                log.sizes.push(batch.len());
            }
            let scores = Scores::of_losses(&losses);
            restarts.tell(&mut log.state, &batch, &scores, &mut stream(key, round, 0, 0, Purpose::Tell));
            if restarts.stopped(&log.state).is_some() || log.best < 1e-8 {
                break;
            }
        }
        log
    }

    #[test]
    fn ipop_doubles_and_solves_rastrigin() {
        let mut solved = 0;
        for seed in 0..10 {
            let log = run(&Restarts::default(), &space(Fitness::Exact), seed, 5000, |x, _| rastrigin(x));
            let doubling: Vec<usize> = (0..log.sizes.len()).map(|k| 7 << k).collect();
            assert_eq!(log.sizes, doubling);
            solved += usize::from(log.best < 1e-8);
        }
        evolvent_test::assert_success_rate("IPOP on Rastrigin", solved, 10, 0.95, 1e-4);
    }

    #[test]
    fn bipop_alternates_and_shares_the_budget() {
        let bipop = Restarts { policy: Policy::Bipop { factor: 2.0 }, ..Restarts::default() };
        // Nowhere below 1, so that it goes on restarting.
        let log = run(&bipop, &space(Fitness::Exact), 3, 4000, |x, _| 1.0 + rastrigin(x));
        let [small, large] = log.state.used;
        assert!(
            log.state.large_runs >= 2 && log.state.restarts > u64::from(log.state.large_runs),
            "{:?}",
            log.sizes
        );
        assert_eq!(small + large, log.evaluations as u64);
        let unfinished = log.state.run.evaluations;
        assert!(
            large + unfinished >= small && 3 * small + unfinished >= large,
            "{small} {large} {unfinished}"
        );
    }

    #[test]
    fn populations_do_not_grow_without_end() {
        let restarts = Restarts::default();
        for dimension in [3, 1000, 100_000] {
            let genes = VectorGenes::flat(dimension, Init::Uniform { low: -5.0, high: 5.0 }, None);
            let space = Space::new(genes);
            let n = dimension as f64;
            let most = MOST_NUMBERS.max(2.0 * restarts.algorithm.holds(&space) * n);
            for population in [1.0, 64.0, 1e9, f64::INFINITY] {
                let plan = Plan { population, sigma: 1.0, regime: Regime::Large, allowance: 1 };
                let grown = restarts.grown(&space, &plan);
                assert!(grown.holds(&space) * n <= most, "{dimension} {population}");
            }
        }
        let wrong = Restarts { policy: Policy::Ipop { factor: 1e15 }, ..Restarts::default() };
        let key = RunKey::from_seed(1);
        let begun =
            wrong.init(&space(Fitness::Exact), &Start::Default, &mut stream(key, 0, 0, 0, Purpose::Init));
        assert_eq!(begun.err().unwrap().0[0].path, "policy.ipop.factor");
    }

    #[test]
    fn the_best_outcome_is_kept() {
        let twice = Restarts { policy: Policy::SameSize, max_restarts: Some(4), ..Restarts::default() };
        let log = run(&twice, &space(Fitness::Exact), 5, 5000, |x, _| rastrigin(x));
        let outcome = twice.outcome(&log.state);
        assert_eq!(outcome.candidates()[0].losses, Some(vec![log.best]));
        assert!(log.best < 1e-8 || (log.state.restarts == 4 && twice.stopped(&log.state).is_some()));
    }

    #[test]
    fn outcomes_that_were_never_measured_are_measured() {
        let inner = VectorAlgorithm::OpenEs(OpenEs { population_size: 8, ..OpenEs::default() });
        let restarts = Restarts {
            patience: Some(5),
            policy: Policy::SameSize,
            algorithm: Box::new(inner),
            ..Restarts::default()
        };
        let log = run(&restarts, &space(Fitness::Exact), 1, 300, |x, _| 1.0 + rastrigin(x));
        assert!(log.state.restarts > 1 && log.sizes.contains(&1));
        let kept = log.state.kept.unwrap();
        assert_eq!(kept.losses, Some(vec![1.0 + rastrigin(&kept.genome.0)]));
    }

    #[test]
    fn changing_fitness_is_decided_side_by_side() {
        let restarts = Restarts { policy: Policy::SameSize, replicates: 3, ..Restarts::default() };
        let log = run(&restarts, &space(Fitness::Changing), 2, 4000, |x, round| {
            1.0 + rastrigin(x) + 1e3 * round as f64
        });
        assert!(log.state.restarts > 2 && log.sizes.contains(&6), "{:?}", log.sizes);
        // Much better than one run: local optima of Rastrigin's function lie 1 apart and up to 75 high.
        let kept = log.state.kept.unwrap();
        assert!(rastrigin(&kept.genome.0) < 6.0, "{}", rastrigin(&kept.genome.0));
    }

    #[test]
    fn mistakes_inside_have_their_path() {
        let inner = VectorAlgorithm::CmaEs(CmaEs { sigma: Auto::Value(-1.0), ..CmaEs::default() });
        let wrong = Restarts { policy: Policy::Ipop { factor: 1.0 }, ..Restarts::default() };
        let init = |restarts: &Restarts| {
            let mut rng = stream(RunKey::from_seed(1), 0, 0, 0, Purpose::Init);
            restarts.init(&space(Fitness::Exact), &Start::Default, &mut rng).err().unwrap().0[0].path.clone()
        };
        assert_eq!(
            init(&Restarts { algorithm: Box::new(inner), ..Restarts::default() }),
            "algorithm.cma_es.sigma"
        );
        assert_eq!(init(&wrong), "policy.ipop.factor");
        let nested = Restarts {
            algorithm: Box::new(VectorAlgorithm::Restarts(wrong)),
            policy: Policy::SameSize,
            ..Restarts::default()
        };
        assert_eq!(init(&nested), "algorithm");
    }

    mod bipop_of_de {
        use super::*;
        evolvent_test::conformance!(
            Restarts,
            Restarts {
                policy: Policy::Bipop { factor: 2.0 },
                patience: Some(2),
                replicates: 2,
                algorithm: Box::new(VectorAlgorithm::De(De {
                    population_size: Auto::Value(8),
                    ..De::default()
                })),
                ..Restarts::default()
            }
        );
    }

    mod same_size_open_es {
        use super::*;
        evolvent_test::conformance!(
            Restarts,
            Restarts {
                policy: Policy::SameSize,
                patience: Some(3),
                replicates: 1,
                algorithm: Box::new(VectorAlgorithm::OpenEs(OpenEs {
                    population_size: 6,
                    ..OpenEs::default()
                })),
                ..Restarts::default()
            }
        );
    }
}
