//! The champion of a run once more, on episodes that the run has never seen.

use crate::{
    champion::Champion,
    checkpoint::Tree,
    error::{Error, Result},
    experiment::{Experiment, drift, level},
    record::Data,
    registry::Registry,
    run_dir::RunDir,
    runner::{TEST_ROUND, VALIDATION_EPISODES},
    settings::MOST_THREADS,
};
use evolvent_core::{Phase, Round, Sense};
use evolvent_math::par::Pool;
use evolvent_tasks::MOST_EPISODES;
use serde::Serialize;

/// How to replay.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options<'a> {
    /// Fresh episodes; `None` for the run's own number. Data sets and exact functions need one pass.
    pub episodes: Option<u32>,
    /// Which fresh episodes: equal numbers give equal episodes, and none gives those of the run.
    pub seed: u64,
    /// Worker threads; `None` for one per core.
    pub threads: Option<u64>,
    /// Settings of the problem to measure it with instead of its own, such as `problem.double_pole.angle=0.1`, or of the network to
    /// decode it otherwise: an indirectly encoded one at a higher resolution.
    pub set: &'a [String],
}

/// What came out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Replayed {
    /// Mean of the values, one per objective, in the user's sense.
    pub mean: Vec<f64>,
    /// Sample standard deviation between episodes; `None` for fewer than two.
    pub std: Option<f64>,
    /// The value of each episode; a single one where there are no episodes.
    pub values: Vec<f64>,
    /// Further numbers by name, such as an accuracy.
    pub metrics: Vec<(String, f64)>,
    /// Whether larger is better.
    pub maximize: bool,
    /// The run's target, if it had one.
    pub target: Option<f64>,
    /// Numeric level of the measurement, `none` on a machine that does not repeat the bits of others.
    pub numeric_level: String,
    /// Why it is `none`.
    pub drift: Option<String>,
    /// The data set, if the problem is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Data>,
    /// The genome, where it is measured as it is and not as a network.
    #[serde(skip)]
    pub solution: Option<Tree>,
}

fn within(argument: &str, given: Option<u64>, most: u64) -> Result<()> {
    match given {
        Some(n) if !(1..=most).contains(&n) => {
            Err(Error::input(argument, format!("an integer from 1 to {most}"), n.to_string()))
        }
        _ => Ok(()),
    }
}

/// Measures the champion of a run.
///
/// # Errors
/// If the run has no champion, if its files do not fit each other, or if the measurement fails.
pub fn replay(registry: &Registry, dir: &RunDir, options: &Options<'_>) -> Result<Replayed> {
    within("--episodes", options.episodes.map(u64::from), MOST_EPISODES.into())?;
    within("--threads", options.threads, MOST_THREADS)?;
    let champion = Champion::load(dir)?;
    let may_change =
        |set: &str| ["problem.", "network."].iter().any(|table| set.trim_start().starts_with(table));
    if let Some(other) = options.set.iter().find(|set| !may_change(set)) {
        return Err(Error::input(
            "--set",
            "a setting of the problem or the network, such as problem.NAME.KEY=VALUE",
            other.as_str(),
        )
        .with_hint("the algorithm is the one that the champion was found with"));
    }
    let experiment = Experiment::load(registry, &dir.resolved(), options.set)?;
    let pool = Pool::new(options.threads.unwrap_or(0) as usize)
        .map_err(|e| Error::input("--threads", "a number of threads that can be started", e.to_string()))?;
    let own = experiment.run.validation_episodes.or(|| VALIDATION_EPISODES) as u32;
    let round = Round {
        key: experiment.key(),
        number: (TEST_ROUND + 1).saturating_add(options.seed),
        phase: Phase::Test,
        repetitions: Some(options.episodes.unwrap_or(own).max(1)),
    };
    let path = dir.champion_json();
    let (assessed, senses, data) = pool.install(|| -> Result<_> {
        let ready = experiment.open()?;
        let assessed = ready
            .bound
            .assess(&champion.genome, &champion.evaluator, &round)
            .map_err(|e| Error::input(path.display(), "a champion of this experiment", e.to_string()))?;
        Ok((assessed, ready.bound.senses(), ready.data))
    })?;
    let measured = assessed.evaluation.result.as_ref().map_err(|failure| {
        Error::input(path.display(), "a champion that can be measured", failure.to_string())
    })?;
    let several = assessed.values.len() > 1;
    Ok(Replayed {
        mean: measured.objectives.to_vec(),
        std: several.then(|| assessed.standard_deviation()),
        numeric_level: level(),
        drift: drift(),
        maximize: senses.first() == Some(&Sense::Maximize),
        target: experiment.run.budgets().target,
        values: assessed.values,
        metrics: assessed.metrics,
        data,
        solution: champion.interface.is_none().then_some(champion.genome),
    })
}
