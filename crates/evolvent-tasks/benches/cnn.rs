//! Images × networks per second of supervised evaluation: 256 distinct convolutional networks (convolution of 8, pooling,
//! convolution of 16, pooling, dense; 28×28) over 512 images, decoding of the genomes and losses included.
//!
//! Three kinds of population: written out (what `ga` or `de` ask about), antithetic pairs that are drawn from seeds, and pairs of
//! rank 1. Beside the rate stand the rate per second of processor time, which other programs on the machine disturb less, and the
//! share of 16 fused multiply-adds per cycle at an assumed 3.5 GHz that the networks' arithmetic alone takes.
//!
//! `cargo bench -p evolvent-tasks --bench cnn [-- THREADS]`; `benchmarks/run.py cnn` compares it with PyTorch.
#![allow(clippy::print_stdout)]

use evolvent_core::{
    Batch, Decoder, Evaluator, Purpose, Rank, Round, RunKey, Scale, Vector, Vectors, VirtualMember,
    VirtualVectors, stream,
};
use evolvent_math::par;
use evolvent_nets::Conv;
use evolvent_problems::datasets::{Dataset, Loss, Metric, Scaling, Table, Targets};
use evolvent_tasks::Supervised;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

const NETWORKS: usize = 256;
const IMAGES: usize = 512;
/// Multiply-adds of one image: 28²·9·8 + 14²·9·8·16 + 784·10.
const OPERATIONS: f64 = 290_080.0;
/// Multiply-adds per second of one core.
const PEAK: f64 = 16.0 * 3.5e9;

/// Seconds that the process has worked, all threads together.
fn worked(start: Instant) -> f64 {
    #[cfg(unix)]
    {
        let _ = start;
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
    }
    #[cfg(not(unix))]
    start.elapsed().as_secs_f64()
}

fn data() -> Dataset {
    let inputs = (0..IMAGES * 784).map(|i| ((i * 37) % 101) as f32 / 100.0).collect();
    let labels = (0..IMAGES as u32).map(|i| i * 7 % 10).collect();
    let names = (0..10).map(|i| i.to_string()).collect();
    let targets = Targets::Classes { labels, names };
    let training = Table { inputs, shape: vec![1, 28, 28], targets, features: Vec::new() };
    Dataset {
        validation: training.clone(),
        test: training.clone(),
        training,
        input_scaling: Scaling::none(),
        target_scaling: Scaling::none(),
        loss: Loss::CrossEntropy,
        metric: Metric::Accuracy,
        minibatch_size: IMAGES,
        candidates: 0,
        importance_correction: 1.0,
    }
}

fn main() {
    // The shape of `cargo test --benches`: one pass to see that it runs.
    let quick = std::env::args().any(|a| a == "--test");
    let repetitions = if quick { 1 } else { 7 };
    let threads: usize = std::env::args().filter_map(|a| a.parse().ok()).next().unwrap_or(1);
    let task = Supervised::new(Conv::default(), Arc::new(data()));
    let genes = task.decoder().genes(task.interface());
    let draw = |i: u64| genes.sample(&mut stream(RunKey::from_seed(1), 0, i, 0, Purpose::Init));
    let population = |rank| {
        let root = stream(RunKey::from_seed(1), 0, 0, 0, Purpose::Ask);
        let member = |i: usize| VirtualMember {
            base: 0,
            scale: 0,
            noise: root.split(i as u64 / 2),
            sign: if i.is_multiple_of(2) { 1.0 } else { -1.0 },
            rank,
        };
        Batch::new(Vectors::Virtual(VirtualVectors {
            layout: genes.layout.clone(),
            bases: vec![Arc::new(draw(0))],
            scales: vec![Scale::Scalar(0.02)],
            members: (0..NETWORKS).map(member).collect(),
            drawn: Default::default(),
        }))
    };
    let written_out = Batch::of((0..NETWORKS as u64).map(|i| Vector(draw(i))).collect());
    let kinds = [
        ("written_out", written_out),
        ("pairs", population(Rank::Full)),
        ("rank_1", population(Rank::Low(1))),
    ];
    let pool = par::Pool::new(threads).expect("threads can be started");
    pool.install(|| {
        for (name, batch) in &kinds {
            let start = Instant::now();
            let (mut wall, mut own) = (f64::INFINITY, f64::INFINITY);
            for number in 0..repetitions {
                let (begin, before) = (start.elapsed().as_secs_f64(), worked(start));
                let round = Round::train(RunKey::from_seed(1), number);
                black_box(task.evaluate(&(), batch, 0..NETWORKS, &round));
                wall = wall.min(start.elapsed().as_secs_f64() - begin);
                own = own.min(worked(start) - before);
            }
            let work = (NETWORKS * IMAGES) as f64;
            println!(
                "{name:12} {threads} threads {:9.0} images x networks/s, {:9.0} per second of processor time ({:.0} % of the peak)",
                work / wall,
                work / own,
                work / own * OPERATIONS / PEAK * 100.0
            );
        }
    });
}
