//! Episodes of an environment as a fitness.
//!
//! Members are evaluated in tiles: some members, several episodes each, all stepped in lockstep, so that one call steps
//! many environments and a member's weights stay in the cache for the whole of its episodes. Every lane has streams of
//! its own, addressed by the batch, the round and the episode; so the values do not depend on tiles or threads.

mod lockstep;
mod observations;
mod settings;
mod simulation;

pub use observations::{ObservationStatistics, ObservationSums};
pub use settings::{Aggregate, MOST_EPISODES, RolloutSettings, Value};
pub use simulation::Simulation;

use crate::assessment::{Assess, Assessment};
use crate::experience::{Probe, Trail};
use crate::spare::Spare;
use evolvent_core::{
    Batch, Cost, DecodeError, Decoder, Evaluated, Evaluation, Evaluator, Failure, Fitness, Interface,
    Measured, Offers, Output, Phase, Purpose, Request, Round, Sense, Space, Stream, Violations,
};
use evolvent_math::{par, rows::Materialize};
use evolvent_nets::sensitivity::SensitivityProbe;
use evolvent_nets::{Depiction, Describe, Head, Normalizer, Program};
use evolvent_problems::environments::Spec;
use lockstep::{Draws, Finished, LANES, Rules, Workspace};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::sync::Arc;

/// Bytes of weights that a tile's members may have together, so that they stay in a core's own cache.
const CACHE: usize = 256 << 10;
/// Members of a tile with one episode each: whole groups of the networks' and the environments' kernels.
const GROUP: usize = 24;
/// Lanes of a tile, where several episodes fill it.
const FULL: usize = 48;
/// Tiles that a batch makes at least, if it can, so that threads of all sorts of numbers are evenly busy.
const TILES: usize = 16;

/// Rollouts of a decoder's networks in an environment; maximises the value of an episode. Splits its work over the
/// threads of the current pool itself.
pub struct Rollout<D: Decoder<Genome: Materialize>> {
    decoder: D,
    head: Head,
    simulation: Simulation,
    settings: RolloutSettings,
    max_steps: u32,
    space: Space<D::Genome>,
    metrics: &'static [&'static str],
    noise: Vec<f32>,
    workspaces: Spare<Tile<D>>,
    probe: Option<Probe<D::Network>>,
}

struct Tile<D: Decoder<Genome: Materialize>> {
    lockstep: Workspace,
    networks: Vec<D::Network>,
    member: <D::Genome as Materialize>::Scratch,
}

/// What rollouts learn from round to round.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RolloutState {
    /// Statistics of observations; empty unless they are normalised.
    pub observations: ObservationStatistics,
}

impl<D: Decoder<Genome: Materialize>> Rollout<D> {
    /// A task for the networks of this decoder; the head turns their outputs into actions.
    ///
    /// # Errors
    /// Settings out of range or at odds with the environment.
    pub fn new(
        decoder: D,
        head: Head,
        simulation: Simulation,
        settings: RolloutSettings,
    ) -> Result<Self, Violations> {
        let spec = simulation.spec();
        settings.check(spec)?;
        let space = Space {
            senses: vec![Sense::Maximize],
            fitness: match (settings.observation_normalization, settings.fixed_episodes) {
                (true, _) => Fitness::Changing,
                (false, true) => Fitness::Exact,
                (false, false) => Fitness::Noisy,
            },
            ..decoder.space(&spec.interface)
        };
        let noise = match &spec.interface.output {
            Output::Continuous { low, high } if settings.action_noise > 0.0 => {
                let half = low.iter().zip(high).map(|(l, h)| 0.5 * h - 0.5 * l);
                half.map(|h| settings.action_noise as f32 * if h.is_finite() { h } else { 1.0 }).collect()
            }
            _ => Vec::new(),
        };
        let max_steps = settings.max_steps.or(|| spec.max_episode_steps);
        let simulator = simulation.simulator(1, max_steps);
        let metrics = simulator.metrics();
        let space = Space { descriptors: simulator.descriptors(), ..space };
        let workspaces = Spare::default();
        Ok(Rollout {
            decoder,
            head,
            simulation,
            settings,
            max_steps,
            space,
            metrics,
            noise,
            workspaces,
            probe: None,
        })
    }

    /// Delivers sensitivities to algorithms that ask for them, over observations of each member's first episode: its first ones
    /// for networks with a memory, evenly spaced ones for others.
    #[must_use]
    pub fn with_sensitivities(mut self, probe: Option<SensitivityProbe<D::Network>>) -> Self {
        let blank = self.decoder.blank(self.interface());
        self.probe = probe.map(|probe| Probe::new(probe, self.interface(), &blank));
        self
    }

    /// The environment's facts.
    pub fn spec(&self) -> &Spec {
        self.simulation.spec()
    }

    /// What the networks are shown and must answer.
    pub fn interface(&self) -> &Interface {
        &self.simulation.spec().interface
    }

    /// The settings.
    pub fn settings(&self) -> &RolloutSettings {
        &self.settings
    }

    /// The decoder.
    pub fn decoder(&self) -> &D {
        &self.decoder
    }

    /// The head.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// What is done to observations in this state, if anything.
    pub fn normalizer(&self, state: &RolloutState) -> Option<Normalizer> {
        if self.settings.observation_normalization { state.observations.normalizer() } else { None }
    }

    /// Episodes for a request.
    fn episodes(&self, request: &Request, round: &Round) -> usize {
        let all = round.repetitions.unwrap_or(self.settings.episodes).max(1) as usize;
        let share = request.fidelity.unwrap_or(1.0).clamp(0.0, 1.0);
        ((all as f64 * share).ceil() as usize).clamp(1, all)
    }

    /// Members of a tile, for so many episodes each.
    fn members(&self, batch: &Batch<D::Genome>, members: &Range<usize>, episodes: usize) -> usize {
        let fit = if episodes == 1 { GROUP } else { FULL / episodes };
        let bytes = self.workspaces.lend(
            || self.tile(),
            |tile| size_of_val(D::Genome::view(batch, members.start, &mut tile.member)),
        );
        let cached = CACHE / bytes.max(1);
        let even = members.len().div_ceil(TILES).max(8usize.div_ceil(episodes));
        fit.min(cached).min(even).max(1)
    }

    fn tile(&self) -> Tile<D> {
        let simulator = self.simulation.simulator(LANES, self.max_steps);
        Tile { lockstep: Workspace::new(simulator), networks: Vec::new(), member: Default::default() }
    }

    /// Runs episodes `episodes`, of `all`, of the members `members`.
    fn run(
        &self,
        rules: &Rules<'_>,
        batch: &Batch<D::Genome>,
        members: Range<usize>,
        (episodes, all): (Range<usize>, usize),
        round: &Round,
    ) -> Finished {
        let each = episodes.len();
        let wanted = |member: usize| batch.request(member).sensitivities;
        // The piece with the first episode finds the sensitivities.
        let asked = || members.clone().any(|member| wanted(member).is_some());
        let probe = self.probe.as_ref().filter(|_| episodes.start == 0 && asked());
        let mut finished = Finished::new(members.len(), each, self.interface().inputs(), rules);
        self.workspaces.lend(
            || self.tile(),
            |Tile { lockstep, networks, member: scratch }| {
                let mut places = [0; LANES];
                let mut count = 0;
                for (place, member) in members.clone().enumerate() {
                    if networks.len() == count {
                        networks.push(self.decoder.blank(self.interface()));
                    }
                    let view = D::Genome::view(batch, member, scratch);
                    match self.decoder.decode(view, &mut networks[count]) {
                        Ok(()) => {
                            places[count] = place;
                            count += 1;
                        }
                        Err(DecodeError(why)) => {
                            finished.failures[place] = Some(Failure::Undecodable(why));
                        }
                    }
                }
                let fixed = self.settings.fixed_episodes && round.phase == Phase::Train;
                let (member, episode) = (members.start, episodes.start);
                let (requests, streams) = (&batch.requests[..], &batch.streams[..]);
                let draws = Addresses { requests, streams, round, fixed, member, episode, all };
                if let Some(probe) = probe {
                    finished.trails = vec![Trail::new(probe.memory); members.len()];
                }
                lockstep.run(networks, &places[..count], each, rules, &draws, &mut finished);
                let Some((probe, network)) = probe.zip(networks.first_mut()) else { return };
                let trails = std::mem::take(&mut finished.trails);
                let of_member = |(member, trail): (usize, &Trail)| {
                    let view = D::Genome::view(batch, member, scratch);
                    match (wanted(member), self.decoder.decode(view, network)) {
                        (Some(kind), Ok(())) => probe.of(network, &trail.observations, kind, probe.memory),
                        _ => Vec::new(),
                    }
                };
                finished.sensitivities = members.clone().zip(&trails).map(of_member).collect();
            },
        );
        finished
    }

    /// Evaluates members whose requests ask for the same number of episodes.
    fn evaluate_alike(
        &self,
        rules: &Rules<'_>,
        batch: &Batch<D::Genome>,
        members: Range<usize>,
        episodes: usize,
        round: &Round,
        mut each: impl FnMut(Member<'_>),
    ) {
        // Beyond a workspace's lanes, a member's episodes are shared out in fixed pieces.
        let pieces = episodes.div_ceil(LANES);
        let size = self.members(batch, &members, episodes.min(LANES));
        let tiles = members.len().div_ceil(size);
        let finished = par::map(tiles * pieces, |item| {
            let first = members.start + item / pieces * size;
            let own = first..(first + size).min(members.end);
            let begin = item % pieces * LANES;
            self.run(rules, batch, own, (begin..(begin + LANES).min(episodes), episodes), round)
        });
        for tile in finished.chunks(pieces) {
            for place in 0..tile[0].failures.len() {
                each(Member { pieces: tile, place });
            }
        }
    }

    /// Evaluates members and hands each to `each`, in order.
    fn evaluate_each(
        &self,
        state: &RolloutState,
        batch: &Batch<D::Genome>,
        members: Range<usize>,
        round: &Round,
        metrics: usize,
        mut each: impl FnMut(Member<'_>),
    ) {
        let normalizer = self.normalizer(state);
        let training = round.phase == Phase::Train;
        let gathers = training && self.settings.observation_normalization;
        let center = gathers.then(|| state.observations.center(self.interface().inputs()));
        let rules = Rules {
            head: &self.head,
            normalizer: normalizer.as_ref(),
            center: center.as_deref(),
            noise: if training { &self.noise } else { &[] },
            steps: self.settings.steps,
            plain_return: self.settings.value == Value::Return,
            metrics,
        };
        let mut begin = members.start;
        while begin < members.end {
            let episodes = self.episodes(&batch.request(begin), round);
            let alike = |i: &usize| self.episodes(&batch.request(*i), round) == episodes;
            let end = if batch.requests.is_empty() {
                members.end
            } else {
                begin + (begin..members.end).take_while(alike).count()
            };
            self.evaluate_alike(&rules, batch, begin..end, episodes, round, &mut each);
            begin = end;
        }
    }

    fn evaluation(&self, member: &Member<'_>) -> Evaluation {
        let cost = member.cost();
        let result = match member.failure() {
            Some(failure) => Evaluation::failed(failure.clone()),
            None => Evaluation::measured(Measured {
                objectives: [self.settings.aggregate.of(&member.values())].into_iter().collect(),
                descriptors: self.metric_means(member).take(self.space.descriptors.len()).collect(),
                sensitivities: member.sensitivities(),
                ..Measured::default()
            }),
        };
        result.costing(cost)
    }

    /// How many metrics evaluations need: those that describe the behaviour are among them.
    fn described(&self) -> usize {
        if self.space.descriptors.is_empty() { 0 } else { self.metrics.len() }
    }

    /// The metrics that a member was measured with, each over the mean of its episodes.
    fn metric_means<'a>(&self, member: &'a Member<'_>) -> impl Iterator<Item = f64> + 'a {
        let width = self.metrics.len().max(1);
        let episodes: usize = member.pieces.iter().map(|p| p.of(member.place).len()).sum();
        let column = move |k: usize| {
            let rows = member.pieces.iter().flat_map(move |p| p.measures(member.place).chunks_exact(width));
            rows.map(|row| row[k]).sum::<f64>() / episodes as f64
        };
        (0..self.metrics.len()).map(column)
    }
}

/// One member's results, in pieces of episodes.
struct Member<'a> {
    pieces: &'a [Finished],
    place: usize,
}

impl Member<'_> {
    fn failure(&self) -> Option<&Failure> {
        self.pieces.iter().find_map(|p| p.failures[self.place].as_ref())
    }

    fn values(&self) -> Vec<f64> {
        self.pieces.iter().flat_map(|p| p.of(self.place)).map(|e| e.value).collect()
    }

    fn cost(&self) -> Cost {
        let mut cost = Cost::default();
        for episode in self.pieces.iter().flat_map(|p| p.of(self.place)) {
            cost += Cost { episodes: episode.begun, steps: episode.steps };
        }
        cost
    }

    fn sensitivities(&self) -> Vec<f32> {
        self.pieces[0].sensitivities.get(self.place).cloned().unwrap_or_default()
    }

    fn observed(&self) -> ObservationSums {
        let mut sums = ObservationSums::default();
        if self.failure().is_none() {
            self.pieces.iter().for_each(|p| p.add_observed(self.place, &mut sums));
        }
        sums
    }
}

/// Where the lanes of a tile are in batch and round.
struct Addresses<'a> {
    requests: &'a [Request],
    streams: &'a [u64],
    round: &'a Round,
    /// Whether all members and rounds share the episodes of the first round.
    fixed: bool,
    /// The first member.
    member: usize,
    /// The first episode place.
    episode: usize,
    /// Episode places of a member: the `k`-th episode that place `e` begins is number `e + k · all`.
    all: usize,
}

impl Addresses<'_> {
    fn stream(&self, place: usize, number: usize, purpose: Purpose) -> Stream {
        if self.fixed {
            return Round { number: 0, ..*self.round }.stream(0, number as u64, purpose);
        }
        let member = self.member + place;
        let replicate = self.requests.get(member).map_or(0, |request| request.replicate);
        self.round.stream(self.streams[member], u64::from(replicate) << 32 | number as u64, purpose)
    }
}

impl Draws for Addresses<'_> {
    fn episode(&self, place: usize, episode: usize, begun: u32) -> Stream {
        self.stream(place, self.episode + episode + begun as usize * self.all, Purpose::Episode)
    }

    fn noise(&self, place: usize, episode: usize) -> Stream {
        self.stream(place, self.episode + episode, Purpose::ActionNoise)
    }
}

impl<D: Decoder<Genome: Materialize>> Evaluator<D::Genome> for Rollout<D> {
    type State = RolloutState;
    type Observed = ObservationSums;

    fn space(&self) -> Space<D::Genome> {
        self.space.clone()
    }

    fn offers(&self) -> Offers {
        Offers { sensitivities: self.probe.is_some(), ..Offers::default() }
    }

    fn initial_state(&self) -> RolloutState {
        RolloutState::default()
    }

    fn evaluate(
        &self,
        state: &RolloutState,
        batch: &Batch<D::Genome>,
        members: Range<usize>,
        round: &Round,
    ) -> Vec<Evaluated<D::Genome, ObservationSums>> {
        let mut results = Vec::with_capacity(members.len());
        self.evaluate_each(state, batch, members, round, self.described(), |member| {
            let (evaluation, observed) = (self.evaluation(&member), member.observed());
            results.push(Evaluated { evaluation, observed, genome: None });
        });
        results
    }

    fn absorb(&self, state: &mut RolloutState, observed: Vec<ObservationSums>) {
        state.observations.absorb(observed.into_iter());
    }
}

impl<D: Decoder<Genome: Materialize, Network: Describe>> Rollout<D> {
    /// The network of a genome with the normaliser of this state inside: what a champion is.
    ///
    /// # Errors
    /// A genome that has no phenotype.
    pub fn champion(&self, state: &RolloutState, genome: &D::Genome) -> Result<D::Network, DecodeError> {
        let mut network = self.decoder.blank(self.interface());
        let mut scratch = Default::default();
        self.decoder.decode(D::Genome::view_owned(genome, &mut scratch), &mut network)?;
        network.set_normalizer(self.normalizer(state).map(Arc::new));
        Ok(network)
    }
}

impl<D: Decoder<Genome: Materialize, Network: Describe>> Assess<D::Genome> for Rollout<D> {
    fn assess(&self, state: &RolloutState, genome: &D::Genome, round: &Round) -> Assessment {
        let batch = Batch::of(vec![genome.clone()]);
        let mut assessment = None;
        self.evaluate_each(state, &batch, 0..1, round, self.metrics.len(), |member| {
            let failed = member.failure().is_some();
            let values = if failed { Vec::new() } else { member.values() };
            let cost = member.cost();
            let means = self.metric_means(&member);
            let mut metrics: Vec<(String, f64)> =
                self.metrics.iter().zip(means).map(|(name, mean)| (name.to_string(), mean)).collect();
            metrics.push(("episode_length".into(), cost.steps as f64 / cost.episodes.max(1) as f64));
            let metrics = if failed { Vec::new() } else { metrics };
            assessment = Some(Assessment { evaluation: self.evaluation(&member), values, metrics });
        });
        assessment.expect("one member was evaluated")
    }

    fn program(&self, state: &RolloutState, genome: &D::Genome) -> Result<Option<Program>, DecodeError> {
        Ok(Some(self.champion(state, genome)?.program_with_head(&self.head)))
    }

    fn depict(
        &self,
        state: &RolloutState,
        genome: &D::Genome,
        what: &Depiction,
    ) -> Result<Option<String>, DecodeError> {
        self.champion(state, genome)?.depict(what).map_err(DecodeError)
    }
}

#[cfg(test)]
mod tests;
