//! A batch: the members that an algorithm asks about, with a request for each.

use crate::{Genome, Members, Sensitivity};
use serde::{Deserialize, Serialize};

/// How a member shall be evaluated. The default is what most algorithms want: once, fully, from scratch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Which task, where a problem has several.
    pub task: u32,
    /// Which repetition of this member in this round (re-evaluation, racing).
    pub replicate: u32,
    /// The share of the full effort, `None` for all of it (Hyperband).
    pub fidelity: Option<f64>,
    /// An artefact to continue from, by its hash.
    pub resume: Option<String>,
    /// Which sensitivities of outputs to genes are wanted beside the scores, if any.
    #[serde(default)]
    pub sensitivities: Option<Sensitivity>,
}

/// Who a member descends from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lineage {
    /// The member's own id, unique in the run.
    pub id: u64,
    /// Its parents' ids.
    pub parents: [Option<u64>; 2],
    /// The algorithm's code of the operator that made it.
    pub operator: u8,
}

/// The members that an algorithm asks about in one round.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Batch<G: Genome> {
    /// The genomes, written out or virtual.
    pub members: G::Members,
    /// The stream index of each member's evaluation: antithetic pairs share one, common random numbers use 0 for all.
    /// One per member.
    pub streams: Vec<u64>,
    /// One request per member, or none at all if every one is the default.
    pub requests: Vec<Request>,
    /// One per member, or none at all if the algorithm keeps no lineage.
    pub lineage: Vec<Lineage>,
}

impl<G: Genome> Batch<G> {
    /// Members whose evaluations are independent and have default requests.
    pub fn new(members: G::Members) -> Self {
        let streams = (0..members.len() as u64).collect();
        Batch { members, streams, requests: Vec::new(), lineage: Vec::new() }
    }

    /// A batch of owned genomes.
    pub fn of(genomes: Vec<G>) -> Self {
        Self::new(G::Members::from_owned(genomes))
    }

    /// Number of members.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The request of member `i`.
    pub fn request(&self, i: usize) -> Request {
        self.requests.get(i).cloned().unwrap_or_default()
    }

    /// All members are evaluated with the same random numbers.
    pub fn share_random_numbers(&mut self) {
        self.streams.fill(0);
    }
}
