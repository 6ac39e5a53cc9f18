//! Double pole balancing by CMA-ES, as in Stanley & Miikkulainen 2002 and Gomez, Schmidhuber & Miikkulainen 2008.
//!
//! *With velocities*: a linear policy of six observations and a bias; fitness is the number of steps balanced; solved by the first
//! evaluation that balances for 100,000 steps. *Without*: two fully recurrent neurons and an output; Gruau's fitness over 1000 steps;
//! solved when the best of a generation, if it balanced for those 1000 steps, balances for 100,000 and from at least 200 of the 625
//! starts of the generalisation test for 1000 each. Those tests are not counted as evaluations, as in the papers.

use crate::{
    arguments::Arguments,
    table::{self, count},
};
use evolvent_algos::{CmaEs, Restarts, VectorAlgorithm, restarts::Policy};
use evolvent_core::{
    Algorithm, Auto, Batch, Decoder, Diagnostics, Evaluation, Evaluator, Init, Network, Purpose, Round,
    RunKey, Scores, Start, Vector, stream,
};
use evolvent_math::{
    activation, par,
    rows::Rows,
    statistics::{bootstrap, mean, median, quantile},
};
use evolvent_nets::{Cell, Dense, NetworkConfig, Recurrent};
use evolvent_problems::environments::{DoublePole, DoublePoleFitness, Environment};
use evolvent_tasks::{Rollout, RolloutSettings, Simulation};

const LONG: u32 = 100_000;
const SHORT: u32 = 1_000;
const STARTS: usize = 200;

struct Solved {
    evaluations: u64,
    restarts: u64,
    /// Passed of the 625 starts.
    generalisation: usize,
}

pub(crate) fn reproduce(arguments: &Arguments) -> Result<(), String> {
    arguments.only(&["runs", "seed", "task"])?;
    let runs = arguments.number("runs", 50usize)?;
    let first = arguments.number("seed", 1u64)?;
    let task = arguments.text("task").unwrap_or("both");
    let header = ["velocities", "solved", "evaluations: median (95 % interval)", "mean", "least", "most"];
    let header = [&header[..], &["restarts, mean", "starts passed of 625, mean"]].concat();
    let mut rows = vec![header.into_iter().map(String::from).collect()];
    if task != "without" {
        let solved = par::map(runs, |i| with_velocities(first + i as u64));
        rows.push(row("yes", &solved));
    }
    if task != "with" {
        let solved = par::map(runs, |i| without_velocities(first + i as u64));
        rows.push(row("no", &solved));
    }
    println!("seeds {first} to {}\n", first + runs as u64 - 1);
    table::print(&rows);
    Ok(())
}

/// Runs that were not solved count as endless in the median, and are left out of the means.
fn row(name: &str, runs: &[Option<Solved>]) -> Vec<String> {
    let all: Vec<f64> =
        runs.iter().map(|r| r.as_ref().map_or(f64::INFINITY, |s| s.evaluations as f64)).collect();
    let solved: Vec<&Solved> = runs.iter().flatten().collect();
    let evaluations: Vec<f64> = solved.iter().map(|s| s.evaluations as f64).collect();
    let mut rng = stream(RunKey::from_seed(1), 0, 0, 0, Purpose::Bootstrap);
    let (low, high) = bootstrap(&all, median, 10_000, 0.95, &mut rng);
    let restarts: Vec<f64> = solved.iter().map(|s| s.restarts as f64).collect();
    let starts: Vec<f64> = solved.iter().map(|s| s.generalisation as f64).collect();
    vec![
        name.into(),
        format!("{} of {}", solved.len(), runs.len()),
        format!("{} ({} to {})", count(median(&all)), count(low), count(high)),
        count(mean(&evaluations)),
        count(quantile(&evaluations, 0.0)),
        count(quantile(&evaluations, 1.0)),
        format!("{:.2}", mean(&restarts)),
        format!("{:.0}", mean(&starts)),
    ]
}

/// The settings of `experiments/double_pole.toml`.
fn with_velocities(seed: u64) -> Option<Solved> {
    let dense =
        Dense { hidden: Vec::new(), output_initializer: Auto::Value(Init::Zeros), ..Dense::default() };
    let cma = CmaEs { sigma: Auto::Value(1.0), ..CmaEs::default() };
    let algorithm = Restarts {
        policy: Policy::SameSize,
        algorithm: Box::new(VectorAlgorithm::CmaEs(cma)),
        ..Restarts::default()
    };
    let pole = DoublePole::default();
    search(&algorithm, dense, pole, seed, 100_000, |_, losses| {
        let i = losses.iter().position(|&steps| -steps >= f64::from(LONG))?;
        Some((i, 0))
    })
}

/// The settings of `experiments/double_pole_no_velocities.toml`.
fn without_velocities(seed: u64) -> Option<Solved> {
    let recurrent = Recurrent {
        cell: Cell::Elman,
        hidden: vec![2],
        bias: false,
        initializer: Auto::Value(Init::Zeros),
        recurrent_initializer: Auto::Value(Init::Zeros),
        output_initializer: Auto::Value(Init::Zeros),
        ..Recurrent::default()
    };
    let cma = CmaEs { population_size: Auto::Value(16), sigma: Auto::Value(1.0), ..CmaEs::default() };
    let algorithm = Restarts {
        policy: Policy::SameSize,
        patience: Some(25),
        algorithm: Box::new(VectorAlgorithm::CmaEs(cma)),
        ..Restarts::default()
    };
    let pole = DoublePole { velocities: false, fitness: DoublePoleFitness::Gruau, ..DoublePole::default() };
    let decoder = recurrent.clone();
    search(&algorithm, recurrent, pole.clone(), seed, 40_000, |batch, losses| {
        let best = (0..losses.len()).min_by(|&a, &b| losses[a].total_cmp(&losses[b]))?;
        // 0.1·f₁ is 0.1 after 1000 steps, and f₂ adds to it.
        if -losses[best] < 0.1 {
            return None;
        }
        let mut genome = vec![0.0f32; batch.dimension()];
        batch.row_f32(best, &mut genome);
        let interface = pole.spec().interface;
        let mut network = decoder.blank(&interface);
        decoder.decode(&genome, &mut network).ok()?;
        let upright = [0.0, 0.0, pole.angle, 0.0, 0.0, 0.0];
        if balanced(&pole, &network, upright, LONG) < LONG {
            return None;
        }
        let passed = DoublePole::generalisation_starts()
            .filter(|&start| balanced(&pole, &network, start, SHORT) >= SHORT)
            .count();
        (passed >= STARTS).then_some((losses.len() - 1, passed))
    })
}

/// Steps that a policy balances from a state.
fn balanced(pole: &DoublePole, network: &impl Network, mut state: [f64; 6], most: u32) -> u32 {
    let mut memory = vec![0.0; network.state_len()];
    network.reset_state(&mut memory, 1, 0);
    let mut scratch = vec![0.0; network.scratch_len(1)];
    let mut raw = [0.0f32];
    for step in 0..most {
        let seen = pole.observe(&state);
        network.forward(1, &seen[..network.inputs()], &mut memory, &mut raw, &mut scratch);
        let action = activation::tanh(raw[0]);
        if pole.step(&mut state, [action]).terminated {
            return step;
        }
    }
    most
}

/// Asks, rolls out, tells, until `solved` names the member up to which evaluations count and what it passed.
fn search<D: NetworkConfig + Decoder<Genome = Vector>>(
    algorithm: &Restarts,
    decoder: D,
    pole: DoublePole,
    seed: u64,
    budget: u64,
    solved: impl Fn(&Batch<Vector>, &[f64]) -> Option<(usize, usize)>,
) -> Option<Solved> {
    let simulation = Simulation::of(pole.clone()).expect("the published parameters");
    let settings = RolloutSettings { episodes: 1, fixed_episodes: true, ..RolloutSettings::default() };
    let head = decoder.head(&pole.spec().interface);
    let rollout = Rollout::new(decoder, head, simulation, settings).expect("settings in their ranges");
    let (space, key, learned) = (rollout.space(), RunKey::from_seed(seed), rollout.initial_state());
    let mut rng = stream(key, 0, 0, 0, Purpose::Init);
    let mut state = algorithm.init(&space, &Start::Default, &mut rng).expect("settings in their ranges");
    let mut evaluations = 0;
    for number in 0.. {
        let batch = algorithm.ask(&mut state, &mut stream(key, number, 0, 0, Purpose::Ask));
        let round = Round::train(key, number);
        let results = rollout.evaluate(&learned, &batch, 0..batch.len(), &round);
        let mut results: Vec<Evaluation> = results.into_iter().map(|r| r.evaluation).collect();
        let scores = Scores::settle(&mut results, &space.senses, rollout.context(&round));
        let losses: Vec<f64> = (0..scores.len()).map(|i| scores.value(i)).collect();
        if let Some((last, generalisation)) = solved(&batch, &losses) {
            let mut diagnostics = Diagnostics::default();
            algorithm.diagnose(&state, &mut diagnostics);
            let restarts = diagnostics.0.iter().find(|d| d.0 == "restarts").map_or(0.0, |d| d.1);
            evaluations += last as u64 + 1;
            return (evaluations <= budget).then_some(Solved {
                evaluations,
                restarts: restarts as u64,
                generalisation,
            });
        }
        evaluations += batch.len() as u64;
        if evaluations >= budget {
            break;
        }
        algorithm.tell(&mut state, &batch, &scores, &mut stream(key, number, 0, 0, Purpose::Tell));
    }
    None
}
