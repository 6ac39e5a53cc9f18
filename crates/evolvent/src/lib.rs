//! Evolve neural networks: their weights, their topology and the rules by which they evolve.
//!
//! An **algorithm** asks about genomes; a decoder makes them **networks**; a **problem** measures those; the algorithm is
//! told. This crate puts the parts of Evolvent under one roof:
//!
//! | module | what is in it |
//! |---|---|
//! | [`core`] | the words and traits: algorithms, genomes, batches, evaluations, random streams, the bare loop |
//! | [`algos`] | the algorithms |
//! | [`nets`] | the networks |
//! | [`neat`] | graph genomes, NEAT, and the networks that graphs decode to |
//! | [`problems`] | functions, environments, data sets |
//! | [`tasks`] | where a network meets a problem |
//! | [`run`] | experiment files, run directories, reports, export |
//! | [`math`] | ranking, statistics, linear algebra, and the parallel primitives |
//! | `cli` | the command line as a library (feature `cli`, on by default) |
//!
//! The bare loop needs nothing but an algorithm and something to measure:
//!
//! ```
//! use evolvent::prelude::*;
//! use evolvent::{algos::CmaEs, problems::functions::{AnyFunction, Placement}, tasks::{FunctionSettings, FunctionTask}};
//!
//! let sphere = AnyFunction::Sphere(Placement { dimension: 5, ..Placement::default() });
//! let task = FunctionTask::new(sphere.build().unwrap(), &FunctionSettings::default()).unwrap();
//! let driven = drive(&CmaEs::default(), Box::new(Measurer::new(task)), 2_000, RunKey::from_seed(1)).unwrap();
//! let best = driven.outcome.recommended().unwrap();
//! assert_eq!(best.genome.0.len(), 5);
//! assert!(driven.evaluations >= 2_000 || driven.stopped.is_some());
//! ```
//!
//! An experiment from a file, or from a text like one, leaves a run directory behind:
//!
//! ```
//! use evolvent::run::{Destination, Registry, experiment::Experiment, runner::{self, Control}};
//! use std::sync::atomic::AtomicBool;
//!
//! let text = "
//!     [problem.cart_pole]
//!     episodes = 2
//!     [network.dense]
//!     hidden = [8]
//!     [algorithm.open_es]
//!     population_size = 16
//!     [run]
//!     generations = 3
//!     validation_episodes = 10
//!     seed = 1
//! ";
//! let experiment = Experiment::parse(&Registry::builtin(), "a text", text, &[]).unwrap();
//! let directory = tempfile::tempdir().unwrap();
//! let destination = Destination::Given(directory.path().join("run"));
//! let control = Control { observers: vec![], interrupt: &AtomicBool::new(false) };
//! let summary = runner::run(&experiment, &destination, control).unwrap();
//! let finished = summary.finished.unwrap();
//! assert_eq!((finished.generations, finished.evaluations), (3, 48));
//! assert_eq!(finished.test.repetitions, 10);
//! ```
//!
//! Problems and algorithms of your own take about twenty lines each and are at home in experiment files and on the command
//! line at once: see `examples/own_environment.rs`, `examples/own_function.rs` and `examples/own_algorithm.rs`.

pub use evolvent_algos as algos;
#[cfg(feature = "cli")]
pub use evolvent_cli as cli;
pub use evolvent_core as core;
pub use evolvent_math as math;
pub use evolvent_neat as neat;
pub use evolvent_nets as nets;
pub use evolvent_problems as problems;
pub use evolvent_run as run;
pub use evolvent_tasks as tasks;

/// What a program of one's own usually needs.
pub mod prelude {
    pub use evolvent_core::{
        Algorithm, Auto, Batch, Candidate, Decoder, Diagnostics, Evaluated, Evaluation, Evaluator, Failure,
        Fitness, Genome, Interface, Measured, Measurer, Members, Needs, Network, Outcome, Output, Phase,
        Purpose, Round, RunKey, Scores, Sense, Space, Start, StopReason, Stream, Variation, Vector,
        VectorGenes, Vectors, Violations, drive,
    };
    pub use evolvent_nets::{Activation, NetworkConfig};
    pub use evolvent_problems::{
        environments::{Environment, Spec, Step},
        functions::Function,
    };
    pub use evolvent_run::{
        Registry,
        registry::{Measure, OwnFunction},
    };

    #[cfg(feature = "cli")]
    pub use evolvent_cli::app;
}
