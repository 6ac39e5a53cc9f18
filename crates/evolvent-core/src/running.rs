//! Erased algorithms and evaluators: what the registry, the runner and wrappers hold.

use crate::{
    Algorithm, Batch, Diagnostics, Evaluation, Evaluator, Genome, Needs, Offers, Outcome, Round, Scores,
    Space, Start, StopReason, Stream, Tree, TreeError, Violations,
};

/// An algorithm together with its state.
pub trait Running<G: Genome>: Send {
    /// See [`Algorithm::NAME`].
    fn name(&self) -> &'static str;
    /// See [`Algorithm::ask`].
    fn ask(&mut self, rng: &mut Stream) -> Batch<G>;
    /// See [`Algorithm::tell`].
    fn tell(&mut self, batch: &Batch<G>, scores: &Scores, rng: &mut Stream);
    /// See [`Algorithm::outcome`].
    fn outcome(&self) -> Outcome<G>;
    /// See [`Algorithm::stopped`].
    fn stopped(&self) -> Option<StopReason>;
    /// See [`Algorithm::diagnose`].
    fn diagnose(&self, out: &mut Diagnostics);
    /// See [`Algorithm::groups`].
    fn groups(&self) -> Vec<(u64, u64)>;
    /// The state, for a checkpoint.
    fn state(&self) -> Result<Tree, TreeError>;
    /// Puts back a state that [`Running::state`] gave.
    fn restore(&mut self, state: &Tree) -> Result<(), TreeError>;
}

struct Pair<A: Algorithm>(A, A::State);

impl<A: Algorithm> Running<A::Genome> for Pair<A> {
    fn name(&self) -> &'static str {
        A::NAME
    }
    fn ask(&mut self, rng: &mut Stream) -> Batch<A::Genome> {
        self.0.ask(&mut self.1, rng)
    }
    fn tell(&mut self, batch: &Batch<A::Genome>, scores: &Scores, rng: &mut Stream) {
        self.0.tell(&mut self.1, batch, scores, rng);
    }
    fn outcome(&self) -> Outcome<A::Genome> {
        self.0.outcome(&self.1)
    }
    fn stopped(&self) -> Option<StopReason> {
        self.0.stopped(&self.1)
    }
    fn diagnose(&self, out: &mut Diagnostics) {
        self.0.diagnose(&self.1, out);
    }
    fn groups(&self) -> Vec<(u64, u64)> {
        self.0.groups(&self.1)
    }
    fn state(&self) -> Result<Tree, TreeError> {
        Tree::of(&self.1)
    }
    fn restore(&mut self, state: &Tree) -> Result<(), TreeError> {
        self.1 = state.read()?;
        Ok(())
    }
}

/// An algorithm's hyperparameters, erased: what can be started.
pub trait Startable<G: Genome>: Send + Sync {
    /// See [`Algorithm::NAME`].
    fn name(&self) -> &'static str;
    /// See [`Algorithm::needs`].
    fn needs(&self) -> Needs;
    /// See [`Algorithm::operator`].
    fn operator(&self, code: u8) -> String;
    /// See [`Algorithm::holds`].
    fn holds(&self, space: &Space<G>) -> f64;
    /// Checks everything and begins.
    fn start(
        &self,
        space: &Space<G>,
        start: &Start<G>,
        rng: &mut Stream,
    ) -> Result<Box<dyn Running<G>>, Violations>;
    /// The hyperparameters, for the resolved experiment file.
    fn hyperparameters(&self) -> Result<Tree, TreeError>;
}

impl<A: Algorithm> Startable<A::Genome> for A {
    fn name(&self) -> &'static str {
        A::NAME
    }
    fn needs(&self) -> Needs {
        Algorithm::needs(self)
    }
    fn operator(&self, code: u8) -> String {
        Algorithm::operator(self, code)
    }
    fn holds(&self, space: &Space<A::Genome>) -> f64 {
        Algorithm::holds(self, space)
    }
    fn start(
        &self,
        space: &Space<A::Genome>,
        start: &Start<A::Genome>,
        rng: &mut Stream,
    ) -> Result<Box<dyn Running<A::Genome>>, Violations> {
        let state = self.init(space, start, rng)?;
        Ok(Box::new(Pair(self.clone(), state)))
    }
    fn hyperparameters(&self) -> Result<Tree, TreeError> {
        Tree::of(self)
    }
}

/// An evaluator together with its state.
pub trait Measuring<G: Genome>: Send {
    /// See [`Evaluator::space`].
    fn space(&self) -> Space<G>;
    /// See [`Evaluator::offers`].
    fn offers(&self) -> Offers;
    /// See [`Evaluator::context`].
    fn context(&self, round: &Round) -> u64;
    /// Evaluates a whole batch. Training rounds are absorbed into the state; genomes that the evaluation changed are
    /// written back into the batch if `rewrite`.
    fn measure(&mut self, batch: &mut Batch<G>, round: &Round, rewrite: bool) -> Vec<Evaluation>;
    /// The state, for a checkpoint.
    fn state(&self) -> Result<Tree, TreeError>;
    /// Puts back a state that [`Measuring::state`] gave.
    fn restore(&mut self, state: &Tree) -> Result<(), TreeError>;
}

/// Binds an evaluator to its state; see [`Measuring`].
pub struct Measurer<G: Genome, E: Evaluator<G>> {
    /// The evaluator.
    pub evaluator: E,
    /// What it has learned.
    pub state: E::State,
}

impl<G: Genome, E: Evaluator<G>> Measurer<G, E> {
    /// With the state before the first round.
    pub fn new(evaluator: E) -> Self {
        let state = evaluator.initial_state();
        Measurer { evaluator, state }
    }
}

impl<G: Genome, E: Evaluator<G>> Measuring<G> for Measurer<G, E> {
    fn space(&self) -> Space<G> {
        self.evaluator.space()
    }
    fn offers(&self) -> Offers {
        self.evaluator.offers()
    }
    fn context(&self, round: &Round) -> u64 {
        self.evaluator.context(round)
    }
    fn measure(&mut self, batch: &mut Batch<G>, round: &Round, rewrite: bool) -> Vec<Evaluation> {
        use crate::{Members, Phase};
        let results = self.evaluator.evaluate(&self.state, batch, 0..batch.len(), round);
        let mut evaluations = Vec::with_capacity(results.len());
        let mut observed = Vec::with_capacity(results.len());
        for (i, result) in results.into_iter().enumerate() {
            if let Some(genome) = result.genome.filter(|_| rewrite) {
                batch.members.replace(i, genome);
            }
            evaluations.push(result.evaluation);
            observed.push(result.observed);
        }
        if round.phase == Phase::Train {
            self.evaluator.absorb(&mut self.state, observed);
        }
        evaluations
    }
    fn state(&self) -> Result<Tree, TreeError> {
        Tree::of(&self.state)
    }
    fn restore(&mut self, state: &Tree) -> Result<(), TreeError> {
        self.state = state.read()?;
        Ok(())
    }
}
