//! Doing the runs of a comparison.

use super::{Comparison, Contender, Trial};
use crate::{
    error::{Error, Result},
    experiment::Experiment,
    record::StoppedBy,
    registry::Registry,
    run_dir::{Destination, write_whole},
    runner::{self, Control},
};
use evolvent_core::Sense;
use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};
use toml::Value;

/// What to compare.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The experiment files.
    pub files: Vec<PathBuf>,
    /// Settings that are laid over every one.
    pub overrides: Vec<String>,
    /// Runs per file.
    pub repeats: u32,
    /// The first seed; further runs take the following ones.
    pub first_seed: u64,
    /// The directory for everything that is written.
    pub out: PathBuf,
    /// Whether what an earlier comparison left there is replaced.
    pub overwrite: bool,
}

/// Sees each run when it is done: the experiment's name and the run.
pub type Progress<'a> = &'a mut dyn FnMut(&str, &Trial);

/// Does all the runs, one after the other, and writes tables and plots, anew after each. `None` if it was interrupted.
///
/// # Errors
/// Anything wrong with a file, all of them read before the first run; experiments on different problems or targets; an
/// `out` that is in use; or what the system refuses.
pub fn compare(
    registry: &Registry,
    plan: &Plan,
    interrupt: &AtomicBool,
    progress: Progress<'_>,
) -> Result<Option<Comparison>> {
    let seeds: Vec<u64> =
        (0..u64::from(plan.repeats.max(1))).map(|i| plan.first_seed.wrapping_add(i)).collect();
    let read = |file: &Path, seed: u64| {
        let seeded = [&plan.overrides[..], &[format!("run.seed={seed}")]].concat();
        Experiment::load(registry, file, &seeded)
    };
    let first: Vec<Experiment> =
        plan.files.iter().map(|file| read(file, plan.first_seed)).collect::<Result<_>>()?;
    let mut sense = Sense::Minimize;
    for experiment in &first {
        // Begins and forgets: a mistake in the last file must not show after hours of runs.
        sense = experiment.start()?.facts().senses.first().copied().unwrap_or_default();
    }
    comparable(&plan.files, &first)?;
    free(&plan.out, plan.overwrite)?;

    let mut comparison = Comparison {
        problem: first[0].problem_name().into(),
        sense,
        target: first[0].run.target.get(),
        contenders: Vec::new(),
    };
    // Written first and after every run: what lies there is known for a comparison, whatever ends it.
    comparison.write(&plan.out)?;
    for (file, experiment) in plan.files.iter().zip(&first) {
        let name = unused(stem(file), &comparison.contenders);
        let algorithm = experiment.algorithm_name().into();
        comparison.contenders.push(Contender { name: name.clone(), algorithm, trials: Vec::new() });
        for &seed in &seeds {
            let run_dir = format!("{name}/seed-{seed}");
            let root = plan.out.join(&run_dir);
            let destination =
                if plan.overwrite { Destination::Overwrite(root) } else { Destination::Given(root) };
            let control = Control { observers: Vec::new(), interrupt };
            let summary = runner::run(&read(file, seed)?, &destination, control)?;
            let Some(finished) = summary.finished.filter(|f| f.stopped_by != StoppedBy::Interrupted) else {
                return Ok(None);
            };
            let trial = Trial::of(seed, run_dir, &finished);
            progress(&name, &trial);
            comparison.contenders.last_mut().expect("just added").trials.push(trial);
            comparison.write(&plan.out)?;
        }
    }
    Ok(Some(comparison))
}

impl Comparison {
    /// Writes `comparison.md`, `.csv`, `.json`, `.html` and `.svg` into a directory.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn write(&self, directory: &Path) -> Result<()> {
        fs::create_dir_all(directory).map_err(Error::io("create", directory))?;
        let json = serde_json::to_string_pretty(&self.json()).unwrap_or_default() + "\n";
        for (ending, text) in [
            ("md", self.markdown()),
            ("csv", self.csv()),
            ("json", json),
            ("html", self.html()),
            ("svg", self.svg()),
        ] {
            write_whole(&directory.join(format!("comparison.{ending}")), text.as_bytes())?;
        }
        Ok(())
    }
}

/// The experiment's name: its file's, without the ending.
fn stem(file: &Path) -> String {
    file.file_stem().map_or_else(|| "experiment".into(), |stem| stem.to_string_lossy().into_owned())
}

/// The name, with a number behind it if another experiment has it.
fn unused(name: String, others: &[Contender]) -> String {
    let taken = |name: &str| others.iter().any(|other| other.name == name);
    (1..)
        .map(|n| if n == 1 { name.clone() } else { format!("{name}-{n}") })
        .find(|name| !taken(name))
        .expect("some number is free")
}

/// Whether the experiments are about the same thing.
fn comparable(files: &[PathBuf], experiments: &[Experiment]) -> Result<()> {
    let Some((first, rest)) = experiments.split_first() else {
        return Err(Error::input("compare", "at least one experiment file", "none"));
    };
    let problem = |experiment: &Experiment| -> Result<Value> {
        Ok(experiment.tables()?.remove("problem").unwrap_or_else(|| Value::Table(toml::Table::new())))
    };
    let reference = problem(first)?;
    for (file, other) in files[1..].iter().zip(rest) {
        if let Some((key, expected, found)) = difference("problem", &reference, &problem(other)?) {
            let place = format!("{}: {key}", file.display());
            return Err(Error::input(place, format!("{expected}, as in {}", files[0].display()), found)
                .with_hint("only experiments on the same problem can be compared"));
        }
        let target = |experiment: &Experiment| {
            experiment.run.target.get().map_or_else(|| "none".into(), |target: f64| target.to_string())
        };
        if first.run.target != other.run.target {
            let place = format!("{}: run.target", file.display());
            let expected = format!("{}, as in {}", target(first), files[0].display());
            return Err(Error::input(place, expected, target(other))
                .with_hint("--set run.target=… lays one target over all files"));
        }
    }
    Ok(())
}

/// The first place where two values differ, and both sides of it.
fn difference(path: &str, a: &Value, b: &Value) -> Option<(String, String, String)> {
    match (a, b) {
        (Value::Table(a), Value::Table(b)) => {
            let keys = a.keys().chain(b.keys().filter(|key| !a.contains_key(*key)));
            keys.map(|key| (format!("{path}.{key}"), a.get(key), b.get(key))).find_map(|(path, a, b)| match (
                a, b,
            ) {
                (Some(a), Some(b)) => difference(&path, a, b),
                (a, b) => {
                    let text = |v: Option<&Value>| v.map_or_else(|| "nothing".into(), short);
                    Some((path, text(a), text(b)))
                }
            })
        }
        (a, b) if a == b => None,
        (a, b) => Some((path.into(), short(a), short(b))),
    }
}

fn short(value: &Value) -> String {
    match value {
        Value::Table(_) => "a table".into(),
        other => other.to_string(),
    }
}

/// Whether a directory may be written to.
fn free(out: &Path, overwrite: bool) -> Result<()> {
    let occupied = match fs::read_dir(out) {
        Ok(mut entries) => entries.next().is_some(),
        Err(e) => e.kind() != std::io::ErrorKind::NotFound,
    };
    if !occupied || (overwrite && out.join("comparison.json").is_file()) {
        return Ok(());
    }
    let error = Error::input(out.display(), "a new or empty directory", "one that is in use");
    Err(error.with_hint("give another --out, or --overwrite to replace the comparison there"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering;

    const SPHERE: &str = "[problem.sphere]\ndimension = 3\n[algorithm.de]\n[run]\ngenerations = 5\n";

    fn plan(directory: &Path, texts: &[&str]) -> Plan {
        let files = texts
            .iter()
            .enumerate()
            .map(|(i, text)| {
                let folder = directory.join(i.to_string());
                fs::create_dir_all(&folder).unwrap();
                fs::write(folder.join("x.toml"), text).unwrap();
                folder.join("x.toml")
            })
            .collect();
        Plan {
            files,
            overrides: vec!["run.threads=1".into()],
            repeats: 2,
            first_seed: 5,
            out: directory.join("out"),
            overwrite: false,
        }
    }

    #[test]
    fn all_runs_are_done_and_written() {
        let dir = tempfile::tempdir().unwrap();
        let random = SPHERE.replace("de", "random_search");
        let plan = plan(dir.path(), &[SPHERE, &random]);
        let mut seen = Vec::new();
        let never = AtomicBool::new(false);
        let comparison = compare(&Registry::builtin(), &plan, &never, &mut |name, trial| {
            seen.push(format!("{name} {}", trial.seed));
        });
        let comparison = comparison.unwrap().unwrap();
        assert_eq!(seen, ["x 5", "x 6", "x-2 5", "x-2 6"]);
        assert_eq!(comparison.contenders[1].algorithm, "random_search");
        let first = &comparison.contenders[0].trials;
        assert!(first[0].score != first[1].score, "seeds differ");
        assert!(plan.out.join("x-2/seed-6/champion.json").is_file());
        let error = compare(&Registry::builtin(), &plan, &never, &mut |_, _| {}).unwrap_err();
        assert!(error.to_string().contains("--overwrite"), "{error}");
        let again = Plan { overwrite: true, ..plan };
        let again = compare(&Registry::builtin(), &again, &never, &mut |_, _| {}).unwrap().unwrap();
        let scores = |c: &Comparison| -> Vec<_> {
            c.contenders.iter().flat_map(|c| &c.trials).map(|t| (t.seed, t.score, t.evaluations)).collect()
        };
        assert_eq!(scores(&again), scores(&comparison));
    }

    #[test]
    fn only_the_same_problem_is_compared() {
        let dir = tempfile::tempdir().unwrap();
        let never = AtomicBool::new(false);
        for (from, to, named) in [
            ("dimension = 3", "dimension = 4", "problem.sphere.dimension: expected 3"),
            ("problem.sphere", "problem.ackley", "problem.sphere"),
            ("generations = 5", "generations = 5\ntarget = 1.0", "run.target: expected none"),
        ] {
            let plan = plan(dir.path(), &[SPHERE, &SPHERE.replace(from, to)]);
            let error = compare(&Registry::builtin(), &plan, &never, &mut |_, _| {}).unwrap_err();
            assert!(error.to_string().contains(named), "{error}");
            assert!(!plan.out.exists());
        }
    }

    #[test]
    fn an_interrupted_comparison_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let interrupt = AtomicBool::new(false);
        let plan = plan(dir.path(), &[SPHERE]);
        let result = compare(&Registry::builtin(), &plan, &interrupt, &mut |_, _| {
            interrupt.store(true, Ordering::Relaxed);
        });
        assert!(result.unwrap().is_none());
        let table = fs::read_to_string(plan.out.join("comparison.json")).unwrap();
        let table: serde_json::Value = serde_json::from_str(&table).unwrap();
        assert!(table.to_string().contains("seed-5") && !table.to_string().contains("seed-6"), "{table}");
        // And it can be replaced, even where nothing was finished.
        let never = AtomicBool::new(false);
        let again = Plan { overwrite: true, ..plan };
        assert!(compare(&Registry::builtin(), &again, &never, &mut |_, _| {}).unwrap().is_some());
    }
}
