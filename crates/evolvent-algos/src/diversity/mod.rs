//! Search for what is different.

mod novelty;

pub use novelty::{Novelty, NoveltyState};
