//! The experiment file: one TOML document that says which problem, which network and which algorithm.
//!
//! ```
//! use evolvent_run::{Registry, experiment::Experiment};
//! let text = "[problem.sphere]\n[algorithm.de]\npopsize = 3\n[run]\ngenerations = 10\n";
//! let experiment = Experiment::parse(&Registry::builtin(), "sphere.toml", text, &[]).unwrap();
//! // Reading finds what is written wrong; starting finds what does not fit.
//! let error = experiment.start().map(|_| ()).unwrap_err().to_string();
//! assert!(error.starts_with("sphere.toml:3:11: algorithm.de.population_size: expected"), "{error}");
//! ```

pub(crate) mod document;
mod mistakes;
pub(crate) mod names;
mod resolved;
pub(crate) mod values;

pub use mistakes::{Mistake, Mistakes, Place};
pub(crate) use resolved::{drift, level};

use crate::{
    checkpoint::fingerprint,
    error::{Error, Result},
    problem::{AnyAlgorithm, Bound, OpenError, Opened, Problem, Surroundings},
    record::Data,
    registry::{AnyNetwork, Registry, Table, Takes},
    session::{Facts, Session},
    settings::RunSettings,
};
use document::{Document, Override, Places};
use evolvent_core::{Auto, Interface, RunKey, Violations};
use std::{
    hash::{BuildHasher, Hasher},
    path::{Path, PathBuf},
};
use toml::{
    Spanned,
    de::{DeString, DeTable, DeValue},
};

/// An experiment that was read: every name known, every value of the right type.
pub struct Experiment {
    /// The text as given.
    pub text: String,
    /// Settings that were laid over it.
    pub overrides: Vec<String>,
    /// The table `[run]`.
    pub run: RunSettings,
    /// The root seed: the given one, or the one that was drawn.
    pub seed: u64,
    pub(crate) problem: Part<dyn Problem>,
    pub(crate) network: Option<Part<dyn AnyNetwork>>,
    pub(crate) algorithm: Part<dyn AnyAlgorithm>,
    /// What a resolved file says about the run that wrote it.
    pub(crate) written_by: Option<resolved::Provenance>,
    base: Option<PathBuf>,
    places: Places,
    /// What is out of range in `[run]`. Reported with all else that is out of range.
    out_of_range: Vec<Mistake>,
    /// The same problem with its default settings, if it has any.
    stand_in: Option<Box<dyn Problem>>,
}

/// A named table that was read.
pub(crate) struct Part<T: ?Sized> {
    pub(crate) name: String,
    /// Where it stands: `problem.environment` may hold `cart_pole`.
    path: String,
    pub(crate) settings: Box<T>,
}

/// A task that is ready, and the facts that a champion keeps of it.
pub(crate) struct Ready {
    pub(crate) bound: Box<dyn Bound>,
    pub(crate) interface: Option<Interface>,
    /// Checksum of the data, where the problem has any.
    pub(crate) checksum: Option<String>,
    /// The data, where the problem has any.
    pub(crate) data: Option<Data>,
}

/// An experiment that has begun, and the facts beside it.
pub(crate) struct Begun {
    pub(crate) session: Box<dyn Session>,
    pub(crate) interface: Option<Interface>,
    pub(crate) checksum: Option<String>,
    pub(crate) data: Option<Data>,
}

/// What is known of an experiment before it runs.
#[derive(Clone, Debug)]
pub struct Checked {
    /// Genome, objectives and constraints.
    pub facts: Facts,
    /// The data set, if the problem is one.
    pub data: Option<Data>,
}

const TABLES: [&str; 5] = ["problem", "network", "algorithm", "run", "resolved"];

impl Experiment {
    /// Reads an experiment file. Relative paths in it are relative to its directory.
    ///
    /// # Errors
    /// If it cannot be read, or [`Experiment::parse`] fails.
    pub fn load(registry: &Registry, path: &Path, overrides: &[String]) -> Result<Experiment> {
        let text = std::fs::read_to_string(path).map_err(Error::reading(path, "an experiment file"))?;
        let mut experiment = Experiment::parse(registry, &path.display().to_string(), &text, overrides)?;
        // A resolved file says itself where its paths start.
        experiment.base = experiment.base.or_else(|| path.parent().map(Path::to_path_buf));
        Ok(experiment)
    }

    /// Reads the text of an experiment file called `file`, with `overrides` (`algorithm.open_es.sigma=0.1`) laid over
    /// it. Relative paths in it are relative to the working directory.
    ///
    /// # Errors
    /// All mistakes at once, each with its place.
    pub fn parse(registry: &Registry, file: &str, text: &str, overrides: &[String]) -> Result<Experiment> {
        let laid: Vec<Override> = overrides.iter().map(|o| Override::new(o)).collect();
        let document = Document::parse(file, text, &laid)?;
        let places = document.places();
        let reader = Reader { registry, root: &document.root, places: &places };
        reader.read(text, overrides).map_err(|list| document.sources().mistakes(list).into())
    }

    /// Where relative paths in the file start from.
    pub fn with_base(mut self, base: Option<PathBuf>) -> Experiment {
        self.base = base;
        self
    }

    /// The directory that relative paths start from; `None` for the working directory.
    pub fn base(&self) -> Option<&Path> {
        self.base.as_deref()
    }

    /// Name of the problem.
    pub fn problem_name(&self) -> &str {
        &self.problem.name
    }

    /// Name of the network, if there is one.
    pub fn network_name(&self) -> Option<&str> {
        self.network.as_ref().map(|n| n.name.as_str())
    }

    /// Name of the algorithm.
    pub fn algorithm_name(&self) -> &str {
        &self.algorithm.name
    }

    /// What a code of the algorithm's operators means.
    pub fn operator(&self, code: u8) -> String {
        self.algorithm.settings.operator(code)
    }

    /// The root of the run's randomness.
    pub fn key(&self) -> RunKey {
        RunKey::from_seed(self.seed)
    }

    /// What a checkpoint of this experiment must have been made by: problem, network, algorithm, seed, and whatever else
    /// decides on a bit of the records. Budgets may differ.
    pub(crate) fn fingerprint(&self) -> Result<String> {
        let mut tables = self.tables()?;
        let mut run = self.tables_of_run()?;
        for key in resolved::CHANGEABLE {
            run.remove(*key);
        }
        tables.insert("run".into(), toml::Value::Table(run));
        Ok(fingerprint(&serde_json::to_string(&tables).unwrap_or_default()))
    }

    /// Opens problem and network and binds them.
    ///
    /// # Errors
    /// Settings out of range, with their places; data that cannot be had.
    pub(crate) fn open(&self) -> Result<Ready> {
        let surroundings = Surroundings { key: self.key(), base: self.base.clone() };
        let opened = self.problem.settings.open(&surroundings).map_err(|e| match e {
            OpenError::Settings(violations) => self.violations(&self.problem.path, &violations),
            OpenError::Other(error) => error,
        })?;
        match (opened, &self.network) {
            (Opened::Direct(bound), _) => Ok(Ready { bound, interface: None, checksum: None, data: None }),
            (Opened::Networks(task), Some(network)) => {
                let (interface, checksum, data) = (task.interface(), task.checksum(), task.data());
                network.settings.check(&interface).map_err(|v| self.violations(&network.path, &v))?;
                let bound =
                    network.settings.bind(task).map_err(|v| self.violations(&self.problem.path, &v))?;
                Ok(Ready { bound, interface: Some(interface), checksum, data })
            }
            // Reading has seen to it that a problem for networks has one.
            (Opened::Networks(_), None) => Err(self.violations(
                "network",
                &Violations::one("", "none", "a network, because this problem is shown to networks"),
            )),
        }
    }

    /// Checks everything that reading could not, and begins.
    ///
    /// # Errors
    /// Settings out of range or at odds with each other, with their places; data that cannot be had.
    pub fn start(&self) -> Result<Box<dyn Session>> {
        self.begin().map(|begun| begun.session)
    }

    /// Checks everything that reading could not, and says what is known.
    ///
    /// # Errors
    /// As for [`Experiment::start`].
    pub fn check(&self) -> Result<Checked> {
        self.begin().map(|begun| Checked { facts: begun.session.facts(), data: begun.data })
    }

    /// [`Experiment::start`], with the facts beside the session.
    pub(crate) fn begin(&self) -> Result<Begun> {
        let begun = self.open().and_then(|Ready { bound, interface, checksum, data }| {
            Ok(Begun { session: self.start_bound(bound)?, interface, checksum, data })
        });
        let mut list = self.out_of_range.clone();
        match begun {
            Ok(begun) if list.is_empty() => return Ok(begun),
            Err(Error::Experiment(found)) => {
                let problem = found.list.iter().any(|mistake| mistake.path.starts_with(&self.problem.path));
                list.extend(found.list);
                if problem {
                    list.extend(self.mistakes_behind_the_problem());
                }
            }
            Err(error) if list.is_empty() => return Err(error),
            Ok(_) | Err(_) => {}
        }
        Err(self.places.sources().mistakes(list).into())
    }

    /// What is wrong with network and algorithm where the problem's own mistakes keep it from being opened: they are
    /// tried on the problem with its default settings, and what may be due to those is left out.
    fn mistakes_behind_the_problem(&self) -> Vec<Mistake> {
        let surroundings = Surroundings { key: self.key(), base: self.base.clone() };
        let Some(Ok(opened)) = self.stand_in.as_ref().map(|problem| problem.open(&surroundings)) else {
            return Vec::new();
        };
        let bound = match (opened, &self.network) {
            (Opened::Direct(bound), _) => bound,
            (Opened::Networks(task), Some(network)) => {
                if let Err(violations) = network.settings.check(&task.interface()) {
                    return self.places.violations(&network.path, &violations);
                }
                let Ok(bound) = network.settings.bind(task) else { return Vec::new() };
                bound
            }
            (Opened::Networks(_), None) => return Vec::new(),
        };
        let Err(mut violations) = bound.start(self.algorithm.settings.as_ref(), self.key()) else {
            return Vec::new();
        };
        let of_the_problem = [
            "objectives",
            "constraints",
            "descriptors",
            "gradients",
            "sensitivities",
            "bounds",
            "genes",
            "start",
        ];
        violations
            .0
            .retain(|v| !v.path.is_empty() && !of_the_problem.iter().any(|name| v.path.starts_with(name)));
        self.places.violations(&self.algorithm.path, &violations)
    }

    fn start_bound(&self, bound: Box<dyn Bound>) -> Result<Box<dyn Session>> {
        let session = bound
            .start(self.algorithm.settings.as_ref(), self.key())
            .map_err(|v| self.violations(&self.algorithm.path, &v))?;
        let facts = session.facts();
        if self.run.target.get().is_some() && facts.senses.len() > 1 {
            let mut v = Violations::new();
            let found = format!("a target for {} objectives", facts.senses.len());
            v.add_with_hint(
                "target",
                found,
                "no target, or a problem with one objective",
                "give a budget instead",
            );
            return Err(self.violations("run", &v));
        }
        Ok(session)
    }

    fn violations(&self, prefix: &str, violations: &Violations) -> Error {
        let list = self.places.violations(prefix, violations);
        self.places.sources().mistakes(list).into()
    }
}

/// Reads the tables of a document.
struct Reader<'a> {
    registry: &'a Registry,
    root: &'a DeTable<'a>,
    places: &'a Places,
}

/// `[section.NAME]` before its name is looked up.
struct Named<'a> {
    name: String,
    path: String,
    value: &'a Spanned<DeValue<'a>>,
}

impl<'a> Reader<'a> {
    fn read(&self, text: &str, overrides: &[String]) -> Result<Experiment, Vec<Mistake>> {
        let mut list = Vec::new();
        for key in self.root.keys() {
            let name: &DeString<'_> = key.get_ref();
            if !TABLES.contains(&name.as_ref()) {
                let (_, hint) = names::unknown("table", name, &TABLES[..4]);
                let message = format!("no table is called `{name}`");
                let mistake = self.places.sources().mistake(name, Some(key.span()), message);
                list.push(Mistake { hint, ..mistake });
            }
        }
        let (run, out_of_range) = keep(self.run(), &mut list).unzip();
        let problem = keep(self.problem(), &mut list);
        let network =
            keep(self.network(problem.as_ref().map(|(p, takes)| (p.name.as_str(), *takes))), &mut list);
        // Without the other two, what the algorithm must evolve is not known; its own table is read all the same.
        let kind = match (&problem, &network) {
            (Some((_, Takes::Genomes(kind))), _) => Some(*kind),
            (_, Some(Some(network))) => Some(network.settings.kind()),
            _ => None,
        };
        let maker = network
            .as_ref()
            .and_then(Option::as_ref)
            .map(|n: &Part<dyn AnyNetwork>| format!("network.{}", n.name));
        let maker = maker.or_else(|| problem.as_ref().map(|(p, _)| format!("problem.{}", p.name)));
        let algorithm = keep(self.algorithm(kind, maker.as_deref().unwrap_or("the problem")), &mut list);
        let written_by = resolved::Provenance::read(self.root);
        let (Some(run), Some((problem, _)), Some(network), Some(algorithm), true) =
            (run, problem, network, algorithm, list.is_empty())
        else {
            list.extend(out_of_range.unwrap_or_default());
            return Err(list);
        };
        let seed = run.seed.or(draw_seed);
        let entry = self.registry.problems.iter().find(|entry| entry.name == problem.name);
        let stand_in = entry.and_then(|entry| {
            let value = Spanned::new(0..0, DeValue::Table(DeTable::new()));
            (entry.read)(&Table { value, path: problem.path.clone(), places: self.places }).ok()
        });
        Ok(Experiment {
            stand_in,
            out_of_range: out_of_range.unwrap_or_default(),
            text: text.into(),
            overrides: overrides.to_vec(),
            run,
            seed,
            problem,
            network,
            algorithm,
            base: written_by.as_ref().and_then(|w| w.base.clone()).map(PathBuf::from),
            written_by,
            places: self.places.clone(),
        })
    }

    fn mistake(&self, path: &str, message: String, hint: Option<String>) -> Vec<Mistake> {
        let mistake = self.places.sources().mistake(path, self.places.find(path), message);
        vec![Mistake { hint, ..mistake }]
    }

    /// The one table below a section.
    fn named(&self, section: &str, example: &str) -> Result<Option<Named<'a>>, Vec<Mistake>> {
        let Some(value) = self.root.get(section) else { return Ok(None) };
        let hint = || Some(format!("write [{section}.{example}]"));
        let DeValue::Table(table) = value.get_ref() else {
            let message =
                format!("expected a table [{section}.NAME], found {}", article(value.get_ref().type_str()));
            return Err(self.mistake(section, message, hint()));
        };
        // `name = "open_es"`: one mistake, whatever else stands beside it.
        if let Some((key, value)) = table.iter().find(|(_, value)| !value.get_ref().is_table()) {
            let message =
                format!("expected a table [{section}.NAME], found {}", article(value.get_ref().type_str()));
            let meant = value.get_ref().as_str().filter(|name| {
                !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            });
            let hint = meant.map_or_else(hint, |name| Some(format!("write [{section}.{name}]")));
            return Err(self.mistake(&format!("{section}.{}", key.get_ref()), message, hint));
        }
        let mut entries = table.iter();
        match (entries.next(), entries.next()) {
            (Some((key, value)), None) => {
                let name = key.get_ref().to_string();
                Ok(Some(Named { path: format!("{section}.{name}"), name, value }))
            }
            (None, _) => {
                let message = format!("expected a table [{section}.NAME], found nothing in [{section}]");
                Err(self.mistake(section, message, hint()))
            }
            (Some((first, _)), Some(_)) => {
                let several: Vec<&str> = table.keys().map(|k| k.get_ref().as_ref()).collect();
                let mut list = Vec::new();
                for key in table.keys().skip(1) {
                    let path = format!("{section}.{}", key.get_ref());
                    let message = format!("expected one {section}, found {}", several.join(", "));
                    let mistake = self.places.sources().mistake(&path, Some(key.span()), message);
                    let mut hint = format!("keep `{}` or this one", first.get_ref());
                    if self.places.sources().is_override(&key.span()) {
                        hint += &format!(
                            "; --set '{section}={{{}={{…}}}}' replaces what is there",
                            key.get_ref()
                        );
                    }
                    list.push(Mistake { hint: Some(hint), ..mistake });
                }
                Err(list)
            }
        }
    }

    fn table(&self, named: &Named<'a>) -> Table<'a> {
        Table { value: named.value.clone(), path: named.path.clone(), places: self.places }
    }

    /// The table `[run]`, and what in it is out of range.
    fn run(&self) -> Result<(RunSettings, Vec<Mistake>), Vec<Mistake>> {
        let empty = Spanned::new(0..0, DeValue::Table(DeTable::new()));
        let value = self.root.get("run").unwrap_or(&empty).clone();
        let run: RunSettings = Table { value, path: "run".into(), places: self.places }.read()?;
        let out_of_range = run.check().err().map(|v| self.places.violations("run", &v));
        Ok((run, out_of_range.unwrap_or_default()))
    }

    fn problem(&self) -> Result<(Part<dyn Problem>, Takes), Vec<Mistake>> {
        let Some(named) = self.named("problem", "cart_pole")? else {
            let hint = Some("for example [problem.cart_pole]; `evolvent list problems` shows all".into());
            return Err(self.mistake("problem", "expected a table [problem.NAME], found none".into(), hint));
        };
        if named.name == "environment" {
            return self.environment(&named);
        }
        let Some(entry) = self.registry.problems.iter().find(|p| p.name == named.name) else {
            let mut known: Vec<&str> = self.registry.problems.iter().map(|p| p.name.as_str()).collect();
            known.push("environment");
            return Err(self.unknown("problem", &named, &known));
        };
        let settings = (entry.read)(&self.table(&named))?;
        Ok((Part { name: entry.name.clone(), path: named.path, settings }, entry.takes))
    }

    /// `[problem.environment]` with Gymnasium's id.
    fn environment(&self, named: &Named<'a>) -> Result<(Part<dyn Problem>, Takes), Vec<Mistake>> {
        let (own, rest) = self.table(named).split(&["id".to_owned()]);
        let ids: Vec<&str> = self.registry.problems.iter().filter_map(|p| p.id).collect();
        let id = match own.value.get_ref() {
            DeValue::Table(table) => table.get("id").and_then(|v| v.get_ref().as_str().map(str::to_owned)),
            _ => None,
        };
        let path = format!("{}.id", named.path);
        let Some(id) = id else {
            let hint = Some(format!("known: {}", ids.join(", ")));
            return Err(self.mistake(&path, "expected an environment's id as a string".into(), hint));
        };
        let Some(entry) = self.registry.by_id(&id) else {
            let (message, hint) = names::unknown("environment", &id, &ids);
            return Err(self.mistake(&path, message, hint));
        };
        let settings = (entry.read)(&rest)?;
        Ok((Part { name: entry.name.clone(), path: named.path.clone(), settings }, entry.takes))
    }

    fn network(&self, problem: Option<(&str, Takes)>) -> Result<Option<Part<dyn AnyNetwork>>, Vec<Mistake>> {
        let Some(named) = self.named("network", "dense")? else {
            if let Some((problem, Takes::Networks)) = problem {
                let known: Vec<&str> = self.registry.networks.iter().map(|n| n.name).collect();
                let message = format!("`{problem}` is shown to networks, and there is none");
                let hint = Some(format!("add [network.dense]; known: {}", known.join(", ")));
                return Err(self.mistake("problem", message, hint));
            }
            return Ok(None);
        };
        let Some(entry) = self.registry.networks.iter().find(|n| n.name == named.name) else {
            let known: Vec<&str> = self.registry.networks.iter().map(|n| n.name).collect();
            return Err(self.unknown("network", &named, &known));
        };
        let settings = (entry.read)(&self.table(&named))?;
        if let Some((problem, Takes::Genomes(kind))) = problem {
            let message =
                format!("`{problem}` measures genomes of kind `{kind}` as they are, without a network");
            return Err(self.mistake(&named.path, message, Some(format!("remove [{}]", named.path))));
        }
        Ok(Some(Part { name: entry.name.into(), path: named.path, settings }))
    }

    fn algorithm(&self, kind: Option<&str>, maker: &str) -> Result<Part<dyn AnyAlgorithm>, Vec<Mistake>> {
        let Some(named) = self.named("algorithm", "open_es")? else {
            let hint = Some("for example [algorithm.open_es]; `evolvent list algorithms` shows all".into());
            return Err(self.mistake(
                "algorithm",
                "expected a table [algorithm.NAME], found none".into(),
                hint,
            ));
        };
        let of_that_name: Vec<_> = self.registry.algorithms.iter().filter(|a| a.name == named.name).collect();
        let Some(first) = of_that_name.first() else {
            let mut known: Vec<&str> = self.registry.algorithms.iter().map(|a| a.name).collect();
            known.dedup();
            known.sort_unstable();
            known.dedup();
            return Err(self.unknown("algorithm", &named, &known));
        };
        let fitting = kind.map_or(Some(first), |kind| of_that_name.iter().find(|a| a.kind == kind));
        let Some(entry) = fitting else {
            let kind = kind.unwrap_or_default();
            let own: Vec<String> = of_that_name.iter().map(|a| format!("`{}`", a.kind)).collect();
            let fits = self.registry.algorithms.iter().filter(|a| a.kind == kind).map(|a| a.name);
            let networks =
                self.registry.networks.iter().filter(|n| of_that_name.iter().any(|a| a.kind == n.kind));
            let networks: Vec<&str> = networks.map(|n| n.name).collect();
            let message = format!(
                "`{}` evolves genomes of kind {}, and `{maker}` needs genomes of kind `{kind}`",
                named.name,
                own.join(" and ")
            );
            let mut hint = format!("algorithms that fit: {}", fits.collect::<Vec<_>>().join(", "));
            if !networks.is_empty() && maker.starts_with("network.") {
                hint.push_str(&format!("; networks that fit `{}`: {}", named.name, networks.join(", ")));
            }
            return Err(self.mistake(&named.path, message, Some(hint)));
        };
        let settings = (entry.read)(&self.table(&named))?;
        Ok(Part { name: entry.name.into(), path: named.path, settings })
    }

    fn unknown(&self, what: &str, named: &Named<'a>, known: &[&str]) -> Vec<Mistake> {
        let (message, hint) = names::unknown(what, &named.name, known);
        self.mistake(&named.path, message, hint)
    }
}

fn article(kind: &str) -> String {
    let vowel = kind.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {kind}", if vowel { "an" } else { "a" })
}

fn keep<T>(result: Result<T, Vec<Mistake>>, list: &mut Vec<Mistake>) -> Option<T> {
    result.map_err(|mistakes| list.extend(mistakes)).ok()
}

/// A seed from the operating system's entropy, short enough to be typed.
fn draw_seed() -> u64 {
    std::collections::hash_map::RandomState::new().build_hasher().finish() >> 32
}

impl RunSettings {
    /// The settings with the seed that was drawn.
    pub(crate) fn with_seed(&self, seed: u64) -> RunSettings {
        RunSettings { seed: Auto::Value(seed), ..self.clone() }
    }
}

#[cfg(test)]
mod tests;
