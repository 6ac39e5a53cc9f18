//! `[network.es_hyperneat]`: the CPPN's pattern itself says where hidden neurons are.
//!
//! S. Risi and K. O. Stanley, "An enhanced hypercube-based encoding for evolving the placement, density, and connectivity of
//! neurons", Artificial Life 18(4), 2012. From every input a tree is grown over the connections that might leave it
//! ([`quadtree`](crate::quadtree)); where the pattern holds information, a connection is made and the place at its end becomes
//! a hidden neuron. Hidden neurons are explored likewise, `iterations` times; then trees over the connections that might enter
//! each output choose among the hidden neurons that are there. Neurons without a way from an input or to an output are
//! removed.
//!
//! *Differs from the paper:* feed-forward networks take a connection between hidden neurons only if it leads to one that was
//! found in a later iteration, so that they are acyclic; with `recurrent` all are taken, as published.
//!
//! Outputs that nothing leads to are no error: they answer activation(bias), and fitness decides.

use crate::{
    cppn::{Cppn, Query},
    expression::{AdaptiveRules, Expression, LinkExpression, RuleNumbers},
    graph::{Graph, GraphGenes},
    picture::{Panel, Plane},
    quadtree::{Answer, Centre, Division, MOST_AXES, Tree},
    substrate::{Substrate, SubstrateLayer},
    substrate_network::{Kinship, SubstrateNetwork},
};
use evolvent_core::{Auto, DecodeError, Decoder, Interface, Violations};
use evolvent_nets::{Activation, NetworkConfig, Squash};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc};

/// Networks whose hidden neurons stand where a CPPN's pattern holds information.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EsHyperNeat {
    /// Where the inputs are.
    pub inputs: SubstrateLayer,
    /// Where the outputs are.
    pub outputs: SubstrateLayer,
    /// Axes along which hidden neurons may be, at most six; `"auto"`: all axes of inputs and outputs.
    pub axes: Auto<Vec<usize>>,
    /// Coordinates of hidden neurons on the other axes, one for each axis of the substrate; missing ones are 0.
    pub section: Vec<f32>,
    /// Division and pruning.
    pub division: Division,
    /// How often newly found hidden neurons are explored for further ones.
    pub iterations: u32,
    /// Whether connections may lead back; then all neurons read the step before.
    pub recurrent: bool,
    /// Most hidden neurons; a genome that asks for more has no phenotype. At least 1.
    pub most_neurons: usize,
    /// Most connections; a genome that asks for more has no phenotype. At least 1.
    pub most_connections: usize,
    /// The CPPN.
    pub cppn: Cppn,
    /// CPPN outputs at or below this in absolute value are no connection; in [0, 1).
    pub weight_threshold: f32,
    /// Weights lie in ± this. Above 0.
    pub weight_range: f32,
    /// Whether neurons have biases, by a further output of the CPPN.
    pub bias: bool,
    /// Biases lie in ± this; at least 0. `"auto"`: `weight_range`.
    pub bias_range: Auto<f32>,
    /// A second output that decides which connections exist; `leo = {}` for its defaults.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leo: Option<LinkExpression>,
    /// Connections that learn while the network runs; `plasticity = {}` for its defaults.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plasticity: Option<AdaptiveRules>,
    /// Activation of hidden neurons.
    pub activation: Activation,
    /// Activation of the raw outputs, in front of the head.
    pub output_activation: Activation,
    /// How raw outputs become continuous actions.
    pub squash: Squash,
}

impl Default for EsHyperNeat {
    fn default() -> Self {
        EsHyperNeat {
            inputs: SubstrateLayer::sheet(&[-1.0]),
            outputs: SubstrateLayer::sheet(&[1.0]),
            axes: Auto::Auto,
            section: Vec::new(),
            division: Division::default(),
            iterations: 1,
            recurrent: false,
            most_neurons: 10_000,
            most_connections: 1_000_000,
            cppn: Cppn::default(),
            weight_threshold: 0.0,
            weight_range: 5.0,
            bias: true,
            bias_range: Auto::Auto,
            leo: None,
            plasticity: None,
            activation: Activation::Tanh,
            output_activation: Activation::Linear,
            squash: Squash::Tanh,
        }
    }
}

impl EsHyperNeat {
    /// Inputs and outputs in one space.
    fn ends(&self, interface: &Interface) -> Result<Substrate, Violations> {
        let layers = [self.inputs.clone(), self.outputs.clone()];
        let activations = (self.activation, self.output_activation);
        let substrate = Substrate::new(&layers, &Auto::Auto, false, activations, interface);
        substrate.map_err(|mut v| {
            // The table has no list of layers.
            for violation in &mut v.0 {
                for (from, to) in [("layers.0", "inputs"), ("layers.1", "outputs")] {
                    if let Some(rest) = violation.path.strip_prefix(from) {
                        violation.path = format!("{to}{rest}");
                    }
                }
            }
            v
        })
    }

    fn axes(&self, dimensions: usize) -> Vec<usize> {
        self.axes.given().cloned().unwrap_or_else(|| (0..dimensions).collect())
    }

    /// What pictures of the pattern show: connections into the plane of hidden neurons and out of it.
    fn panels(&self, substrate: &Substrate) -> Vec<Panel> {
        let expression = self.expression();
        let (inputs, outputs) = (Plane::of_layer(substrate, 0), Plane::of_layer(substrate, 1));
        let mut middle = self.section.clone();
        middle.resize(substrate.dimensions, 0.0);
        let axes = self.axes(substrate.dimensions);
        axes.iter().for_each(|&axis| middle[axis] = 0.0);
        let hidden = Plane { name: "hidden".into(), points: None, axes, middle };
        let mut panels = Panel::of_connections(&expression, 0, &inputs, &hidden);
        panels.extend(Panel::of_connections(&expression, 0, &hidden, &outputs));
        if self.bias {
            panels.push(Panel::of_biases(expression.per_group(), &hidden));
        }
        panels
    }

    fn expression(&self) -> Expression<'_> {
        Expression {
            weight_threshold: self.weight_threshold,
            weight_range: self.weight_range,
            bias_range: self.bias_range.or(|| self.weight_range),
            bias: self.bias,
            leo: self.leo.as_ref(),
            plasticity: self.plasticity.as_ref(),
        }
    }
}

impl NetworkConfig for EsHyperNeat {
    const NAME: &'static str = "es_hyperneat";

    fn squash(&self) -> Squash {
        self.squash
    }
}

/// A hidden neuron's cell: its centre in units of the finest cell that any tree has.
type Place = [i32; MOST_AXES];

/// Centres are multiples of 2⁻¹⁶ and lie within (−1, 1), so this is exact.
fn place(centre: &Centre) -> Place {
    centre.map(|x| (x * 65536.0) as i32)
}

/// A hidden neuron while the network is put together.
#[derive(Clone, Debug)]
struct Hidden {
    point: Vec<f32>,
    /// Iteration in which it was found; inputs find those of iteration 0.
    found: u32,
}

/// An end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    Input(u32),
    Hidden(u32),
    Output(u32),
}

/// Where neurons were found and what joins them.
struct Growth<'a> {
    settings: &'a EsHyperNeat,
    expression: Expression<'a>,
    substrate: &'a Substrate,
    axes: Vec<usize>,
    section: Vec<f32>,
    places: BTreeMap<Place, u32>,
    hidden: Vec<Hidden>,
    edges: Vec<(End, End)>,
    tree: Tree,
    points: Vec<f32>,
}

impl<'a> Growth<'a> {
    fn new(settings: &'a EsHyperNeat, substrate: &'a Substrate) -> Self {
        let dimensions = substrate.dimensions;
        let mut section = settings.section.clone();
        section.resize(dimensions, 0.0);
        Growth {
            settings,
            expression: settings.expression(),
            substrate,
            axes: settings.axes(dimensions),
            section,
            places: BTreeMap::new(),
            hidden: Vec::new(),
            edges: Vec::new(),
            tree: Tree::default(),
            points: Vec::new(),
        }
    }

    fn point(&self, end: End) -> &[f32] {
        match end {
            End::Input(i) => self.substrate.layers[0].at(i as usize),
            End::Hidden(h) => &self.hidden[h as usize].point,
            End::Output(o) => self.substrate.layers[1].at(o as usize),
        }
    }

    /// The cells that are expressed among the connections that leave (or enter) a point.
    fn explore(&mut self, query: &mut Query, end: End, leaving: bool) -> Vec<(Centre, f32)> {
        let own = self.point(end).to_vec();
        let (axes, section, expression) = (&self.axes, &self.section, &self.expression);
        let (dimensions, points) = (self.substrate.dimensions, &mut self.points);
        self.tree.express(&self.settings.division, axes.len(), |centres, answers| {
            points.clear();
            for centre in centres {
                let first = points.len();
                points.extend_from_slice(section);
                axes.iter().zip(centre).for_each(|(&axis, &x)| points[first + axis] = x);
            }
            let there = |k: usize| &points[k * dimensions..(k + 1) * dimensions];
            let ends = |k| if leaving { (&own[..], there(k)) } else { (there(k), &own[..]) };
            query.ask(centres.len(), ends, |_, outputs| {
                let (weight, linked) = (expression.raw(outputs, 0), expression.linked(outputs, 0));
                answers.push(Answer { weight, linked });
            });
        })
    }

    /// Joins `from` to the neurons that its tree expresses, finding new ones.
    fn reach_out(&mut self, query: &mut Query, from: End, iteration: u32) -> Result<(), DecodeError> {
        for (centre, _) in self.explore(query, from, true) {
            let next = self.hidden.len() as u32;
            let h = *self.places.entry(place(&centre)).or_insert(next);
            if h == next {
                let mut point = self.section.clone();
                self.axes.iter().zip(centre).for_each(|(&axis, x)| point[axis] = x);
                self.hidden.push(Hidden { point, found: iteration });
            }
            if self.settings.recurrent || self.hidden[h as usize].found == iteration {
                self.edges.push((from, End::Hidden(h)));
            }
        }
        let (neurons, connections) = (self.hidden.len(), self.edges.len());
        let (most, most_connections) = (self.settings.most_neurons, self.settings.most_connections);
        if neurons > most || connections > most_connections {
            return Err(DecodeError(format!(
                "the pattern asks for {neurons} hidden neurons and {connections} connections or more; most_neurons is {most}, \
                 most_connections is {most_connections}"
            )));
        }
        Ok(())
    }

    fn grow(&mut self, query: &mut Query) -> Result<(), DecodeError> {
        for i in 0..self.substrate.layers[0].len() as u32 {
            self.reach_out(query, End::Input(i), 0)?;
        }
        let mut explored = 0;
        for iteration in 1..=self.settings.iterations {
            let found = self.hidden.len();
            for h in explored..found {
                self.reach_out(query, End::Hidden(h as u32), iteration)?;
            }
            explored = found;
        }
        for o in 0..self.substrate.layers[1].len() as u32 {
            for (centre, _) in self.explore(query, End::Output(o), false) {
                if let Some(&h) = self.places.get(&place(&centre)) {
                    self.edges.push((End::Hidden(h), End::Output(o)));
                }
            }
        }
        Ok(())
    }

    /// Weights and rules of all connections; those with weight 0 are dropped.
    fn weigh(&mut self, query: &mut Query) -> Vec<(End, End, f32, RuleNumbers)> {
        let mut weighed = Vec::with_capacity(self.edges.len());
        let ends = |k: usize| (self.point(self.edges[k].0), self.point(self.edges[k].1));
        query.ask(self.edges.len(), ends, |k, outputs| {
            let (from, to) = self.edges[k];
            let weight = self.expression.weight(outputs, 0);
            if weight != 0.0 {
                weighed.push((from, to, weight, self.expression.rule(outputs, 0)));
            }
        });
        weighed
    }

    /// Which hidden neurons have a way from an input and one to an output.
    fn connected(&self, edges: &[(End, End, f32, RuleNumbers)]) -> Vec<bool> {
        let spread = |forward: bool| {
            let mut live = vec![false; self.hidden.len()];
            let mut leaving = vec![Vec::new(); self.hidden.len()];
            let mut stack = Vec::new();
            for &(from, to, _, _) in edges {
                let (near, far) = if forward { (from, to) } else { (to, from) };
                match (near, far) {
                    (End::Hidden(a), End::Hidden(b)) => leaving[a as usize].push(b),
                    (_, End::Hidden(b)) => stack.push(b),
                    _ => {}
                }
            }
            while let Some(h) = stack.pop() {
                if !std::mem::replace(&mut live[h as usize], true) {
                    stack.extend(&leaving[h as usize]);
                }
            }
            live
        };
        let (reached, reaching) = (spread(true), spread(false));
        reached.into_iter().zip(reaching).map(|(a, b)| a && b).collect()
    }
}

impl Decoder for EsHyperNeat {
    type Genome = Graph;
    type Network = SubstrateNetwork;

    fn check(&self, interface: &Interface) -> Result<(), Violations> {
        let mut v = Violations::new();
        v.require(interface.inputs() > 0, "inputs", 0, "a problem that shows at least one number");
        v.require(!interface.output.is_empty(), "outputs", 0, "a problem with at least one output");
        v.into_result()?;
        let mut v = Violations::new();
        v.absorb("cppn", self.cppn.check());
        v.at_least("most_neurons", self.most_neurons, 1);
        v.at_least("most_connections", self.most_connections, 1);
        let substrate = self.ends(interface);
        let dimensions = substrate.as_ref().ok().map(|s| s.dimensions);
        self.expression().check(&mut v, &self.cppn, dimensions);
        if let Some(dimensions) = dimensions {
            let axes = self.axes(dimensions);
            let distinct = axes.iter().enumerate().all(|(i, a)| !axes[..i].contains(a));
            let ok =
                (1..=MOST_AXES).contains(&axes.len()) && distinct && axes.iter().all(|&a| a < dimensions);
            let expected = format!("one to {MOST_AXES} different axes in 0 to {}", dimensions - 1);
            v.require(ok, "axes", format!("{axes:?}"), &expected);
            let section = &self.section;
            let ok = section.len() <= dimensions && section.iter().all(|x| x.is_finite());
            let expected = format!("at most {dimensions} finite coordinates");
            v.require(ok, "section", format!("{section:?}"), &expected);
            let mut division = Violations::new();
            self.division.check(&mut division, axes.len());
            v.absorb("division", division.into_result());
        }
        if let Err(inner) = substrate {
            v.0.extend(inner.0);
        }
        v.into_result()
    }

    /// # Panics
    /// If [`Decoder::check`] was not content.
    fn genes(&self, interface: &Interface) -> GraphGenes {
        let dimensions = self.ends(interface).expect("the substrate was checked").dimensions;
        let expression = self.expression();
        let seed = expression.seed(&self.cppn, dimensions, 1, 1);
        self.cppn.genes(dimensions, expression.outputs(1, 1), seed)
    }

    /// # Panics
    /// If [`Decoder::check`] was not content.
    fn blank(&self, interface: &Interface) -> SubstrateNetwork {
        let substrate = Arc::new(self.ends(interface).expect("the substrate was checked"));
        let query = Query::new(&self.cppn, substrate.dimensions, self.expression().outputs(1, 1));
        let plastic = self.plasticity.is_some();
        let weight_range = self.weight_range;
        let kinship =
            Kinship { recurrent: self.recurrent, plastic, weight_range, panels: self.panels(&substrate) };
        SubstrateNetwork::blank(substrate, query, interface, kinship)
    }

    fn decode(&self, genome: &Graph, into: &mut SubstrateNetwork) -> Result<(), DecodeError> {
        into.query.express(genome)?;
        into.clear();
        let substrate = into.substrate.clone();
        let mut growth = Growth::new(self, &substrate);
        growth.grow(&mut into.query)?;
        let edges = growth.weigh(&mut into.query);
        let live = growth.connected(&edges);
        let inputs = substrate.layers[0].len();
        // Hidden neurons in the order of their iterations, so that one stage holds those of one iteration.
        let mut order: Vec<usize> = (0..live.len()).filter(|&h| live[h]).collect();
        order.sort_by_key(|&h| growth.hidden[h].found);
        let mut number = vec![u32::MAX; live.len()];
        order.iter().zip(inputs as u32..).for_each(|(&h, n)| number[h] = n);
        let first_output = (inputs + order.len()) as u32;
        let value = |end: End| match end {
            End::Input(i) => i,
            End::Hidden(h) => number[h as usize],
            End::Output(o) => first_output + o,
        };
        let outputs = substrate.layers[1].len();
        let mut incoming = vec![Vec::new(); order.len() + outputs];
        for &(from, to, weight, rule) in &edges {
            let (from, to) = (value(from), value(to));
            if from != u32::MAX && to != u32::MAX {
                incoming[to as usize - inputs].push((from, weight, rule));
            }
        }
        incoming.iter_mut().for_each(|list| list.sort_by_key(|edge| edge.0));
        let mut biases = vec![0.0; incoming.len()];
        if self.bias {
            let origin = vec![0.0; substrate.dimensions];
            let hidden = order.iter().map(|&h| End::Hidden(h as u32));
            let ends: Vec<End> = hidden.chain((0..outputs as u32).map(End::Output)).collect();
            into.query.ask(
                ends.len(),
                |k| (&origin, growth.point(ends[k])),
                |k, all| {
                    biases[k] = growth.expression.bias(all, 1, 0);
                },
            );
        }
        let mut incoming = incoming.into_iter();
        let mut first = 0;
        while first < order.len() {
            let found = |k: usize| growth.hidden[order[k]].found;
            let count = (first..order.len()).take_while(|&k| found(k) == found(first)).count();
            let own = incoming.by_ref().take(count).collect();
            into.push(self.activation, &biases[first..first + count], own, Vec::new());
            first += count;
        }
        let activation = substrate.activations[1];
        into.push(activation, &biases[first..], incoming.collect(), Vec::new());
        into.placed(order.iter().map(|&h| growth.hidden[h].point.clone()).collect());
        Ok(())
    }
}

#[cfg(test)]
mod tests;
