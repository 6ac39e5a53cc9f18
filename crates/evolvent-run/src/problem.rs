//! What the runner asks of a problem: to read its table, to be opened, and to be bound to a genome kind.
//!
//! ```text
//! table ──read──▶ Problem ──open──▶ Opened ──(network)──▶ Bound ──(algorithm)──▶ Session
//! ```
//!
//! Everything up to [`Session`] is erased over the genome kind, so that kinds that this crate has never heard of run like
//! its own.

use crate::{
    checkpoint::{Tree, TreeError},
    error::Error,
    experiment::values::table_of,
    memory,
    session::{Session, SessionOf},
};
use evolvent_core::{
    Batch, Engine, Evaluated, Evaluation, Evaluator, Fitness, Genome, Measurer, Offers, Round, RunKey, Sense,
    Space, Start, Startable, Violations,
};
use evolvent_nets::{Depiction, Program};
use evolvent_tasks::{Assess, Assessment};
use serde::ser::Error as _;
use std::{any::Any, marker::PhantomData, ops::Range, path::PathBuf, sync::Arc};

/// A problem with its settings, read from its table and not yet opened.
pub trait Problem: Send + Sync {
    /// The settings with every default filled in.
    fn settings(&self) -> Result<toml::Table, toml::ser::Error>;

    /// Loads what must be loaded, starts what must be started.
    ///
    /// # Errors
    /// Settings that are out of range, or data that cannot be had.
    fn open(&self, surroundings: &Surroundings) -> Result<Opened, OpenError>;
}

/// What a problem is opened in.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The root of the run's randomness.
    pub key: RunKey,
    /// The directory that paths in an experiment file are relative to.
    pub base: Option<PathBuf>,
}

/// Why a problem cannot be opened.
#[derive(Debug)]
pub enum OpenError {
    /// Settings out of range; paths are relative to the problem's table.
    Settings(Violations),
    /// Anything else: a missing file, a program that does not start.
    Other(Error),
}

impl From<Violations> for OpenError {
    fn from(violations: Violations) -> Self {
        OpenError::Settings(violations)
    }
}

/// An opened problem.
pub enum Opened {
    /// It measures genomes as they are.
    Direct(Box<dyn Bound>),
    /// It measures networks.
    Networks(crate::registry::NetworkTask),
}

/// A task bound to a genome kind that only it knows.
pub trait Bound: Send {
    /// [`Genome::KIND`].
    fn kind(&self) -> &'static str;

    /// Checks everything and begins with an algorithm over the same kind of genome.
    ///
    /// # Errors
    /// What is wrong with the algorithm's settings, or with the pair; paths are relative to the algorithm's table.
    fn start(
        self: Box<Self>,
        algorithm: &dyn AnyAlgorithm,
        key: RunKey,
    ) -> Result<Box<dyn Session>, Violations>;

    /// Measures a saved genome, with the evaluator's state as it was saved.
    ///
    /// # Errors
    /// If one of the two is not what this task saves.
    fn assess(&self, genome: &Tree, evaluator: &Tree, round: &Round) -> Result<Assessment, TreeError>;

    /// What validation measures.
    fn judgement(&self) -> Judgement;

    /// One sense per objective.
    fn senses(&self) -> Vec<Sense>;

    /// The champion as a program, its normaliser and head inside; `None` if the genome is no network.
    ///
    /// # Errors
    /// If the genome or the state is not what this task saves.
    fn program(&self, genome: &Tree, evaluator: &Tree) -> Result<Option<Program>, TreeError>;

    /// A picture of the champion's network; `None` if it has no places in space.
    ///
    /// # Errors
    /// As [`Bound::program`], and a picture that does not fit the network.
    fn depict(&self, genome: &Tree, evaluator: &Tree, what: &Depiction) -> Result<Option<String>, TreeError>;
}

/// What a measurement outside training measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// The same as training, exactly: an exact function.
    Same,
    /// Other data, always the same.
    HeldOut,
    /// Fresh random numbers each time.
    Fresh,
}

/// An algorithm's hyperparameters over a genome kind that only it knows.
pub trait AnyAlgorithm: Send + Sync {
    /// [`Genome::KIND`].
    fn kind(&self) -> &'static str;
    /// The settings with every default filled in.
    fn settings(&self) -> Result<toml::Table, toml::ser::Error>;
    /// See [`evolvent_core::Algorithm::operator`].
    fn operator(&self, code: u8) -> String;
    /// A [`Held`] over its genome kind.
    fn as_any(&self) -> &dyn Any;
}

/// An algorithm over genomes of kind `G`.
pub struct Held<G: Genome>(pub Box<dyn Startable<G>>);

impl<G: Genome> AnyAlgorithm for Held<G> {
    fn kind(&self) -> &'static str {
        G::KIND
    }
    fn settings(&self) -> Result<toml::Table, toml::ser::Error> {
        let settings = self.0.hyperparameters().map_err(toml::ser::Error::custom)?;
        table_of(settings)
    }
    fn operator(&self, code: u8) -> String {
        self.0.operator(code)
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A task over genomes of kind `G`, as the runner needs it.
pub trait Task<G: Genome>: Assess<G> + 'static {
    /// See [`Bound::judgement`].
    fn judgement(&self) -> Judgement;
    /// Whether all members of a round shall be measured with the same random numbers.
    fn common_random_numbers(&self) -> bool {
        false
    }
}

/// An evaluator that hands everything to the one inside.
macro_rules! evaluates_as_inside {
    ($Wrapper:ident) => {
        impl<G: Genome, E: Evaluator<G>> Evaluator<G> for $Wrapper<E> {
            type State = E::State;
            type Observed = E::Observed;
            fn space(&self) -> Space<G> {
                self.0.space()
            }
            fn offers(&self) -> Offers {
                self.0.offers()
            }
            fn initial_state(&self) -> E::State {
                self.0.initial_state()
            }
            fn context(&self, round: &Round) -> u64 {
                self.0.context(round)
            }
            fn evaluate(
                &self,
                state: &E::State,
                batch: &Batch<G>,
                members: Range<usize>,
                round: &Round,
            ) -> Vec<Evaluated<G, E::Observed>> {
                self.0.evaluate(state, batch, members, round)
            }
            fn absorb(&self, state: &mut E::State, observed: Vec<E::Observed>) {
                self.0.absorb(state, observed);
            }
        }
    };
}

/// An evaluator that cannot look at one genome more closely than at many.
#[derive(Clone, Debug)]
pub struct Plain<E>(pub E);

evaluates_as_inside!(Plain);

impl<G: Genome, E: Evaluator<G>> Assess<G> for Plain<E> {
    /// As many repetitions as the round asks for, each with random numbers of its own, where values are noisy.
    fn assess(&self, state: &E::State, genome: &G, round: &Round) -> Assessment {
        let noisy = self.0.space().fitness == Fitness::Noisy;
        let repetitions = if noisy { round.repetitions.unwrap_or(1).max(1) as usize } else { 1 };
        let batch = Batch::of(vec![genome.clone(); repetitions]);
        let one = Round { repetitions: Some(1), ..*round };
        let results = self.0.evaluate(state, &batch, 0..repetitions, &one);
        mean(results.into_iter().map(|r| r.evaluation))
    }
}

/// The mean of several evaluations; the first failure fails them all.
fn mean(evaluations: impl ExactSizeIterator<Item = Evaluation>) -> Assessment {
    let count = evaluations.len() as f64;
    let mut values = Vec::new();
    let mut total: Option<Evaluation> = None;
    for evaluation in evaluations {
        if let Ok(measured) = &evaluation.result {
            values.extend(measured.objectives.first());
        }
        let Some(sum) = &mut total else {
            total = Some(evaluation);
            continue;
        };
        sum.cost += evaluation.cost;
        match (&mut sum.result, evaluation.result) {
            (Ok(sum), Ok(more)) => {
                for (sum, more) in [
                    (&mut sum.objectives, more.objectives),
                    (&mut sum.constraints, more.constraints),
                    (&mut sum.descriptors, more.descriptors),
                ] {
                    sum.iter_mut().zip(more).for_each(|(a, b)| *a += b);
                }
            }
            (result @ Ok(_), Err(failure)) => *result = Err(failure),
            (Err(_), _) => {}
        }
    }
    let mut evaluation = total.expect("at least one repetition");
    match &mut evaluation.result {
        Ok(sum) => {
            for values in [&mut sum.objectives, &mut sum.constraints, &mut sum.descriptors] {
                values.iter_mut().for_each(|v| *v /= count);
            }
        }
        Err(_) => values.clear(),
    }
    Assessment { evaluation, values, metrics: Vec::new() }
}

impl<G: Genome, E: Evaluator<G> + 'static> Task<G> for Plain<E> {
    fn judgement(&self) -> Judgement {
        match self.0.space().fitness {
            Fitness::Exact => Judgement::Same,
            // What changes from round to round has no round that is always the same: scores are compared within one.
            Fitness::Noisy | Fitness::Changing => Judgement::Fresh,
        }
    }
}

/// One task for two owners: the engine, and whoever looks at single genomes.
pub(crate) struct Shared<E>(pub(crate) Arc<E>);

evaluates_as_inside!(Shared);

/// Looks at single genomes; the state is that of the same task's evaluator.
pub(crate) trait Judge<G: Genome>: Send {
    fn assess(&self, state: &Tree, genome: &G, round: &Round) -> Result<Assessment, TreeError>;
}

struct JudgeOf<E>(Arc<E>);

impl<G: Genome, E: Task<G>> Judge<G> for JudgeOf<E> {
    fn assess(&self, state: &Tree, genome: &G, round: &Round) -> Result<Assessment, TreeError> {
        Ok(self.0.assess(&state.read()?, genome, round))
    }
}

/// A [`Bound`] over genomes of kind `G`.
pub struct BoundTo<G: Genome, E: Task<G>> {
    task: Arc<E>,
    genome: PhantomData<fn() -> G>,
}

impl<G: Genome, E: Task<G>> BoundTo<G, E> {
    /// Erases a task.
    pub fn erased(task: E) -> Box<dyn Bound> {
        Box::new(BoundTo { task: Arc::new(task), genome: PhantomData })
    }
}

impl<G: Genome, E: Task<G>> Bound for BoundTo<G, E> {
    fn kind(&self) -> &'static str {
        G::KIND
    }

    fn start(
        self: Box<Self>,
        algorithm: &dyn AnyAlgorithm,
        key: RunKey,
    ) -> Result<Box<dyn Session>, Violations> {
        let Some(Held(algorithm)) = algorithm.as_any().downcast_ref::<Held<G>>() else {
            let found = format!("one over `{}`", algorithm.kind());
            return Err(Violations::one(
                "",
                found,
                &format!("an algorithm over genomes of kind `{}`", G::KIND),
            ));
        };
        let space = self.task.space();
        memory::check(algorithm.holds(&space), G::bytes(&space.genes))?;
        let evaluator = Measurer::new(Shared(self.task.clone()));
        let mut engine = Engine::start(algorithm.as_ref(), Box::new(evaluator), &Start::Default, key)?;
        engine.common_random_numbers = self.task.common_random_numbers();
        let judgement = self.task.judgement();
        Ok(Box::new(SessionOf::new(engine, Box::new(JudgeOf(self.task)), judgement)))
    }

    fn assess(&self, genome: &Tree, evaluator: &Tree, round: &Round) -> Result<Assessment, TreeError> {
        JudgeOf(self.task.clone()).assess(evaluator, &genome.read::<G>()?, round)
    }

    fn judgement(&self) -> Judgement {
        self.task.judgement()
    }

    fn senses(&self) -> Vec<Sense> {
        self.task.space().senses
    }

    fn program(&self, genome: &Tree, evaluator: &Tree) -> Result<Option<Program>, TreeError> {
        self.task.program(&evaluator.read()?, &genome.read()?).map_err(|e| TreeError::new(e.to_string()))
    }

    fn depict(&self, genome: &Tree, evaluator: &Tree, what: &Depiction) -> Result<Option<String>, TreeError> {
        let picture = self.task.depict(&evaluator.read()?, &genome.read()?, what);
        picture.map_err(|e| TreeError::new(e.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use evolvent_algos::{Bits, BitsGenes};
    use evolvent_tasks::Direct;

    #[test]
    fn what_changes_with_the_round_is_judged_within_one_round() {
        let judgement = |fitness| {
            let task = Direct::genomes(BitsGenes { length: 3 }, |_: &Bits, _| Evaluation::of(0.0))
                .within(|space| space.fitness = fitness);
            Task::<Bits>::judgement(&Plain(task))
        };
        let all = [Fitness::Exact, Fitness::Noisy, Fitness::Changing].map(judgement);
        assert_eq!(all, [Judgement::Same, Judgement::Fresh, Judgement::Fresh]);
    }
}
