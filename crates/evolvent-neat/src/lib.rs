//! Neuroevolution of augmenting topologies: graph genomes, NEAT, and the networks that graphs decode to.

pub mod decoder;
mod describe;
pub mod graph;
pub mod graph_algorithms;
pub mod graph_networks;
pub mod innovation;
pub mod neat;
pub mod network;
pub mod plan;
pub mod presets;
pub mod seed;
mod settings;
pub mod species;
pub mod variation;

pub use decoder::GraphDecoder;
pub use graph::{Aggregation, Bias, Dynamics, Graph, GraphGenes, Initial, Node, Structure};
pub use graph_algorithms::GraphAlgorithm;
pub use neat::{Neat, NeatState};
pub use network::GraphNetwork;
pub use seed::Seed;
pub use variation::GraphVariation;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod twin;
