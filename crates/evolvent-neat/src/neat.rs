//! NEAT: neuroevolution of augmenting topologies.
//!
//! K. O. Stanley and R. Miikkulainen, "Evolving neural networks through augmenting topologies", Evolutionary Computation
//! 10(2), 2002. Section and equation numbers below are that paper's.
//!
//! *Differs from the paper* (preset `canonical`): parents of equal fitness pass on the disjoint and excess genes of the
//! one with fewer genes, and stagnant species share a hundredth of their fitness instead of nothing, both as the published
//! code does; the last places of the offspring apportionment go by largest remainder; what the paper leaves open is said at
//! [`Preset::Canonical`].
//!
//! *Cost per generation*: O(population · species · genes) for compatibility and O(population · genes) for reproduction, both in
//! parallel; innovation numbers are given in member order afterwards, so results do not depend on the number of threads.
//!
//! *Needs*: one objective.

use crate::{
    complexity::{Complexity, ComplexitySettings, Phases},
    distance::{Distance, DistanceSettings},
    graph::{Graph, GraphGenes},
    innovation::{Innovations, Memory},
    presets::Preset,
    reproduction::{Child, Reproduction, ReproductionSettings, child, merits, rank_species, share_offspring},
    species::{Speciation, SpeciationSettings, SpeciesSet},
    variation::{Crossover, CrossoverSettings, Mutation, MutationSettings, apply, first},
};
use evolvent_core::{
    Algorithm, Auto, Batch, Candidate, Diagnostics, Genome, Lineage, Outcome, Scores, Space, Start,
    StopReason, Stream, Violations,
};
use evolvent_math::par;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Everything that a preset fixes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// Mutation rates.
    pub mutation: Mutation,
    /// Mating.
    pub crossover: Crossover,
    /// Compatibility coefficients.
    pub distance: Distance,
    /// Division into species.
    pub speciation: Speciation,
    /// Offspring.
    pub reproduction: Reproduction,
    /// Complexity ceiling.
    pub complexity: Complexity,
    /// How long structural changes keep their numbers.
    pub innovations: Memory,
}

/// NEAT: networks whose structure grows, protected in species.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Neat {
    /// Genomes per generation, at least 2. Published: 150.
    #[serde(alias = "popsize", alias = "pop_size")]
    pub population_size: usize,
    /// Where every setting comes from that is left at `"auto"`.
    pub preset: Preset,
    /// Mutation rates.
    pub mutation: MutationSettings,
    /// Mating.
    pub crossover: CrossoverSettings,
    /// Compatibility coefficients.
    pub distance: DistanceSettings,
    /// Division into species.
    pub speciation: SpeciationSettings,
    /// Offspring.
    pub reproduction: ReproductionSettings,
    /// Complexity ceiling.
    pub complexity: ComplexitySettings,
    /// How long structural changes keep their numbers.
    pub innovations: Auto<Memory>,
    /// Whether a population that has died out begins anew.
    pub reset_on_extinction: bool,
}

impl Default for Neat {
    fn default() -> Self {
        Neat {
            population_size: 150,
            preset: Preset::default(),
            mutation: MutationSettings::default(),
            crossover: CrossoverSettings::default(),
            distance: DistanceSettings::default(),
            speciation: SpeciationSettings::default(),
            reproduction: ReproductionSettings::default(),
            complexity: ComplexitySettings::default(),
            innovations: Auto::Auto,
            reset_on_extinction: true,
        }
    }
}

impl Neat {
    /// All settings with the preset's where none is given.
    pub fn rules(&self) -> Rules {
        let preset = self.preset.rules();
        Rules {
            mutation: self.mutation.resolve(preset.mutation),
            crossover: self.crossover.resolve(preset.crossover),
            distance: self.distance.resolve(preset.distance),
            speciation: self.speciation.resolve(preset.speciation),
            reproduction: self.reproduction.resolve(preset.reproduction),
            complexity: self.complexity.resolve(preset.complexity),
            innovations: self.innovations.or(|| preset.innovations),
        }
    }
}

/// All that changes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NeatState {
    pub(crate) genes: GraphGenes,
    /// Given genomes that the first generation begins with.
    seeds: Vec<Graph>,
    /// The last evaluated generation; empty before the first.
    pub(crate) population: Vec<Graph>,
    pub(crate) ids: Vec<u64>,
    /// What the population shares; larger is better.
    pub(crate) merit: Vec<f64>,
    pub(crate) set: SpeciesSet,
    innovations: Innovations,
    pub(crate) generation: u64,
    next_id: u64,
    /// Best genome of the run where fitness is exact, else of the last generation.
    best: Option<Candidate<Graph>>,
    /// Generation in which the whole population last made progress, and the merit it reached.
    pub(crate) progress: (u64, f64),
    pub(crate) phases: Phases,
    pub(crate) exact: bool,
    extinctions: u64,
    extinct: bool,
}

impl NeatState {
    /// Species of the last evaluated generation.
    pub fn species(&self) -> usize {
        self.set.species.len()
    }

    /// The best genome of every species of the last evaluated generation, the best species first.
    pub fn champions(&self) -> Vec<Champion<'_>> {
        let mut champions: Vec<Champion<'_>> = (self.set.species.iter())
            .map(|species| Champion {
                species: species.id,
                improved: species.improved == self.generation,
                merit: self.merit[species.members[0] as usize],
                genome: &self.population[species.members[0] as usize],
            })
            .collect();
        champions.sort_by(|a, b| b.merit.total_cmp(&a.merit)); // stable: of equals, the older species first
        champions
    }
}

/// The best genome of a species.
#[derive(Clone, Copy, Debug)]
pub struct Champion<'a> {
    /// The species' number.
    pub species: u32,
    /// Whether it is the best that this species ever had, and new; always where generations cannot be compared.
    pub improved: bool,
    /// What it shares, larger being better ([`crate::reproduction::Sharing`]).
    pub merit: f64,
    /// The genome.
    pub genome: &'a Graph,
}

/// Codes of [`Lineage::operator`].
pub mod operator {
    /// A genome of the first generation.
    pub const INITIAL: u8 = 0;
    /// An unchanged champion.
    pub const ELITE: u8 = 1;
    /// Mutation of numbers.
    pub const MUTATION: u8 = 2;
    /// Mating.
    pub const CROSSOVER: u8 = 3;
    /// Mating, then mutation of numbers.
    pub const CROSSOVER_MUTATION: u8 = 4;
    /// Added to the code where a node was added.
    pub const ADDED_NODE: u8 = 16;
    /// Added to the code where a connection was added.
    pub const ADDED_CONNECTION: u8 = 32;

    /// A code in words: `mating, then mutation, added a node`.
    pub fn name(code: u8) -> String {
        let mut name = match code & 15 {
            INITIAL => "first genome",
            ELITE => "unchanged champion",
            MUTATION => "mutation",
            CROSSOVER => "mating",
            CROSSOVER_MUTATION => "mating, then mutation",
            _ => "unknown operator",
        }
        .to_owned();
        for (flag, what) in [(ADDED_NODE, ", added a node"), (ADDED_CONNECTION, ", added a connection")] {
            if code & flag != 0 {
                name.push_str(what);
            }
        }
        name
    }
}

impl Algorithm for Neat {
    const NAME: &'static str = "neat";
    type Genome = Graph;
    type State = NeatState;

    fn init(
        &self,
        space: &Space<Graph>,
        start: &Start<Graph>,
        _rng: &mut Stream,
    ) -> Result<NeatState, Violations> {
        let rules = self.rules();
        let mut v = Violations::new();
        v.at_least("population_size", self.population_size, 2);
        let mut mutation = Violations::new();
        rules.mutation.check(&mut mutation);
        v.absorb("mutation", mutation.into_result());
        v.absorb("crossover", rules.crossover.check());
        v.absorb("distance", rules.distance.check());
        v.absorb("speciation", rules.speciation.check());
        v.absorb("reproduction", rules.reproduction.check());
        v.absorb("complexity", rules.complexity.check());
        let seeds = match start {
            Start::Default => Vec::new(),
            Start::Point(graph) => vec![graph.clone()],
            Start::Population(graphs) => graphs.clone(),
        };
        let population = matches!(start, Start::Population(_));
        v.require(!population || !seeds.is_empty(), "start", "no genomes", "at least one genome");
        for graph in &seeds {
            v.absorb("start", graph.fits(&space.genes));
        }
        v.into_result()?;
        let mut innovations = Innovations::default();
        innovations.begin(&space.genes);
        innovations.skip(&seeds);
        Ok(NeatState {
            genes: space.genes.clone(),
            seeds,
            population: Vec::new(),
            ids: Vec::new(),
            merit: Vec::new(),
            set: SpeciesSet::new(&rules.speciation),
            innovations,
            generation: 0,
            next_id: 0,
            best: None,
            progress: (0, f64::NEG_INFINITY),
            phases: Phases::BEGIN,
            exact: space.fitness.comparable_across_rounds(),
            extinctions: 0,
            extinct: false,
        })
    }

    fn ask(&self, s: &mut NeatState, rng: &mut Stream) -> Batch<Graph> {
        let (genomes, mut lineage) = if s.population.is_empty() {
            first_generation(self, s, rng)
        } else {
            next_generation(self, s, rng)
        };
        for (i, l) in lineage.iter_mut().enumerate() {
            l.id = s.next_id + i as u64;
        }
        s.next_id += genomes.len() as u64;
        Batch { lineage, ..Batch::of(genomes) }
    }

    fn tell(&self, s: &mut NeatState, batch: &Batch<Graph>, scores: &Scores, rng: &mut Stream) {
        s.generation += 1;
        if scores.all_failed() {
            return; // nothing was learned: the next generation is bred from the same parents
        }
        let rules = self.rules();
        s.population.clone_from(&batch.members);
        s.ids = batch.lineage.iter().map(|l| l.id).collect();
        remember_best(s, scores);
        if rules.innovations == Memory::Generation {
            s.innovations.forget();
        }
        s.set.assign(&rules.speciation, &rules.distance, &s.population, s.generation, rng);
        let merit = merits(rules.reproduction.sharing, s.exact, scores);
        rank_species(s, scores, rng);
        s.set.represent(&rules.speciation, &s.population, rng);
        share_offspring(s, &rules.reproduction, &merit, self.population_size);
        s.merit = merit;
        let mean = mean_over(&s.population, |g| g.structure.connections());
        s.phases.regulate(&rules.complexity, s.generation, mean);
        if s.set.species.iter().all(|species| species.quota == 0) {
            die_out(self, s, &rules);
        }
    }

    fn outcome(&self, s: &NeatState) -> Outcome<Graph> {
        let fallback = || {
            let graph = s.seeds.first().cloned();
            let key = evolvent_core::StreamKey { key: [0; 2], index: 0, round: 0 };
            Candidate::unmeasured(graph.unwrap_or_else(|| first(&s.genes, &mut key.stream())))
        };
        Outcome::Point(s.best.clone().unwrap_or_else(fallback))
    }

    fn stopped(&self, s: &NeatState) -> Option<StopReason> {
        s.extinct.then_some(StopReason::Extinct)
    }

    fn groups(&self, s: &NeatState) -> Vec<(u64, u64)> {
        s.set.species.iter().map(|species| (species.id.into(), species.members.len() as u64)).collect()
    }

    fn operator(&self, code: u8) -> String {
        operator::name(code)
    }

    fn diagnose(&self, s: &NeatState, out: &mut Diagnostics) {
        let mean = |f: fn(&Graph) -> usize| mean_over(&s.population, f);
        out.add("species", s.set.species.len() as f64);
        out.add("compatibility_threshold", s.set.threshold);
        out.add("mean_connections", mean(Graph::expressed));
        out.add("mean_hidden_nodes", mean(|g| g.structure.hidden()));
        let best = |f: fn(&Graph) -> usize| s.best.as_ref().map_or(0.0, |b| f(&b.genome) as f64);
        out.add("best_connections", best(Graph::expressed));
        out.add("best_hidden_nodes", best(|g| g.structure.hidden()));
        out.add("innovations", f64::from(s.innovations.given()));
        out.add("pruning", f64::from(u8::from(!s.phases.growing())));
        let largest = s.set.species.iter().map(|species| species.members.len()).max().unwrap_or(0);
        out.add("largest_species", largest as f64);
        out.add("extinctions", s.extinctions as f64);
    }
}

fn first_generation(neat: &Neat, s: &mut NeatState, rng: &mut Stream) -> (Vec<Graph>, Vec<Lineage>) {
    let (genes, seeds, rng) = (&s.genes, &s.seeds, &*rng);
    let genomes: Vec<Graph> = par::map(neat.population_size, |i| match seeds.get(i) {
        Some(seed) => seed.clone(),
        None => first(genes, &mut rng.split(i as u64).stream()),
    });
    let lineage = vec![Lineage { operator: operator::INITIAL, ..Lineage::default() }; genomes.len()];
    (genomes, lineage)
}

/// Children are made in parallel, each from a stream of its own; then new structure gets its numbers, in member order.
fn next_generation(neat: &Neat, s: &mut NeatState, rng: &mut Stream) -> (Vec<Graph>, Vec<Lineage>) {
    let mut rules = neat.rules();
    if !s.phases.growing() {
        rules.mutation.delete_connection = rules.complexity.prune_connection;
        rules.mutation.delete_node = rules.complexity.prune_node;
    }
    let places: Vec<(usize, usize)> = s
        .set
        .species
        .iter()
        .enumerate()
        .flat_map(|(k, species)| (0..species.quota as usize).map(move |place| (k, place)))
        .collect();
    let (state, rng) = (&*s, &*rng);
    let children: Vec<Child> = par::map(places.len(), |i| {
        let (species, place) = places[i];
        child(&rules, state, species, place, &mut rng.split(i as u64).stream())
    });
    let mut lineage = Vec::with_capacity(children.len());
    let genomes = children
        .into_iter()
        .map(|child| {
            lineage.push(child.lineage);
            apply(child.graph, &child.proposals, &mut s.innovations)
        })
        .collect();
    (genomes, lineage)
}

fn remember_best(s: &mut NeatState, scores: &Scores) {
    let Some(i) = scores.best() else { return };
    let better = |old: &Candidate<Graph>| {
        old.losses.as_ref().is_none_or(|l| scores.value(i) < l[0]) && scores.violation[i] <= old.violation
    };
    if !s.exact || s.best.as_ref().is_none_or(better) {
        let mut candidate = Candidate::measured(s.population[i].clone(), scores.value(i));
        candidate.violation = scores.violation[i];
        candidate.id = s.ids.get(i).copied();
        s.best = Some(candidate);
    }
}

/// Everyone is stagnant and has no share: the run ends, or the next generation is a first one. Innovation numbers and the
/// best genome go on.
fn die_out(neat: &Neat, s: &mut NeatState, rules: &Rules) {
    s.extinctions += 1;
    s.extinct = !neat.reset_on_extinction;
    s.population.clear();
    s.set = SpeciesSet::new(&rules.speciation);
    s.progress = (s.generation, f64::NEG_INFINITY);
    s.phases = Phases::BEGIN;
}

fn mean_over(population: &[Graph], f: impl Fn(&Graph) -> usize) -> f64 {
    population.iter().map(|g| f(g) as f64).sum::<f64>() / population.len().max(1) as f64
}
