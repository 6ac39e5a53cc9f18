//! Generations per second of the vector algorithms: ask, the sphere function, tell, on all cores.
//!
//! `cargo bench -p evolvent-tasks --bench vectors -- [CASE …] [--seconds S] [--threads T]`
//!
//! Prints one JSON line per case: the best rate over windows of some tenths of a second by the clock on the wall, and the least
//! processor time per generation of all threads together, which a busy machine disturbs less. With `--serve` it reads cases
//! from standard input, one per line, so that `benchmarks/run.py vectors` can alternate it with peers.
#![allow(clippy::print_stdout)]

use evolvent_algos::{
    cma::{CmaEs, SepCmaEs},
    de::De,
    es::{OpenEs, Pgpe, Snes},
    ga::{Crossover, Ga, Mutation, RealVariation, Selection},
};
use evolvent_core::{Auto, Engine, Measurer, RunKey, Start, Startable, Vector};
use evolvent_math::par::Pool;
use evolvent_problems::functions::{AnyFunction, Placement};
use evolvent_tasks::{FunctionSettings, FunctionTask};
use std::time::Instant;

struct Case {
    name: &'static str,
    dimension: usize,
    algorithm: Box<dyn Startable<Vector>>,
}

fn cases() -> Vec<Case> {
    let case = |name, dimension, algorithm| Case { name, dimension, algorithm };
    let variation = RealVariation {
        crossover: Crossover::Uniform { rate: 0.5 },
        mutation: Mutation::Gaussian { sigma: Auto::Value(0.1), rate: 1.0 },
        ..RealVariation::default()
    };
    let ga = Ga {
        population_size: 256,
        selection: Selection::Truncation { share: 0.5 },
        crossover_rate: 1.0,
        variation,
        ..Ga::default()
    };
    let open_es = |population_size| Box::new(OpenEs { population_size, ..OpenEs::default() });
    // The interval of the Rust crate `cmaes`; the default is pycma's.
    let lazy = CmaEs { decomposition_interval: 0.5, ..CmaEs::default() };
    let many = Auto::Value(256);
    vec![
        case("open_es_10k", 10_000, open_es(256)),
        case("open_es_1m", 1_000_000, open_es(64)),
        case("snes_10k", 10_000, Box::new(Snes { population_size: many, ..Snes::default() })),
        case("pgpe_10k", 10_000, Box::new(Pgpe { population_size: 256, ..Pgpe::default() })),
        case("sep_cma_es_10k", 10_000, Box::new(SepCmaEs { population_size: many, ..SepCmaEs::default() })),
        case("cma_es_100", 100, Box::<CmaEs>::default()),
        case("cma_es_100_lazy", 100, Box::new(lazy.clone())),
        case("cma_es_1k", 1_000, Box::<CmaEs>::default()),
        case("cma_es_1k_lazy", 1_000, Box::new(lazy)),
        case("ga_1k", 1_000, Box::new(ga)),
        case("de_1k", 1_000, Box::new(De { population_size: many, ..De::default() })),
    ]
}

fn engine(case: &Case, seed: u64) -> Engine<Vector> {
    let placement = Placement { dimension: case.dimension, ..Placement::default() };
    let function = AnyFunction::Sphere(placement).build().expect("a sphere");
    let task = FunctionTask::new(function, &FunctionSettings::default()).expect("no noise");
    let evaluator = Box::new(Measurer::new(task));
    Engine::start(&*case.algorithm, evaluator, &Start::Default, RunKey::from_seed(seed)).expect("it fits")
}

/// Seconds that all threads of the process have worked.
fn processor_seconds() -> f64 {
    #[cfg(unix)]
    {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
    }
    #[cfg(not(unix))]
    f64::NAN
}

/// The best of several windows, each with a fresh run that has warmed up.
fn measure(case: &Case, seconds: f64) -> String {
    let (mut rate, mut processor) = (0.0f64, f64::INFINITY);
    let beginning = Instant::now();
    let mut seed = 0;
    while seed == 0 || beginning.elapsed().as_secs_f64() < seconds {
        let mut engine = engine(case, seed);
        (0..3).for_each(|_| drop(engine.step()));
        let (start, before) = (Instant::now(), processor_seconds());
        let mut generations = 0;
        while generations < 10 || start.elapsed().as_secs_f64() < (seconds / 5.0).min(0.3) {
            engine.step();
            generations += 1;
        }
        let generations = f64::from(generations);
        rate = rate.max(generations / start.elapsed().as_secs_f64());
        processor = processor.min((processor_seconds() - before) / generations);
        seed += 1;
    }
    serde_json::json!({
        "case": case.name,
        "peer": "evolvent",
        "generations_per_second": rate,
        "processor_ms": processor * 1e3,
    })
    .to_string()
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let value = |name: &str| {
        let at = arguments.iter().position(|a| a == name)?;
        arguments.get(at + 1)?.parse::<f64>().ok()
    };
    let quick = arguments.iter().any(|a| a == "--test");
    let seconds = if quick { 0.0 } else { value("--seconds").unwrap_or(2.0) };
    let pool = Pool::new(value("--threads").unwrap_or(0.0) as usize).expect("threads");
    let cases = cases();
    let show = |case: &Case| println!("{}", pool.install(|| measure(case, seconds)));
    if arguments.iter().any(|a| a == "--serve") {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            cases.iter().filter(|case| case.name == line.trim()).for_each(show);
        }
        return;
    }
    let named = |case: &&Case| arguments.iter().any(|a| a == case.name);
    let all = !cases.iter().any(|case| named(&case));
    // The shape of `cargo test --benches`: a pass over the small ones to see that they run.
    cases.iter().filter(|case| (all && !(quick && case.dimension > 1000)) || named(case)).for_each(show);
}
