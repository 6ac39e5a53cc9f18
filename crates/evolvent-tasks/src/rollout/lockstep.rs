//! The step loop: several members, several episodes each, all lanes stepped together.
//!
//! Lane `g · episodes + e` is episode `e` of network `g`. What a lane gives does not depend on the others, so neither on
//! how members are gathered nor on what is cleared away: once a good part of the lanes is done, the rest moves together.

use super::observations::ObservationSums;
use crate::experience::Trail;
use crate::spare::grow;
use evolvent_core::{Failure, Network, Output, Stream};
use evolvent_math::kernels::vectorize;
use evolvent_nets::{Head, Normalizer};
use evolvent_problems::environments::{Actions, End, Simulator};

/// Lanes of a workspace; a word has a bit for each.
pub(super) const LANES: usize = u64::BITS as usize;

/// The stream that an episode's network draws its first state from, split off the episode's.
const STATE: u64 = 1;

/// What all lanes of an evaluation share.
pub(super) struct Rules<'a> {
    pub(super) head: &'a Head,
    pub(super) normalizer: Option<&'a Normalizer>,
    /// Means that sums of observations are relative to, if observations are gathered.
    pub(super) center: Option<&'a [f64]>,
    /// Standard deviation of the noise on each action; empty for none.
    pub(super) noise: &'a [f32],
    /// Steps per lane with episodes begun anew, if not one episode per lane.
    pub(super) steps: Option<u32>,
    /// Whether an episode is worth its return and nothing else.
    pub(super) plain_return: bool,
    /// Numbers of further metrics per episode.
    pub(super) metrics: usize,
}

/// Where lanes get their random numbers.
pub(super) trait Draws {
    /// The stream of an episode: of member `place`, the `begun`-th that episode place `episode` begins.
    fn episode(&self, place: usize, episode: usize, begun: u32) -> Stream;
    /// The stream of the noise on the actions of an episode place.
    fn noise(&self, place: usize, episode: usize) -> Stream;
}

/// The networks of the members, in places from 0. The loop is compiled once, not for every kind of network: it meets them through this trait,
/// a call for each step of all lanes.
pub(super) trait Policies {
    /// Numbers of state that a lane of the first `group` networks needs.
    fn state_len(&self, group: usize) -> usize;
    /// Numbers of scratch memory that their step needs.
    fn scratch_len(&self, group: usize, each: usize) -> usize;
    /// Puts the state of a lane of network `g` where an episode begins.
    fn begin_episode(&self, g: usize, state: &mut [f32], lanes: usize, lane: usize, rng: &mut Stream);
    /// A step of the first `group` networks, `each` lanes of each.
    fn forward(
        &self,
        group: usize,
        each: usize,
        input: &[f32],
        state: &mut [f32],
        output: &mut [f32],
        scratch: &mut [f32],
    );
    /// Lets two networks change places.
    fn swap(&mut self, a: usize, b: usize);
}

impl<N: Network> Policies for Vec<N> {
    fn state_len(&self, group: usize) -> usize {
        self[..group].iter().map(N::state_len).max().unwrap_or(0)
    }
    fn scratch_len(&self, group: usize, each: usize) -> usize {
        N::group_scratch_len(&self[..group], each)
    }
    fn begin_episode(&self, g: usize, state: &mut [f32], lanes: usize, lane: usize, rng: &mut Stream) {
        self[g].begin_episode(state, lanes, lane, rng);
    }
    fn forward(
        &self,
        group: usize,
        each: usize,
        input: &[f32],
        state: &mut [f32],
        output: &mut [f32],
        scratch: &mut [f32],
    ) {
        N::forward_group(&self[..group], each, input, state, output, scratch);
    }
    fn swap(&mut self, a: usize, b: usize) {
        self.as_mut_slice().swap(a, b);
    }
}

/// What one lane gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Episode {
    /// What it is worth.
    pub(super) value: f64,
    /// Steps taken.
    pub(super) steps: u64,
    /// Episodes begun.
    pub(super) begun: u64,
}

/// What the lanes of some members gave.
#[derive(Debug)]
pub(super) struct Finished {
    episodes_each: usize,
    inputs: usize,
    metrics: usize,
    /// `members × episodes`.
    pub(super) episodes: Vec<Episode>,
    /// Metrics of each lane.
    measures: Vec<f64>,
    /// For each lane the sums of its observations, then of their squares; empty if they are not gathered.
    observed: Vec<f64>,
    /// What each member saw in its first episode; none at all unless it is wanted.
    pub(super) trails: Vec<Trail>,
    /// Sensitivities of each member; none at all unless they are wanted.
    pub(super) sensitivities: Vec<Vec<f32>>,
    /// Why a member has no value.
    pub(super) failures: Vec<Option<Failure>>,
}

impl Finished {
    pub(super) fn new(members: usize, episodes: usize, inputs: usize, rules: &Rules<'_>) -> Self {
        let lanes = members * episodes;
        let observed = if rules.center.is_some() { 2 * inputs * lanes } else { 0 };
        Finished {
            episodes_each: episodes,
            inputs,
            metrics: rules.metrics,
            episodes: vec![Episode::default(); lanes],
            measures: vec![0.0; rules.metrics * lanes],
            observed: vec![0.0; observed],
            trails: Vec::new(),
            sensitivities: Vec::new(),
            failures: vec![None; members],
        }
    }

    /// The episodes of a member.
    pub(super) fn of(&self, place: usize) -> &[Episode] {
        &self.episodes[place * self.episodes_each..][..self.episodes_each]
    }

    /// The metrics of a member's episodes, one row each.
    pub(super) fn measures(&self, place: usize) -> &[f64] {
        let row = self.metrics * self.episodes_each;
        &self.measures[place * row..][..row]
    }

    /// Adds what a member observed, episode after episode.
    pub(super) fn add_observed(&self, place: usize, sums: &mut ObservationSums) {
        let width = 2 * self.inputs;
        for (e, episode) in self.of(place).iter().enumerate() {
            let lane = place * self.episodes_each + e;
            if let Some(row) = self.observed.get(lane * width..(lane + 1) * width) {
                sums.add(episode.steps, &row[..self.inputs], &row[self.inputs..]);
            }
        }
    }
}

/// A lane's place in [`Finished`] and what its earlier episodes gave.
#[derive(Clone, Copy, Debug)]
struct Lane {
    place: u32,
    episode: u32,
    alive: bool,
    begun: u32,
    /// Summed values of the episodes that ended.
    value: f64,
    /// Their steps.
    steps: u64,
}

/// Memory for [`LANES`] lanes.
pub(super) struct Workspace {
    simulator: Box<dyn Simulator>,
    lanes: Vec<Lane>,
    observations: Vec<f32>,
    raw: Vec<f32>,
    state: Vec<f32>,
    scratch: Vec<f32>,
    indices: Vec<u32>,
    rewards: Vec<f64>,
    ends: Vec<End>,
    returns: Vec<f64>,
    sums: Vec<f64>,
    noise: Vec<Stream>,
    inputs: usize,
    outputs: usize,
}

impl Workspace {
    /// Around a simulator of [`LANES`] lanes.
    pub(super) fn new(simulator: Box<dyn Simulator>) -> Self {
        let interface = &simulator.spec().interface;
        let (inputs, outputs) = (interface.inputs(), interface.output.len());
        Workspace {
            lanes: Vec::with_capacity(LANES),
            observations: vec![0.0; inputs * LANES],
            raw: vec![0.0; outputs * LANES],
            state: Vec::new(),
            scratch: Vec::new(),
            indices: vec![0; LANES],
            rewards: vec![0.0; LANES],
            ends: vec![End::NONE; LANES],
            returns: vec![0.0; LANES],
            sums: vec![0.0; 2 * inputs * LANES],
            noise: Vec::new(),
            inputs,
            outputs,
            simulator,
        }
    }

    /// Runs `episodes` lanes of each of the first `places.len()` networks to their ends; `places` are the members'
    /// places in `finished`. Networks change places meanwhile.
    pub(super) fn run(
        &mut self,
        networks: &mut dyn Policies,
        places: &[usize],
        episodes: usize,
        rules: &Rules<'_>,
        draws: &dyn Draws,
        finished: &mut Finished,
    ) {
        let (mut group, mut each) = (places.len(), episodes);
        debug_assert!(group * each <= LANES);
        self.begin(networks, places, each, rules, draws);
        let mut alive = group * each;
        let mut clock = 0;
        while alive > 0 {
            let lanes = group * each;
            self.look_and_act(networks, group, each, rules);
            if any_endless(&self.observations[..self.inputs * lanes])
                || any_nan(&self.raw[..self.outputs * lanes])
            {
                alive -= self.fail(lanes, finished);
            }
            if !finished.trails.is_empty() {
                self.note(lanes, &mut finished.trails);
            }
            self.step(lanes, rules);
            clock += 1;
            let before = alive;
            alive -= match rules.steps {
                None => self.end_episodes(lanes, rules, finished),
                Some(steps) => {
                    self.begin_anew(networks, lanes, each, rules, draws);
                    if clock == steps { self.end_lanes(lanes, rules, finished) } else { 0 }
                }
            };
            // Moving costs about as much as a step, so it must save several.
            if alive < before && alive > 0 && 4 * alive <= 3 * lanes {
                (group, each) = self.gather(networks, group, each);
            }
        }
    }

    /// Puts all lanes at the start of their first episode.
    fn begin(
        &mut self,
        networks: &dyn Policies,
        places: &[usize],
        each: usize,
        rules: &Rules<'_>,
        draws: &dyn Draws,
    ) {
        let group = places.len();
        let lanes = group * each;
        self.lanes.clear();
        self.noise.clear();
        grow(&mut self.state, networks.state_len(group) * lanes);
        grow(&mut self.scratch, networks.scratch_len(group, each));
        self.returns.fill(0.0);
        self.sums.fill(0.0);
        for (g, &place) in places.iter().enumerate() {
            for episode in 0..each {
                let lane = self.lanes.len();
                let (place, e) = (place as u32, episode as u32);
                self.lanes.push(Lane { place, episode: e, alive: true, begun: 1, value: 0.0, steps: 0 });
                let mut rng = draws.episode(places[g], episode, 0);
                self.simulator.begin(lane, e.into(), &mut rng);
                networks.begin_episode(g, &mut self.state, lanes, lane, &mut rng.split(STATE).stream());
                if !rules.noise.is_empty() {
                    self.noise.push(draws.noise(places[g], episode));
                }
            }
        }
    }

    /// Observations, raw outputs, actions.
    fn look_and_act(&mut self, networks: &dyn Policies, group: usize, each: usize, rules: &Rules<'_>) {
        let lanes = group * each;
        let observations = &mut self.observations[..self.inputs * lanes];
        self.simulator.observe(0..lanes, observations);
        if let Some(center) = rules.center {
            let (sums, squares) = self.sums.split_at_mut(self.inputs * LANES);
            add_moments(lanes, observations, center, sums, squares);
        }
        if let Some(normalizer) = rules.normalizer {
            normalizer.apply(lanes, observations);
        }
        let raw = &mut self.raw[..self.outputs * lanes];
        networks.forward(group, each, observations, &mut self.state, raw, &mut self.scratch);
        match rules.head.output() {
            Output::Discrete(_) => rules.head.indices(lanes, raw, &mut self.indices),
            _ => {
                rules.head.squash(lanes, raw);
                for (row, &std) in raw.chunks_exact_mut(lanes).zip(rules.noise) {
                    for (x, stream) in row.iter_mut().zip(&mut self.noise) {
                        *x += std * stream.normal() as f32;
                    }
                }
            }
        }
    }

    /// Adds what the first episodes of members observe to their trails.
    fn note(&self, lanes: usize, trails: &mut [Trail]) {
        for (l, lane) in self.lanes[..lanes].iter().enumerate() {
            if lane.alive && lane.episode == 0 && lane.begun == 1 {
                let observation = self.observations[..self.inputs * lanes].iter().skip(l).step_by(lanes);
                trails[lane.place as usize].see(observation.copied());
            }
        }
    }

    /// One step of the environments.
    fn step(&mut self, lanes: usize, rules: &Rules<'_>) {
        let actions = match rules.head.output() {
            Output::Discrete(_) => Actions::Discrete(&self.indices[..lanes]),
            _ => Actions::Continuous { values: &self.raw[..self.outputs * lanes], stride: lanes },
        };
        let rewards = &mut self.rewards[..lanes];
        self.simulator.step(actions, rewards, &mut self.ends[..lanes]);
        self.returns[..lanes].iter_mut().zip(rewards).for_each(|(sum, reward)| *sum += *reward);
    }

    /// Takes members out whose observations or outputs are not numbers; returns how many lanes.
    #[cold]
    fn fail(&mut self, lanes: usize, finished: &mut Finished) -> usize {
        let mut taken = 0;
        for lane in 0..lanes {
            let Lane { place, episode, alive: true, .. } = self.lanes[lane] else { continue };
            let own = |values: &[f32], wrong: fn(f32) -> bool| {
                let found = values.iter().skip(lane).step_by(lanes).position(|&x| wrong(x));
                found.map(|i| (i, if values[i * lanes + lane].is_nan() { "NaN" } else { "infinite" }))
            };
            let what =
                if let Some((i, how)) = own(&self.observations[..self.inputs * lanes], |x| !x.is_finite()) {
                    format!("observation {i} is {how}")
                } else if let Some((o, how)) = own(&self.raw[..self.outputs * lanes], f32::is_nan) {
                    format!("output {o} is {how}")
                } else {
                    continue;
                };
            let step = self.simulator.steps(lane);
            finished.failures[place as usize].get_or_insert_with(|| {
                Failure::Reported(format!("{what} in episode {episode} after {step} steps"))
            });
            for other in 0..lanes {
                if self.lanes[other].place == place && self.lanes[other].alive {
                    taken += self.retire(other, 0.0, finished);
                }
            }
        }
        // Whatever these lanes do until they are cleared away, it is an action.
        self.raw[..self.outputs * lanes].iter_mut().filter(|x| x.is_nan()).for_each(|x| *x = 0.0);
        taken
    }

    /// What the running episode of a lane is worth so far.
    fn worth(&self, lane: usize, rules: &Rules<'_>) -> f64 {
        let sum = self.returns[lane];
        if rules.plain_return { sum } else { self.simulator.fitness(lane, sum) }
    }

    /// The running lanes whose episode is over, in order. They are noted as bits, because what is done with them changes
    /// what they are read from.
    fn over(&self, lanes: usize) -> impl Iterator<Item = usize> + use<> {
        let mut bits = 0u64;
        for lane in End::over(&self.ends[..lanes]).filter(|&lane| self.lanes[lane].alive) {
            bits |= 1 << lane;
        }
        std::iter::from_fn(move || {
            let lane = bits.trailing_zeros() as usize;
            bits &= bits.wrapping_sub(1);
            (lane < LANES).then_some(lane)
        })
    }

    /// Writes down lanes whose episode is over; returns how many.
    fn end_episodes(&mut self, lanes: usize, rules: &Rules<'_>, finished: &mut Finished) -> usize {
        let mut taken = 0;
        for lane in self.over(lanes) {
            taken += self.finish(lane, rules, finished);
        }
        taken
    }

    /// Writes down all lanes that still run; returns how many.
    fn end_lanes(&mut self, lanes: usize, rules: &Rules<'_>, finished: &mut Finished) -> usize {
        let mut taken = 0;
        for lane in 0..lanes {
            if self.lanes[lane].alive {
                taken += self.finish(lane, rules, finished);
            }
        }
        taken
    }

    /// Begins a new episode in every lane whose episode is over.
    fn begin_anew(
        &mut self,
        networks: &dyn Policies,
        lanes: usize,
        each: usize,
        rules: &Rules<'_>,
        draws: &dyn Draws,
    ) {
        for lane in self.over(lanes) {
            let worth = self.worth(lane, rules);
            let steps = u64::from(self.simulator.steps(lane));
            let at = &mut self.lanes[lane];
            at.value += worth;
            at.steps += steps;
            at.begun += 1;
            self.returns[lane] = 0.0;
            let (place, episode, begun) = (at.place as usize, at.episode as usize, at.begun - 1);
            let at_place = (episode + each * begun as usize) as u64;
            let mut rng = draws.episode(place, episode, begun);
            self.simulator.begin(lane, at_place, &mut rng);
            let own = &mut rng.split(STATE).stream();
            networks.begin_episode(lane / each, &mut self.state, lanes, lane, own);
        }
    }

    /// Writes down a lane with its running episode.
    fn finish(&mut self, lane: usize, rules: &Rules<'_>, finished: &mut Finished) -> usize {
        let Lane { place, episode, begun, value, .. } = self.lanes[lane];
        // An episode that has not taken a step yet has been begun by the clock alone.
        let (worth, begun) = match self.simulator.steps(lane) {
            0 if begun > 1 => (0.0, begun - 1),
            _ => (self.worth(lane, rules), begun),
        };
        if rules.metrics > 0 {
            let row = place as usize * finished.episodes_each + episode as usize;
            self.simulator.measure(lane, &mut finished.measures[row * rules.metrics..][..rules.metrics]);
        }
        self.lanes[lane].begun = begun;
        self.retire(lane, (value + worth) / f64::from(begun), finished)
    }

    /// Writes down a lane with its value.
    fn retire(&mut self, lane: usize, value: f64, finished: &mut Finished) -> usize {
        let at = &mut self.lanes[lane];
        at.alive = false;
        let row = at.place as usize * finished.episodes_each + at.episode as usize;
        let steps = at.steps + u64::from(self.simulator.steps(lane));
        finished.episodes[row] = Episode { value, steps, begun: u64::from(at.begun) };
        let width = 2 * self.inputs;
        if let Some(observed) = finished.observed.get_mut(row * width..(row + 1) * width) {
            for (i, sum) in observed.iter_mut().enumerate() {
                *sum = self.sums[i * LANES + lane];
            }
        }
        1
    }

    /// Moves running lanes together: members that are done leave, the others keep as many lanes as the one with most.
    /// Returns how many members are left, and lanes of each.
    fn gather(&mut self, networks: &mut dyn Policies, group: usize, each: usize) -> (usize, usize) {
        let running = |lanes: &[Lane]| lanes.iter().filter(|l| l.alive).count();
        let most = self.lanes.chunks(each).take(group).map(running).max().unwrap_or(0);
        let left = self.lanes.chunks(each).take(group).filter(|l| running(l) > 0).count();
        let (before, after) = (group * each, left * most);
        let state_len = networks.state_len(group);
        let mut order = [(0, false); LANES];
        let (mut to, mut member) = (0, 0);
        for g in 0..group {
            let own = g * each..(g + 1) * each;
            if running(&self.lanes[own.clone()]) == 0 {
                continue;
            }
            // Running lanes, then as many of the others as keep the rows equal; both in order.
            for alive in [true, false] {
                for from in own.clone().filter(|&l| self.lanes[l].alive == alive) {
                    if to < (member + 1) * most {
                        order[to] = (from, alive);
                        to += 1;
                    }
                }
            }
            networks.swap(member, g);
            member += 1;
        }
        debug_assert_eq!((to, member), (after, left));
        for i in 0..state_len {
            let mut row = [0.0; LANES];
            for (to, &(from, _)) in order[..after].iter().enumerate() {
                row[to] = self.state[i * before + from];
            }
            self.state[i * after..(i + 1) * after].copy_from_slice(&row[..after]);
        }
        // Running lanes keep their order and move down or stay, so none is overwritten before it is read.
        for (to, &(from, alive)) in order[..after].iter().enumerate() {
            if !alive {
                // Only fills the row: whatever it holds is nobody's.
                self.lanes[to].alive = false;
                continue;
            }
            if to == from {
                continue;
            }
            self.simulator.copy_lane(from, to);
            self.lanes[to] = self.lanes[from];
            self.returns[to] = self.returns[from];
            for i in 0..2 * self.inputs {
                self.sums[i * LANES + to] = self.sums[i * LANES + from];
            }
            if !self.noise.is_empty() {
                self.noise[to] = self.noise[from].clone();
            }
        }
        grow(&mut self.scratch, networks.scratch_len(left, most));
        (left, most)
    }
}

/// Whether any number is NaN or infinite. An infinite observation is no number that a mean can be taken of.
fn any_endless(values: &[f32]) -> bool {
    vectorize(
        #[inline(always)]
        || values.iter().fold(false, |any, x| any | !x.is_finite()),
    )
}

/// Whether any number is NaN.
fn any_nan(values: &[f32]) -> bool {
    vectorize(
        #[inline(always)]
        || values.iter().fold(false, |any, x| any | x.is_nan()),
    )
}

/// Adds observations and their squares, relative to their centers, to the sums of each lane.
fn add_moments(lanes: usize, observations: &[f32], center: &[f64], sums: &mut [f64], squares: &mut [f64]) {
    vectorize(
        #[inline(always)]
        || {
            let rows = observations.chunks_exact(lanes).zip(center);
            let memory = sums.chunks_exact_mut(LANES).zip(squares.chunks_exact_mut(LANES));
            for ((row, center), (sums, squares)) in rows.zip(memory) {
                for ((x, sum), square) in row.iter().zip(sums).zip(squares) {
                    let d = f64::from(*x) - center;
                    *sum += d;
                    *square += d * d;
                }
            }
        },
    )
}
