//! Cart-pole swing-up (the cart-pole of PILCO, Deisenroth & Rasmussen 2011, as a gym task in DeepPILCO and ESTool), with
//! EvoJAX's step, reward and starts.

use super::environment::{Environment, Spec, Step};
use super::trigonometry::sincos;
use evolvent_core::Stream;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::f64::consts::{FRAC_PI_2, PI};

const GRAVITY: f64 = 9.82;
const POLE_MASS: f64 = 0.5;
const TOTAL_MASS: f64 = 1.0;
/// The pole's length in m.
const LENGTH: f64 = 0.6;
/// Friction between cart and track in N s/m.
const FRICTION: f64 = 0.1;
/// N.
const FORCE: f64 = 10.0;
/// Seconds per step.
const TAU: f64 = 0.01;
/// m.
const POSITION_LIMIT: f64 = 2.4;

/// Where an episode of the swing-up starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SwingUpStart {
    /// Hanging at rest in the middle, plus Gaussian noise of standard deviation 0.2 on every state variable (EvoJAX's
    /// easy version).
    #[default]
    Hanging,
    /// Uniform: x in ±2.4 m, velocities in ±10, the pole below the horizontal (EvoJAX's harder version).
    Anywhere,
}

/// A cart on a track of ±2.4 m whose pole hangs down; pushed by 10 N times the action in [−1, 1].
///
/// State: x (m), ẋ, θ from upright (rad), θ̇; observation x, ẋ, cos θ, sin θ, θ̇. Reward of the state after the step:
/// (cos θ + 1)/2 · cos(x/2.4 · π/2), so at most 1. Ends when |x| > 2.4, truncated after 1000 steps. Explicit Euler,
/// 0.01 s.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CartPoleSwingUp {
    /// Where an episode starts.
    pub start: SwingUpStart,
}

impl Environment for CartPoleSwingUp {
    type State = [f64; 4];
    type Action = [f32; 1];
    type Observation = [f32; 5];
    type Record = ();

    fn spec(&self) -> Spec {
        let any = f32::INFINITY;
        // The last step may end a little outside the track, where the reward is slightly negative.
        Spec::continuous(&[any, any, 1.0, 1.0, any], [1.0], 1000).rewards(-1.0, 1.0)
    }

    fn reset(&self, rng: &mut Stream) -> [f64; 4] {
        match self.start {
            SwingUpStart::Hanging => [0.0, 0.0, PI, 0.0].map(|centre| centre + 0.2 * rng.normal()),
            SwingUpStart::Anywhere => [
                rng.uniform_in(-POSITION_LIMIT, POSITION_LIMIT),
                rng.uniform_in(-10.0, 10.0),
                PI + rng.uniform_in(-FRAC_PI_2, FRAC_PI_2),
                rng.uniform_in(-10.0, 10.0),
            ],
        }
    }

    #[inline(always)]
    fn step(&self, state: &mut [f64; 4], action: [f32; 1]) -> Step {
        let [x, v, theta, omega] = *state;
        let force = f64::from(action[0]).clamp(-1.0, 1.0) * FORCE - FRICTION * v;
        let (sin, cos) = sincos(theta);
        let spin = POLE_MASS * LENGTH * (omega * omega) * sin;
        let inertia = 4.0 * TOTAL_MASS - 3.0 * POLE_MASS * (cos * cos);
        let linear = (-2.0 * spin + 3.0 * POLE_MASS * GRAVITY * sin * cos + 4.0 * force) / inertia;
        let angular =
            (-3.0 * spin * cos + 6.0 * TOTAL_MASS * GRAVITY * sin + 6.0 * force * cos) / (LENGTH * inertia);
        *state = [x + TAU * v, v + TAU * linear, theta + TAU * omega, omega + TAU * angular];
        let upright = (sincos(state[2]).1 + 1.0) * 0.5;
        let centred = sincos(state[0] * (FRAC_PI_2 / POSITION_LIMIT)).1;
        Step { reward: upright * centred, terminated: state[0].abs() > POSITION_LIMIT }
    }

    #[inline(always)]
    fn observe(&self, state: &[f64; 4]) -> [f32; 5] {
        let (sin, cos) = sincos(state[2]);
        [state[0] as f32, state[1] as f32, cos as f32, sin as f32, state[3] as f32]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use evolvent_core::{Purpose, RunKey, stream};

    /// Numbers of a separate evaluation of EvoJAX's equations in double precision.
    #[test]
    fn follows_the_published_equations() {
        let task = CartPoleSwingUp::default();
        let mut state = [0.5, -1.0, 2.5, 1.5];
        let expected = [
            (1.0, [0.49, -0.8928980185146661, 2.515, 1.4324147396790183], 0.09014195038379356),
            (
                -0.5,
                [0.48107101981485334, -0.983625461567126, 2.5293241473967902, 1.7601029514201534],
                0.08636174497124242,
            ),
            (
                0.25,
                [0.47123476519918206, -0.9756224100503967, 2.546925176910992, 1.8848248574418527],
                0.08178245481536663,
            ),
        ];
        for (action, next, reward) in expected {
            let step = task.step(&mut state, [action]);
            assert!((step.reward - reward).abs() < 1e-14 && !step.terminated);
            assert!(state.iter().zip(next).all(|(a, b)| (a - b).abs() < 1e-13), "{state:?}");
        }
    }

    #[test]
    fn leaving_the_track_ends_it() {
        let mut state = [2.39, 2.0, 0.0, 0.0];
        assert!(CartPoleSwingUp::default().step(&mut state, [0.0]).terminated);
    }

    #[test]
    fn starts_have_the_stated_distributions() {
        let mut rng = stream(RunKey(3), 0, 0, 0, Purpose::Episode);
        let n = 4000;
        let (mut mean, mut square) = (0.0, 0.0);
        for _ in 0..n {
            let state = CartPoleSwingUp::default().reset(&mut rng);
            mean += state[2] - PI;
            square += state[3] * state[3];
            let state = CartPoleSwingUp { start: SwingUpStart::Anywhere }.reset(&mut rng);
            assert!(state[0].abs() <= 2.4 && state[1].abs() <= 10.0 && state[3].abs() <= 10.0);
            assert!(libm::cos(state[2]) <= 1e-12);
        }
        assert!((mean / f64::from(n)).abs() < 0.015 && (square / f64::from(n) - 0.04).abs() < 0.005);
    }
}
