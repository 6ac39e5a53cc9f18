//! Differential evolution.
//!
//! Storn & Price 1997, *Differential evolution – a simple and efficient heuristic for global optimization over continuous
//! spaces*. With the target x_i, the best vector x_b and distinct members r₁, r₂, r₃ ≠ i:
//!
//! ```text
//! rand/1              v = x_r₁ + F·(x_r₂ − x_r₃)                        (2)
//! best/1              v = x_b  + F·(x_r₁ − x_r₂)
//! current-to-best/1   v = x_i  + F·(x_b − x_i) + F·(x_r₁ − x_r₂)        (5), with λ = F
//! bin, exp            u takes single genes, or one run of genes, from v, the others from x_i   (4)
//! selection           u replaces x_i if it is not worse
//! ```
//!
//! *Differs from the paper:* bounds are repaired (the paper has none). The whole generation is evaluated before any
//! vector is replaced. Where values of different rounds cannot be compared (noisy or changing fitness), the targets are
//! evaluated again beside their trials.
//!
//! Cost per generation: `population_size` evaluations, twice as many where targets are evaluated again, and
//! O(population_size · dimension) numbers.
//!
//! Needs: one objective, vectors of a fixed length; takes constraints (feasible first, Deb 2000).

use crate::{draws::fork, merit::Merit, repair::Repair, start};
use evolvent_core::{
    Algorithm, Auto, Batch, Diagnostics, Needs, Outcome, Scores, Space, Start, StopReason, Stream, StreamKey,
    Vector, VectorGenes, Vectors, Violations,
};
use evolvent_math::{kernels::vectorize, noise, par, rows::Rows};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The fewest members from which three can be drawn beside the target.
const FEWEST: usize = 4;

/// Genes that one thread takes at a time.
const GRAIN: usize = 4096;

/// Differential evolution: members move along the differences of others.
///
/// Compared with scipy 1.17.1 generation by generation: `results/trajectories.md`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct De {
    /// NP, number of vectors, at least 4. `"auto"` is 10·dimension (Storn & Price 1997), between 20 and 200.
    #[serde(alias = "popsize", alias = "pop_size")]
    pub population_size: Auto<usize>,
    /// The vector that the weighted difference is added to.
    pub mutation: DifferenceVector,
    /// How the trial takes its genes.
    pub crossover: Exchange,
    /// F, the factor on differences, in (0, 2]. The default is Storn & Price's first choice.
    pub differential_weight: f64,
    /// CR, the probability that a gene comes from the mutant, in [0, 1]. The default is Storn & Price's for dependent genes.
    pub crossover_rate: f64,
    /// What becomes of genes that leave their bounds.
    pub repair: Repair,
}

impl Default for De {
    fn default() -> Self {
        De {
            population_size: Auto::Auto,
            mutation: DifferenceVector::Rand1,
            crossover: Exchange::Binomial,
            differential_weight: 0.5,
            crossover_rate: 0.9,
            repair: Repair::Midpoint,
        }
    }
}

/// The first part of a strategy's name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceVector {
    /// rand/1: a random member.
    #[default]
    Rand1,
    /// best/1: the best member.
    Best1,
    /// current-to-best/1: the target, moved towards the best member.
    CurrentToBest1,
}

/// The last part of a strategy's name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Exchange {
    /// bin: each gene by itself.
    #[default]
    Binomial,
    /// exp: one run of genes, which goes on with probability CR.
    Exponential,
}

/// State of [`De`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeState {
    genes: VectorGenes,
    comparable: bool,
    /// Row-major, one vector per row.
    population: Vec<f64>,
    merits: Vec<Merit>,
    /// Whether `merits` hold anything.
    evaluated: bool,
    best: usize,
}

impl Algorithm for De {
    const NAME: &'static str = "de";
    type Genome = Vector;
    type State = DeState;

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
    ) -> Result<DeState, Violations> {
        let mut v = Violations::new();
        let dimension = space.genes.dimension();
        let size = self.size(dimension);
        v.at_least("population_size", size, FEWEST);
        let weight = self.differential_weight;
        v.require(weight > 0.0 && weight <= 2.0, "differential_weight", weight, "a number in (0, 2]");
        v.probability("crossover_rate", self.crossover_rate);
        v.require(dimension > 0, "genes.dimension", 0, "at least one gene");
        v.0.extend(start::check(start, &space.genes).err().into_iter().flat_map(|v| v.0));
        v.into_result()?;
        Ok(DeState {
            population: start::vectors(&space.genes, start, size, rng),
            merits: vec![Merit::NONE; size],
            evaluated: false,
            best: 0,
            comparable: space.fitness.comparable_across_rounds(),
            genes: space.genes.clone(),
        })
    }

    fn ask(&self, state: &mut DeState, rng: &mut Stream) -> Batch<Vector> {
        let dimension = state.genes.dimension();
        if !state.evaluated {
            return Batch::new(Vectors::Dense { dimension, data: state.population.clone() });
        }
        let (state, rng): (&DeState, &Stream) = (state, rng);
        let size = state.merits.len();
        let rows = GRAIN.div_ceil(dimension);
        let trials = par::map(size.div_ceil(rows), |block| -> Vec<Vector> {
            (block * rows..size.min((block + 1) * rows))
                .map(|i| {
                    let mut trial = state.row(i).to_vec();
                    self.trial(state, i, &mut trial, &mut rng.split(i as u64).stream());
                    Vector(trial)
                })
                .collect()
        });
        let again = 0..if state.comparable { 0 } else { size };
        let again = again.map(|i| Vector(state.row(i).to_vec()));
        Batch::of(trials.into_iter().flatten().chain(again).collect())
    }

    fn tell(&self, state: &mut DeState, batch: &Batch<Vector>, scores: &Scores, rng: &mut Stream) {
        let (n, dimension) = (state.merits.len(), state.genes.dimension());
        if scores.all_failed() {
            if !state.evaluated {
                state.population = start::vectors(&state.genes, &Start::Default, n, rng);
            }
            return;
        }
        if state.evaluated {
            let mut replaced = vec![false; n];
            for i in 0..n {
                if !state.comparable {
                    state.merits[i] = Merit::of(scores, n + i);
                }
                let trial = Merit::of(scores, i);
                if !state.merits[i].beats(&trial) {
                    state.merits[i] = trial;
                    replaced[i] = true;
                }
            }
            par::blocks(&mut state.population, GRAIN.div_ceil(dimension) * dimension, |from, rows| {
                for (row, i) in rows.chunks_exact_mut(dimension).zip(from / dimension..) {
                    if replaced[i] {
                        batch.row_f64(i, row);
                    }
                }
            });
        } else {
            (0..n).for_each(|i| state.merits[i] = Merit::of(scores, i));
            state.evaluated = true;
        }
        let best = (0..n).min_by(|&i, &j| state.merits[i].compare(&state.merits[j]));
        state.best = best.unwrap_or(state.best);
    }

    fn outcome(&self, state: &DeState) -> Outcome<Vector> {
        Outcome::Point(state.merits[state.best].candidate(Vector(state.row(state.best).to_vec())))
    }

    /// All vectors are the same: differences are 0 and nothing can change any more.
    fn stopped(&self, state: &DeState) -> Option<StopReason> {
        let first = state.row(0);
        let same = state.evaluated && (1..state.merits.len()).all(|i| state.row(i) == first);
        same.then(|| StopReason::Converged("all vectors of the population are equal".into()))
    }

    fn rescaled(&self, space: &Space<Vector>, population: f64, _: f64) -> Option<Self> {
        let size = (self.size(space.genes.dimension()) as f64 * population).round() as usize;
        Some(De { population_size: Auto::Value(size.max(FEWEST)), ..self.clone() })
    }

    fn diagnose(&self, state: &DeState, out: &mut Diagnostics) {
        let (n, dimension) = (state.merits.len(), state.genes.dimension());
        let variance = |j: usize| {
            let column = || (0..n).map(|i| state.row(i)[j] / n as f64);
            let mean: f64 = column().sum();
            (0..n).map(|i| (state.row(i)[j] - mean).powi(2)).sum::<f64>() / n as f64
        };
        out.add("spread", ((0..dimension).map(variance).sum::<f64>() / dimension as f64).sqrt());
    }
}

impl DeState {
    fn row(&self, i: usize) -> &[f64] {
        let dimension = self.genes.dimension();
        &self.population[i * dimension..(i + 1) * dimension]
    }
}

impl De {
    fn size(&self, dimension: usize) -> usize {
        self.population_size.or(|| (10 * dimension).clamp(20, 200))
    }

    /// The trial vector of target `i`, which `trial` holds.
    fn trial(&self, state: &DeState, i: usize, trial: &mut [f64], rng: &mut Stream) {
        let n = trial.len();
        let f = self.differential_weight;
        let target = state.row(i);
        let [r1, r2, r3] = others(state.merits.len(), i, rng).map(|r| state.row(r));
        let best = state.row(state.best);
        let mutant = |j: usize| match self.mutation {
            DifferenceVector::Rand1 => r1[j] + f * (r2[j] - r3[j]),
            DifferenceVector::Best1 => best[j] + f * (r1[j] - r2[j]),
            DifferenceVector::CurrentToBest1 => target[j] + f * (best[j] - target[j]) + f * (r1[j] - r2[j]),
        };
        let first = rng.below(n);
        match self.crossover {
            Exchange::Binomial => {
                trial[first] = mutant(first);
                let key = fork(rng);
                vectorize(
                    #[inline(always)]
                    || self.exchange(key, trial, [r1, r2, r3, best, target]),
                );
            }
            Exchange::Exponential => {
                let mut run = 0;
                while run < n {
                    let j = (first + run) % n;
                    trial[j] = mutant(j);
                    run += 1;
                    if !rng.chance(self.crossover_rate) {
                        break;
                    }
                }
            }
        }
        self.repair.vector(trial, target, state.genes.bounds.as_ref(), rng);
    }
}

impl De {
    /// Puts each gene of the mutant into the trial vector with probability CR. All slices have one length.
    #[inline(always)]
    fn exchange(&self, key: StreamKey, trial: &mut [f64], rows: [&[f64]; 5]) {
        let f = self.differential_weight;
        let limit = (self.crossover_rate * 4_294_967_296.0) as u64;
        noise::for_each_words(
            key,
            trial.len(),
            #[inline(always)]
            |at, words| {
                let n = words.len();
                let trial = &mut trial[at..at + n];
                let [r1, r2, r3, best, target] = rows.map(
                    #[inline(always)]
                    |row| &row[at..at + n],
                );
                let chosen = |j: usize| u64::from(words[j]) < limit;
                match self.mutation {
                    DifferenceVector::Rand1 => {
                        for j in 0..n {
                            let mutant = r1[j] + f * (r2[j] - r3[j]);
                            trial[j] = if chosen(j) { mutant } else { trial[j] };
                        }
                    }
                    DifferenceVector::Best1 => {
                        for j in 0..n {
                            let mutant = best[j] + f * (r1[j] - r2[j]);
                            trial[j] = if chosen(j) { mutant } else { trial[j] };
                        }
                    }
                    DifferenceVector::CurrentToBest1 => {
                        for j in 0..n {
                            let mutant = target[j] + f * (best[j] - target[j]) + f * (r1[j] - r2[j]);
                            trial[j] = if chosen(j) { mutant } else { trial[j] };
                        }
                    }
                }
            },
        );
    }
}

/// Three distinct members of `n` that are not `i`.
pub(crate) fn others(n: usize, i: usize, rng: &mut Stream) -> [usize; 3] {
    // Each draw is among those that are left; it steps over the taken ones in ascending order.
    let mut taken = [i, n, n, n];
    let mut drawn = [0; 3];
    for (k, slot) in drawn.iter_mut().enumerate() {
        let mut r = rng.below(n - 1 - k);
        for &t in &taken[..=k] {
            r += usize::from(r >= t);
        }
        *slot = r;
        taken[k + 1] = r;
        taken[..k + 2].sort_unstable();
    }
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;
    use evolvent_core::{Init, Purpose, RunKey, stream};
    use evolvent_test::{Reference, assert_close};

    fn rng() -> Stream {
        stream(RunKey::from_seed(3), 0, 0, 0, Purpose::Ask)
    }

    fn state(de: &De, dimension: usize) -> DeState {
        let space = Space::new(VectorGenes::flat(dimension, Init::Normal { std: 1.0 }, None));
        let mut state = de.init(&space, &Start::Default, &mut rng()).unwrap();
        state.evaluated = true;
        state.best = 2;
        state
    }

    /// scipy was given the numbers that are drawn here.
    #[test]
    fn trials_are_those_of_scipy() {
        let file = Reference::parse(include_str!("../../tests/reference/scipy_de.json"));
        for run in file.get("runs").entries() {
            let (n, steps) = (run.number("dimension") as usize, run.get("steps").entries());
            let strategy = run.text("strategy");
            let (mutation, crossover) = match strategy.as_str() {
                "rand1bin" => (DifferenceVector::Rand1, Exchange::Binomial),
                "best1exp" => (DifferenceVector::Best1, Exchange::Exponential),
                _ => (DifferenceVector::CurrentToBest1, Exchange::Binomial),
            };
            let de = De {
                population_size: Auto::Value(steps[0].numbers("values").len()),
                mutation,
                crossover,
                differential_weight: run.number("differential_weight"),
                crossover_rate: run.number("crossover_rate"),
                ..De::default()
            };
            let first = steps[0].numbers("trials").chunks(n).map(|x| Vector(x.to_vec())).collect();
            let space = Space::new(VectorGenes::flat(n, Init::Normal { std: 1.0 }, None));
            let key = RunKey::from_seed(run.number("seed") as u64);
            let mut state = de.init(&space, &Start::Population(first), &mut rng()).unwrap();
            for (round, step) in (0..).zip(&steps) {
                let batch = de.ask(&mut state, &mut stream(key, round, 0, 0, Purpose::Ask));
                let trials: Vec<f64> =
                    (0..batch.len()).flat_map(|i| batch.held(i).unwrap().to_vec()).collect();
                assert_close(&strategy, &trials, &step.numbers("trials"), 0.0, 1e-12);
                let scores = Scores::of_losses(&step.numbers("values"));
                de.tell(&mut state, &batch, &scores, &mut stream(key, round, 0, 0, Purpose::Tell));
            }
        }
    }

    #[test]
    fn others_are_distinct_and_uniform() {
        let mut rng = rng();
        let mut counts = [0; 6];
        for _ in 0..20_000 {
            let [a, b, c] = others(6, 3, &mut rng);
            assert!(a != b && b != c && a != c && ![a, b, c].contains(&3));
            counts[a] += 1;
            counts[b] += 1;
            counts[c] += 1;
        }
        // 12,000 each, standard deviation 70.
        assert!((0..6).all(|i| i == 3 || (11_600..12_400).contains(&counts[i])), "{counts:?}");
        assert_eq!(counts[3], 0);
    }

    #[test]
    fn mutants_by_hand() {
        for (mutation, of) in [
            (DifferenceVector::Rand1, [1.0, 0.7, -0.7, 0.0, 0.0]),
            (DifferenceVector::Best1, [0.7, -0.7, 0.0, 0.0, 1.0]),
            (DifferenceVector::CurrentToBest1, [0.7, -0.7, 0.0, 0.3, 0.7]),
        ] {
            let de = De { mutation, differential_weight: 0.7, crossover_rate: 1.0, ..De::default() };
            let state = state(&de, 5);
            let [r1, r2, r3] = others(50, 4, &mut rng());
            let rows = [r1, r2, r3, 4, 2].map(|r| state.row(r));
            let mut trial = <[f64; 5]>::try_from(state.row(4)).unwrap();
            de.trial(&state, 4, &mut trial, &mut rng());
            for j in 0..5 {
                let expected: f64 = rows.iter().zip(of).map(|(row, w)| w * row[j]).sum();
                assert!((trial[j] - expected).abs() < 1e-12, "{mutation:?}");
            }
        }
    }

    #[test]
    fn crossover_takes_the_share_that_is_set() {
        let share = |crossover, rate: f64| {
            let de = De { crossover, crossover_rate: rate, ..De::default() };
            let state = state(&de, 10);
            let mut rng = rng();
            let mut taken = 0;
            for _ in 0..4000 {
                let mut trial = <[f64; 10]>::try_from(state.row(0)).unwrap();
                de.trial(&state, 0, &mut trial, &mut rng);
                let differs: Vec<_> = trial.iter().zip(state.row(0)).map(|(u, x)| u != x).collect();
                assert!(differs.contains(&true), "a trial without a mutant's gene");
                if crossover == Exchange::Exponential {
                    let edges = (0..10).filter(|&j| differs[j] != differs[(j + 1) % 10]).count();
                    assert!(edges <= 2, "more than one run: {differs:?}");
                }
                taken += differs.iter().filter(|&&d| d).count();
            }
            f64::from(taken as u32) / 4000.0
        };
        // 1 + 9·CR genes; for a run Σ CRᵏ, k = 0…9.
        assert!((share(Exchange::Binomial, 0.3) - 3.7).abs() < 0.12);
        assert!((share(Exchange::Exponential, 0.5) - 1.998).abs() < 0.12);
        assert!((share(Exchange::Binomial, 0.0) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn converges_on_the_sphere_with_every_strategy() {
        for mutation in [DifferenceVector::Rand1, DifferenceVector::Best1, DifferenceVector::CurrentToBest1] {
            for crossover in [Exchange::Binomial, Exchange::Exponential] {
                let de = De { mutation, crossover, population_size: Auto::Value(30), ..De::default() };
                let mut state = state(&de, 4);
                state.evaluated = false;
                let mut rng = rng();
                for round in 0..300 {
                    let batch = de.ask(&mut state, &mut rng.split(round).stream());
                    let loss = |i| batch.held(i).unwrap().iter().map(|x| x * x).sum();
                    let losses: Vec<f64> = (0..batch.len()).map(loss).collect();
                    de.tell(&mut state, &batch, &Scores::of_losses(&losses), &mut rng);
                }
                assert!(state.merits[state.best].loss < 1e-9, "{mutation:?} {crossover:?}");
            }
        }
    }

    mod exponential_best {
        use super::*;
        evolvent_test::conformance!(
            De,
            De {
                mutation: DifferenceVector::CurrentToBest1,
                crossover: Exchange::Exponential,
                population_size: Auto::Value(13),
                repair: Repair::Reflect,
                ..De::default()
            }
        );
    }
}
