//! A function of whole genomes as a task: problems of one's own, in a few lines.

use crate::assessment::Assess;
use crate::member::{self, Owned};
use evolvent_core::{
    Batch, Evaluated, Evaluation, Evaluator, Genome, Purpose, Round, Space, Stream, Vector, VectorGenes,
};
use evolvent_math::par;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

type Measure<G> = Arc<dyn Fn(&G, &mut Stream) -> Evaluation + Send + Sync>;

/// Measures genomes of any kind by a function. Evaluates members in parallel on the current pool of threads.
///
/// ```
/// use evolvent_core::{Batch, Evaluation, Evaluator, Init, Round, RunKey, Vector, VectorGenes};
/// use evolvent_tasks::Direct;
///
/// let genes = VectorGenes::flat(3, Init::Normal { std: 1.0 }, None);
/// let task = Direct::vectors(genes, |x, _| Evaluation::of(x.0.iter().map(|x| x * x).sum()));
/// let batch = Batch::of(vec![Vector(vec![1.0, 2.0, 3.0])]);
/// let results = task.evaluate(&(), &batch, 0..1, &Round::train(RunKey::from_seed(1), 0));
/// assert_eq!(results[0].evaluation, Evaluation::of(14.0));
/// ```
#[derive(Clone)]
pub struct Direct<G: Genome> {
    space: Space<G>,
    measure: Measure<G>,
    owned: Owned<G>,
}

impl<G: Genome> fmt::Debug for Direct<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Direct").field("space", &self.space).finish_non_exhaustive()
    }
}

impl Direct<Vector> {
    /// Over vectors: one exact objective to minimise, unless [`Direct::within`] says otherwise. A function that uses
    /// chance draws from the stream that it is given.
    pub fn vectors(
        genes: VectorGenes,
        measure: impl Fn(&Vector, &mut Stream) -> Evaluation + Send + Sync + 'static,
    ) -> Self {
        Direct { space: Space::new(genes), measure: Arc::new(measure), owned: member::owned_vector }
    }
}

impl<G: Genome<Members = Vec<G>>> Direct<G> {
    /// Over genomes that batches hold as they are; see [`Direct::vectors`].
    pub fn genomes(
        genes: G::Genes,
        measure: impl Fn(&G, &mut Stream) -> Evaluation + Send + Sync + 'static,
    ) -> Self {
        Direct { space: Space::new(genes), measure: Arc::new(measure), owned: member::owned_genome }
    }
}

impl<G: Genome> Direct<G> {
    /// The same with other facts about its values: senses, constraints, descriptors, noise.
    pub fn within(mut self, change: impl FnOnce(&mut Space<G>)) -> Self {
        change(&mut self.space);
        self
    }
}

impl<G: Genome> Evaluator<G> for Direct<G> {
    type State = ();
    type Observed = ();

    fn space(&self) -> Space<G> {
        self.space.clone()
    }

    fn initial_state(&self) {}

    fn evaluate(
        &self,
        _state: &(),
        batch: &Batch<G>,
        members: Range<usize>,
        round: &Round,
    ) -> Vec<Evaluated<G, ()>> {
        par::map(members.len(), |i| {
            let i = members.start + i;
            let replicate = u64::from(batch.requests.get(i).map_or(0, |request| request.replicate));
            let mut draws = round.stream(batch.streams[i], replicate, Purpose::Problem);
            (self.measure)(&(self.owned)(&batch.members, i), &mut draws).into()
        })
    }
}

impl<G: Genome> Assess<G> for Direct<G> {}

#[cfg(test)]
mod tests {
    use super::*;
    use evolvent_core::{Fitness, RunKey, Sense};
    use serde::{Deserialize, Serialize};

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Word(String);

    impl Genome for Word {
        const KIND: &'static str = "word";
        type Genes = usize;
        type Members = Vec<Word>;
        type View = Word;
    }

    #[test]
    fn any_genome_and_streams_of_its_own() {
        let task =
            Direct::genomes(4, |word: &Word, draws| Evaluation::of(word.0.len() as f64 + draws.uniform()))
                .within(|space| (space.senses, space.fitness) = (vec![Sense::Maximize], Fitness::Noisy));
        assert_eq!((task.space().genes, task.space().fitness), (4, Fitness::Noisy));
        let batch = Batch::of(vec![Word("a".into()), Word("bcd".into()), Word("e".into())]);
        let round = Round::train(RunKey::from_seed(1), 0);
        let values = |batch: &Batch<Word>| -> Vec<f64> {
            let results = task.evaluate(&(), batch, 0..3, &round);
            results.into_iter().map(|r| r.evaluation.result.unwrap().objectives[0]).collect()
        };
        let own = values(&batch);
        assert!((3.0..4.0).contains(&own[1]) && own[0] != own[2]);
        assert_eq!(own, values(&batch));
        let mut shared = batch.clone();
        shared.share_random_numbers();
        assert_eq!(values(&shared)[0], values(&shared)[2]);
    }
}
