//! `replay` and `export`: what is done with a run's champion.

use crate::{
    Context, DONE,
    arguments::{self, ExportFormat, Picture},
    done,
    progress::{print, say},
    write_new,
};
use evolvent_nets::Depiction;
use evolvent_run::{
    Error, Result, RunDir,
    champion::Champion,
    export::{
        About, Format,
        picture::{self, Detail},
    },
    figures::significant,
    record::{Data, Event},
    replay::{self, Options, Replayed},
};
use serde_json::json;

impl Context<'_> {
    pub(crate) fn replay(&self, arguments: &arguments::Replay) -> Result<u8> {
        let dir = RunDir::open(&arguments.run_dir)?;
        let options = Options {
            episodes: arguments.episodes,
            seed: arguments.seed,
            threads: arguments.threads,
            set: &arguments.set,
        };
        let replayed = replay::replay(self.registry, &dir, &options)?;
        let passed = arguments.passing.map(|least| {
            let passes = |value: &&f64| if replayed.maximize { **value >= least } else { **value <= least };
            replayed.values.iter().filter(passes).count()
        });
        if arguments.json {
            let mut replay = as_json(&replayed);
            if let Some(passed) = passed {
                replay["passed"] = passed.into();
            }
            return done(&(replay.to_string() + "\n"));
        }
        done(&as_text(&replayed))?;
        if let (Some(passed), Some(least)) = (passed, arguments.passing) {
            let all = replayed.values.len();
            done(&format!("{passed} of {all} episodes are worth {} or better\n", significant(least, 6)))?;
        }
        if let Some(drift) = &replayed.drift {
            say(drift);
        }
        let network = Champion::load(&dir)?.interface.is_some();
        let root = dir.root().display().to_string();
        match network {
            true => self.suggest("export", &root, "--format onnx -o champion.onnx"),
            false => self.suggest("show", &root, ""),
        }
        Ok(DONE)
    }

    pub(crate) fn export(&self, arguments: &arguments::Export) -> Result<u8> {
        let dir = RunDir::open(&arguments.run_dir)?;
        let champion = Champion::load(&dir)?;
        let format = match arguments.format {
            ExportFormat::Onnx => Format::Onnx,
            ExportFormat::Safetensors => Format::Safetensors,
            ExportFormat::Json => Format::Json,
            ExportFormat::Latex => Format::Latex,
            ExportFormat::Python => Format::Python,
            ExportFormat::Rust => Format::Rust,
            ExportFormat::C => Format::C,
            ExportFormat::Dot | ExportFormat::Svg => return self.draw(&champion, &dir, arguments),
        };
        if arguments.picture != Picture::default() || arguments.from.is_some() {
            let found = format!("--picture or --from with --format {format}");
            return Err(Error::input("export", "--picture and --from with --format dot or svg", found));
        }
        if champion.interface.is_none() && format == Format::Json {
            return self.export_genome(&champion, &dir, arguments);
        }
        let program = champion.program_with(self.registry, &dir, &arguments.set)?;
        let bytes = format.write(&program, &about(&champion, &dir.read_events()?)).map_err(|error| {
            Error::input(dir.root().display(), format!("a network that {format} can hold"), error.to_string())
        })?;
        if arguments.output.as_os_str() == "-" {
            return write_bytes(&bytes);
        }
        write_new(&arguments.output, &bytes, arguments.overwrite)?;
        for port in program.inputs.iter().chain(program.states.iter().map(|state| &state.input)) {
            print(&format!("input   {}  {:?}\n", port.name, port.shape)).map_err(write_error)?;
        }
        for port in &program.outputs {
            print(&format!("output  {}  {:?}\n", port.name, port.shape)).map_err(write_error)?;
        }
        for state in &program.states {
            print(&format!("output  {}  {:?}\n", state.output, state.input.shape)).map_err(write_error)?;
        }
        self.suggest("show", &dir.root().display().to_string(), "");
        Ok(DONE)
    }

    /// A genome that is no network as plain JSON.
    fn export_genome(&self, champion: &Champion, dir: &RunDir, arguments: &arguments::Export) -> Result<u8> {
        let about: serde_json::Map<String, serde_json::Value> = about(champion, &dir.read_events()?)
            .into_iter()
            .map(|(key, value)| (key, value.into()))
            .collect();
        let genome = serde_json::to_value(&champion.genome).unwrap_or_default();
        let file =
            json!({ "format": "evolvent.genome", "kind": champion.kind, "about": about, "genome": genome });
        let text = file.to_string() + "\n";
        if arguments.output.as_os_str() == "-" {
            return write_bytes(text.as_bytes());
        }
        write_new(&arguments.output, text.as_bytes(), arguments.overwrite)?;
        self.suggest("show", &dir.root().display().to_string(), "");
        Ok(DONE)
    }

    /// The picture that was asked for.
    fn draw(&self, champion: &Champion, dir: &RunDir, arguments: &arguments::Export) -> Result<u8> {
        let svg = arguments.format == ExportFormat::Svg;
        let pattern = arguments.picture == Picture::Pattern;
        let (from, network) = (arguments.from.clone(), if svg { Depiction::Svg } else { Depiction::Dot });
        if pattern && !svg {
            return Err(Error::input("export", "--format svg for a pattern", "--format dot"));
        }
        if from.is_some() && !pattern {
            let found = "--from without it".to_string();
            return Err(Error::input("export", "--picture pattern, which has a --from", found));
        }
        let what = if pattern { Depiction::Pattern { from } } else { network };
        let depicted = match arguments.picture {
            Picture::Genome => None,
            Picture::Network | Picture::Pattern => {
                champion.depict(self.registry, dir, &arguments.set, &what)?
            }
        };
        let bytes = match depicted {
            Some(text) => text.into_bytes(),
            None if pattern => {
                let expected =
                    "a network that a CPPN painted, `[network.hyperneat]` or `[network.es_hyperneat]`";
                let found = format!("a genome of kind `{}` with no pattern", champion.kind);
                return Err(Error::input(dir.root().display(), expected, found)
                    .with_hint("`--picture network` draws evolved graphs"));
            }
            None => {
                let (graph, inputs) = champion.graph()?;
                // A CPPN has inputs of its own.
                let own = champion.depict(self.registry, dir, &arguments.set, &Depiction::Sources)?;
                let names = own.map(|names| names.lines().map(String::from).collect());
                let inputs: Vec<String> = names.unwrap_or_else(|| picture::numbered(inputs));
                let whole = arguments.picture == Picture::Genome;
                let detail = if whole { Detail::Genome } else { Detail::Network };
                let write = if svg { picture::write_svg } else { picture::write_dot };
                write(&graph, &inputs, detail)
            }
        };
        if arguments.output.as_os_str() == "-" {
            return write_bytes(&bytes);
        }
        write_new(&arguments.output, &bytes, arguments.overwrite)?;
        Ok(DONE)
    }
}

fn write_bytes(bytes: &[u8]) -> Result<u8> {
    use std::io::{ErrorKind, Write};
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(write_error(e)),
        _ => Ok(DONE),
    }
}

fn write_error(source: std::io::Error) -> Error {
    Error::Io { action: "write to", path: "standard output".into(), source }
}

/// What a model file says about itself.
fn about(champion: &Champion, events: &[Event]) -> About {
    let mut about = About::new();
    let mut add = |key: &str, value: String| about.push((key.into(), value));
    for event in events {
        if let Event::Started(started) = event {
            add("problem", started.problem.clone());
            if let Some(network) = &started.network {
                add("network", network.clone());
            }
            add("algorithm", started.algorithm.clone());
            add("seed", started.seed.to_string());
            if let Some(data) = &started.data {
                // Which number of the network is what: the columns of the data in the order of the inputs, the classes in that of
                // the outputs.
                for (key, names) in [
                    ("inputs", &data.input_names),
                    ("classes", &data.classes),
                    ("targets", &data.target_names),
                ] {
                    if !names.is_empty() {
                        add(key, json!(names).to_string());
                    }
                }
            }
        }
    }
    add("evolvent", env!("CARGO_PKG_VERSION").into());
    add("generation", champion.generation.to_string());
    add("test", champion.test.mean.to_string());
    add("test_repetitions", champion.test.repetitions.to_string());
    about
}

fn as_json(replayed: &Replayed) -> serde_json::Value {
    let metrics: serde_json::Map<String, serde_json::Value> =
        replayed.metrics.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    let mean = match replayed.mean.as_slice() {
        [one] => json!(one),
        several => json!(several),
    };
    let mut all = json!({
        "mean": mean, "std": replayed.std, "repetitions": replayed.values.len().max(1),
        "values": replayed.values, "metrics": metrics, "target": replayed.target,
        "numeric_level": replayed.numeric_level,
    });
    if let Some(data) = &replayed.data {
        all["data"] = json!({
            "inputs": data.input_names, "classes": data.classes, "targets": data.target_names,
            "samples": data.reported_on(), "loss": data.loss,
        });
    }
    if let Some(solution) = replayed.solution.as_ref().and_then(|genome| serde_json::to_value(genome).ok()) {
        all["solution"] = solution;
    }
    all
}

/// Numbers of a solution that are printed.
const SHOWN: usize = 32;

/// A genome that is measured as it is, if it is a few numbers.
pub(crate) fn solution(genome: &evolvent_core::Tree) -> Option<String> {
    let genome = serde_json::to_value(genome).ok()?;
    let numbers: Option<Vec<f64>> = genome.as_array()?.iter().map(serde_json::Value::as_f64).collect();
    let numbers = numbers.filter(|numbers| !numbers.is_empty() && numbers.len() <= SHOWN)?;
    Some(numbers.iter().map(|x| significant(*x, 6)).collect::<Vec<_>>().join(", "))
}

/// `492.1 ± 20.3 over 100 episodes (smallest 389, largest 500)` and the further numbers.
fn as_text(replayed: &Replayed) -> String {
    let mean: Vec<String> = replayed.mean.iter().map(|v| significant(*v, 6)).collect();
    let mut text = mean.join(", ");
    if let Some(data) = &replayed.data {
        text = format!("loss {text} ({}), on {}", data.loss, data.reported_on());
    }
    if let Some(std) = replayed.std {
        let values = &replayed.values;
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        text.push_str(&format!(
            " ± {} over {} episodes (smallest {}, largest {})",
            significant(std, 3),
            values.len(),
            significant(least, 5),
            significant(most, 5)
        ));
    }
    text.push('\n');
    for (name, value) in &replayed.metrics {
        text.push_str(&format!("{name} {}\n", significant(*value, 5)));
    }
    if let (Some(target), [value]) = (replayed.target, replayed.mean.as_slice()) {
        let reached = if replayed.maximize { *value >= target } else { *value <= target };
        let word = if reached { "reached" } else { "not reached" };
        text.push_str(&format!("target {} {word}\n", significant(target, 6)));
    }
    if let Some(numbers) = replayed.solution.as_ref().and_then(solution) {
        text.push_str(&format!("solution  {numbers}\n"));
    }
    for line in replayed.data.iter().flat_map(Data::names) {
        text.push_str(&(line + "\n"));
    }
    text
}
