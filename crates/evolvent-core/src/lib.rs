//! Words and traits of Evolvent: genomes, batches, evaluations, algorithms, evaluators, random streams, and the bare
//! loop [`drive()`]. No tensors, no files, no clocks, no printing.
//!
//! ```text
//! algorithm ──ask──▶ genomes ──decode──▶ networks ──evaluate──▶ evaluations ──tell──▶ algorithm
//! ```

pub mod algorithm;
pub mod asynchronous;
pub mod auto;
pub mod batch;
pub mod drive;
pub mod error;
pub mod evaluation;
pub mod evaluator;
pub mod genome;
pub mod network;
pub mod registry;
pub mod running;
pub mod stream;
pub mod tree;
pub mod vector;

pub use algorithm::{Algorithm, Candidate, Diagnostics, Needs, Outcome, Space, Start, StopReason, Variation};
pub use asynchronous::{Asynchronous, Ordered, Progress, Verdict};
pub use auto::Auto;
pub use batch::{Batch, Lineage, Request};
pub use drive::{Driven, Engine, RoundReport, check_needs, drive};
pub use error::{Violation, Violations};
pub use evaluation::{
    Cost, Evaluation, Failure, Fitness, Measured, Origin, Scores, Sense, Sensitivity, Values,
};
pub use evaluator::{Evaluated, Evaluator, Offers, Phase, Round};
pub use genome::{Genome, Members};
pub use network::{DecodeError, Decoder, Interface, Network, Output};
pub use running::{Measurer, Measuring, Running, Startable};
pub use stream::{Purpose, RunKey, Stream, StreamKey, stream, stream_key};
pub use tree::{Numbers, Step, Tree, TreeError};
pub use vector::{
    Block, Bounds, Drawn, Init, Layout, Rank, Role, Scale, Vector, VectorGenes, Vectors, VirtualMember,
    VirtualVectors,
};
