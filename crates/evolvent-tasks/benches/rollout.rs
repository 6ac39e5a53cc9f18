//! Steps per second of rollouts: 256 distinct 4-32-32-2 tanh policies (inputs and outputs as the environment has them),
//! each with one environment that begins anew when an episode ends, 500 steps each, all counted, decoding of the
//! genomes included.
//!
//! Beside the figure stands what its parts take alone (environment, networks, the networks' activations) and the floor
//! that arithmetic sets: one fused multiply-add per weight at the machine's peak. Times are those of the thread's own
//! clock, so that other programs count little; only the column for two threads is by the clock on the wall.
//!
//! `cargo bench -p evolvent-tasks --bench rollout`
#![allow(clippy::print_stdout)]

use evolvent_core::{
    Batch, Decoder, Evaluator, Network, Output, Phase, Purpose, Round, RunKey, Vector, stream,
};
use evolvent_math::{activation, par};
use evolvent_nets::{Dense, NetworkConfig};
use evolvent_problems::environments::{Actions, AnyEnvironment, End};
use evolvent_tasks::{Rollout, RolloutSettings, Simulation};
use std::hint::black_box;
use std::time::Instant;

const POLICIES: usize = 256;
const STEPS: u32 = 500;
/// Lanes of the parts that are timed alone.
const LANES: usize = 24;

/// What time is read from.
#[derive(Clone, Copy)]
enum Clock {
    /// The time that this thread has worked.
    Own,
    /// The clock on the wall.
    Wall,
}

/// Nanoseconds per call: the least of many repetitions, because the machine has other things to do.
fn best(repetitions: usize, clock: Clock, mut work: impl FnMut()) -> f64 {
    let beginning = Instant::now();
    let now = || match clock {
        #[cfg(unix)]
        Clock::Own => {
            let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
            time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
        }
        _ => beginning.elapsed().as_secs_f64() * 1e9,
    };
    work();
    (0..repetitions)
        .map(|_| {
            let start = now();
            work();
            now() - start
        })
        .fold(f64::INFINITY, f64::min)
}

fn main() {
    // The shape of `cargo test --benches`: one pass to see that it runs.
    let quick = std::env::args().any(|a| a == "--test");
    let repetitions = if quick { 1 } else { 40 };
    println!(
        "{:<14} {:>9} {:>9} {:>9} | {:>11} {:>9} {:>11} {:>9}",
        "environment",
        "1 thread",
        "2 threads",
        "ns/step",
        "environment",
        "network",
        "activations",
        "arithmetic"
    );
    println!(
        "{:<14} {:>9} {:>9} {:>9} | alone, ns per step on one core",
        "", "M steps/s", "M steps/s", "1 thread"
    );
    for name in ["cart_pole", "pendulum", "acrobot", "mountain_car", "double_pole"] {
        row(name, repetitions);
    }
}

fn row(name: &str, repetitions: usize) {
    let environment = AnyEnvironment::find(name).expect("a listed environment");
    let dense = Dense { hidden: vec![32, 32], ..Dense::default() };
    let interface = environment.spec().interface;
    let settings = RolloutSettings { episodes: 1, steps: Some(STEPS), ..RolloutSettings::default() };
    let simulation = Simulation::listed(environment.clone()).expect("default parameters");
    let head = dense.head(&interface);
    let task = Rollout::new(dense.clone(), head, simulation, settings).expect("valid settings");
    let genes = dense.genes(&interface);
    let genomes: Vec<Vec<f64>> = (0..POLICIES as u64)
        .map(|i| genes.sample(&mut stream(RunKey::from_seed(1), 0, i, 0, Purpose::Init)))
        .collect();
    let batch = Batch::of(genomes.iter().cloned().map(Vector).collect());
    let round = Round::train(RunKey::from_seed(1), 0);
    let steps = POLICIES as f64 * f64::from(STEPS);
    let [one, two] = [(1, Clock::Own), (2, Clock::Wall)].map(|(threads, clock)| {
        let pool = par::Pool::new(threads).expect("threads");
        pool.install(|| {
            best(repetitions, clock, || {
                let results = task.evaluate(&task.initial_state(), &batch, 0..POLICIES, &round);
                assert_eq!(results[0].evaluation.cost.steps, u64::from(STEPS));
            })
        }) / steps
    });

    // The environment alone, with actions drawn beforehand.
    let mut simulator = environment.simulator(LANES, None);
    let reset = |lane: usize, episode: u64| {
        Round { phase: Phase::Train, ..round }.stream(lane as u64, episode, Purpose::Episode)
    };
    (0..LANES).for_each(|lane| simulator.reset(lane, &mut reset(lane, 0)));
    let mut rng = stream(RunKey::from_seed(2), 0, 0, 0, Purpose::Problem);
    let discrete: Vec<u32> =
        (0..LANES * 64).map(|_| rng.below(interface.output.len().max(1)) as u32).collect();
    let continuous: Vec<f32> = (0..LANES * 64).map(|_| rng.uniform_in(-1.0, 1.0) as f32).collect();
    let (mut rewards, mut ends) = ([0.0; LANES], [End::NONE; LANES]);
    let mut observations = vec![0.0; interface.inputs() * LANES];
    let alone = best(repetitions, Clock::Own, || {
        for t in 0..STEPS as usize {
            let begin = t % 60 * LANES;
            let actions = match &interface.output {
                Output::Discrete(_) => Actions::Discrete(&discrete[begin..begin + LANES]),
                _ => Actions::Continuous { values: &continuous[begin..begin + LANES], stride: LANES },
            };
            simulator.observe(0..LANES, &mut observations);
            simulator.step(actions, &mut rewards, &mut ends);
            for lane in End::over(&ends) {
                simulator.reset(lane, &mut reset(lane, t as u64));
            }
        }
    }) / (LANES as f64 * f64::from(STEPS));

    // The networks alone.
    let mut networks = vec![dense.blank(&interface); LANES];
    for (network, genome) in networks.iter_mut().zip(&genomes) {
        let genome: Vec<f32> = genome.iter().map(|&x| x as f32).collect();
        dense.decode(&genome, network).expect("the dimension of the layout");
    }
    let mut raw = vec![0.0; interface.output.len() * LANES];
    let mut scratch = vec![0.0; Network::group_scratch_len(&networks, 1)];
    let network = best(repetitions, Clock::Own, || {
        for _ in 0..STEPS {
            Network::forward_group(&networks, 1, black_box(&observations), &mut [], &mut raw, &mut scratch);
        }
    }) / (LANES as f64 * f64::from(STEPS));

    // Their activations alone: 64 neurons.
    let mut values: Vec<f32> = (0..64).map(|i| (i as f32 - 32.0) / 16.0).collect();
    let activations = best(repetitions, Clock::Own, || {
        for _ in 0..10_000 {
            activation::map(black_box(&mut values), activation::tanh);
        }
    }) / 10_000.0;

    // Two fused multiply-adds of eight numbers per cycle, at 3 GHz, one for each weight.
    let weights = genes.dimension() as f64;
    let arithmetic = weights / 16.0 / 3.0;
    println!(
        "{name:<14} {:>9.2} {:>9.2} {one:>9.1} | {alone:>11.1} {network:>9.1} {activations:>11.1} {arithmetic:>9.1}",
        1e3 / one,
        1e3 / two,
    );
}
