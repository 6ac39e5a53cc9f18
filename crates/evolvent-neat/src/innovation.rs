//! Historical markings: the same structural change gets the same number.

use crate::graph::{Graph, GraphGenes};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How long a structural change is remembered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Memory {
    /// Within one generation, as published (Stanley & Miikkulainen 2002, 3.2).
    #[default]
    Generation,
    /// For the whole run: fewer numbers, more genes that align.
    Run,
}

/// The numbers that a split connection gave rise to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// Id of the new node.
    pub node: u32,
    /// Innovation of the connection into it.
    pub first: u32,
    /// Innovation of the connection out of it.
    pub second: u32,
}

/// Global counters and what was given so far. They are fields of a state, never statics.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Innovations {
    next_node: u32,
    next_connection: u32,
    connections: Vec<((u32, u32), u32)>,
    splits: Vec<(u32, Split)>,
    #[serde(skip)]
    index: Option<Box<Index>>,
}

/// Look-up tables over the two lists; rebuilt after a checkpoint is read.
#[derive(Clone, Debug, Default, PartialEq)]
struct Index {
    connections: BTreeMap<(u32, u32), u32>,
    splits: BTreeMap<u32, Vec<Split>>,
}

impl Innovations {
    /// Makes sure that the fixed genes have their numbers: initial connections are numbered output by output.
    pub fn begin(&mut self, genes: &GraphGenes) {
        let (nodes, connections) = genes.seed.numbers();
        self.next_node = self.next_node.max(genes.fixed_nodes() as u32 + nodes);
        self.next_connection =
            self.next_connection.max((genes.sources() * genes.outputs) as u32 + connections);
    }

    /// Moves the counters past the numbers of genomes that come from outside.
    pub fn skip(&mut self, graphs: &[Graph]) {
        for s in graphs.iter().map(|g| &g.structure) {
            self.next_node = self.next_node.max(s.nodes.last().map_or(0, |n| n.id + 1));
            self.next_connection = self.next_connection.max(s.innovations.last().map_or(0, |i| i + 1));
        }
    }

    fn index(&mut self) -> &mut Index {
        let (connections, splits) = (&self.connections, &self.splits);
        self.index.get_or_insert_with(|| {
            let mut index = Index { connections: connections.iter().copied().collect(), ..Index::default() };
            splits.iter().for_each(|(c, s)| index.splits.entry(*c).or_default().push(*s));
            Box::new(index)
        })
    }

    /// The number of a connection.
    pub fn connection(&mut self, from: u32, to: u32) -> u32 {
        if let Some(&known) = self.index().connections.get(&(from, to)) {
            return known;
        }
        let number = self.next_connection;
        self.next_connection += 1;
        self.connections.push(((from, to), number));
        self.index().connections.insert((from, to), number);
        number
    }

    /// The numbers for splitting a connection, not among those whose node a genome already has.
    pub fn split(&mut self, innovation: u32, has: impl Fn(u32) -> bool) -> Split {
        let known = self.index().splits.get(&innovation);
        if let Some(&split) = known.and_then(|all| all.iter().find(|s| !has(s.node))) {
            return split;
        }
        let split =
            Split { node: self.next_node, first: self.next_connection, second: self.next_connection + 1 };
        self.next_node += 1;
        self.next_connection += 2;
        self.splits.push((innovation, split));
        self.index().splits.entry(innovation).or_default().push(split);
        split
    }

    /// Forgets what was given; the counters go on.
    pub fn forget(&mut self) {
        self.connections.clear();
        self.splits.clear();
        self.index = None;
    }

    /// Innovation numbers given so far.
    pub fn given(&self) -> u32 {
        self.next_connection
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_change_has_the_same_number_until_forgotten() {
        let mut i = Innovations { next_node: 5, next_connection: 10, ..Innovations::default() };
        let a = i.connection(0, 4);
        assert_eq!((a, i.connection(0, 4), i.connection(1, 4)), (10, 10, 11));
        let split = i.split(3, |_| false);
        assert_eq!(split, Split { node: 5, first: 12, second: 13 });
        assert_eq!(i.split(3, |_| false), split);
        // A genome that already holds the node needs another one.
        assert_eq!(i.split(3, |node| node == 5).node, 6);
        let mut copy: Innovations = serde_json::from_str(&serde_json::to_string(&i).unwrap()).unwrap();
        assert_eq!(copy.split(3, |_| false), split);
        i.forget();
        assert_eq!(i.connection(0, 4), 16);
    }
}
