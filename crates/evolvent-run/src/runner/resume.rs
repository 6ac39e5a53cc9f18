//! Going on with a run that was interrupted, or that has a larger budget now.

use super::{Control, EVENTS, Running, Summary, pool};
use crate::{
    checkpoint,
    error::{Error, Result},
    experiment::{Experiment, drift, level},
    lineage,
    observer::RecordFile,
    registry::Registry,
    report::shell_word,
    run_dir::{RunDir, write_whole},
    schedule::Progress,
    session::Totals,
    settings::Budgets,
};
use std::{
    fs::{self, File},
    path::Path,
    time::Instant,
};

/// Continues a run as if it had never been interrupted. `changes` may raise budgets, the target, threads and the like.
///
/// # Errors
/// If there is no run, if its files cannot be trusted, or if a change would make it another run.
pub fn resume(
    registry: &Registry,
    dir: &RunDir,
    changes: &[String],
    control: Control<'_>,
) -> Result<Summary> {
    let clock = Instant::now();
    let path = dir.resolved();
    let text = fs::read_to_string(&path).map_err(Error::reading(&path, "a resolved experiment"))?;
    let experiment = Experiment::parse(registry, &path.display().to_string(), &text, changes)?;
    let original = Experiment::parse(registry, &path.display().to_string(), &text, &[])?;
    if experiment.fingerprint()? != original.fingerprint()? {
        let found = changes.join(", ");
        return Err(Error::input("--set", "a change of budgets, target, threads or checkpoints", found)
            .with_hint(format!(
                "anything else makes another run: `evolvent run {} --set …` begins one",
                shell_word(&path.display().to_string())
            )));
    }
    same_level(&experiment, &path)?;
    let _lock = dir.lock()?;
    dir.sweep()?;
    let checkpoints = dir.checkpoints();
    checkpoint::sweep(&checkpoints)?;
    let saved = checkpoint::latest(&checkpoints)?;
    let fingerprint = experiment.fingerprint()?;
    if let Some(saved) = &saved
        && saved.header.experiment != fingerprint
    {
        return Err(Error::input(
            saved.path.display(),
            "a checkpoint of the experiment in resolved.toml",
            "one of another experiment",
        ));
    }
    let pool = pool(&experiment)?;
    let mut begun = pool.install(|| experiment.begin())?;
    let facts = begun.session.facts();
    let mut progress = Progress::default();
    if let Some(saved) = &saved {
        if saved.header.data != begun.checksum {
            let found = "other data under the same settings: a file was changed since";
            return Err(Error::input(path.display(), "the data that the run began with", found)
                .with_hint("put them back, or begin a new run from resolved.toml"));
        }
        begun.session.restore(saved)?;
        progress = saved.part("progress")?;
        let (own, new) = (original.run.budgets(), experiment.run.budgets());
        not_below(&begun.session.totals(), &own, &new)?;
    }
    // Where nothing was saved yet, the run begins again: the seed is in resolved.toml.
    cut_back(dir, saved.as_ref().map_or(&[], |s| &s.header.records))?;
    if !changes.is_empty() {
        write_whole(&path, experiment.resolved(&facts)?.as_bytes())?;
    }
    let fresh = saved.is_none();
    let mut running = Running::new(&experiment, begun, dir.clone(), control, pool, clock, progress)?;
    let begun_again = fresh.then(|| "nothing was saved before the run ended: it begins again".to_owned());
    running.announce(begun_again.into_iter().chain(drift()).collect())?;
    if fresh {
        running.start()?;
    }
    running.drive()
}

/// A budget that is changed must leave room for what was done.
fn not_below(done: &Totals, own: &Budgets, new: &Budgets) -> Result<()> {
    for (key, own, new, done) in [
        ("generations", own.generations, new.generations, done.generations),
        ("evaluations", own.evaluations, new.evaluations, done.evaluations),
        ("episodes", own.episodes, new.episodes, done.cost.episodes),
        ("steps", own.steps, new.steps, done.cost.steps),
    ] {
        if let Some(budget) = new.filter(|&budget| new != own && budget < done) {
            let expected = format!("at least the {done} that are done");
            return Err(Error::input(format!("run.{key}"), expected, budget.to_string()));
        }
    }
    Ok(())
}

/// Bits of another numeric level would not continue those of the run.
fn same_level(experiment: &Experiment, path: &Path) -> Result<()> {
    let Some(written) = &experiment.written_by else { return Ok(()) };
    let own = level();
    if written.numeric_level != own {
        let hint = match drift() {
            Some(drift) => format!("continue on the machine that began it: {drift}"),
            None => format!("continue with evolvent {}", written.evolvent),
        };
        return Err(Error::input(
            path.display(),
            format!("a run of numeric level {own}, which this program keeps on this machine"),
            format!("one of level {} by evolvent {}", written.numeric_level, written.evolvent),
        )
        .with_hint(hint));
    }
    Ok(())
}

/// Cuts record files back to a checkpoint; what it does not know is removed.
fn cut_back(dir: &RunDir, records: &[RecordFile]) -> Result<()> {
    let events = RecordFile { path: EVENTS.into(), bytes: 0 };
    let known = |path: &str| records.iter().find(|r| r.path == path);
    for record in records.iter().chain((known(EVENTS).is_none()).then_some(&events)) {
        let inside =
            Path::new(&record.path).components().all(|c| matches!(c, std::path::Component::Normal(_)));
        let path = dir.root().join(&record.path);
        if !inside {
            return Err(Error::input(
                path.display(),
                "a record file inside the run directory",
                "one outside",
            ));
        }
        let file = File::options().write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(Error::io("open", &path))?;
        let length = file.metadata().map_err(Error::io("read", &path))?.len();
        if length < record.bytes {
            return Err(Error::input(
                path.display(),
                format!("at least the {} bytes that it had at the last checkpoint", record.bytes),
                format!("{length} bytes"),
            ));
        }
        file.set_len(record.bytes).map_err(Error::io("shorten", &path))?;
    }
    let lineage = dir.root().join(lineage::FILE);
    if known(lineage::FILE).is_none() && lineage.exists() {
        fs::remove_file(&lineage).map_err(Error::io("remove", &lineage))?;
    }
    if let Ok(entries) = fs::read_dir(dir.tensorboard()) {
        for entry in entries.flatten() {
            let name = format!("tensorboard/{}", entry.file_name().to_string_lossy());
            if known(&name).is_none() {
                fs::remove_file(entry.path()).map_err(Error::io("remove", &entry.path()))?;
            }
        }
    }
    Ok(())
}
