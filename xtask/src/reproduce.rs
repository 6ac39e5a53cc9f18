//! Reproduction tables: `cargo xtask reproduce NAME`.

use crate::{Outcome, cargo, run};

/// The five classic-control tasks, each by the two algorithms.
const CLASSIC_CONTROL: [&str; 5] =
    ["cartpole", "mountain_car", "mountain_car_continuous", "acrobot", "pendulum"];
const REPEATS: &str = "20";

/// The tables of `results/neat.md`.
const NEAT: [&str; 4] = ["xor", "double-pole", "double-pole-no-velocities", "ablations"];

/// Those that are comparisons of shipped experiments run the binary; the others are parts of two programs, which say
/// themselves what they can do.
pub(crate) fn reproduce(arguments: Vec<String>) -> Outcome {
    if arguments.first().map(String::as_str) == Some("classic-control") {
        return classic_control();
    }
    if arguments.first().map(String::as_str) == Some("neat") {
        return neat(&arguments[1..]);
    }
    let mut command = cargo("run --locked --release --quiet -p evolvent-tasks --example reproduce --");
    run(command.args(arguments))
}

/// One table with its options, or all.
fn neat(arguments: &[String]) -> Outcome {
    let program = || cargo("run --locked --release --quiet -p evolvent-neat --example reproduce_neat --");
    if !arguments.is_empty() {
        return run(program().args(arguments));
    }
    NEAT.iter().try_for_each(|part| run(program().arg(part)))
}

fn classic_control() -> Outcome {
    for task in CLASSIC_CONTROL {
        let mut command = cargo("run --locked --release --quiet -p evolvent -- compare");
        command.arg(format!("experiments/{task}.toml"));
        command.arg(format!("experiments/deep_ga/{task}_deep_ga.toml"));
        command.args(["--repeats", REPEATS, "--quiet", "--overwrite", "--out"]);
        run(command.arg(format!("runs/classic-control-{task}")))?;
    }
    Ok(())
}
