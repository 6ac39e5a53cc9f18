//! Throughput of a network's step on one core: `cargo bench -p evolvent-nets`. Each figure is the best of many
//! repetitions on the thread's own time.
#![allow(missing_docs, clippy::print_stdout)]

use evolvent_core::{Interface, Network, Output, Purpose, RunKey, Vector, stream};
use evolvent_nets::{Cell, Conv, Dense, NetworkConfig, Recurrent};
use std::hint::black_box;
use std::time::Instant;

/// Least seconds of one call of `f` over about `total` seconds of trying.
fn best(total: f64, mut f: impl FnMut()) -> f64 {
    f();
    let (mut least, begin) = (f64::INFINITY, Instant::now());
    while begin.elapsed().as_secs_f64() < total {
        let start = Instant::now();
        f();
        least = least.min(start.elapsed().as_secs_f64());
    }
    least
}

fn networks<C: NetworkConfig<Genome = Vector>>(
    config: &C,
    problem: &Interface,
    count: usize,
) -> Vec<C::Network> {
    let genes = config.genes(problem);
    (0..count)
        .map(|i| {
            let mut rng = stream(RunKey::from_seed(i as u64), 0, 0, 0, Purpose::Init);
            let genome: Vec<f32> = genes.sample(&mut rng).iter().map(|&x| x as f32).collect();
            let mut network = config.blank(problem);
            config.decode(&genome, &mut network).expect("a genome of its own genes");
            network
        })
        .collect()
}

/// Nanoseconds per network and lane, and the rate of multiply-adds, for groups of `group` distinct networks with
/// `episodes` lanes each that step so many times before the next group.
fn group<C: NetworkConfig<Genome = Vector>>(
    name: &str,
    config: &C,
    problem: &Interface,
    group: usize,
    episodes: usize,
    steps: usize,
) {
    let nets = networks(config, problem, group * 4);
    let lanes = group * episodes;
    let weights = config.genes(problem).dimension();
    let len = C::Network::group_scratch_len(&nets[..group], episodes);
    let mut scratch = vec![0.0; len];
    let mut state = vec![0.0; nets[0].state_len() * lanes];
    let x = vec![0.3; nets[0].inputs() * lanes];
    let mut y = vec![0.0; nets[0].outputs() * lanes];
    let seconds = best(0.5, || {
        for chunk in nets.chunks(group) {
            for _ in 0..steps {
                C::Network::forward_group(chunk, episodes, black_box(&x), &mut state, &mut y, &mut scratch);
                black_box(&mut y);
            }
        }
    });
    let per_lane = seconds / (4 * steps * lanes) as f64;
    println!(
        "{name:28} {group:4} networks x {episodes:4} lanes  {:9.1} ns each  {:6.1} G weights/s",
        per_lane * 1e9,
        weights as f64 / per_lane / 1e9
    );
}

fn main() {
    let control = Interface { input: vec![4], output: Output::Discrete(2) };
    let policy = Dense { hidden: vec![32, 32], ..Dense::default() };
    for size in [1, 2, 4, 6, 8, 12, 16, 24, 48] {
        group("dense 4-32-32-2", &policy, &control, size, 1, 200);
    }
    for episodes in [2, 4, 7, 8, 16, 32, 64, 512] {
        group("dense 4-32-32-2", &policy, &control, 1, episodes, 200);
    }
    let large = Interface { input: vec![24], output: Output::Values(4) };
    let walker = Dense { hidden: vec![64, 64], ..Dense::default() };
    for (size, episodes) in [(1, 1), (6, 1), (12, 1), (1, 8), (1, 16)] {
        group("dense 24-64-64-4", &walker, &large, size, episodes, 100);
    }
    for cell in [Cell::Elman, Cell::Gru, Cell::Lstm] {
        let config = Recurrent { cell, hidden: vec![32], ..Recurrent::default() };
        for (size, episodes) in [(1, 1), (12, 1), (1, 8), (1, 16)] {
            group(&format!("{cell:?} 4-32-2"), &config, &control, size, episodes, 100);
        }
    }
    let digits = Interface { input: vec![1, 28, 28], output: Output::Classes(10) };
    for (size, episodes) in [(1, 1), (1, 8), (1, 16), (1, 32), (1, 64), (1, 512)] {
        group("conv 8, 16 with pools, 28x28", &Conv::default(), &digits, size, episodes, 1);
    }
    let flat = Interface { input: vec![784], output: Output::Classes(10) };
    for (size, episodes) in [(1, 1), (1, 16), (1, 512)] {
        group("dense 784-32-10", &Dense::default(), &flat, size, episodes, 2);
    }
}
