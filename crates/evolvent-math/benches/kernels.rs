//! Throughput of the kernels on one core: `cargo bench -p evolvent-math`. Each figure is the best of many repetitions;
//! every level that the machine has runs in one process, so ratios can be compared.
#![allow(missing_docs, clippy::print_stdout)]

use evolvent_core::{Purpose, RunKey, stream_key};
use evolvent_math::eigen::symmetric_eigen;
use evolvent_math::kernels::dense::{Begin, dense, dense_group, dense_rows};
use evolvent_math::{NumericLevel, activation, noise, reduce};
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

fn noise_figures(level: NumericLevel) {
    let key = stream_key(RunKey::from_seed(1), 0, 0, 0, Purpose::Ask);
    let n = 1 << 14;
    let mut out = vec![0.0f32; n];
    let seconds = best(0.3, || {
        level.run(
            #[inline(always)]
            || {
                noise::for_each_piece(
                    key,
                    0,
                    n,
                    #[inline(always)]
                    |at, z| out[at..at + z.len()].copy_from_slice(z),
                )
            },
        );
        black_box(&out);
    });
    println!("{:8} fill_normal          {:8.0} M/s", level.name(), n as f64 / seconds / 1e6);
}

fn fused_noise() {
    let key = stream_key(RunKey::from_seed(1), 0, 0, 0, Purpose::Ask);
    let n = 1 << 14;
    let (mut out, base) = (vec![0.0f32; n], vec![1.0f32; n]);
    let mut acc = vec![0.0f64; n];
    let terms: Vec<_> =
        (0..8).map(|i| (stream_key(RunKey::from_seed(1), 0, i, 0, Purpose::Ask), 0.1)).collect();
    let rate = |seconds: f64, n: usize| n as f64 / seconds / 1e6;
    let s = best(0.2, || noise::fill_normal(key, 0, black_box(&mut out)));
    println!("         fill_normal          {:8.0} M/s", rate(s, n));
    let s = best(0.2, || noise::perturb(&base, 0.1, key, 0, black_box(&mut out)));
    println!("         perturb              {:8.0} M/s", rate(s, n));
    let s = best(0.2, || noise::perturb_scaled(&base, 1.0, &base, key, 0, black_box(&mut out)));
    println!("         perturb_scaled       {:8.0} M/s", rate(s, n));
    let s = best(0.2, || noise::weighted_sum_normal(&terms, 0, black_box(&mut acc)));
    println!("         weighted_sum_normal  {:8.0} M/s", rate(s, 8 * n));
}

fn activations(level: NumericLevel) {
    let n = 4096;
    let x: Vec<f32> = (0..n).map(|i| i as f32 * 0.004 - 8.0).collect();
    let mut y = x.clone();
    macro_rules! figure {
        ($($f:ident)*) => {$({
            let s = best(0.1, || {
                y.copy_from_slice(&x);
                level.run(#[inline(always)] || activation::map_inline(&mut y, activation::$f));
                black_box(&y);
            });
            println!("{:8} {:20} {:8.0} M/s", level.name(), stringify!($f), n as f64 / s / 1e6);
        })*};
    }
    figure!(exp ln tanh sigmoid sin gauss gelu silu softplus);
}

fn layers() {
    let shapes =
        [(1, 32, 32), (4, 32, 32), (8, 32, 32), (16, 32, 32), (64, 64, 64), (64, 256, 256), (100, 784, 128)];
    for (lanes, inputs, outputs) in shapes {
        let number = |i: usize| (i % 13) as f32 * 0.1 - 0.6;
        let w: Vec<f32> = (0..inputs * outputs).map(number).collect();
        let x: Vec<f32> = (0..inputs * lanes).map(number).collect();
        let b: Vec<f32> = (0..outputs).map(number).collect();
        let mut y = vec![0.0; outputs * lanes];
        let flops = 2.0 * (lanes * inputs * outputs) as f64;
        let repeats = (1e6 / flops).ceil() as usize;
        let members: Vec<&[f32]> = vec![&w; lanes];
        let biases: Vec<&[f32]> = vec![&b; lanes];
        for form in ["lanes", "rows", "group"] {
            let seconds = best(0.1, || {
                for _ in 0..repeats {
                    let (x, w, y) = (black_box(&x), black_box(&w), black_box(&mut y));
                    match form {
                        "rows" => dense_rows(lanes, inputs, outputs, w, Begin::Bias(&b), x, y),
                        "lanes" => dense(lanes, inputs, outputs, w, Begin::Bias(&b), x, y),
                        _ => dense_group(inputs, outputs, black_box(&members), &biases, x, y),
                    }
                }
            });
            println!(
                "dense {form:5} {lanes:4} x {inputs:3} -> {outputs:3} {:8.1} GFLOP/s",
                flops * repeats as f64 / seconds / 1e9
            );
        }
    }
}

/// Beside faer, one thread.
fn eigen() {
    for n in [10, 30, 100, 300, 1000] {
        let mut rng = stream_key(RunKey::from_seed(1), 0, 0, 0, Purpose::Problem).stream();
        let mut a = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..=i {
                a[i * n + j] = rng.normal();
                a[j * n + i] = a[i * n + j];
            }
        }
        let time = if n > 500 { 2.0 } else { 0.5 };
        let ours = best(time, || {
            black_box(symmetric_eigen(black_box(&a), n));
        });
        let theirs = best(time, || {
            let a = faer::MatRef::from_row_major_slice(black_box(&a), n, n);
            let _ = black_box(a.self_adjoint_eigen(faer::Side::Lower));
        });
        println!("eigen n = {n:4}   {:9.3} ms   faer {:9.3} ms", ours * 1e3, theirs * 1e3);
    }
}

fn sums() {
    for n in [10, 100, 1000, 10_000] {
        let x: Vec<f64> = (0..n).map(|i| i as f64 * 0.1).collect();
        let x32: Vec<f32> = x.iter().map(|&x| x as f32).collect();
        let repeats = 100_000 / n;
        let per = |f: &mut dyn FnMut()| best(0.05, || (0..repeats).for_each(|_| f())) * 1e9 / repeats as f64;
        let dot = per(&mut || {
            black_box(reduce::dot(black_box(&x), black_box(&x)));
        });
        let sum32 = per(&mut || {
            black_box(reduce::sum_f32(black_box(&x32)));
        });
        println!("n = {n:6}  dot f64 {dot:8.1} ns   sum f32 {sum32:8.1} ns");
    }
}

fn main() {
    let only = std::env::args().nth(1).unwrap_or_default();
    if only == "dense" {
        return layers();
    }
    if only == "sums" {
        return sums();
    }
    if only == "eigen" {
        return eigen();
    }
    for level in NumericLevel::available() {
        noise_figures(level);
    }
    fused_noise();
    NumericLevel::available().for_each(activations);
    layers();
}
