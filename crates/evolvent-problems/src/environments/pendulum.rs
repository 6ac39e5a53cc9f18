//! A pendulum to be swung up and held, as Gymnasium's `Pendulum-v1`.

use super::environment::{Environment, Spec, Step};
use super::trigonometry::{sin, sincos, wrap};
use evolvent_core::{Stream, Violations};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

const MAX_SPEED: f64 = 8.0;
const MAX_TORQUE: f64 = 2.0;
/// Seconds per step.
const TAU: f64 = 0.05;

/// A rod of 1 m and 1 kg turned by a torque in [−2, 2] N m, too weak to lift it at once.
///
/// State: angle from upright θ (rad, not wrapped), angular velocity in [−8, 8]; observation cos θ, sin θ, angular
/// velocity. Starts with θ uniform in [−π, π] and angular velocity uniform in [−1, 1]. Reward −(θ² + 0.1 θ̇² +
/// 0.001 torque²) of the state before the step, θ in [−π, π]. Never ends, truncated after 200 steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Pendulum {
    /// Acceleration of gravity in m/s².
    pub g: f64,
}

impl Default for Pendulum {
    fn default() -> Self {
        Pendulum { g: 10.0 }
    }
}

impl Environment for Pendulum {
    type State = [f64; 2];
    type Action = [f32; 1];
    type Observation = [f32; 3];
    type Record = ();

    fn spec(&self) -> Spec {
        let worst = PI * PI + 0.1 * MAX_SPEED * MAX_SPEED + 0.001 * MAX_TORQUE * MAX_TORQUE;
        Spec::continuous(&[1.0, 1.0, MAX_SPEED as f32], [MAX_TORQUE as f32], 200).rewards(-worst, 0.0)
    }

    fn check(&self) -> Result<(), Violations> {
        let mut violations = Violations::new();
        violations.require(self.g.is_finite(), "g", self.g, "a finite number");
        violations.into_result()
    }

    fn reset(&self, rng: &mut Stream) -> [f64; 2] {
        [rng.uniform_in(-PI, PI), rng.uniform_in(-1.0, 1.0)]
    }

    #[inline(always)]
    fn step(&self, state: &mut [f64; 2], action: [f32; 1]) -> Step {
        let [theta, omega] = *state;
        let torque = f64::from(action[0]).clamp(-MAX_TORQUE, MAX_TORQUE);
        let lean = wrap(theta);
        let cost = lean * lean + 0.1 * (omega * omega) + 0.001 * (torque * torque);
        let omega = omega + (1.5 * self.g * sin(theta) + 3.0 * torque) * TAU;
        let omega = omega.clamp(-MAX_SPEED, MAX_SPEED);
        *state = [theta + omega * TAU, omega];
        Step { reward: -cost, terminated: false }
    }

    #[inline(always)]
    fn observe(&self, state: &[f64; 2]) -> [f32; 3] {
        let (sin, cos) = sincos(state[0]);
        [cos as f32, sin as f32, state[1] as f32]
    }
}
