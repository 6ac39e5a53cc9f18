//! Evolutionary algorithms over vectors and over any genome.
