//! Aging evolution (regularised evolution), asynchronous, over any genome that can be varied.
//!
//! Real, Aggarwal, Huang & Le 2019, *Regularized evolution for image classifier architecture search*, algorithm 1: the
//! population is a queue. A child is a mutant of the best of S members drawn with replacement; it enters at one end, and
//! the oldest member leaves at the other, however good it is. What was lucky once in a noisy evaluation does not stay.
//!
//! It is an [`Asynchronous`] search: candidates are handed out one by one, `in_flight` at a time. As an [`Algorithm`] it
//! asks for `in_flight` members in each round and takes them in their order.
//!
//! *Differs from the paper:* failed candidates do not enter. Under a changing fitness only members of one round are compared:
//! a tournament is held within the round of its first member, so rounds of several members are needed there.
//!
//! Cost per evaluation: one mutation; memory for `population_size` genomes.
//!
//! Needs: one objective; takes constraints (feasible first) and genomes that the evaluator changed.

use crate::{merit::Merit, start};
use evolvent_core::{
    Algorithm, Asynchronous, Batch, Fitness, Genome, Lineage, Members, Needs, Outcome, Scores, Space, Start,
    Stream, Variation, Violations,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Aging evolution: tournaments for parents, and the oldest dies.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, bound = "")]
pub struct AgingEvolution<V: Variation> {
    /// P, length of the queue, at least 2. The default is the paper's.
    #[serde(alias = "popsize", alias = "pop_size")]
    pub population_size: usize,
    /// S, members in a tournament, at least 1. The default is the paper's.
    pub sample_size: usize,
    /// Candidates evaluated at a time, at least 1; at least 2 under a changing fitness. The paper used as many as it had
    /// machines; bits depend on this number, never on the number of threads.
    pub in_flight: usize,
    /// What sampling and mutation do; crossover is not used.
    pub variation: V,
}

impl<V: Variation> Default for AgingEvolution<V> {
    fn default() -> Self {
        AgingEvolution { population_size: 100, sample_size: 25, in_flight: 8, variation: V::default() }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "")]
struct Member<G: Genome> {
    genome: G,
    merit: Merit,
    id: u64,
    /// The round in which it was evaluated.
    cohort: u64,
}

/// State of [`AgingEvolution`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound(serialize = "L: Serialize", deserialize = "L: serde::de::DeserializeOwned"))]
pub struct AgingEvolutionState<G: Genome, L> {
    genes: G::Genes,
    fitness: Fitness,
    /// The oldest in front.
    queue: VecDeque<Member<G>>,
    /// Genomes that are asked before any is sampled; never without one before the first is told.
    founders: VecDeque<G>,
    /// The best ever under an exact fitness, else the best of the queue or of its last round.
    best: (G, Merit),
    next_id: u64,
    round: u64,
    ledger: L,
}

impl<V: Variation> AgingEvolution<V> {
    fn begin(
        &self,
        space: &Space<V::Genome>,
        start: &Start<V::Genome>,
        rng: &mut Stream,
    ) -> Result<AgingEvolutionState<V::Genome, V::Ledger>, Violations> {
        let mut v = Violations::new();
        v.at_least("population_size", self.population_size, 2);
        v.at_least("sample_size", self.sample_size, 1);
        v.at_least("in_flight", self.in_flight, if space.fitness == Fitness::Changing { 2 } else { 1 });
        v.absorb("variation", self.variation.check(&space.genes));
        v.0.extend(start::check(start, &space.genes).err().into_iter().flat_map(|v| v.0));
        v.into_result()?;
        let mut ledger = V::Ledger::default();
        let founders: VecDeque<_> = match start {
            Start::Default => [self.variation.sample(&space.genes, &mut ledger, rng)].into(),
            _ => start::population(
                &self.variation,
                &space.genes,
                start,
                self.population_size,
                &mut ledger,
                rng,
            )
            .into(),
        };
        Ok(AgingEvolutionState {
            genes: space.genes.clone(),
            fitness: space.fitness,
            queue: VecDeque::new(),
            best: (founders[0].clone(), Merit::NONE),
            founders,
            next_id: 0,
            round: 0,
            ledger,
        })
    }

    /// A founder while the queue is not full, then a mutant of a tournament's winner; with its parent's id.
    fn candidate(
        &self,
        state: &mut AgingEvolutionState<V::Genome, V::Ledger>,
        rng: &mut Stream,
    ) -> (V::Genome, Option<u64>) {
        if let Some(founder) = state.founders.pop_front() {
            return (founder, None);
        }
        if state.queue.len() < self.population_size {
            return (self.variation.sample(&state.genes, &mut state.ledger, rng), None);
        }
        let parent = &state.queue[self.tournament(state, rng)];
        let (mut child, id) = (parent.genome.clone(), parent.id);
        self.variation.mutate(&state.genes, &mut child, 1.0, &mut state.ledger, rng);
        (child, Some(id))
    }

    /// The best of S members drawn with replacement; under a changing fitness all from the round of the first.
    fn tournament(&self, state: &AgingEvolutionState<V::Genome, V::Ledger>, rng: &mut Stream) -> usize {
        let queue = &state.queue;
        let first = rng.below(queue.len());
        let (mut from, mut to) = (0, queue.len());
        if state.fitness == Fitness::Changing {
            let cohort = queue[first].cohort;
            from = queue.partition_point(|m| m.cohort < cohort);
            to = queue.partition_point(|m| m.cohort <= cohort);
        }
        (1..self.sample_size).fold(first, |winner, _| {
            let rival = from + rng.below(to - from);
            if queue[rival].merit.beats(&queue[winner].merit) { rival } else { winner }
        })
    }

    /// A told candidate enters, the oldest leaves.
    fn enter(
        &self,
        state: &mut AgingEvolutionState<V::Genome, V::Ledger>,
        genome: V::Genome,
        merit: Merit,
        id: u64,
    ) {
        if merit.failed {
            return;
        }
        state.queue.push_back(Member { genome, merit, id, cohort: state.round });
        if state.queue.len() > self.population_size {
            state.queue.pop_front();
        }
    }

    /// Brings the best up to date after `told` candidates have entered.
    fn appraise(&self, state: &mut AgingEvolutionState<V::Genome, V::Ledger>) {
        let round = state.round;
        let comparable = |m: &&Member<V::Genome>| match state.fitness {
            Fitness::Exact | Fitness::Noisy => true,
            Fitness::Changing => m.cohort == round,
        };
        let best = state.queue.iter().filter(comparable).min_by(|a, b| a.merit.compare(&b.merit));
        let Some(best) = best else { return };
        if state.fitness != Fitness::Exact || best.merit.beats(&state.best.1) {
            state.best = (best.genome.clone(), best.merit);
        }
    }
}

impl<V: Variation> Algorithm for AgingEvolution<V> {
    const NAME: &'static str = "aging_evolution";
    type Genome = V::Genome;
    type State = AgingEvolutionState<V::Genome, V::Ledger>;

    fn holds(&self, _: &Space<V::Genome>) -> f64 {
        self.population_size as f64 + self.in_flight as f64
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
        self.begin(space, start, rng)
    }

    fn ask(&self, state: &mut Self::State, rng: &mut Stream) -> Batch<V::Genome> {
        let (mut genomes, mut lineage) = (Vec::new(), Vec::new());
        for _ in 0..self.in_flight {
            let (genome, parent) = self.candidate(state, rng);
            lineage.push(Lineage {
                id: state.next_id,
                parents: [parent, None],
                operator: u8::from(parent.is_some()),
            });
            genomes.push(genome);
            state.next_id += 1;
        }
        let mut batch = Batch::of(genomes);
        batch.lineage = lineage;
        batch
    }

    fn tell(&self, state: &mut Self::State, batch: &Batch<V::Genome>, scores: &Scores, _: &mut Stream) {
        self.variation.next_generation(&mut state.ledger);
        state.round += 1;
        for i in 0..batch.len() {
            let id = batch.lineage.get(i).map_or(0, |l| l.id);
            if let Some(genome) = batch.members.owned(i) {
                self.enter(state, genome, Merit::of(scores, i), id);
            }
        }
        self.appraise(state);
    }

    fn outcome(&self, state: &Self::State) -> Outcome<V::Genome> {
        Outcome::Point(state.best.1.candidate(state.best.0.clone()))
    }

    fn rescaled(&self, _: &Space<V::Genome>, population: f64, _: f64) -> Option<Self> {
        let size = (self.population_size as f64 * population).round() as usize;
        Some(AgingEvolution { population_size: size.max(2), ..self.clone() })
    }
}

impl<V: Variation> Asynchronous for AgingEvolution<V> {
    const NAME: &'static str = "aging_evolution";
    type Genome = V::Genome;
    type State = AgingEvolutionState<V::Genome, V::Ledger>;

    fn in_flight(&self) -> usize {
        self.in_flight
    }

    fn init(&self, space: &Space<V::Genome>, rng: &mut Stream) -> Result<Self::State, Violations> {
        if space.fitness == Fitness::Changing {
            let hint = "run it as a generational algorithm, whose rounds hold several comparable members";
            let mut v = Violations::new();
            v.add_with_hint(
                "fitness",
                "changing",
                "values of different candidates that can be compared",
                hint,
            );
            return Err(v);
        }
        self.begin(space, &Start::Default, rng)
    }

    fn ask(&self, state: &mut Self::State, _: u64, rng: &mut Stream) -> Option<V::Genome> {
        Some(self.candidate(state, rng).0)
    }

    fn tell(&self, state: &mut Self::State, id: u64, genome: V::Genome, scores: &Scores, _: &mut Stream) {
        self.variation.next_generation(&mut state.ledger);
        state.round += 1;
        self.enter(state, genome, Merit::of(scores, 0), id);
        self.appraise(state);
    }

    fn outcome(&self, state: &Self::State) -> Outcome<V::Genome> {
        Algorithm::outcome(self, state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bits::{Bits, BitsGenes, BitsVariation};
    use evolvent_core::{
        Evaluated, Evaluation, Evaluator, Measurer, Ordered, Purpose, Round, RunKey, stream,
    };
    use std::ops::Range;

    type Search = AgingEvolution<BitsVariation>;

    #[derive(Clone)]
    struct OneMax;
    impl Evaluator<Bits> for OneMax {
        type State = ();
        type Observed = ();
        fn space(&self) -> Space<Bits> {
            Space::new(BitsGenes { length: 32 })
        }
        fn initial_state(&self) {}
        fn evaluate(
            &self,
            _: &(),
            batch: &Batch<Bits>,
            members: Range<usize>,
            _: &Round,
        ) -> Vec<Evaluated<Bits, ()>> {
            members.map(|i| Evaluation::of((32 - batch.members[i].count_ones()) as f64).into()).collect()
        }
    }

    fn search() -> Search {
        Search { population_size: 20, sample_size: 5, in_flight: 4, ..Search::default() }
    }

    #[test]
    fn the_oldest_leaves_however_good_it_is() {
        let search = Search { population_size: 3, in_flight: 1, ..search() };
        let mut rng = stream(RunKey::from_seed(1), 0, 0, 0, Purpose::Ask);
        let mut state = Algorithm::init(&search, &OneMax.space(), &Start::Default, &mut rng).unwrap();
        for loss in [0.0, 5.0, f64::NAN, 4.0, 3.0] {
            let batch = Algorithm::ask(&search, &mut state, &mut rng);
            Algorithm::tell(&search, &mut state, &batch, &Scores::of_losses(&[loss]), &mut rng);
        }
        let losses: Vec<_> = state.queue.iter().map(|m| m.merit.loss).collect();
        assert_eq!(losses, [5.0, 4.0, 3.0]);
        // Exact values: the best is remembered though it has left.
        assert_eq!(state.best.1.loss, 0.0);
    }

    #[test]
    fn solves_one_max_asynchronously() {
        let mut solved = 0;
        for seed in 0..10 {
            let mut search = Ordered::start(search(), &OneMax.space(), RunKey::from_seed(seed)).unwrap();
            let (mut measurer, mut ready) = (Measurer::new(OneMax), VecDeque::new());
            for _ in 0..1500 {
                search.step(&mut measurer, &mut ready).unwrap();
            }
            let outcome = Asynchronous::outcome(&search.search, &search.state);
            solved += usize::from(outcome.candidates()[0].losses == Some(vec![0.0]));
        }
        evolvent_test::assert_success_rate("asynchronous OneMax", solved, 10, 0.95, 1e-4);
    }

    #[test]
    fn candidates_in_flight_survive_a_checkpoint() {
        let key = RunKey::from_seed(3);
        let (mut measurer, mut ready) = (Measurer::new(OneMax), VecDeque::new());
        let mut whole = Ordered::start(search(), &OneMax.space(), key).unwrap();
        for _ in 0..50 {
            whole.step(&mut measurer, &mut ready);
        }
        let saved = evolvent_test::conformance::bits(&whole);
        let mut resumed: Ordered<Search> = evolvent_test::conformance::from_bits(&saved);
        let mut again = VecDeque::new();
        for _ in 0..50 {
            assert_eq!(whole.step(&mut measurer, &mut ready), resumed.step(&mut measurer, &mut again));
        }
        assert!(evolvent_test::conformance::bits(&whole) == evolvent_test::conformance::bits(&resumed));
    }

    #[test]
    fn a_changing_fitness_needs_rounds() {
        let space = Space { fitness: Fitness::Changing, ..OneMax.space() };
        let mut rng = stream(RunKey::from_seed(1), 0, 0, 0, Purpose::Init);
        assert!(Asynchronous::init(&search(), &space, &mut rng).is_err());
        let alone = Search { in_flight: 1, ..search() };
        assert_eq!(
            Algorithm::init(&alone, &space, &Start::Default, &mut rng).unwrap_err().0[0].path,
            "in_flight"
        );
    }
}
