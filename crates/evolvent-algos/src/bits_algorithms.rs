//! The list of all algorithms over bit strings.

use crate::{
    aging_evolution::AgingEvolution,
    bits::{Bits, BitsVariation},
    diversity::Novelty,
    ga::Ga,
    multiobjective::Nsga2,
    random_search::RandomSearch,
};

evolvent_core::algorithms! {
    /// The algorithms over bit strings.
    pub enum BitsAlgorithm / BitsState for Bits, named "bits_algorithm";
    Ga(Ga<BitsVariation>) as ga,
    Nsga2(Nsga2<BitsVariation>) as nsga2,
    AgingEvolution(AgingEvolution<BitsVariation>) as aging_evolution,
    RandomSearch(RandomSearch<BitsVariation>) as random_search,
    Novelty(Novelty<BitsAlgorithm>) as novelty,
}
