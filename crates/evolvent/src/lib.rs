//! Evolve neural networks: weights, topologies, architectures and the rules by which they evolve.
