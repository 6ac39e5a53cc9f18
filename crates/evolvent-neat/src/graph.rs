//! The graph genome: a structure of node and connection genes, and the numbers on them.
//!
//! Genomes are immutable and cheap to clone. A child that differs from its parent in weights only shares the parent's
//! [`Structure`], and with it everything that is derived from the structure alone (the evaluation plan).

use crate::{plan::Plan, seed::Seed};
use evolvent_core::{Batch, Genome, Violations};
use evolvent_math::rows::Materialize;
use evolvent_nets::Activation;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, OnceLock};

/// How a node combines its weighted inputs.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Aggregation {
    /// Their sum.
    #[default]
    Sum,
    /// Their product; 1 if there are none.
    Product,
    /// The smallest; 0 if there are none.
    Min,
    /// The largest; 0 if there are none.
    Max,
    /// Their mean; 0 if there are none.
    Mean,
    /// The one with the largest absolute value, the first of equals; 0 if there are none.
    MaxAbs,
}

/// How a network runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Dynamics {
    /// Acyclic; outputs follow from the inputs of the same step.
    #[default]
    FeedForward,
    /// Any graph; each step every node reads what the others had after the step before.
    Recurrent,
    /// Any graph of leaky integrators with a time constant per node, one Euler step of length `dt` per call (CTRNN, Beer 1995).
    ContinuousTime,
}

/// Which connections a genome starts with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Initial {
    /// Every input (and the bias) to every output.
    #[default]
    Full,
    /// None.
    Unconnected,
    /// One input, drawn at random, to every output (Whiteson et al. 2005, FS-NEAT).
    OneInput,
    /// Each connection of `full` with this probability in [0, 1].
    Partial(f64),
}

/// Where a node's constant input comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Bias {
    /// An extra input that is always 1; its connections evolve like others (Stanley & Miikkulainen 2002).
    #[default]
    Node,
    /// A number on each node (neat-python, SharpNEAT's successors).
    Gene,
}

/// What the decoder tells of a graph's genes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GraphGenes {
    /// Inputs, the bias node not counted.
    pub inputs: usize,
    /// Outputs.
    pub outputs: usize,
    /// How the network runs; decides whether cycles are allowed.
    pub dynamics: Dynamics,
    /// Where constants come from.
    pub bias: Bias,
    /// The connections of a first genome.
    pub initial: Initial,
    /// Activations that hidden nodes may have, never empty; the first is the one that new nodes get unless it may be mutated.
    pub activations: Vec<Activation>,
    /// Activation of each output; one entry serves all.
    pub output_activations: Vec<Activation>,
    /// Aggregations that nodes may have, never empty.
    pub aggregations: Vec<Aggregation>,
    /// Standard deviation of initial weights, or half the width if `uniform`.
    pub weight_scale: f32,
    /// Whether initial weights are uniform in ±`weight_scale` instead of normal.
    pub uniform: bool,
    /// Weights and biases stay within ± this.
    pub weight_limit: f32,
    /// Whether every node has a response of its own.
    #[serde(default)]
    pub responses: bool,
    /// What every first genome carries beside `initial`.
    #[serde(default)]
    pub seed: Seed,
}

impl GraphGenes {
    /// Inputs with the bias node, if there is one.
    pub fn sources(&self) -> usize {
        self.inputs + usize::from(self.bias == Bias::Node)
    }

    /// Nodes that every genome has: sources, then outputs.
    pub fn fixed_nodes(&self) -> usize {
        self.sources() + self.outputs
    }

    /// Whether cycles are allowed.
    pub fn cyclic(&self) -> bool {
        self.dynamics != Dynamics::FeedForward
    }

    /// Numbers of a node that is not a source: its bias, then the logarithms that it has.
    pub fn per_node(&self) -> usize {
        1 + usize::from(self.dynamics == Dynamics::ContinuousTime) + usize::from(self.responses)
    }

    /// The activation of output `i`.
    pub fn output_activation(&self, i: usize) -> Activation {
        self.output_activations[i.min(self.output_activations.len() - 1)]
    }
}

/// A node gene. Its id is its innovation number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Inputs are `0..inputs`, then the bias if there is one, then the outputs, then hidden nodes as they came.
    pub id: u32,
    /// Ignored on sources.
    pub activation: Activation,
    /// Ignored on sources.
    pub aggregation: Aggregation,
}

/// Node and connection genes without their numbers. Structure of arrays, connections sorted by innovation number and
/// nodes by id.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Structure {
    /// Nodes, sorted by id; the first `sources` are inputs and bias, the next `outputs` are outputs.
    pub nodes: Vec<Node>,
    /// How many of the nodes are inputs or bias.
    pub sources: u32,
    /// How many of the nodes are outputs.
    pub outputs: u32,
    /// Innovation numbers, ascending.
    pub innovations: Vec<u32>,
    /// Id of the node that each connection leaves.
    pub from: Vec<u32>,
    /// Id of the node that each connection enters.
    pub to: Vec<u32>,
    /// Whether each connection is expressed.
    pub enabled: Vec<bool>,
    #[serde(skip)]
    plan: OnceLock<Arc<Plan>>,
}

impl PartialEq for Structure {
    fn eq(&self, other: &Self) -> bool {
        self.innovations == other.innovations
            && self.enabled == other.enabled
            && self.from == other.from
            && self.to == other.to
            && self.nodes == other.nodes
            && (self.sources, self.outputs) == (other.sources, other.outputs)
    }
}

impl Structure {
    /// Number of connection genes, disabled ones too.
    pub fn connections(&self) -> usize {
        self.innovations.len()
    }

    /// Hidden nodes.
    pub fn hidden(&self) -> usize {
        self.nodes.len() - (self.sources + self.outputs) as usize
    }

    /// Index of the node with this id.
    pub fn node(&self, id: u32) -> Option<usize> {
        // Fixed nodes stand at their own id.
        let fixed = (self.sources + self.outputs) as usize;
        if (id as usize) < fixed {
            return Some(id as usize);
        }
        self.nodes[fixed..].binary_search_by_key(&id, |n| n.id).ok().map(|i| i + fixed)
    }

    /// Index of the connection from one node to another.
    pub fn connection(&self, from: u32, to: u32) -> Option<usize> {
        (0..self.connections()).find(|&c| self.from[c] == from && self.to[c] == to)
    }

    /// Whether a connection from `from` to `to` would close a cycle, disabled connections counted.
    pub fn closes_cycle(&self, from: u32, to: u32) -> bool {
        if from == to {
            return true;
        }
        if from < self.sources || !self.from.contains(&to) {
            return false; // nothing enters the one, or nothing leaves the other
        }
        // Depth first from `to`, over connections sorted by the node they leave.
        let mut leaving: Vec<(u32, u32)> = self.from.iter().copied().zip(self.to.iter().copied()).collect();
        leaving.sort_unstable();
        let mut seen = vec![false; self.nodes.len()];
        let mut stack = vec![to];
        while let Some(node) = stack.pop() {
            let first = leaving.partition_point(|e| e.0 < node);
            for &(_, target) in leaving[first..].iter().take_while(|e| e.0 == node) {
                if target == from {
                    return true;
                }
                let index = self.node(target).expect("connections join nodes");
                if !std::mem::replace(&mut seen[index], true) {
                    stack.push(target);
                }
            }
        }
        false
    }

    /// Whether there is a cycle, disabled connections counted: nodes without incoming connections are peeled off.
    pub fn is_cyclic(&self) -> bool {
        let index = |id: u32| self.node(id).expect("connections join nodes");
        let mut live: Vec<(usize, usize)> =
            self.from.iter().zip(&self.to).map(|(&f, &t)| (index(f), index(t))).collect();
        loop {
            let mut entered = vec![false; self.nodes.len()];
            live.iter().for_each(|&(_, to)| entered[to] = true);
            let before = live.len();
            live.retain(|&(from, _)| entered[from]);
            if live.is_empty() || live.len() == before {
                return !live.is_empty();
            }
        }
    }

    /// A copy to be changed; its derived plan is forgotten.
    pub(crate) fn fork(&self) -> Structure {
        self.fork_for(0)
    }

    /// As [`Structure::fork`], with room for more connections.
    fn fork_for(&self, more: usize) -> Structure {
        Structure {
            nodes: self.nodes.clone(),
            innovations: with_room(&self.innovations, more),
            from: with_room(&self.from, more),
            to: with_room(&self.to, more),
            enabled: with_room(&self.enabled, more),
            sources: self.sources,
            outputs: self.outputs,
            plan: OnceLock::new(),
        }
    }

    /// Adds a connection gene; its index.
    fn insert(&mut self, innovation: u32, from: u32, to: u32) -> usize {
        let at = self.innovations.partition_point(|&i| i < innovation);
        self.innovations.insert(at, innovation);
        self.from.insert(at, from);
        self.to.insert(at, to);
        self.enabled.insert(at, true);
        at
    }

    /// The same genes with other ones expressed.
    pub(crate) fn with_enabled(&self, enabled: Vec<bool>) -> Structure {
        Structure { enabled, ..self.fork() }
    }

    /// The evaluation plan, computed once for all genomes that share this structure.
    pub fn plan(&self, cyclic: bool) -> Arc<Plan> {
        self.plan.get_or_init(|| Arc::new(Plan::new(self, cyclic))).clone()
    }
}

/// A copy that can take more entries without moving.
fn with_room<T: Copy>(entries: &[T], more: usize) -> Vec<T> {
    let mut copy = Vec::with_capacity(entries.len() + more);
    copy.extend_from_slice(entries);
    copy
}

/// A graph genome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Graph {
    /// The genes, shared with relatives.
    pub structure: Arc<Structure>,
    /// The numbers: connection weights in gene order; then, per node that is not a source, its bias; then, per such
    /// node, the natural logarithm of its time constant if time runs continuously; then, per such node, that of the factor
    /// on its response if responses evolve.
    pub values: Arc<[f32]>,
}

impl Genome for Graph {
    const KIND: &'static str = "graph";
    type Genes = GraphGenes;
    type Members = Vec<Graph>;
    type View = Graph;

    fn fits(&self, genes: &GraphGenes) -> Result<(), Violations> {
        let mut v = Violations::new();
        let (sources, outputs) = (self.structure.sources as usize, self.structure.outputs as usize);
        v.require(
            sources == genes.sources(),
            "graph.sources",
            sources,
            &format!("{} inputs, the bias counted", genes.sources()),
        );
        v.require(outputs == genes.outputs, "graph.outputs", outputs, &format!("{} outputs", genes.outputs));
        if let Err(message) = self.check() {
            v.add("graph", message, "a well-formed graph");
        } else if self.per_node() != genes.per_node() {
            let expected = format!(
                "{} (a bias; a time constant if `dynamics` is continuous_time; a response if `evolve_responses`)",
                genes.per_node()
            );
            v.add("graph", format!("{} numbers on a node", self.per_node()), &expected);
        } else if !genes.cyclic() && self.structure.is_cyclic() {
            v.add("graph", "a cycle", "an acyclic graph, since `dynamics` is feed_forward");
        }
        v.into_result()
    }
}

impl Graph {
    /// A genome from its parts; in debug builds every invariant is asserted.
    pub fn new(structure: Arc<Structure>, values: Vec<f32>) -> Self {
        Graph::of(structure, values.into())
    }

    /// As [`Graph::new`], from shared numbers.
    pub(crate) fn of(structure: Arc<Structure>, values: Arc<[f32]>) -> Self {
        let graph = Graph { structure, values };
        #[cfg(debug_assertions)]
        graph.check().expect("a graph keeps its invariants");
        graph
    }

    /// The connection weights.
    pub fn weights(&self) -> &[f32] {
        &self.values[..self.structure.connections()]
    }

    /// Numbers per node that is not a source: its bias, and up to two logarithms.
    pub fn per_node(&self) -> usize {
        let nodes = self.structure.nodes.len() - self.structure.sources as usize;
        (self.values.len() - self.structure.connections()) / nodes.max(1)
    }

    /// The biases of all nodes that are not sources.
    pub fn biases(&self) -> &[f32] {
        self.row(0)
    }

    /// The `row`-th number of all nodes that are not sources, 0 being the biases; empty if they have fewer.
    pub(crate) fn row(&self, row: usize) -> &[f32] {
        let nodes = self.structure.nodes.len() - self.structure.sources as usize;
        let begin = self.structure.connections() + row * nodes;
        self.values.get(begin..begin + nodes).unwrap_or(&[])
    }

    /// Expressed connections.
    pub fn expressed(&self) -> usize {
        self.structure.enabled.iter().filter(|&&e| e).count()
    }

    /// Whether everything that the rest of the crate relies on holds; a genome from a file is checked with it.
    pub fn check(&self) -> Result<(), String> {
        let s = &*self.structure;
        let n = s.connections();
        if s.from.len() != n || s.to.len() != n || s.enabled.len() != n {
            return Err("connection arrays differ in length".into());
        }
        let fixed = (s.sources + s.outputs) as usize;
        if s.nodes.len() < fixed || s.outputs == 0 {
            return Err(format!(
                "{} nodes for {} sources and {} outputs",
                s.nodes.len(),
                s.sources,
                s.outputs
            ));
        }
        if s.nodes[..fixed].iter().enumerate().any(|(i, node)| node.id as usize != i) {
            return Err("sources and outputs must have the ids 0, 1, 2, …".into());
        }
        if s.nodes.windows(2).any(|w| w[0].id >= w[1].id) {
            return Err("node ids must ascend".into());
        }
        if s.innovations.windows(2).any(|w| w[0] >= w[1]) {
            return Err("innovation numbers must ascend".into());
        }
        for c in 0..n {
            match (s.node(s.from[c]), s.node(s.to[c])) {
                (Some(_), Some(to)) if to >= s.sources as usize => {}
                (Some(_), Some(_)) => return Err(format!("connection {} enters a source", s.innovations[c])),
                _ => return Err(format!("connection {} joins nodes that do not exist", s.innovations[c])),
            }
        }
        let nodes = s.nodes.len() - s.sources as usize;
        if (1..=3).all(|rows| self.values.len() != n + rows * nodes) {
            return Err(format!("{} values for {n} connections and {nodes} nodes", self.values.len()));
        }
        match self.values.iter().position(|v| !v.is_finite()) {
            Some(i) => Err(format!("value {i} is {}", self.values[i])),
            None => Ok(()),
        }
    }

    /// The graph with a connection added; innovation numbers may come in any order.
    pub(crate) fn with_connection(&self, innovation: u32, from: u32, to: u32, weight: f32) -> Graph {
        let mut structure = self.structure.fork_for(1);
        let mut values = with_room(&self.values, 1);
        values.insert(structure.insert(innovation, from, to), weight);
        Graph::new(Arc::new(structure), values)
    }

    /// The graph with a connection split by a new node: the old gene is disabled, the first half has weight 1, the
    /// second the old weight, so that the function changes as little as it can (Stanley & Miikkulainen 2002, 3.1).
    pub(crate) fn with_split(&self, connection: usize, node: Node, first: u32, second: u32) -> Graph {
        let (from, to) = (self.structure.from[connection], self.structure.to[connection]);
        let weight = self.values[connection];
        let mut structure = self.structure.fork_for(2);
        structure.enabled[connection] = false;
        let at = structure.nodes.partition_point(|n| n.id < node.id);
        structure.nodes.insert(at, node);
        let mut values = with_room(&self.values, 2 + self.per_node());
        let (connections, per_node) = (structure.connections(), self.per_node());
        let nodes = structure.nodes.len() - structure.sources as usize; // with the new one
        for k in (0..per_node).rev() {
            // bias 0, log time constant 0
            values.insert(connections + k * (nodes - 1) + at - structure.sources as usize, 0.0);
        }
        values.insert(structure.insert(first, from, node.id), 1.0);
        values.insert(structure.insert(second, node.id, to), weight);
        Graph::new(Arc::new(structure), values)
    }

    /// The graph without a connection.
    pub(crate) fn without_connection(&self, connection: usize) -> Graph {
        let mut structure = self.structure.fork();
        structure.innovations.remove(connection);
        structure.from.remove(connection);
        structure.to.remove(connection);
        structure.enabled.remove(connection);
        let mut values = self.values.to_vec();
        values.remove(connection);
        Graph::new(Arc::new(structure), values)
    }

    /// The graph without a hidden node and all its connections.
    pub(crate) fn without_node(&self, id: u32) -> Graph {
        let s = &*self.structure;
        let keep: Vec<usize> = (0..s.connections()).filter(|&c| s.from[c] != id && s.to[c] != id).collect();
        let dropped = s.node(id).expect("the node exists");
        let mut structure = s.fork();
        structure.nodes.remove(dropped);
        structure.innovations = keep.iter().map(|&c| s.innovations[c]).collect();
        structure.from = keep.iter().map(|&c| s.from[c]).collect();
        structure.to = keep.iter().map(|&c| s.to[c]).collect();
        structure.enabled = keep.iter().map(|&c| s.enabled[c]).collect();
        let mut values: Vec<f32> = keep.iter().map(|&c| self.values[c]).collect();
        let nodes = s.nodes.len() - s.sources as usize;
        for k in 0..self.per_node() {
            let part = &self.values[s.connections() + k * nodes..][..nodes];
            values.extend(
                part.iter().enumerate().filter(|(i, _)| i + s.sources as usize != dropped).map(|(_, v)| v),
            );
        }
        Graph::new(Arc::new(structure), values)
    }
}

impl Materialize for Graph {
    type Scratch = ();

    fn view<'a>(batch: &'a Batch<Graph>, i: usize, (): &'a mut ()) -> &'a Graph {
        &batch.members[i]
    }

    fn view_owned<'a>(genome: &'a Graph, (): &'a mut ()) -> &'a Graph {
        genome
    }
}
