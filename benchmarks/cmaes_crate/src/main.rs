//! Generations per second of the crate `cmaes` on the sphere function, with its default settings; the better of its serial and
//! parallel updates. Reads cases from standard input if `--serve` is given, else takes them as arguments; prints one JSON line per case.

use cmaes::{CMAESOptions, DVector};
use std::time::Instant;

/// Seconds that all threads of the process have worked, to a hundredth.
fn processor_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = text.rsplit(')').next().unwrap_or_default();
    let ticks: f64 = after_name.split_whitespace().skip(11).take(2).filter_map(|x| x.parse::<f64>().ok()).sum();
    ticks / 100.0
}

fn measure(case: &str, seconds: f64) {
    let dimension = match case {
        "cma_es_100" => 100,
        "cma_es_1k" => 1000,
        _ => return println!("null"),
    };
    let (mut rate, mut processor) = (0.0f64, f64::INFINITY);
    let beginning = Instant::now();
    let mut seed = 0;
    while seed < 2 || beginning.elapsed().as_secs_f64() < seconds {
        let mut strategy = CMAESOptions::new(vec![3.0; dimension], 3.0)
            .tol_fun(0.0)
            .tol_fun_rel(0.0)
            .tol_fun_hist(0.0)
            .tol_x(0.0)
            .tol_stagnation(usize::MAX)
            .parallel_update(seed % 2 == 1)
            .seed(seed)
            .build(|x: &DVector<f64>| x.norm_squared())
            .expect("valid options");
        (0..3).for_each(|_| drop(strategy.next()));
        let (start, before) = (Instant::now(), processor_seconds());
        let mut generations = 0;
        while generations < 10 || start.elapsed().as_secs_f64() < (seconds / 5.0).min(0.4) {
            if strategy.next().is_some() {
                break;
            }
            generations += 1;
        }
        rate = rate.max(f64::from(generations) / start.elapsed().as_secs_f64());
        processor = processor.min((processor_seconds() - before) / f64::from(generations));
        seed += 1;
    }
    println!(
        r#"{{"case": "{case}", "peer": "cmaes crate", "generations_per_second": {rate}, "processor_ms": {}}}"#,
        processor * 1e3
    );
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let at = arguments.iter().position(|a| a == "--seconds");
    let seconds = at.and_then(|i| arguments.get(i + 1)?.parse().ok()).unwrap_or(2.0);
    if arguments.iter().any(|a| a == "--serve") {
        std::io::stdin().lines().map_while(Result::ok).for_each(|line| measure(line.trim(), seconds));
    } else {
        arguments.iter().filter(|a| a.starts_with("cma_es")).for_each(|case| measure(case, seconds));
    }
}
