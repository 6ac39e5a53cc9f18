//! Supervised data sets: readers, splits, scaling, minibatches, losses and metrics.
//!
//! ```text
//! DatasetSpec ──load──▶ Dataset { training, validation, test: Table } ──Minibatches──▶ indices ──▶ Batch of tiles
//! ```
//!
//! A [`Table`] holds samples row by row; a [`Batch`] holds some of them in the layout that networks take (structures of
//! arrays, one sample per lane), gathered once a round for the whole population; [`Loss`] and [`Scorer`] judge outputs tile
//! by tile. Readers take bytes, never trust a header with an allocation, and name the place of every mistake
//! ([`DataError`]). Nothing is ever fetched: small sets are built in, larger ones are read from a path or from the folder
//! that `EVOLVENT_DATA` names.

pub mod array;
mod batch;
pub mod builtin;
pub mod csv;
mod error;
mod files;
pub mod generated;
pub mod idx;
mod importance;
mod load;
mod loss;
mod metric;
mod minibatch;
pub mod npy;
pub mod npz;
pub mod png;
mod scaling;
mod setting;
mod spec;
mod split;
mod table;
pub mod visual;
pub mod wellknown;

pub use batch::{Batch, TargetsView, Tile};
pub use error::{DataError, DataErrorKind, Place};
pub use files::{DATA_VARIABLE, Folders, Limits};
pub use importance::importance_sample;
pub use load::{Dataset, LoadError, Samples, open};
pub use loss::Loss;
pub use metric::{Metric, Scorer};
pub use minibatch::Minibatches;
pub use scaling::Scaling;
pub use setting::{Amount, Column, Columns};
pub use spec::{
    ChannelAxis, Colour, CsvSpec, DatasetSpec, Friedman1Spec, IdxSpec, NpySpec, NpzSpec, ParitySpec,
    PngFolderSpec, SineSpec, Source, SpiralsSpec, Standardise, TargetKind,
};
pub use split::{Split, split};
pub use table::{MAX_CLASSES, Table, Targets};
pub use visual::{RetinaObjects, RetinaSpec, VisualDiscriminationSpec};
