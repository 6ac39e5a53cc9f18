//! Test functions, environments and data sets.
