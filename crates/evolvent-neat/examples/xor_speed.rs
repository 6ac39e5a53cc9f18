//! Generations of NEAT per second on XOR, ask, evaluation and tell together: `cargo run --release -p evolvent-neat --example
//! xor_speed -- [POPULATION…] [--threads N] [--seconds S] [--preset NAME]`. One JSON object per population.
//!
//! The run goes on after XOR is solved. Members are evaluated in parallel, as the runner does.
#![allow(clippy::print_stdout, reason = "a command line tool")]

use evolvent_core::{
    Algorithm, Decoder, Evaluation, Interface, Network, Output, Purpose, RunKey, Scores, Sense, Space, Start,
    stream,
};
use evolvent_math::par::{self, Pool};
use evolvent_neat::{GraphDecoder, Neat, presets::Preset};
use evolvent_nets::Activation;
use std::time::Instant;

const INPUTS: [f32; 8] = [0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 1.0];
const TARGETS: [f32; 4] = [0.0, 1.0, 1.0, 0.0];
/// Members that a thread evaluates with one network.
const CHUNK: usize = 64;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| arguments.iter().position(|a| a == name).and_then(|i| arguments.get(i + 1));
    let threads = option("--threads").and_then(|n| n.parse().ok()).unwrap_or(0);
    let seconds: f64 = option("--seconds").and_then(|n| n.parse().ok()).unwrap_or(3.0);
    let preset: Preset = option("--preset")
        .and_then(|name| serde_json::from_str(&format!("\"{name}\"")).ok())
        .unwrap_or(Preset::Canonical);
    let given: Vec<usize> =
        arguments.iter().take_while(|a| !a.starts_with("--")).filter_map(|a| a.parse().ok()).collect();
    let populations = if given.is_empty() { vec![150, 1000, 10_000] } else { given };
    let pool = Pool::new(threads).expect("threads");
    for population in populations {
        println!("{}", pool.install(|| measure(population, preset, seconds)));
    }
}

/// Runs of 100 generations from fresh seeds until the time is over.
fn measure(population_size: usize, preset: Preset, seconds: f64) -> String {
    let neat = Neat { preset, population_size, ..Neat::default() };
    let decoder =
        GraphDecoder { uniform: true, output_activation: Activation::Sigmoid, ..GraphDecoder::default() };
    let interface = Interface { input: vec![2], output: Output::Values(1) };
    let mut space = Space::new(decoder.genes(&interface));
    space.senses = vec![Sense::Maximize];
    let (mut generations, mut species, mut parts) = (0u64, 0usize, [0.0f64; 3]);
    let begin = Instant::now();
    let mut seed = 0;
    while begin.elapsed().as_secs_f64() < seconds {
        let key = RunKey::from_seed(seed);
        seed += 1;
        let mut state =
            neat.init(&space, &Start::Default, &mut stream(key, 0, 0, 0, Purpose::Init)).expect("sound");
        for round in 0..100 {
            let at = Instant::now();
            let batch = neat.ask(&mut state, &mut stream(key, round, 0, 0, Purpose::Ask));
            parts[0] += at.elapsed().as_secs_f64();
            let at = Instant::now();
            let chunks = par::map(batch.members.len().div_ceil(CHUNK), |i| {
                let mut network = decoder.blank(&interface);
                let mut scratch = Vec::new();
                let members = &batch.members[i * CHUNK..((i + 1) * CHUNK).min(batch.members.len())];
                let fitness = members.iter().map(|graph| {
                    decoder.decode(graph, &mut network).expect("own genomes decode");
                    scratch.resize(network.scratch_len(4), 0.0);
                    let mut y = [0.0; 4];
                    network.forward(4, &INPUTS, &mut [], &mut y, &mut scratch);
                    let error: f64 = y.iter().zip(TARGETS).map(|(&y, t)| f64::from((t - y).abs())).sum();
                    Evaluation::of((4.0 - error) * (4.0 - error))
                });
                fitness.collect::<Vec<Evaluation>>()
            });
            let mut results: Vec<Evaluation> = chunks.into_iter().flatten().collect();
            let scores = Scores::settle(&mut results, &space.senses, 0);
            parts[1] += at.elapsed().as_secs_f64();
            let at = Instant::now();
            neat.tell(&mut state, &batch, &scores, &mut stream(key, round, 0, 0, Purpose::Tell));
            parts[2] += at.elapsed().as_secs_f64();
            generations += 1;
            species += state.species();
            if begin.elapsed().as_secs_f64() >= seconds {
                break;
            }
        }
    }
    let total = begin.elapsed().as_secs_f64();
    let share = parts.map(|p| (100.0 * p / total).round());
    format!(
        "{{\"population\": {population_size}, \"generations_per_second\": {:.2}, \"generations\": {generations}, \
         \"mean_species\": {:.1}, \"percent_ask_evaluate_tell\": [{}, {}, {}]}}",
        generations as f64 / total,
        species as f64 / generations as f64,
        share[0],
        share[1],
        share[2]
    )
}
