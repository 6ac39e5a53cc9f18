//! The resolved file: an experiment with everything filled in, as it was run.

use super::Experiment;
use super::values::{self, tree_of};
use crate::{
    error::{Error, Result},
    session::Facts,
};
use evolvent_math::kernels::{BITS_VERSION, Drift, NumericLevel, numeric_level, verify};
use serde::{Deserialize, Serialize};
use toml::{Table, Value, de::DeTable};

/// Keys of `[run]` that may be changed when a run is resumed. No training record depends on them before they apply. Which
/// generations are validated does depend on `target` (more often near it), so a run whose target is changed on the way has
/// the training records of one that had it from the beginning, but not all its validations.
pub(crate) const CHANGEABLE: &[&str] = &[
    "generations",
    "evaluations",
    "episodes",
    "steps",
    "seconds",
    "target",
    "threads",
    "checkpoint_interval",
    "tensorboard",
];

/// The table `[resolved]`: what wrote the file, and what followed from the settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Provenance {
    /// Version of the program.
    pub(crate) evolvent: String,
    /// The numeric level: version of the kernels' bits, or `none` on a machine that keeps none.
    pub(crate) numeric_level: String,
    /// The instruction set that the run began on.
    pub(crate) instruction_set: String,
    /// Kind of genome.
    pub(crate) genome: String,
    /// Number of genes, where the kind has a fixed number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) dimension: Option<u64>,
    /// The directory that relative paths are relative to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) base: Option<String>,
    /// Settings that were laid over the file as given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) overrides: Vec<String>,
}

/// The numeric level that this program keeps on this machine: equal levels have equal bits. A machine whose kernels do
/// not give the committed results keeps none.
pub(crate) fn level() -> String {
    level_of(&verify())
}

/// What is recorded where no level is kept.
const NO_LEVEL: &str = "none";

fn level_of(verified: &Result<NumericLevel, Drift>) -> String {
    verified.as_ref().map_or_else(|_| NO_LEVEL.into(), |_| format!("bits-{BITS_VERSION}"))
}

/// Why this machine keeps no level, if it keeps none.
pub(crate) fn drift() -> Option<String> {
    verify().err().map(|drift| drift.to_string())
}

impl Provenance {
    /// The table of a document, if it has one that can be read. It is no setting, so nothing is required of it.
    pub(super) fn read(root: &DeTable<'_>) -> Option<Provenance> {
        tree_of(root.get("resolved")?.get_ref()).read().ok()
    }
}

impl Experiment {
    /// `problem`, `network` and `algorithm` with every default filled in.
    pub(crate) fn tables(&self) -> Result<Table> {
        let mut tables = Table::new();
        let mut add = |section: &str, name: &str, settings: Result<Table, toml::ser::Error>| -> Result<()> {
            let settings = settings.map_err(|e| unwritable(section, name, &e))?;
            let table = Table::from_iter([(name.to_owned(), Value::Table(settings))]);
            tables.insert(section.into(), Value::Table(table));
            Ok(())
        };
        add("problem", &self.problem.name, self.problem.settings.settings())?;
        if let Some(network) = &self.network {
            add("network", &network.name, network.settings.settings())?;
        }
        add("algorithm", &self.algorithm.name, self.algorithm.settings.settings())?;
        Ok(tables)
    }

    pub(crate) fn tables_of_run(&self) -> Result<Table> {
        values::table(&self.run.with_seed(self.seed)).map_err(|e| unwritable("run", "", &e))
    }

    /// The resolved file: can be run and resumed, and gives the same run.
    ///
    /// # Errors
    /// If a setting cannot be written as TOML.
    pub fn resolved(&self, facts: &Facts) -> Result<String> {
        let absolute = |base: &std::path::Path| std::path::absolute(base).ok()?.to_str().map(str::to_owned);
        let base = match &self.written_by {
            Some(first) => first.base.clone(),
            // The folder of a bare name is empty: it is the working directory.
            None => absolute(self.base().filter(|base| !base.as_os_str().is_empty()).unwrap_or(".".as_ref())),
        };
        let own = Provenance {
            evolvent: env!("CARGO_PKG_VERSION").into(),
            numeric_level: level(),
            instruction_set: numeric_level().name().into(),
            genome: facts.kind.into(),
            dimension: facts.dimension,
            base,
            overrides: self.overrides.clone(),
        };
        let mut tables = self.tables()?;
        tables.insert("run".into(), Value::Table(self.tables_of_run()?));
        let own = values::table(&own).map_err(|e| unwritable("resolved", "", &e))?;
        tables.insert("resolved".into(), Value::Table(own));
        let text = toml::to_string(&tables).map_err(|e| unwritable("resolved", "", &e))?;
        Ok(format!("# The experiment with everything filled in; it can be run again.\n\n{text}"))
    }
}

fn unwritable(section: &str, name: &str, error: &toml::ser::Error) -> Error {
    let place = if name.is_empty() { section.to_owned() } else { format!("{section}.{name}") };
    Error::input(place, "settings that TOML can hold", error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_drifts_keeps_no_level() {
        let drift = Drift { kernel: "noise", level: NumericLevel::Scalar, expected: 1, found: 2 };
        assert_eq!(level_of(&Err(drift)), NO_LEVEL);
        assert_eq!(level_of(&Ok(NumericLevel::Scalar)), format!("bits-{BITS_VERSION}"));
        assert_eq!(
            (level(), super::drift()),
            (format!("bits-{BITS_VERSION}"), None),
            "on the machine of this test"
        );
    }
}
