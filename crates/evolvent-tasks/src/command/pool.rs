//! A pool of copies of one program: starting, greeting, asking, replacing.

use super::process::{Census, Process, Recipe, Silence};
use super::protocol::{self, Answer, Shape, Welcome};
use super::{CommandError, CommandSettings};
use evolvent_core::Failure;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Copies of one program. Those that nobody uses wait in the pool; all end with it.
#[derive(Debug)]
pub(super) struct Pool {
    recipe: Recipe,
    shape: Shape,
    dimension: Option<usize>,
    timeout: f64,
    start_timeout: f64,
    pub(super) census: Arc<Census>,
    idle: Mutex<Vec<Process>>,
}

impl Pool {
    /// Starts one copy, so that a program that does not work is found before the first evaluation.
    pub(super) fn open(
        settings: &CommandSettings,
        dimension: Option<usize>,
    ) -> Result<(Self, Welcome), CommandError> {
        let mut pool = Pool {
            recipe: Recipe {
                program: settings.program.clone(),
                directory: settings.directory.clone(),
                longest_line: settings.max_answer_bytes,
            },
            shape: settings.shape(),
            dimension,
            timeout: settings.timeout,
            start_timeout: settings.start_timeout,
            census: Arc::default(),
            idle: Mutex::default(),
        };
        let (process, welcome) = pool.greet()?;
        pool.dimension = dimension.or(welcome.dimension);
        pool.give_back(process);
        Ok((pool, welcome))
    }

    /// Starts a copy and exchanges greetings.
    fn greet(&self) -> Result<(Process, Welcome), CommandError> {
        let program = self.recipe.program.join(" ");
        let mut process = Process::start(&self.recipe, &self.census)
            .map_err(|e| CommandError::NotStarted { program: program.clone(), reason: e.to_string() })?;
        let mut greeting =
            serde_json::to_vec(&self.shape.greeting(self.dimension)).expect("plain data becomes JSON");
        greeting.push(b'\n');
        let line =
            process.exchange(greeting, Duration::from_secs_f64(self.start_timeout)).map_err(|silence| {
                let program = program.clone();
                match silence {
                    Silence::Ended(how) => CommandError::Ended { program, how },
                    Silence::TimedOut => CommandError::Silent { program, seconds: self.start_timeout },
                    Silence::Unreadable(what) => CommandError::Greeting { program, what },
                }
            })?;
        let welcome = protocol::welcome(&line)
            .map_err(|what| CommandError::Greeting { program: program.clone(), what })?;
        match (self.dimension, welcome.dimension) {
            (Some(expected), Some(found)) if expected != found => {
                let what = format!("it expects genomes of dimension {found}, the experiment has {expected}");
                Err(CommandError::Greeting { program, what })
            }
            _ => Ok((process, welcome)),
        }
    }

    /// A copy that waits, if there is one.
    pub(super) fn take(&self) -> Option<Process> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    /// Lets a copy wait for later use.
    pub(super) fn give_back(&self, process: Process) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(process);
    }

    /// Asks the copy in `place`, or a new one. A copy that failed is not left there.
    ///
    /// A copy that ends without an answer after it has given some is replaced and the request repeated, so that
    /// programs may serve one request and end, and so that it does not matter which requests a copy has served before.
    pub(super) fn ask(&self, place: &mut Option<Process>, line: &[u8], id: u64) -> Result<Answer, Failure> {
        loop {
            let mut process = match place.take() {
                Some(process) => process,
                None => self.greet().map_err(|error| Failure::Crashed(error.to_string()))?.0,
            };
            // The greeting is the first line of every copy.
            let used = process.lines > 1;
            match process.exchange(line.to_vec(), Duration::from_secs_f64(self.timeout)) {
                Ok(text) => {
                    let answer = protocol::answer(&text, id, self.shape)?;
                    *place = Some(process);
                    return Ok(answer);
                }
                Err(Silence::Ended(_)) if self.census.closed() => {
                    return Err(Failure::Crashed("the run was interrupted".into()));
                }
                Err(Silence::Ended(_)) if used => {}
                Err(Silence::Ended(how)) => return Err(Failure::Crashed(how)),
                Err(Silence::TimedOut) => return Err(Failure::TimedOut(self.timeout)),
                Err(Silence::Unreadable(what)) => return Err(Failure::Garbled(what)),
            }
        }
    }
}
