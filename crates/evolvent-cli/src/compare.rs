//! `compare`: several experiments on one problem.

use crate::{Context, DONE, INTERRUPTED, arguments, done, progress::say, run::interrupt};
use evolvent_run::{
    Result,
    compare::{Plan, Trial, compare},
    figures::{count, duration, significant},
};
use std::{fs, path::PathBuf};

impl Context<'_> {
    pub(crate) fn compare(&self, arguments: &arguments::Compare) -> Result<u8> {
        let mut overrides = arguments.set.clone();
        overrides.extend(arguments.threads.map(|threads| format!("run.threads={threads}")));
        let plan = Plan {
            out: arguments.out.clone().unwrap_or_else(|| unused(&arguments.files)),
            files: arguments.files.clone(),
            overrides,
            repeats: arguments.repeats,
            first_seed: arguments.seed,
            overwrite: arguments.overwrite,
        };
        let interrupt = interrupt();
        let total = plan.files.len() * plan.repeats as usize;
        let mut finished = 0;
        let mut progress = |name: &str, trial: &Trial| {
            finished += 1;
            if !arguments.quiet {
                say(&format!("{finished}/{total}  {name}  {}", line(trial)));
            }
        };
        let Some(comparison) = compare(self.registry, &plan, &interrupt, &mut progress)? else {
            say(&format!(
                "interrupted after {finished} of {total} runs; what they found is in {}",
                plan.out.display()
            ));
            return Ok(INTERRUPTED);
        };
        if arguments.json {
            return done(&(comparison.json().to_string() + "\n"));
        }
        if !arguments.quiet {
            say("");
        }
        done(&comparison.text())?;
        let page = plan.out.join("comparison.html");
        say(&format!("\nreport  {}", page.display()));
        // The run that did best is the one to look at next.
        let all = comparison.contenders.iter().flat_map(|contender| &contender.trials);
        if let Some(best) = all.min_by(|a, b| comparison.compare(a, b)) {
            self.suggest("show", &plan.out.join(&best.run_dir).display().to_string(), "");
        }
        Ok(DONE)
    }
}

fn line(trial: &Trial) -> String {
    let outcome = if trial.solved { "solved".into() } else { format!("ended by {}", trial.stopped_by) };
    let score = trial.score.map_or_else(|| "no score".into(), |score| significant(score, 5));
    format!(
        "seed {}: {outcome} after {} evaluations in {}, {score}",
        trial.seed,
        count(trial.evaluations),
        duration(trial.seconds)
    )
}

/// `runs/compare-STEM`, or with a number behind it.
fn unused(files: &[PathBuf]) -> PathBuf {
    let stem =
        files.first().and_then(|file| file.file_stem()).map(|stem| stem.to_string_lossy().into_owned());
    let name = format!("compare-{}", stem.unwrap_or_default());
    (1u64..)
        .map(|n| PathBuf::from("runs").join(if n == 1 { name.clone() } else { format!("{name}-{n}") }))
        .find(|path| fs::symlink_metadata(path).is_err())
        .expect("some number is free")
}
