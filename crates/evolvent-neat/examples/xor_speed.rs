//! Generations of NEAT per second on XOR, ask, evaluation and tell together: `cargo run --release -p evolvent-neat --example
//! xor_speed -- [POPULATION…] [--threads N] [--seconds S] [--preset NAME] [--runs N]`. One JSON object per population.
//!
//! The run goes on after XOR is solved. Members are evaluated in parallel, as the runner does. With `--runs N` it tells instead how
//! many of N runs solved XOR (all four outputs on the right side of one half) within 300 generations, and the median seconds that
//! they took; unsolved ones count as the longest.
#![allow(clippy::print_stdout, reason = "a command line tool")]

use evolvent_core::{
    Algorithm, Decoder, Evaluation, Interface, Network, Output, Purpose, RunKey, Scores, Sense, Space, Start,
    stream,
};
use evolvent_math::par::{self, Pool};
use evolvent_neat::{Graph, GraphDecoder, Neat, NeatState, presets::Preset};
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
    let runs: Option<u64> = option("--runs").and_then(|n| n.parse().ok());
    let preset: Preset = option("--preset")
        .and_then(|name| serde_json::from_str(&format!("\"{name}\"")).ok())
        .unwrap_or(Preset::Canonical);
    let given: Vec<usize> =
        arguments.iter().take_while(|a| !a.starts_with("--")).filter_map(|a| a.parse().ok()).collect();
    let populations = if given.is_empty() { vec![150, 1000, 10_000] } else { given };
    let pool = Pool::new(threads).expect("threads");
    for population_size in populations {
        let xor = Xor::new(Neat { preset, population_size, ..Neat::default() });
        println!("{}", pool.install(|| runs.map_or_else(|| xor.speed(seconds), |n| xor.solutions(n))));
    }
}

struct Xor {
    neat: Neat,
    decoder: GraphDecoder,
    interface: Interface,
    space: Space<Graph>,
}

impl Xor {
    fn new(neat: Neat) -> Self {
        let decoder =
            GraphDecoder { uniform: true, output_activation: Activation::Sigmoid, ..GraphDecoder::default() };
        let interface = Interface { input: vec![2], output: Output::Values(1) };
        let mut space = Space::new(decoder.genes(&interface));
        space.senses = vec![Sense::Maximize];
        Xor { neat, decoder, interface, space }
    }

    fn begin(&self, key: RunKey) -> NeatState {
        let mut rng = stream(key, 0, 0, 0, Purpose::Init);
        self.neat.init(&self.space, &Start::Default, &mut rng).expect("sound")
    }

    /// One generation; whether somebody solves XOR. Adds the seconds of ask, evaluation and tell to `parts`.
    fn generation(&self, state: &mut NeatState, key: RunKey, round: u64, parts: &mut [f64; 3]) -> bool {
        let at = Instant::now();
        let batch = self.neat.ask(state, &mut stream(key, round, 0, 0, Purpose::Ask));
        parts[0] += at.elapsed().as_secs_f64();
        let at = Instant::now();
        let chunks = par::map(batch.members.len().div_ceil(CHUNK), |i| {
            let mut network = self.decoder.blank(&self.interface);
            let mut scratch = Vec::new();
            let mut solved = false;
            let members = &batch.members[i * CHUNK..((i + 1) * CHUNK).min(batch.members.len())];
            let fitness = members.iter().map(|graph| {
                self.decoder.decode(graph, &mut network).expect("own genomes decode");
                scratch.resize(network.scratch_len(4), 0.0);
                let mut y = [0.0; 4];
                network.forward(4, &INPUTS, &mut [], &mut y, &mut scratch);
                solved |= y.iter().zip(TARGETS).all(|(&y, t)| (y > 0.5) == (t > 0.5));
                let error: f64 = y.iter().zip(TARGETS).map(|(&y, t)| f64::from((t - y).abs())).sum();
                Evaluation::of((4.0 - error) * (4.0 - error))
            });
            (fitness.collect::<Vec<Evaluation>>(), solved)
        });
        let solved = chunks.iter().any(|(_, solved)| *solved);
        let mut results: Vec<Evaluation> = chunks.into_iter().flat_map(|(fitness, _)| fitness).collect();
        let scores = Scores::settle(&mut results, &self.space.senses, 0);
        parts[1] += at.elapsed().as_secs_f64();
        let at = Instant::now();
        self.neat.tell(state, &batch, &scores, &mut stream(key, round, 0, 0, Purpose::Tell));
        parts[2] += at.elapsed().as_secs_f64();
        solved
    }

    /// Runs of 100 generations from fresh seeds until the time is over.
    fn speed(&self, seconds: f64) -> String {
        let (mut generations, mut species, mut parts) = (0u64, 0usize, [0.0f64; 3]);
        let begin = Instant::now();
        let mut seed = 0;
        while begin.elapsed().as_secs_f64() < seconds {
            let key = RunKey::from_seed(seed);
            seed += 1;
            let mut state = self.begin(key);
            for round in 0..100 {
                self.generation(&mut state, key, round, &mut parts);
                generations += 1;
                species += state.species();
                if begin.elapsed().as_secs_f64() >= seconds {
                    break;
                }
            }
        }
        let total = begin.elapsed().as_secs_f64();
        let (rate, share) = (generations as f64 / total, parts.map(|p| (100.0 * p / total).round()));
        format!(
            "{{\"population\": {}, \"generations_per_second\": {rate:.2}, \"evaluations_per_second\": {:.0}, \
             \"mean_species\": {:.1}, \"percent_ask_evaluate_tell\": [{}, {}, {}]}}",
            self.neat.population_size,
            rate * self.neat.population_size as f64,
            species as f64 / generations as f64,
            share[0],
            share[1],
            share[2]
        )
    }

    fn solutions(&self, runs: u64) -> String {
        let mut taken: Vec<(bool, f64)> = (0..runs)
            .map(|seed| {
                let (begin, key) = (Instant::now(), RunKey::from_seed(seed));
                let mut state = self.begin(key);
                let solved = (0..300).any(|round| self.generation(&mut state, key, round, &mut [0.0; 3]));
                (solved, begin.elapsed().as_secs_f64())
            })
            .collect();
        let solved = taken.iter().filter(|t| t.0).count();
        taken.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.total_cmp(&b.1)));
        let median = taken.get(taken.len() / 2).map_or(0.0, |t| t.1);
        format!("{{\"runs\": {runs}, \"solved\": {solved}, \"median_seconds\": {median:.6}}}")
    }
}
