//! Nanoseconds per lane and step of every environment: `cargo run --release -p evolvent-problems --example
//! environment_speed [lanes]`.
#![allow(clippy::print_stdout)]

use evolvent_core::{Output, Purpose, RunKey, stream};
use evolvent_problems::environments::{Actions, AnyEnvironment, End, Lanes, Registered, Simulator, Visitor};
use std::hint::black_box;
use std::time::Instant;

const STEPS: usize = 500;
const REPETITIONS: usize = 15;

struct Bench {
    lanes: usize,
}

/// Least time of several repetitions, in ns per lane and step.
fn least(lanes: usize, mut run: impl FnMut()) -> f64 {
    let times = (0..REPETITIONS).map(|_| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64()
    });
    times.fold(f64::INFINITY, f64::min) * 1e9 / (STEPS * lanes) as f64
}

impl Visitor for Bench {
    type Output = [f64; 3];

    fn visit<E: Registered>(self, environment: &E) -> [f64; 3] {
        let n = self.lanes;
        let mut lanes = Lanes::new(environment.clone(), n);
        let mut rng = stream(RunKey::from_seed(1), 0, 0, 0, Purpose::Episode);
        let (mut rewards, mut ends) = (vec![0.0; n], vec![End::NONE; n]);
        let interface = environment.spec().interface;
        let mut observations = vec![0.0; interface.inputs() * n];
        let discrete: Vec<u32> = (0..n).map(|_| rng.below(2) as u32).collect();
        let continuous: Vec<f32> =
            (0..n * interface.output.len()).map(|_| rng.uniform_in(-1.0, 1.0) as f32).collect();
        let actions = match interface.output {
            Output::Continuous { .. } => Actions::Continuous { values: &continuous, stride: n },
            _ => Actions::Discrete(&discrete),
        };
        (0..n).for_each(|lane| lanes.reset(lane, &mut rng));
        let mut stepping = |observe: bool, reset: bool| {
            least(n, || {
                (0..n).for_each(|lane| lanes.reset(lane, &mut rng));
                for _ in 0..STEPS {
                    lanes.step(black_box(actions), &mut rewards, &mut ends);
                    if reset {
                        End::over(&ends).for_each(|lane| lanes.reset(lane, &mut rng));
                    }
                    if observe {
                        lanes.observe(0..n, &mut observations);
                    }
                    black_box((&rewards, &ends, &observations));
                }
            })
        };
        [stepping(false, false), stepping(true, false), stepping(true, true)]
    }
}

fn main() {
    let lanes = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(256);
    println!(
        "{:24}{:>8}{:>14}{:>18}   ns per lane and step, {lanes} lanes",
        "", "step", "and observe", "and reset ended"
    );
    for name in AnyEnvironment::NAMES {
        let environment = AnyEnvironment::find(name).expect("a listed name");
        let [step, observe, reset] = environment.visit(Bench { lanes });
        println!("{name:24}{step:8.2}{observe:14.2}{reset:18.2}");
    }
}
