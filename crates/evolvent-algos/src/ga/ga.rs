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
//! Safe mutation (Lehman, Chen, Clune & Stanley 2018) divides each gene's step by the sensitivity of the network's outputs to it; see
//! [`SafeMutation`].
//!
//! *Differs from the paper:* roulette weights are measured from the worst member and not from zero, so that losses and
//! offsets do not matter. A child of two parents inherits the geometric mean of their strengths. Where values of
//! different rounds cannot be compared (noisy or changing fitness), elites are evaluated again beside the children.
//!
//! Cost per generation: `population_size − elites` evaluations (`population_size` where elites are evaluated again; with crowding
//! `population_size`, or twice that), as many mutations and half as many crossovers, in parallel where the variation keeps no ledger.
//! Fitness sharing takes O(population_size²) distances. Safe mutation adds a reverse pass over some dozens of experiences to every evaluation, and
//! half a genome of memory to every individual.
//!
//! Needs: one objective; takes constraints (feasible first, Deb 2000) and genomes that the evaluator changed.

use super::{
    Niching, SafeMutation, Selection,
    niching::{shared, straight},
};
use crate::{merit::Merit, schedule::Schedule, start};
use evolvent_core::{
    Algorithm, Batch, Diagnostics, Genome, Lineage, Members, Needs, Outcome, Request, Scores, Space, Start,
    Stream, Variation, Violations,
};
use evolvent_math::par;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Strengths of self-adaptive mutation stay between this and its inverse.
const LEAST_STRENGTH: f64 = 1e-6;

/// A genetic algorithm: selection, crossover, mutation, elites and niching, over any genome.
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
    /// Whether steps are the smaller the more sensitive the network is to a gene. If so, `crossover_rate` must be 0: what is known is the
    /// sensitivity of a parent, and a child of two has another.
    pub safe_mutation: SafeMutation,
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
            safe_mutation: SafeMutation::None,
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
    /// How sensitive its network is to each gene; empty if that is not asked or not known.
    #[serde(default)]
    sensitivities: Vec<f32>,
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
        // Sensitivities take half as much as a genome.
        let each = if self.safe_mutation.sensitivity().is_some() { 3.0 } else { 2.0 };
        each * self.population_size as f64
    }

    fn needs(&self) -> Needs {
        let sensitivities = self.safe_mutation.sensitivity().is_some();
        Needs { constraints: true, foreign: true, sensitivities, ..Needs::default() }
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
                .map(|(genome, id)| Individual {
                    genome,
                    merit: Merit::NONE,
                    strength: 1.0,
                    id,
                    sensitivities: Vec::new(),
                })
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
        if let sensitivities @ Some(_) = self.safe_mutation.sensitivity() {
            batch.requests = vec![Request { sensitivities, ..Request::default() }; batch.len()];
        }
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
            let sensitivities = scores.sensitivities.get(i).cloned().unwrap_or_default();
            let genome = batch.members.owned(i)?;
            Some(Individual { genome, merit: Merit::of(scores, i), strength, id, sensitivities })
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
        self.safe_mutation.check("safe_mutation", &mut v);
        if self.safe_mutation.sensitivity().is_some() && self.crossover_rate > 0.0 {
            let hint =
                "sensitivities are those of a parent's network, and a child of two parents has another";
            v.add_with_hint("crossover_rate", self.crossover_rate, "0 with `safe_mutation`", hint);
        }
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
        let [c, d] = genomes;
        [(c, a, strengths[0]), (d, b, strengths[1])].map(|(mut genome, parent, inherited)| {
            let strength = self.inherit(inherited, rng);
            if rng.chance(self.mutation_rate) {
                let factor = strength * self.scheduled(generation);
                self.variation.mutate(genes, &mut genome, factor, ledger, rng);
                if let Some(factors) = self.safe_mutation.factors(&parent.sensitivities) {
                    self.variation.rescale(genes, &parent.genome, &mut genome, &factors, rng);
                }
            }
            let parents = if crossed { [Some(a.id), Some(b.id)] } else { [Some(parent.id), None] };
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
mod tests;
