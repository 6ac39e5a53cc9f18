//! `[network.graph]`: graphs expressed directly.

use crate::{
    graph::{Aggregation, Bias, Dynamics, Graph, GraphGenes, Initial},
    network::{GraphNetwork, Rules},
    seed::Seed,
};
use evolvent_core::{Auto, DecodeError, Decoder, Interface, Violations};
use evolvent_nets::{Activation, NetworkConfig, Squash};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Graph genomes, each node a neuron and each connection a synapse.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GraphDecoder {
    /// How the network runs; decides whether cycles are allowed.
    pub dynamics: Dynamics,
    /// Step of continuous time, in the unit of the time constants. Above 0.
    pub dt: f32,
    /// Where constants come from.
    pub bias: Bias,
    /// What a bias node shows; with half of it, weights of the same range give half the bias. Not 0. Stanley & Miikkulainen's
    /// pole balancing has 0.5.
    pub bias_value: f32,
    /// The connections of a first genome.
    pub initial: Initial,
    /// Activations that hidden nodes may have; the first is the one of new nodes unless activations are mutated.
    pub activations: Vec<Activation>,
    /// Activation of the outputs. Linear unless told otherwise: heads choose the largest output or squash it, and values
    /// may be any. `"sigmoid"` for values in [0, 1], as published.
    pub output_activation: Activation,
    /// Aggregations that nodes may have; the first is that of new nodes unless aggregations are mutated.
    pub aggregations: Vec<Aggregation>,
    /// Steepness: nodes compute activation(response · (aggregate + bias)). Above 0. `"auto"`: 4.9 in sigmoids (Stanley &
    /// Miikkulainen 2002), 1 in all others.
    pub response: Auto<f32>,
    /// Whether every node has a factor on it, which evolves as time constants do (`mutation.log_power`). 1 at first.
    pub evolve_responses: bool,
    /// Standard deviation of first weights, or half their range if `uniform`. Above 0.
    pub weight_scale: f32,
    /// Whether first weights are uniform in ±`weight_scale` instead of normal.
    pub uniform: bool,
    /// Weights and biases stay within ± this. Above 0.
    pub weight_limit: f32,
    /// How continuous actions are brought into their intervals.
    pub squash: Squash,
}

impl Default for GraphDecoder {
    fn default() -> Self {
        GraphDecoder {
            dynamics: Dynamics::FeedForward,
            dt: 0.1,
            bias: Bias::Node,
            bias_value: 1.0,
            initial: Initial::Full,
            activations: vec![Activation::Sigmoid],
            output_activation: Activation::Linear,
            aggregations: vec![Aggregation::Sum],
            response: Auto::Auto,
            evolve_responses: false,
            weight_scale: 1.0,
            uniform: false,
            weight_limit: 30.0,
            squash: Squash::Tanh,
        }
    }
}

impl NetworkConfig for GraphDecoder {
    const NAME: &'static str = "graph";

    fn squash(&self) -> Squash {
        self.squash
    }
}

impl Decoder for GraphDecoder {
    type Genome = Graph;
    type Network = GraphNetwork;

    fn check(&self, interface: &Interface) -> Result<(), Violations> {
        let mut v = Violations::new();
        v.positive("dt", f64::from(self.dt));
        v.positive("weight_scale", f64::from(self.weight_scale));
        v.positive("weight_limit", f64::from(self.weight_limit));
        let constant = self.bias_value.is_finite() && self.bias_value != 0.0;
        v.require(constant, "bias_value", self.bias_value, "a number that is not 0");
        v.require(!self.activations.is_empty(), "activations", "[]", "at least one activation");
        v.require(!self.aggregations.is_empty(), "aggregations", "[]", "at least one aggregation");
        if let Some(&response) = self.response.given() {
            v.positive("response", f64::from(response));
        }
        if let Initial::Partial(p) = self.initial {
            v.probability("initial.partial", p);
        }
        let inputs = interface.inputs();
        v.require(inputs > 0, "inputs", inputs, "a problem that shows at least one number");
        v.require(!interface.output.is_empty(), "outputs", 0, "a problem with at least one output");
        v.into_result()
    }

    fn genes(&self, interface: &Interface) -> GraphGenes {
        GraphGenes {
            inputs: interface.inputs(),
            outputs: interface.output.len(),
            dynamics: self.dynamics,
            bias: self.bias,
            initial: self.initial,
            activations: self.activations.clone(),
            output_activations: vec![self.output_activation],
            aggregations: self.aggregations.clone(),
            weight_scale: self.weight_scale,
            uniform: self.uniform,
            weight_limit: self.weight_limit,
            responses: self.evolve_responses,
            seed: Seed::default(),
        }
    }

    fn blank(&self, interface: &Interface) -> GraphNetwork {
        GraphNetwork::blank(Arc::new(Rules {
            inputs: interface.inputs(),
            sources: interface.inputs() + usize::from(self.bias == Bias::Node),
            outputs: interface.output.len(),
            input_shape: interface.input.clone(),
            dynamics: self.dynamics,
            response: self.response.given().copied(),
            responses: self.evolve_responses,
            dt: self.dt,
            bias: self.bias_value,
        }))
    }

    fn decode(&self, genome: &Graph, into: &mut GraphNetwork) -> Result<(), DecodeError> {
        into.express(genome)
    }
}
