//! Nanoseconds per sample of the losses, of gathering a batch and of drawing a minibatch; the smallest of many
//! repetitions. `cargo run --release -p evolvent-problems --example loss_speed`
#![allow(clippy::print_stdout)]

use std::hint::black_box;
use std::time::Instant;

use evolvent_core::{Purpose, RunKey, stream};
use evolvent_problems::datasets::{Batch, Loss, Minibatches, TargetsView, builtin};

/// Nanoseconds per item of `f`, which works on `items` of them.
fn measure(items: usize, mut f: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..2000 {
        let start = Instant::now();
        f();
        best = best.min(start.elapsed().as_secs_f64());
    }
    best * 1e9 / items as f64
}

/// The readable form of the cross entropy, one sample after the other.
fn twin(outputs: &[f32], labels: &[u32]) -> f64 {
    let lanes = labels.len();
    let mut total = 0.0;
    for (lane, &label) in labels.iter().enumerate() {
        let column = outputs.iter().skip(lane).step_by(lanes);
        let high = column.clone().fold(f32::NEG_INFINITY, |a, &b| a.max(b));
        let sum: f64 = column.map(|&x| f64::from(libm::expf(x - high))).sum();
        total += libm::log(sum) + f64::from(high) - f64::from(outputs[label as usize * lanes + lane]);
    }
    total
}

fn main() {
    let (lanes, classes) = (256, 10);
    let mut s = stream(RunKey::from_seed(1), 0, 0, 0, Purpose::Problem);
    let outputs: Vec<f32> = (0..lanes * classes).map(|_| (3.0 * s.normal()) as f32).collect();
    let labels: Vec<u32> = (0..lanes).map(|_| s.below(classes) as u32).collect();
    let targets = TargetsView::Classes { labels: &labels, classes };
    println!("nanoseconds per sample, {classes} outputs, tiles of {lanes}");
    for loss in [Loss::CrossEntropy, Loss::BinaryCrossEntropy, Loss::MeanSquaredError] {
        let time = measure(lanes, || {
            let mut total = 0.0;
            loss.add(black_box(&outputs), targets, &mut total);
            black_box(total);
        });
        println!("  {loss:?}: {time:.2}");
    }
    let time = measure(lanes, || {
        black_box(twin(black_box(&outputs), &labels));
    });
    println!("  cross entropy, scalar twin over libm: {time:.2}");
    let minibatches = Minibatches::new(RunKey::from_seed(1), 60_000, 512);
    let mut indices = Vec::new();
    let mut round = 0;
    let time = measure(512, || {
        minibatches.indices(round, &mut indices);
        round += 1;
    });
    println!("minibatch of 512 out of 60,000: {time:.1} per index");
    let digits = builtin::digits().expect("built in");
    let all: Vec<u32> = (0..digits.len() as u32).collect();
    let mut batch = Batch::default();
    let time = measure(digits.len(), || batch.gather(&digits, &all, lanes));
    println!("gathering digits into tiles: {time:.1} per sample of 64 inputs");
}
