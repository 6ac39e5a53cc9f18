//! The list of all algorithms over graphs.

use crate::{graph::Graph, neat::Neat, variation::GraphVariation};
use evolvent_algos::{AgingEvolution, Ga, Novelty, Nsga2, RandomSearch};

evolvent_core::algorithms! {
    /// The algorithms over graphs.
    pub enum GraphAlgorithm / GraphState for Graph, named "graph_algorithm";
    Neat(Neat) as neat,
    Ga(Ga<GraphVariation>) as ga,
    Nsga2(Nsga2<GraphVariation>) as nsga2,
    AgingEvolution(AgingEvolution<GraphVariation>) as aging_evolution,
    RandomSearch(RandomSearch<GraphVariation>) as random_search,
    Novelty(Novelty<GraphAlgorithm>) as novelty,
}
