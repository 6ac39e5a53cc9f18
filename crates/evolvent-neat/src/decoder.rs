//! `[network.graph]`: graphs expressed directly.

use crate::{
    graph::{Aggregation, Bias, Dynamics, Graph, GraphGenes, Initial},
    network::GraphNetwork,
    seed::Seed,
};
use evolvent_core::{Auto, DecodeError, Decoder, Interface, Output, Violations};
use evolvent_nets::Activation;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// The connections of a first genome.
    pub initial: Initial,
    /// Activations that hidden nodes may have; the first is the one of new nodes unless activations are mutated.
    pub activations: Vec<Activation>,
    /// Activation of the outputs; `"auto"`: the first of `activations`.
    pub output_activation: Auto<Activation>,
    /// Aggregations that nodes may have; the first is that of new nodes unless aggregations are mutated.
    pub aggregations: Vec<Aggregation>,
    /// Steepness: nodes compute activation(response · (aggregate + bias)). Above 0. `"auto"`: 4.9 where all activations are sigmoids (Stanley &
    /// Miikkulainen 2002), else 1.
    pub response: Auto<f32>,
    /// Standard deviation of first weights, or half their range if `uniform`. Above 0.
    pub weight_scale: f32,
    /// Whether first weights are uniform in ±`weight_scale` instead of normal.
    pub uniform: bool,
    /// Weights and biases stay within ± this. Above 0.
    pub weight_limit: f32,
}

impl Default for GraphDecoder {
    fn default() -> Self {
        GraphDecoder {
            dynamics: Dynamics::FeedForward,
            dt: 0.1,
            bias: Bias::Node,
            initial: Initial::Full,
            activations: vec![Activation::Sigmoid],
            output_activation: Auto::Auto,
            aggregations: vec![Aggregation::Sum],
            response: Auto::Auto,
            weight_scale: 1.0,
            uniform: false,
            weight_limit: 30.0,
        }
    }
}

impl GraphDecoder {
    fn output(&self) -> Activation {
        self.output_activation.or(|| self.activations[0])
    }

    /// The steepness in force.
    pub fn steepness(&self) -> f32 {
        let sigmoids = self.activations.iter().all(|&a| a == Activation::Sigmoid);
        self.response.or(|| if sigmoids { 4.9 } else { 1.0 })
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
        v.require(!self.activations.is_empty(), "activations", "[]", "at least one activation");
        v.require(!self.aggregations.is_empty(), "aggregations", "[]", "at least one aggregation");
        if let Some(&response) = self.response.given() {
            v.positive("response", f64::from(response));
        }
        if let Initial::Partial(p) = self.initial {
            v.probability("initial.partial", p);
        }
        v.require(!interface.output.is_empty(), "outputs", 0, "a problem with at least one output");
        v.into_result()
    }

    fn genes(&self, interface: &Interface) -> GraphGenes {
        let outputs = match &interface.output {
            // One output decides between two classes or actions as two do, but two is what heads read.
            Output::Discrete(n) | Output::Classes(n) | Output::Values(n) => *n,
            Output::Continuous { low, .. } => low.len(),
        };
        GraphGenes {
            inputs: interface.inputs(),
            outputs,
            dynamics: self.dynamics,
            bias: self.bias,
            initial: self.initial,
            activations: self.activations.clone(),
            output_activations: vec![self.output()],
            aggregations: self.aggregations.clone(),
            weight_scale: self.weight_scale,
            uniform: self.uniform,
            weight_limit: self.weight_limit,
            seed: Seed::default(),
        }
    }

    fn blank(&self, interface: &Interface) -> GraphNetwork {
        GraphNetwork::blank(interface.inputs(), self.dynamics, self.steepness(), self.dt)
    }

    fn decode(&self, genome: &Graph, into: &mut GraphNetwork) -> Result<(), DecodeError> {
        into.express(genome);
        Ok(())
    }
}
