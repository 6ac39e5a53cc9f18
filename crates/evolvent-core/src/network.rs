//! The seam between genomes, networks and problems.

use crate::{Genome, Space, Stream, Violations};
use serde::{Deserialize, Serialize};

/// What a problem shows a network and what it expects back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interface {
    /// Shape of one observation or sample: `[features]`, or `[channels, height, width]`.
    pub input: Vec<usize>,
    /// What the outputs mean.
    pub output: Output,
}

impl Interface {
    /// Numbers in one observation.
    pub fn inputs(&self) -> usize {
        self.input.iter().product()
    }
}

/// What a network's outputs mean. A head turns raw outputs into them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Output {
    /// One of `n` actions: the largest raw output, the first of equals.
    Discrete(usize),
    /// One number per entry, squashed into its interval.
    Continuous {
        /// Lower ends.
        low: Vec<f32>,
        /// Upper ends.
        high: Vec<f32>,
    },
    /// One of `n` classes: raw outputs are logits.
    Classes(usize),
    /// `n` numbers as they are.
    Values(usize),
}

impl Output {
    /// Number of raw outputs that a network must have.
    pub fn len(&self) -> usize {
        match self {
            Output::Discrete(n) | Output::Classes(n) | Output::Values(n) => *n,
            Output::Continuous { low, .. } => low.len(),
        }
    }

    /// Whether there are no outputs.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A genome that has no phenotype.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct DecodeError(pub String);

/// The runnable phenotype. Weights belong to the network and are shared by its episodes; what changes from step to step
/// (recurrent activations, plastic weights) is a state per episode, held outside.
///
/// Buffers are structures of arrays: value `i` of lane `l` is at `i * lanes + l`. A lane is an episode or a sample.
pub trait Network: Clone + Send + Sync {
    /// Numbers in one observation.
    fn inputs(&self) -> usize;
    /// Raw outputs.
    fn outputs(&self) -> usize;
    /// Numbers of state per lane; 0 if the network has no memory.
    fn state_len(&self) -> usize {
        0
    }
    /// Numbers of scratch memory that [`Network::forward`] needs for so many lanes.
    fn scratch_len(&self, lanes: usize) -> usize;
    /// Sets the state of one lane to its start.
    fn reset_state(&self, state: &mut [f32], lanes: usize, lane: usize) {
        (0..self.state_len()).for_each(|i| state[i * lanes + lane] = 0.0);
    }
    /// Sets the state of one lane to the start of an episode. Networks whose state begins at random draw it from `rng`, the
    /// stream of the episode; others do what [`Network::reset_state`] does.
    fn begin_episode(&self, state: &mut [f32], lanes: usize, lane: usize, _rng: &mut Stream) {
        self.reset_state(state, lanes, lane);
    }
    /// One step of every lane: `input` is `inputs × lanes`, `output` `outputs × lanes`, `state` `state_len × lanes`.
    /// Nothing is allocated. What a lane gets does not depend on how many lanes there are, to the bit.
    fn forward(
        &self,
        lanes: usize,
        input: &[f32],
        state: &mut [f32],
        output: &mut [f32],
        scratch: &mut [f32],
    );

    /// Numbers of scratch memory that [`Network::forward_group`] needs.
    fn group_scratch_len(group: &[Self], episodes: usize) -> usize {
        let own = |n: &Self| n.scratch_len(episodes) + (n.inputs() + n.outputs() + n.state_len()) * episodes;
        group.iter().map(own).max().unwrap_or(0)
    }

    /// One step of several networks with the same inputs and outputs: lane `g * episodes + e` is episode `e` of network
    /// `g`, so there are `group.len() * episodes` lanes. The same bits as [`Network::forward`] for each network alone,
    /// without the cost of a call where networks are small; `state` has room for the longest state.
    fn forward_group(
        group: &[Self],
        episodes: usize,
        input: &[f32],
        state: &mut [f32],
        output: &mut [f32],
        scratch: &mut [f32],
    ) {
        let lanes = group.len() * episodes;
        for (g, network) in group.iter().enumerate() {
            let (first, inputs, outputs, states) =
                (g * episodes, network.inputs(), network.outputs(), network.state_len());
            let (own_input, rest) = scratch.split_at_mut(inputs * episodes);
            let (own_output, rest) = rest.split_at_mut(outputs * episodes);
            let (own_state, own_scratch) = rest.split_at_mut(states * episodes);
            for i in 0..inputs {
                own_input[i * episodes..][..episodes]
                    .copy_from_slice(&input[i * lanes + first..][..episodes]);
            }
            for i in 0..states {
                own_state[i * episodes..][..episodes]
                    .copy_from_slice(&state[i * lanes + first..][..episodes]);
            }
            network.forward(episodes, own_input, own_state, own_output, own_scratch);
            for i in 0..states {
                state[i * lanes + first..][..episodes]
                    .copy_from_slice(&own_state[i * episodes..][..episodes]);
            }
            for i in 0..outputs {
                output[i * lanes + first..][..episodes]
                    .copy_from_slice(&own_output[i * episodes..][..episodes]);
            }
        }
    }
}

/// Turns genomes into networks, and tells algorithms what the genes are.
pub trait Decoder: Send + Sync {
    /// What it reads.
    type Genome: Genome;
    /// What it makes.
    type Network: Network;

    /// What is wrong with its settings, also for a problem with this interface. The other methods may be called only if
    /// this one is content.
    fn check(&self, _interface: &Interface) -> Result<(), Violations> {
        Ok(())
    }

    /// The genes for a problem with this interface.
    fn genes(&self, interface: &Interface) -> <Self::Genome as Genome>::Genes;

    /// A network of the right shape, to be decoded into again and again.
    fn blank(&self, interface: &Interface) -> Self::Network;

    /// Writes the phenotype of a genome over `into`; allocates nothing if the shape has not changed.
    fn decode(
        &self,
        genome: &<Self::Genome as Genome>::View,
        into: &mut Self::Network,
    ) -> Result<(), DecodeError>;

    /// The space that a task with these facts offers an algorithm.
    fn space(&self, interface: &Interface) -> Space<Self::Genome> {
        Space::new(self.genes(interface))
    }
}
