//! Asynchronous search: candidates one at a time, several in flight.

use crate::{
    Batch, Evaluation, Genome, Measuring, Outcome, Purpose, Round, RunKey, Scores, Space, Stream, Violations,
    stream,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::collections::VecDeque;

/// Progress inside one evaluation, for early stopping.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// How far it is, as a share of the full effort.
    pub fidelity: f64,
    /// The loss so far.
    pub loss: f64,
}

/// What to do with an evaluation that reported progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Go on.
    Continue,
    /// Give it up.
    Stop,
}

/// A search that hands out candidates one by one and takes results as they come: hyperparameters, aging evolution,
/// population-based training.
pub trait Asynchronous:
    Clone + std::fmt::Debug + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// `snake_case` name.
    const NAME: &'static str;
    /// What it evolves.
    type Genome: Genome;
    /// All that changes.
    type State: Serialize + DeserializeOwned + Send + 'static;

    /// How many candidates may be in flight: a hyperparameter, never the thread count.
    fn in_flight(&self) -> usize;
    /// Checks everything and begins.
    fn init(&self, space: &Space<Self::Genome>, rng: &mut Stream) -> Result<Self::State, Violations>;
    /// The candidate with this id, or `None` if results must come in first.
    fn ask(&self, state: &mut Self::State, id: u64, rng: &mut Stream) -> Option<Self::Genome>;
    /// Whether an evaluation shall go on.
    fn report(&self, _state: &mut Self::State, _id: u64, _progress: Progress) -> Verdict {
        Verdict::Continue
    }
    /// Takes the settled result of a candidate (a batch of one). May hand the next call other candidates.
    fn tell(&self, state: &mut Self::State, id: u64, genome: Self::Genome, scores: &Scores, rng: &mut Stream);
    /// What it has found.
    fn outcome(&self, state: &Self::State) -> Outcome<Self::Genome>;
}

/// An asynchronous search in motion, results applied in ask order: bits depend on `in_flight` alone. It can be saved
/// at any time; candidates in flight are issued again with the same id and streams.
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Ordered<A: Asynchronous> {
    /// The search.
    pub search: A,
    /// Its state.
    pub state: A::State,
    /// Candidates asked for and not yet told.
    pub flying: VecDeque<(u64, A::Genome)>,
    /// The next id; it is also the round of the candidate's streams.
    pub next: u64,
    /// Evaluations told.
    pub evaluations: u64,
    key: RunKey,
}

impl<A: Asynchronous> Ordered<A> {
    /// Begins.
    pub fn start(search: A, space: &Space<A::Genome>, key: RunKey) -> Result<Self, Violations> {
        let state = search.init(space, &mut stream(key, 0, 0, 0, Purpose::Init))?;
        Ok(Ordered { search, state, flying: VecDeque::new(), next: 0, evaluations: 0, key })
    }

    /// Fills the free places.
    pub fn issue(&mut self) {
        while self.flying.len() < self.search.in_flight().max(1) {
            let id = self.next;
            let Some(genome) =
                self.search.ask(&mut self.state, id, &mut stream(self.key, id, 0, 0, Purpose::Ask))
            else {
                break;
            };
            self.next += 1;
            self.flying.push_back((id, genome));
        }
    }

    /// Issues, evaluates all that is in flight as one batch, and applies the oldest result: what `in_flight` workers
    /// do, with the same bits. Returns the evaluation that was applied.
    ///
    /// Results already computed are not computed again: `ready` keeps them between calls.
    pub fn step(
        &mut self,
        evaluator: &mut dyn Measuring<A::Genome>,
        ready: &mut VecDeque<Evaluation>,
    ) -> Option<Evaluation> {
        self.issue();
        while ready.len() < self.flying.len() {
            let (id, genome) = &self.flying[ready.len()];
            let mut batch = Batch::of(vec![genome.clone()]);
            ready.extend(evaluator.measure(&mut batch, &Round::train(self.key, *id), false));
        }
        let (id, genome) = self.flying.pop_front()?;
        let mut evaluation = [ready.pop_front()?];
        let context = evaluator.context(&Round::train(self.key, id));
        let scores = Scores::settle(&mut evaluation, &evaluator.space().senses, context);
        self.search.tell(
            &mut self.state,
            id,
            genome,
            &scores,
            &mut stream(self.key, id, 0, 0, Purpose::Tell),
        );
        self.evaluations += 1;
        let [evaluation] = evaluation;
        Some(evaluation)
    }
}
