//! What variation acts on, and how a set of them is held.

use crate::Violations;
use serde::{Serialize, de::DeserializeOwned};
use std::fmt::Debug;

/// A kind of genome: flat vectors, graphs, architectures, programs. It knows no network and no problem.
pub trait Genome:
    Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync + Sized + 'static
{
    /// The kind's name in messages and records: `vector`, `graph`.
    const KIND: &'static str;
    /// What a decoder tells of the genes: dimension and layout of a vector, inputs and outputs of a graph.
    type Genes: Clone + Debug + Serialize + DeserializeOwned + Send + Sync;
    /// How the members of a batch are held.
    type Members: Members<Self>;
    /// What a decoder reads: `[f32]` for a vector, the genome itself for most others.
    type View: ?Sized + Sync;

    /// Whether this genome can live in a space with these genes: a starting point, a champion from a file. Kinds whose
    /// shape the genes fix override it.
    fn fits(&self, _genes: &Self::Genes) -> Result<(), Violations> {
        Ok(())
    }

    /// Whether these genes keep every part of a genome within bounds.
    fn bounded(_genes: &Self::Genes) -> bool {
        false
    }

    /// Bytes that one genome takes with these genes, estimated from below.
    fn bytes(_genes: &Self::Genes) -> f64 {
        size_of::<Self>() as f64
    }
}

/// The members of a batch.
pub trait Members<G>: Clone + Debug + Send + Sync + Serialize + DeserializeOwned {
    /// How many there are.
    fn len(&self) -> usize;
    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Members from owned genomes.
    fn from_owned(genomes: Vec<G>) -> Self;
    /// The `i`-th genome, if it is held and not only described by a seed.
    fn owned(&self, i: usize) -> Option<G>;
    /// Writes back a genome that the evaluator changed; false if these members cannot hold one.
    fn replace(&mut self, i: usize, genome: G) -> bool;
}

/// Most genome kinds hold their members as they are.
impl<G: Clone + Debug + Send + Sync + Serialize + DeserializeOwned> Members<G> for Vec<G> {
    fn len(&self) -> usize {
        self.len()
    }
    fn from_owned(genomes: Vec<G>) -> Self {
        genomes
    }
    fn owned(&self, i: usize) -> Option<G> {
        self.get(i).cloned()
    }
    fn replace(&mut self, i: usize, genome: G) -> bool {
        self[i] = genome;
        true
    }
}
