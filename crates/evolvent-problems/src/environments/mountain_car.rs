//! An underpowered car in a valley (Moore 1990), as Gymnasium's `MountainCar-v0` and `MountainCarContinuous-v0`.

use super::environment::{Environment, Spec, Step};
use super::trigonometry::cos;
use evolvent_core::{Stream, Violations};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const GRAVITY: f64 = 0.0025;
const MIN_POSITION: f64 = -1.2;
const MAX_POSITION: f64 = 0.6;
const MAX_SPEED: f64 = 0.07;
const HIGH: [f32; 2] = [MAX_POSITION as f32, MAX_SPEED as f32];
const LOW: [f32; 2] = [MIN_POSITION as f32, -MAX_SPEED as f32];

/// Position and velocity after one step under `thrust`; the wall at the left stops the car.
#[inline(always)]
fn drive(state: [f64; 2], thrust: f64) -> [f64; 2] {
    let velocity = (state[1] + (thrust - GRAVITY * cos(3.0 * state[0]))).clamp(-MAX_SPEED, MAX_SPEED);
    let position = (state[0] + velocity).clamp(MIN_POSITION, MAX_POSITION);
    let stopped = (position == MIN_POSITION) & (velocity < 0.0);
    [position, if stopped { 0.0 } else { velocity }]
}

fn start(rng: &mut Stream) -> [f64; 2] {
    [rng.uniform_in(-0.6, -0.4), 0.0]
}

fn check_goal_velocity(goal_velocity: f64) -> Result<(), Violations> {
    let mut violations = Violations::new();
    violations.require(goal_velocity.is_finite(), "goal_velocity", goal_velocity, "a finite number");
    violations.into_result()
}

/// Thrust left (0), none (1) or right (2); the goal is the hill at 0.5.
///
/// State and observation: position in [−1.2, 0.6], velocity in [−0.07, 0.07]; starts at rest, uniform in [−0.6, −0.4].
/// Reward −1 per step. Ends at position ≥ 0.5 with velocity ≥ `goal_velocity`, truncated after 200 steps.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MountainCar {
    /// Least velocity at the goal.
    pub goal_velocity: f64,
}

impl Environment for MountainCar {
    type State = [f64; 2];
    type Action = u32;
    type Observation = [f32; 2];
    type Record = ();

    fn spec(&self) -> Spec {
        let spec = Spec::discrete(&HIGH, 3, 200).rewards(-1.0, -1.0).solved_at(-110.0);
        Spec { observation_low: LOW.to_vec(), ..spec }
    }

    fn check(&self) -> Result<(), Violations> {
        check_goal_velocity(self.goal_velocity)
    }

    fn reset(&self, rng: &mut Stream) -> [f64; 2] {
        start(rng)
    }

    #[inline(always)]
    fn step(&self, state: &mut [f64; 2], action: u32) -> Step {
        *state = drive(*state, (f64::from(action.min(2)) - 1.0) * 0.001);
        Step { reward: -1.0, terminated: (state[0] >= 0.5) & (state[1] >= self.goal_velocity) }
    }

    #[inline(always)]
    fn observe(&self, state: &[f64; 2]) -> [f32; 2] {
        [state[0] as f32, state[1] as f32]
    }
}

/// Thrust in [−1, 1]; the goal is the hill at 0.45.
///
/// State, observation and start as in [`MountainCar`]. Reward 100 at the goal, less 0.1 · action² per step. Ends at
/// position ≥ 0.45 with velocity ≥ `goal_velocity`, truncated after 999 steps. Gymnasium keeps this state in `f32`; here
/// it is `f64`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MountainCarContinuous {
    /// Least velocity at the goal.
    pub goal_velocity: f64,
}

impl Environment for MountainCarContinuous {
    type State = [f64; 2];
    type Action = [f32; 1];
    type Observation = [f32; 2];
    type Record = ();

    fn spec(&self) -> Spec {
        let spec = Spec::continuous(&HIGH, [1.0], 999).rewards(-0.1, 100.0).solved_at(90.0);
        Spec { observation_low: LOW.to_vec(), ..spec }
    }

    fn check(&self) -> Result<(), Violations> {
        check_goal_velocity(self.goal_velocity)
    }

    fn reset(&self, rng: &mut Stream) -> [f64; 2] {
        start(rng)
    }

    #[inline(always)]
    fn step(&self, state: &mut [f64; 2], action: [f32; 1]) -> Step {
        let action = f64::from(action[0]).clamp(-1.0, 1.0);
        *state = drive(*state, action * 0.0015);
        let terminated = (state[0] >= 0.45) & (state[1] >= self.goal_velocity);
        Step { reward: (if terminated { 100.0 } else { 0.0 }) - 0.1 * (action * action), terminated }
    }

    #[inline(always)]
    fn observe(&self, state: &[f64; 2]) -> [f32; 2] {
        [state[0] as f32, state[1] as f32]
    }
}
