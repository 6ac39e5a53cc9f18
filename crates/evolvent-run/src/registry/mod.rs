//! What an experiment file may name: algorithms, problems, networks. Built-in ones come from the lists of their crates;
//! a program of one's own adds more.

mod bit_strings;
mod builtin;
mod describe;
mod networks;
mod table;

pub use bit_strings::LeadingOnesTrailingZeros;
pub use describe::{Entry, Section, Setting};
pub use networks::{AnyNetwork, NetworkTask};
pub(crate) use table::Table;

use crate::{
    experiment::{Mistake, values},
    problem::{AnyAlgorithm, BoundTo, Held, OpenError, Opened, Plain, Problem, Surroundings, Task},
};
use builtin::{EnvironmentTable, FunctionProblem};
use evolvent_core::{Algorithm, Evaluator, Genome, RunKey, Violations, registry::Visitor};
use evolvent_math::rows::Materialize;
use evolvent_nets::NetworkConfig;
use evolvent_problems::{environments::Environment, functions::Function};
use evolvent_tasks::{FunctionSettings, RolloutSettings};
use networks::HeldNetwork;
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use table::{TableInfo, keys};

/// Settings of something that a program adds: a struct that is a table of experiment files.
pub trait Config:
    Clone + Default + Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static
{
}
impl<T: Clone + Default + Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static> Config for T {}

/// A problem of one's own that measures genomes as they are. The struct is the table `[problem.NAME]`.
///
/// For an environment, which is shown to networks, see [`Registry::environment`]; for a plain function of real numbers,
/// [`Registry::function`].
pub trait Measure: Config {
    /// What it measures.
    type Genome: Genome;
    /// What measures it.
    type Evaluator: Evaluator<Self::Genome> + 'static;

    /// Makes the evaluator of a run.
    ///
    /// # Errors
    /// Settings out of range.
    fn evaluator(&self, key: RunKey) -> Result<Self::Evaluator, Violations>;
}

/// A function of one's own. The struct is the table `[problem.NAME]` and the function at once.
pub trait OwnFunction: Function + Config {
    /// What is wrong with the settings.
    ///
    /// # Errors
    /// All violations at once.
    fn check(&self) -> Result<(), Violations> {
        Ok(())
    }
}

/// Whether a problem shows itself to networks or measures genomes of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    Networks,
    Genomes(&'static str),
}

type Read<T> = Box<dyn Fn(&Table<'_>) -> Result<Box<T>, Vec<Mistake>> + Send + Sync>;

pub(crate) struct AlgorithmEntry {
    pub(crate) name: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) info: TableInfo,
    pub(crate) read: Read<dyn AnyAlgorithm>,
}

pub(crate) struct ProblemEntry {
    pub(crate) name: String,
    /// Gymnasium's id, which `[problem.environment]` understands.
    pub(crate) id: Option<&'static str>,
    pub(crate) takes: Takes,
    pub(crate) info: TableInfo,
    pub(crate) read: Read<dyn Problem>,
}

pub(crate) struct NetworkEntry {
    pub(crate) name: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) info: TableInfo,
    pub(crate) read: Read<dyn AnyNetwork>,
}

/// Everything that experiment files can name.
#[derive(Default)]
pub struct Registry {
    pub(crate) algorithms: Vec<AlgorithmEntry>,
    pub(crate) problems: Vec<ProblemEntry>,
    pub(crate) networks: Vec<NetworkEntry>,
}

impl Registry {
    /// Nothing at all.
    pub fn empty() -> Registry {
        Registry::default()
    }

    /// Everything that comes with Evolvent.
    pub fn builtin() -> Registry {
        let mut registry = Registry::empty();
        builtin::add_all(&mut registry);
        registry
    }

    /// Adds an algorithm under its name. One with the same name over the same kind of genome is replaced.
    pub fn algorithm<A: Algorithm>(&mut self) -> &mut Self {
        let kind = <A::Genome as Genome>::KIND;
        self.algorithms.retain(|a| (a.name, a.kind) != (A::NAME, kind));
        self.algorithms.push(AlgorithmEntry {
            name: A::NAME,
            kind,
            info: TableInfo::of::<A>(),
            read: Box::new(|table| {
                table.read::<A>().map(|a| Box::new(Held::<A::Genome>(Box::new(a))) as Box<dyn AnyAlgorithm>)
            }),
        });
        self
    }

    /// Adds an environment under `[problem.NAME]`; its parameters and those of the rollout share the table.
    pub fn environment<E: Environment + Config>(&mut self, name: &str) -> &mut Self {
        let task = keys::<RolloutSettings>();
        self.add_problem(
            name,
            Takes::Networks,
            TableInfo::of::<E>().beside(TableInfo::of::<RolloutSettings>()),
            Box::new(move |table| {
                let (rollout, environment) = table.split(&task);
                builtin::join(rollout.read::<RolloutSettings>(), environment.read_beside::<E>(&task)).map(
                    |(settings, environment)| {
                        Box::new(EnvironmentTable::own(environment, settings)) as Box<dyn Problem>
                    },
                )
            }),
        )
    }

    /// Adds a function of real numbers under `[problem.NAME]`.
    pub fn function<F: OwnFunction>(&mut self, name: &str) -> &mut Self {
        let task = keys::<FunctionSettings>();
        self.add_problem(
            name,
            Takes::Genomes(<evolvent_core::Vector as Genome>::KIND),
            TableInfo::of::<F>().beside(TableInfo::of::<FunctionSettings>()),
            Box::new(move |table| {
                let (settings, function) = table.split(&task);
                builtin::join(settings.read::<FunctionSettings>(), function.read_beside::<F>(&task))
                    .map(|(settings, f)| Box::new(FunctionProblem::own(f, settings)) as Box<dyn Problem>)
            }),
        )
    }

    /// Adds a problem that measures genomes of any kind under `[problem.NAME]`.
    pub fn problem<P: Measure>(&mut self, name: &str) -> &mut Self {
        self.add_problem(
            name,
            Takes::Genomes(<P::Genome as Genome>::KIND),
            TableInfo::of::<P>(),
            Box::new(|table| table.read::<P>().map(|p| Box::new(OwnProblem(p)) as Box<dyn Problem>)),
        )
    }

    /// Adds a network under its name.
    pub fn network<C: NetworkConfig>(&mut self) -> &mut Self
    where
        C::Genome: Materialize,
    {
        self.networks.retain(|n| n.name != C::NAME);
        self.networks.push(NetworkEntry {
            name: C::NAME,
            kind: <C::Genome as Genome>::KIND,
            info: TableInfo::of::<C>(),
            read: Box::new(|table| {
                table.read::<C>().map(|c| Box::new(HeldNetwork(c)) as Box<dyn AnyNetwork>)
            }),
        });
        self
    }

    fn add_problem(
        &mut self,
        name: &str,
        takes: Takes,
        info: TableInfo,
        read: Read<dyn Problem>,
    ) -> &mut Self {
        self.problems.retain(|p| p.name != name);
        self.problems.push(ProblemEntry { name: name.into(), id: None, takes, info, read });
        self
    }

    /// The problem with this Gymnasium id or name.
    pub(crate) fn by_id(&self, id: &str) -> Option<&ProblemEntry> {
        self.problems
            .iter()
            .find(|p| p.id == Some(id))
            .or_else(|| self.problems.iter().find(|p| p.name == id && p.takes == Takes::Networks))
    }
}

impl<G: Genome> Visitor<G> for Registry {
    fn visit<A: Algorithm<Genome = G>>(&mut self) {
        self.algorithm::<A>();
    }
}

impl<G: Materialize> evolvent_nets::registry::Visitor<G> for Registry {
    fn visit<C: NetworkConfig<Genome = G>>(&mut self) {
        self.network::<C>();
    }
}

/// A problem that a program added.
struct OwnProblem<P>(P);

impl<P: Measure> Problem for OwnProblem<P> {
    fn settings(&self) -> Result<toml::Table, toml::ser::Error> {
        values::table(&self.0)
    }

    fn open(&self, surroundings: &Surroundings) -> Result<Opened, OpenError> {
        let evaluator = self.0.evaluator(surroundings.key)?;
        Ok(Opened::Direct(direct(Plain(evaluator))))
    }
}

fn direct<G: Genome, E: Task<G>>(task: E) -> Box<dyn crate::problem::Bound> {
    BoundTo::<G, E>::erased(task)
}
