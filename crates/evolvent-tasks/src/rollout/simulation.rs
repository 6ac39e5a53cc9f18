//! Where simulators come from: a listed environment, or one of the user's own.

use evolvent_core::Violations;
use evolvent_problems::environments::{AnyEnvironment, Environment, Lanes, Simulator, Spec};
use std::fmt;
use std::sync::Arc;

/// An environment of any type, from which simulators with any number of lanes can be made.
#[derive(Clone)]
pub struct Simulation {
    spec: Spec,
    make: Arc<dyn Fn(usize, u32) -> Box<dyn Simulator> + Send + Sync>,
}

impl fmt::Debug for Simulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulation").field("spec", &self.spec).finish_non_exhaustive()
    }
}

impl Simulation {
    /// Of an environment of any type.
    ///
    /// # Errors
    /// What is wrong with its parameters.
    pub fn of<E: Environment>(environment: E) -> Result<Self, Violations> {
        environment.check()?;
        let spec = environment.spec();
        let make = move |lanes, limit| -> Box<dyn Simulator> {
            Box::new(Lanes::with_limit(environment.clone(), lanes, limit))
        };
        Ok(Simulation { spec, make: Arc::new(make) })
    }

    /// Of a listed environment.
    ///
    /// # Errors
    /// What is wrong with its parameters.
    pub fn listed(environment: AnyEnvironment) -> Result<Self, Violations> {
        environment.check()?;
        let spec = environment.spec();
        let make = move |lanes, limit| environment.simulator(lanes, Some(limit));
        Ok(Simulation { spec, make: Arc::new(make) })
    }

    /// The environment's facts.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// A simulator whose episodes are cut off after `max_episode_steps` steps.
    pub fn simulator(&self, lanes: usize, max_episode_steps: u32) -> Box<dyn Simulator> {
        (self.make)(lanes, max_episode_steps)
    }
}
