//! NEAT: neuroevolution of augmenting topologies.
//!
//! K. O. Stanley and R. Miikkulainen, "Evolving neural networks through augmenting topologies", Evolutionary Computation
//! 10(2), 2002. Section and equation numbers below are that paper's.
//!
//! *Differs from the paper* (preset `canonical`): parents of equal fitness pass on the disjoint and excess genes of the
//! one with fewer genes, and stagnant species share a hundredth of their fitness instead of nothing, both as the published
//! code does; the last places of the offspring apportionment go by largest remainder.
//!
//! *Cost per generation*: O(population · species · genes) for compatibility and O(population · genes) for reproduction, both in
//! parallel; innovation numbers are given in member order afterwards, so results do not depend on the number of threads.
//!
//! *Needs*: one objective.

use crate::{
    graph::{Graph, GraphGenes},
    innovation::{Innovations, Memory},
    presets::Preset,
    settings::settings,
    species::{Speciation, SpeciationSettings, Species, SpeciesSet},
    variation::{
        Crossover, CrossoverSettings, Distance, DistanceSettings, Mutation, MutationSettings, Proposal,
        apply, cross, first, mutate,
    },
};
use evolvent_core::{
    Algorithm, Auto, Batch, Candidate, Diagnostics, Genome, Lineage, Outcome, Scores, Space, Start,
    StopReason, Stream, Violations,
};
use evolvent_math::par;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How fitness is shared inside a species.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sharing {
    /// `raw` where fitness is exact, else `ranks`.
    #[default]
    Adaptive,
    /// The fitness itself, moved up if some of it is negative (equation 2).
    Raw,
    /// Fitness scaled to [0, 1] over the population (neat-python).
    Normalised,
    /// The rank in the population, in (0, 1]: the same for every monotone change of fitness.
    Ranks,
}

settings! {
    /// Who has offspring, and how many.
    pub struct Reproduction / ReproductionSettings {
        /// How fitness is shared.
        sharing: Sharing,
        /// Share of each species that may be parents, in (0, 1].
        survival: f64,
        /// The champion of a species is copied unchanged if the species gets more offspring than this.
        champion_above: usize,
        /// How many champions are copied then; at least 1 where `champion_above` is to have an effect.
        elites: usize,
        /// Children made by mutation alone, in [0, 1].
        mutate_only: f64,
        /// Children of two parents that are not mutated afterwards, in [0, 1].
        mate_only: f64,
        /// Matings with a partner of another species, in [0, 1].
        interspecies: f64,
        /// Generations without progress after which a species counts as stagnant; 0 for never.
        stagnation: u64,
        /// Factor on the shared fitness of such species, in [0, 1]. It cancels out where all species stand still.
        stagnation_factor: f64,
        /// How many of the best species are exempt from it.
        exempt: usize,
        /// Generations without progress of the whole population after which only the two best species have offspring; 0 for never.
        refocus: u64,
        /// Factor on the shared fitness of species younger than `young_age`. Above 0.
        young_boost: f64,
        /// In generations.
        young_age: u64,
        /// Factor on the shared fitness of species of at least `old_age`. Above 0.
        old_penalty: f64,
        /// In generations; 0 for never.
        old_age: u64,
    }
}

impl Reproduction {
    fn check(&self) -> Result<(), Violations> {
        let mut v = Violations::new();
        v.require(
            self.survival > 0.0 && self.survival <= 1.0,
            "survival",
            self.survival,
            "a share in (0, 1]",
        );
        v.probability("stagnation_factor", self.stagnation_factor);
        v.probability("mutate_only", self.mutate_only);
        v.probability("mate_only", self.mate_only);
        v.probability("interspecies", self.interspecies);
        v.positive("young_boost", self.young_boost);
        v.positive("old_penalty", self.old_penalty);
        v.into_result()
    }
}

settings! {
    /// Phased search (Green 2004): above a ceiling of complexity, a phase of pruning.
    pub struct Complexity / ComplexitySettings {
        /// Mean number of connection genes above which genomes are pruned: this many more than at the end of the last pruning.
        /// 0 for no ceiling.
        ceiling: f64,
        /// Least number of generations of a pruning phase; it ends when the mean no longer falls.
        pruning: u64,
        /// Probability of removing a connection, per child, while pruning; in [0, 1].
        prune_connection: f64,
        /// Probability of removing a hidden node, per child, while pruning; in [0, 1].
        prune_node: f64,
    }
}

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

/// The hyperparameters of NEAT.
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

/// Growing, or pruning since a generation, with the least mean complexity seen meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum Phase {
    Growing,
    Pruning { since: u64, least: f64, lowered: u64 },
}

/// All that changes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NeatState {
    genes: GraphGenes,
    /// Given genomes that the first generation begins with.
    seeds: Vec<Graph>,
    /// The last evaluated generation; empty before the first.
    population: Vec<Graph>,
    ids: Vec<u64>,
    /// What the population shares; larger is better.
    merit: Vec<f64>,
    set: SpeciesSet,
    innovations: Innovations,
    generation: u64,
    next_id: u64,
    /// Best genome of the run where fitness is exact, else of the last generation.
    best: Option<Candidate<Graph>>,
    /// Generation in which the whole population last made progress, and the merit it reached.
    progress: (u64, f64),
    phase: Phase,
    ceiling: f64,
    exact: bool,
    extinctions: u64,
    extinct: bool,
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
        v.non_negative("complexity.ceiling", rules.complexity.ceiling);
        v.probability("complexity.prune_connection", rules.complexity.prune_connection);
        v.probability("complexity.prune_node", rules.complexity.prune_node);
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
            phase: Phase::Growing,
            ceiling: 0.0,
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
        rank_species(s, scores, &merit);
        share_offspring(self, s, &rules.reproduction, &merit);
        regulate(s, &rules.complexity);
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
        let n = s.population.len().max(1) as f64;
        let mean = |f: fn(&Graph) -> usize| s.population.iter().map(|g| f(g) as f64).sum::<f64>() / n;
        out.add("species", s.set.species.len() as f64);
        out.add("compatibility_threshold", s.set.threshold);
        out.add("mean_connections", mean(Graph::expressed));
        out.add("mean_hidden_nodes", mean(|g| g.structure.hidden()));
        let best = |f: fn(&Graph) -> usize| s.best.as_ref().map_or(0.0, |b| f(&b.genome) as f64);
        out.add("best_connections", best(Graph::expressed));
        out.add("best_hidden_nodes", best(|g| g.structure.hidden()));
        out.add("innovations", f64::from(s.innovations.given()));
        out.add("pruning", f64::from(u8::from(s.phase != Phase::Growing)));
        let largest = s.set.species.iter().map(|species| species.members.len()).max().unwrap_or(0);
        out.add("largest_species", largest as f64);
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
    let growing = s.phase == Phase::Growing;
    if !growing {
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
        child(&rules, state, growing, species, place, &mut rng.split(i as u64).stream())
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

struct Child {
    graph: Graph,
    proposals: [Option<Proposal>; 2],
    lineage: Lineage,
}

/// One child of a species (sections 3.2 and 4.1).
fn child(
    rules: &Rules,
    s: &NeatState,
    growing: bool,
    species: usize,
    place: usize,
    rng: &mut Stream,
) -> Child {
    let r = &rules.reproduction;
    let own = &s.set.species[species];
    let id = |parent: u32| Some(s.ids[parent as usize]);
    let genome = |parent: u32| &s.population[parent as usize];
    if own.quota as usize > r.champion_above && place < r.elites.min(own.members.len()) {
        let champion = own.members[place];
        let lineage = Lineage { operator: operator::ELITE, parents: [id(champion), None], id: 0 };
        return Child { graph: genome(champion).clone(), proposals: [None; 2], lineage };
    }
    let parents = |species: &Species| ((species.members.len() as f64 * r.survival).ceil() as usize).max(1);
    let a = own.members[rng.below(parents(own))];
    // While pruning there is no mating, which would put genes back (Green 2004).
    if !growing || own.members.len() < 2 && r.interspecies == 0.0 || rng.chance(r.mutate_only) {
        let mut graph = genome(a).clone();
        let proposals = mutate(&s.genes, &rules.mutation, growing, &mut graph, rng);
        let operator = operator::MUTATION + added(&proposals);
        return Child { graph, proposals, lineage: Lineage { operator, parents: [id(a), None], id: 0 } };
    }
    let other = if s.set.species.len() > 1 && rng.chance(r.interspecies) {
        let k = rng.below(s.set.species.len() - 1);
        &s.set.species[k + usize::from(k >= species)]
    } else {
        own
    };
    // Another species is represented by its champion.
    let b = if std::ptr::eq(other, own) { own.members[rng.below(parents(own))] } else { other.members[0] };
    let (fitter, weaker) = if ranked_before(s, a, b) { (a, b) } else { (b, a) };
    let mut graph = cross(&rules.crossover, genome(fitter), genome(weaker), rng);
    let mut proposals = [None; 2];
    let mut operator = operator::CROSSOVER;
    if a == b || !rng.chance(r.mate_only) {
        proposals = mutate(&s.genes, &rules.mutation, growing, &mut graph, rng);
        operator = operator::CROSSOVER_MUTATION + added(&proposals);
    }
    Child { graph, proposals, lineage: Lineage { operator, parents: [id(fitter), id(weaker)], id: 0 } }
}

fn added(proposals: &[Option<Proposal>; 2]) -> u8 {
    u8::from(proposals[0].is_some()) * operator::ADDED_NODE
        + u8::from(proposals[1].is_some()) * operator::ADDED_CONNECTION
}

/// Whether `a` passes on its structure: the fitter, of equals the one with fewer genes.
fn ranked_before(s: &NeatState, a: u32, b: u32) -> bool {
    let genes = |i: u32| s.population[i as usize].structure.connections();
    let merit = |i: u32| s.merit[i as usize];
    merit(b).total_cmp(&merit(a)).then(genes(a).cmp(&genes(b))).then(a.cmp(&b)).is_le()
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

/// What is shared: larger is better, never negative.
fn merits(sharing: Sharing, exact: bool, scores: &Scores) -> Vec<f64> {
    let n = scores.len();
    let sharing = match sharing {
        Sharing::Adaptive if exact => Sharing::Raw,
        Sharing::Adaptive => Sharing::Ranks,
        other => other,
    };
    if sharing == Sharing::Ranks {
        let order = scores.order();
        let mut merit = vec![0.0; n];
        let mut begin = 0;
        while begin < n {
            // equals share the mean of their ranks
            let equal = |&k: &usize| scores.compare(order[begin], order[k]).is_eq();
            let end = (begin..n).take_while(equal).last().unwrap_or(begin) + 1;
            let rank = (begin + end - 1) as f64 / 2.0;
            order[begin..end].iter().for_each(|&i| merit[i] = (n as f64 - rank) / n as f64);
            begin = end;
        }
        return merit;
    }
    let losses = scores.finite().unwrap_or_else(|| vec![0.0; n]);
    let best = losses.iter().copied().fold(f64::INFINITY, f64::min);
    let worst = losses.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    match sharing {
        Sharing::Normalised => {
            let range = (worst - best).max(1.0);
            losses.iter().map(|l| (worst - l) / range).collect()
        }
        _ => {
            let lift = worst.max(0.0);
            losses.iter().map(|l| lift - l).collect()
        }
    }
}

/// Sorts each species and notes progress. Where rounds cannot be compared, progress is that of the shares.
fn rank_species(s: &mut NeatState, scores: &Scores, merit: &[f64]) {
    let generation = s.generation;
    let exact = s.exact;
    let mut top = f64::NEG_INFINITY;
    for species in &mut s.set.species {
        let population = &s.population;
        let size = |i: u32| population[i as usize].structure.connections();
        species.members.sort_by(|&a, &b| {
            scores.compare(a as usize, b as usize).then(size(a).cmp(&size(b))).then(a.cmp(&b))
        });
        let champion = species.members[0] as usize;
        let mean =
            species.members.iter().map(|&i| merit[i as usize]).sum::<f64>() / species.members.len() as f64;
        let value = match (exact, scores.failed[champion]) {
            (true, false) => -scores.value(champion),
            (true, true) => f64::MIN,
            (false, _) => mean,
        };
        top = top.max(value);
        if value > species.best {
            (species.best, species.improved) = (value, generation);
        }
    }
    // Ranks always have a top, so without comparable rounds the population as a whole cannot be seen to stand still.
    if !exact || top > s.progress.1 {
        s.progress = (generation, top);
    }
    s.merit = merit.to_vec();
}

/// Explicit fitness sharing: a species' offspring are in proportion to the sum of its adjusted fitnesses (equation 2).
fn share_offspring(neat: &Neat, s: &mut NeatState, r: &Reproduction, merit: &[f64]) {
    let generation = s.generation;
    let mut by_best: Vec<usize> = (0..s.set.species.len()).collect();
    let champion = |k: usize| merit[s.set.species[k].members[0] as usize];
    by_best.sort_by(|&a, &b| champion(b).total_cmp(&champion(a)).then(a.cmp(&b)));
    let refocus = r.refocus > 0 && generation - s.progress.0 > r.refocus;
    let mut shares = vec![0.0; s.set.species.len()];
    for (rank, &k) in by_best.iter().enumerate() {
        let species = &s.set.species[k];
        let stagnant = r.stagnation > 0 && generation - species.improved > r.stagnation;
        let age = generation - species.born;
        let mut factor = 1.0;
        if stagnant && rank >= r.exempt && !refocus {
            factor *= r.stagnation_factor;
        }
        if refocus && rank >= 2 {
            factor = 0.0;
        }
        if age < r.young_age {
            factor *= r.young_boost;
        }
        if r.old_age > 0 && age >= r.old_age {
            factor *= r.old_penalty;
        }
        let sum: f64 = species.members.iter().map(|&i| merit[i as usize]).sum();
        // While everyone is equally bad the shares are equal, not nothing.
        shares[k] = factor * (sum / species.members.len() as f64).max(f64::MIN_POSITIVE);
    }
    if refocus {
        // The two that are left begin anew.
        s.progress.0 = generation;
        by_best.iter().take(2).for_each(|&k| s.set.species[k].improved = generation);
    }
    let quotas = apportion(&shares, neat.population_size);
    for (species, quota) in s.set.species.iter_mut().zip(quotas) {
        species.quota = quota;
    }
    if s.set.species.iter().all(|species| species.quota == 0) {
        s.extinctions += 1;
        s.extinct = !neat.reset_on_extinction;
        s.population.clear();
        s.set = SpeciesSet::new(&neat.rules().speciation);
    }
}

/// Largest remainders: whole numbers in proportion to the shares that sum to `total`.
fn apportion(shares: &[f64], total: usize) -> Vec<u32> {
    let sum: f64 = shares.iter().sum();
    if sum <= 0.0 || sum.is_nan() {
        return vec![0; shares.len()];
    }
    let exact: Vec<f64> = shares.iter().map(|s| s / sum * total as f64).collect();
    let mut quotas: Vec<u32> = exact.iter().map(|e| e.floor() as u32).collect();
    let mut order: Vec<usize> = (0..shares.len()).filter(|&k| shares[k] > 0.0).collect();
    order.sort_by(|&a, &b| exact[b].fract().total_cmp(&exact[a].fract()).then(a.cmp(&b)));
    let mut missing = total - quotas.iter().sum::<u32>() as usize;
    for &k in order.iter().cycle() {
        if missing == 0 {
            break;
        }
        quotas[k] += 1;
        missing -= 1;
    }
    quotas
}

/// Growing or pruning (Green 2004).
fn regulate(s: &mut NeatState, c: &Complexity) {
    if c.ceiling <= 0.0 || s.population.is_empty() {
        return;
    }
    let mean = s.population.iter().map(|g| g.structure.connections() as f64).sum::<f64>()
        / s.population.len() as f64;
    if s.ceiling == 0.0 {
        s.ceiling = mean + c.ceiling;
    }
    match &mut s.phase {
        Phase::Growing if mean > s.ceiling => {
            s.phase = Phase::Pruning { since: s.generation, least: mean, lowered: s.generation };
        }
        Phase::Growing => {}
        Phase::Pruning { since, least, lowered } => {
            if mean < *least {
                (*least, *lowered) = (mean, s.generation);
            }
            if s.generation - *since >= c.pruning && s.generation > *lowered {
                s.ceiling = mean + c.ceiling;
                s.phase = Phase::Growing;
            }
        }
    }
}
