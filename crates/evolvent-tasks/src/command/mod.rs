//! Any program in any language as the fitness; [`protocol`] says how to talk to it.
//!
//! A pool of copies of the program answers requests, one at a time each. A copy that ends, takes too long or does not
//! keep to the protocol is ended and replaced; the evaluation fails with the reason, and the search goes on. The
//! results do not depend on the size of the pool as long as an answer depends on genome and seed alone.
//!
//! ```python
//! import json, sys
//!
//! for line in sys.stdin:
//!     message = json.loads(line)
//!     if "protocol" in message:
//!         answer = {"protocol": "evolvent", "version": 1}
//!     else:
//!         answer = {"id": message["id"], "fitness": sum(x * x for x in message["genome"])}
//!     print(json.dumps(answer), flush=True)
//! ```

mod pool;
mod process;
pub mod protocol;
mod settings;
#[cfg(test)]
mod tests;

pub use settings::{CommandError, CommandSettings};

use crate::member::{self, Owned};
use evolvent_core::{
    Batch, Cost, Evaluated, Evaluation, Evaluator, Failure, Fitness, Genome, Measured, Purpose, Round, Space,
    Values, Vector,
};
use pool::Pool;
use process::Census;
use protocol::{Answer, Question};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;

/// A pool of external programs as an evaluator. The programs end when it is dropped.
#[derive(Debug)]
pub struct Command<G: Genome> {
    pool: Pool,
    space: Space<G>,
    owned: Owned<G>,
    repetitions: u32,
    workers: usize,
}

/// Ends all programs of a [`Command`] from another thread.
#[derive(Clone, Debug)]
pub struct CommandStop(Arc<Census>);

impl CommandStop {
    /// Ends the programs now. Evaluations in progress and later ones fail; their results are to be thrown away.
    pub fn stop(&self) {
        self.0.close();
    }
}

impl Command<Vector> {
    /// Starts one program and greets it. Genomes are vectors; dimension and bounds are those of the settings, or else
    /// the program's own.
    ///
    /// # Errors
    /// Settings out of range; a program that cannot be started or does not answer the greeting.
    pub fn vectors(settings: &CommandSettings) -> Result<Self, CommandError> {
        settings.check()?;
        let (pool, welcome) = Pool::open(settings, settings.dimension.given().copied())?;
        let genes = settings.genes(&welcome)?;
        Ok(Command::new(settings, pool, genes, member::owned_vector))
    }
}

impl<G: Genome<Members = Vec<G>>> Command<G> {
    /// Starts one program and greets it. Genomes are sent as serde writes them; the settings that speak of vectors
    /// (`dimension`, `bounds`, `init`) are not used.
    ///
    /// # Errors
    /// See [`Command::vectors`].
    pub fn genomes(settings: &CommandSettings, genes: G::Genes) -> Result<Self, CommandError> {
        settings.check()?;
        let (pool, _) = Pool::open(settings, None)?;
        Ok(Command::new(settings, pool, genes, member::owned_genome))
    }
}

impl<G: Genome> Command<G> {
    fn new(settings: &CommandSettings, pool: Pool, genes: G::Genes, owned: Owned<G>) -> Self {
        let space = Space {
            senses: settings.objectives.clone(),
            constraints: settings.constraints,
            descriptors: settings.descriptors.iter().map(|&[low, high]| (low, high)).collect(),
            fitness: if settings.noisy { Fitness::Noisy } else { Fitness::Exact },
            ..Space::new(genes)
        };
        let cores = || thread::available_parallelism().map_or(1, usize::from);
        Command { pool, space, owned, repetitions: settings.repetitions, workers: settings.workers.or(cores) }
    }

    /// A handle that ends all programs from another thread.
    pub fn stopper(&self) -> CommandStop {
        CommandStop(self.pool.census.clone())
    }

    fn ask(
        &self,
        place: &mut Option<process::Process>,
        batch: &Batch<G>,
        i: usize,
        repetition: u32,
        round: &Round,
    ) -> Answer {
        let request = batch.request(i);
        let replicate = u64::from(request.replicate) << 32 | u64::from(repetition);
        // 53 bits: what a number of JavaScript or Lua holds exactly.
        let seed = round.stream(batch.streams[i], replicate, Purpose::Problem).next_u64() >> 11;
        let id = i as u64;
        let genome = (self.owned)(&batch.members, i);
        Question::new(id, &genome, seed, round.phase, &request)
            .line()
            .and_then(|line| self.pool.ask(place, &line, id))
            .unwrap_or_else(|failure| Answer { result: Err(failure), steps: 0 })
    }
}

impl<G: Genome> Evaluator<G> for Command<G> {
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
        // Asking an exact program again would give the same answer.
        let repetitions = match (self.space.fitness, round.repetitions) {
            (Fitness::Exact, _) => 1,
            (_, given) => given.unwrap_or(self.repetitions).max(1),
        } as usize;
        let answers: Vec<OnceLock<Answer>> =
            std::iter::repeat_with(OnceLock::new).take(members.len() * repetitions).collect();
        let next = AtomicUsize::new(0);
        // Waiting for programs would block the threads of the compute pool, so these are threads of our own.
        thread::scope(|scope| {
            for _ in 0..self.workers.min(answers.len()) {
                scope.spawn(|| {
                    let mut place = self.pool.take();
                    loop {
                        let item = next.fetch_add(1, Ordering::Relaxed);
                        let Some(answer) = answers.get(item) else { break };
                        let (i, repetition) = (members.start + item / repetitions, item % repetitions);
                        let found = self.ask(&mut place, batch, i, repetition as u32, round);
                        answer.set(found).expect("each item is taken once");
                    }
                    if let Some(process) = place {
                        self.pool.give_back(process);
                    }
                });
            }
        });
        let mut answers = answers.into_iter().map(|a| a.into_inner().expect("every item was taken"));
        members.map(|_| mean(answers.by_ref().take(repetitions)).into()).collect()
    }
}

/// The mean of all answers to one member, or the first failure.
fn mean(answers: impl ExactSizeIterator<Item = Answer>) -> Evaluation {
    let count = answers.len() as f64;
    let mut cost = Cost::default();
    let mut sum: Result<Option<Measured>, Failure> = Ok(None);
    for answer in answers {
        cost += Cost { episodes: 1, steps: answer.steps };
        match (&mut sum, answer.result) {
            (Err(_), _) => {}
            (sum, Err(failure)) => *sum = Err(failure),
            (Ok(Some(sum)), Ok(measured)) => {
                for (sum, add) in [
                    (&mut sum.objectives, measured.objectives),
                    (&mut sum.descriptors, measured.descriptors),
                    (&mut sum.constraints, measured.constraints),
                ] {
                    sum.iter_mut().zip(add).for_each(|(s, a)| *s += a);
                }
            }
            (Ok(none), Ok(measured)) => *none = Some(measured),
        }
    }
    let result = sum.map(|sum| {
        let mut mean = sum.unwrap_or_default();
        let divide = |values: &mut Values| values.iter_mut().for_each(|v| *v /= count);
        divide(&mut mean.objectives);
        divide(&mut mean.descriptors);
        divide(&mut mean.constraints);
        mean
    });
    Evaluation { result, cost, artifact: None }
}

impl<G: Genome> crate::Assess<G> for Command<G> {}
