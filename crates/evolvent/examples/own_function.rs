//! A function of your own, with the whole command line around it.
//!
//! `cargo run --example own_function -- run crates/evolvent/examples/own_function.toml`

use evolvent::core::Bounds;
use evolvent::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How far a chain of points is from being a straight, evenly spaced line between its ends.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Chain {
    /// Number of inner points, at least 1.
    points: usize,
}

impl Default for Chain {
    fn default() -> Self {
        Chain { points: 8 }
    }
}

impl Function for Chain {
    fn dimension(&self) -> usize {
        self.points
    }
    fn region(&self) -> Bounds {
        Bounds::uniform(self.points, -5.0, 5.0)
    }
    fn evaluate(&self, x: &[f64], objectives: &mut [f64], _: &mut [f64], _: &mut Vec<f64>) {
        let all: Vec<f64> = [0.0].into_iter().chain(x.iter().copied()).chain([1.0]).collect();
        objectives[0] = all.windows(3).map(|w| (w[0] - 2.0 * w[1] + w[2]).powi(2)).sum();
    }
}

impl OwnFunction for Chain {
    fn check(&self) -> Result<(), Violations> {
        let mut violations = Violations::new();
        violations.at_least("points", self.points, 1);
        violations.into_result()
    }
}

fn main() -> std::process::ExitCode {
    app().function::<Chain>("chain").run()
}
