//! Configuration files of neat-python (its 2.x sections) as experiment files.
//!
//! Every key is accounted for: it becomes a setting, or it is listed among the notes with what there is instead. The
//! problem, which neat-python keeps in Python code, is for the user to name.

mod ini;
mod reader;

use crate::{
    error::{Error, Result},
    experiment::Experiment,
    registry::Registry,
};
use evolvent_core::Sense;
use reader::Reader;
use std::{fmt::Write, fs, path::Path};

/// An imported configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Import {
    /// The experiment file.
    pub text: String,
    /// What has no counterpart, one line each, in the order of the file: `line 12: …`.
    pub notes: Vec<String>,
}

/// Reads a configuration file and turns it into an experiment on `[problem.NAME]`.
///
/// # Errors
/// If it cannot be read, or [`import`] fails.
pub fn load(registry: &Registry, path: &Path, problem: &str) -> Result<Import> {
    let text =
        fs::read_to_string(path).map_err(Error::reading(path, "a configuration file of neat-python"))?;
    import(registry, &path.display().to_string(), &text, problem)
}

/// Turns the text of a configuration file called `file` into an experiment on `[problem.NAME]`.
///
/// # Errors
/// If it is no INI file, has no section `[NEAT]`, or a value is not of its key's type; with the line.
pub fn import(registry: &Registry, file: &str, text: &str, problem: &str) -> Result<Import> {
    let sections = ini::parse(file, text)?;
    if !sections.iter().any(|s| s.name == "NEAT") {
        return Err(Error::input(file, "a configuration of neat-python with a section [NEAT]", "none")
            .with_hint("neat-python 0.92 and later write [NEAT], [DefaultGenome] and others"));
    }
    let mut reader = Reader::new(file, &sections);
    let chosen = Chosen::of(registry, problem);
    let neat = reader.neat(&chosen)?;
    let genome = reader.genome()?;
    let species = reader.species()?;
    reader.sizes(&chosen);
    reader.rest();
    let mut notes = reader.notes;
    notes.sort_by_key(|n| n.0);
    let mut out = format!(
        "# From {}, a configuration of neat-python.\n",
        file.chars().filter(|c| !c.is_control()).collect::<String>()
    );
    let size = match (genome.inputs, genome.outputs) {
        (Some(inputs), Some(outputs)) => format!(": it must show {inputs} numbers and take {outputs}"),
        _ => String::new(),
    };
    let _ = write!(
        out,
        "\n[problem.{problem}]    # neat-python keeps the problem in code; name yours here{size}\n{}",
        chosen.settings
    );
    let _ = writeln!(out, "\n[network.graph]\n{}", genome.network.trim_end());
    let _ = writeln!(out, "\n[algorithm.neat]\npreset = \"neat_python\"\n{}", neat.algorithm.trim_end());
    for (table, content) in [
        ("mutation", &genome.mutation),
        ("distance", &genome.distance),
        ("speciation", &species.speciation),
        ("reproduction", &species.reproduction),
    ] {
        if !content.is_empty() {
            let _ = writeln!(out, "\n[algorithm.neat.{table}]\n{}", content.trim_end());
        }
    }
    let _ = writeln!(
        out,
        "\n[run]\ngenerations = 300    # in neat-python the argument of Population.run\n{}",
        neat.run.trim_end()
    );
    let notes: Vec<String> = notes.into_iter().map(|(line, note)| format!("line {line}: {note}")).collect();
    if !notes.is_empty() {
        out.push_str("\n# Without a counterpart here, or to look at:\n");
        notes.iter().for_each(|note| {
            let _ = writeln!(out, "# {note}");
        });
    }
    Ok(Import { text: out, notes })
}

/// The problem that the configuration is put on.
struct Chosen {
    name: String,
    /// What its table must say.
    settings: &'static str,
    /// Inputs, outputs and sense, if it can be opened here.
    facts: Option<(usize, usize, Sense)>,
}

impl Chosen {
    fn of(registry: &Registry, problem: &str) -> Chosen {
        let settings = match problem {
            "dataset" => {
                "source = \"xor\"    # or your own data, such as { csv = { path = \"data.csv\" } }\n"
            }
            _ => "",
        };
        let text = format!(
            "[problem.{problem}]\n{settings}[network.graph]\n[algorithm.neat]\n[run]\ngenerations = 1\nseed = 1\n"
        );
        let ready = Experiment::parse(registry, "", &text, &[]).and_then(|experiment| experiment.open());
        let facts = ready.ok().and_then(|ready| {
            let interface = ready.interface?;
            let sense = *ready.bound.senses().first()?;
            Some((interface.inputs(), interface.output.len(), sense))
        });
        Chosen { name: problem.into(), settings, facts }
    }
}

#[derive(Default)]
struct Neat {
    algorithm: String,
    run: String,
}

#[derive(Default)]
struct Genome {
    inputs: Option<u64>,
    outputs: Option<u64>,
    network: String,
    mutation: String,
    distance: String,
}

#[derive(Default)]
struct SpeciesTables {
    speciation: String,
    reproduction: String,
}

/// `key = value` of an experiment file.
fn put(out: &mut String, key: &str, value: impl std::fmt::Display) {
    let _ = writeln!(out, "{key} = {value}");
}

/// A float that TOML reads as one.
fn float(x: f64) -> String {
    let text = format!("{x:?}");
    if text.contains(['.', 'e']) { text } else { format!("{text}.0") }
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

/// What neat-python calls an activation: our name, and the steepness that its own has inside.
fn activation(name: &str) -> Option<(&'static str, f64)> {
    Some(match name {
        "sigmoid" => ("sigmoid", 5.0),
        "tanh" => ("tanh", 2.5),
        "sin" => ("sin", 5.0),
        "gauss" => ("gauss", 2.236_068),
        "relu" => ("relu", 1.0),
        "elu" => ("elu", 1.0),
        "lelu" => ("leaky_relu", 1.0),
        "softplus" => ("softplus", 5.0),
        "identity" => ("linear", 1.0),
        "abs" => ("abs", 1.0),
        _ => return None,
    })
}

fn aggregation(name: &str) -> Option<&'static str> {
    Some(match name {
        "sum" => "sum",
        "product" => "product",
        "min" => "min",
        "max" => "max",
        "mean" => "mean",
        "maxabs" => "max_abs",
        _ => return None,
    })
}

impl Reader<'_> {
    /// Names the numbers of inputs and outputs that are not those of the problem.
    fn sizes(&mut self, chosen: &Chosen) {
        let Some((inputs, outputs, _)) = chosen.facts else { return };
        for (key, own, what) in [("num_inputs", inputs, "shows"), ("num_outputs", outputs, "takes")] {
            let Some(entry) = self.entry("DefaultGenome", key) else { continue };
            if entry.value.parse() != Ok(own) {
                self.note(
                    entry,
                    &format!("`{}` {what} {own}; is it the problem that was meant?", chosen.name),
                );
            }
        }
    }

    fn neat(&mut self, chosen: &Chosen) -> Result<Neat> {
        const S: &str = "NEAT";
        let mut out = Neat::default();
        if let Some((n, _)) = self.whole(S, "pop_size")? {
            put(&mut out.algorithm, "population_size", n);
        }
        if let Some((reset, _)) = self.truth(S, "reset_on_extinction")? {
            put(&mut out.algorithm, "reset_on_extinction", reset);
        }
        if let Some(entry) = self.entry(S, "fitness_criterion") {
            match entry.value.as_str() {
                "max" => {}
                "min" | "mean" => {
                    self.note(
                        entry,
                        "the target is tested by the recommended genome on fresh episodes or held-out data",
                    );
                }
                _ => return Err(self.wrong(entry, "max, min or mean")),
            }
        }
        let endless = self.truth(S, "no_fitness_termination")?.is_some_and(|(endless, _)| endless);
        if let Some((target, entry)) = self.number(S, "fitness_threshold")?
            && !endless
        {
            // neat-python maximises: where less is better, its threshold says nothing, and any first genome may reach it.
            match chosen.facts {
                Some((.., Sense::Maximize)) => put(&mut out.run, "target", float(target)),
                _ => {
                    let why = format!("less is better in `{}`: give a target in its own terms", chosen.name);
                    let _ = writeln!(out.run, "# target = {}    # {why}", float(target));
                    self.note(entry, &why);
                }
            }
        }
        if let Some(entry) = self.entry(S, "seed") {
            match entry.value.parse::<u64>() {
                Ok(seed) => put(&mut out.run, "seed", seed),
                Err(_) if entry.value.is_empty() || entry.value.eq_ignore_ascii_case("none") => {}
                Err(_) => return Err(self.wrong(entry, "a whole number or None")),
            }
        }
        Ok(out)
    }

    fn genome(&mut self) -> Result<Genome> {
        const S: &str = "DefaultGenome";
        let inputs = self.whole(S, "num_inputs")?.map(|n| n.0);
        let outputs = self.whole(S, "num_outputs")?.map(|n| n.0);
        let mut out = Genome { inputs, outputs, ..Genome::default() };
        if let Some((hidden, entry)) = self.whole(S, "num_hidden")?
            && hidden > 0
        {
            self.note(entry, "first genomes have no hidden nodes");
        }
        if let Some((forward, _)) = self.truth(S, "feed_forward")? {
            put(&mut out.network, "dynamics", quoted(if forward { "feed_forward" } else { "recurrent" }));
        }
        put(&mut out.network, "bias", quoted("gene"));
        self.initial_connection(&mut out)?;
        self.functions(&mut out)?;
        self.weights(&mut out)?;
        for (theirs, ours) in [
            ("node_add_prob", "add_node"),
            ("node_delete_prob", "delete_node"),
            ("conn_add_prob", "add_connection"),
            ("conn_delete_prob", "delete_connection"),
        ] {
            if let Some((p, _)) = self.number(S, theirs)? {
                put(&mut out.mutation, ours, float(p));
            }
        }
        if let Some((true, entry)) = self.truth(S, "single_structural_mutation")? {
            self.note(
                entry,
                "`exclusive` comes nearest: one structural change at most, but no weights change beside it",
            );
        }
        if let Some(entry) = self.entry(S, "structural_mutation_surer")
            && !matches!(entry.value.to_lowercase().as_str(), "default" | "false" | "0" | "no" | "off")
        {
            self.note(entry, "a structural mutation that cannot be made is left out");
        }
        if let Some((on, entry)) = self.truth(S, "enabled_default")?
            && !on
        {
            self.note(entry, "new connections are expressed");
        }
        if let Some((p, entry)) = self.number(S, "enabled_mutate_rate")? {
            put(&mut out.mutation, "toggle", float(p));
            if p > 0.0 {
                self.note(
                    entry,
                    "a rate per connection there; `mutation.toggle` is one connection per genome",
                );
            }
        }
        for key in ["enabled_rate_to_true_add", "enabled_rate_to_false_add"] {
            self.only(S, key, 0.0, "switching on and off have one rate")?;
        }
        let disjoint = self.number(S, "compatibility_disjoint_coefficient")?;
        let excess = self.number(S, "compatibility_excess_coefficient")?.or(disjoint);
        for (key, value) in [("disjoint", disjoint), ("excess", excess)] {
            if let Some((c, _)) = value {
                put(&mut out.distance, key, float(c));
            }
        }
        if let Some((c, _)) = self.number(S, "compatibility_weight_coefficient")? {
            put(&mut out.distance, "weights", float(c));
        }
        if let Some((true, entry)) = self.truth(S, "compatibility_include_node_genes")? {
            self.note(entry, "the distance counts connection genes and the biases of matching nodes");
        }
        self.only(
            S,
            "compatibility_enable_penalty",
            0.0,
            "disabled genes count like others in the distance",
        )?;
        Ok(out)
    }

    fn initial_connection(&mut self, out: &mut Genome) -> Result<()> {
        let Some(entry) = self.entry("DefaultGenome", "initial_connection") else { return Ok(()) };
        let mut words = entry.value.split_whitespace();
        let (kind, share) = (words.next().unwrap_or_default(), words.next());
        let initial = match kind {
            "unconnected" => quoted("unconnected"),
            "fs_neat" | "fs_neat_nohidden" | "fs_neat_hidden" => quoted("one_input"),
            "full" | "full_direct" | "full_nodirect" => quoted("full"),
            "partial" | "partial_direct" | "partial_nodirect" => {
                let share = share.and_then(|s| s.parse::<f64>().ok()).filter(|p| (0.0..=1.0).contains(p));
                match share {
                    Some(p) => format!("{{ partial = {} }}", float(p)),
                    None => return Err(self.wrong(entry, "a share from 0 to 1 behind partial")),
                }
            }
            _ => return Err(self.wrong(entry, "unconnected, fs_neat, full or partial")),
        };
        put(&mut out.network, "initial", initial);
        Ok(())
    }

    /// Activations, aggregations and responses.
    fn functions(&mut self, out: &mut Genome) -> Result<()> {
        const S: &str = "DefaultGenome";
        let mut known: Vec<(&'static str, f64)> = Vec::new();
        let default = self.entry(S, "activation_default");
        let options = self.entry(S, "activation_options");
        for entry in [default, options].into_iter().flatten() {
            for name in entry.value.split_whitespace().filter(|n| !matches!(*n, "random" | "none")) {
                match activation(name) {
                    Some(own) if !known.contains(&own) => known.push(own),
                    Some(_) => {}
                    None => {
                        let message = format!("there is no activation `{name}`");
                        if !self.notes.iter().any(|(_, note)| note.ends_with(&message)) {
                            self.note(entry, &message);
                        }
                    }
                }
            }
        }
        let response = self.number(S, "response_init_mean")?.map_or(1.0, |r| r.0);
        if let Some(&(first, gain)) = known.first() {
            let names: Vec<String> = known.iter().map(|(name, _)| quoted(name)).collect();
            put(&mut out.network, "activations", format!("[{}]", names.join(", ")));
            put(&mut out.network, "output_activation", quoted(first));
            if known.iter().all(|(_, other)| *other == gain) && response > 0.0 {
                put(&mut out.network, "response", float(gain * response));
            } else if let Some(entry) = options.or(default) {
                self.note(
                    entry,
                    "neat-python's sigmoid, tanh, sin, gauss and softplus are steeper than here, each in its own measure; \
                     weights make up for it",
                );
            }
        }
        if let Some((p, entry)) = self.number(S, "activation_mutate_rate")? {
            put(&mut out.mutation, "activation", float(p));
            if p > 0.0 {
                self.note(
                    entry,
                    "a rate per node there; `mutation.activation` is one hidden node per genome",
                );
            }
        }
        let mut known: Vec<&'static str> = Vec::new();
        for key in ["aggregation_default", "aggregation_options"] {
            let Some(entry) = self.entry(S, key) else { continue };
            for name in entry.value.split_whitespace().filter(|n| !matches!(*n, "random" | "none")) {
                match aggregation(name) {
                    Some(own) if !known.contains(&own) => known.push(own),
                    Some(_) => {}
                    None => self.note(entry, &format!("there is no aggregation `{name}`")),
                }
            }
        }
        if !known.is_empty() {
            let names: Vec<String> = known.iter().map(|name| quoted(name)).collect();
            put(&mut out.network, "aggregations", format!("[{}]", names.join(", ")));
        }
        if let Some((p, entry)) = self.number(S, "aggregation_mutate_rate")? {
            put(&mut out.mutation, "aggregation", float(p));
            if p > 0.0 {
                self.note(entry, "a rate per node there; `mutation.aggregation` is one node per genome");
            }
        }
        self.responses(out)?;
        for key in ["init_stdev", "mutate_rate", "replace_rate", "mutate_power"] {
            let why = "time constants evolve at the rates of the weights, by `mutation.log_power`, where `dynamics` is continuous_time";
            self.only(S, &format!("time_constant_{key}"), 0.0, why)?;
        }
        self.only(S, "time_constant_init_mean", 1.0, "time constants begin at 1")?;
        for key in ["init_type", "max_value", "min_value"] {
            if let Some(entry) = self.entry(S, &format!("time_constant_{key}"))
                && key != "init_type"
            {
                self.note(entry, "time constants have no limits");
            }
        }
        Ok(())
    }

    /// Responses that evolve.
    fn responses(&mut self, out: &mut Genome) -> Result<()> {
        const S: &str = "DefaultGenome";
        let power = self.number(S, "response_mutate_power")?.map(|p| p.0);
        let mut evolve = None;
        for key in ["response_mutate_rate", "response_replace_rate"] {
            evolve = evolve.or(self.number(S, key)?.filter(|(p, _)| *p > 0.0));
        }
        if let Some((_, entry)) = evolve {
            put(&mut out.network, "evolve_responses", true);
            if let Some(power) = power.filter(|p| *p > 0.0) {
                put(&mut out.mutation, "log_power", float(power));
            }
            self.note(
                entry,
                "responses evolve as factors here: `mutation.log_power` is a change of their logarithm, the rates are those of \
                 the weights, and none is negative",
            );
        }
        self.only(S, "response_init_stdev", 0.0, "responses are the same at first")?;
        for key in ["response_init_type", "response_max_value", "response_min_value"] {
            if let Some(entry) = self.entry(S, key)
                && key != "response_init_type"
                && evolve.is_some()
            {
                self.note(entry, "factors on responses stay between 1/148 and 148");
            }
        }
        Ok(())
    }

    /// Weights, and biases where they differ.
    fn weights(&mut self, out: &mut Genome) -> Result<()> {
        const S: &str = "DefaultGenome";
        let value = |this: &mut Self, key: &str| -> Result<Option<f64>> {
            Ok(this.number(S, &format!("weight_{key}"))?.map(|x| x.0))
        };
        let spread = value(self, "init_stdev")?;
        let uniform =
            self.entry(S, "weight_init_type").is_some_and(|e| e.value.to_lowercase().contains("uniform"));
        if let Some(spread) = spread.filter(|s| *s > 0.0) {
            put(&mut out.network, "uniform", uniform);
            put(&mut out.network, "weight_scale", float(if uniform { 2.0 * spread } else { spread }));
            put(&mut out.mutation, "redraw", float(spread));
        }
        self.only(S, "weight_init_mean", 0.0, "first weights have mean 0")?;
        let (high, low) = (value(self, "max_value")?, self.number(S, "weight_min_value")?);
        if let Some(high) = high.filter(|h| *h > 0.0) {
            put(&mut out.network, "weight_limit", float(high));
            if let Some((low, entry)) = low
                && low != -high
            {
                self.note(entry, "weights have one limit on both sides, that of weight_max_value");
            }
        }
        let (perturb, replace) = (value(self, "mutate_rate")?, value(self, "replace_rate")?);
        if perturb.is_some() || replace.is_some() {
            let replace = replace.unwrap_or(0.0).clamp(0.0, 1.0);
            let perturb = perturb.unwrap_or(0.0).clamp(0.0, 1.0 - replace);
            let spared = if replace < 1.0 { (1.0 - replace - perturb) / (1.0 - replace) } else { 0.0 };
            put(&mut out.mutation, "weights", float(1.0));
            put(&mut out.mutation, "replace", float(replace));
            put(&mut out.mutation, "spare", float((spared * 1e9).round() / 1e9));
        }
        if let Some(power) = value(self, "mutate_power")?.filter(|p| *p > 0.0) {
            put(&mut out.mutation, "power", float(power));
            put(&mut out.mutation, "gaussian", true);
        }
        for key in [
            "init_mean",
            "init_stdev",
            "max_value",
            "min_value",
            "mutate_rate",
            "replace_rate",
            "mutate_power",
        ] {
            let bias = self.number(S, &format!("bias_{key}"))?;
            let weight = self.number(S, &format!("weight_{key}"))?.map(|w| w.0);
            if let (Some((bias, entry)), Some(weight)) = (bias, weight)
                && bias != weight
            {
                self.note(entry, "biases are drawn and mutated as weights are");
            }
        }
        self.entry(S, "bias_init_type");
        Ok(())
    }

    fn species(&mut self) -> Result<SpeciesTables> {
        let mut out = SpeciesTables::default();
        const SET: &str = "DefaultSpeciesSet";
        if let Some((threshold, _)) = self.number(SET, "compatibility_threshold")? {
            put(&mut out.speciation, "method", quoted("threshold"));
            put(&mut out.speciation, "threshold", float(threshold));
        }
        match self.entry(SET, "target_num_species") {
            Some(entry) if !entry.value.is_empty() && !entry.value.eq_ignore_ascii_case("none") => {
                let target =
                    entry.value.parse::<u64>().map_err(|_| self.wrong(entry, "a whole number or None"))?;
                put(&mut out.speciation, "target", target);
                if let Some((rate, _)) = self.number(SET, "threshold_adjust_rate")?
                    && rate > 0.0
                {
                    put(&mut out.speciation, "step", float(rate));
                }
            }
            _ => {
                put(&mut out.speciation, "target", 0);
                self.entry(SET, "threshold_adjust_rate");
            }
        }
        for key in ["threshold_min", "threshold_max", "threshold_adjust_min", "threshold_adjust_max"] {
            if let Some(entry) = self.entry(SET, key) {
                self.note(entry, "a moving threshold has no limits but its step");
            }
        }
        const STAGNATION: &str = "DefaultStagnation";
        if let Some(entry) = self.entry(STAGNATION, "species_fitness_func")
            && entry.value != "max"
        {
            self.note(entry, "a species makes progress when its best genome does");
        }
        if let Some((n, _)) = self.whole(STAGNATION, "max_stagnation")? {
            put(&mut out.reproduction, "stagnation", n);
        }
        if let Some((n, _)) = self.whole(STAGNATION, "species_elitism")? {
            put(&mut out.reproduction, "exempt", n);
        }
        const REPRODUCTION: &str = "DefaultReproduction";
        if let Some((n, _)) = self.whole(REPRODUCTION, "elitism")? {
            put(&mut out.reproduction, "elites", n);
        }
        if let Some((p, _)) = self.number(REPRODUCTION, "survival_threshold")? {
            put(&mut out.reproduction, "survival", float(p));
        }
        if let Some((n, entry)) = self.whole(REPRODUCTION, "min_species_size")?
            && n > 1
        {
            self.note(entry, "species may have any size");
        }
        if let Some((p, _)) = self.number(REPRODUCTION, "interspecies_crossover_prob")? {
            put(&mut out.reproduction, "interspecies", float(p));
        }
        if let Some(entry) = self.entry(REPRODUCTION, "fitness_sharing") {
            match entry.value.to_lowercase().as_str() {
                "normalized" | "normalised" => put(&mut out.reproduction, "sharing", quoted("normalised")),
                "canonical" => put(&mut out.reproduction, "sharing", quoted("raw")),
                _ => return Err(self.wrong(entry, "normalized or canonical")),
            }
        }
        if let Some(entry) = self.entry(REPRODUCTION, "spawn_method") {
            self.note(entry, "offspring are shared out in proportion, by largest remainder");
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests;
