//! What comes with Evolvent.

use super::{
    Config, LeadingOnesTrailingZeros, NetworkTask, OwnFunction, ProblemEntry, Registry, Table, Takes, direct,
    table::{TableInfo, keys},
};
use crate::{
    error::Error,
    experiment::{Mistake, values::table},
    problem::{Judgement, OpenError, Opened, Plain, Problem, Surroundings, Task},
};
use evolvent_algos::{Bits, BitsAlgorithm, BitsGenes, VectorAlgorithm};
use evolvent_core::{Evaluation, Evaluator, Fitness, Genome, Sense, Vector, Violations};
use evolvent_neat::GraphAlgorithm;
use evolvent_problems::{
    datasets::{Dataset, DatasetSpec, Folders, Limits, LoadError},
    environments::{AnyEnvironment, Environment},
    functions::{AnyFunction, Function},
};
use evolvent_tasks::{
    Command, CommandError, CommandSettings, Direct, FunctionSettings, FunctionTask, PseudoBoolean,
    RolloutSettings, Simulation,
};
use std::sync::Arc;

pub(super) fn add_all(registry: &mut Registry) {
    for name in AnyEnvironment::NAMES {
        add_environment(registry, name);
    }
    for name in AnyFunction::NAMES {
        add_function(registry, name);
    }
    registry.add_problem(
        "dataset",
        Takes::Networks,
        TableInfo::of::<DatasetSpec>(),
        Box::new(|table| {
            let read = table.read::<DatasetSpec>().map_err(|list| with_reader(table, list));
            read.map(|d| Box::new(DatasetProblem(d)) as Box<dyn Problem>)
        }),
    );
    registry.add_problem(
        "command",
        Takes::Genomes(Vector::KIND),
        TableInfo::of::<CommandSettings>(),
        Box::new(|table| {
            table.read::<CommandSettings>().map(|c| Box::new(CommandProblem(c)) as Box<dyn Problem>)
        }),
    );
    for name in PseudoBoolean::NAMES {
        add_pseudo_boolean(registry, name);
    }
    registry.problem::<LeadingOnesTrailingZeros>("lotz");
    evolvent_nets::registry::visit(registry);
    evolvent_neat::graph_networks::visit(registry);
    VectorAlgorithm::visit(registry);
    BitsAlgorithm::visit(registry);
    GraphAlgorithm::visit(registry);
}

/// `source = "flowers.csv"`: the name of a file where the name of a reader is due.
fn with_reader(table: &Table<'_>, mut list: Vec<Mistake>) -> Vec<Mistake> {
    let source = table.value.get_ref().as_table().and_then(|t| t.get("source")?.get_ref().as_str());
    let hint = source.and_then(|file| {
        let name = file.strip_suffix(".gz").unwrap_or(file);
        let (_, ending) = name.rsplit_once('.')?;
        match ending {
            "csv" | "tsv" | "txt" | "data" => Some(format!("source = {{ csv = {{ path = {file:?} }} }}")),
            "npz" => Some(format!("source = {{ npz = {{ path = {file:?} }} }}")),
            "npy" => Some(format!("source = {{ npy = {{ inputs = {file:?}, targets = … }} }}")),
            _ => None,
        }
    });
    if let Some(hint) = hint {
        let path = format!("{}.source", table.path);
        list.iter_mut().filter(|m| m.path == path).for_each(|m| m.hint = Some(hint.clone()));
    }
    list
}

/// Both, or the mistakes of both.
pub(super) fn join<A, B>(
    a: Result<A, Vec<Mistake>>,
    b: Result<B, Vec<Mistake>>,
) -> Result<(A, B), Vec<Mistake>> {
    match (a, b) {
        (Ok(a), Ok(b)) => Ok((a, b)),
        (Err(mut a), Err(b)) => {
            a.extend(b);
            Err(a)
        }
        (Err(list), Ok(_)) | (Ok(_), Err(list)) => Err(list),
    }
}

fn add_environment(registry: &mut Registry, name: &'static str) {
    let task = keys::<RolloutSettings>();
    let info = TableInfo::of_variant(name, move || AnyEnvironment::find(name));
    registry.problems.push(ProblemEntry {
        name: name.into(),
        id: AnyEnvironment::find(name).and_then(|e| e.id()),
        takes: Takes::Networks,
        info: info.beside(TableInfo::of::<RolloutSettings>()),
        read: Box::new(move |table| {
            let (rollout, environment) = table.split(&task);
            let environment = environment.read_variant::<AnyEnvironment>(name, &task);
            join(rollout.read::<RolloutSettings>(), environment).map(|(settings, environment)| {
                Box::new(EnvironmentTable::listed(environment, settings)) as Box<dyn Problem>
            })
        }),
    });
}

fn add_function(registry: &mut Registry, name: &'static str) {
    let task = keys::<FunctionSettings>();
    let info = TableInfo::of_variant(name, move || AnyFunction::find(name));
    registry.problems.push(ProblemEntry {
        name: name.into(),
        id: None,
        takes: Takes::Genomes(Vector::KIND),
        info: info.beside(TableInfo::of::<FunctionSettings>()),
        read: Box::new(move |table| {
            let (settings, function) = table.split(&task);
            let function = function.read_variant::<AnyFunction>(name, &task);
            join(settings.read::<FunctionSettings>(), function).map(|(settings, function)| {
                Box::new(FunctionProblem::listed(function, settings)) as Box<dyn Problem>
            })
        }),
    });
}

fn add_pseudo_boolean(registry: &mut Registry, name: &'static str) {
    registry.problems.push(ProblemEntry {
        name: name.into(),
        id: None,
        takes: Takes::Genomes(Bits::KIND),
        info: TableInfo::of_variant(name, move || PseudoBoolean::find(name)),
        read: Box::new(move |table| {
            let function = table.read_variant::<PseudoBoolean>(name, &[])?;
            Ok(Box::new(PseudoBooleanProblem(function)) as Box<dyn Problem>)
        }),
    });
}

type Make<T> = Box<dyn Fn() -> Result<T, Violations> + Send + Sync>;
type Settings = Box<dyn Fn() -> Result<toml::Table, toml::ser::Error> + Send + Sync>;

/// The content of an externally tagged value.
fn content(tagged: toml::Table) -> toml::Table {
    match tagged.into_iter().next() {
        Some((_, toml::Value::Table(content))) => content,
        _ => toml::Table::new(),
    }
}

/// An environment's table: its parameters and the task's.
pub(super) struct EnvironmentTable {
    simulation: Make<Simulation>,
    parameters: Settings,
    rollout: RolloutSettings,
}

impl EnvironmentTable {
    pub(super) fn own<E: Environment + Config>(environment: E, rollout: RolloutSettings) -> Self {
        let parameters = environment.clone();
        EnvironmentTable {
            simulation: Box::new(move || Simulation::of(environment.clone())),
            parameters: Box::new(move || table(&parameters)),
            rollout,
        }
    }

    fn listed(environment: AnyEnvironment, rollout: RolloutSettings) -> Self {
        let parameters = environment.clone();
        EnvironmentTable {
            simulation: Box::new(move || Simulation::listed(environment.clone())),
            parameters: Box::new(move || table(&parameters).map(content)),
            rollout,
        }
    }
}

impl Problem for EnvironmentTable {
    fn settings(&self) -> Result<toml::Table, toml::ser::Error> {
        let mut all = table(&self.rollout)?;
        all.extend((self.parameters)()?);
        Ok(all)
    }

    fn open(&self, _: &Surroundings) -> Result<Opened, OpenError> {
        let simulation = (self.simulation)();
        let checked = simulation.and_then(|s| self.rollout.check(s.spec()).map(|()| s))?;
        Ok(Opened::Networks(NetworkTask::Rollout(Box::new((checked, self.rollout.clone())))))
    }
}

/// A function's table.
pub(super) struct FunctionProblem {
    make: Make<Box<dyn Function>>,
    parameters: Settings,
    observed: FunctionSettings,
}

impl FunctionProblem {
    pub(super) fn own<F: OwnFunction>(function: F, observed: FunctionSettings) -> Self {
        let parameters = function.clone();
        FunctionProblem {
            make: Box::new(move || {
                function.check().map(|()| Box::new(function.clone()) as Box<dyn Function>)
            }),
            parameters: Box::new(move || table(&parameters)),
            observed,
        }
    }

    fn listed(function: AnyFunction, observed: FunctionSettings) -> Self {
        let parameters = function.clone();
        FunctionProblem {
            make: Box::new(move || function.build()),
            parameters: Box::new(move || table(&parameters).map(content)),
            observed,
        }
    }
}

impl Problem for FunctionProblem {
    fn settings(&self) -> Result<toml::Table, toml::ser::Error> {
        let mut all = table(&self.observed)?;
        all.extend((self.parameters)()?);
        Ok(all)
    }

    fn open(&self, _: &Surroundings) -> Result<Opened, OpenError> {
        Ok(Opened::Direct(direct(FunctionTask::new((self.make)()?, &self.observed)?)))
    }
}

impl Task<Vector> for FunctionTask {
    fn judgement(&self) -> Judgement {
        // Noise is for training only: champions are judged by the function itself.
        if self.space().fitness == Fitness::Exact { Judgement::Same } else { Judgement::HeldOut }
    }
}

/// A function of bit strings.
struct PseudoBooleanProblem(PseudoBoolean);

impl Problem for PseudoBooleanProblem {
    fn settings(&self) -> Result<toml::Table, toml::ser::Error> {
        table(&self.0).map(content)
    }

    fn open(&self, _: &Surroundings) -> Result<Opened, OpenError> {
        self.0.check()?;
        let function = self.0.clone();
        let genes = BitsGenes { length: function.length() };
        let task = Direct::genomes(genes, move |bits: &Bits, _| Evaluation::of(function.value(bits.iter())))
            .within(|space| space.senses = vec![Sense::Maximize]);
        Ok(Opened::Direct(direct(Plain(task))))
    }
}

/// `[problem.dataset]`.
struct DatasetProblem(DatasetSpec);

impl Problem for DatasetProblem {
    fn settings(&self) -> Result<toml::Table, toml::ser::Error> {
        table(&self.0)
    }

    fn open(&self, surroundings: &Surroundings) -> Result<Opened, OpenError> {
        let folders = Folders::from_environment(surroundings.base.clone());
        match Dataset::load(&self.0, &folders, &Limits::default(), surroundings.key) {
            Ok(data) => Ok(Opened::Networks(NetworkTask::Supervised(Arc::new(data)))),
            Err(LoadError::Settings(violations)) => Err(OpenError::Settings(violations)),
            Err(LoadError::Data(e)) => {
                let place = format!("{}{}", e.file, e.place);
                let error = Error::input(place, e.expected.to_string(), e.found.to_string());
                Err(OpenError::Other(if e.hint.is_empty() {
                    error
                } else {
                    error.with_hint(e.hint.to_string())
                }))
            }
        }
    }
}

/// `[problem.command]`.
struct CommandProblem(CommandSettings);

impl Problem for CommandProblem {
    fn settings(&self) -> Result<toml::Table, toml::ser::Error> {
        table(&self.0)
    }

    /// The program runs where the experiment file lies, as paths to data start there.
    fn open(&self, surroundings: &Surroundings) -> Result<Opened, OpenError> {
        let base = surroundings.base.clone().filter(|base| !base.as_os_str().is_empty());
        let directory = match (base, &self.0.directory) {
            (Some(base), Some(own)) => Some(base.join(own)),
            (base, own) => base.or_else(|| own.clone()),
        };
        let settings = CommandSettings { directory: directory.clone(), ..self.0.clone() };
        match Command::<Vector>::vectors(&settings) {
            Ok(command) => Ok(Opened::Direct(direct(Plain(command)))),
            Err(CommandError::Settings(violations)) => Err(violations.into()),
            Err(other) => {
                let place =
                    directory.map_or_else(|| "the working directory".into(), |d| d.display().to_string());
                let hint =
                    format!("it runs in {place}; `directory` names another, relative to the experiment file");
                let mut v = Violations::new();
                v.add_with_hint("program", other, "a program that starts and greets", &hint);
                Err(v.into())
            }
        }
    }
}
