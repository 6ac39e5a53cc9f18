//! Species, shares and what becomes of a population that stands still.

use crate::twin::{grown, rng};
use crate::{
    GraphDecoder, Neat, NeatState,
    distance::{Distance, distance},
    graph::Graph,
    presets::Preset,
    reproduction::{Reproduction, share_offspring},
    species::{Method, Representative, Speciation, Species, SpeciesSet},
};
use evolvent_core::{
    Algorithm, Auto, Decoder, Evaluation, Fitness, Interface, Output, Purpose, RunKey, Scores, Sense, Space,
    Start, StopReason, stream,
};

fn space() -> Space<Graph> {
    let interface = Interface { input: vec![3], output: Output::Values(1) };
    let mut space = Space::new(GraphDecoder::default().genes(&interface));
    space.senses = vec![Sense::Maximize];
    space
}

/// A run under a fitness that knows the genome.
struct Run {
    neat: Neat,
    state: NeatState,
    round: u64,
}

impl Run {
    fn new(neat: Neat) -> Self {
        let state = neat.init(&space(), &Start::Default, &mut rng(0)).unwrap();
        Run { neat, state, round: 0 }
    }

    fn step(&mut self, fitness: impl Fn(&Graph) -> f64) -> Vec<Graph> {
        let key = RunKey::from_seed(7);
        let batch = self.neat.ask(&mut self.state, &mut stream(key, self.round, 0, 0, Purpose::Ask));
        let mut results: Vec<Evaluation> = batch.members.iter().map(|g| Evaluation::of(fitness(g))).collect();
        let scores = Scores::settle(&mut results, &space().senses, 0);
        let mut rng = stream(key, self.round, 0, 0, Purpose::Tell);
        self.neat.tell(&mut self.state, &batch, &scores, &mut rng);
        self.round += 1;
        batch.members
    }
}

/// Nobody improves and stagnant species have no offspring.
fn doomed(reset_on_extinction: bool) -> Neat {
    let mut neat =
        Neat { population_size: 20, preset: Preset::Canonical, reset_on_extinction, ..Neat::default() };
    neat.reproduction.stagnation = Auto::Value(4);
    neat.reproduction.stagnation_factor = Auto::Value(0.0);
    neat.reproduction.refocus = Auto::Value(0);
    neat.mutation.weights = Auto::Value(0.0);
    neat.mutation.add_node = Auto::Value(0.0);
    neat.mutation.add_connection = Auto::Value(0.0);
    neat
}

#[test]
fn a_population_that_dies_out_begins_anew() {
    let mut run = Run::new(doomed(true));
    let first = run.step(|_| 1.0);
    for _ in 0..5 {
        assert_eq!(run.state.species(), 1);
        run.step(|_| 1.0);
    }
    assert_eq!((run.state.species(), run.neat.stopped(&run.state)), (0, None));
    let second = run.step(|_| 1.0);
    assert_eq!(second.len(), first.len());
    assert!(second.iter().all(|g| g.structure.hidden() == 0 && !first.contains(g)));
    assert_eq!(run.state.species(), 1);
}

#[test]
fn nobody_is_stagnant_where_generations_cannot_be_compared() {
    let space = Space { fitness: Fitness::Changing, ..space() };
    let mut run = Run::new(doomed(false));
    run.state = run.neat.init(&space, &Start::Default, &mut rng(0)).unwrap();
    (0..12).for_each(|round| drop(run.step(|_| -f64::from(round))));
    assert_eq!((run.state.species(), run.neat.stopped(&run.state)), (1, None));
}

#[test]
fn or_the_run_ends_if_that_is_wished() {
    let mut run = Run::new(doomed(false));
    (0..6).for_each(|_| drop(run.step(|_| 1.0)));
    assert_eq!(run.neat.stopped(&run.state), Some(StopReason::Extinct));
}

#[test]
fn a_population_that_fails_as_a_whole_breeds_on() {
    let mut run = Run::new(Neat { population_size: 20, ..Neat::default() });
    for round in 0..60 {
        let members = run.step(|g| if round % 3 == 0 { f64::NAN } else { f64::from(g.values[0]) });
        assert_eq!(members.len(), 20);
        assert!(members.iter().all(|g| g.check().is_ok()));
    }
}

#[test]
fn pruning_brings_genomes_below_the_ceiling_again() {
    let mut neat = Neat { population_size: 40, ..Neat::default() };
    neat.mutation.add_connection = Auto::Value(0.5);
    neat.mutation.add_node = Auto::Value(0.5);
    neat.complexity.ceiling = Auto::Value(10.0);
    let mut run = Run::new(neat);
    let sizes: Vec<usize> = (0..60)
        .map(|_| {
            let members = run.step(|g| f64::from(g.values[0]));
            members.iter().map(|g| g.structure.connections()).sum::<usize>() / 40
        })
        .collect();
    // Between two prunings the mean grows by 10 and the overshoot of one generation; it ends where it no longer falls.
    let (most, fallen) = (sizes.iter().max().unwrap(), sizes.windows(2).filter(|w| w[1] < w[0]).count());
    assert!(*most < 40 && fallen >= 5, "{sizes:?}");
    let mut free = run.neat.clone();
    free.complexity.ceiling = Auto::Value(0.0);
    let mut run = Run::new(free);
    let last = (0..60).map(|_| run.step(|g| f64::from(g.values[0]))).last().unwrap();
    assert!(last.iter().map(|g| g.structure.connections()).sum::<usize>() / 40 > 60);
}

fn species(id: u32, born: u64, improved: u64, members: std::ops::Range<u32>) -> Species {
    let representative = sample();
    Species { id, born, improved, best: 0.0, representative, members: members.collect(), quota: 0 }
}

fn sample() -> Graph {
    crate::variation::first(&space().genes, &mut rng(1))
}

/// Quotas of four species of 10 in generation 30: the first stagnant and old, the second old, the third young, and one
/// between; all members of one species have the same fitness.
fn quotas(change: impl Fn(&mut Reproduction), fitness: [f64; 4]) -> Vec<u32> {
    let mut run = Run::new(Neat { population_size: 40, preset: Preset::Canonical, ..Neat::default() });
    let mut rules = run.neat.rules().reproduction;
    (rules.stagnation_factor, rules.refocus) = (1.0, 0);
    change(&mut rules);
    let s = &mut run.state;
    (s.generation, s.progress) = (30, (5, 9.0));
    s.set.species = vec![
        species(0, 0, 10, 0..10),
        species(1, 0, 29, 10..20),
        species(2, 28, 28, 20..30),
        species(3, 15, 25, 30..40),
    ];
    let merit: Vec<f64> = (0..40).map(|i| fitness[i / 10]).collect();
    share_offspring(s, &rules, &merit, 40);
    s.set.species.iter().map(|species| species.quota).collect()
}

#[test]
fn shares_follow_fitness_age_and_stagnation() {
    let equal = [2.0; 4];
    assert_eq!(quotas(|_| (), equal), [10, 10, 10, 10]);
    assert_eq!(quotas(|_| (), [1.0, 2.0, 2.0, 3.0]), [5, 10, 10, 15]);
    assert_eq!(quotas(|_| (), [0.0; 4]), [10, 10, 10, 10]);
    // 1 : 1 : 2 : 1 and 1 : 1 : 2 : 2
    assert_eq!(quotas(|r| (r.young_boost, r.young_age) = (2.0, 10), equal), [8, 8, 16, 8]);
    assert_eq!(quotas(|r| (r.old_penalty, r.old_age) = (0.5, 20), equal), [7, 7, 13, 13]);
    assert_eq!(quotas(|r| r.stagnation_factor = 0.0, equal), [0, 14, 13, 13]);
    // The best are exempt.
    let exempt = |r: &mut Reproduction| (r.stagnation_factor, r.exempt) = (0.0, 1);
    assert_eq!(quotas(exempt, [2.0, 1.0, 1.0, 1.0]), [16, 8, 8, 8]);
    assert_eq!(quotas(exempt, [1.0, 2.0, 1.0, 1.0]), [0, 20, 10, 10]);
    // Refocusing leaves two, or those that equal the second; stagnation does not count then.
    let refocus = |r: &mut Reproduction| (r.stagnation_factor, r.refocus) = (0.0, 20);
    assert_eq!(quotas(refocus, [3.0, 1.0, 2.0, 1.0]), [24, 0, 16, 0]);
    assert_eq!(quotas(refocus, [3.0, 1.0, 1.0, 1.0]), [20, 7, 7, 6]);
}

fn population(n: u64) -> Vec<Graph> {
    let mut innovations = crate::innovation::Innovations::default();
    (0..n).map(|seed| grown(&space().genes, seed, (seed % 7) as usize, &mut innovations)).collect()
}

#[test]
fn species_are_those_of_one_pass() {
    let (population, c) = (population(60), Distance::default());
    let settings = Speciation {
        method: Method::Threshold,
        threshold: 2.5,
        target: 0,
        step: 0.3,
        representative: Representative::Random,
    };
    let mut set = SpeciesSet::new(&settings);
    for generation in 0..3 {
        let mut slow: Vec<(Graph, Vec<u32>)> =
            set.species.iter().map(|s| (s.representative.clone(), Vec::new())).collect();
        for (graph, i) in population.iter().zip(0..) {
            match slow.iter_mut().find(|(r, _)| distance(&c, graph, r) < 2.5) {
                Some((_, members)) => members.push(i),
                None => slow.push((graph.clone(), vec![i])),
            }
        }
        slow.retain(|(_, members)| !members.is_empty());
        set.assign(&settings, &c, &population, generation, &mut rng(generation));
        let fast: Vec<&Vec<u32>> = set.species.iter().map(|s| &s.members).collect();
        assert_eq!(fast, slow.iter().map(|(_, members)| members).collect::<Vec<_>>());
        set.represent(&settings, &population, &mut rng(generation + 10));
        assert!(
            set.species.iter().all(|s| s.members.iter().any(|&i| population[i as usize] == s.representative))
        );
    }
    assert!(set.species.len() > 3);
    let champion = Speciation { representative: Representative::Champion, ..settings };
    set.represent(&champion, &population, &mut rng(0));
    assert!(set.species.iter().all(|s| population[s.members[0] as usize] == s.representative));
}

#[test]
fn the_threshold_moves_towards_the_target() {
    let (population, c) = (population(60), Distance::default());
    let settings = Speciation {
        method: Method::Threshold,
        threshold: 0.5,
        target: 6,
        step: 0.2,
        representative: Representative::Random,
    };
    let mut set = SpeciesSet::new(&settings);
    let mut counts = Vec::new();
    for generation in 0..60 {
        set.assign(&settings, &c, &population, generation, &mut rng(generation));
        set.represent(&settings, &population, &mut rng(generation + 100));
        counts.push(set.species.len());
    }
    assert!(counts[0] > 12, "{counts:?}");
    assert!(counts[50..].iter().all(|&n| (3..=10).contains(&n)), "{counts:?}");
}

#[test]
fn k_means_has_k_clusters_around_their_means() {
    let (population, c) = (population(60), Distance::default());
    let settings = Speciation {
        method: Method::KMeans,
        threshold: 3.0,
        target: 5,
        step: 0.3,
        representative: Representative::Random,
    };
    let mut set = SpeciesSet::new(&settings);
    set.assign(&settings, &c, &population, 1, &mut rng(1));
    assert!((2..=5).contains(&set.species.len()));
    let mut members: Vec<u32> = set.species.iter().flat_map(|s| s.members.iter().copied()).collect();
    members.sort_unstable();
    assert_eq!(members, (0..60).collect::<Vec<u32>>());
    // Genomes are nearer to those of their own cluster than to the others, on average.
    let of = |i: u32| set.species.iter().position(|s| s.members.contains(&i)).unwrap();
    let mut sums = [(0.0, 0u32); 2];
    for i in 0..60 {
        for j in 0..i {
            let sum = &mut sums[usize::from(of(i) == of(j))];
            *sum = (sum.0 + distance(&c, &population[i as usize], &population[j as usize]), sum.1 + 1);
        }
    }
    let [apart, together] = sums.map(|(sum, n)| sum / f64::from(n));
    assert!(together < apart, "{together} within, {apart} between");
}
