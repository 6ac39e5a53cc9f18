//! Evolutionary algorithms over vectors and over any genome.
//!
//! One file, one algorithm. What they share is mathematics (`evolvent-math`) and parts: [`repair`], [`schedule`],
//! selection and variation under [`ga`]. The two lists, [`vector_algorithms`] and [`bits_algorithms`], are what the
//! runner's registry and the documentation are made from.

pub mod aging_evolution;
pub mod bits;
pub mod bits_algorithms;
pub mod cma;
pub mod de;
pub mod diversity;
mod draws;
pub mod es;
pub mod ga;
pub mod merit;
pub mod multiobjective;
pub mod random_search;
pub mod repair;
pub mod restarts;
pub mod schedule;
pub mod stages;
mod start;
pub mod vector_algorithms;

pub use aging_evolution::AgingEvolution;
pub use bits::{Bits, BitsGenes, BitsVariation};
pub use bits_algorithms::BitsAlgorithm;
pub use cma::{CmaEs, LmMaEs, SepCmaEs};
pub use de::{De, Jade, LShade};
pub use diversity::Novelty;
pub use es::{Ars, Cem, CrFmNes, OnePlusOneEs, OpenEs, Pgpe, Snes, Xnes};
pub use ga::{Cosyne, DeepGa, Ga, RealVariation};
pub use multiobjective::Nsga2;
pub use random_search::RandomSearch;
pub use repair::Repair;
pub use restarts::Restarts;
pub use schedule::Schedule;
pub use stages::Stages;
pub use vector_algorithms::VectorAlgorithm;
