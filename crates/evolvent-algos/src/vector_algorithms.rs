//! The list of all algorithms over vectors.

use crate::{
    aging_evolution::AgingEvolution,
    cma::{CmaEs, LmMaEs, SepCmaEs},
    de::{De, Jade, LShade},
    diversity::Novelty,
    es::{Ars, Cem, CrFmNes, OnePlusOneEs, OpenEs, Pgpe, Snes, Xnes},
    ga::{Cosyne, DeepGa, Ga, RealVariation},
    multiobjective::Nsga2,
    random_search::RandomSearch,
    restarts::Restarts,
    stages::Stages,
};
use evolvent_core::Vector;

evolvent_core::algorithms! {
    /// The algorithms over vectors.
    pub enum VectorAlgorithm / VectorState for Vector, named "vector_algorithm";
    OpenEs(OpenEs) as open_es,
    Pgpe(Pgpe) as pgpe,
    Snes(Snes) as snes,
    Xnes(Xnes) as xnes,
    Ars(Ars) as ars,
    CmaEs(CmaEs) as cma_es,
    SepCmaEs(SepCmaEs) as sep_cma_es,
    LmMaEs(LmMaEs) as lm_ma_es,
    CrFmNes(CrFmNes) as cr_fm_nes,
    Cem(Cem) as cem,
    OnePlusOneEs(OnePlusOneEs) as one_plus_one_es,
    De(De) as de,
    Jade(Jade) as jade,
    LShade(LShade) as l_shade,
    Ga(Ga<RealVariation>) as ga,
    DeepGa(DeepGa) as deep_ga,
    Cosyne(Cosyne) as cosyne,
    Nsga2(Nsga2<RealVariation>) as nsga2,
    AgingEvolution(AgingEvolution<RealVariation>) as aging_evolution,
    RandomSearch(RandomSearch<RealVariation>) as random_search,
    Restarts(Restarts) as restarts,
    Stages(Stages) as stages,
    Novelty(Novelty<VectorAlgorithm>) as novelty,
}
