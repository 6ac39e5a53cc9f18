//! What follows from a structure alone: which nodes matter, in which order they are computed, and who feeds them.

use crate::graph::Structure;

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
    /// O(connections · log nodes).
    pub fn new(structure: &Structure, cyclic: bool) -> Plan {
        let (n, sources) = (structure.nodes.len(), structure.sources as usize);
        let incoming = Incoming::new(structure);
        let outputs = sources..sources + structure.outputs as usize;
        let mut plan = Plan { sources: sources as u32, ..Plan::default() };
        // Backwards from the outputs, depth first: `number` is that of a computed node once all that feed it have theirs.
        let mut number = vec![UNSEEN; n];
        (0..sources).for_each(|i| number[i] = i as u32);
        let mut path: Vec<(u32, u32)> = Vec::with_capacity(n);
        plan.nodes.reserve_exact(n - sources);
        for output in outputs.clone().filter(|_| !cyclic) {
            if number[output] == UNSEEN {
                number[output] = ENTERED;
                path.push((output as u32, incoming.starts[output]));
            }
            while let Some((node, edge)) = path.last_mut() {
                if *edge == incoming.starts[*node as usize + 1] {
                    number[*node as usize] = (sources + plan.nodes.len()) as u32;
                    plan.nodes.push(*node);
                    path.pop();
                    continue;
                }
                let from = incoming.edges[*edge as usize].from;
                *edge += 1;
                if number[from as usize] == UNSEEN {
                    number[from as usize] = ENTERED;
                    path.push((from, incoming.starts[from as usize]));
                }
            }
        }
        if cyclic {
            let mut stack: Vec<u32> = outputs.clone().map(|o| o as u32).collect();
            outputs.clone().for_each(|o| number[o] = ENTERED);
            while let Some(node) = stack.pop() {
                for edge in incoming.of(node) {
                    if number[edge.from as usize] == UNSEEN {
                        number[edge.from as usize] = ENTERED;
                        stack.push(edge.from);
                    }
                }
            }
            for node in sources..n {
                if number[node] == ENTERED {
                    number[node] = (sources + plan.nodes.len()) as u32;
                    plan.nodes.push(node as u32);
                }
            }
        }
        plan.outputs = outputs.map(|o| number[o]).collect();
        plan.inputs.reserve_exact(incoming.edges.len());
        plan.genes.reserve_exact(incoming.edges.len());
        plan.ends.reserve_exact(plan.nodes.len());
        for &node in &plan.nodes {
            for edge in incoming.of(node) {
                plan.inputs.push(number[edge.from as usize]);
                plan.genes.push(edge.gene);
            }
            plan.ends.push(plan.inputs.len() as u32);
        }
        debug_assert!(plan.inputs.iter().all(|&i| (i as usize) < plan.len()), "an acyclic graph has a cycle");
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

/// No output has been seen to need the node.
const UNSEEN: u32 = u32::MAX;
/// Needed, its number not known yet.
const ENTERED: u32 = u32::MAX - 1;

/// An expressed connection: the index of the node that it leaves, and of its gene.
#[derive(Clone, Copy, Default)]
struct Edge {
    gene: u32,
    from: u32,
}

/// The expressed connections by the node that they enter, in gene order.
struct Incoming {
    starts: Vec<u32>,
    edges: Vec<Edge>,
}

impl Incoming {
    fn new(structure: &Structure) -> Self {
        let index = |id: u32| structure.node(id).expect("connections join nodes");
        let expressed = || (0..structure.connections()).filter(|&c| structure.enabled[c]);
        // A counting sort: `starts[node + 1]` is where the next edge into the node goes, at last where they end.
        let mut starts = vec![0u32; structure.nodes.len() + 2];
        expressed().for_each(|c| starts[index(structure.to[c]) + 2] += 1);
        (2..starts.len()).for_each(|i| starts[i] += starts[i - 1]);
        let mut edges = vec![Edge::default(); starts[starts.len() - 1] as usize];
        for c in expressed() {
            let place = &mut starts[index(structure.to[c]) + 1];
            edges[*place as usize] = Edge { gene: c as u32, from: index(structure.from[c]) as u32 };
            *place += 1;
        }
        Incoming { starts, edges }
    }

    fn of(&self, node: u32) -> &[Edge] {
        &self.edges[self.starts[node as usize] as usize..self.starts[node as usize + 1] as usize]
    }
}
