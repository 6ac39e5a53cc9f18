//! Generations per second of the crates `radiate` and `neat` on XOR, past the solution, in runs of 100 generations:
//! `neat-crates radiate|neat POPULATION [--seconds S]`. Prints one JSON line: generations and evaluations per second, mean species.
//!
//! With `--runs N` it tells instead how many of N runs solved XOR (all four outputs on the right side of one half) within 300
//! generations, and the median seconds that they took; unsolved ones count as the longest.
//!
//! `radiate`: operations and rates of its XOR example, the distance of its NEAT example and a target of 20 species, as ours has; the
//! faster of its serial and its parallel executor. Of a generation it evaluates those that changed alone. `neat`: its defaults; it
//! has no speciation, for its networks do not implement the trait that its own library asks for.

use radiate::{graphs::NeatDistance, prelude::*};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

const CASES: [([f32; 2], f32); 4] =
    [([0.0, 0.0], 0.0), ([0.0, 1.0], 1.0), ([1.0, 0.0], 1.0), ([1.0, 1.0], 0.0)];
const GENERATIONS: usize = 100;
const LONGEST: usize = 300;
static EVALUATIONS: AtomicU64 = AtomicU64::new(0);

/// What happens to a run.
#[derive(Clone, Copy, PartialEq)]
enum Then {
    Nothing,
    /// 1 if the best solves XOR.
    Judge,
    /// The number of species.
    Count,
}

/// A generation each time it is called, and what is asked of it then.
type Run = Box<dyn FnMut(Then) -> usize>;

fn squared_error(mut output: impl FnMut(&[f32; 2]) -> f32) -> f32 {
    EVALUATIONS.fetch_add(1, Relaxed);
    CASES.iter().map(|(x, t)| (output(x) - t).powi(2)).sum()
}

fn solved(mut output: impl FnMut(&[f32; 2]) -> f32) -> usize {
    usize::from(CASES.iter().all(|(x, t)| (output(x) > 0.5) == (*t > 0.5)))
}

fn radiate_run(population: usize, seed: u64, parallel: bool) -> Run {
    random_provider::seed(seed);
    let store = vec![
        (NodeType::Input, vec![Op::var(0), Op::var(1)]),
        (NodeType::Edge, vec![Op::weight(), Op::identity()]),
        (NodeType::Vertex, vec![Op::add(), Op::sub(), Op::mul(), Op::div(), Op::linear(), Op::sigmoid()]),
        (NodeType::Output, vec![Op::sigmoid()]),
    ];
    let builder = GeneticEngine::builder()
        .codec(GraphCodec::directed(2, 1, store))
        .fitness_fn(|graph: Graph<Op<f32>>| {
            EVALUATIONS.fetch_add(1, Relaxed);
            let mut evaluator = GraphEvaluator::new(&graph);
            CASES.iter().map(|(x, t)| (evaluator.eval_mut(x)[0] - t).powi(2)).sum::<f32>()
        })
        .minimizing()
        .population_size(population)
        .diversity(NeatDistance::new(1.0, 1.0, 3.0))
        .target_species(20)
        .alter(alters!(
            GraphCrossover::new(0.5, 0.5),
            OperationMutator::new(0.05, 0.05),
            GraphMutator::new(0.06, 0.01).allow_recurrent(false)
        ));
    let mut engine = if parallel { builder.parallel() } else { builder }.build();
    engine.start();
    Box::new(move |then| {
        // not by its iterator, which copies the population each generation
        engine.step().expect("a generation");
        let generation = GenerationView::new(engine.context());
        match then {
            Then::Nothing => 0,
            Then::Count => generation.species().map_or(0, |all| all.len()),
            Then::Judge => {
                let mut evaluator = GraphEvaluator::new(generation.value());
                solved(|x| evaluator.eval_mut(x)[0])
            }
        }
    })
}

fn neat_run(population: usize) -> Run {
    use neat::*;
    type Net = NeuralNetwork<2, 1>;
    let mut sim = GeneticSim::new(
        Vec::gen_random(&mut rand::rng(), population),
        FitnessEliminator::new_without_observer(|net: &Net| 4.0 - squared_error(|x| net.predict(*x)[0])),
        CrossoverRepopulator::new(0.25, ReproductionSettings::default()),
    );
    Box::new(move |then| {
        sim.next_generation();
        match then {
            Then::Nothing => 0,
            Then::Count => 1,
            // survivors stand first, the fittest in front
            Then::Judge => solved(|x| sim.genomes[0].predict(*x)[0]),
        }
    })
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| -> Option<f64> {
        arguments.iter().position(|a| a == name).and_then(|i| arguments.get(i + 1)?.parse().ok())
    };
    let population: usize = arguments.get(1).and_then(|a| a.parse().ok()).expect("a population");
    let seconds = option("--seconds").unwrap_or(6.0);
    let run = |seed: u64, parallel: bool| match arguments[0].as_str() {
        "radiate" => radiate_run(population, seed, parallel),
        "neat" => neat_run(population),
        other => panic!("radiate or neat, not {other}"),
    };
    let parallel: &[bool] = if arguments[0] == "radiate" { &[false, true] } else { &[true] };
    if let Some(runs) = option("--runs") {
        let mut taken: Vec<(bool, f64)> = Vec::new();
        for seed in 0..runs as u64 {
            let begin = Instant::now();
            let mut next = run(seed, false);
            let solved = (0..LONGEST).any(|_| next(Then::Judge) == 1);
            taken.push((solved, begin.elapsed().as_secs_f64()));
        }
        let solved = taken.iter().filter(|t| t.0).count();
        taken.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.total_cmp(&b.1)));
        let median = taken[taken.len() / 2].1;
        return println!(r#"{{"runs": {}, "solved": {solved}, "median_seconds": {median:.6}}}"#, taken.len());
    }
    // Species are counted beforehand, which takes time.
    let mut next = run(0, false);
    let species: usize = (0..GENERATIONS).map(|_| next(Then::Count)).sum();
    let mut fastest = (0.0, 0.0);
    for &parallel in parallel {
        let (mut generations, mut seed) = (0u64, 0);
        EVALUATIONS.store(0, Relaxed);
        let begin = Instant::now();
        let share = seconds / if arguments[0] == "radiate" { 2.0 } else { 1.0 };
        while begin.elapsed().as_secs_f64() < share {
            let mut next = run(seed, parallel);
            seed += 1;
            for _ in 0..GENERATIONS {
                next(Then::Nothing);
                generations += 1;
                if begin.elapsed().as_secs_f64() >= share {
                    break;
                }
            }
        }
        let elapsed = begin.elapsed().as_secs_f64();
        let rates = (generations as f64 / elapsed, EVALUATIONS.load(Relaxed) as f64 / elapsed);
        fastest = if rates.0 > fastest.0 { rates } else { fastest };
    }
    println!(
        r#"{{"population": {population}, "generations_per_second": {:.3}, "evaluations_per_second": {:.0}, "mean_species": {:.1}}}"#,
        fastest.0,
        fastest.1,
        species as f64 / GENERATIONS as f64
    );
}
