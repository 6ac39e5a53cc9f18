//! `[network.hyperneat]`: a CPPN paints the weights of a network whose neurons have places.
//!
//! K. O. Stanley, D. B. D'Ambrosio and J. Gauci, "A hypercube-based encoding for evolving large-scale neural networks",
//! Artificial Life 15(2), 2009; the link expression output is that of Verbancsics & Stanley 2011, the rules of plasticity
//! those of Risi & Stanley 2010.
//!
//! The CPPN is asked about every pair of neurons of joined layers: its inputs are the coordinates of both, its outputs, in
//! this order, are for each pair of layers (or once for all) weight, link expression and η, A, B, C, as far as they
//! are asked for, then the bias of each layer behind the inputs (or once for all). A bias is asked for with the source at
//! the origin.
//!
//! Since the genome counts no neurons, a champion can be asked for a finer network: `evolvent replay RUN --set …` with another
//! resolution of the problem where `nodes` are `"auto"`, or with other `layers`.
//!
//! Outputs that nothing leads to are no error: they answer activation(bias), and fitness decides.

use crate::{
    cppn::{Cppn, Query},
    expression::{AdaptiveRules, Expression, LinkExpression, RuleNumbers},
    graph::{Graph, GraphGenes},
    picture::{Panel, Plane},
    substrate::{Points, Substrate, SubstrateLayer},
    substrate_network::{Kinship, SubstrateNetwork},
};
use evolvent_core::{Auto, DecodeError, Decoder, Interface, Violations};
use evolvent_nets::{Activation, NetworkConfig, Squash};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Networks on a substrate, their weights painted by a CPPN.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HyperNeat {
    /// Layers of neurons, inputs first and outputs last, at least two.
    pub layers: Vec<SubstrateLayer>,
    /// Which layers are joined, as pairs of layer numbers `[from, to]`. `"auto"`: each to the next.
    pub connections: Auto<Vec<[usize; 2]>>,
    /// Whether connections may lead back or stay within a layer; then all neurons read the step before.
    pub recurrent: bool,
    /// Whether each pair of layers has outputs of its own in the CPPN, and each layer a bias; else one set serves all, and the
    /// coordinates must tell layers apart.
    pub outputs_per_layer: bool,
    /// The CPPN.
    pub cppn: Cppn,
    /// CPPN outputs at or below this in absolute value are no connection; in [0, 1). `"auto"`: 0.2, or 0 where a link
    /// expression output decides.
    pub weight_threshold: Auto<f32>,
    /// Weights lie in ± this. Above 0. Published: 3.
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

impl Default for HyperNeat {
    fn default() -> Self {
        HyperNeat {
            layers: vec![SubstrateLayer::default(), SubstrateLayer::default()],
            connections: Auto::Auto,
            recurrent: false,
            outputs_per_layer: true,
            cppn: Cppn::default(),
            weight_threshold: Auto::Auto,
            weight_range: 3.0,
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

impl HyperNeat {
    /// The substrate for a problem.
    ///
    /// # Errors
    /// Why there is none.
    pub fn substrate(&self, interface: &Interface) -> Result<Substrate, Violations> {
        let activations = (self.activation, self.output_activation);
        Substrate::new(&self.layers, &self.connections, self.recurrent, activations, interface)
    }

    fn expression(&self) -> Expression<'_> {
        Expression {
            weight_threshold: self.weight_threshold.or(|| if self.leo.is_some() { 0.0 } else { 0.2 }),
            weight_range: self.weight_range,
            bias_range: self.bias_range.or(|| self.weight_range),
            bias: self.bias,
            leo: self.leo.as_ref(),
            plasticity: self.plasticity.as_ref(),
        }
    }

    /// Groups of connections and of biases that have outputs of their own.
    fn groups(&self, substrate: &Substrate) -> (usize, usize) {
        if self.outputs_per_layer { (substrate.pairs.len(), substrate.layers.len() - 1) } else { (1, 1) }
    }

    /// What pictures of the pattern show.
    fn panels(&self, substrate: &Substrate) -> Vec<Panel> {
        let (expression, (groups, _)) = (self.expression(), self.groups(substrate));
        let plane = |layer: usize| Plane::of_layer(substrate, layer);
        let own = |place: usize| if self.outputs_per_layer { place } else { 0 };
        let mut panels = Vec::new();
        for (p, &[from, to]) in substrate.pairs.iter().enumerate() {
            panels.extend(Panel::of_connections(&expression, own(p), &plane(from), &plane(to)));
        }
        if self.bias {
            let output = |layer: usize| groups * expression.per_group() + own(layer - 1);
            panels.extend((1..substrate.layers.len()).map(|l| Panel::of_biases(output(l), &plane(l))));
        }
        panels
    }
}

impl NetworkConfig for HyperNeat {
    const NAME: &'static str = "hyperneat";

    fn squash(&self) -> Squash {
        self.squash
    }
}

impl Decoder for HyperNeat {
    type Genome = Graph;
    type Network = SubstrateNetwork;

    fn check(&self, interface: &Interface) -> Result<(), Violations> {
        let mut v = Violations::new();
        v.require(interface.inputs() > 0, "inputs", 0, "a problem that shows at least one number");
        v.require(!interface.output.is_empty(), "outputs", 0, "a problem with at least one output");
        v.into_result()?;
        let mut v = Violations::new();
        v.absorb("cppn", self.cppn.check());
        let substrate = self.substrate(interface);
        let dimensions = substrate.as_ref().ok().map(|s| s.dimensions);
        self.expression().check(&mut v, &self.cppn, dimensions);
        if let Err(inner) = substrate {
            v.0.extend(inner.0);
        }
        v.into_result()
    }

    /// # Panics
    /// If [`Decoder::check`] was not content.
    fn genes(&self, interface: &Interface) -> GraphGenes {
        let substrate = self.substrate(interface).expect("the substrate was checked");
        let (expression, (groups, biased)) = (self.expression(), self.groups(&substrate));
        let outputs = expression.outputs(groups, biased);
        let seed = expression.seed(&self.cppn, substrate.dimensions, groups, biased);
        self.cppn.genes(substrate.dimensions, outputs, seed)
    }

    /// # Panics
    /// If [`Decoder::check`] was not content.
    fn blank(&self, interface: &Interface) -> SubstrateNetwork {
        let substrate = Arc::new(self.substrate(interface).expect("the substrate was checked"));
        let (groups, biased) = self.groups(&substrate);
        let outputs = self.expression().outputs(groups, biased);
        let query = Query::new(&self.cppn, substrate.dimensions, outputs);
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
        let (expression, (groups, _)) = (self.expression(), self.groups(&substrate));
        let origin = vec![0.0; substrate.dimensions];
        let firsts: Vec<usize> = substrate
            .layers
            .iter()
            .scan(0, |next, layer| Some(std::mem::replace(next, *next + layer.len())))
            .collect();
        let mut pairs = substrate.pairs.iter().enumerate().peekable();
        for (to, layer) in substrate.layers.iter().enumerate().skip(1) {
            let mut blocks = Vec::new();
            while let Some((p, &[from, _])) = pairs.next_if(|(_, pair)| pair[1] == to) {
                let group = if groups == 1 { 0 } else { p };
                let (weights, rules) =
                    paint(&mut into.query, &expression, group, (&substrate.layers[from], layer));
                blocks.push((firsts[from], substrate.layers[from].len(), weights, rules));
            }
            let mut biases = vec![0.0; layer.len()];
            if self.bias {
                let group = if self.outputs_per_layer { to - 1 } else { 0 };
                into.query.ask(
                    layer.len(),
                    |k| (&origin, layer.at(k)),
                    |k, outputs| {
                        biases[k] = expression.bias(outputs, groups, group);
                    },
                );
            }
            into.push(substrate.activations[to], &biases, Vec::new(), blocks);
        }
        Ok(())
    }
}

/// The weights between two layers, `[sources][targets]`, and, if connections learn, their rules.
fn paint(
    query: &mut Query,
    expression: &Expression<'_>,
    group: usize,
    (from, to): (&Points, &Points),
) -> (Vec<f32>, Vec<RuleNumbers>) {
    let count = from.len() * to.len();
    let mut weights = vec![0.0; count];
    let mut rules = vec![[0.0; 4]; if expression.plasticity.is_some() { count } else { 0 }];
    query.ask(
        count,
        |k| (from.at(k / to.len()), to.at(k % to.len())),
        |k, outputs| {
            weights[k] = expression.weight(outputs, group);
            if let Some(rule) = rules.get_mut(k) {
                *rule = expression.rule(outputs, group);
            }
        },
    );
    (weights, rules)
}

#[cfg(test)]
pub(crate) mod tests;
