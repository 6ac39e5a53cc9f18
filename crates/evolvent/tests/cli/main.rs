//! The command line from outside: what is typed, what comes back, and what lies on the disk afterwards.

mod arguments;
mod data;
mod failures;
mod interrupt;
mod mistakes;
mod neat;
mod own;
mod program;
mod rounds;
mod shipped;
