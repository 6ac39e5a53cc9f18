//! Test functions, environments and data sets.

pub mod datasets;
pub mod environments;
pub mod functions;
