//! Small experiments and what the tests look at in their run directories.

use evolvent_core::{Decoder, Evaluation, Interface, Measured, Output, RunKey, Sense, Violations};
use evolvent_neat::{Graph, GraphDecoder};
use evolvent_run::{
    Destination, Registry, Result, RunDir,
    experiment::Experiment,
    observer::Observer,
    record::Event,
    registry::{Measure, Section},
    runner::{self, Control, Summary},
};
use evolvent_tasks::Direct;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{
    fs, io,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

/// Two objectives of graphs, for the algorithms that want several: small weights, and few connections that are 1.
#[derive(Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct SmallAndUnit {}

impl Measure for SmallAndUnit {
    type Genome = Graph;
    type Evaluator = Direct<Graph>;

    fn evaluator(&self, _: RunKey) -> std::result::Result<Direct<Graph>, Violations> {
        let interface = Interface { input: vec![2], output: Output::Values(1) };
        let genes = GraphDecoder::default().genes(&interface);
        let task = Direct::genomes(genes, |graph: &Graph, _| {
            let sum =
                |centre: f32| -> f64 { graph.weights().iter().map(|w| f64::from((w - centre).abs())).sum() };
            Evaluation::measured(Measured {
                objectives: [sum(0.0), sum(1.0)].into_iter().collect(),
                ..Measured::default()
            })
        });
        Ok(task.within(|space| space.senses = vec![Sense::Minimize; 2]))
    }
}

/// What comes with Evolvent, and the problems of these tests.
pub(crate) fn registry() -> Registry {
    let mut registry = Registry::builtin();
    registry.problem::<SmallAndUnit>("small_and_unit");
    registry
}

/// Interrupts a run after so many generations of a session.
pub(crate) struct InterruptAfter<'a> {
    pub(crate) generations: u64,
    pub(crate) flag: &'a AtomicBool,
}

impl Observer for InterruptAfter<'_> {
    fn observe(&mut self, event: &Event) -> io::Result<()> {
        if let Event::Generation(_) = event {
            self.generations = self.generations.saturating_sub(1);
            if self.generations == 0 {
                self.flag.store(true, Ordering::Relaxed);
            }
        }
        Ok(())
    }
}

pub(crate) fn parse(text: &str, overrides: &[&str]) -> Result<Experiment> {
    let overrides: Vec<String> = overrides.iter().map(|o| o.to_string()).collect();
    Experiment::parse(&registry(), "x.toml", text, &overrides)
}

/// Runs to the end in `dir`.
pub(crate) fn run(text: &str, overrides: &[&str], dir: &Path) -> Result<Summary> {
    let control = Control { observers: Vec::new(), interrupt: &AtomicBool::new(false) };
    runner::run(&parse(text, overrides)?, &Destination::Given(dir.into()), control)
}

/// Runs so many generations in `dir`, then interrupts.
pub(crate) fn run_for(text: &str, generations: u64, dir: &Path) -> Summary {
    let flag = AtomicBool::new(false);
    let mut stop = InterruptAfter { generations, flag: &flag };
    let control = Control { observers: vec![&mut stop], interrupt: &flag };
    runner::run(&parse(text, &[]).unwrap(), &Destination::Given(dir.into()), control).unwrap()
}

/// Resumes to the end.
pub(crate) fn resume(dir: &Path, changes: &[&str]) -> Result<Summary> {
    let changes: Vec<String> = changes.iter().map(|o| o.to_string()).collect();
    let control = Control { observers: Vec::new(), interrupt: &AtomicBool::new(false) };
    runner::resume(&registry(), &RunDir::open(dir)?, &changes, control)
}

/// The records without what a clock produced.
pub(crate) fn records(dir: &Path) -> Vec<Value> {
    let text = fs::read_to_string(dir.join("events.jsonl")).unwrap();
    assert!(text.ends_with('\n'));
    text.lines()
        .map(|line| {
            let mut record: Value = serde_json::from_str(line).unwrap();
            assert!(record.as_object_mut().unwrap().remove("timing").is_some(), "{line}");
            record
        })
        .collect()
}

/// Everything that two runs of one experiment must agree on, to the bit.
pub(crate) fn assert_same(a: &Path, b: &Path, what: &str) {
    let (one, two) = (records(a), records(b));
    for (i, (x, y)) in one.iter().zip(&two).enumerate() {
        assert_eq!(x, y, "{what}: record {i}");
    }
    assert_eq!(one.len(), two.len(), "{what}: number of records");
    assert!(fs::read(a.join("lineage.bin")).ok() == fs::read(b.join("lineage.bin")).ok(), "{what}: lineage");
    for file in ["champion.json", "champion.safetensors"] {
        assert!(fs::read(a.join(file)).unwrap() == fs::read(b.join(file)).unwrap(), "{what}: {file}");
    }
}

/// An experiment for every registered algorithm over every kind of genome.
pub(crate) fn every_algorithm(generations: u64) -> Vec<(String, String)> {
    let registry = registry();
    let mut all = Vec::new();
    for entry in registry.list(Section::Algorithm) {
        for kind in &entry.genomes {
            let problems: &[&str] = match kind.as_str() {
                "vector" => &[
                    "[problem.sphere]\ndimension = 6",
                    "[problem.zdt1]\ndimension = 5",
                    "[problem.maze]\nmax_steps = 40\n[network.dense]\nhidden = [3]",
                ],
                "bits" => &["[problem.one_max]\nlength = 30", "[problem.lotz]\nlength = 12"],
                "graph" => &[
                    "[problem.dataset]\nsource = \"xor\"\n[network.graph]",
                    "[problem.small_and_unit]",
                    "[problem.maze]\nmax_steps = 40\n[network.graph]",
                ],
                other => panic!("no experiment for genomes of kind {other}"),
            };
            let text = |problem: &&str| {
                format!(
                    "{problem}\n[algorithm.{}]\n[run]\ngenerations = {generations}\nseed = 3\nthreads = 2\n\
                     checkpoint_interval = 3\nvalidation_interval = 4\n",
                    entry.name
                )
            };
            let fits = |text: &String| parse(text, &[]).and_then(|e| e.start()).is_ok();
            let text = problems.iter().map(text).find(fits);
            let Some(text) = text else {
                // No problem over bit strings has descriptors, and none that shows itself to graphs several objectives.
                let known = [("novelty", "bits"), ("nsga2", "graph")];
                assert!(known.contains(&(&entry.name, kind)), "{} over {kind} fits no problem", entry.name);
                continue;
            };
            all.push((format!("{} over {kind}", entry.name), text));
        }
    }
    all
}

/// A controller with everything that has a state: noise, normalisation, several episodes.
pub(crate) const CONTROLLER: &str = "[problem.pendulum]
episodes = 2
max_steps = 40
observation_normalization = true
action_noise = 0.1

[network.dense]
hidden = [6]

[algorithm.ga]
population_size = 12

[run]
generations = 12
validation_episodes = 5
seed = 11
threads = 2
checkpoint_interval = 5
";
