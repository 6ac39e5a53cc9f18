//! What an environment is: the rules of one episode, written for one lane.

use super::lanes::{LaneAction, LaneObservation, LaneState};
use evolvent_core::{Interface, Output, Stream, Violations};
use serde::{Deserialize, Serialize};

/// The rules of an environment, written for a single episode.
///
/// `self` holds the parameters and never changes; what changes is [`Environment::State`]. [`Lanes`](super::Lanes) turns
/// the rules into a batch simulator. If the state is an array `[f64; N]` and the methods are marked `#[inline(always)]`
/// and have neither branches nor loops that are not unrolled (use [`sincos`](super::sincos), `clamp`, `if` expressions
/// that select a number), the compiler makes SIMD code of them; if not, they work all the same.
///
/// ```
/// use evolvent_core::{Interface, Output, Stream};
/// use evolvent_problems::environments::{Environment, Spec, Step};
///
/// /// Walk from 0 to the end of a corridor; action 1 goes right.
/// #[derive(Clone)]
/// struct Corridor { length: f64 }
///
/// impl Environment for Corridor {
///     type State = [f64; 1];
///     type Action = u32;
///     type Observation = [f32; 1];
///     type Record = ();
///
///     fn spec(&self) -> Spec {
///         Spec::new(Interface { input: vec![1], output: Output::Discrete(2) }, 100)
///     }
///     fn reset(&self, _: &mut Stream) -> [f64; 1] {
///         [0.0]
///     }
///     fn step(&self, state: &mut [f64; 1], action: u32) -> Step {
///         state[0] = (state[0] + if action == 1 { 1.0 } else { -1.0 }).max(0.0);
///         Step { reward: -1.0, terminated: state[0] >= self.length }
///     }
///     fn observe(&self, state: &[f64; 1]) -> [f32; 1] {
///         [(state[0] / self.length) as f32]
///     }
/// }
/// ```
pub trait Environment: Clone + Send + Sync + 'static {
    /// What changes from step to step: `[f64; N]`, or [`Own<T>`](super::Own) for anything else.
    type State: LaneState;
    /// `u32` for one of `n` actions, `[f32; D]` for `D` continuous ones.
    type Action: LaneAction;
    /// `[f32; M]`. The first `spec().interface.inputs()` numbers are shown, so that a parameter can hide the others.
    type Observation: LaneObservation;
    /// What an episode leaves behind besides its return; `()` if nothing. Starts from its default.
    type Record: Default + Clone + Send;

    /// The facts that a task needs.
    fn spec(&self) -> Spec;

    /// What is wrong with the parameters. Called once, before the first episode.
    fn check(&self) -> Result<(), Violations> {
        Ok(())
    }

    /// The first state of an episode.
    fn reset(&self, rng: &mut Stream) -> Self::State;

    /// The first state of the `episode`-th episode of a genome, from 0. An environment whose episodes go through a list of
    /// starts in order overrides it.
    fn begin(&self, _episode: u64, rng: &mut Stream) -> Self::State {
        self.reset(rng)
    }

    /// One step. Actions outside the space are taken as the nearest action inside it. Stepping on after an episode's end
    /// must not panic or hang; what it gives is unspecified.
    fn step(&self, state: &mut Self::State, action: Self::Action) -> Step;

    /// What the network sees of a state.
    fn observe(&self, state: &Self::State) -> Self::Observation;

    /// Called after each step of an environment whose record is not `()`.
    fn record(&self, _state: &Self::State, _step: Step, _record: &mut Self::Record) {}

    /// What an episode is worth: its return, unless the environment has a measure of its own. Larger is better.
    fn fitness(&self, _state: &Self::State, _record: &Self::Record, total_reward: f64) -> f64 {
        total_reward
    }

    /// Names of the numbers that [`Environment::measure`] gives.
    fn metrics(&self) -> &'static [&'static str] {
        &[]
    }

    /// Numbers that describe an episode, in the order of [`Environment::metrics`].
    fn measure(&self, _state: &Self::State, _record: &Self::Record, _out: &mut [f64]) {}

    /// Where the descriptors of a behaviour lie: an interval for each of the first so many metrics; empty if there are none.
    fn descriptors(&self) -> Vec<(f64, f64)> {
        Vec::new()
    }
}

/// What one step gives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Reward of this step.
    pub reward: f64,
    /// Whether the episode reached an end of its own (not a time limit).
    pub terminated: bool,
}

/// The facts of an environment that a task needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spec {
    /// Shape of the observation, and the action space: `Output::Discrete` or `Output::Continuous`.
    pub interface: Interface,
    /// Lower end of each observed number, −∞ if there is none.
    pub observation_low: Vec<f32>,
    /// Upper end of each observed number, ∞ if there is none.
    pub observation_high: Vec<f32>,
    /// Steps after which an episode is truncated, unless the task sets another limit.
    pub max_episode_steps: u32,
    /// Smallest and largest reward of a step.
    pub reward_range: (f64, f64),
    /// Mean fitness over 100 episodes at which the task counts as solved, if its authors name one.
    pub solved: Option<f64>,
}

impl Spec {
    /// Unbounded observations and rewards, no solved mark.
    pub fn new(interface: Interface, max_episode_steps: u32) -> Self {
        let inputs = interface.inputs();
        Spec {
            interface,
            observation_low: vec![f32::NEG_INFINITY; inputs],
            observation_high: vec![f32::INFINITY; inputs],
            max_episode_steps,
            reward_range: (f64::NEG_INFINITY, f64::INFINITY),
            solved: None,
        }
    }

    /// A flat observation whose entries lie in [−high, high], and one of `actions` actions.
    pub(super) fn discrete(high: &[f32], actions: usize, max_episode_steps: u32) -> Self {
        Self::symmetric(high, Output::Discrete(actions), max_episode_steps)
    }

    /// A flat observation whose entries lie in [−high, high], and `D` actions in [−limit, limit].
    pub(super) fn continuous<const D: usize>(high: &[f32], limit: [f32; D], max_episode_steps: u32) -> Self {
        let output = Output::Continuous { low: limit.map(|l| -l).to_vec(), high: limit.to_vec() };
        Self::symmetric(high, output, max_episode_steps)
    }

    fn symmetric(high: &[f32], output: Output, max_episode_steps: u32) -> Self {
        Spec {
            observation_low: high.iter().map(|h| -h).collect(),
            observation_high: high.to_vec(),
            ..Self::new(Interface { input: vec![high.len()], output }, max_episode_steps)
        }
    }

    pub(super) fn rewards(self, low: f64, high: f64) -> Self {
        Spec { reward_range: (low, high), ..self }
    }

    pub(super) fn solved_at(self, fitness: f64) -> Self {
        Spec { solved: Some(fitness), ..self }
    }
}
