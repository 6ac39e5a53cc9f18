//! Evaluators work on sub-batches, never one by one.

use crate::{Batch, Evaluation, Genome, Purpose, RunKey, Space, Stream, StreamKey, stream_key};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::ops::Range;

/// What an evaluation is for. Each phase draws from streams of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Scores for the algorithm.
    #[default]
    Train,
    /// Fresh episodes or the validation part: decides which genome is the best of the run.
    Validate,
    /// Fresh episodes or the test part: what is reported, never what is chosen by.
    Test,
}

/// One round of evaluations.
#[derive(Clone, Copy, Debug)]
pub struct Round {
    /// The run's key.
    pub key: RunKey,
    /// The round's number; it never repeats in a run.
    pub number: u64,
    /// What it is for.
    pub phase: Phase,
    /// Repetitions (episodes) per member; `None` for the task's own number.
    pub repetitions: Option<u32>,
}

impl Round {
    /// A training round.
    pub fn train(key: RunKey, number: u64) -> Self {
        Round { key, number, phase: Phase::Train, repetitions: None }
    }

    /// The address of a stream for one member of a batch: `stream` is its entry in [`Batch::streams`], `replicate`
    /// counts its repetitions in this round.
    pub fn stream_key(&self, stream: u64, replicate: u64, purpose: Purpose) -> StreamKey {
        let phase = match self.phase {
            Phase::Train => 0,
            Phase::Validate => 1 << 62,
            Phase::Test => 2 << 62,
        };
        stream_key(self.key, self.number, stream, replicate | phase, purpose)
    }

    /// The stream at [`Round::stream_key`].
    pub fn stream(&self, stream: u64, replicate: u64, purpose: Purpose) -> Stream {
        self.stream_key(stream, replicate, purpose).stream()
    }
}

/// What comes of evaluating one member.
#[derive(Clone, Debug)]
pub struct Evaluated<G, O> {
    /// The numbers.
    pub evaluation: Evaluation,
    /// What the evaluation learned; given to [`Evaluator::absorb`].
    pub observed: O,
    /// The genome as the evaluation changed it (Lamarckian training), if it did.
    pub genome: Option<G>,
}

impl<G, O: Default> From<Evaluation> for Evaluated<G, O> {
    fn from(evaluation: Evaluation) -> Self {
        Evaluated { evaluation, observed: O::default(), genome: None }
    }
}

/// What an evaluator can deliver beside objectives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offers {
    /// Gradients of the objective.
    pub gradients: bool,
    /// Sensitivities of outputs to genes.
    pub sensitivities: bool,
    /// Changed genomes (Lamarckian).
    pub rewrites: bool,
}

/// Measures genomes: a task, a pool of processes, Python, later a GPU.
pub trait Evaluator<G: Genome>: Send + Sync {
    /// What evaluation learns for later rounds (observation statistics, curriculum, opponents). Frozen during a round.
    type State: Clone + Serialize + DeserializeOwned + Send + Sync + 'static;
    /// What one evaluation adds to it.
    type Observed: Send;

    /// The space that algorithms search.
    fn space(&self) -> Space<G>;

    /// What it can deliver beside objectives.
    fn offers(&self) -> Offers {
        Offers::default()
    }

    /// The state before the first round.
    fn initial_state(&self) -> Self::State;

    /// The context of a round's scores: equal contexts are comparable.
    fn context(&self, round: &Round) -> u64 {
        if self.space().fitness.comparable_across_rounds() { 0 } else { round.number + 1 }
    }

    /// Evaluates the members in `members`, in order; one result each. A pure function of its arguments, for any split
    /// of a batch.
    fn evaluate(
        &self,
        state: &Self::State,
        batch: &Batch<G>,
        members: Range<usize>,
        round: &Round,
    ) -> Vec<Evaluated<G, Self::Observed>>;

    /// Takes in what a training round observed, in member order.
    fn absorb(&self, _state: &mut Self::State, _observed: Vec<Self::Observed>) {}
}
