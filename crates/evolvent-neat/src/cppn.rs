//! Compositional pattern producing networks: graphs that are asked about coordinates.
//!
//! K. O. Stanley, "Compositional pattern producing networks: a novel abstraction of development", Genetic Programming and
//! Evolvable Machines 8(2), 2007. The same pattern can be asked for at any resolution, since nothing in the genome counts
//! neurons.
//!
//! Coordinates are asked about in batches: a batch is one pass over the graph with a row of numbers per node, so that each
//! activation is computed with SIMD.

use crate::{
    graph::{Aggregation, Bias, Dynamics, Graph, GraphGenes, Initial},
    network::{GraphNetwork, Rules},
    seed::Seed,
};
use evolvent_core::{DecodeError, Network, Violations};
use evolvent_nets::Activation;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What a CPPN is shown of a connection, one number per dimension unless said otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CppnInput {
    /// Coordinates of the neuron that the connection leaves.
    Source,
    /// Coordinates of the neuron that it enters.
    Target,
    /// Source minus target.
    Delta,
    /// The Euclidean distance of both; one number.
    Distance,
}

/// Evolved patterns: the table `cppn` of `[network.hyperneat]` and `[network.es_hyperneat]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Cppn {
    /// What the CPPN is shown, beside a bias of 1; no entry twice.
    pub inputs: Vec<CppnInput>,
    /// Activations that hidden nodes may have. New nodes draw theirs from this list where the algorithm mutates activations
    /// (`[algorithm.neat.mutation] activation` above 0), else they have the first.
    pub activations: Vec<Activation>,
    /// Activation of the outputs. Weights are read from [−1, 1]; what lies beyond counts as the nearest end.
    pub output_activation: Activation,
    /// The connections of a first genome.
    pub initial: Initial,
    /// Standard deviation of first weights, or half their range if `uniform`. Above 0.
    pub weight_scale: f32,
    /// Whether first weights are uniform in ±`weight_scale` instead of normal.
    pub uniform: bool,
    /// Weights stay within ± this. Above 0.
    pub weight_limit: f32,
}

impl Default for Cppn {
    fn default() -> Self {
        Cppn {
            inputs: vec![CppnInput::Source, CppnInput::Target],
            activations: vec![
                Activation::Gauss,
                Activation::Tanh,
                Activation::Sin,
                Activation::Abs,
                Activation::Linear,
            ],
            output_activation: Activation::Tanh,
            initial: Initial::Full,
            weight_scale: 1.0,
            uniform: false,
            weight_limit: 8.0,
        }
    }
}

impl Cppn {
    /// Adds what is out of range, with paths relative to the table.
    pub(crate) fn check(&self) -> Result<(), Violations> {
        let mut v = Violations::new();
        v.require(!self.inputs.is_empty(), "inputs", "[]", "at least one kind of input");
        for (i, input) in self.inputs.iter().enumerate() {
            let first = !self.inputs[..i].contains(input);
            v.require(first, &format!("inputs.{i}"), format!("{input:?} again"), "each kind at most once");
        }
        v.require(!self.activations.is_empty(), "activations", "[]", "at least one activation");
        v.positive("weight_scale", f64::from(self.weight_scale));
        v.positive("weight_limit", f64::from(self.weight_limit));
        if let Initial::Partial(p) = self.initial {
            v.probability("initial.partial", p);
        }
        v.into_result()
    }

    /// How many numbers the CPPN is shown of a connection in so many dimensions.
    pub fn input_len(&self, dimensions: usize) -> usize {
        let width = |input: &CppnInput| if *input == CppnInput::Distance { 1 } else { dimensions };
        self.inputs.iter().map(width).sum()
    }

    /// Place of the first number of an input among all; `None` if the CPPN is not shown it.
    pub(crate) fn place(&self, wanted: CppnInput, dimensions: usize) -> Option<usize> {
        let at = self.inputs.iter().position(|&input| input == wanted)?;
        Some(Cppn { inputs: self.inputs[..at].to_vec(), ..self.clone() }.input_len(dimensions))
    }

    /// The genes of a CPPN with so many outputs over so many dimensions.
    pub(crate) fn genes(&self, dimensions: usize, outputs: usize, seed: Seed) -> GraphGenes {
        GraphGenes {
            inputs: self.input_len(dimensions),
            outputs,
            dynamics: Dynamics::FeedForward,
            bias: Bias::Node,
            initial: self.initial,
            activations: self.activations.clone(),
            output_activations: vec![self.output_activation],
            aggregations: vec![Aggregation::Sum],
            weight_scale: self.weight_scale,
            uniform: self.uniform,
            weight_limit: self.weight_limit,
            responses: false,
            seed,
        }
    }
}

/// Connections that are asked about in one pass over a CPPN.
const LANES: usize = 128;

/// A CPPN ready to be asked, with its memory.
#[derive(Clone, Debug)]
pub struct Query {
    network: GraphNetwork,
    shown: Vec<CppnInput>,
    dimensions: usize,
    outputs: usize,
    input: Vec<f32>,
    output: Vec<f32>,
    scratch: Vec<f32>,
}

impl Query {
    /// For CPPNs with these settings over so many dimensions, with so many outputs.
    pub fn new(cppn: &Cppn, dimensions: usize, outputs: usize) -> Query {
        let inputs = cppn.input_len(dimensions);
        let rules = Rules {
            inputs,
            sources: inputs + 1, // the bias
            outputs,
            input_shape: vec![inputs],
            dynamics: Dynamics::FeedForward,
            response: Some(1.0),
            responses: false,
            dt: 1.0,
            bias: 1.0,
        };
        Query {
            network: GraphNetwork::blank(Arc::new(rules)),
            shown: cppn.inputs.clone(),
            dimensions,
            outputs,
            input: vec![0.0; inputs * LANES],
            output: vec![0.0; outputs * LANES],
            scratch: Vec::new(),
        }
    }

    /// Takes a genome.
    ///
    /// # Errors
    /// What is wrong with it: other numbers of inputs or outputs than asked for.
    pub fn express(&mut self, genome: &Graph) -> Result<(), DecodeError> {
        self.network.express(genome)?;
        self.scratch.resize(self.network.scratch_len(LANES), 0.0);
        Ok(())
    }

    /// Asks about `count` connections: `ends(k)` are the coordinates of source and target of connection `k`, `take(k,
    /// outputs)` gets its outputs, in order. What is not a finite number counts as 0.
    pub fn ask<'a>(
        &mut self,
        count: usize,
        ends: impl Fn(usize) -> (&'a [f32], &'a [f32]),
        mut take: impl FnMut(usize, &[f32]),
    ) {
        let mut one = vec![0.0; self.outputs];
        for first in (0..count).step_by(LANES) {
            let lanes = LANES.min(count - first);
            for lane in 0..lanes {
                let (source, target) = ends(first + lane);
                self.show(lanes, lane, source, target);
            }
            let inputs = self.input.len() / LANES;
            self.network.forward(
                lanes,
                &self.input[..inputs * lanes],
                &mut [],
                &mut self.output[..self.outputs * lanes],
                &mut self.scratch,
            );
            for lane in 0..lanes {
                for (o, value) in one.iter_mut().enumerate() {
                    let y = self.output[o * lanes + lane];
                    *value = if y.is_finite() { y } else { 0.0 };
                }
                take(first + lane, &one);
            }
        }
    }

    /// Writes the inputs of one lane.
    /// Short names of the inputs, in the order in which [`Query::show`] shows them.
    pub(crate) fn names(&self) -> Vec<String> {
        let each = |letter: &'static str| (1..=self.dimensions).map(move |axis| format!("{letter}{axis}"));
        let names = self.shown.iter().map(|shown| match shown {
            CppnInput::Source => each("s").collect(),
            CppnInput::Target => each("t").collect(),
            CppnInput::Delta => each("d").collect(),
            CppnInput::Distance => vec!["dist".to_owned()],
        });
        names.collect::<Vec<Vec<String>>>().concat()
    }

    fn show(&mut self, lanes: usize, lane: usize, source: &[f32], target: &[f32]) {
        let mut row = lane;
        let mut put = |x: f32| {
            self.input[row] = x;
            row += lanes;
        };
        for shown in &self.shown {
            match shown {
                CppnInput::Source => source[..self.dimensions].iter().for_each(|&x| put(x)),
                CppnInput::Target => target[..self.dimensions].iter().for_each(|&x| put(x)),
                CppnInput::Delta => source.iter().zip(target).for_each(|(&s, &t)| put(s - t)),
                CppnInput::Distance => {
                    let square: f32 = source.iter().zip(target).map(|(s, t)| (s - t) * (s - t)).sum();
                    put(square.sqrt());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::variation::first;
    use evolvent_core::{Purpose, RunKey, stream};

    fn seeded(cppn: &Cppn, connections: Vec<(u32, u32, f32)>, hidden: Vec<Activation>) -> Graph {
        let genes = cppn.genes(2, 1, Seed { hidden, connections });
        first(&genes, &mut stream(RunKey::from_seed(1), 0, 0, 0, Purpose::Init))
    }

    #[test]
    fn patterns_by_hand() {
        let cppn = Cppn {
            inputs: vec![CppnInput::Target, CppnInput::Delta, CppnInput::Distance],
            initial: Initial::Unconnected,
            output_activation: Activation::Linear,
            ..Cppn::default()
        };
        assert_eq!((cppn.input_len(2), cppn.place(CppnInput::Delta, 2)), (5, Some(2)));
        assert_eq!(cppn.place(CppnInput::Source, 2), None);
        // Sources: x₂ y₂ dx dy d 1; output 6; hidden 7 (sin) and 8 (step).
        let graph = seeded(
            &cppn,
            vec![(0, 7, 2.0), (7, 6, 1.0), (3, 8, 1.0), (8, 6, 10.0), (4, 6, 100.0), (5, 6, 1000.0)],
            vec![Activation::Sin, Activation::Step],
        );
        let mut query = Query::new(&cppn, 2, 1);
        query.express(&graph).unwrap();
        let (s, t) = ([3.0, 5.0], [0.0, 1.0]);
        let mut all = Vec::new();
        query.ask(300, |k| if k % 2 == 0 { (&s, &t) } else { (&t, &s) }, |k, y| all.push((k, y[0])));
        assert_eq!(all.len(), 300);
        let sin = |x: f64| libm::sin(x) as f32;
        for (k, y) in all {
            // There: dy = 4, step 1, d = 5. Back: dy = −4, step 0, x₂ = 3.
            let expected = if k % 2 == 0 { 1000.0 + 500.0 + 10.0 + sin(0.0) } else { 1500.0 + sin(6.0) };
            assert!((y - expected).abs() < 1e-3, "{k}: {y} against {expected}");
        }
        assert!(Query::new(&cppn, 2, 2).express(&graph).unwrap_err().0.contains("2 are needed"));
    }

    #[test]
    fn mistakes_are_listed_together() {
        let cppn = Cppn {
            inputs: vec![CppnInput::Source, CppnInput::Source],
            activations: vec![],
            weight_limit: 0.0,
            initial: Initial::Partial(2.0),
            ..Cppn::default()
        };
        let paths: Vec<String> = cppn.check().unwrap_err().0.into_iter().map(|v| v.path).collect();
        assert_eq!(paths, ["inputs.1", "activations", "weight_limit", "initial.partial"]);
        assert_eq!(Cppn::default().check(), Ok(()));
    }
}
