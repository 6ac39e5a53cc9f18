//! Experiment files, the runner, checkpoints, records, reports and export.
