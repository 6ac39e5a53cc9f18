//! Reproduction tables: `cargo xtask reproduce NAME`.

use crate::{Outcome, cargo, run};

/// The five classic-control tasks, each by the two algorithms.
const CLASSIC_CONTROL: [&str; 5] =
    ["cartpole", "mountain_car", "mountain_car_continuous", "acrobot", "pendulum"];
const REPEATS: &str = "20";

/// Those that are comparisons of shipped experiments run the binary; the others are parts of one program, which says
/// itself what it can do.
pub(crate) fn reproduce(arguments: Vec<String>) -> Outcome {
    if arguments.first().map(String::as_str) == Some("classic-control") {
        return classic_control();
    }
    let mut command = cargo("run --locked --release --quiet -p evolvent-tasks --example reproduce --");
    run(command.args(arguments))
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
