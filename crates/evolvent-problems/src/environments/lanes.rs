//! The batch simulator: many copies of an environment in lockstep, as structures of arrays.
//!
//! Lanes are stored in blocks of [`WIDTH`]: inside a block each state variable is an array over the lanes, so that the
//! loop over them has a constant length and contiguous memory, and compiles to SIMD.

use super::environment::{Environment, Spec, Step};
use evolvent_core::Stream;
use evolvent_math::kernels::vectorize;
use std::ops::Range;

/// Lanes in a block.
pub const WIDTH: usize = 8;

/// Whether and how a lane's episode ended with this step; both may hold at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct End(u8);

impl End {
    /// The episode goes on.
    pub const NONE: End = End(0);

    /// An end with these two facts.
    #[inline(always)]
    pub fn new(terminated: bool, truncated: bool) -> Self {
        End(terminated as u8 | (truncated as u8) << 1)
    }

    /// The environment reached an end of its own.
    pub fn terminated(self) -> bool {
        self.0 & 1 != 0
    }

    /// The time limit was reached.
    pub fn truncated(self) -> bool {
        self.0 & 2 != 0
    }

    /// The episode is over.
    pub fn is_over(self) -> bool {
        self.0 != 0
    }

    /// The lanes whose episode is over, in order; passes over running lanes eight at a time.
    pub fn over(ends: &[End]) -> impl Iterator<Item = usize> + '_ {
        ends.chunks(8)
            .enumerate()
            .filter(|(_, chunk)| chunk.iter().fold(0, |any, end| any | end.0) != 0)
            .flat_map(|(block, chunk)| {
                (0..chunk.len()).filter(|&i| chunk[i].is_over()).map(move |i| block * 8 + i)
            })
    }
}

/// The actions of a batch.
#[derive(Clone, Copy, Debug)]
pub enum Actions<'a> {
    /// One action per lane.
    Discrete(&'a [u32]),
    /// A structure of arrays: entry `d` of lane `l` is at `d * stride + l`.
    Continuous {
        /// The numbers.
        values: &'a [f32],
        /// Distance between the entries of one lane; at least the number of lanes stepped.
        stride: usize,
    },
}

/// What an environment may take as its action: `u32` or `[f32; D]`.
pub trait LaneAction: Copy + 'static {
    /// The actions of up to [`WIDTH`] lanes from `first` on; the last one is repeated to fill the block.
    ///
    /// # Panics
    /// If the actions are of the other kind: the task reads the kind from the environment's interface.
    fn block(actions: &Actions<'_>, first: usize, count: usize) -> [Self; WIDTH];
}

impl LaneAction for u32 {
    #[inline(always)]
    fn block(actions: &Actions<'_>, first: usize, count: usize) -> [u32; WIDTH] {
        let Actions::Discrete(actions) = actions else { panic!("the environment takes discrete actions") };
        match actions[first..first + count].try_into() {
            Ok(full) => full,
            Err(_) => std::array::from_fn(|i| actions[first + i.min(count - 1)]),
        }
    }
}

impl<const D: usize> LaneAction for [f32; D] {
    #[inline(always)]
    fn block(actions: &Actions<'_>, first: usize, count: usize) -> [[f32; D]; WIDTH] {
        let Actions::Continuous { values, stride } = actions else {
            panic!("the environment takes continuous actions")
        };
        let mut block = [[0.0; D]; WIDTH];
        for d in 0..D {
            let row = &values[d * stride + first..d * stride + first + count];
            for lane in 0..WIDTH {
                block[lane][d] = row[lane.min(count - 1)];
            }
        }
        block
    }
}

/// What an environment may show: `[f32; M]`.
pub trait LaneObservation: 'static {
    /// The observations of [`WIDTH`] lanes.
    type Block;
    /// A block to be filled.
    fn blank() -> Self::Block;
    /// Writes the observation of one lane.
    fn store(self, block: &mut Self::Block, lane: usize);
    /// One row per observed number.
    fn rows(block: &Self::Block) -> &[[f32; WIDTH]];
}

impl<const M: usize> LaneObservation for [f32; M] {
    type Block = [[f32; WIDTH]; M];

    #[inline(always)]
    fn blank() -> Self::Block {
        [[0.0; WIDTH]; M]
    }
    #[inline(always)]
    fn store(self, block: &mut Self::Block, lane: usize) {
        for i in 0..M {
            block[i][lane] = self[i];
        }
    }
    #[inline(always)]
    fn rows(block: &Self::Block) -> &[[f32; WIDTH]] {
        block
    }
}

/// What an environment may have as its state: `[f64; N]`, stored as a structure of arrays, or [`Own<T>`].
pub trait LaneState: Clone + Send + 'static {
    /// The states of [`WIDTH`] lanes.
    type Block: Clone + Send + Sync;
    /// Whether stepping a whole block costs no more than stepping one lane.
    const VECTOR: bool;

    /// A block before any reset.
    fn blank() -> Self::Block;
    /// Changes the state of one lane.
    fn change<R>(block: &mut Self::Block, lane: usize, change: impl FnOnce(&mut Self) -> R) -> R;
    /// Looks at the state of one lane.
    fn look<R>(block: &Self::Block, lane: usize, look: impl FnOnce(&Self) -> R) -> R;
    /// Its numbers, if it is made of numbers only.
    fn numbers(&self) -> Option<&[f64]>;
    /// A state of these numbers.
    fn from_numbers(numbers: &[f64]) -> Result<Self, StateError>;
}

impl<const N: usize> LaneState for [f64; N] {
    type Block = [[f64; WIDTH]; N];
    const VECTOR: bool = true;

    fn blank() -> Self::Block {
        [[0.0; WIDTH]; N]
    }
    #[inline(always)]
    fn change<R>(block: &mut Self::Block, lane: usize, change: impl FnOnce(&mut Self) -> R) -> R {
        let mut state: [f64; N] = std::array::from_fn(|i| block[i][lane]);
        let result = change(&mut state);
        for i in 0..N {
            block[i][lane] = state[i];
        }
        result
    }
    #[inline(always)]
    fn look<R>(block: &Self::Block, lane: usize, look: impl FnOnce(&Self) -> R) -> R {
        look(&std::array::from_fn(|i| block[i][lane]))
    }
    fn numbers(&self) -> Option<&[f64]> {
        Some(self)
    }
    fn from_numbers(numbers: &[f64]) -> Result<Self, StateError> {
        numbers.try_into().map_err(|_| StateError { expected: Some(N), found: numbers.len() })
    }
}

/// A state of any type: a board, a list of bodies, a random stream. Stored lane by lane, stepped lane by lane.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Own<T>(pub T);

impl<T: Clone + Default + Send + Sync + 'static> LaneState for Own<T> {
    type Block = Vec<Own<T>>;
    const VECTOR: bool = false;

    fn blank() -> Self::Block {
        vec![Own(T::default()); WIDTH]
    }
    #[inline]
    fn change<R>(block: &mut Self::Block, lane: usize, change: impl FnOnce(&mut Self) -> R) -> R {
        change(&mut block[lane])
    }
    #[inline]
    fn look<R>(block: &Self::Block, lane: usize, look: impl FnOnce(&Self) -> R) -> R {
        look(&block[lane])
    }
    fn numbers(&self) -> Option<&[f64]> {
        None
    }
    fn from_numbers(numbers: &[f64]) -> Result<Self, StateError> {
        Err(StateError { expected: None, found: numbers.len() })
    }
}

/// A state that an environment cannot start from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}, found {found}", match .expected {
    Some(n) => format!("expected a state of {n} numbers"),
    None => "this environment's state is not a list of numbers: use `reset`".to_string(),
})]
pub struct StateError {
    /// Numbers in a state; `None` if the state is not made of numbers.
    pub expected: Option<usize>,
    /// Numbers that arrived.
    pub found: usize,
}

/// A batch of lanes, each with an episode of its own; safe to use as `dyn Simulator`.
///
/// Nothing is allocated after construction, except by `state`.
pub trait Simulator: Send {
    /// The environment's facts, with the time limit in force.
    fn spec(&self) -> &Spec;
    /// Number of lanes.
    fn lanes(&self) -> usize;
    /// Starts an episode in a lane.
    fn reset(&mut self, lane: usize, rng: &mut Stream);
    /// Starts the `episode`-th episode of a genome in a lane, see [`Environment::begin`].
    fn begin(&mut self, lane: usize, episode: u64, rng: &mut Stream);
    /// Puts a lane into a given state, `steps` steps into its episode.
    fn reset_to(&mut self, lane: usize, state: &[f64], steps: u32) -> Result<(), StateError>;
    /// The state of a lane, if it is made of numbers.
    fn state(&self, lane: usize) -> Option<Vec<f64>>;
    /// Makes lane `to` a copy of lane `from`: with it a rollout keeps its running episodes together at the front.
    fn copy_lane(&mut self, from: usize, to: usize);
    /// Steps the first `rewards.len()` lanes. `ends` has the same length. The caller resets ended lanes, or moves them
    /// away, before it steps again.
    ///
    /// # Panics
    /// If there are fewer actions or ends than rewards, more rewards than lanes, or actions of the wrong kind.
    fn step(&mut self, actions: Actions<'_>, rewards: &mut [f64], ends: &mut [End]);
    /// Writes the observations of some lanes as a structure of arrays: number `i` of lane `lanes.start + l` goes to
    /// `out[i * lanes.len() + l]`.
    fn observe(&self, lanes: Range<usize>, out: &mut [f32]);
    /// Steps that a lane's episode has taken.
    fn steps(&self, lane: usize) -> u32;
    /// What a lane's episode is worth, given the sum of its rewards.
    fn fitness(&self, lane: usize, total_reward: f64) -> f64;
    /// Names of the numbers that [`Simulator::measure`] gives.
    fn metrics(&self) -> &'static [&'static str];
    /// Numbers that describe a lane's episode; `out` has the length of [`Simulator::metrics`].
    fn measure(&self, lane: usize, out: &mut [f64]);
    /// Where the descriptors lie: an interval for each of the first so many metrics.
    fn descriptors(&self) -> Vec<(f64, f64)>;
    /// An independent copy.
    fn boxed_clone(&self) -> Box<dyn Simulator>;
}

impl Clone for Box<dyn Simulator> {
    fn clone(&self) -> Self {
        self.boxed_clone()
    }
}

/// The batch simulator of an environment.
#[derive(Clone)]
pub struct Lanes<E: Environment> {
    environment: E,
    spec: Spec,
    lanes: usize,
    blocks: Vec<<E::State as LaneState>::Block>,
    steps: Vec<u32>,
    records: Vec<E::Record>,
}

impl<E: Environment> Lanes<E> {
    /// So many lanes with the environment's own time limit. Every lane must be reset before its first step.
    pub fn new(environment: E, lanes: usize) -> Self {
        let limit = environment.spec().max_episode_steps;
        Self::with_limit(environment, lanes, limit)
    }

    /// So many lanes whose episodes are truncated after `max_episode_steps` steps.
    pub fn with_limit(environment: E, lanes: usize, max_episode_steps: u32) -> Self {
        Lanes {
            spec: Spec { max_episode_steps, ..environment.spec() },
            environment,
            lanes,
            blocks: vec![E::State::blank(); lanes.div_ceil(WIDTH)],
            steps: vec![0; lanes],
            records: vec![E::Record::default(); lanes],
        }
    }

    /// The rules.
    pub fn environment(&self) -> &E {
        &self.environment
    }

    #[inline(always)]
    pub(super) fn step_lanes(&mut self, actions: Actions<'_>, rewards: &mut [f64], ends: &mut [End]) {
        let lanes = rewards.len();
        let unused = (E::State::VECTOR && !lanes.is_multiple_of(WIDTH)).then(|| self.pad(lanes));
        for first in (0..lanes).step_by(WIDTH) {
            let count = WIDTH.min(lanes - first);
            let actions = E::Action::block(&actions, first, count);
            let block = &mut self.blocks[first / WIDTH];
            let outcomes = step_block(&self.environment, block, &actions, count);
            let steps = &mut self.steps[first..first + count];
            let (rewards, ends) = (&mut rewards[first..first + count], &mut ends[first..first + count]);
            if count == WIDTH {
                settle(&outcomes, self.spec.max_episode_steps, steps, rewards, ends, WIDTH);
            } else {
                settle(&outcomes, self.spec.max_episode_steps, steps, rewards, ends, count);
            }
            if size_of::<E::Record>() > 0 {
                for lane in 0..count {
                    let step = Step { reward: outcomes.rewards[lane], terminated: outcomes.terminated[lane] };
                    let record = &mut self.records[first + lane];
                    E::State::look(block, lane, |state| self.environment.record(state, step, record));
                }
            }
        }
        if let Some(unused) = unused {
            self.unpad(lanes, &unused);
        }
    }

    /// Fills the unused lanes of the last block with its last used one, so that no environment meets a state that no
    /// episode has; gives the block as it was.
    fn pad(&mut self, lanes: usize) -> <E::State as LaneState>::Block {
        let block = &mut self.blocks[lanes / WIDTH];
        let before = block.clone();
        let last = E::State::look(block, lanes % WIDTH - 1, E::State::clone);
        (lanes % WIDTH..WIDTH)
            .for_each(|lane| E::State::change(block, lane, |state| state.clone_from(&last)));
        before
    }

    /// Gives the unused lanes of the last block their states back.
    fn unpad(&mut self, lanes: usize, before: &<E::State as LaneState>::Block) {
        for lane in lanes % WIDTH..WIDTH {
            let kept = E::State::look(before, lane, E::State::clone);
            E::State::change(&mut self.blocks[lanes / WIDTH], lane, |state| *state = kept);
        }
    }

    #[inline(always)]
    pub(super) fn observe_lanes(&self, lanes: Range<usize>, out: &mut [f32]) {
        let (count, inputs) = (lanes.len(), self.spec.interface.inputs());
        let out = &mut out[..inputs * count];
        let mut at = 0;
        while at < count {
            let lane = lanes.start + at;
            let (block, offset) = (&self.blocks[lane / WIDTH], lane % WIDTH);
            let here = (WIDTH - offset).min(count - at);
            if here == WIDTH {
                self.observe_some(block, 0, WIDTH, inputs, &mut out[at..], count);
            } else {
                self.observe_some(block, offset, here, inputs, &mut out[at..], count);
            }
            at += here;
        }
    }

    /// Observations of `count` lanes of a block from `first` on: entry `i` of the `l`-th goes to `out[i * stride + l]`.
    #[inline(always)]
    fn observe_some(
        &self,
        block: &<E::State as LaneState>::Block,
        first: usize,
        count: usize,
        inputs: usize,
        out: &mut [f32],
        stride: usize,
    ) {
        let mut rows = E::Observation::blank();
        for lane in 0..count {
            let observation = E::State::look(
                block,
                first + lane,
                #[inline(always)]
                |state| self.environment.observe(state),
            );
            observation.store(&mut rows, lane);
        }
        for (i, row) in E::Observation::rows(&rows)[..inputs].iter().enumerate() {
            out[i * stride..i * stride + count].copy_from_slice(&row[..count]);
        }
    }
}

/// What one step of a block gives.
struct Outcomes {
    rewards: [f64; WIDTH],
    terminated: [bool; WIDTH],
}

/// Steps the first `count` lanes of a block, or all of them if that is as cheap.
#[inline(always)]
fn step_block<E: Environment>(
    environment: &E,
    block: &mut <E::State as LaneState>::Block,
    actions: &[E::Action; WIDTH],
    count: usize,
) -> Outcomes {
    if E::State::VECTOR {
        // A copy stays in registers; memory that others might refer to would not.
        let mut copy = block.clone();
        let outcomes = step_each(environment, &mut copy, actions, WIDTH);
        *block = copy;
        outcomes
    } else {
        step_each(environment, block, actions, count)
    }
}

#[inline(always)]
fn step_each<E: Environment>(
    environment: &E,
    block: &mut <E::State as LaneState>::Block,
    actions: &[E::Action; WIDTH],
    count: usize,
) -> Outcomes {
    let mut outcomes = Outcomes { rewards: [0.0; WIDTH], terminated: [false; WIDTH] };
    for lane in 0..count {
        let step = E::State::change(
            block,
            lane,
            #[inline(always)]
            |state| environment.step(state, actions[lane]),
        );
        outcomes.rewards[lane] = step.reward;
        outcomes.terminated[lane] = step.terminated;
    }
    outcomes
}

/// Counts the step and writes its results; `count` is a constant where that matters.
#[inline(always)]
fn settle(
    outcomes: &Outcomes,
    limit: u32,
    steps: &mut [u32],
    rewards: &mut [f64],
    ends: &mut [End],
    count: usize,
) {
    let (steps, rewards, ends) = (&mut steps[..count], &mut rewards[..count], &mut ends[..count]);
    for lane in 0..count {
        rewards[lane] = outcomes.rewards[lane];
        steps[lane] = steps[lane].saturating_add(1);
        ends[lane] = End::new(outcomes.terminated[lane], steps[lane] >= limit);
    }
}

impl<E: Environment> Simulator for Lanes<E> {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn lanes(&self) -> usize {
        self.lanes
    }

    fn reset(&mut self, lane: usize, rng: &mut Stream) {
        let start = self.environment.reset(rng);
        self.place(lane, start);
    }

    fn begin(&mut self, lane: usize, episode: u64, rng: &mut Stream) {
        let start = self.environment.begin(episode, rng);
        self.place(lane, start);
    }

    fn reset_to(&mut self, lane: usize, state: &[f64], steps: u32) -> Result<(), StateError> {
        let start = E::State::from_numbers(state)?;
        self.place(lane, start);
        self.steps[lane] = steps;
        Ok(())
    }

    fn state(&self, lane: usize) -> Option<Vec<f64>> {
        E::State::look(&self.blocks[lane / WIDTH], lane % WIDTH, |state| state.numbers().map(<[f64]>::to_vec))
    }

    fn copy_lane(&mut self, from: usize, to: usize) {
        let state = E::State::look(&self.blocks[from / WIDTH], from % WIDTH, E::State::clone);
        E::State::change(&mut self.blocks[to / WIDTH], to % WIDTH, |old| *old = state);
        self.steps[to] = self.steps[from];
        if size_of::<E::Record>() > 0 && from != to {
            let record = self.records[from].clone();
            self.records[to] = record;
        }
    }

    fn step(&mut self, actions: Actions<'_>, rewards: &mut [f64], ends: &mut [End]) {
        vectorize(
            #[inline(always)]
            || self.step_lanes(actions, rewards, ends),
        );
    }

    fn observe(&self, lanes: Range<usize>, out: &mut [f32]) {
        vectorize(
            #[inline(always)]
            || self.observe_lanes(lanes, out),
        );
    }

    fn steps(&self, lane: usize) -> u32 {
        self.steps[lane]
    }

    fn fitness(&self, lane: usize, total_reward: f64) -> f64 {
        let record = &self.records[lane];
        E::State::look(&self.blocks[lane / WIDTH], lane % WIDTH, |state| {
            self.environment.fitness(state, record, total_reward)
        })
    }

    fn descriptors(&self) -> Vec<(f64, f64)> {
        self.environment.descriptors()
    }

    fn metrics(&self) -> &'static [&'static str] {
        self.environment.metrics()
    }

    fn measure(&self, lane: usize, out: &mut [f64]) {
        let record = &self.records[lane];
        E::State::look(&self.blocks[lane / WIDTH], lane % WIDTH, |state| {
            self.environment.measure(state, record, out);
        });
    }

    fn boxed_clone(&self) -> Box<dyn Simulator> {
        Box::new(self.clone())
    }
}

impl<E: Environment> Lanes<E> {
    fn place(&mut self, lane: usize, start: E::State) {
        E::State::change(&mut self.blocks[lane / WIDTH], lane % WIDTH, |state| *state = start);
        self.steps[lane] = 0;
        self.records[lane] = E::Record::default();
    }
}
