//! Evolved graphs of every kind for the tests of exports.

use evolvent_core::{Auto, Decoder, Interface, Output, Purpose, RunKey, Variation, stream};
use evolvent_neat::{
    Aggregation, Bias, Dynamics, Graph, GraphDecoder, GraphNetwork, GraphVariation, Initial,
    innovation::Innovations, variation::MutationSettings,
};
use evolvent_nets::Activation;

/// A network with its decoder, the problem's interface and its genome.
pub(crate) struct Grown {
    pub(crate) name: String,
    pub(crate) decoder: GraphDecoder,
    pub(crate) interface: Interface,
    #[allow(dead_code)] // not every test that has this module draws
    pub(crate) graph: Graph,
    pub(crate) network: GraphNetwork,
}

/// Networks of all dynamics with all aggregations and all activations that do not jump: a jump tells two roundings of one
/// sum apart.
pub(crate) fn networks() -> Vec<Grown> {
    let mutation = MutationSettings {
        add_node: Auto::Value(0.5),
        add_connection: Auto::Value(0.7),
        delete_connection: Auto::Value(0.1),
        exclusive: Auto::Value(false),
        toggle: Auto::Value(0.2),
        activation: Auto::Value(0.5),
        aggregation: Auto::Value(0.3),
        power: Auto::Value(0.5),
        redraw: Auto::Value(1.0),
        ..MutationSettings::default()
    };
    let variation = GraphVariation { mutation, ..GraphVariation::default() };
    let steering = Output::Continuous { low: vec![-2.0, 0.0], high: vec![2.0, 5.0] };
    let mut all = Vec::new();
    for (k, dynamics) in
        [Dynamics::FeedForward, Dynamics::Recurrent, Dynamics::ContinuousTime].into_iter().enumerate()
    {
        for (b, bias) in [Bias::Node, Bias::Gene].into_iter().enumerate() {
            let decoder = GraphDecoder {
                dynamics,
                bias,
                initial: Initial::Partial(0.6),
                activations: Activation::ALL
                    .into_iter()
                    .filter(|a| !matches!(a, Activation::Step | Activation::Sign))
                    .collect(),
                aggregations: vec![
                    Aggregation::Sum,
                    Aggregation::Product,
                    Aggregation::Min,
                    Aggregation::Max,
                    Aggregation::Mean,
                    Aggregation::MaxAbs,
                ],
                weight_limit: 1.5,
                evolve_responses: b == 1,
                ..GraphDecoder::default()
            };
            let output = [Output::Discrete(3), steering.clone()][b].clone();
            let interface = Interface { input: vec![4], output };
            decoder.check(&interface).unwrap();
            let genes = decoder.genes(&interface);
            let mut ledger = Innovations::default();
            let mut rng = stream(RunKey::from_seed((2 * k + b) as u64), 0, 0, 0, Purpose::Problem);
            let mut graph = variation.sample(&genes, &mut ledger, &mut rng);
            for _ in 0..25 {
                variation.mutate(&genes, &mut graph, 1.0, &mut ledger, &mut rng);
            }
            let mut network = decoder.blank(&interface);
            decoder.decode(&graph, &mut network).unwrap();
            assert!(network.nodes() > 4, "{} nodes", network.nodes());
            let name = format!("graph_{k}_{b}");
            all.push(Grown { name, decoder, interface, graph, network });
        }
    }
    all
}
