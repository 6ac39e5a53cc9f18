//! A network on a data set: the mean loss over a minibatch that the whole population shares.
//!
//! A round's samples are gathered once, in tiles of lanes, and every member passes over all of them, so that its weights
//! are read once per tile. Sums run over fixed blocks of tiles, whatever the number of threads.
//!
//! A minibatch may be drawn by importance: the population's centre answers many candidates once, at the price of a few members, and
//! the samples that it is wrong about enter more often. On MNIST that halved the images that an evolution strategy needed
//! (`results/mnist.md`).

use crate::assessment::{Assess, Assessment};
use crate::experience::{EXPERIENCES, Probe};
use crate::spare::{Spare, grow};
use evolvent_core::{
    Batch, Cost, DecodeError, Decoder, Evaluated, Evaluation, Evaluator, Failure, Fitness, Interface,
    Network, Offers, Phase, Purpose, Round, Space, Tree,
};
use evolvent_math::{par, rows::Materialize};
use evolvent_nets::program::Kind;
use evolvent_nets::sensitivity::SensitivityProbe;
use evolvent_nets::{Depiction, Describe, Head, Normalizer, Program, Squash};
use evolvent_problems::datasets::{self, Dataset, Minibatches, Scorer, Table, Tile, importance_sample};
use std::ops::Range;
use std::sync::Arc;

/// Samples that a network takes at once.
const LANES: usize = 64;
/// Tiles whose losses are added up before they meet the others'.
const BLOCK: usize = 8;
/// With fewer members than this, threads share the samples of each; with more, every thread has members of its own.
const FEW: usize = 16;

/// Supervised evaluation: minimises the data set's loss on its training samples. Splits its work over the threads of
/// the current pool itself.
pub struct Supervised<D: Decoder<Genome: Materialize>> {
    decoder: D,
    data: Arc<Dataset>,
    interface: Interface,
    space: Space<D::Genome>,
    /// All training samples, if every round sees all.
    training: Option<datasets::Batch>,
    validation: datasets::Batch,
    test: datasets::Batch,
    workspaces: Spare<Workspace<D>>,
    minibatches: Spare<Minibatch>,
    probe: Option<Probe<D::Network>>,
    /// Training samples that sensitivities are taken over, always the same.
    experiences: Vec<f32>,
}

/// The samples of a round.
#[derive(Default)]
struct Minibatch {
    batch: datasets::Batch,
    indices: Vec<u32>,
    /// One for each sample if they were drawn by importance, else none.
    weights: Vec<f64>,
    /// Samples that the centre answered to draw them.
    candidates: usize,
}

/// What a round's members are measured on.
#[derive(Clone, Copy)]
struct Samples<'a> {
    batch: &'a datasets::Batch,
    weights: &'a [f64],
    candidates: usize,
}

impl<'a> Samples<'a> {
    /// Samples that count equally.
    fn even(batch: &'a datasets::Batch) -> Self {
        Samples { batch, weights: &[], candidates: 0 }
    }
}

struct Workspace<D: Decoder<Genome: Materialize>> {
    network: D::Network,
    member: <D::Genome as Materialize>::Scratch,
    state: Vec<f32>,
    output: Vec<f32>,
    scratch: Vec<f32>,
}

impl<D: Decoder<Genome: Materialize>> Supervised<D> {
    /// A task over this data set for the networks of this decoder.
    pub fn new(decoder: D, data: Arc<Dataset>) -> Self {
        let interface = data.interface();
        let full = data.minibatch_size >= data.training.len();
        let fitness = if full { Fitness::Exact } else { Fitness::Changing };
        let space = Space { fitness, ..decoder.space(&interface) };
        Supervised {
            training: full.then(|| gathered(&data.training)),
            validation: gathered(data.choosing()),
            test: gathered(data.reporting()),
            workspaces: Spare::default(),
            minibatches: Spare::default(),
            probe: None,
            experiences: Vec::new(),
            decoder,
            data,
            interface,
            space,
        }
    }

    /// Delivers sensitivities to algorithms that ask for them, over samples that are evenly spaced in the training data.
    #[must_use]
    pub fn with_sensitivities(mut self, probe: Option<SensitivityProbe<D::Network>>) -> Self {
        let Some(probe) = probe else { return self };
        let table = &self.data.training;
        let count = EXPERIENCES.min(table.len());
        let sample = |i: usize| table.input(i * table.len() / count);
        self.experiences = (0..count).flat_map(sample).copied().collect();
        let blank = self.decoder.blank(&self.interface);
        self.probe = Some(Probe::new(probe, &self.interface, &blank));
        self
    }

    /// The sensitivities of a member if its request asks for them, else none.
    fn sensitivities(&self, batch: &Batch<D::Genome>, member: usize) -> Vec<f32> {
        let Some((probe, kind)) = self.probe.as_ref().zip(batch.request(member).sensitivities) else {
            return Vec::new();
        };
        // Each sample is the beginning and the end of an episode.
        let sense = |space: &mut Workspace<D>| probe.of(&space.network, &self.experiences, kind, false);
        self.with_network(batch, member, sense).unwrap_or_default()
    }

    /// What the networks are shown and must answer.
    pub fn interface(&self) -> &Interface {
        &self.interface
    }

    /// The data.
    pub fn data(&self) -> &Arc<Dataset> {
        &self.data
    }

    /// The decoder.
    pub fn decoder(&self) -> &D {
        &self.decoder
    }

    /// Hands the samples of a round to `work`.
    fn samples<R>(&self, batch: &Batch<D::Genome>, round: &Round, work: impl FnOnce(Samples<'_>) -> R) -> R {
        match (round.phase, &self.training) {
            (Phase::Validate, _) => work(Samples::even(&self.validation)),
            (Phase::Test, _) => work(Samples::even(&self.test)),
            (Phase::Train, Some(all)) => work(Samples::even(all)),
            (Phase::Train, None) => self.minibatches.lend(Default::default, |minibatch| {
                self.draw(batch, round, minibatch);
                let Minibatch { batch, weights, candidates, .. } = minibatch;
                work(Samples { batch, weights, candidates: *candidates })
            }),
        }
    }

    /// The minibatch of a round: a function of the round, and of the batch's centre if it is drawn by importance.
    fn draw(&self, batch: &Batch<D::Genome>, round: &Round, minibatch: &mut Minibatch) {
        let Minibatch { batch: samples, indices, weights, candidates } = minibatch;
        let (table, size) = (&self.data.training, self.data.minibatch_size);
        *candidates = 0;
        weights.clear();
        let steepness = if self.data.candidates > size {
            Minibatches::new(round.key, table.len(), self.data.candidates).indices(round.number, indices);
            samples.gather(table, indices, LANES);
            self.steepness(batch, samples)
        } else {
            None
        };
        if let Some(steepness) = steepness {
            *candidates = indices.len();
            // Index 0 of the round's streams orders the epoch of the same number.
            let mut rng = round.stream(1, 0, Purpose::Minibatch);
            let mut places = Vec::with_capacity(size);
            importance_sample(
                &steepness,
                size,
                self.data.importance_correction,
                &mut rng,
                &mut places,
                weights,
            );
            let drawn: Vec<u32> = places.iter().map(|&place| indices[place as usize]).collect();
            *indices = drawn;
        } else {
            Minibatches::new(round.key, table.len(), size).indices(round.number, indices);
        }
        samples.gather(table, indices, LANES);
    }

    /// How steep the loss of the batch's centre is at each sample; `None` if there is no centre.
    fn steepness(&self, batch: &Batch<D::Genome>, samples: &datasets::Batch) -> Option<Vec<f64>> {
        let loss = self.data.loss;
        let tiles: Vec<Tile<'_>> = samples.tiles().collect();
        let steepness = par::map(tiles.len(), |tile| {
            let tile = &tiles[tile];
            let mut losses = vec![0.0; tile.lanes];
            self.with_workspace(|space| {
                let view = D::Genome::centre(batch, &mut space.member)?;
                self.decoder.decode(view, &mut space.network).ok()?;
                space.fit();
                loss.each(space.answer(tile), tile.targets, &mut losses);
                losses.iter_mut().for_each(|l| *l = loss.steepness(*l));
                Some(losses)
            })
        });
        steepness.into_iter().collect::<Option<Vec<_>>>().map(|all| all.concat())
    }

    /// Lends a workspace with the network of a member.
    fn with_network<R>(
        &self,
        batch: &Batch<D::Genome>,
        member: usize,
        work: impl FnOnce(&mut Workspace<D>) -> R,
    ) -> Result<R, DecodeError> {
        self.with_workspace(|space| {
            let view = D::Genome::view(batch, member, &mut space.member);
            self.decoder.decode(view, &mut space.network)?;
            space.fit();
            Ok(work(space))
        })
    }

    /// Lends a workspace.
    fn with_workspace<R>(&self, work: impl FnOnce(&mut Workspace<D>) -> R) -> R {
        let make = || Workspace {
            network: self.decoder.blank(&self.interface),
            member: Default::default(),
            state: Vec::new(),
            output: vec![0.0; self.interface.output.len() * LANES],
            scratch: Vec::new(),
        };
        self.workspaces.lend(make, work)
    }

    /// The summed losses of some blocks of tiles, one sum each.
    fn losses(
        &self,
        space: &mut Workspace<D>,
        tiles: &[Tile<'_>],
        weights: &[f64],
        blocks: Range<usize>,
    ) -> Vec<f64> {
        let outputs = self.interface.output.len();
        let mut block = |block: usize| {
            let mut total = 0.0;
            for t in block * BLOCK..((block + 1) * BLOCK).min(tiles.len()) {
                let (tile, loss) = (&tiles[t], self.data.loss);
                if weights.is_empty() {
                    loss.add(space.answer(tile), tile.targets, &mut total);
                } else {
                    let mut own = [0.0; LANES];
                    loss.each(space.answer(tile), tile.targets, &mut own[..tile.lanes]);
                    let weights = &weights[t * LANES..][..tile.lanes];
                    let sum: f64 = own.iter().zip(weights).map(|(loss, weight)| loss * weight).sum();
                    total += sum * loss.terms(1, outputs);
                }
            }
            total
        };
        blocks.map(&mut block).collect()
    }
}

impl<D: Decoder<Genome: Materialize>> Workspace<D> {
    /// Evolved graphs differ in size; memory grows to the largest and stays.
    fn fit(&mut self) {
        grow(&mut self.state, self.network.state_len() * LANES);
        grow(&mut self.scratch, self.network.scratch_len(LANES));
    }

    /// The outputs for the samples of a tile.
    fn answer(&mut self, tile: &Tile<'_>) -> &[f32] {
        let (lanes, network) = (tile.lanes, &self.network);
        let state = &mut self.state[..network.state_len() * lanes];
        if !state.is_empty() {
            (0..lanes).for_each(|lane| network.reset_state(state, lanes, lane));
        }
        let output = &mut self.output[..network.outputs() * lanes];
        network.forward(lanes, tile.inputs, state, output, &mut self.scratch);
        output
    }
}

/// All samples of a table in tiles.
fn gathered(table: &Table) -> datasets::Batch {
    let mut batch = datasets::Batch::default();
    let all: Vec<u32> = (0..table.len() as u32).collect();
    batch.gather(table, &all, LANES);
    batch
}

/// How many of `tiles` a request for this share of the effort passes over: the first ones, at least one.
fn share(tiles: usize, fidelity: Option<f64>) -> usize {
    let share = fidelity.unwrap_or(1.0).clamp(0.0, 1.0);
    ((tiles as f64 * share).ceil() as usize).clamp(1, tiles.max(1))
}

impl<D: Decoder<Genome: Materialize>> Evaluator<D::Genome> for Supervised<D> {
    type State = ();
    type Observed = ();

    fn space(&self) -> Space<D::Genome> {
        self.space.clone()
    }

    fn offers(&self) -> Offers {
        Offers { sensitivities: self.probe.is_some(), ..Offers::default() }
    }

    fn initial_state(&self) {}

    fn evaluate(
        &self,
        _state: &(),
        batch: &Batch<D::Genome>,
        members: Range<usize>,
        round: &Round,
    ) -> Vec<Evaluated<D::Genome, ()>> {
        self.samples(batch, round, |samples| {
            let tiles: Vec<Tile<'_>> = samples.batch.tiles().collect();
            let used = |member: usize| share(tiles.len(), batch.request(member).fidelity);
            let blocks = tiles.len().div_ceil(BLOCK).max(1);
            // One item is a member, or one block of a member's samples.
            let split = if members.len() < FEW { blocks } else { 1 };
            let sums = par::map(members.len() * split, |item| {
                let member = members.start + item / split;
                let tiles = &tiles[..used(member)];
                let own = tiles.len().div_ceil(BLOCK);
                let range = if split == 1 { 0..own } else { item % split..(item % split + 1).min(own) };
                if range.is_empty() {
                    return Ok(Vec::new());
                }
                self.with_network(batch, member, |space| self.losses(space, tiles, samples.weights, range))
            });
            let outputs = self.interface.output.len();
            let mut sums = sums.into_iter();
            let wanted = if batch.requests.is_empty() { 0 } else { members.len() };
            let mut sensitivities =
                par::map(wanted, |item| self.sensitivities(batch, members.start + item)).into_iter();
            members
                .map(|member| {
                    let count: usize = tiles[..used(member)].iter().map(|tile| tile.lanes).sum();
                    let total = sums.by_ref().take(split).try_fold(0.0, |total, part| {
                        part.map(|part| part.iter().fold(total, |total, sum| total + sum))
                    });
                    let mut evaluation = match total {
                        Ok(total) => Evaluation::of(total / self.data.loss.terms(count, outputs)),
                        Err(error) => Evaluation::failed(Failure::Undecodable(error.0)),
                    };
                    if let (Ok(measured), Some(own)) = (&mut evaluation.result, sensitivities.next()) {
                        measured.sensitivities = own;
                    }
                    // The first member pays for the choice of the samples.
                    let steps = count + if member == 0 { samples.candidates } else { 0 };
                    evaluation.costing(Cost { episodes: 0, steps: steps as u64 }).into()
                })
                .collect()
        })
    }
}

impl<D: Decoder<Genome: Materialize, Network: Describe>> Supervised<D> {
    /// The network of a genome as it is to be used outside: it takes inputs as they are in the file.
    ///
    /// # Errors
    /// A genome that has no phenotype.
    pub fn champion(&self, genome: &D::Genome) -> Result<D::Network, DecodeError> {
        let mut network = self.decoder.blank(&self.interface);
        let mut scratch = Default::default();
        self.decoder.decode(D::Genome::view_owned(genome, &mut scratch), &mut network)?;
        let scaling = &self.data.input_scaling;
        let normalizer = (!scaling.is_none()).then(|| {
            let (mean, scale) = scaling.expanded(self.interface.inputs());
            let inv_std = scale.iter().map(|s| 1.0 / s).collect();
            Arc::new(Normalizer { mean, inv_std, clip: f32::INFINITY })
        });
        network.set_normalizer(normalizer);
        Ok(network)
    }
}

impl<D: Decoder<Genome: Materialize, Network: Describe>> Assess<D::Genome> for Supervised<D> {
    fn assess(&self, state: &(), genome: &D::Genome, round: &Round) -> Assessment {
        let batch = Batch::of(vec![genome.clone()]);
        let evaluation = self.evaluate(state, &batch, 0..1, round).remove(0).evaluation;
        let values = evaluation.result.as_ref().map(|m| m.objectives.to_vec()).unwrap_or_default();
        let Dataset { metric, loss, training, target_scaling, .. } = &*self.data;
        let mut scorer = Scorer::new(*metric, *loss, &training.targets, target_scaling);
        let scored = self.samples(&batch, round, |samples| {
            self.with_network(&batch, 0, |space| {
                samples.batch.tiles().for_each(|tile| scorer.add(space.answer(&tile), tile.targets));
            })
        });
        let metrics = match scored {
            Ok(()) => vec![(Tree::name_of(metric), scorer.value())],
            Err(_) => Vec::new(),
        };
        Assessment { evaluation, values, metrics }
    }

    fn depict(
        &self,
        _state: &(),
        genome: &D::Genome,
        what: &Depiction,
    ) -> Result<Option<String>, DecodeError> {
        self.champion(genome)?.depict(what).map_err(DecodeError)
    }

    /// Beside the raw `output`, it gives the `class`, or the `value` in the units of the data where targets are scaled.
    fn program(&self, _state: &(), genome: &D::Genome) -> Result<Option<Program>, DecodeError> {
        let head = Head::new(&self.interface, Squash::Clip);
        let mut program = self.champion(genome)?.program_with_head(&head);
        let scaling = &self.data.target_scaling;
        let raw = program.outputs.first().map(|port| port.name.clone());
        if let (false, Some(raw)) = (scaling.is_none(), raw) {
            let n = self.interface.output.len();
            let (offset, scale) = scaling.expanded(n);
            let scale = program.constant("target.scale", &[n], scale);
            let offset = program.constant("target.offset", &[n], offset);
            let scaled = program.op("target.scaled", Kind::Mul, &[&raw, &scale]);
            program.op("value", Kind::Add, &[&scaled, &offset]);
            program.output("value", &[n]);
        }
        Ok(Some(program))
    }
}

#[cfg(test)]
mod tests;
