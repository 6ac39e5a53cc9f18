//! Networks on a flat parameter vector and their population-batched evaluation.
