//! Cart-pole balancing (Barto, Sutton & Anderson 1983), as Gymnasium's `CartPole-v1`.

use super::environment::{Environment, Spec, Step};
use super::trigonometry::sincos;
use evolvent_core::Stream;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const GRAVITY: f64 = 9.8;
const POLE_MASS: f64 = 0.1;
const TOTAL_MASS: f64 = 1.1;
/// Half the pole's length in m.
const LENGTH: f64 = 0.5;
/// N.
const FORCE: f64 = 10.0;
/// Seconds per step.
const TAU: f64 = 0.02;
/// 12°, in rad.
const ANGLE_LIMIT: f64 = 12.0 * 2.0 * std::f64::consts::PI / 360.0;
/// m.
const POSITION_LIMIT: f64 = 2.4;

/// A cart on a track of ±2.4 m with a hinged pole; pushed left (action 0) or right (action 1) with 10 N.
///
/// State and observation: position x (m), velocity, angle from upright θ (rad), angular velocity; the start of each is
/// uniform in [−0.05, 0.05]. Reward 1 per step. Ends when |x| > 2.4 or |θ| > 12°, truncated after 500 steps. Explicit
/// Euler, 0.02 s.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CartPole {
    /// Reward 0 per step and −1 at failure instead of 1 per step.
    pub sutton_barto_reward: bool,
}

impl Environment for CartPole {
    type State = [f64; 4];
    type Action = u32;
    type Observation = [f32; 4];
    type Record = ();

    fn spec(&self) -> Spec {
        let high = [2.0 * POSITION_LIMIT as f32, f32::INFINITY, 2.0 * ANGLE_LIMIT as f32, f32::INFINITY];
        let spec = Spec::discrete(&high, 2, 500);
        if self.sutton_barto_reward {
            spec.rewards(-1.0, 0.0)
        } else {
            spec.rewards(1.0, 1.0).solved_at(475.0)
        }
    }

    fn reset(&self, rng: &mut Stream) -> [f64; 4] {
        std::array::from_fn(|_| rng.uniform_in(-0.05, 0.05))
    }

    #[inline(always)]
    fn step(&self, state: &mut [f64; 4], action: u32) -> Step {
        const PER_MASS: f64 = 1.0 / TOTAL_MASS;
        let [x, v, theta, omega] = *state;
        let force = if action == 0 { -FORCE } else { FORCE };
        let (sin, cos) = sincos(theta);
        let push = (force + POLE_MASS * LENGTH * (omega * omega) * sin) * PER_MASS;
        let angular = (GRAVITY * sin - cos * push)
            / (LENGTH * (4.0 / 3.0) - (LENGTH * POLE_MASS * PER_MASS) * (cos * cos));
        let linear = push - (POLE_MASS * LENGTH * PER_MASS) * angular * cos;
        *state = [x + TAU * v, v + TAU * linear, theta + TAU * omega, omega + TAU * angular];
        let terminated = (state[0].abs() > POSITION_LIMIT) | (state[2].abs() > ANGLE_LIMIT);
        let failure = if terminated { -1.0 } else { 0.0 };
        Step { reward: if self.sutton_barto_reward { failure } else { 1.0 }, terminated }
    }

    #[inline(always)]
    fn observe(&self, state: &[f64; 4]) -> [f32; 4] {
        state.map(|value| value as f32)
    }
}
