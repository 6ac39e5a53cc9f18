//! A network on a data set: the mean loss over a minibatch that the whole population shares.
//!
//! A round's samples are gathered once, in tiles of lanes, and every member passes over all of them, so that its weights
//! are read once per tile. Sums run over fixed blocks of tiles, whatever the number of threads.

use crate::assessment::{Assess, Assessment};
use crate::spare::{Spare, grow};
use evolvent_core::{
    Batch, Cost, DecodeError, Decoder, Evaluated, Evaluation, Evaluator, Failure, Fitness, Interface,
    Network, Phase, Round, Space,
};
use evolvent_math::{par, rows::Materialize};
use evolvent_nets::program::Kind;
use evolvent_nets::{Describe, Head, Normalizer, Program, Squash};
use evolvent_problems::datasets::{self, Dataset, Minibatches, Scorer, Table, Tile};
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
    minibatches: Spare<(datasets::Batch, Vec<u32>)>,
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
            decoder,
            data,
            interface,
            space,
        }
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
    fn samples<R>(&self, round: &Round, work: impl FnOnce(&datasets::Batch) -> R) -> R {
        match (round.phase, &self.training) {
            (Phase::Validate, _) => work(&self.validation),
            (Phase::Test, _) => work(&self.test),
            (Phase::Train, Some(all)) => work(all),
            (Phase::Train, None) => self.minibatches.lend(Default::default, |(batch, indices)| {
                let table = &self.data.training;
                Minibatches::new(round.key, table.len(), self.data.minibatch_size)
                    .indices(round.number, indices);
                batch.gather(table, indices, LANES);
                work(batch)
            }),
        }
    }

    /// Lends a workspace with the network of a member.
    fn with_network<R>(
        &self,
        batch: &Batch<D::Genome>,
        member: usize,
        work: impl FnOnce(&mut Workspace<D>) -> R,
    ) -> Result<R, DecodeError> {
        let make = || Workspace {
            network: self.decoder.blank(&self.interface),
            member: Default::default(),
            state: Vec::new(),
            output: vec![0.0; self.interface.output.len() * LANES],
            scratch: Vec::new(),
        };
        self.workspaces.lend(make, |space| {
            let view = D::Genome::view(batch, member, &mut space.member);
            self.decoder.decode(view, &mut space.network)?;
            // Evolved graphs differ in size; memory grows to the largest and stays.
            grow(&mut space.state, space.network.state_len() * LANES);
            grow(&mut space.scratch, space.network.scratch_len(LANES));
            Ok(work(space))
        })
    }

    /// The summed losses of some blocks of tiles, one sum each.
    fn losses(&self, space: &mut Workspace<D>, tiles: &[Tile<'_>], blocks: Range<usize>) -> Vec<f64> {
        let block = |block: usize| {
            let mut total = 0.0;
            for tile in &tiles[block * BLOCK..((block + 1) * BLOCK).min(tiles.len())] {
                self.data.loss.add(space.answer(tile), tile.targets, &mut total);
            }
            total
        };
        blocks.map(block).collect()
    }
}

impl<D: Decoder<Genome: Materialize>> Workspace<D> {
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

/// The name of an enum's variant as settings spell it.
fn snake_case(variant: &impl serde::Serialize) -> String {
    let value = serde_json::to_value(variant).unwrap_or_default();
    value.as_str().unwrap_or_default().to_string()
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

    fn initial_state(&self) {}

    fn evaluate(
        &self,
        _state: &(),
        batch: &Batch<D::Genome>,
        members: Range<usize>,
        round: &Round,
    ) -> Vec<Evaluated<D::Genome, ()>> {
        self.samples(round, |samples| {
            let tiles: Vec<Tile<'_>> = samples.tiles().collect();
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
                self.with_network(batch, member, |space| self.losses(space, tiles, range))
            });
            let outputs = self.interface.output.len();
            let mut sums = sums.into_iter();
            members
                .map(|member| {
                    let count: usize = tiles[..used(member)].iter().map(|tile| tile.lanes).sum();
                    let total = sums.by_ref().take(split).try_fold(0.0, |total, part| {
                        part.map(|part| part.iter().fold(total, |total, sum| total + sum))
                    });
                    let evaluation = match total {
                        Ok(total) => Evaluation::of(total / self.data.loss.terms(count, outputs)),
                        Err(error) => Evaluation::failed(Failure::Undecodable(error.0)),
                    };
                    evaluation.costing(Cost { episodes: 0, steps: count as u64 }).into()
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
        let scored = self.samples(round, |samples| {
            self.with_network(&batch, 0, |space| {
                samples.tiles().for_each(|tile| scorer.add(space.answer(&tile), tile.targets));
            })
        });
        let metrics = match scored {
            Ok(()) => vec![(snake_case(metric), scorer.value())],
            Err(_) => Vec::new(),
        };
        Assessment { evaluation, values, metrics }
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
