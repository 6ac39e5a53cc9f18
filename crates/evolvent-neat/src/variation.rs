//! Mutation and crossover of graphs (Stanley & Miikkulainen 2002, sections 3.1 and 3.2), as plain functions over resolved
//! rates. [`GraphVariation`] offers them, with the [distance](Distance), to the algorithms that only select.
//!
//! A structural mutation is first *proposed*, which needs no shared counter and can be done for many children in
//! parallel; innovation numbers are then given in member order by `apply`.

use crate::{
    distance::{Distance, DistanceSettings, distance},
    graph::{Aggregation, Bias, Graph, GraphGenes, Initial, Node, Structure},
    innovation::{Innovations, Memory},
    settings::settings,
};
use evolvent_core::{Stream, Variation, Violations};
use evolvent_nets::Activation;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

settings! {
    /// Probabilities and strengths of mutation. Probabilities lie in [0, 1].
    pub struct Mutation / MutationSettings {
        /// Splitting a connection by a new node.
        add_node: f64,
        /// Joining two nodes.
        add_connection: f64,
        /// Removing a hidden node with its connections. 0 in NEAT as published.
        delete_node: f64,
        /// Removing a connection. 0 in NEAT as published.
        delete_connection: f64,
        /// Whether at most one structural change is made, and none of the numbers change beside it (as in the published code).
        exclusive: bool,
        /// Changing weights at all, per genome.
        weights: f64,
        /// Given that: drawing a weight anew instead of perturbing it, per weight.
        replace: f64,
        /// Given that: leaving a weight as it is, per weight.
        spare: f64,
        /// Genomes with fewer connection genes than this split old connections by preference, each next older one being passed
        /// over with probability 0.3: else the two halves of the last split are split again and chains arise. 0 for never.
        old_first: usize,
        /// Perturbations: uniform in ± this, or of this standard deviation if `gaussian`. Above 0.
        power: f64,
        /// New values, of new connections too: uniform in ± this, or of this standard deviation if `gaussian`. Above 0.
        redraw: f64,
        /// Whether perturbations are normal instead of uniform.
        gaussian: bool,
        /// As `power` and as `redraw`, but for the natural logarithms of time constants and responses, where nodes have them; they
        /// stay within ± 5. Above 0.
        log_power: f64,
        /// Switching one connection on or off, per genome.
        toggle: f64,
        /// Switching the first disabled connection on, per genome.
        enable: f64,
        /// Drawing a hidden node's activation anew, per genome.
        activation: f64,
        /// Drawing a node's aggregation anew, per genome.
        aggregation: f64,
    }
}

impl Default for Mutation {
    /// Stanley & Miikkulainen 2002, section 4.1, for a population of 150. What the paper does not give, `old_first`, `power`
    /// and `redraw`, is the published code's.
    fn default() -> Self {
        Mutation {
            add_node: 0.03,
            add_connection: 0.05,
            delete_node: 0.0,
            delete_connection: 0.0,
            exclusive: false,
            weights: 0.8,
            replace: 0.1,
            spare: 0.0,
            old_first: 15,
            power: 2.5,
            redraw: 2.5,
            gaussian: false,
            log_power: 0.5,
            toggle: 0.0,
            enable: 0.0,
            activation: 0.0,
            aggregation: 0.0,
        }
    }
}

impl Mutation {
    /// Adds what is out of range.
    pub fn check(&self, v: &mut Violations) {
        for (name, p) in [
            ("add_node", self.add_node),
            ("add_connection", self.add_connection),
            ("delete_node", self.delete_node),
            ("delete_connection", self.delete_connection),
            ("weights", self.weights),
            ("replace", self.replace),
            ("spare", self.spare),
            ("toggle", self.toggle),
            ("enable", self.enable),
            ("activation", self.activation),
            ("aggregation", self.aggregation),
        ] {
            v.probability(name, p);
        }
        v.positive("power", self.power);
        v.positive("redraw", self.redraw);
        v.positive("log_power", self.log_power);
    }
}

settings! {
    /// Alignment of parents by innovation number.
    pub struct Crossover / CrossoverSettings {
        /// Averaging the weights of matching genes instead of choosing one, per child; in [0, 1].
        average: f64,
        /// Keeping a gene disabled that is disabled in either parent; in [0, 1].
        keep_disabled: f64,
    }
}

impl Default for Crossover {
    /// Stanley & Miikkulainen 2002: matching genes at random, 75 % stay disabled. (Their code averages in 40 % of matings.)
    fn default() -> Self {
        Crossover { average: 0.0, keep_disabled: 0.75 }
    }
}

/// A structural change that has no innovation number yet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Proposal {
    Connect { from: u32, to: u32, weight: f32 },
    Split { innovation: u32, activation: Activation, aggregation: Aggregation },
}

/// A weight as a first genome has it.
fn fresh_weight(genes: &GraphGenes, rng: &mut Stream) -> f32 {
    let z = if genes.uniform { rng.uniform_in(-1.0, 1.0) } else { rng.normal() };
    limited(genes, genes.weight_scale * z as f32)
}

fn limited(genes: &GraphGenes, w: f32) -> f32 {
    w.clamp(-genes.weight_limit, genes.weight_limit)
}

/// A first genome. Innovation numbers of its connections are those of the fully connected one.
pub(crate) fn first(genes: &GraphGenes, rng: &mut Stream) -> Graph {
    let (sources, outputs) = (genes.sources(), genes.outputs);
    let lone = if genes.initial == Initial::OneInput { rng.below(genes.inputs.max(1)) } else { 0 };
    let mut structure = Structure::default();
    (structure.sources, structure.outputs) = (sources as u32, outputs as u32);
    let source = |id| Node { id, activation: Activation::Linear, aggregation: Aggregation::Sum };
    structure.nodes.extend((0..sources as u32).map(source));
    structure.nodes.extend((0..outputs).map(|o| Node {
        id: (sources + o) as u32,
        activation: genes.output_activation(o),
        aggregation: genes.aggregations[0],
    }));
    let mut values = Vec::new();
    for o in 0..outputs {
        for i in 0..sources {
            let present = match genes.initial {
                Initial::Full => true,
                Initial::Unconnected => false,
                Initial::OneInput => i == lone,
                Initial::Partial(p) => rng.chance(p),
            };
            if present {
                structure.innovations.push((o * sources + i) as u32);
                structure.from.push(i as u32);
                structure.to.push((sources + o) as u32);
                structure.enabled.push(true);
                values.push(fresh_weight(genes, rng));
            }
        }
    }
    genes.seed.graft(genes, &mut structure, &mut values);
    let hidden = genes.seed.hidden.len();
    values
        .extend((0..outputs).map(|_| if genes.bias == Bias::Gene { fresh_weight(genes, rng) } else { 0.0 }));
    values.extend(std::iter::repeat_n(0.0, hidden));
    values.extend(std::iter::repeat_n(0.0, (genes.per_node() - 1) * (outputs + hidden)));
    Graph::new(Arc::new(structure), values)
}

/// Mutates numbers, removes genes, and proposes what needs an innovation number. `growing` is false in the pruning
/// phases of phased search and at the complexity ceiling.
pub(crate) fn mutate(
    genes: &GraphGenes,
    rates: &Mutation,
    growing: bool,
    graph: &mut Graph,
    rng: &mut Stream,
) -> [Option<Proposal>; 2] {
    let mut proposals = [None; 2];
    if growing && rng.chance(rates.add_node) {
        proposals[0] = propose_split(genes, rates, graph, rng);
    }
    let taken = rates.exclusive && proposals[0].is_some();
    if growing && !taken && rng.chance(rates.add_connection) {
        proposals[1] = propose_connection(genes, rates, graph, rng);
    }
    if rates.exclusive && proposals.iter().any(Option::is_some) {
        return proposals;
    }
    // A proposed split refers to a gene, so nothing is removed beside it.
    if proposals.iter().all(Option::is_none) && delete(rates, graph, rng) && rates.exclusive {
        return proposals;
    }
    mutate_numbers(genes, rates, graph, rng);
    mutate_switches(rates, graph, rng);
    mutate_functions(genes, rates, graph, rng);
    proposals
}

fn propose_split(genes: &GraphGenes, rates: &Mutation, graph: &Graph, rng: &mut Stream) -> Option<Proposal> {
    let s = &graph.structure;
    // The bias is not split: a constant through a node is a constant.
    let bias = (genes.bias == Bias::Node).then_some(genes.inputs as u32);
    let splittable = |c: &usize| s.enabled[*c] && Some(s.from[*c]) != bias;
    let count = (0..s.connections()).filter(splittable).count();
    if count == 0 {
        return None;
    }
    let mut place = rng.below(count);
    if s.connections() < rates.old_first {
        place = (0..count).find(|_| !rng.chance(0.3))?;
    }
    let c = (0..s.connections()).filter(splittable).nth(place)?;
    let pick = |n: usize, rng: &mut Stream| if n > 1 { rng.below(n) } else { 0 };
    let activation = if rates.activation > 0.0 {
        genes.activations[pick(genes.activations.len(), rng)]
    } else {
        genes.activations[0]
    };
    let aggregation = if rates.aggregation > 0.0 {
        genes.aggregations[pick(genes.aggregations.len(), rng)]
    } else {
        genes.aggregations[0]
    };
    Some(Proposal::Split { innovation: s.innovations[c], activation, aggregation })
}

/// Tries that a genome gets to find two nodes that are not joined yet (20 in the published code).
const TRIES: usize = 20;

fn propose_connection(
    genes: &GraphGenes,
    rates: &Mutation,
    graph: &Graph,
    rng: &mut Stream,
) -> Option<Proposal> {
    let s = &graph.structure;
    let sources = s.sources as usize;
    for _ in 0..TRIES {
        let from = s.nodes[rng.below(s.nodes.len())].id;
        let to = s.nodes[sources + rng.below(s.nodes.len() - sources)].id;
        // In an acyclic graph nothing leaves an output, so that outputs stay the last of the order.
        let output = |id: u32| (id as usize) >= sources && (id as usize) < sources + genes.outputs;
        let barred = || !genes.cyclic() && (output(from) || s.closes_cycle(from, to));
        if s.connection(from, to).is_none() && !barred() {
            return Some(Proposal::Connect {
                from,
                to,
                weight: limited(genes, amount(rates, rates.redraw, rng)),
            });
        }
    }
    None
}

fn delete(rates: &Mutation, graph: &mut Graph, rng: &mut Stream) -> bool {
    let fixed = (graph.structure.sources + graph.structure.outputs) as usize;
    let mut deleted = false;
    if rng.chance(rates.delete_node) && graph.structure.hidden() > 0 {
        let id = graph.structure.nodes[fixed + rng.below(graph.structure.hidden())].id;
        *graph = graph.without_node(id);
        deleted = true;
    }
    if rng.chance(rates.delete_connection) && graph.structure.connections() > 0 {
        *graph = graph.without_connection(rng.below(graph.structure.connections()));
        deleted = true;
    }
    deleted
}

fn mutate_numbers(genes: &GraphGenes, rates: &Mutation, graph: &mut Graph, rng: &mut Stream) {
    if !rng.chance(rates.weights) {
        return;
    }
    let connections = graph.structure.connections();
    // Without bias genes the biases stay 0; logarithms follow.
    let nodes = graph.structure.nodes.len() - graph.structure.sources as usize;
    let spared = rates.replace + rates.spare * (1.0 - rates.replace);
    let values = Arc::make_mut(&mut graph.values); // in place, unless the parent still holds them
    let mut vary = |values: &mut [f32], power: f64, redraw: f64, limit: f32| {
        for value in values {
            let u = rng.uniform();
            if u < rates.replace {
                *value = amount(rates, redraw, rng).clamp(-limit, limit);
            } else if u >= spared {
                *value = (*value + amount(rates, power, rng)).clamp(-limit, limit);
            }
        }
    };
    let (numbers, logarithms) = values.split_at_mut(connections + nodes);
    let numbers = if genes.bias == Bias::Gene { numbers } else { &mut numbers[..connections] };
    vary(numbers, rates.power, rates.redraw, genes.weight_limit);
    vary(logarithms, rates.log_power, rates.log_power, LOG_LIMIT);
}

/// Time constants and responses stay within e to the power of ± this.
const LOG_LIMIT: f32 = 5.0;

/// A change or a new value of this scale.
fn amount(rates: &Mutation, scale: f64, rng: &mut Stream) -> f32 {
    (scale * if rates.gaussian { rng.normal() } else { rng.uniform_in(-1.0, 1.0) }) as f32
}

fn mutate_switches(rates: &Mutation, graph: &mut Graph, rng: &mut Stream) {
    let s = &graph.structure;
    let mut enabled = None;
    if s.connections() > 0 && rng.chance(rates.toggle) {
        let c = rng.below(s.connections());
        let flags = enabled.get_or_insert_with(|| s.enabled.clone());
        flags[c] = !flags[c];
    }
    if rng.chance(rates.enable)
        && let Some(c) = s.enabled.iter().position(|e| !e)
    {
        enabled.get_or_insert_with(|| s.enabled.clone())[c] = true;
    }
    if let Some(enabled) = enabled {
        graph.structure = Arc::new(s.with_enabled(enabled));
    }
}

fn mutate_functions(genes: &GraphGenes, rates: &Mutation, graph: &mut Graph, rng: &mut Stream) {
    let s = &graph.structure;
    let fixed = (s.sources + s.outputs) as usize;
    let activation = genes.activations.len() > 1 && s.hidden() > 0 && rng.chance(rates.activation);
    let aggregation = genes.aggregations.len() > 1 && rng.chance(rates.aggregation);
    if !activation && !aggregation {
        return;
    }
    let mut structure = s.fork();
    if activation {
        let node = fixed + rng.below(s.hidden());
        structure.nodes[node].activation = genes.activations[rng.below(genes.activations.len())];
    }
    if aggregation {
        let node = s.sources as usize + rng.below(s.nodes.len() - s.sources as usize);
        structure.nodes[node].aggregation = genes.aggregations[rng.below(genes.aggregations.len())];
    }
    graph.structure = Arc::new(structure);
}

/// Gives proposals their innovation numbers and carries them out, in order.
pub(crate) fn apply(graph: Graph, proposals: &[Option<Proposal>; 2], innovations: &mut Innovations) -> Graph {
    proposals.iter().flatten().fold(graph, |graph, proposal| match *proposal {
        Proposal::Connect { from, to, weight } => {
            graph.with_connection(innovations.connection(from, to), from, to, weight)
        }
        Proposal::Split { innovation, activation, aggregation } => {
            let s = &graph.structure;
            let Ok(c) = s.innovations.binary_search(&innovation) else { return graph };
            let split = innovations.split(innovation, |node| s.node(node).is_some());
            let node = Node { id: split.node, activation, aggregation };
            graph.with_split(c, node, split.first, split.second)
        }
    })
}

/// Independent fair bits, 32 to a draw.
struct Coins<'a> {
    rng: &'a mut Stream,
    bits: u32,
    left: u32,
}

impl Coins<'_> {
    fn flip(&mut self) -> bool {
        if self.left == 0 {
            (self.bits, self.left) = (self.rng.next_u32(), 32);
        }
        let heads = self.bits & 1 == 1;
        (self.bits, self.left) = (self.bits >> 1, self.left - 1);
        heads
    }
}

/// A child of two parents: matching genes from either or averaged; disjoint and excess genes from `a`, which must be
/// the fitter one, or of equal parents the one with fewer genes (as in the published code, so that genomes do not
/// grow by mating). Where the same genes stay expressed the child shares a parent's structure.
pub(crate) fn cross(settings: &Crossover, a: &Graph, b: &Graph, rng: &mut Stream) -> Graph {
    let (sa, sb) = (&a.structure, &b.structure);
    let average = rng.chance(settings.average);
    let mut values = a.values.clone();
    let own = Arc::make_mut(&mut values);
    let mut enabled: Option<Vec<bool>> = None;
    let mut coins = Coins { rng, bits: 0, left: 0 };
    let mut pick = |coins: &mut Coins<'_>, i: usize, other: f32| {
        if average {
            own[i] = 0.5 * (own[i] + other);
        } else if coins.flip() {
            own[i] = other;
        }
    };
    let mut j = 0;
    for i in 0..sa.connections() {
        while j < sb.connections() && sb.innovations[j] < sa.innovations[i] {
            j += 1;
        }
        let matching = j < sb.connections() && sb.innovations[j] == sa.innovations[i];
        if matching {
            pick(&mut coins, i, b.values[j]);
        }
        let either = !sa.enabled[i] || matching && !sb.enabled[j];
        if either {
            let on = !coins.rng.chance(settings.keep_disabled);
            if on != sa.enabled[i] {
                enabled.get_or_insert_with(|| sa.enabled.clone())[i] = on;
            }
        }
    }
    // Numbers on matching nodes, if both genomes carry the same kinds.
    let (ca, cb) = (sa.connections(), sb.connections());
    let (na, nb) = (sa.nodes.len() - sa.sources as usize, sb.nodes.len() - sb.sources as usize);
    if a.per_node() == b.per_node() {
        for k in 0..a.per_node() {
            for i in 0..na {
                if let Some(j) = sb.node(sa.nodes[i + sa.sources as usize].id) {
                    pick(&mut coins, ca + k * na + i, b.values[cb + k * nb + j - sb.sources as usize]);
                }
            }
        }
    }
    let structure = match enabled {
        None => sa.clone(),
        Some(enabled)
            if enabled == sb.enabled && sa.innovations == sb.innovations && sa.nodes == sb.nodes =>
        {
            sb.clone()
        }
        Some(enabled) => Arc::new(sa.with_enabled(enabled)),
    };
    Graph::of(structure, values)
}

/// Graph genomes for the algorithms that only select.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GraphVariation {
    /// Mutation rates; `"auto"` is as published.
    pub mutation: MutationSettings,
    /// Crossover settings; `"auto"` is as published.
    pub crossover: CrossoverSettings,
    /// Compatibility coefficients; `"auto"` is as published.
    pub distance: DistanceSettings,
    /// How long structural changes keep their numbers.
    pub innovations: Memory,
}

impl GraphVariation {
    fn rates(&self) -> Mutation {
        self.mutation.resolve(Mutation::default())
    }

    fn mating(&self) -> Crossover {
        self.crossover.resolve(Crossover::default())
    }

    fn coefficients(&self) -> Distance {
        self.distance.resolve(Distance::default())
    }
}

impl Variation for GraphVariation {
    type Genome = Graph;
    type Ledger = Innovations;

    fn check(&self, genes: &GraphGenes) -> Result<(), Violations> {
        let mut v = Violations::new();
        let mut inner = Violations::new();
        self.rates().check(&mut inner);
        v.absorb("mutation", inner.into_result());
        v.absorb("crossover", self.mating().check());
        v.absorb("distance", self.coefficients().check());
        v.require(genes.outputs > 0, "outputs", genes.outputs, "at least one output");
        v.into_result()
    }

    fn sample(&self, genes: &GraphGenes, ledger: &mut Innovations, rng: &mut Stream) -> Graph {
        ledger.begin(genes);
        first(genes, rng)
    }

    fn mutate(
        &self,
        genes: &GraphGenes,
        genome: &mut Graph,
        strength: f64,
        ledger: &mut Innovations,
        rng: &mut Stream,
    ) {
        ledger.begin(genes);
        let rates = self.rates();
        let rates = Mutation { power: rates.power * strength, ..rates };
        let proposals = mutate(genes, &rates, true, genome, rng);
        *genome = apply(genome.clone(), &proposals, ledger);
    }

    fn cross(
        &self,
        _genes: &GraphGenes,
        a: &Graph,
        b: &Graph,
        _ledger: &mut Innovations,
        rng: &mut Stream,
    ) -> [Graph; 2] {
        let settings = self.mating();
        [cross(&settings, a, b, rng), cross(&settings, b, a, rng)]
    }

    fn distance(&self, a: &Graph, b: &Graph) -> f64 {
        distance(&self.coefficients(), a, b)
    }

    fn next_generation(&self, ledger: &mut Innovations) {
        if self.innovations == Memory::Generation {
            ledger.forget();
        }
    }
}

impl Crossover {
    /// What is out of range.
    pub fn check(&self) -> Result<(), Violations> {
        let mut v = Violations::new();
        v.probability("average", self.average);
        v.probability("keep_disabled", self.keep_disabled);
        v.into_result()
    }
}
