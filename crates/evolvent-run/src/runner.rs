//! The runner: from an experiment to a run directory, once or in several sessions.
//!
//! ```text
//! loop   ask · evaluate · tell → record → validate? → checkpoint? → budget, target, interruption?
//! end    checkpoint → last validation → choice among the finalists → test → champion → record
//! ```
//!
//! The last checkpoint is made before the end begins, and nothing of the end is in it: a run whose budget is raised goes
//! on as if it had never ended. Which records there are is decided by counters alone, never by the clock.

mod resume;

pub use resume::resume;

use crate::{
    champion,
    checkpoint::{self, Header, Tree, TreeError},
    error::{Error, Result},
    experiment::{Begun, Experiment, drift, level},
    json,
    lineage::{self, LineageFile},
    observer::{Observer, RecordFile, RunInfo},
    problem::Judgement,
    record::{
        Checkpoint, Data, Estimate, Event, Finished, Generation, PerObjective, RECORD_VERSION, Started,
        Stopped, StoppedBy, Timing, Validation,
    },
    run_dir::{Destination, RunDir},
    schedule::{CheckpointClock, Progress},
    session::{Facts, Judged, Session, Totals},
    settings::{Budgets, MOST_THREADS},
    summary::summarize,
    tensorboard::TensorBoard,
};
use evolvent_core::{Diagnostics, Interface, RoundReport};
use evolvent_math::par::Pool;
use std::{
    fs::File,
    io::Write,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

/// Validation rounds of generation g are 2g and 2g + 1; the finalists meet in this one.
const FINAL_ROUND: u64 = 1 << 48;
/// Fresh episodes per validation where nothing else is said.
pub(crate) const VALIDATION_EPISODES: u64 = 100;
/// The test round that champions are reported on. Replays use those after it.
pub(crate) const TEST_ROUND: u64 = 0;
/// The file of records, relative to the run directory.
const EVENTS: &str = "events.jsonl";

/// Who watches a run, and how it is told to stop.
pub struct Control<'a> {
    /// See the events, in order.
    pub observers: Vec<&'a mut dyn Observer>,
    /// When it becomes true, the run saves a checkpoint after the current generation and returns.
    pub interrupt: &'a AtomicBool,
}

/// How a session ended.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The run directory.
    pub dir: RunDir,
    /// How the loop ended.
    pub stopped: Stopped,
    /// The last record; `None` if the run was interrupted and can be resumed.
    pub finished: Option<Finished>,
    /// The data set, if the problem is one.
    pub data: Option<Data>,
}

/// Runs an experiment from the beginning.
///
/// # Errors
/// Anything that is wrong with the experiment, before any file is written; or what the system refuses.
pub fn run(experiment: &Experiment, destination: &Destination, control: Control<'_>) -> Result<Summary> {
    let clock = Instant::now();
    let pool = pool(experiment)?;
    let begun = pool.install(|| experiment.begin())?;
    let facts = begun.session.facts();
    let dir = RunDir::create(destination, &experiment.text, &experiment.resolved(&facts)?)?;
    let _lock = dir.lock()?;
    let progress = Progress::default();
    let notes = begun.data.iter().flat_map(Data::notes).collect::<Vec<_>>();
    let mut running = Running::new(experiment, begun, dir, control, pool, clock, progress)?;
    running.announce(drift().into_iter().chain(notes).collect())?;
    running.start()?;
    running.drive()
}

fn pool(experiment: &Experiment) -> Result<Pool> {
    let cores = || thread::available_parallelism().map_or(1, usize::from) as u64;
    // A number out of range is reported with all else that is; no threads are started for it.
    let threads = experiment.run.threads.or(cores).min(MOST_THREADS);
    Pool::new(threads as usize)
        .map_err(|e| Error::input("run.threads", "a number of threads that can be started", e.to_string()))
}

fn unix() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64())
}

/// A run that is going on.
struct Running<'e, 'c> {
    experiment: &'e Experiment,
    session: Box<dyn Session>,
    interface: Option<Interface>,
    /// Checksum of the problem's data.
    checksum: Option<String>,
    data: Option<Data>,
    facts: Facts,
    budgets: Budgets,
    dir: RunDir,
    events: File,
    /// Bytes of `events.jsonl`.
    written: u64,
    /// Opened with the first individual whose parents are known.
    lineage: Option<LineageFile>,
    control: Control<'c>,
    tensorboard: Option<TensorBoard>,
    pool: Pool,
    clock: Instant,
    /// Seconds of earlier sessions.
    before: f64,
    progress: Progress,
    checkpoints: CheckpointClock,
    fingerprint: String,
}

impl<'e, 'c> Running<'e, 'c> {
    #[allow(clippy::too_many_arguments)]
    fn new(
        experiment: &'e Experiment,
        begun: Begun,
        dir: RunDir,
        control: Control<'c>,
        pool: Pool,
        clock: Instant,
        progress: Progress,
    ) -> Result<Self> {
        let Begun { session, interface, checksum, data } = begun;
        let path = dir.events();
        let events =
            File::options().create(true).append(true).open(&path).map_err(Error::io("open", &path))?;
        let written = events.metadata().map_err(Error::io("read", &path))?.len();
        // A checkpoint that is made before the next generation must know it, too.
        let root = dir.root();
        let lineage = if root.join(lineage::FILE).exists() { Some(LineageFile::open(root)?) } else { None };
        Ok(Running {
            facts: session.facts(),
            budgets: experiment.run.budgets(),
            tensorboard: experiment.run.tensorboard.then(TensorBoard::new),
            checkpoints: CheckpointClock::new(experiment.run.checkpoint_interval.given().copied()),
            fingerprint: experiment.fingerprint()?,
            before: progress.seconds,
            experiment,
            session,
            interface,
            checksum,
            data,
            dir,
            events,
            written,
            lineage,
            control,
            pool,
            clock,
            progress,
        })
    }

    /// The first record.
    fn start(&mut self) -> Result<()> {
        let (experiment, facts) = (self.experiment, &self.facts);
        let started = Started {
            version: RECORD_VERSION,
            evolvent: env!("CARGO_PKG_VERSION").into(),
            numeric_level: level(),
            seed: experiment.seed,
            problem: experiment.problem_name().into(),
            network: experiment.network_name().map(Into::into),
            algorithm: experiment.algorithm_name().into(),
            genome: facts.kind.into(),
            dimension: facts.dimension,
            senses: facts.senses.clone(),
            constraints: facts.constraints,
            data: self.data.clone(),
            timing: Timing { threads: Some(self.pool.threads() as u64), ..self.timing() },
        };
        self.emit(Event::Started(started))
    }

    fn timing(&self) -> Timing {
        Timing { seconds: self.before + self.clock.elapsed().as_secs_f64(), unix: unix(), threads: None }
    }

    fn observers<'s>(&'s mut self) -> impl Iterator<Item = &'s mut dyn Observer> {
        let own = self.tensorboard.iter_mut().map(|t| t as &mut dyn Observer);
        own.chain(self.control.observers.iter_mut().map(|o| &mut **o as &'s mut dyn Observer))
    }

    /// Tells all observers that a session begins.
    fn announce(&mut self, notes: Vec<String>) -> Result<()> {
        let info = RunInfo {
            dir: self.dir.root().to_path_buf(),
            budgets: self.budgets,
            resumed_at: self.session.totals().generations,
            threads: self.pool.threads(),
            notes,
        };
        let root = self.dir.root().to_path_buf();
        self.observers().try_for_each(|o| o.begin(&info)).map_err(Error::io("show the progress of", &root))
    }

    /// Writes an event down and shows it.
    fn emit(&mut self, event: Event) -> Result<()> {
        if !matches!(event, Event::Checkpoint(_)) {
            let path = self.dir.events();
            let mut line = json::write(&event).map_err(|e| Error::Io {
                action: "write",
                path: path.clone(),
                source: std::io::Error::other(e),
            })?;
            line.push(b'\n');
            // One call per record, so that whoever follows the file sees whole lines.
            self.events.write_all(&line).map_err(Error::io("write", &path))?;
            self.written += line.len() as u64;
        }
        let root = self.dir.root().to_path_buf();
        self.observers().try_for_each(|o| o.observe(&event)).map_err(Error::io("show the progress of", &root))
    }

    /// The loop, then the end.
    fn drive(mut self) -> Result<Summary> {
        // After an error nothing is saved: the generation in progress may lack its record or its validation, and a
        // checkpoint is a promise that all before it is complete. The last one stands, and resuming goes on from it.
        let stopped = self.generations()?;
        self.checkpoint()?;
        self.emit(Event::Stopped(stopped.clone()))?;
        let finished = match stopped.stopped_by {
            StoppedBy::Interrupted => None,
            _ => Some(self.finish(&stopped)?),
        };
        Ok(Summary { dir: self.dir, stopped, finished, data: self.data })
    }

    fn generations(&mut self) -> Result<Stopped> {
        loop {
            if let Some(stopped) = self.should_stop() {
                return Ok(stopped);
            }
            let (report, session) = (&mut None, &mut self.session);
            self.pool.install(|| *report = Some(session.step()));
            let report = report.take().expect("a step gives a report");
            self.remember(&report)?;
            let record = self.generation(&report);
            let best = record.best.first();
            self.emit(Event::Generation(record))?;
            let totals = self.session.totals();
            let interval = self.experiment.run.validation_interval.given().copied();
            let near = self.reaches_target(best);
            if self.progress.validation_due(&totals, interval, near) {
                self.validate_at(&totals)?;
            }
            if self.checkpoints.due(totals.generations) {
                self.checkpoint()?;
            }
        }
    }

    /// Who descends from whom, if the algorithm says so.
    fn remember(&mut self, report: &RoundReport) -> Result<()> {
        if report.lineage.is_empty() {
            return Ok(());
        }
        let (root, generation) = (self.dir.root(), self.session.totals().generations);
        let file = match &mut self.lineage {
            Some(file) => file,
            none => none.insert(LineageFile::open(root)?),
        };
        file.add(root, &report.lineage, &report.scores, self.facts.senses[0], generation)
    }

    fn generation(&self, report: &RoundReport) -> Generation {
        let totals = self.session.totals();
        let summary = summarize(&report.scores, &self.facts.senses);
        let infeasible = (self.facts.constraints > 0).then_some(summary.infeasible);
        Generation {
            generation: totals.generations,
            evaluations: totals.evaluations,
            episodes: totals.cost.episodes,
            steps: totals.cost.steps,
            best: summary.best,
            mean: summary.mean,
            std: summary.std,
            median: summary.median,
            failures: report.failures.as_ref().map_or(0, |(_, count)| *count as u64),
            failure: report.failures.as_ref().map(|(first, _)| first.to_string()),
            infeasible,
            diagnostics: self.session.diagnostics(),
            groups: self.session.groups(),
            timing: self.timing(),
        }
    }

    fn reaches_target(&self, value: Option<f64>) -> bool {
        match (self.budgets.target, value, self.facts.senses.first()) {
            (Some(target), Some(value), Some(sense)) => sense.flip(value) <= sense.flip(target),
            _ => false,
        }
    }

    /// Why the loop ends here, if it does. Interruptions come last: a run that is over is over.
    fn should_stop(&self) -> Option<Stopped> {
        let totals = self.session.totals();
        let timing = self.timing();
        let used = |used: u64, budget: Option<u64>| budget.is_some_and(|budget| used >= budget);
        let algorithm = || self.session.stopped();
        let (stopped_by, reason) = if self.reaches_target(self.progress.passed_at(totals.generations)) {
            (StoppedBy::Target, None)
        } else if used(totals.generations, self.budgets.generations) {
            (StoppedBy::Generations, None)
        } else if used(totals.evaluations, self.budgets.evaluations) {
            (StoppedBy::Evaluations, None)
        } else if used(totals.cost.episodes, self.budgets.episodes) {
            (StoppedBy::Episodes, None)
        } else if used(totals.cost.steps, self.budgets.steps) {
            (StoppedBy::Steps, None)
        } else if self.budgets.seconds.is_some_and(|budget| timing.seconds >= budget) {
            (StoppedBy::Seconds, None)
        } else if let Some(reason) = algorithm() {
            (StoppedBy::Algorithm, Some(reason.to_string()))
        } else if self.control.interrupt.load(Ordering::Relaxed) {
            (StoppedBy::Interrupted, None)
        } else {
            return None;
        };
        let (generation, evaluations) = (totals.generations, totals.evaluations);
        Some(Stopped { generation, evaluations, stopped_by, reason, timing })
    }

    fn episodes(&self) -> u32 {
        self.experiment.run.validation_episodes.or(|| VALIDATION_EPISODES).min(u64::from(u32::MAX)) as u32
    }

    /// One validation, and a second one on other episodes if the first reaches the target: what passes twice has
    /// reached it. Where there are no fresh episodes, once is enough.
    fn validate_at(&mut self, totals: &Totals) -> Result<()> {
        let fresh = self.facts.judgement == Judgement::Fresh;
        let first = self.validate(2 * totals.generations, totals)?;
        let mut passed = first.score.mean.first().filter(|_| self.feasible(&first));
        if fresh && !self.reaches_target(passed) {
            passed = None;
        } else if fresh {
            let second = self.validate(2 * totals.generations + 1, totals)?;
            let worse = |a: f64, b: f64| {
                if self.facts.senses[0].flip(a) > self.facts.senses[0].flip(b) { a } else { b }
            };
            let again = second.score.mean.first().filter(|_| self.feasible(&second));
            passed = passed.zip(again).map(|(a, b)| worse(a, b));
        }
        self.progress.passed = passed;
        Ok(())
    }

    fn feasible(&self, judged: &Judged) -> bool {
        judged.failure.is_none() && judged.score.violation <= 0.0
    }

    fn validate(&mut self, round: u64, totals: &Totals) -> Result<Judged> {
        let (episodes, keep) = (self.episodes(), self.keep());
        let session = &mut self.session;
        let judged =
            self.pool.install(|| session.validate(round, episodes, keep)).map_err(|e| self.unsaid(&e))?;
        self.progress.validated(totals.generations, &judged.cost);
        let record = Validation {
            generation: totals.generations,
            evaluations: totals.evaluations,
            score: judged.score.clone(),
            champion: judged.champion,
            failure: judged.failure.clone(),
            timing: self.timing(),
        };
        self.emit(Event::Validation(record))?;
        Ok(judged)
    }

    fn keep(&self) -> usize {
        let fresh = self.facts.judgement == Judgement::Fresh;
        if fresh { self.experiment.run.finalists as usize } else { 1 }
    }

    fn unsaid(&self, why: &TreeError) -> Error {
        let source = std::io::Error::new(std::io::ErrorKind::InvalidData, why.to_string());
        Error::Io { action: "write the state of the run in", path: self.dir.root().into(), source }
    }

    fn checkpoint(&mut self) -> Result<()> {
        let begun = Instant::now();
        // A checkpoint that outlives a power failure must find the records that it counts on.
        let events = self.dir.events();
        self.events.sync_data().map_err(Error::io("write", &events))?;
        let mut records = vec![RecordFile { path: EVENTS.into(), bytes: self.written }];
        records.extend(
            self.lineage.as_ref().map(|l| RecordFile { path: lineage::FILE.into(), bytes: l.bytes() }),
        );
        let root = self.dir.root().to_path_buf();
        for observer in self.observers() {
            records.extend(observer.record_files().map_err(Error::io("write records in", &root))?);
        }
        let generation = self.session.totals().generations;
        let timing = self.timing();
        self.progress.seconds = timing.seconds;
        let state = Tree::Struct(vec![
            ("session".into(), self.session.state().map_err(|e| self.unsaid(&e))?),
            ("progress".into(), Tree::of(&self.progress).map_err(|e| self.unsaid(&e))?),
        ]);
        let header = Header {
            evolvent: env!("CARGO_PKG_VERSION").into(),
            experiment: self.fingerprint.clone(),
            data: self.checksum.clone(),
            generation,
            records,
        };
        let path = checkpoint::save(&self.dir.checkpoints(), &header, &state)?;
        self.checkpoints.made(generation, begun.elapsed());
        let path = path.strip_prefix(self.dir.root()).unwrap_or(&path).display().to_string();
        self.emit(Event::Checkpoint(Checkpoint { generation, path, timing }))
    }

    /// Chooses the champion, measures it where nothing was chosen by, and saves it.
    fn finish(&mut self, stopped: &Stopped) -> Result<Finished> {
        let totals = self.session.totals();
        let episodes = self.episodes();
        if self.progress.validated_at != Some(totals.generations) {
            self.validate(2 * totals.generations, &totals)?;
        }
        let (fresh, keep) = (self.facts.judgement == Judgement::Fresh, self.keep());
        let session = &mut self.session;
        let decided = self.pool.install(|| {
            // What has passed the target twice is the champion.
            if fresh && stopped.stopped_by != StoppedBy::Target {
                session.decide(FINAL_ROUND, episodes, keep)?;
            } else if fresh {
                session.crown_latest();
            }
            session.test(TEST_ROUND, episodes)
        });
        let test = decided.map_err(|e| self.unsaid(&e))?;
        let laurels = self.session.laurels().map_err(|e| self.unsaid(&e))?;
        if let (Some(laurels), Some(test)) = (&laurels, &test) {
            let context = champion::Context {
                experiment: self.experiment,
                kind: self.facts.kind,
                interface: self.interface.as_ref(),
                data: self.data.as_ref(),
            };
            champion::save(&self.dir, laurels, test, &context)?;
        }
        let none = || Estimate { mean: PerObjective(Vec::new()), ..Estimate::default() };
        let (test, metrics) = test.map_or_else(|| (none(), Vec::new()), |t| (t.score, t.metrics));
        let finished = Finished {
            best: test.mean.clone(),
            generations: totals.generations,
            evaluations: totals.evaluations,
            episodes: totals.cost.episodes,
            steps: totals.cost.steps,
            stopped_by: stopped.stopped_by,
            reason: stopped.reason.clone(),
            target: self.budgets.target,
            validation: laurels.as_ref().map_or_else(none, |l| l.validation.clone()),
            test,
            metrics: Diagnostics(metrics),
            found_in: laurels.as_ref().map_or(0, |l| l.generation),
            front: laurels.as_ref().and_then(|l| l.front.as_ref()).map(|f| f.len() as u64),
            timing: self.timing(),
        };
        self.emit(Event::Finished(finished.clone()))?;
        Ok(finished)
    }
}
