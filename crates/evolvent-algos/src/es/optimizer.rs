//! Optimisers: what is done with a gradient estimate. Mathematics only; algorithms call [`Optimizer::descend`].

use evolvent_core::Violations;
use evolvent_math::{kernels::vectorize, par, reduce};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Coordinates that one thread takes at a time.
const BLOCK: usize = 1 << 14;

/// How a gradient moves a vector.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Optimizer {
    /// Adam (Kingma & Ba 2015, algorithm 1).
    Adam {
        /// β₁, decay of the mean, in [0, 1).
        beta1: f64,
        /// β₂, decay of the mean square, in [0, 1).
        beta2: f64,
        /// ε, added to the root of the mean square, above 0.
        epsilon: f64,
    },
    /// Gradient descent with momentum (Polyak 1964).
    Sgd {
        /// Decay of the velocity, in [0, 1); 0 is plain descent.
        momentum: f64,
    },
    /// ClipUp: gradients of length 1, and a velocity of limited length (Toklu, Liskowski & Srivastava 2020, algorithm 1). The
    /// learning rate is in the units of the vector; half of `max_speed` is usual.
    ClipUp {
        /// Decay of the velocity, in [0, 1).
        momentum: f64,
        /// The longest velocity, above 0, in the units of the vector.
        max_speed: f64,
    },
}

impl Default for Optimizer {
    /// Adam with its authors' settings.
    fn default() -> Self {
        Optimizer::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }
    }
}

/// What an optimiser remembers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OptimizerState {
    /// Mean of the gradients, or velocity.
    pub first: Vec<f64>,
    /// Mean square of the gradients; empty if the optimiser has none.
    pub second: Vec<f64>,
    /// Steps taken.
    pub steps: u64,
}

impl Optimizer {
    /// The state before the first step in `dimension` coordinates.
    pub fn state(&self, dimension: usize) -> OptimizerState {
        let second = if matches!(self, Optimizer::Adam { .. }) { vec![0.0; dimension] } else { Vec::new() };
        OptimizerState { first: vec![0.0; dimension], second, steps: 0 }
    }

    /// Records what is wrong with it; `path` is where it stands.
    pub fn check(&self, path: &str, v: &mut Violations) {
        let decay = |v: &mut Violations, path: String, x: f64| {
            v.require((0.0..1.0).contains(&x), &path, x, "a decay in [0, 1)");
        };
        match *self {
            Optimizer::Adam { beta1, beta2, epsilon } => {
                decay(v, format!("{path}.adam.beta1"), beta1);
                decay(v, format!("{path}.adam.beta2"), beta2);
                v.positive(&format!("{path}.adam.epsilon"), epsilon);
            }
            Optimizer::Sgd { momentum } => decay(v, format!("{path}.sgd.momentum"), momentum),
            Optimizer::ClipUp { momentum, max_speed } => {
                decay(v, format!("{path}.clip_up.momentum"), momentum);
                v.positive(&format!("{path}.clip_up.max_speed"), max_speed);
            }
        }
    }

    /// Moves `x` against `gradient`. A gradient that is not finite everywhere changes nothing.
    pub fn descend(&self, state: &mut OptimizerState, rate: f64, gradient: &[f64], x: &mut [f64]) {
        let square = squared_length(gradient);
        if !square.is_finite() {
            return;
        }
        state.steps += 1;
        let OptimizerState { first, second, steps } = state;
        match *self {
            Optimizer::Adam { beta1, beta2, epsilon } => {
                let t = *steps as f64;
                mix(first, gradient, beta1, 1.0 - beta1);
                par::blocks(second, BLOCK, |from, v| {
                    let g = &gradient[from..from + v.len()];
                    vectorize(
                        #[inline(always)]
                        || v.iter_mut().zip(g).for_each(|(v, &g)| *v = beta2 * *v + (1.0 - beta2) * (g * g)),
                    );
                });
                let (unbias1, unbias2) = (1.0 - libm::pow(beta1, t), 1.0 - libm::pow(beta2, t));
                let (step, root) = (rate / unbias1, 1.0 / unbias2.sqrt());
                let (first, second) = (&*first, &*second);
                par::blocks(x, BLOCK, |from, x| {
                    let moments = first[from..].iter().zip(&second[from..]);
                    vectorize(
                        #[inline(always)]
                        || {
                            for (x, (&m, &v)) in x.iter_mut().zip(moments) {
                                *x -= step * m / (v.sqrt() * root + epsilon);
                            }
                        },
                    );
                });
            }
            Optimizer::Sgd { momentum } => {
                mix(first, gradient, momentum, 1.0);
                mix(x, first, 1.0, -rate);
            }
            Optimizer::ClipUp { momentum, max_speed } => {
                let length = square.sqrt();
                let step = if length > 0.0 { rate / length } else { 0.0 };
                mix(first, gradient, momentum, step);
                let speed = squared_length(first).sqrt();
                if speed > max_speed {
                    let shrink = max_speed / speed;
                    par::blocks(first, BLOCK, |_, v| reduce::scale(shrink, v));
                }
                mix(x, first, 1.0, -1.0);
            }
        }
    }
}

/// x ← a·x + b·y.
fn mix(x: &mut [f64], y: &[f64], a: f64, b: f64) {
    par::blocks(x, BLOCK, |from, x| {
        let y = &y[from..from + x.len()];
        vectorize(
            #[inline(always)]
            || x.iter_mut().zip(y).for_each(|(x, &y)| *x = a * *x + b * y),
        );
    });
}

/// Σ xᵢ².
pub(crate) fn squared_length(x: &[f64]) -> f64 {
    par::sum(x.len(), BLOCK, |range| reduce::dot(&x[range.clone()], &x[range]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_of_clip_up_are_those_of_evotorch() {
        let file =
            evolvent_test::Reference::parse(include_str!("../../tests/reference/evotorch_clip_up.json"));
        for run in file.get("runs").entries() {
            let clip_up =
                Optimizer::ClipUp { momentum: run.number("momentum"), max_speed: run.number("max_speed") };
            let (mut state, mut x) = (clip_up.state(4), [0.0; 4]);
            for step in run.get("steps").entries() {
                clip_up.descend(&mut state, run.number("learning_rate"), &step.numbers("gradient"), &mut x);
                close(&x, &step.numbers("x"));
            }
        }
    }

    fn close(x: &[f64], expected: &[f64]) {
        evolvent_test::assert_close("x", x, expected, 1e-14, 1e-14);
    }

    #[test]
    fn adam_by_hand() {
        let adam = Optimizer::default();
        let (mut state, mut x) = (adam.state(2), [1.0, -2.0]);
        // The first step is the rate against each sign, but for ε.
        adam.descend(&mut state, 0.1, &[4.0, -0.5], &mut x);
        close(&x, &[1.0 - 0.1 * 4.0 / (4.0 + 1e-8), -2.0 + 0.1 * 0.5 / (0.5 + 1e-8)]);
        adam.descend(&mut state, 0.1, &[0.0, 1.0], &mut x);
        let m = 0.9 * 0.4 / (1.0 - 0.81);
        let v: f64 = 0.999 * 0.016 / (1.0 - 0.999 * 0.999);
        close(&x[..1], &[1.0 - 0.1 * 4.0 / (4.0 + 1e-8) - 0.1 * m / (v.sqrt() + 1e-8)]);
    }

    #[test]
    fn momentum_by_hand() {
        let sgd = Optimizer::Sgd { momentum: 0.5 };
        let (mut state, mut x) = (sgd.state(1), [0.0]);
        sgd.descend(&mut state, 0.1, &[1.0], &mut x);
        sgd.descend(&mut state, 0.1, &[3.0], &mut x);
        close(&x, &[-0.1 - 0.1 * 3.5]);
    }

    #[test]
    fn clip_up_by_hand() {
        let clip_up = Optimizer::ClipUp { momentum: 0.9, max_speed: 0.15 };
        let (mut state, mut x) = (clip_up.state(2), [0.0, 0.0]);
        clip_up.descend(&mut state, 0.1, &[300.0, 400.0], &mut x);
        close(&x, &[-0.06, -0.08]);
        // 0.9·0.1 + 0.1 = 0.19 is too fast.
        clip_up.descend(&mut state, 0.1, &[3.0, 4.0], &mut x);
        close(&x, &[-0.06 - 0.09, -0.08 - 0.12]);
        close(&state.first, &[0.09, 0.12]);
    }

    #[test]
    fn what_is_not_finite_changes_nothing() {
        for optimizer in [
            Optimizer::default(),
            Optimizer::Sgd { momentum: 0.9 },
            Optimizer::ClipUp { momentum: 0.9, max_speed: 1.0 },
        ] {
            let (mut state, mut x) = (optimizer.state(2), [1.0, 2.0]);
            optimizer.descend(&mut state, 0.1, &[f64::NAN, 1.0], &mut x);
            optimizer.descend(&mut state, 0.1, &[f64::INFINITY, 1.0], &mut x);
            assert_eq!((x, &state), ([1.0, 2.0], &optimizer.state(2)));
            optimizer.descend(&mut state, 0.1, &[0.0, 0.0], &mut x);
            assert_eq!(x, [1.0, 2.0]);
        }
    }

    #[test]
    fn all_go_down() {
        for (optimizer, rate) in [
            (Optimizer::default(), 0.05),
            (Optimizer::Sgd { momentum: 0.9 }, 0.005),
            (Optimizer::ClipUp { momentum: 0.9, max_speed: 0.1 }, 0.05),
        ] {
            let mut x = vec![3.0; 40_000];
            let mut state = optimizer.state(x.len());
            for _ in 0..300 {
                let gradient: Vec<f64> = x.iter().map(|x| 2.0 * x).collect();
                optimizer.descend(&mut state, rate, &gradient, &mut x);
            }
            assert!(squared_length(&x).sqrt() < 595.0, "{optimizer:?}: {}", squared_length(&x).sqrt());
        }
    }
}
