//! A two-link pendulum driven at its elbow (Sutton 1996), as Gymnasium's `Acrobot-v1`.

use super::environment::{Environment, Spec, Step};
use super::trigonometry::{cos, sin, sincos, wrap};
use evolvent_core::Stream;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

const GRAVITY: f64 = 9.8;
/// Distance of each link's centre of mass from its joint in m; links have 1 m, 1 kg and a moment of inertia of 1 kg m².
const CENTRE: f64 = 0.5;
const MAX_SPEED_1: f64 = 4.0 * PI;
const MAX_SPEED_2: f64 = 9.0 * PI;
/// Seconds per step.
const TAU: f64 = 0.2;

/// Which equations of motion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AcrobotDynamics {
    /// Sutton & Barto's book, and Gymnasium's default.
    #[default]
    Book,
    /// Sutton (1996), which has no centripetal term of the first joint in the second.
    Nips,
}

/// Two links hang from a pivot; the torque at the joint between them is −1, 0 or 1 N m (actions 0, 1, 2); the tip has to
/// rise one link above the pivot.
///
/// State: θ1 from hanging down, θ2 relative to the first link, both in [−π, π], and their velocities, within ±4π and
/// ±9π; observation cos θ1, sin θ1, cos θ2, sin θ2, θ̇1, θ̇2. Starts uniform in [−0.1, 0.1]. Reward −1 per step, 0 at the
/// end, which is −cos θ1 − cos(θ1 + θ2) > 1; truncated after 500 steps. Runge–Kutta of order 4, one step of 0.2 s.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Acrobot {
    /// Equations of motion.
    pub dynamics: AcrobotDynamics,
}

impl Acrobot {
    /// Time derivative of the state under `torque`.
    #[inline(always)]
    fn derivative(&self, state: [f64; 4], torque: f64) -> [f64; 4] {
        let [theta1, theta2, omega1, omega2] = state;
        let (sin2, cos2) = sincos(theta2);
        let d1 = CENTRE * CENTRE + (1.0 + CENTRE * CENTRE + 2.0 * CENTRE * cos2) + 2.0;
        let d2 = (CENTRE * CENTRE + CENTRE * cos2) + 1.0;
        // cos(θ − π/2) = sin θ.
        let phi2 = CENTRE * GRAVITY * sin(theta1 + theta2);
        let phi1 = -CENTRE * (omega2 * omega2) * sin2 - 2.0 * CENTRE * omega2 * omega1 * sin2
            + (CENTRE + 1.0) * GRAVITY * sin(theta1)
            + phi2;
        let centripetal = match self.dynamics {
            AcrobotDynamics::Book => CENTRE * (omega1 * omega1) * sin2,
            AcrobotDynamics::Nips => 0.0,
        };
        let per_d1 = 1.0 / d1;
        let ratio = d2 * per_d1;
        let alpha2 = (torque + ratio * phi1 - centripetal - phi2) / (CENTRE * CENTRE + 1.0 - d2 * ratio);
        let alpha1 = -(d2 * alpha2 + phi1) * per_d1;
        [omega1, omega2, alpha1, alpha2]
    }
}

impl Environment for Acrobot {
    type State = [f64; 4];
    type Action = u32;
    type Observation = [f32; 6];
    type Record = ();

    fn spec(&self) -> Spec {
        let high = [1.0, 1.0, 1.0, 1.0, MAX_SPEED_1 as f32, MAX_SPEED_2 as f32];
        Spec::discrete(&high, 3, 500).rewards(-1.0, 0.0).solved_at(-100.0)
    }

    fn reset(&self, rng: &mut Stream) -> [f64; 4] {
        std::array::from_fn(|_| rng.uniform_in(-0.1, 0.1))
    }

    #[inline(always)]
    fn step(&self, state: &mut [f64; 4], action: u32) -> Step {
        let torque = f64::from(action.min(2)) - 1.0;
        let y = *state;
        let along =
            |slope: [f64; 4], time: f64| -> [f64; 4] { std::array::from_fn(|i| y[i] + time * slope[i]) };
        let k1 = self.derivative(y, torque);
        let k2 = self.derivative(along(k1, TAU / 2.0), torque);
        let k3 = self.derivative(along(k2, TAU / 2.0), torque);
        let k4 = self.derivative(along(k3, TAU), torque);
        let next: [f64; 4] =
            std::array::from_fn(|i| y[i] + TAU / 6.0 * (k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i]));
        *state = [
            wrap(next[0]),
            wrap(next[1]),
            next[2].clamp(-MAX_SPEED_1, MAX_SPEED_1),
            next[3].clamp(-MAX_SPEED_2, MAX_SPEED_2),
        ];
        let terminated = -cos(state[0]) - cos(state[1] + state[0]) > 1.0;
        Step { reward: if terminated { 0.0 } else { -1.0 }, terminated }
    }

    #[inline(always)]
    fn observe(&self, state: &[f64; 4]) -> [f32; 6] {
        let (sin1, cos1) = sincos(state[0]);
        let (sin2, cos2) = sincos(state[1]);
        [cos1 as f32, sin1 as f32, cos2 as f32, sin2 as f32, state[2] as f32, state[3] as f32]
    }
}
