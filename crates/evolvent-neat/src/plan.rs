//! What follows from a structure alone: which nodes matter, in which order they are computed, and who feeds them.

use crate::graph::Structure;
use std::{cmp::Reverse, collections::BinaryHeap};

/// A flat instruction array. Feed-forward plans are in topological order; nodes that no output can see are left out.
///
/// Nodes are renumbered: sources first, in order, then the computed nodes in order of computation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Sources, dead ones too: inputs keep their places.
    pub sources: u32,
    /// For each computed node its index in the structure's nodes.
    pub nodes: Vec<u32>,
    /// For each computed node the end of its inputs in `inputs`; the first begins at 0.
    pub ends: Vec<u32>,
    /// For each input of each computed node: the new number of the node it comes from.
    pub inputs: Vec<u32>,
    /// For each input of each computed node: the connection gene whose weight it has.
    pub genes: Vec<u32>,
    /// New number of each output.
    pub outputs: Vec<u32>,
}

impl Plan {
    /// The plan of a structure. `cyclic` graphs are computed in node order, each step from the step before.
    /// O(connections + nodes · log nodes).
    pub fn new(structure: &Structure, cyclic: bool) -> Plan {
        let n = structure.nodes.len();
        let sources = structure.sources as usize;
        let incoming = Incoming::new(structure);
        // Backwards from the outputs.
        let mut needed = vec![false; n];
        let outputs = sources..sources + structure.outputs as usize;
        let mut stack: Vec<usize> = outputs.clone().collect();
        outputs.clone().for_each(|o| needed[o] = true);
        while let Some(node) = stack.pop() {
            for &(from, _) in incoming.of(node) {
                if !std::mem::replace(&mut needed[from as usize], true) {
                    stack.push(from as usize);
                }
            }
        }
        let order: Vec<usize> = if cyclic {
            (sources..n).filter(|&i| needed[i]).collect()
        } else {
            incoming.topological(sources, &needed)
        };
        let mut number: Vec<u32> = (0..n as u32).collect();
        for (k, &node) in order.iter().enumerate() {
            number[node] = (sources + k) as u32;
        }
        let mut plan = Plan {
            sources: sources as u32,
            outputs: outputs.map(|o| number[o]).collect(),
            ..Plan::default()
        };
        for &node in &order {
            for &(from, gene) in incoming.of(node) {
                plan.inputs.push(number[from as usize]);
                plan.genes.push(gene);
            }
            plan.nodes.push(node as u32);
            plan.ends.push(plan.inputs.len() as u32);
        }
        plan
    }

    /// Where the inputs of computed node `k` are in `inputs` and `genes`.
    #[inline(always)]
    pub fn range(&self, k: usize) -> std::ops::Range<usize> {
        let begin = if k == 0 { 0 } else { self.ends[k - 1] as usize };
        begin..self.ends[k] as usize
    }

    /// All values that a step holds: sources and computed nodes.
    pub fn len(&self) -> usize {
        self.sources as usize + self.nodes.len()
    }

    /// Whether nothing is computed.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }
}

/// The expressed connections by the node that they enter, in gene order.
struct Incoming {
    starts: Vec<u32>,
    edges: Vec<(u32, u32)>,
}

impl Incoming {
    fn new(structure: &Structure) -> Self {
        let n = structure.nodes.len();
        let index = |id: u32| structure.node(id).expect("connections join nodes");
        let live = || (0..structure.connections()).filter(|&c| structure.enabled[c]);
        let mut starts = vec![0u32; n + 1];
        live().for_each(|c| starts[index(structure.to[c]) + 1] += 1);
        (0..n).for_each(|i| starts[i + 1] += starts[i]);
        let mut at = starts.clone();
        let mut edges = vec![(0, 0); starts[n] as usize];
        for c in live() {
            let slot = &mut at[index(structure.to[c])];
            edges[*slot as usize] = (index(structure.from[c]) as u32, c as u32);
            *slot += 1;
        }
        Incoming { starts, edges }
    }

    fn of(&self, node: usize) -> &[(u32, u32)] {
        &self.edges[self.starts[node] as usize..self.starts[node + 1] as usize]
    }

    /// Kahn's algorithm over the needed nodes, backwards from the sources; among ready nodes the lowest index first,
    /// so that the order is unique.
    fn topological(&self, sources: usize, needed: &[bool]) -> Vec<usize> {
        let n = needed.len();
        let mut waiting = vec![0u32; n];
        let mut outgoing = vec![Vec::new(); n];
        for node in (sources..n).filter(|&i| needed[i]) {
            for &(from, _) in self.of(node).iter().filter(|e| e.0 as usize >= sources) {
                outgoing[from as usize].push(node);
                waiting[node] += 1;
            }
        }
        let mut ready: BinaryHeap<Reverse<usize>> =
            (sources..n).filter(|&i| needed[i] && waiting[i] == 0).map(Reverse).collect();
        let mut order = Vec::with_capacity(n - sources);
        while let Some(Reverse(node)) = ready.pop() {
            order.push(node);
            for &to in &outgoing[node] {
                waiting[to] -= 1;
                if waiting[to] == 0 {
                    ready.push(Reverse(to));
                }
            }
        }
        debug_assert_eq!(order.len(), (sources..n).filter(|&i| needed[i]).count(), "no cycle");
        order
    }
}
