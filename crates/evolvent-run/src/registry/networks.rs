//! Networks and the tasks that take them.

use crate::{
    experiment::values::table,
    problem::{Bound, BoundTo, Judgement, Task},
    record::Data,
};
use evolvent_core::{Genome, Interface, Tree, Violations};
use evolvent_math::rows::Materialize;
use evolvent_nets::NetworkConfig;
use evolvent_problems::datasets::{Dataset, Targets};
use evolvent_tasks::{Rollout, RolloutSettings, Simulation, Supervised};
use std::sync::Arc;

/// A task that takes any network.
#[derive(Clone)]
pub enum NetworkTask {
    /// Episodes of an environment.
    Rollout(Box<(Simulation, RolloutSettings)>),
    /// A data set.
    Supervised(Arc<Dataset>),
}

impl NetworkTask {
    /// A checksum of the data, if it has any: a run goes on with the data that it began with.
    pub(crate) fn checksum(&self) -> Option<String> {
        match self {
            NetworkTask::Rollout(_) => None,
            NetworkTask::Supervised(data) => Some(format!("{:016x}", data.checksum())),
        }
    }

    /// What the data set is, if there is one.
    pub(crate) fn data(&self) -> Option<Data> {
        let NetworkTask::Supervised(set) = self else { return None };
        let (classes, targets, target_names) = match &set.training.targets {
            Targets::Classes { names, .. } => (names.clone(), 0, Vec::new()),
            Targets::Values { dimension, names, .. } => (Vec::new(), *dimension as u64, names.clone()),
        };
        Some(Data {
            inputs: self.interface().inputs() as u64,
            input_names: set.training.features.clone(),
            classes,
            targets,
            target_names,
            training: set.training.len() as u64,
            validation: set.validation.len() as u64,
            test: set.test.len() as u64,
            loss: Tree::name_of(&set.loss),
            metric: Tree::name_of(&set.metric),
        })
    }

    /// What the network is shown and must answer.
    pub fn interface(&self) -> Interface {
        match self {
            NetworkTask::Rollout(task) => task.0.spec().interface.clone(),
            NetworkTask::Supervised(data) => data.interface(),
        }
    }
}

/// A network's settings.
pub trait AnyNetwork: Send + Sync {
    /// Kind of the genomes that it decodes.
    fn kind(&self) -> &'static str;
    /// The settings with every default filled in.
    fn settings(&self) -> Result<toml::Table, toml::ser::Error>;
    /// What is wrong with the settings for a problem with this interface.
    ///
    /// # Errors
    /// All violations; paths are relative to the network's table.
    fn check(&self, interface: &Interface) -> Result<(), Violations>;
    /// The task with this network; [`AnyNetwork::check`] must be content.
    ///
    /// # Errors
    /// What is wrong with the task's settings; paths are relative to the problem's table.
    fn bind(&self, task: NetworkTask) -> Result<Box<dyn Bound>, Violations>;
}

pub(crate) struct HeldNetwork<C>(pub(crate) C);

impl<C: NetworkConfig> AnyNetwork for HeldNetwork<C>
where
    C::Genome: Materialize,
{
    fn kind(&self) -> &'static str {
        C::Genome::KIND
    }

    fn settings(&self) -> Result<toml::Table, toml::ser::Error> {
        table(&self.0)
    }

    fn check(&self, interface: &Interface) -> Result<(), Violations> {
        self.0.check(interface)
    }

    fn bind(&self, task: NetworkTask) -> Result<Box<dyn Bound>, Violations> {
        let interface = task.interface();
        let (head, probe) = (self.0.head(&interface), self.0.sensitivity_probe(&interface));
        match task {
            NetworkTask::Rollout(task) => {
                let (simulation, settings) = *task;
                let rollout = Rollout::new(self.0.clone(), head, simulation, settings)?;
                Ok(BoundTo::<C::Genome, _>::erased(rollout.with_sensitivities(probe)))
            }
            NetworkTask::Supervised(data) => {
                let supervised = Supervised::new(self.0.clone(), data).with_sensitivities(probe);
                Ok(BoundTo::<C::Genome, _>::erased(supervised))
            }
        }
    }
}

impl<C: NetworkConfig> Task<C::Genome> for Rollout<C>
where
    C::Genome: Materialize,
{
    fn judgement(&self) -> Judgement {
        Judgement::Fresh
    }
    fn common_random_numbers(&self) -> bool {
        self.settings().common_random_numbers
    }
}

impl<C: NetworkConfig> Task<C::Genome> for Supervised<C>
where
    C::Genome: Materialize,
{
    fn judgement(&self) -> Judgement {
        Judgement::HeldOut
    }
}
