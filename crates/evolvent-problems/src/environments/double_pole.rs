//! Two poles of different length balanced on one cart (Wieland 1991), with and without velocities, by the simulator that
//! Gomez and Stanley published with ESP and NEAT (Stanley & Miikkulainen 2002, appendix; the dynamics are Wieland's).
//!
//! The starts of the generalisation test that a champion passes are counted by
//!
//! ```text
//! evolvent replay RUN --set problem.double_pole.start=every_generalisation --set problem.double_pole.fitness=steps \
//!     --set problem.double_pole.max_steps=1000 --episodes 625 --passing 1000
//! ```

use super::environment::{Environment, Spec, Step};
use super::trigonometry::sincos;
use evolvent_core::{Stream, Violations};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// m/s², pointing down.
const GRAVITY: f64 = -9.8;
const CART_MASS: f64 = 1.0;
/// Masses in kg and half lengths in m of the long and the short pole.
const MASSES: [f64; 2] = [0.1, 0.01];
const HALF_LENGTHS: [f64; 2] = [0.5, 0.05];
/// Friction of the hinges.
const HINGE_FRICTION: f64 = 0.000_002;
/// N.
const FORCE: f64 = 10.0;
/// Seconds per integration step; two of them per action.
const TAU: f64 = 0.01;
/// 36° as the original has it, in rad.
const ANGLE_LIMIT: f64 = 0.628_329;
/// m.
const POSITION_LIMIT: f64 = 2.4;

/// Steps in the window of Gruau's fitness.
const WINDOW: usize = 100;

/// What an episode of double pole balancing is worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DoublePoleFitness {
    /// Steps balanced.
    #[default]
    Steps,
    /// Gruau, Whitley & Pyeatt (1996): 0.1 f₁ + 0.9 f₂ with f₁ = t / 1000 and, for t > 100 steps balanced,
    /// f₂ = 0.75 / Σ (|x| + |ẋ| + |θ₁| + |θ̇₁|) over the last 100 of them, else f₂ = 0. Made for episodes of at most
    /// 1000 steps; it keeps a policy from wiggling the cart instead of measuring velocities.
    Gruau,
}

/// Where an episode starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DoublePoleStart {
    /// At rest in the middle, the long pole at `angle`, the short one upright.
    #[default]
    Angle,
    /// One of the 625 starts of the generalisation test, uniformly.
    Generalisation,
    /// The 625 starts of the generalisation test in order, one per episode, and then from the first again.
    EveryGeneralisation,
}

/// A cart with a pole of 1 m and one of 0.1 m, pushed by a force of ±10 N times the action in [−1, 1].
///
/// State: x (m), ẋ, θ₁, θ̇₁ (long pole, rad from upright), θ₂, θ̇₂. Observation, scaled as in Stanley's experiments:
/// x/4.8, ẋ/2, θ₁/0.52, θ̇₁/2, θ₂/0.52, θ̇₂/2, or without velocities x/4.8, θ₁/0.52, θ₂/0.52 (the constant input 0.5 that
/// he adds is left to the network's bias). Reward 1 for each step that ends with |x| ≤ 2.4 and both |θ| ≤ 36°, else the
/// episode ends with reward 0. Runge–Kutta of order 4, two steps of 0.01 s per action. Stanley's network output o in
/// [0, 1] is the action 2o − 1.
///
/// The task counts as solved when a network balances for 100,000 steps. Without velocities Gruau's rule asks for 200 of
/// the 625 [`DoublePole::generalisation_starts`] over 1000 steps as well.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DoublePole {
    /// Whether velocities are shown.
    pub velocities: bool,
    /// Initial angle of the long pole in rad. Stanley's code starts at 0.07 (4.01°), "approximately 4°".
    pub angle: f64,
    /// Where an episode starts.
    pub start: DoublePoleStart,
    /// What an episode is worth.
    pub fitness: DoublePoleFitness,
}

impl Default for DoublePole {
    fn default() -> Self {
        DoublePole {
            velocities: true,
            angle: 0.07,
            start: DoublePoleStart::Angle,
            fitness: DoublePoleFitness::Steps,
        }
    }
}

impl DoublePole {
    /// The 625 states of the generalisation test (Gruau, Whitley & Pyeatt 1996): x, ẋ, θ₁ and θ̇₁ each at 5, 25, 50, 75
    /// and 95 % of ±2.16 m, ±1.35 m/s, ±3.6° and ±8.6°/s; the short pole upright at rest. A network passes a start if
    /// it balances for 1000 steps.
    pub fn generalisation_starts() -> impl Iterator<Item = [f64; 6]> {
        (0..625).map(generalisation_start)
    }

    /// Time derivative of the state under `force`.
    #[inline(always)]
    fn derivative(state: [f64; 6], force: f64) -> [f64; 6] {
        let [_, v, theta1, omega1, theta2, omega2] = state;
        let long = Pole::new(0, theta1, omega1);
        let short = Pole::new(1, theta2, omega2);
        let acceleration = (force + long.force + short.force) / (long.mass + short.mass + CART_MASS);
        [v, acceleration, omega1, long.angular(0, acceleration), omega2, short.angular(1, acceleration)]
    }

    /// One Runge–Kutta step.
    #[inline(always)]
    fn integrate(y: [f64; 6], force: f64) -> [f64; 6] {
        let along =
            |slope: [f64; 6], time: f64| -> [f64; 6] { std::array::from_fn(|i| y[i] + time * slope[i]) };
        let k1 = Self::derivative(y, force);
        let k2 = Self::derivative(along(k1, TAU / 2.0), force);
        let k3 = Self::derivative(along(k2, TAU / 2.0), force);
        let k4 = Self::derivative(along(k3, TAU), force);
        std::array::from_fn(|i| y[i] + TAU / 6.0 * (k1[i] + k4[i] + 2.0 * (k2[i] + k3[i])))
    }
}

fn generalisation_start(index: usize) -> [f64; 6] {
    const LEVELS: [f64; 5] = [0.05, 0.25, 0.5, 0.75, 0.95];
    let level = |period: usize| LEVELS[index / period % 5];
    [
        level(125) * 4.32 - 2.16,
        level(25) * 2.70 - 1.35,
        level(5) * 0.125_663_04 - 0.062_831_52,
        level(1) * 0.300_195_04 - 0.150_097_52,
        0.0,
        0.0,
    ]
}

/// What a pole adds to the cart's equation of motion (Wieland 1991).
struct Pole {
    /// Effective force on the cart in N.
    force: f64,
    /// Effective mass in kg.
    mass: f64,
    cos: f64,
    /// Angular acceleration's part that does not depend on the cart, times the half length.
    own: f64,
}

impl Pole {
    #[inline(always)]
    fn new(pole: usize, theta: f64, omega: f64) -> Self {
        let (mass, length) = (MASSES[pole], HALF_LENGTHS[pole]);
        let (sin, cos) = sincos(theta);
        let own = HINGE_FRICTION / (mass * length) * omega + GRAVITY * sin;
        Pole {
            force: mass * length * (omega * omega) * sin + 0.75 * mass * cos * own,
            mass: mass * (1.0 - 0.75 * (cos * cos)),
            cos,
            own,
        }
    }

    #[inline(always)]
    fn angular(&self, pole: usize, cart: f64) -> f64 {
        (-0.75 / HALF_LENGTHS[pole]) * (cart * self.cos + self.own)
    }
}

/// How restless the cart and the long pole were in the last 100 balanced steps.
#[derive(Clone, Debug)]
pub struct Restlessness {
    window: [f64; WINDOW],
    balanced: u32,
}

impl Default for Restlessness {
    fn default() -> Self {
        Restlessness { window: [0.0; WINDOW], balanced: 0 }
    }
}

impl Restlessness {
    /// Gruau's two fitness terms.
    fn terms(&self) -> (f64, f64) {
        let calm = if self.balanced > WINDOW as u32 { 0.75 / self.window.iter().sum::<f64>() } else { 0.0 };
        (f64::from(self.balanced) / 1000.0, calm)
    }
}

impl Environment for DoublePole {
    type State = [f64; 6];
    type Action = [f32; 1];
    type Observation = [f32; 6];
    type Record = Restlessness;

    fn spec(&self) -> Spec {
        let (x, theta) = ((POSITION_LIMIT / 4.8) as f32, (ANGLE_LIMIT / 0.52) as f32);
        let any = f32::INFINITY;
        let high: &[f32] =
            if self.velocities { &[x, any, theta, any, theta, any] } else { &[x, theta, theta] };
        match self.fitness {
            DoublePoleFitness::Steps => {
                Spec::continuous(high, [1.0], 100_000).rewards(0.0, 1.0).solved_at(100_000.0)
            }
            DoublePoleFitness::Gruau => Spec::continuous(high, [1.0], 1000).rewards(0.0, 1.0),
        }
    }

    fn check(&self) -> Result<(), Violations> {
        let mut violations = Violations::new();
        let ok = self.angle.abs() <= ANGLE_LIMIT;
        violations.require(ok, "angle", self.angle, "an angle within ±0.628329 rad (36°)");
        violations.into_result()
    }

    fn reset(&self, rng: &mut Stream) -> [f64; 6] {
        match self.start {
            DoublePoleStart::Angle => [0.0, 0.0, self.angle, 0.0, 0.0, 0.0],
            DoublePoleStart::Generalisation => generalisation_start(rng.below(625)),
            DoublePoleStart::EveryGeneralisation => generalisation_start(0),
        }
    }

    fn begin(&self, episode: u64, rng: &mut Stream) -> [f64; 6] {
        match self.start {
            DoublePoleStart::EveryGeneralisation => generalisation_start((episode % 625) as usize),
            _ => self.reset(rng),
        }
    }

    #[inline(always)]
    fn step(&self, state: &mut [f64; 6], action: [f32; 1]) -> Step {
        let force = f64::from(action[0]).clamp(-1.0, 1.0) * FORCE;
        *state = Self::integrate(Self::integrate(*state, force), force);
        let [x, _, theta1, _, theta2, _] = *state;
        let terminated =
            (x.abs() > POSITION_LIMIT) | (theta1.abs() > ANGLE_LIMIT) | (theta2.abs() > ANGLE_LIMIT);
        Step { reward: if terminated { 0.0 } else { 1.0 }, terminated }
    }

    #[inline(always)]
    fn observe(&self, state: &[f64; 6]) -> [f32; 6] {
        let [x, v, theta1, omega1, theta2, omega2] = *state;
        let (x, theta1, theta2) = (x / 4.8, theta1 / 0.52, theta2 / 0.52);
        if self.velocities {
            [x, v / 2.0, theta1, omega1 / 2.0, theta2, omega2 / 2.0].map(|value| value as f32)
        } else {
            [x, theta1, theta2, 0.0, 0.0, 0.0].map(|value| value as f32)
        }
    }

    #[inline(always)]
    fn record(&self, state: &[f64; 6], step: Step, record: &mut Restlessness) {
        if !step.terminated && self.fitness == DoublePoleFitness::Gruau {
            let [x, v, theta1, omega1, ..] = *state;
            record.window[record.balanced as usize % WINDOW] =
                x.abs() + v.abs() + theta1.abs() + omega1.abs();
            record.balanced = record.balanced.saturating_add(1);
        }
    }

    fn fitness(&self, _: &[f64; 6], record: &Restlessness, total_reward: f64) -> f64 {
        match self.fitness {
            DoublePoleFitness::Steps => total_reward,
            DoublePoleFitness::Gruau => {
                let (balanced, calm) = record.terms();
                0.1 * balanced + 0.9 * calm
            }
        }
    }

    fn metrics(&self) -> &'static [&'static str] {
        match self.fitness {
            DoublePoleFitness::Steps => &[],
            DoublePoleFitness::Gruau => &["balanced_steps", "gruau_f1", "gruau_f2"],
        }
    }

    fn measure(&self, _: &[f64; 6], record: &Restlessness, out: &mut [f64]) {
        if self.fitness == DoublePoleFitness::Gruau {
            let (balanced, calm) = record.terms();
            out.copy_from_slice(&[f64::from(record.balanced), balanced, calm]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Actions, End, Lanes, Simulator};
    use super::*;

    fn close(found: &[f64], expected: &[f64]) {
        for (a, b) in found.iter().zip(expected) {
            assert!((a - b).abs() < 1e-13 * b.abs().max(1.0), "{found:?}, expected {expected:?}");
        }
    }

    /// Numbers of a separate evaluation of the published equations of motion, with outputs 0.9, 0.1, 0.5 and 0.62 of
    /// Stanley's network, that is actions of 2o − 1.
    #[test]
    fn follows_the_published_equations() {
        let mut state = [0.3, -0.4, 0.07, 0.2, -0.05, 0.3];
        let expected = [
            vec![
                0.2935472087381874,
                -0.24528125677704504,
                0.0718935419735347,
                -0.010544819915952575,
                -0.06870149580994515,
                -2.1783504680770944,
            ],
            vec![
                0.2870758892969139,
                -0.40184810816411815,
                0.07423728598770311,
                0.24502316570637522,
                -0.09118074867020508,
                -0.08172571118822836,
            ],
            vec![
                0.2790294703421358,
                -0.40280472760299285,
                0.07937485125965683,
                0.2690006066225125,
                -0.09537739693630219,
                -0.3397710402566071,
            ],
        ];
        for (output, expected) in [0.9, 0.1, 0.5].into_iter().zip(expected) {
            let force = (output - 0.5) * 2.0 * FORCE;
            state = DoublePole::integrate(DoublePole::integrate(state, force), force);
            close(&state, &expected);
        }
    }

    #[test]
    fn without_force_the_short_pole_falls_at_step_23() {
        let mut lanes = Lanes::new(DoublePole::default(), 1);
        lanes.reset_to(0, &[0.0, 0.0, 0.07, 0.0, 0.0, 0.0], 0).unwrap();
        let (mut rewards, mut ends, mut total) = ([0.0], [End::NONE], 0.0);
        while !ends[0].is_over() {
            lanes.step(Actions::Continuous { values: &[0.0], stride: 1 }, &mut rewards, &mut ends);
            total += rewards[0];
        }
        assert_eq!((lanes.steps(0), total, ends[0]), (23, 22.0, End::new(true, false)));
        let expected = [
            -0.007111623309415294,
            -0.039867313181196844,
            0.2230332314393096,
            0.8405605050767417,
            0.7251048356736731,
            8.726792908921421,
        ];
        close(&lanes.state(0).unwrap(), &expected);
        assert_eq!(lanes.fitness(0, total), 22.0);
    }

    /// 150 balanced steps in which the window's term is 0.5 except in the first 50, then a fall.
    #[test]
    fn gruau_fitness_counts_the_last_hundred_balanced_steps() {
        let task =
            DoublePole { velocities: false, fitness: DoublePoleFitness::Gruau, ..DoublePole::default() };
        let mut record = Restlessness::default();
        let up = Step { reward: 1.0, terminated: false };
        (0..50).for_each(|_| task.record(&[2.0, 0.0, 0.0, 0.0, 0.0, 0.0], up, &mut record));
        assert_eq!(task.fitness(&[0.0; 6], &record, 50.0), 0.1 * 0.05);
        (0..100).for_each(|_| task.record(&[-0.2, 0.1, -0.1, 0.1, 9.0, 9.0], up, &mut record));
        task.record(&[9.0; 6], Step { reward: 0.0, terminated: true }, &mut record);
        let fitness = task.fitness(&[0.0; 6], &record, 150.0);
        assert!((fitness - (0.1 * 0.15 + 0.9 * 0.75 / 50.0)).abs() < 1e-12, "{fitness}");
        let mut metrics = [0.0; 3];
        task.measure(&[0.0; 6], &record, &mut metrics);
        assert_eq!(task.metrics().len(), 3);
        assert!(metrics[0] == 150.0 && metrics[1] == 0.15 && (metrics[2] - 0.015).abs() < 1e-12);
    }

    #[test]
    fn the_generalisation_starts_span_the_grid() {
        let starts: Vec<[f64; 6]> = DoublePole::generalisation_starts().collect();
        assert_eq!(starts.len(), 625);
        close(&starts[0], &[-1.944, -1.215, -0.056548368, -0.135087768, 0.0, 0.0]);
        close(&starts[312], &[0.0; 6]);
        close(&starts[624], &[1.944, 1.215, 0.056548368, 0.135087768, 0.0, 0.0]);
        let mut distinct = starts.clone();
        distinct.dedup();
        assert_eq!(distinct.len(), 625);
        let task = DoublePole { start: DoublePoleStart::EveryGeneralisation, ..DoublePole::default() };
        let mut lanes = Lanes::new(task, 1);
        let mut rng =
            evolvent_core::stream(evolvent_core::RunKey(1), 0, 0, 0, evolvent_core::Purpose::Episode);
        for episode in [0, 1, 312, 624, 625] {
            lanes.begin(0, episode, &mut rng);
            assert_eq!(lanes.state(0).unwrap(), starts[episode as usize % 625]);
        }
    }

    #[test]
    fn velocities_can_be_hidden() {
        let state = [2.4, 1.0, 0.52, 1.0, -0.26, 1.0];
        let seen = DoublePole::default();
        assert_eq!(seen.observe(&state), [0.5, 0.5, 1.0, 0.5, -0.5, 0.5]);
        let hidden = DoublePole { velocities: false, ..DoublePole::default() };
        assert_eq!(hidden.spec().interface.inputs(), 3);
        assert_eq!(hidden.observe(&state)[..3], [0.5, 1.0, -0.5]);
        let mut lanes = Lanes::new(hidden, 2);
        lanes.reset_to(1, &state, 0).unwrap();
        let mut out = [9.0; 3];
        lanes.observe(1..2, &mut out);
        assert_eq!(out, [0.5, 1.0, -0.5]);
    }

    #[test]
    fn an_initial_angle_beyond_the_limit_is_refused() {
        let error = DoublePole { angle: 0.7, ..DoublePole::default() }.check().unwrap_err();
        assert_eq!(error.0[0].path, "angle");
        assert!(DoublePole { angle: f64::NAN, ..DoublePole::default() }.check().is_err());
    }
}
