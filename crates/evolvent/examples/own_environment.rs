//! An environment of your own, with the whole command line around it.
//!
//! `cargo run --example own_environment -- run crates/evolvent/examples/own_environment.toml`

use evolvent::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Park a sled on ice: push it left or right until it stands still at the mark.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Sled {
    /// Largest force, above 0.
    force: f64,
}

impl Default for Sled {
    fn default() -> Self {
        Sled { force: 0.1 }
    }
}

impl Environment for Sled {
    type State = [f64; 2]; // position and velocity
    type Action = [f32; 1];
    type Observation = [f32; 2];
    type Record = ();

    fn spec(&self) -> Spec {
        Spec::new(
            Interface { input: vec![2], output: Output::Continuous { low: vec![-1.0], high: vec![1.0] } },
            60,
        )
    }
    fn check(&self) -> Result<(), Violations> {
        let mut violations = Violations::new();
        violations.positive("force", self.force);
        violations.into_result()
    }
    fn reset(&self, rng: &mut Stream) -> [f64; 2] {
        [rng.uniform_in(-1.0, 1.0), 0.0]
    }
    fn step(&self, [position, velocity]: &mut [f64; 2], [push]: [f32; 1]) -> Step {
        *velocity += self.force * f64::from(push.clamp(-1.0, 1.0));
        *position += *velocity;
        Step { reward: -position.abs() - velocity.abs(), terminated: false }
    }
    fn observe(&self, state: &[f64; 2]) -> [f32; 2] {
        state.map(|value| value as f32)
    }
}

fn main() -> std::process::ExitCode {
    app().environment::<Sled>("sled").run()
}
