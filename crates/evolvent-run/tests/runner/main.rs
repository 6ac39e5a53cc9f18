//! Whole runs: their records, their end, and what happens when they are interrupted, killed, resumed or damaged.

mod bounds;
mod damage;
mod end;
mod experiments;
mod golden;
mod kill;
mod readers;
mod resume;
mod threads;
