//! Where a network meets a problem: rollouts, supervised evaluation, functions, external commands.
//!
//! Every task is an [`Evaluator`](evolvent_core::Evaluator). Rollouts and supervised evaluation split their work over
//! the current pool of threads themselves, with the same bits for any number of them.

mod assessment;
pub mod command;
mod direct;
mod experience;
mod function;
mod genes;
mod member;
mod pseudo_boolean;
mod rollout;
mod spare;
mod supervised;

pub use assessment::{Assess, Assessment};
pub use command::{Command, CommandError, CommandSettings, CommandStop};
pub use direct::Direct;
pub use function::{FunctionSettings, FunctionTask};
pub use pseudo_boolean::{BitString, Blocks, PseudoBoolean};
pub use rollout::{
    Aggregate, MOST_EPISODES, ObservationStatistics, ObservationSums, Rollout, RolloutSettings, RolloutState,
    Simulation, Value,
};
pub use supervised::Supervised;
