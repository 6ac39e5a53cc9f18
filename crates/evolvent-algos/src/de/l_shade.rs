//! L-SHADE: success-history based adaptive differential evolution with linear population size reduction.
//!
//! Tanabe & Fukunaga 2014, *Improving the search performance of SHADE using linear population size reduction* (algorithms 1 to 3). F and CR of a
//! trial are drawn around a random entry of a memory of H successful settings; an entry is overwritten after each generation with successes by
//! their means, weighted by how much better the trials were:
//!
//! ```text
//! M_CR ← ⊥ if it was ⊥ or all S_CR are 0, else Σ w·S_CR²/Σ w·S_CR      M_F ← Σ w·S_F²/Σ w·S_F      ⊥ stands for CR = 0 for good   (algorithm 1)
//! N ← round((N_min − N_init)/evaluations·used + N_init)               the worst members leave                                  (10)
//! ```
//!
//! *Differs from the paper:* at least two members count as the best. When the planned evaluations are used up, the population stays at its least
//! size. Where values of different rounds cannot be compared (noisy or changing fitness), targets are evaluated again beside their trials.
//!
//! Cost per generation: as many evaluations as there are members, twice as many where targets are evaluated again.
//!
//! Needs: one objective, vectors of a fixed length; takes constraints (feasible first, Deb 2000).

use super::pbest::{FEWEST, Pool, Success, draw_settings, lehmer_mean};
use crate::repair::Repair;
use evolvent_core::{
    Algorithm, Auto, Batch, Diagnostics, Needs, Outcome, Scores, Space, Start, StopReason, Stream, Vector,
    Violations,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// L-SHADE: JADE with a memory of rates that worked and a population that shrinks.
///
/// Compared with NiaPy 2.7.1 generation by generation: `results/trajectories.md`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LShade {
    /// N_init, number of vectors at the beginning, at least 4. `"auto"` is 18·dimension, at least 18 and at most 1000 (table I has no
    /// bounds).
    #[serde(alias = "popsize", alias = "pop_size")]
    pub population_size: Auto<usize>,
    /// N_min, number of vectors at the end, at least 4 and at most `population_size`. The default is the paper's.
    pub final_population_size: usize,
    /// The evaluations over which the population shrinks, at least 1: the budget of the run. `"auto"` is 10,000·dimension, the paper's.
    pub evaluations: Auto<u64>,
    /// p, the share of the population that is taken for the best, in (0, 1]. The default is the paper's.
    pub best_share: f64,
    /// Size of the archive as a share of the population, at least 0. The default is the paper's.
    pub archive_share: f64,
    /// H, entries of the memory, at least 1. The default is the paper's.
    pub memory_size: usize,
    /// What becomes of genes that leave their bounds. The default is the paper's.
    pub repair: Repair,
}

impl Default for LShade {
    fn default() -> Self {
        LShade {
            population_size: Auto::Auto,
            final_population_size: 4,
            evaluations: Auto::Auto,
            best_share: 0.11,
            archive_share: 2.6,
            memory_size: 6,
            repair: Repair::Midpoint,
        }
    }
}

/// State of [`LShade`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LShadeState {
    pool: Pool,
    /// N_init and the planned evaluations.
    initial_size: usize,
    planned: u64,
    used: u64,
    memory: Vec<Setting>,
    /// The entry that is overwritten next.
    next: usize,
}

/// An entry of the memory. No CR is ⊥.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Setting {
    f: f64,
    cr: Option<f64>,
}

impl Algorithm for LShade {
    const NAME: &'static str = "l_shade";
    type Genome = Vector;
    type State = LShadeState;

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
    ) -> Result<LShadeState, Violations> {
        let mut v = Violations::new();
        let dimension = space.genes.dimension();
        let size = self.size(dimension);
        v.at_least("population_size", size, FEWEST);
        let last = self.final_population_size;
        let between = format!("from {FEWEST} to the population of {size}");
        v.require((FEWEST..=size.max(FEWEST)).contains(&last), "final_population_size", last, &between);
        if let Auto::Value(0) = self.evaluations {
            v.add("evaluations", 0, "at least 1");
        }
        v.require(
            self.best_share > 0.0 && self.best_share <= 1.0,
            "best_share",
            self.best_share,
            "a share in (0, 1]",
        );
        v.non_negative("archive_share", self.archive_share);
        v.at_least("memory_size", self.memory_size, 1);
        Pool::check(space, start, &mut v);
        v.into_result()?;
        Ok(LShadeState {
            pool: Pool::new(space, start, size, rng),
            initial_size: size,
            planned: self.evaluations.or(|| 10_000 * dimension as u64),
            used: 0,
            memory: vec![Setting { f: 0.5, cr: Some(0.5) }; self.memory_size],
            next: 0,
        })
    }

    fn ask(&self, state: &mut LShadeState, rng: &mut Stream) -> Batch<Vector> {
        let memory = &state.memory;
        state.pool.ask(self.best_share, self.repair, rng, |rng| {
            let entry = memory[rng.below(memory.len())];
            let (f, cr) = draw_settings(entry.f, entry.cr.unwrap_or(0.0), rng);
            (f, if entry.cr.is_some() { cr } else { 0.0 })
        })
    }

    fn tell(&self, state: &mut LShadeState, batch: &Batch<Vector>, scores: &Scores, rng: &mut Stream) {
        state.used += batch.len() as u64;
        let capacity = |size: usize| (self.archive_share * size as f64).round() as usize;
        if let Some(successes) = state.pool.tell(batch, scores, capacity(state.pool.len()), rng) {
            state.remember(&successes);
            let share = (state.used as f64 / state.planned as f64).min(1.0);
            let (first, last) = (state.initial_size as f64, self.final_population_size as f64);
            state.pool.shrink(((last - first) * share + first).round() as usize); // (10)
            state.pool.trim_archive(capacity(state.pool.len()), rng);
        }
    }

    fn outcome(&self, state: &LShadeState) -> Outcome<Vector> {
        state.pool.outcome()
    }

    fn stopped(&self, state: &LShadeState) -> Option<StopReason> {
        state.pool.stopped()
    }

    fn rescaled(&self, space: &Space<Vector>, population: f64, _: f64) -> Option<Self> {
        let size = (self.size(space.genes.dimension()) as f64 * population).round() as usize;
        let size = size.max(self.final_population_size);
        Some(LShade { population_size: Auto::Value(size), ..self.clone() })
    }

    fn diagnose(&self, state: &LShadeState, out: &mut Diagnostics) {
        state.pool.diagnose(out);
        let entries = state.memory.len() as f64;
        out.add("population_size", state.pool.len() as f64);
        out.add("mean_differential_weight", state.memory.iter().map(|m| m.f).sum::<f64>() / entries);
        out.add(
            "mean_crossover_rate",
            state.memory.iter().map(|m| m.cr.unwrap_or(0.0)).sum::<f64>() / entries,
        );
        out.add("archive_size", state.pool.archived() as f64);
    }
}

impl LShade {
    fn size(&self, dimension: usize) -> usize {
        self.population_size.or(|| (18 * dimension).clamp(18, 1000))
    }
}

impl LShadeState {
    /// Algorithm 1: one entry of the memory is overwritten if there were successes.
    fn remember(&mut self, successes: &[Success]) {
        if successes.is_empty() {
            return;
        }
        let entry = &mut self.memory[self.next];
        let silent = entry.cr.is_none() || successes.iter().all(|s| s.cr == 0.0);
        entry.cr = (!silent).then(|| lehmer_mean(successes.iter().map(|s| (s.gain, s.cr))));
        entry.f = lehmer_mean(successes.iter().map(|s| (s.gain, s.f)));
        self.next = (self.next + 1) % self.memory.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use evolvent_core::{Bounds, Init, Purpose, RunKey, VectorGenes, Vectors, stream};
    use evolvent_test::{Reference, assert_close};

    /// NiaPy was given the numbers that are drawn here. The archive never overflows. One entry of the memory begins as ⊥.
    #[test]
    fn trials_and_memories_are_those_of_niapy() {
        let file = Reference::parse(include_str!("../../tests/reference/niapy_l_shade.json"));
        for run in file.get("runs").entries() {
            let (n, steps) = (run.number("dimension") as usize, run.get("steps").entries());
            let l_shade = LShade {
                population_size: Auto::Value(steps[0].numbers("values").len()),
                evaluations: Auto::Value(run.number("evaluations") as u64),
                best_share: run.number("best_share"),
                archive_share: run.number("archive_share"),
                memory_size: run.numbers("memory_cr").len(),
                ..LShade::default()
            };
            let first = steps[0].numbers("trials").chunks(n).map(|x| Vector(x.to_vec())).collect();
            let bounds = Some(Bounds::uniform(n, -run.number("bound"), run.number("bound")));
            let space = Space::new(VectorGenes::flat(n, Init::Zeros, bounds));
            let key = RunKey::from_seed(run.number("seed") as u64);
            let at = |round: u64, purpose: Purpose| stream(key, round, 0, 0, purpose);
            let mut state =
                l_shade.init(&space, &Start::Population(first), &mut at(0, Purpose::Init)).unwrap();
            for (entry, cr) in state.memory.iter_mut().zip(run.numbers("memory_cr")) {
                entry.cr = (cr >= 0.0).then_some(cr);
            }
            for (round, step) in (0..).zip(&steps) {
                let batch = l_shade.ask(&mut state, &mut at(round, Purpose::Ask));
                let Vectors::Dense { data, .. } = &batch.members else { unreachable!() };
                assert_close("trials", data, &step.numbers("trials"), 0.0, 1e-12);
                let scores = Scores::of_losses(&step.numbers("values"));
                l_shade.tell(&mut state, &batch, &scores, &mut at(round, Purpose::Tell));
                if round > 0 {
                    let f: Vec<f64> = state.memory.iter().map(|entry| entry.f).collect();
                    let cr: Vec<f64> = state.memory.iter().map(|entry| entry.cr.unwrap_or(-1.0)).collect();
                    assert_close("memory of F", &f, &step.numbers("memory_f"), 1e-12, 0.0);
                    assert_close("memory of CR", &cr, &step.numbers("memory_cr"), 1e-12, 0.0);
                    assert_eq!(state.pool.len() as f64, step.number("size"));
                }
            }
        }
    }

    fn begin(l_shade: &LShade) -> LShadeState {
        let space = Space::new(VectorGenes::flat(5, Init::Uniform { low: -5.0, high: 5.0 }, None));
        l_shade
            .init(&space, &Start::Default, &mut stream(RunKey::from_seed(1), 0, 0, 0, Purpose::Init))
            .unwrap()
    }

    #[test]
    fn memory_by_hand() {
        let mut state = begin(&LShade { memory_size: 2, ..LShade::default() });
        state.remember(&[Success { f: 0.4, cr: 0.2, gain: 1.0 }, Success { f: 0.8, cr: 0.6, gain: 0.5 }]);
        let first = state.memory[0];
        assert!((first.f - (0.16 + 0.32) / (0.4 + 0.4)).abs() < 1e-15);
        assert!((first.cr.unwrap() - (0.04 + 0.18) / (0.2 + 0.3)).abs() < 1e-15);
        state.remember(&[Success { f: 0.4, cr: 0.0, gain: 1.0 }]);
        assert_eq!(state.memory[1].cr, None);
        state.remember(&[]);
        assert_eq!(state.next, 0);
    }

    #[test]
    fn shrinks_linearly_and_solves_rastrigin() {
        let rastrigin = |x: &[f64]| {
            x.iter().map(|x| x * x + 10.0 - 10.0 * libm::cos(std::f64::consts::TAU * x)).sum::<f64>()
        };
        let mut solved = 0;
        for seed in 0..5 {
            let l_shade = LShade { evaluations: Auto::Value(20_000), ..LShade::default() };
            let mut state = begin(&l_shade);
            let key = RunKey::from_seed(seed);
            let mut round = 0;
            while state.used < 20_000 {
                let size = state.pool.len();
                let batch = l_shade.ask(&mut state, &mut stream(key, round, 0, 0, Purpose::Ask));
                let Vectors::Dense { data, .. } = &batch.members else { unreachable!() };
                let losses: Vec<f64> = data.chunks(5).map(rastrigin).collect();
                let scores = Scores::of_losses(&losses);
                l_shade.tell(&mut state, &batch, &scores, &mut stream(key, round, 0, 0, Purpose::Tell));
                assert!(state.pool.len() <= size);
                round += 1;
            }
            assert_eq!(state.pool.len(), 4);
            let loss = l_shade.outcome(&state).candidates()[0].losses.clone().unwrap()[0];
            solved += usize::from(loss < 1e-8);
        }
        evolvent_test::assert_success_rate("L-SHADE on Rastrigin", solved, 5, 0.95, 1e-3);
    }
}
