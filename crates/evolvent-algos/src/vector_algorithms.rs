//! The list of all algorithms over vectors.

use crate::{
    aging_evolution::AgingEvolution, cma::CmaEs, de::De, es::OpenEs, ga::Ga, ga::RealVariation,
    multiobjective::Nsga2, random_search::RandomSearch, restarts::Restarts,
};
use evolvent_core::Vector;

evolvent_core::algorithms! {
    /// The algorithms over vectors.
    pub enum VectorAlgorithm / VectorState for Vector, named "vector_algorithm";
    OpenEs(OpenEs) as open_es,
    CmaEs(CmaEs) as cma_es,
    De(De) as de,
    Ga(Ga<RealVariation>) as ga,
    Nsga2(Nsga2<RealVariation>) as nsga2,
    AgingEvolution(AgingEvolution<RealVariation>) as aging_evolution,
    RandomSearch(RandomSearch<RealVariation>) as random_search,
    Restarts(Restarts) as restarts,
}
