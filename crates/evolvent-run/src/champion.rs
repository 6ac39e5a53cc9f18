//! The champion of a run: its best genome as data, with everything needed to run it again.
//!
//! `champion.json` says what it is and how good; its long arrays, and those of the front, are in
//! `champion.safetensors` in the format of checkpoints.

use crate::{
    checkpoint::{Lifted, Tree, decode, encode, seal, unseal},
    error::{Error, Result},
    experiment::Experiment,
    json,
    problem::Bound,
    record::{Data, Estimate, RECORD_VERSION},
    registry::Registry,
    run_dir::{RunDir, draft_path, write_together},
    session::{Judged, Laurels},
};
use evolvent_core::{Genome, Interface, TreeError};
use evolvent_neat::Graph;
use evolvent_nets::{Depiction, Program};
use safetensors::SafeTensors;
use serde_json::{Map, Value, json};
use std::fs;

/// A saved champion.
#[derive(Clone, Debug)]
pub struct Champion {
    /// The genome.
    pub genome: Tree,
    /// The evaluator's state when it was found: the observation normaliser is in there.
    pub evaluator: Tree,
    /// Kind of the genome.
    pub kind: String,
    /// After which generation it was found.
    pub generation: u64,
    /// Its id in the lineage, if the algorithm keeps one.
    pub id: Option<u64>,
    /// What it was chosen by.
    pub validation: Estimate,
    /// What it is reported on.
    pub test: Estimate,
    /// Further numbers on the test episodes or data, by name.
    pub metrics: Vec<(String, f64)>,
    /// What the network is shown and must answer; `None` if the genome is evaluated directly.
    pub interface: Option<Interface>,
}

/// What a champion's file says beside the champion.
pub(crate) struct Context<'a> {
    pub(crate) experiment: &'a Experiment,
    pub(crate) kind: &'a str,
    pub(crate) interface: Option<&'a Interface>,
    pub(crate) data: Option<&'a Data>,
}

/// Writes both files, each whole or not at all.
pub(crate) fn save(dir: &RunDir, laurels: &Laurels, test: &Judged, context: &Context<'_>) -> Result<()> {
    let path = dir.champion_json();
    let invalid = |why: String| Error::Io {
        action: "write",
        path: path.clone(),
        source: std::io::Error::new(std::io::ErrorKind::InvalidData, why),
    };
    let mut lifted = Lifted::default();
    let genome = encode(&laurels.genome, "genome", &mut lifted).map_err(invalid)?;
    let evaluator = encode(&laurels.evaluator, "evaluator", &mut lifted).map_err(invalid)?;
    let mut front = Vec::new();
    for (i, (objectives, violation, genome)) in laurels.front.iter().flatten().enumerate() {
        let genome = encode(genome, &format!("front.{i}"), &mut lifted).map_err(invalid)?;
        front.push(json!({ "objectives": objectives, "violation": violation, "genome": genome }));
    }
    let tables = context.experiment.tables()?;
    let mut champion = Map::new();
    let mut put = |key: &str, value: Value| {
        champion.insert(key.into(), value);
    };
    put("format", RECORD_VERSION.into());
    put("evolvent", env!("CARGO_PKG_VERSION").into());
    put("kind", context.kind.into());
    put("seed", context.experiment.seed.into());
    put("generation", laurels.generation.into());
    put("id", json!(laurels.id));
    put("validation", json::value_of(&laurels.validation));
    put("test", json!(test.score));
    put("metrics", test.metrics.iter().map(|(k, v)| (k.clone(), json!(v))).collect::<Map<_, _>>().into());
    put("experiment", json!(tables));
    put("interface", context.interface.map_or(Value::Null, json::value_of));
    if let Some(data) = context.data {
        put("data", json::value_of(data));
    }
    let arrays_path = dir.champion_arrays();
    let draft = draft_path(&arrays_path);
    let described = lifted.write(&draft).map_err(Error::io("write", &arrays_path)).and_then(|arrays| {
        let arrays = json!({ "bytes": arrays.bytes, "checksum": arrays.checksum });
        champion.extend(
            [("arrays", arrays), ("genome", genome), ("evaluator", evaluator)].map(|(k, v)| (k.into(), v)),
        );
        if laurels.front.is_some() {
            champion.insert("front".into(), front.into());
        }
        seal(&Value::Object(champion), true).map_err(invalid)
    });
    if described.is_err() {
        drop(fs::remove_file(&draft));
    }
    write_together(&[(&arrays_path, None), (&path, Some(&described?))])
}

impl Champion {
    /// Reads the champion of a run.
    ///
    /// # Errors
    /// If there is none, or its files are incomplete, changed or by a later version.
    pub fn load(dir: &RunDir) -> Result<Champion> {
        let path = dir.champion_json();
        let bytes = fs::read(&path).map_err(Error::reading(&path, "the champion of a finished run"))?;
        let wrong = |found: String| Error::input(path.display(), "the description of a champion", found);
        let value = unseal(&bytes).map_err(wrong)?;
        if value["format"].as_u64().is_none_or(|f| f == 0 || f > u64::from(RECORD_VERSION)) {
            let found = format!("version {} (evolvent {})", value["format"], value["evolvent"]);
            return Err(Error::input(
                path.display(),
                format!("a champion of version {RECORD_VERSION}"),
                found,
            ));
        }
        let arrays_path = dir.champion_arrays();
        let arrays =
            fs::read(&arrays_path).map_err(Error::reading(&arrays_path, "the arrays of a champion"))?;
        if value["arrays"]["checksum"].as_str() != Some(&crate::checkpoint::hex(&arrays)) {
            let found = "bytes that do not match their checksum: it is cut short or was changed";
            return Err(Error::input(arrays_path.display(), "the arrays of a champion", found)
                .with_hint("`evolvent resume` writes the champion of a run that is over again"));
        }
        let arrays = SafeTensors::deserialize(&arrays)
            .map_err(|e| Error::input(arrays_path.display(), "the arrays of a champion", e.to_string()))?;
        let tree = |key: &str| decode(&value[key], &arrays, key).map_err(wrong);
        let field = |key: &str| value[key].clone();
        let part = |key: &str, e: String| wrong(format!("{key}: {e}"));
        Ok(Champion {
            genome: tree("genome")?,
            evaluator: tree("evaluator")?,
            kind: field("kind").as_str().unwrap_or_default().into(),
            generation: value["generation"].as_u64().unwrap_or_default(),
            id: value["id"].as_u64(),
            validation: json::read_value(&value["validation"]).map_err(|e| part("validation", e))?,
            test: json::read_value(&value["test"]).map_err(|e| part("test", e))?,
            metrics: value["metrics"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(name, v)| (name.clone(), v.as_f64().unwrap_or(f64::NAN)))
                .collect(),
            interface: json::read_value(&value["interface"]).map_err(|e| part("interface", e))?,
        })
    }

    /// The champion's genome as a graph, and how many of its sources are inputs.
    ///
    /// # Errors
    /// If it is a genome of another kind.
    pub fn graph(&self) -> Result<(Graph, usize)> {
        let found = |found: String| {
            Error::input("champion.json", "a genome of kind `graph`, which can be drawn", found)
                .with_hint("other networks can be exported as onnx, json or latex")
        };
        if self.kind != Graph::KIND {
            return Err(found(format!("one of kind `{}`", self.kind)));
        }
        let graph: Graph = self.genome.read().map_err(|e| found(e.to_string()))?;
        graph.check().map_err(found)?;
        let sources = graph.structure.sources as usize;
        let inputs = self.interface.as_ref().map_or(sources, Interface::inputs).min(sources);
        Ok((graph, inputs))
    }

    /// The champion as a program for export, normaliser and head inside.
    ///
    /// # Errors
    /// If the run's files do not fit each other, or its genome is no network.
    pub fn program(&self, registry: &Registry, dir: &RunDir) -> Result<Program> {
        self.program_with(registry, dir, &[])
    }

    /// [`Champion::program`] with settings laid over the run's own, as `run --set` takes them: an indirectly encoded network
    /// can be written at a higher resolution.
    ///
    /// # Errors
    /// As there, and settings that do not fit.
    pub fn program_with(&self, registry: &Registry, dir: &RunDir, overrides: &[String]) -> Result<Program> {
        let path = dir.champion_json();
        let program =
            self.ask(registry, dir, overrides, |bound| bound.program(&self.genome, &self.evaluator))?;
        program.ok_or_else(|| {
            Error::input(path.display(), "a network to export", format!("a genome of kind `{}`", self.kind))
                .with_hint("`--format json` writes its numbers")
        })
    }

    /// A picture of the champion's network, settings laid over the run's own as for [`Champion::program_with`]; `None` if its
    /// neurons have no places.
    ///
    /// # Errors
    /// As there, and a picture that does not fit the network.
    pub fn depict(
        &self,
        registry: &Registry,
        dir: &RunDir,
        overrides: &[String],
        what: &Depiction,
    ) -> Result<Option<String>> {
        self.ask(registry, dir, overrides, |bound| bound.depict(&self.genome, &self.evaluator, what))
    }

    /// Asks the run's own task about the champion.
    fn ask<T>(
        &self,
        registry: &Registry,
        dir: &RunDir,
        overrides: &[String],
        question: impl Fn(&dyn Bound) -> Result<T, TreeError>,
    ) -> Result<T> {
        let experiment = Experiment::load(registry, &dir.resolved(), overrides)?;
        let ready = experiment.open()?;
        let path = dir.champion_json();
        question(&*ready.bound)
            .map_err(|e| Error::input(path.display(), "a champion of this experiment", e.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run_dir::Destination;

    /// What stands in the draft's place leads to a directory, which takes no arrays.
    #[cfg(unix)]
    #[test]
    fn no_draft_is_left_where_the_arrays_cannot_be_written() {
        let base = tempfile::tempdir().unwrap();
        let dir = RunDir::create(&Destination::Given(base.path().join("run")), "", "").unwrap();
        let draft = draft_path(&dir.champion_arrays());
        std::os::unix::fs::symlink(base.path(), &draft).unwrap();
        let text = "[problem.sphere]\n[algorithm.ga]\n[run]\ngenerations = 1\nseed = 1\n";
        let experiment = Experiment::parse(&Registry::builtin(), "", text, &[]).unwrap();
        let score = Estimate::default();
        let laurels = Laurels {
            genome: Tree::of(&vec![0.5f32; 64]).unwrap(),
            id: None,
            evaluator: Tree::Null,
            generation: 1,
            validation: score.clone(),
            front: None,
        };
        let test = Judged {
            score,
            loss: 0.0,
            cost: Default::default(),
            failure: None,
            metrics: Vec::new(),
            champion: true,
        };
        let context = Context { experiment: &experiment, kind: "vector", interface: None, data: None };
        let error = save(&dir, &laurels, &test, &context).unwrap_err();
        assert!(error.to_string().contains("champion.safetensors"), "{error}");
        assert!(fs::symlink_metadata(&draft).is_err(), "the draft is gone");
        assert!(!dir.champion_arrays().exists() && !dir.champion_json().exists());
        save(&dir, &laurels, &test, &context).unwrap();
        assert_eq!(Champion::load(&dir).unwrap().genome, laurels.genome);
    }
}
