//! IPOP-CMA-ES on the BBOB functions of COCO.
//!
//! σ₀ = 2, x₀ uniform in [−4, 4]ⁿ, again for every restart; a run is solved at the first evaluation that is within 10⁻⁸ of the
//! optimum. The expected running time (ERT) is the number of evaluations of all runs, up to there, over the number of solved
//! runs (Hansen, Auger, Finck & Ros 2010, RR-7215). `benchmarks/peers_bbob.py` runs pycma in the same way and writes the same file.

use crate::{
    arguments::Arguments,
    table::{self, count},
};
use evolvent_algos::{CmaEs, Restarts, VectorAlgorithm};
use evolvent_core::{
    Algorithm, Auto, Init, Purpose, RunKey, Scores, Space, Start, Stream, VectorGenes, stream,
};
use evolvent_math::{par, rows::Rows, statistics::quantile};
use evolvent_problems::functions::{Bbob, BbobParameters, Function};
use std::{fmt::Write, time::Instant};

const INSTANCES: u32 = 15;
const PRECISION: f64 = 1e-8;
const SEED: u64 = 1;

#[derive(Clone, Copy)]
struct Setting {
    function: u32,
    dimension: usize,
    batch: u32,
    instance: u32,
}

struct Run {
    setting: Setting,
    /// Up to the first solution, if there is one.
    evaluations: u64,
    solved: bool,
}

pub(crate) fn expected_running_times(arguments: &Arguments) -> Result<(), String> {
    arguments.only(&["functions", "dimensions", "batches", "budget", "runs", "peer"])?;
    let functions = arguments.numbers("functions", vec![1, 2, 8, 10, 11, 15])?;
    let dimensions = arguments.numbers("dimensions", vec![5, 20])?;
    let batches = arguments.number("batches", 10u32)?;
    let factor = arguments.number("budget", 100_000u64)?;
    let mut settings = Vec::new();
    for &dimension in &dimensions {
        for &function in &functions {
            for batch in 1..=batches {
                settings.extend((1..=INSTANCES).map(|instance| Setting {
                    function,
                    dimension,
                    batch,
                    instance,
                }));
            }
        }
    }
    let runs = all(&settings, factor);
    if let Some(path) = arguments.text("runs") {
        std::fs::write(path, to_csv(&runs)).map_err(|e| format!("{path}: {e}"))?;
    }
    let peer = match arguments.text("peer") {
        Some(path) => Some(from_csv(&std::fs::read_to_string(path).map_err(|e| format!("{path}: {e}"))?)?),
        None => None,
    };
    println!("ERT to {PRECISION:e}, with 95 % bootstrap intervals; seed {SEED}, budget {factor}·D\n");
    let mut rows = vec![
        [
            "D",
            "f",
            "ours: solved",
            "ERT",
            "ERT of single batches",
            "pycma: solved",
            "ERT",
            "ratio (95 % interval)",
        ]
        .map(String::from)
        .to_vec(),
    ];
    for &dimension in &dimensions {
        for &function in &functions {
            let own = select(&runs, function, dimension);
            let theirs = peer.as_ref().map(|peer| select(peer, function, dimension));
            rows.push(compared(function, dimension, &own, theirs.as_deref()));
        }
    }
    table::print(&rows);
    Ok(())
}

/// The whole suite under a small budget: how much is solved, and how long it takes.
pub(crate) fn suite(arguments: &Arguments) -> Result<(), String> {
    arguments.only(&["dimension", "budget"])?;
    let dimension = arguments.number("dimension", 5usize)?;
    let factor = arguments.number("budget", 10_000u64)?;
    let settings: Vec<Setting> = (1..=24)
        .flat_map(|function| {
            (1..=INSTANCES).map(move |instance| Setting { function, dimension, batch: 1, instance })
        })
        .collect();
    let begin = Instant::now();
    let runs = all(&settings, factor);
    let seconds = begin.elapsed().as_secs_f64();
    let mut rows = vec![["f", "solved of 15", "ERT", "evaluations"].map(String::from).to_vec()];
    for function in 1..=24 {
        let own = select(&runs, function, dimension);
        let used: u64 = own.iter().map(|r| r.evaluations).sum();
        rows.push(vec![function.to_string(), solved(&own).to_string(), count(ert(&own)), count(used as f64)]);
    }
    table::print(&rows);
    let used: u64 = runs.iter().map(|r| r.evaluations).sum();
    let all: Vec<&Run> = runs.iter().collect();
    println!("{} of {} runs solved, {} evaluations", solved(&all), all.len(), count(used as f64));
    println!("{seconds:.1} s");
    if let Some(cpu) = table::cpu_seconds() {
        println!("{cpu:.1} s of processor time");
    }
    Ok(())
}

fn all(settings: &[Setting], factor: u64) -> Vec<Run> {
    par::map(settings.len(), |i| run(settings[i], factor * settings[i].dimension as u64))
}

fn run(setting: Setting, budget: u64) -> Run {
    let Setting { function, dimension, batch, instance } = setting;
    let bbob = Bbob::new(&BbobParameters { function, instance, dimension }).expect("a function of the suite");
    let goal = bbob.optimum().map_or(f64::NEG_INFINITY, |o| o.value) + PRECISION;
    let cma = CmaEs { sigma: Auto::Value(2.0), ..CmaEs::default() };
    let ipop = Restarts { algorithm: Box::new(VectorAlgorithm::CmaEs(cma)), ..Restarts::default() };
    let start = Init::Uniform { low: -4.0, high: 4.0 };
    let space = Space::new(VectorGenes::flat(dimension, start, None));
    let index = u64::from(function) << 32 | u64::from(batch) << 16 | u64::from(instance);
    let key = RunKey::from_seed(SEED).child(dimension as u64, index);
    let mut state = ipop
        .init(&space, &Start::Default, &mut stream(key, 0, 0, 0, Purpose::Init))
        .expect("settings in their ranges");
    let (mut evaluations, mut x, mut scratch) = (0, vec![0.0; dimension], Vec::new());
    for round in 0.. {
        let members = ipop.ask(&mut state, &mut stream(key, round, 0, 0, Purpose::Ask));
        let mut losses = Vec::with_capacity(members.len());
        for i in 0..members.len() {
            members.row_f64(i, &mut x);
            let mut value = [0.0];
            bbob.evaluate(&x, &mut value, &mut [], &mut scratch);
            evaluations += 1;
            if value[0] <= goal {
                return Run { setting, evaluations, solved: true };
            }
            losses.push(value[0]);
        }
        if evaluations >= budget {
            break;
        }
        let scores = Scores::of_losses(&losses);
        ipop.tell(&mut state, &members, &scores, &mut stream(key, round, 0, 0, Purpose::Tell));
    }
    Run { setting, evaluations, solved: false }
}

fn select(runs: &[Run], function: u32, dimension: usize) -> Vec<&Run> {
    runs.iter().filter(|r| r.setting.function == function && r.setting.dimension == dimension).collect()
}

fn solved(runs: &[&Run]) -> usize {
    runs.iter().filter(|r| r.solved).count()
}

/// Infinite where nothing is solved.
fn ert(runs: &[&Run]) -> f64 {
    runs.iter().map(|r| r.evaluations as f64).sum::<f64>() / solved(runs) as f64
}

fn compared(function: u32, dimension: usize, own: &[&Run], theirs: Option<&[&Run]>) -> Vec<String> {
    let (low, high) = interval(|rng| ert(&resample(own, rng)));
    let batches = own.iter().map(|r| r.setting.batch).max().unwrap_or(0);
    let single: Vec<f64> = (1..=batches)
        .map(|b| ert(&own.iter().copied().filter(|r| r.setting.batch == b).collect::<Vec<_>>()))
        .collect();
    let mut row = vec![
        dimension.to_string(),
        function.to_string(),
        format!("{} of {}", solved(own), own.len()),
        format!("{} ({} to {})", count(ert(own)), count(low), count(high)),
        format!("{} to {}", count(quantile(&single, 0.0)), count(quantile(&single, 1.0))),
    ];
    match theirs.filter(|t| !t.is_empty()) {
        Some(theirs) => {
            let (low, high) = interval(|rng| ert(&resample(theirs, rng)));
            let (least, most) = interval(|rng| ert(&resample(own, rng)) / ert(&resample(theirs, rng)));
            row.push(format!("{} of {}", solved(theirs), theirs.len()));
            row.push(format!("{} ({} to {})", count(ert(theirs)), count(low), count(high)));
            row.push(format!("{:.3} ({least:.3} to {most:.3})", ert(own) / ert(theirs)));
        }
        None => row.extend(["", "", ""].map(String::from)),
    }
    row
}

fn resample<'a>(runs: &[&'a Run], rng: &mut Stream) -> Vec<&'a Run> {
    (0..runs.len()).map(|_| runs[rng.below(runs.len())]).collect()
}

fn interval(statistic: impl Fn(&mut Stream) -> f64) -> (f64, f64) {
    let mut rng = stream(RunKey::from_seed(SEED), 0, 0, 0, Purpose::Bootstrap);
    let values: Vec<f64> = (0..2000).map(|_| statistic(&mut rng)).collect();
    (quantile(&values, 0.025), quantile(&values, 0.975))
}

const HEADER: &str = "function,dimension,batch,instance,evaluations,solved";

fn to_csv(runs: &[Run]) -> String {
    let mut text = format!("{HEADER}\n");
    for Run { setting: Setting { function, dimension, batch, instance }, evaluations, solved } in runs {
        let solved = u8::from(*solved);
        let _ = writeln!(text, "{function},{dimension},{batch},{instance},{evaluations},{solved}");
    }
    text
}

fn from_csv(text: &str) -> Result<Vec<Run>, String> {
    let mut lines = text.lines();
    if lines.next() != Some(HEADER) {
        return Err(format!("the first line of a file of runs is `{HEADER}`"));
    }
    let read = |line: &str| -> Option<Run> {
        let numbers: Vec<u64> = line.split(',').map(|n| n.parse().ok()).collect::<Option<_>>()?;
        let &[function, dimension, batch, instance, evaluations, solved] = &numbers[..] else { return None };
        let setting = Setting {
            function: function as u32,
            dimension: dimension as usize,
            batch: batch as u32,
            instance: instance as u32,
        };
        Some(Run { setting, evaluations, solved: solved == 1 })
    };
    lines.map(|line| read(line).ok_or(format!("`{line}` is not a run: {HEADER}"))).collect()
}
