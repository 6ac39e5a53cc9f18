//! Our classic control environments against Gymnasium's: restarted from Gymnasium's state at every step, they must reach
//! its next state.
//!
//! The committed fixture always runs. The live tests need a Python with `gymnasium`, `EVOLVENT_PYTHON` or `python3`, and
//! say so when they skip.
#![allow(clippy::print_stderr)]

use evolvent_problems::environments::{
    Actions, AnyEnvironment, End, Lanes, Registered, Simulator, Visitor, wrap,
};
use std::process::{Command, Stdio};

const STEPS: usize = 100_000;
const TOLERANCE: f64 = 1e-6;

/// Rows as `gymnasium/transitions.py` writes them.
struct Transitions<'a> {
    id: &'a str,
    rows: Vec<f64>,
}

impl Visitor for Transitions<'_> {
    type Output = ();

    fn visit<E: Registered>(self, environment: &E) {
        let spec = environment.spec();
        let states = Lanes::new(environment.clone(), 1).state(0).expect("made of numbers").len();
        let inputs = spec.interface.inputs();
        let width = 2 * states + inputs + 5;
        assert_eq!(self.rows.len() % width, 0, "{}: rows of {width} numbers", self.id);
        let (mut terminated, mut truncated) = (0, 0);
        // A batch whose size is no multiple of the block's, so that both paths are taken.
        let batch = 1003;
        let mut lanes = Lanes::new(environment.clone(), batch);
        for rows in self.rows.chunks(batch * width) {
            let n = rows.len() / width;
            let row = |lane: usize| &rows[lane * width..][..width];
            let discrete: Vec<u32> = (0..n).map(|lane| row(lane)[states + 1] as u32).collect();
            let continuous: Vec<f32> = (0..n).map(|lane| row(lane)[states + 1] as f32).collect();
            for lane in 0..n {
                let (state, steps) = (&row(lane)[..states], row(lane)[states] as u32);
                lanes.reset_to(lane, state, steps).expect("a state of the right length");
            }
            let actions = match spec.interface.output {
                evolvent_core::Output::Continuous { .. } => {
                    Actions::Continuous { values: &continuous, stride: n }
                }
                _ => Actions::Discrete(&discrete),
            };
            let (mut rewards, mut ends) = (vec![0.0; n], vec![End::NONE; n]);
            lanes.step(actions, &mut rewards, &mut ends);
            let mut observations = vec![0.0; inputs * n];
            lanes.observe(0..n, &mut observations);
            for lane in 0..n {
                let expected = &row(lane)[states + 2..];
                let (next, rest) = expected.split_at(states);
                let (observation, rest) = rest.split_at(inputs);
                let found = lanes.state(lane).expect("made of numbers");
                let context =
                    || format!("{} from {:?}: {found:?}, Gymnasium {expected:?}", self.id, row(lane));
                let near = near_threshold(self.id, next);
                for (i, (a, b)) in found.iter().zip(next).enumerate() {
                    let difference = if is_angle(self.id, i) { wrap(a - b) } else { a - b };
                    assert!(difference.abs() < TOLERANCE || near, "{}", context());
                }
                for (i, &value) in observation.iter().enumerate() {
                    let difference = f64::from(observations[i * n + lane]) - value;
                    assert!(difference.abs() < TOLERANCE * value.abs().max(1.0) || near, "{}", context());
                }
                assert!(
                    (rewards[lane] - rest[0]).abs() < TOLERANCE * rest[0].abs().max(1.0) || near,
                    "{}",
                    context()
                );
                assert!(ends[lane].terminated() == (rest[1] != 0.0) || near, "{}", context());
                assert_eq!(ends[lane].truncated(), rest[2] != 0.0, "{}", context());
                terminated += usize::from(ends[lane].terminated());
                truncated += usize::from(ends[lane].truncated());
            }
        }
        assert!(truncated > 0, "{}: no episode was truncated", self.id);
        assert!(terminated > 0 || self.id == "Pendulum-v1", "{}: no episode ended", self.id);
    }
}

fn is_angle(id: &str, index: usize) -> bool {
    id == "Acrobot-v1" && index < 2
}

/// Whether a flag (or the velocity at a wall) may differ because the state lies on a threshold.
fn near_threshold(id: &str, next: &[f64]) -> bool {
    let close = |a: f64, b: f64| (a - b).abs() < TOLERANCE;
    match id {
        "CartPole-v1" => close(next[0].abs(), 2.4) || close(next[2].abs(), 12.0_f64.to_radians()),
        "MountainCar-v0" => close(next[0], 0.5) || close(next[0], -1.2) && next[1] != 0.0,
        "MountainCarContinuous-v0" => close(next[0], 0.45) || close(next[0], -1.2) && next[1] != 0.0,
        "Acrobot-v1" => close(-libm::cos(next[0]) - libm::cos(next[0] + next[1]), 1.0),
        _ => false,
    }
}

fn compare(id: &str, rows: Vec<f64>) {
    AnyEnvironment::find(id).expect("registered under its Gymnasium id").visit(Transitions { id, rows });
}

#[test]
fn the_fixture_agrees() {
    let mut sections: Vec<(&str, Vec<f64>)> = Vec::new();
    for line in include_str!("gymnasium/transitions.txt").lines().filter(|line| !line.starts_with('#')) {
        if line.starts_with(|first: char| first.is_ascii_uppercase()) {
            sections.push((line.split(' ').next().expect("a name"), Vec::new()));
        } else {
            let rows = &mut sections.last_mut().expect("a header first").1;
            rows.extend(line.split(' ').map(|number| number.parse::<f64>().expect("a number")));
        }
    }
    assert_eq!(sections.len(), 5);
    for (id, rows) in sections {
        compare(id, rows);
    }
}

fn live(id: &str) {
    let python = std::env::var("EVOLVENT_PYTHON").unwrap_or_else(|_| "python3".to_string());
    let importable = Command::new(&python)
        .args(["-c", "import gymnasium"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|s| s.success());
    if !importable {
        let required = std::env::var_os("EVOLVENT_REQUIRE_PYTHON").is_some();
        assert!(!required, "{python} cannot import gymnasium, and EVOLVENT_REQUIRE_PYTHON is set");
        eprintln!("skipped: {python} has no gymnasium (pip install gymnasium, or set EVOLVENT_PYTHON)");
        return;
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/gymnasium/transitions.py");
    let output = Command::new(&python).args([script, id, &STEPS.to_string()]).output().expect("python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let numbers =
        output.stdout.chunks_exact(8).map(|bytes| f64::from_le_bytes(bytes.try_into().expect("8 bytes")));
    let rows: Vec<f64> = numbers.collect();
    assert!(rows.len() >= STEPS * 8);
    compare(id, rows);
}

#[test]
fn live_cart_pole() {
    live("CartPole-v1");
}

#[test]
fn live_mountain_car() {
    live("MountainCar-v0");
}

#[test]
fn live_mountain_car_continuous() {
    live("MountainCarContinuous-v0");
}

#[test]
fn live_pendulum() {
    live("Pendulum-v1");
}

#[test]
fn live_acrobot() {
    live("Acrobot-v1");
}
