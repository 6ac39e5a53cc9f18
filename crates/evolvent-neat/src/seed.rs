//! Structure that every first genome carries: a bias towards a kind of solution (Verbancsics & Stanley 2011 seed CPPNs with
//! a preference for local connections).

use crate::graph::{GraphGenes, Node, Structure};
use evolvent_nets::Activation;
use serde::{Deserialize, Serialize};

/// Hidden nodes and connections that are grafted onto every first genome, with these weights.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Seed {
    /// Activations of the hidden nodes; node `k` has the id [`GraphGenes::fixed_nodes`] + `k`.
    pub hidden: Vec<Activation>,
    /// Ids of the nodes that each connection leaves and enters, and its weight. In acyclic graphs they close no cycle.
    pub connections: Vec<(u32, u32, f32)>,
}

impl Seed {
    /// Node and connection numbers that the seed takes beyond those of the fully connected genome.
    pub(crate) fn numbers(&self) -> (u32, u32) {
        (self.hidden.len() as u32, self.connections.len() as u32)
    }

    /// Adds the seed to a first genome, whose `weights` are those of its connections alone. A connection that the genome
    /// has already takes the seed's weight; one from a source to an output has the number that it has in the fully
    /// connected genome.
    pub(crate) fn graft(&self, genes: &GraphGenes, structure: &mut Structure, weights: &mut Vec<f32>) {
        let (sources, fixed) = (genes.sources() as u32, genes.fixed_nodes() as u32);
        structure.nodes.extend(self.hidden.iter().zip(fixed..).map(|(&activation, id)| Node {
            id,
            activation,
            aggregation: genes.aggregations[0],
        }));
        let beyond = (genes.sources() * genes.outputs) as u32;
        for (k, &(from, to, weight)) in self.connections.iter().enumerate() {
            let direct = from < sources && (sources..fixed).contains(&to);
            let number = if direct { (to - sources) * sources + from } else { beyond + k as u32 };
            match structure.innovations.binary_search(&number) {
                Ok(at) => weights[at] = weight,
                Err(at) => {
                    structure.innovations.insert(at, number);
                    structure.from.insert(at, from);
                    structure.to.insert(at, to);
                    structure.enabled.insert(at, true);
                    weights.insert(at, weight);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        graph::{Bias, Dynamics, Graph, Initial},
        innovation::Innovations,
        variation::first,
    };
    use evolvent_core::{Genome, Purpose, RunKey, stream};

    fn genes(initial: Initial, bias: Bias) -> GraphGenes {
        let sources = 2 + u32::from(bias == Bias::Node);
        let hidden = sources + 1;
        GraphGenes {
            inputs: 2,
            outputs: 1,
            dynamics: Dynamics::FeedForward,
            bias,
            initial,
            activations: vec![Activation::Tanh],
            output_activations: vec![Activation::Linear],
            aggregations: vec![crate::Aggregation::Sum],
            weight_scale: 1.0,
            uniform: false,
            weight_limit: 5.0,
            responses: false,
            seed: Seed {
                hidden: vec![Activation::Gauss],
                connections: vec![
                    (0, hidden, 2.0),
                    (1, hidden, -2.0),
                    (hidden, sources, 1.0),
                    (1, sources, 0.5),
                ],
            },
        }
    }

    fn sample(genes: &GraphGenes) -> Graph {
        first(genes, &mut stream(RunKey::from_seed(1), 0, 0, 0, Purpose::Init))
    }

    #[test]
    fn seeds_are_part_of_every_first_genome() {
        for bias in [Bias::Node, Bias::Gene] {
            // Seeded connections alone, or those of the fully connected genome with one in common.
            let node = usize::from(bias == Bias::Node);
            for (initial, connections) in [(Initial::Unconnected, 4), (Initial::Full, 2 + node + 3)] {
                let genes = genes(initial, bias);
                let graph = sample(&genes);
                graph.check().unwrap();
                graph.fits(&genes).unwrap();
                let s = &graph.structure;
                assert_eq!((s.hidden(), s.connections()), (1, connections));
                let direct = s.connection(1, s.sources).unwrap();
                assert_eq!((s.innovations[direct], graph.weights()[direct]), (1, 0.5));
                let mut ledger = Innovations::default();
                ledger.begin(&genes);
                // New numbers lie beyond those of the seed.
                assert!(ledger.connection(7, 8) > *s.innovations.last().unwrap());
                assert!(ledger.split(0, |_| false).node > s.nodes.last().unwrap().id);
            }
        }
    }
}
