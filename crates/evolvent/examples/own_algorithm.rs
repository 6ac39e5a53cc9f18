//! An algorithm of your own, with the whole command line around it.
//!
//! `cargo run --example own_algorithm -- run crates/evolvent/examples/own_algorithm.toml`

use evolvent::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Climb: try a few neighbours of the best point, wider after a success, narrower after a failure.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Climber {
    /// Neighbours per generation, at least 1.
    neighbours: usize,
    /// First step size, above 0.
    sigma: f64,
}

impl Default for Climber {
    fn default() -> Self {
        Climber { neighbours: 8, sigma: 1.0 }
    }
}

/// All that changes: checkpoints hold it.
#[derive(Serialize, Deserialize)]
struct Place {
    best: Vec<f64>,
    loss: f64,
    sigma: f64,
    context: u64,
}

impl Algorithm for Climber {
    const NAME: &'static str = "climber";
    type Genome = Vector;
    type State = Place;

    fn init(
        &self,
        space: &Space<Vector>,
        start: &Start<Vector>,
        rng: &mut Stream,
    ) -> Result<Place, Violations> {
        let mut violations = Violations::new();
        violations.at_least("neighbours", self.neighbours, 1);
        violations.positive("sigma", self.sigma);
        violations.into_result()?;
        let best = match start {
            Start::Point(point) => point.0.clone(),
            _ => space.genes.sample(rng),
        };
        Ok(Place { best, loss: f64::INFINITY, sigma: self.sigma, context: 0 })
    }

    fn ask(&self, place: &mut Place, rng: &mut Stream) -> Batch<Vector> {
        let mut neighbour = || place.best.iter().map(|x| x + place.sigma * rng.normal()).collect();
        Batch::of((0..self.neighbours).map(|_| Vector(neighbour())).collect())
    }

    fn tell(&self, place: &mut Place, batch: &Batch<Vector>, scores: &Scores, _: &mut Stream) {
        // Values of different contexts (other episodes, another minibatch) are never compared.
        let known = if scores.context == place.context { place.loss } else { f64::INFINITY };
        let better = scores.best().filter(|&i| scores.value(i) < known);
        if let Some((i, best)) = better.and_then(|i| Some((i, batch.members.owned(i)?))) {
            (place.best, place.loss, place.context) = (best.0, scores.value(i), scores.context);
        }
        place.sigma *= if better.is_some() { 1.3 } else { 0.7 };
    }

    fn outcome(&self, place: &Place) -> Outcome<Vector> {
        Outcome::Point(Candidate::measured(Vector(place.best.clone()), place.loss))
    }
}

fn main() -> std::process::ExitCode {
    app().algorithm::<Climber>().run()
}
