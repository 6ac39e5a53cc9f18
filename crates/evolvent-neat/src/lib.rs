//! Neuroevolution of augmenting topologies: graph genomes, NEAT, and the networks that graphs decode to.

pub mod complexity;
pub mod cppn;
pub mod decoder;
mod describe;
pub mod distance;
pub mod es_hyperneat;
pub mod expression;
pub mod graph;
pub mod graph_algorithms;
pub mod graph_networks;
pub mod hyperneat;
pub mod innovation;
pub mod neat;
pub mod network;
mod picture;
pub mod plan;
pub mod presets;
pub mod quadtree;
pub mod reproduction;
pub mod seed;
mod settings;
pub mod species;
pub mod substrate;
pub mod substrate_network;
pub mod variation;

pub use cppn::{Cppn, CppnInput};
pub use decoder::GraphDecoder;
pub use es_hyperneat::EsHyperNeat;
pub use expression::{AdaptiveRules, LinkExpression};
pub use graph::{Aggregation, Bias, Dynamics, Graph, GraphGenes, Initial, Node, Structure};
pub use graph_algorithms::GraphAlgorithm;
pub use hyperneat::HyperNeat;
pub use neat::{Champion, Neat, NeatState};
pub use network::GraphNetwork;
pub use seed::Seed;
pub use substrate::{Placement, Spacing, Substrate, SubstrateLayer};
pub use substrate_network::SubstrateNetwork;
pub use variation::GraphVariation;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod twin;
