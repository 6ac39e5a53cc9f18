//! Random search: the baseline that everything else must beat.
//!
//! Every member is drawn anew from the genes' own initialisers; the best is kept.
//!
//! *Differs from what one might expect:* where values of different rounds cannot be compared (noisy or changing fitness), the
//! best so far is evaluated again in each round, and stays only if it is still the best. A start given by the user is
//! evaluated in the first round.
//!
//! Cost per generation: `population_size` evaluations.
//!
//! Needs: one objective; takes constraints (feasible first) and genomes that the evaluator changed.

use crate::{merit::Merit, start};
use evolvent_core::{
    Algorithm, Batch, Genome, Members, Needs, Outcome, Scores, Space, Start, Stream, Variation, Violations,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Random search: fresh samples only; the baseline that others must beat.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, bound = "")]
pub struct RandomSearch<V: Variation> {
    /// Number of evaluations in a round, at least 1. It has no influence on what is found.
    #[serde(alias = "popsize", alias = "pop_size")]
    pub population_size: usize,
    /// What sampling does; mutation and crossover are not used.
    pub variation: V,
}

impl<V: Variation> Default for RandomSearch<V> {
    fn default() -> Self {
        RandomSearch { population_size: 64, variation: V::default() }
    }
}

/// State of [`RandomSearch`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound(serialize = "L: Serialize", deserialize = "L: serde::de::DeserializeOwned"))]
pub struct RandomSearchState<G: Genome, L> {
    genes: G::Genes,
    comparable: bool,
    best: (G, Merit),
    /// Genomes that the user gave and that were not evaluated yet.
    given: Vec<G>,
    ledger: L,
}

impl<V: Variation> Algorithm for RandomSearch<V> {
    const NAME: &'static str = "random_search";
    type Genome = V::Genome;
    type State = RandomSearchState<V::Genome, V::Ledger>;

    fn holds(&self, _: &Space<V::Genome>) -> f64 {
        self.population_size as f64
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
        let mut v = Violations::new();
        v.at_least("population_size", self.population_size, 1);
        v.absorb("variation", self.variation.check(&space.genes));
        v.0.extend(start::check(start, &space.genes).err().into_iter().flat_map(|v| v.0));
        v.into_result()?;
        let mut ledger = V::Ledger::default();
        let given = match start {
            Start::Default => vec![self.variation.sample(&space.genes, &mut ledger, rng)],
            Start::Point(point) => vec![point.clone()],
            Start::Population(all) => all.clone(),
        };
        Ok(RandomSearchState {
            genes: space.genes.clone(),
            comparable: space.fitness.comparable_across_rounds(),
            best: (given[0].clone(), Merit::NONE),
            given,
            ledger,
        })
    }

    fn ask(&self, state: &mut Self::State, rng: &mut Stream) -> Batch<V::Genome> {
        let mut genomes = std::mem::take(&mut state.given);
        if !state.comparable && !state.best.1.failed {
            genomes.push(state.best.0.clone());
        }
        // At least one new member, also in a round of one.
        let known = genomes.len();
        while genomes.len() < self.population_size.max(known.min(1) + 1) {
            genomes.push(self.variation.sample(&state.genes, &mut state.ledger, rng));
        }
        Batch::of(genomes)
    }

    fn tell(&self, state: &mut Self::State, batch: &Batch<V::Genome>, scores: &Scores, _: &mut Stream) {
        self.variation.next_generation(&mut state.ledger);
        let Some(i) = scores.best() else { return };
        let merit = Merit::of(scores, i);
        if (!state.comparable || merit.beats(&state.best.1))
            && let Some(genome) = batch.members.owned(i)
        {
            state.best = (genome, merit);
        }
    }

    fn outcome(&self, state: &Self::State) -> Outcome<V::Genome> {
        Outcome::Point(state.best.1.candidate(state.best.0.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bits::{BitsGenes, BitsVariation};
    use evolvent_core::{Fitness, Purpose, RunKey, stream};

    #[test]
    fn keeps_the_best_and_asks_it_again_where_values_cannot_be_compared() {
        for fitness in [Fitness::Exact, Fitness::Changing] {
            let search = RandomSearch::<BitsVariation> { population_size: 3, ..RandomSearch::default() };
            let mut rng = stream(RunKey::from_seed(1), 0, 0, 0, Purpose::Ask);
            let space = Space { fitness, ..Space::new(BitsGenes { length: 40 }) };
            let mut state = search.init(&space, &Start::Default, &mut rng).unwrap();
            let first = search.ask(&mut state, &mut rng);
            search.tell(&mut state, &first, &Scores::of_losses(&[5.0, 2.0, 3.0]), &mut rng);
            assert_eq!(state.best, (first.members[1].clone(), state.best.1));
            let second = search.ask(&mut state, &mut rng);
            assert_eq!(second.members.contains(&first.members[1]), fitness == Fitness::Changing);
            search.tell(&mut state, &second, &Scores::of_losses(&[9.0, 8.0, 7.0]), &mut rng);
            let loss = if fitness == Fitness::Exact { 2.0 } else { 7.0 };
            assert_eq!(state.best.1.loss, loss);
        }
    }
}
