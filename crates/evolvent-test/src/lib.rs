//! Conformance suites and reference values for the tests of Evolvent.
