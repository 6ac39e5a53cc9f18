//! Reproductions: published or measured figures, and ours beside them, as tables for `results/`.
//!
//! `cargo xtask reproduce NAME` builds this in the release profile and runs it; without a name it lists what there is. Every
//! figure depends on seeds alone, which the tables name.

#![allow(clippy::print_stdout, clippy::print_stderr)] // a command line tool

mod arguments;
mod bbob;
mod double_pole;
mod table;

use arguments::Arguments;
use evolvent_math::par::Pool;
use std::process::ExitCode;

const USAGE: &str = "\
reproduce NAME [--OPTION VALUE]…          --threads N in all of them

  bbob             IPOP-CMA-ES on BBOB: expected running times
                   --functions 1,2,8,10,11,15  --dimensions 5,20  --batches 10  --runs FILE  --peer FILE
  bbob-suite       all 24 functions, 15 instances, dimension 5, budget 10,000·D
  double-pole      CMA-ES on double pole balancing, with and without velocities
                   --runs 50  --seed 1  --task both|with|without
  classic-control  open_es and deep_ga on five tasks, 20 seeds each (through `cargo xtask`)
";

fn reproduce(name: &str, arguments: &Arguments) -> Result<(), String> {
    match name {
        "bbob" => bbob::expected_running_times(arguments),
        "bbob-suite" => bbob::suite(arguments),
        "double-pole" => double_pole::reproduce(arguments),
        _ => Err(USAGE.into()),
    }
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_default();
    let done = Arguments::parse(arguments).and_then(|arguments| {
        let pool = Pool::new(arguments.number("threads", 0)?).map_err(|e| e.to_string())?;
        pool.install(|| reproduce(&name, &arguments))
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}
