//! The command line of Evolvent as a library, so that a binary of your own can carry your problems and algorithms.
