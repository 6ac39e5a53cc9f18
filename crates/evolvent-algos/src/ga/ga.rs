//! The genetic algorithm, over any genome that can be varied.
//!
//! Holland 1975, *Adaptation in Natural and Artificial Systems*; generational, with elitism (De Jong 1975). What mutation
//! and crossover do is the [`Variation`]'s affair, so vectors, bit strings and graphs have one algorithm. Self-adaptive
//! mutation gives each individual a mutation strength of its own, which its children inherit with log-normal noise:
//! σ' = σ·exp(τ·N(0, 1)) (Schwefel 1995; Beyer & Schwefel 2002, equation 7). The strength belongs to the individual and not
//! to its genome, so it works for every kind of genome: it multiplies the size of a vector's Gaussian step, the flip
//! rate of a bit string.
//!
//! Niching keeps several optima in the population: fitness sharing (Goldberg & Richardson 1987) or deterministic crowding (Mahfoud
//! 1995).
//!
//! *Differs from the paper:* roulette weights are measured from the worst member and not from zero, so that losses and
//! offsets do not matter. A child of two parents inherits the geometric mean of their strengths. Where values of
//! different rounds cannot be compared (noisy or changing fitness), elites are evaluated again beside the children.
//!
//! Cost per generation: `population_size − elites` evaluations (`population_size` where elites are evaluated again; with crowding
//! `population_size`, or twice that), as many mutations and half as many crossovers, in parallel where the variation keeps no ledger.
//! Fitness sharing takes O(population_size²) distances.
//!
//! Needs: one objective; takes constraints (feasible first, Deb 2000) and genomes that the evaluator changed.

use super::{
    Niching, Selection,
    niching::{shared, straight},
};
use crate::{merit::Merit, schedule::Schedule, start};
use evolvent_core::{
    Algorithm, Batch, Diagnostics, Genome, Lineage, Members, Needs, Outcome, Scores, Space, Start, Stream,
    Variation, Violations,
};
use evolvent_math::par;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Strengths of self-adaptive mutation stay between this and its inverse.
const LEAST_STRENGTH: f64 = 1e-6;

/// A genetic algorithm.
///
/// Compared with DEAP 1.4.4 generation by generation: `results/trajectories.md`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, bound = "")]
pub struct Ga<V: Variation> {
    /// Number of individuals, at least 2. The default is De Jong's (1975), doubled.
    #[serde(alias = "popsize", alias = "pop_size")]
    pub population_size: usize,
    /// How parents are chosen. The default, tournaments of 3, is a moderate pressure.
    pub selection: Selection,
    /// How many of the best survive unchanged; less than `population_size`. The default is De Jong's (1975).
    pub elites: usize,
    /// Probability that two parents are crossed rather than copied, in [0, 1]. The default is Grefenstette's (1986).
    pub crossover_rate: f64,
    /// Probability that a child is mutated at all, in [0, 1]; how much of it changes is set in `variation`.
    pub mutation_rate: f64,
    /// The factor on all mutations: fixed, scheduled, or carried by each individual.
    pub mutation_strength: MutationStrength,
    /// How the population is kept diverse.
    pub niching: Niching,
    /// What sampling, crossover and mutation do.
    pub variation: V,
}

impl<V: Variation> Default for Ga<V> {
    fn default() -> Self {
        Ga {
            population_size: 100,
            selection: Selection::Tournament { size: 3 },
            elites: 1,
            crossover_rate: 0.9,
            mutation_rate: 1.0,
            mutation_strength: MutationStrength::Fixed,
            niching: Niching::None,
            variation: V::default(),
        }
    }
}

/// The factor on mutation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum MutationStrength {
    /// Always 1.
    #[default]
    Fixed,
    /// The same for all, changing with the generation.
    Scheduled(Schedule),
    /// One per individual, inherited with log-normal noise.
    SelfAdaptive {
        /// τ, the standard deviation of the logarithm's change; above 0. For n real parameters 1/√(2n) is usual.
        learning_rate: f64,
    },
}

/// One member of the population.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "")]
struct Individual<G: Genome> {
    genome: G,
    merit: Merit,
    strength: f64,
    id: u64,
}

/// State of [`Ga`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound(serialize = "L: Serialize", deserialize = "L: serde::de::DeserializeOwned"))]
pub struct GaState<G: Genome, L> {
    genes: G::Genes,
    /// Whether merits of different rounds may be compared.
    comparable: bool,
    /// From best to worst once they are evaluated.
    population: Vec<Individual<G>>,
    evaluated: bool,
    /// The best ever, where values can be compared.
    best: Option<Individual<G>>,
    ledger: L,
    generation: u64,
    next_id: u64,
    /// Strength and id of each member of the batch that was asked last.
    births: Vec<(f64, u64)>,
    /// The parents of each two children of that batch, where children compete with them.
    couples: Vec<[usize; 2]>,
}

impl<V: Variation> Algorithm for Ga<V> {
    const NAME: &'static str = "ga";
    type Genome = V::Genome;
    type State = GaState<V::Genome, V::Ledger>;

    fn holds(&self, _: &Space<V::Genome>) -> f64 {
        2.0 * self.population_size as f64
    }

    fn needs(&self) -> Needs {
        Needs { constraints: true, foreign: true, ..Needs::default() }
    }

    fn init(
        &self,
        space: &Space<V::Genome>,
        start: &Start<V::Genome>,
        rng: &mut Stream,
    ) -> Result<Self::State, Violations> {
        self.check(space, start)?;
        let mut ledger = V::Ledger::default();
        let founders =
            start::population(&self.variation, &space.genes, start, self.population_size, &mut ledger, rng);
        let founders = founders.into_iter().zip(0..);
        Ok(GaState {
            genes: space.genes.clone(),
            comparable: space.fitness.comparable_across_rounds(),
            population: founders
                .map(|(genome, id)| Individual { genome, merit: Merit::NONE, strength: 1.0, id })
                .collect(),
            evaluated: false,
            best: None,
            ledger,
            generation: 0,
            next_id: self.population_size as u64,
            births: Vec::new(),
            couples: Vec::new(),
        })
    }

    fn ask(&self, state: &mut Self::State, rng: &mut Stream) -> Batch<V::Genome> {
        let crowding = self.niching == Niching::DeterministicCrowding;
        let again = match (state.evaluated, state.comparable) {
            (true, true) => 0,
            (true, false) if !crowding => self.elites,
            _ => state.population.len(),
        };
        let old = &state.population[..again];
        let mut genomes: Vec<_> = old.iter().map(|x| x.genome.clone()).collect();
        let mut lineage: Vec<_> = old.iter().map(|x| Lineage { id: x.id, ..Lineage::default() }).collect();
        state.births.clear();
        state.births.extend(old.iter().map(|x| (x.strength, x.id)));
        if state.evaluated {
            state.couples =
                if crowding { pair_off(state.population.len(), rng) } else { self.select(state, rng) };
            let count = if crowding { 2 * state.couples.len() } else { self.population_size - self.elites };
            for child in self.breed(state, count, rng) {
                state.births.push((child.strength, state.next_id));
                lineage.push(Lineage { id: state.next_id, parents: child.parents, operator: child.operator });
                genomes.push(child.genome);
                state.next_id += 1;
            }
        }
        let mut batch = Batch::of(genomes);
        batch.lineage = lineage;
        batch
    }

    fn tell(&self, state: &mut Self::State, batch: &Batch<V::Genome>, scores: &Scores, rng: &mut Stream) {
        self.variation.next_generation(&mut state.ledger);
        state.generation += 1;
        if scores.all_failed() {
            return self.redraw(state, rng);
        }
        let births = std::mem::take(&mut state.births);
        let told = par::map(births.len(), |i| {
            let (strength, id) = births[i];
            Some(Individual { genome: batch.members.owned(i)?, merit: Merit::of(scores, i), strength, id })
        });
        let mut told: Vec<_> = told.into_iter().flatten().collect();
        if self.niching == Niching::DeterministicCrowding && state.evaluated {
            self.compete(state, told);
        } else {
            // Elites that cannot be compared with the children were evaluated again and are among those told.
            state.population.truncate(if state.comparable && state.evaluated { self.elites } else { 0 });
            state.population.append(&mut told);
        }
        state.population.sort_by(|a, b| a.merit.compare(&b.merit));
        state.evaluated = true;
        let leader = &state.population[0];
        if state.comparable && state.best.as_ref().is_none_or(|best| leader.merit.beats(&best.merit)) {
            state.best = Some(leader.clone());
        }
    }

    fn outcome(&self, state: &Self::State) -> Outcome<V::Genome> {
        let best = state.best.as_ref().unwrap_or(&state.population[0]);
        Outcome::Point(best.merit.candidate(best.genome.clone()))
    }

    fn rescaled(&self, _: &Space<V::Genome>, population: f64, _: f64) -> Option<Self> {
        let size = (self.population_size as f64 * population).round() as usize;
        Some(Ga { population_size: size.max(self.elites + 1).max(2), ..self.clone() })
    }

    fn diagnose(&self, state: &Self::State, out: &mut Diagnostics) {
        let n = state.population.len() as f64;
        let best = &state.population[0].genome;
        let distance = |x: &Individual<V::Genome>| self.variation.distance(best, &x.genome);
        out.add("distance_to_best", state.population.iter().map(distance).sum::<f64>() / n);
        let log_strength = state.population.iter().map(|x| libm::log(x.strength)).sum::<f64>() / n;
        out.add("mutation_strength", libm::exp(log_strength) * self.scheduled(state.generation));
    }
}

/// A genome that has just been made.
struct Child<G> {
    genome: G,
    strength: f64,
    parents: [Option<u64>; 2],
    operator: u8,
}

impl<V: Variation> Ga<V> {
    fn check(&self, space: &Space<V::Genome>, start: &Start<V::Genome>) -> Result<(), Violations> {
        let mut v = Violations::new();
        v.at_least("population_size", self.population_size, 2);
        let fewer = format!("fewer than the population of {}", self.population_size);
        v.require(self.elites < self.population_size.max(2), "elites", self.elites, &fewer);
        self.selection.check("selection", &mut v);
        v.probability("crossover_rate", self.crossover_rate);
        v.probability("mutation_rate", self.mutation_rate);
        match &self.mutation_strength {
            MutationStrength::Fixed => {}
            MutationStrength::Scheduled(schedule) => schedule.check("mutation_strength.scheduled", &mut v),
            MutationStrength::SelfAdaptive { learning_rate } => {
                v.positive("mutation_strength.self_adaptive.learning_rate", *learning_rate);
            }
        }
        self.niching.check("niching", &mut v);
        v.absorb("variation", self.variation.check(&space.genes));
        v.0.extend(start::check(start, &space.genes).err().into_iter().flat_map(|v| v.0));
        v.into_result()
    }

    /// The couples of a generation, chosen by merit or, if fitness is shared, by what is left of it.
    fn select(&self, state: &GaState<V::Genome, V::Ledger>, rng: &mut Stream) -> Vec<[usize; 2]> {
        let population = &state.population;
        let mut merits: Vec<_> = population.iter().map(|x| x.merit).collect();
        let mut order: Vec<_> = (0..merits.len()).collect();
        if let Niching::FitnessSharing { radius, alpha } = self.niching {
            let distance =
                |i: usize, j: usize| self.variation.distance(&population[i].genome, &population[j].genome);
            let left = shared(&merits, radius, alpha, distance);
            order.sort_by(|&i, &j| left[i].compare(&left[j]));
            merits = order.iter().map(|&i| left[i]).collect();
        }
        let pairs = (self.population_size - self.elites).div_ceil(2);
        let chosen = self.selection.parents(&merits, 2 * pairs, rng);
        chosen.chunks_exact(2).map(|c| [order[c[0]], order[c[1]]]).collect()
    }

    /// Each child meets the more similar of its parents and takes its place if it is better. `told` holds the parents first if they were
    /// evaluated again.
    fn compete(&self, state: &mut GaState<V::Genome, V::Ledger>, mut told: Vec<Individual<V::Genome>>) {
        let children = told.split_off(told.len() - 2 * state.couples.len());
        if !state.comparable {
            state.population = told;
        }
        let mut children = children.into_iter();
        for couple in std::mem::take(&mut state.couples) {
            let (Some(c), Some(d)) = (children.next(), children.next()) else { break };
            let pair = [&c, &d];
            let distance = |c: usize, p: usize| {
                self.variation.distance(&pair[c].genome, &state.population[couple[p]].genome)
            };
            let places = if straight(distance) { couple } else { [couple[1], couple[0]] };
            for (child, place) in [c, d].into_iter().zip(places) {
                if child.merit.beats(&state.population[place].merit) {
                    state.population[place] = child;
                }
            }
        }
    }

    /// `count` children of the couples. Each pair of children has a stream of its own.
    fn breed(
        &self,
        state: &mut GaState<V::Genome, V::Ledger>,
        count: usize,
        rng: &mut Stream,
    ) -> Vec<Child<V::Genome>> {
        let pairs = state.couples.len();
        let couples = &state.couples;
        let (population, genes) = (&state.population, &state.genes);
        let streams: &Stream = rng;
        let pair = |k: usize, ledger: &mut V::Ledger| {
            let couple = couples[k].map(|i| &population[i]);
            self.children(genes, couple, state.generation, ledger, &mut streams.split(k as u64).stream())
        };
        let mut children: Vec<_> = if size_of::<V::Ledger>() == 0 {
            par::map(pairs, |k| pair(k, &mut V::Ledger::default())).into_iter().flatten().collect()
        } else {
            let ledger = &mut state.ledger;
            (0..pairs).flat_map(|k| pair(k, ledger)).collect()
        };
        children.truncate(count);
        children
    }

    /// Two children of two parents.
    fn children(
        &self,
        genes: &<V::Genome as Genome>::Genes,
        parents: [&Individual<V::Genome>; 2],
        generation: u64,
        ledger: &mut V::Ledger,
        rng: &mut Stream,
    ) -> [Child<V::Genome>; 2] {
        let crossed = rng.chance(self.crossover_rate);
        let [a, b] =
            if parents[1].merit.beats(&parents[0].merit) { [parents[1], parents[0]] } else { parents };
        let (genomes, strengths) = if crossed {
            let mean = (a.strength * b.strength).sqrt();
            (self.variation.cross(genes, &a.genome, &b.genome, ledger, rng), [mean; 2])
        } else {
            ([a.genome.clone(), b.genome.clone()], [a.strength, b.strength])
        };
        let mut of = [[Some(a.id), None], [Some(b.id), None]].into_iter().zip(strengths);
        genomes.map(|mut genome| {
            let (only, inherited) = of.next().unwrap_or_default();
            let strength = self.inherit(inherited, rng);
            if rng.chance(self.mutation_rate) {
                let factor = strength * self.scheduled(generation);
                self.variation.mutate(genes, &mut genome, factor, ledger, rng);
            }
            let parents = if crossed { [Some(a.id), Some(b.id)] } else { only };
            Child { genome, strength, parents, operator: u8::from(crossed) + 1 }
        })
    }

    /// σ' = σ·exp(τ·N(0, 1)): Beyer & Schwefel 2002, equation 7.
    fn inherit(&self, strength: f64, rng: &mut Stream) -> f64 {
        match self.mutation_strength {
            MutationStrength::SelfAdaptive { learning_rate } => {
                let next = strength * libm::exp(learning_rate * rng.normal());
                next.clamp(LEAST_STRENGTH, 1.0 / LEAST_STRENGTH)
            }
            _ => strength,
        }
    }

    fn scheduled(&self, generation: u64) -> f64 {
        match &self.mutation_strength {
            MutationStrength::Scheduled(schedule) => schedule.factor(generation),
            _ => 1.0,
        }
    }

    /// Nobody has numbers: founders are drawn anew, an evaluated population is kept.
    fn redraw(&self, state: &mut GaState<V::Genome, V::Ledger>, rng: &mut Stream) {
        state.births.clear();
        state.couples.clear();
        if !state.evaluated {
            for individual in &mut state.population {
                individual.genome = self.variation.sample(&state.genes, &mut state.ledger, rng);
            }
        }
    }
}

/// Random couples; with an odd number one individual stays alone.
fn pair_off(n: usize, rng: &mut Stream) -> Vec<[usize; 2]> {
    let mut order: Vec<_> = (0..n).collect();
    rng.shuffle(&mut order);
    order.chunks_exact(2).map(|c| [c[0], c[1]]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        bits::{Bits, BitsGenes, BitsVariation},
        ga::{Crossover, Mutation, RealVariation},
    };
    use evolvent_core::{Auto, Bounds, Fitness, Init, Purpose, RunKey, Vector, VectorGenes, stream};
    use evolvent_test::{Reference, Specimen, assert_close};

    type BitsGa = Ga<BitsVariation>;

    /// DEAP was given the numbers that are drawn here.
    #[test]
    fn children_are_those_of_deap() {
        let file = Reference::parse(include_str!("../../tests/reference/deap_ga.json"));
        for run in file.get("runs").entries() {
            let (n, steps) = (run.number("dimension") as usize, run.get("steps").entries());
            let (gene_rate, eta, bound) = (run.number("gene_rate"), run.numbers("eta"), run.number("bound"));
            let bounded = run.text("kind") == "sbx and polynomial";
            let (crossover, mutation) = if bounded {
                let rate = Auto::Value(gene_rate);
                (Crossover::Sbx { eta: eta[0], rate: 0.5 }, Mutation::Polynomial { eta: eta[1], rate })
            } else {
                let sigma = Auto::Value(run.number("sigma"));
                (Crossover::Uniform { rate: gene_rate }, Mutation::Gaussian { sigma, rate: gene_rate })
            };
            let ga = Ga {
                population_size: steps[0].numbers("values").len(),
                selection: Selection::Tournament { size: run.number("tournament") as usize },
                elites: run.number("elites") as usize,
                crossover_rate: run.number("crossover_rate"),
                mutation_rate: run.number("mutation_rate"),
                variation: RealVariation { crossover, mutation, ..RealVariation::default() },
                ..Ga::default()
            };
            let first = steps[0].numbers("batch").chunks(n).map(|x| Vector(x.to_vec())).collect();
            let bounds = bounded.then(|| Bounds::uniform(n, -bound, bound));
            let space = Space::new(VectorGenes::flat(n, Init::Zeros, bounds));
            let key = RunKey::from_seed(run.number("seed") as u64);
            let at = |round: u64, purpose: Purpose| stream(key, round, 0, 0, purpose);
            let mut state = ga.init(&space, &Start::Population(first), &mut at(0, Purpose::Init)).unwrap();
            for (round, step) in (0..).zip(&steps) {
                let batch = ga.ask(&mut state, &mut at(round, Purpose::Ask));
                let members: Vec<f64> =
                    Vector::written_out(&batch).iter().flat_map(|x| x.0.clone()).collect();
                assert_close("children", &members, &step.numbers("batch"), 0.0, 1e-12);
                let scores = Scores::of_losses(&step.numbers("values"));
                ga.tell(&mut state, &batch, &scores, &mut at(round, Purpose::Tell));
            }
        }
    }

    fn solve(ga: &BitsGa, length: usize, seed: u64) -> Option<u64> {
        let space = Space::new(BitsGenes { length });
        let key = RunKey::from_seed(seed);
        let mut state = ga.init(&space, &Start::Default, &mut stream(key, 0, 0, 0, Purpose::Init)).unwrap();
        for round in 0..200 {
            let batch = ga.ask(&mut state, &mut stream(key, round, 0, 0, Purpose::Ask));
            let losses: Vec<_> = batch.members.iter().map(|b| (length - b.count_ones()) as f64).collect();
            ga.tell(
                &mut state,
                &batch,
                &Scores::of_losses(&losses),
                &mut stream(key, round, 0, 0, Purpose::Tell),
            );
            if losses.contains(&0.0) {
                return Some(round);
            }
        }
        None
    }

    #[test]
    fn every_selection_solves_one_max() {
        for selection in [
            Selection::Tournament { size: 2 },
            Selection::Roulette,
            Selection::Rank { pressure: 1.8 },
            Selection::Truncation { share: 0.3 },
            Selection::StochasticUniversal,
        ] {
            let ga = BitsGa { selection, ..BitsGa::default() };
            let solved = (0..10).filter(|&seed| solve(&ga, 50, seed).is_some()).count();
            evolvent_test::assert_success_rate(&format!("{selection:?}"), solved, 10, 0.95, 1e-4);
        }
    }

    #[test]
    fn elites_survive_and_are_asked_again_only_where_values_cannot_be_compared() {
        for (fitness, again) in [(Fitness::Exact, 0), (Fitness::Noisy, 3), (Fitness::Changing, 3)] {
            let ga = BitsGa { population_size: 9, elites: 3, ..BitsGa::default() };
            let mut space = Space::new(BitsGenes { length: 30 });
            space.fitness = fitness;
            let mut rng = stream(RunKey::from_seed(1), 0, 0, 0, Purpose::Ask);
            let mut state = ga.init(&space, &Start::Default, &mut rng).unwrap();
            for round in 0..4 {
                let elites: Vec<_> = state.population[..3].iter().map(|x| x.genome.clone()).collect();
                let batch = ga.ask(&mut state, &mut rng.split(round).stream());
                assert_eq!(batch.len(), if round == 0 { 9 } else { 6 + again });
                if round > 0 && again > 0 {
                    assert_eq!(batch.members[..3], elites[..]);
                }
                let losses: Vec<_> = batch.members.iter().map(|b| (30 - b.count_ones()) as f64).collect();
                ga.tell(&mut state, &batch, &Scores::of_losses(&losses), &mut rng);
                assert_eq!(state.population.len(), 9);
                if round > 0 && again == 0 {
                    assert!(elites.iter().all(|e| state.population.iter().any(|x| x.genome == *e)));
                }
            }
        }
    }

    #[test]
    fn strengths_adapt_to_the_problem() {
        // Near the optimum of OneMax fewer flips are better: strengths fall below 1.
        let strength = MutationStrength::SelfAdaptive { learning_rate: 0.3 };
        let ga = BitsGa { mutation_strength: strength, crossover_rate: 0.0, ..BitsGa::default() };
        let space = Space::new(BitsGenes { length: 60 });
        let mut rng = stream(RunKey::from_seed(2), 0, 0, 0, Purpose::Ask);
        let near: Bits = (0..60).map(|i| i != 7).collect();
        let mut state = ga.init(&space, &Start::Point(near), &mut rng).unwrap();
        for round in 0..60 {
            let batch = ga.ask(&mut state, &mut rng.split(round).stream());
            let losses: Vec<_> = batch.members.iter().map(|b| (60 - b.count_ones()) as f64).collect();
            ga.tell(&mut state, &batch, &Scores::of_losses(&losses), &mut rng);
        }
        let mut diagnostics = Diagnostics::default();
        ga.diagnose(&state, &mut diagnostics);
        let found = diagnostics.0.iter().find(|(name, _)| name == "mutation_strength").unwrap().1;
        assert!(found < 0.5, "{found}");
    }

    #[test]
    fn lineage_names_parents() {
        let ga = BitsGa { population_size: 4, elites: 0, crossover_rate: 1.0, ..BitsGa::default() };
        let mut rng = stream(RunKey::from_seed(3), 0, 0, 0, Purpose::Ask);
        let mut state = ga.init(&Space::new(BitsGenes { length: 8 }), &Start::Default, &mut rng).unwrap();
        let batch = ga.ask(&mut state, &mut rng);
        ga.tell(&mut state, &batch, &Scores::of_losses(&[3.0, 1.0, 2.0, 0.0]), &mut rng);
        let children = ga.ask(&mut state, &mut rng).lineage;
        assert_eq!(children.iter().map(|l| l.id).collect::<Vec<_>>(), [4, 5, 6, 7]);
        assert!(
            children.iter().all(|l| l.parents.iter().all(|p| p.is_some_and(|p| p < 4)) && l.operator == 2)
        );
    }

    /// Two optima, all zeros and all ones: without niching one of them takes everything.
    #[test]
    fn niching_keeps_both_optima() {
        let both = |niching: Niching| {
            let ga = BitsGa { niching, population_size: 60, crossover_rate: 0.5, ..BitsGa::default() };
            let mut rng = stream(RunKey::from_seed(9), 0, 0, 0, Purpose::Ask);
            let mut state =
                ga.init(&Space::new(BitsGenes { length: 30 }), &Start::Default, &mut rng).unwrap();
            for round in 0..120 {
                let batch = ga.ask(&mut state, &mut rng.split(round).stream());
                let losses: Vec<_> =
                    batch.members.iter().map(|b| b.count_ones().min(30 - b.count_ones()) as f64).collect();
                ga.tell(&mut state, &batch, &Scores::of_losses(&losses), &mut rng);
            }
            let count = |ones: bool| {
                state
                    .population
                    .iter()
                    .filter(|x| (x.genome.count_ones() > 15) == ones && x.merit.loss < 3.0)
                    .count()
            };
            count(true).min(count(false))
        };
        assert_eq!(both(Niching::None), 0);
        assert!(both(Niching::DeterministicCrowding) >= 5);
    }

    /// Five equal peaks, sin⁶(5πx) on [0, 1] (Goldberg & Richardson 1987, figure 2): with sharing each keeps its part of the population, without it
    /// chance leaves few of them. Selection is proportional: with tournaments niche counts of the last generation make whole niches come and go
    /// (Oei, Goldberg & Chang 1991).
    #[test]
    fn sharing_keeps_every_peak() {
        let bounds = Some(Bounds::uniform(1, 0.0, 1.0));
        let space = Space::new(VectorGenes::flat(1, Init::Uniform { low: 0.0, high: 1.0 }, bounds));
        let peaks = |niching: Niching, seed: u64| {
            let ga = Ga {
                niching,
                selection: Selection::StochasticUniversal,
                elites: 0,
                variation: RealVariation {
                    mutation: Mutation::Gaussian { sigma: Auto::Value(0.01), rate: 1.0 },
                    ..RealVariation::default()
                },
                ..Ga::default()
            };
            let mut rng = stream(RunKey::from_seed(seed), 0, 0, 0, Purpose::Ask);
            let mut state = ga.init(&space, &Start::Default, &mut rng).unwrap();
            for round in 0..200 {
                let batch = ga.ask(&mut state, &mut rng.split(round).stream());
                let value = |x: &Vector| -libm::pow(libm::sin(5.0 * std::f64::consts::PI * x.0[0]), 6.0);
                let losses: Vec<f64> = Vector::written_out(&batch).iter().map(value).collect();
                ga.tell(&mut state, &batch, &Scores::of_losses(&losses), &mut rng);
            }
            let near =
                |peak: f64| state.population.iter().filter(|x| (x.genome.0[0] - peak).abs() < 0.05).count();
            [0.1, 0.3, 0.5, 0.7, 0.9].map(near).iter().filter(|&&n| n >= 8).count()
        };
        for seed in 0..10 {
            assert_eq!(peaks(Niching::FitnessSharing { radius: 0.1, alpha: 1.0 }, seed), 5, "seed {seed}");
        }
        let left: usize = (0..10).map(|seed| peaks(Niching::None, seed)).sum();
        assert!(left < 35, "{left} of 50 peaks without sharing");
    }

    mod without_elites {
        use super::*;
        evolvent_test::conformance!(BitsGa, BitsGa { elites: 0, population_size: 21, ..BitsGa::default() });
    }

    mod crowding {
        use super::*;
        evolvent_test::conformance!(
            BitsGa,
            BitsGa { niching: Niching::DeterministicCrowding, population_size: 13, ..BitsGa::default() }
        );
    }

    mod sharing {
        use super::*;
        evolvent_test::conformance!(
            BitsGa,
            BitsGa { niching: Niching::FitnessSharing { radius: 0.3, alpha: 1.0 }, ..BitsGa::default() }
        );
    }

    mod self_adaptive {
        use super::*;
        evolvent_test::conformance!(
            BitsGa,
            BitsGa {
                mutation_strength: MutationStrength::SelfAdaptive { learning_rate: 0.2 },
                selection: Selection::StochasticUniversal,
                elites: 4,
                ..BitsGa::default()
            }
        );
    }
}
