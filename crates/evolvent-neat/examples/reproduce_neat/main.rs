//! The experiments of Stanley & Miikkulainen 2002: `cargo run --release -p evolvent-neat --example reproduce_neat -- PART [--runs N] [--first-seed S]
//! [--threads N] [--power P]`, which prints Markdown. PART: xor, double-pole, double-pole-no-velocities, ablations. P is the range of weight changes and new
//! weights, in place of each row's own.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool")]

mod double_pole;
mod report;
mod search;
mod xor;

use evolvent_core::Auto;
use evolvent_math::par::Pool;
use evolvent_neat::Neat;
use std::process::ExitCode;

/// What every part is told.
pub(crate) struct Settings {
    /// Runs of each row; 0 for the number that the issue asks for.
    runs: u64,
    /// Seeds are this and the following.
    first_seed: u64,
    /// Range of weight changes and new weights; 0 for each row's own.
    power: f64,
}

impl Settings {
    fn seeds(&self, default: u64) -> std::ops::Range<u64> {
        let runs = if self.runs == 0 { default } else { self.runs };
        self.first_seed..self.first_seed + runs
    }

    fn adapt(&self, mut neat: Neat) -> Neat {
        if self.power > 0.0 {
            neat.mutation.power = Auto::Value(self.power);
            neat.mutation.redraw = Auto::Value(self.power);
        }
        neat
    }
}

fn main() -> ExitCode {
    match run(std::env::args().skip(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!(
                "{message}\nreproduce xor|double-pole|double-pole-no-velocities|ablations [--runs N] [--first-seed S] [--threads N]"
            );
            ExitCode::FAILURE
        }
    }
}

fn run(mut arguments: impl Iterator<Item = String>) -> Result<(), String> {
    let part = arguments.next().unwrap_or_default();
    let (mut settings, mut threads) = (Settings { runs: 0, first_seed: 0, power: 0.0 }, 0);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or(format!("{name} needs a value"))?;
        let number: f64 = value.parse().map_err(|_| format!("{name} {value}: a number is needed"))?;
        match name.as_str() {
            "--runs" => settings.runs = number as u64,
            "--first-seed" => settings.first_seed = number as u64,
            "--threads" => threads = number as usize,
            "--power" => settings.power = number,
            _ => return Err(format!("unknown option {name}")),
        }
    }
    let part = match part.as_str() {
        "xor" => xor::report,
        "double-pole" => double_pole::velocities,
        "double-pole-no-velocities" => double_pole::no_velocities,
        "ablations" => double_pole::ablations,
        _ => return Err(format!("unknown part {part:?}")),
    };
    let pool = Pool::new(threads).map_err(|e| e.to_string())?;
    print!("{}", pool.install(|| part(&settings)));
    Ok(())
}
