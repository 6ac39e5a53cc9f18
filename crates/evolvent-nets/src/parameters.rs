//! Where a network keeps its parameters: in the order of the genome, but every weight matrix begins on a cache line.
//!
//! Vectors that straddle two cache lines load at half the speed, which costs a small network a third of its step.

use evolvent_core::DecodeError;
use evolvent_math::kernels::perceptron::Layer;
use std::sync::Arc;

/// Floats of a cache line.
const LINE: usize = 16;

/// Where runs of genes lie in the memory of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Placement {
    /// First gene, first place and length of each run, ascending.
    runs: Vec<(usize, usize, usize)>,
}

impl Placement {
    /// `genes` genes, with those in `aligned` (ascending) on the beginning of a cache line.
    pub(crate) fn new(genes: usize, aligned: impl IntoIterator<Item = usize>) -> Self {
        let mut starts: Vec<usize> = aligned.into_iter().collect();
        if starts.first() != Some(&0) {
            starts.insert(0, 0);
        }
        let (mut runs, mut next) = (Vec::with_capacity(starts.len()), 0usize);
        for (i, &gene) in starts.iter().enumerate() {
            let length = starts.get(i + 1).unwrap_or(&genes) - gene;
            runs.push((gene, next, length));
            next = (next + length).next_multiple_of(LINE);
        }
        Placement { runs }
    }

    /// Where a gene lies.
    pub(crate) fn of(&self, gene: usize) -> usize {
        let run = self.runs.partition_point(|r| r.0 <= gene) - 1;
        self.runs[run].1 + gene - self.runs[run].0
    }

    /// A layer whose offsets are genes, with places instead.
    pub(crate) fn place(&self, layer: Layer) -> Layer {
        Layer { weight: self.of(layer.weight), bias: layer.bias.map(|gene| self.of(gene)), ..layer }
    }
}

/// The parameters of one network.
#[derive(Debug)]
pub(crate) struct Parameters {
    placement: Arc<Placement>,
    memory: Vec<f32>,
    /// Where the first cache line begins in `memory`.
    begin: usize,
}

impl Parameters {
    /// All zero.
    pub(crate) fn new(placement: Arc<Placement>) -> Self {
        let length = placement.runs.last().map_or(0, |r| r.1 + r.2);
        let memory = vec![0.0; length + LINE - 1];
        // `align_offset` may decline; then nothing but speed is lost.
        let begin = memory.as_ptr().align_offset(4 * LINE).min(LINE - 1);
        Parameters { placement, memory, begin }
    }

    /// Writes a genome.
    pub(crate) fn decode(&mut self, genome: &[f32]) -> Result<(), DecodeError> {
        let expected = self.placement.runs.last().map_or(0, |r| r.0 + r.2);
        let found = genome.len();
        if found != expected {
            return Err(DecodeError(format!(
                "the network has {expected} parameters, the genome {found} genes"
            )));
        }
        for &(gene, place, length) in &self.placement.runs {
            self.memory[self.begin + place..][..length].copy_from_slice(&genome[gene..][..length]);
        }
        Ok(())
    }

    /// The memory, by place.
    #[inline(always)]
    pub(crate) fn all(&self) -> &[f32] {
        &self.memory[self.begin..]
    }
}

impl Clone for Parameters {
    // Not derived: the copy's memory has a cache line of its own.
    fn clone(&self) -> Self {
        let mut copy = Parameters::new(self.placement.clone());
        let length = self.memory.len() + 1 - LINE;
        let begin = copy.begin;
        copy.memory[begin..][..length].copy_from_slice(&self.memory[self.begin..][..length]);
        copy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn genes_lie_where_the_placement_says_and_matrices_on_lines() {
        let placement = Arc::new(Placement::new(30, [0, 5, 21]));
        let mut parameters = Parameters::new(placement.clone());
        let genome: Vec<f32> = (0..30).map(|i| i as f32).collect();
        parameters.decode(&genome).unwrap();
        assert!(parameters.decode(&genome[1..]).is_err());
        for parameters in [parameters.clone(), parameters] {
            for gene in 0..30 {
                assert_eq!(parameters.all()[placement.of(gene)], gene as f32);
            }
            for gene in [0, 5, 21] {
                assert_eq!(placement.of(gene) % LINE, 0);
            }
            assert_eq!(parameters.all().as_ptr().addr() % 64, 0);
        }
        let layer = Layer { inputs: 2, outputs: 3, weight: 5, bias: Some(11) };
        assert_eq!(placement.place(layer), Layer { weight: 16, bias: Some(22), ..layer });
    }
}
