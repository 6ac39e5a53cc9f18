//! `evolvent init`: an experiment file to start from, every setting in it with its default and its meaning.

use evolvent_run::registry::{Entry, Registry, Section, Setting};
use std::fmt::Write;

/// Networks in the order in which they are tried for a problem that is shown to networks.
const NETWORKS: [&str; 2] = ["dense", "graph"];
/// Algorithms in the order in which they are tried: for networks, and for everything else.
const FOR_NETWORKS: [&str; 2] = ["open_es", "ga"];
const FOR_GENOMES: [&str; 4] = ["cma_es", "nsga2", "ga", "random_search"];

/// The program that the file for `command` names, and what is written there if there is none.
pub(crate) const PROGRAM: &str = "fitness.py";
pub(crate) const FITNESS: &str = r#"#!/usr/bin/env python3
"""The fitness of a genome: one JSON object per line in, one out. Messages for people go to standard error."""

import json
import sys


def fitness(x):
    """To be minimised; put your own in its place."""
    return sum(a * a for a in x)


json.loads(sys.stdin.readline())  # the greeting
print(json.dumps({"protocol": "evolvent", "version": 1}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    print(json.dumps({"id": request["id"], "fitness": fitness(request["genome"])}), flush=True)
"#;

/// What is written in [run] unless the problem says otherwise.
const GENERATIONS: u32 = 100;

/// The files that might suit a problem, best first: which of them the problem and the algorithm agree on is for the
/// caller to find out.
pub(crate) fn candidates(registry: &Registry, problem: &Entry, algorithm: Option<&str>) -> Vec<String> {
    let algorithms = registry.list(Section::Algorithm);
    let networks = registry.list(Section::Network);
    let shown = problem.genomes.is_empty();
    let known = if shown { &FOR_NETWORKS[..] } else { &FOR_GENOMES[..] };
    let mut wanted: Vec<&str> = algorithm.map_or_else(|| known.to_vec(), |name| vec![name]);
    if algorithm.is_none() {
        wanted.extend(algorithms.iter().map(|a| a.name.as_str()).filter(|name| !known.contains(name)));
    }
    let run = registry.list(Section::Run);
    wanted
        .into_iter()
        .filter_map(|name| algorithms.iter().find(|a| a.name == name))
        .map(|algorithm| {
            let network = shown.then(|| network_for(&networks, algorithm)).flatten();
            text(problem, network, algorithm, run.first())
        })
        .collect()
}

/// The first network whose genomes the algorithm evolves.
fn network_for<'n>(networks: &'n [Entry], algorithm: &Entry) -> Option<&'n Entry> {
    let fits = |network: &&Entry| network.genomes.iter().any(|kind| algorithm.genomes.contains(kind));
    let named = NETWORKS.iter().filter_map(|name| networks.iter().find(|n| n.name == *name));
    named.chain(networks).find(fits)
}

fn text(problem: &Entry, network: Option<&Entry>, algorithm: &Entry, run: Option<&Entry>) -> String {
    let mut out = format!("# {}\n", problem.summary);
    out.push_str("# What stands behind a # is a default that may be changed, with what it means.\n");
    let _ = writeln!(out, "\n[problem.{}]", problem.name);
    let must: &[(&str, &str)] = match problem.name.as_str() {
        "command" => &[("program", "[\"python3\", \"fitness.py\"]"), ("dimension", "10")],
        "dataset" => &[("source", "\"iris\"")],
        _ => &[],
    };
    must.iter().for_each(|(key, value)| {
        let _ = writeln!(out, "{key} = {value}");
    });
    if problem.name == "dataset" {
        out.push_str(
            "# source = { csv = { path = \"data.csv\", target = \"price\" } }    # a table of your own\n",
        );
    }
    settings(&mut out, problem, &must.iter().map(|(key, _)| *key).collect::<Vec<_>>());
    if let Some(network) = network {
        let _ = writeln!(out, "\n[network.{}]    # `evolvent list networks` shows the others", network.name);
        settings(&mut out, network, &[]);
    }
    let _ =
        writeln!(out, "\n[algorithm.{}]    # `evolvent list algorithms` shows the others", algorithm.name);
    settings(&mut out, algorithm, &[]);
    let _ = writeln!(out, "\n[run]    # whichever budget is used up first ends the run");
    let _ = writeln!(out, "generations = {GENERATIONS}\nseed = 1");
    if let Some(run) = run {
        settings(&mut out, run, &["generations", "seed"]);
    }
    out
}

/// Every setting as a comment, but for those that are given already.
fn settings(out: &mut String, entry: &Entry, given: &[&str]) {
    let shown: Vec<(&Setting, String)> = entry
        .settings
        .iter()
        .filter(|setting| !given.contains(&setting.name.as_str()))
        .map(|setting| {
            let value = setting.default.as_deref().unwrap_or("…");
            (setting, format!("# {} = {value}", setting.name))
        })
        .collect();
    let width = shown.iter().map(|(_, line)| line.chars().count()).filter(|&n| n <= 36).max().unwrap_or(0);
    for (setting, line) in shown {
        let _ = writeln!(out, "{line:<width$}  # {}", first_sentence(&setting.description));
    }
}

/// The first sentence of a description, on one line.
fn first_sentence(text: &str) -> String {
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    // A full stop ends a sentence where a new one begins behind it: not in "0.1" or "e.g. this".
    let end = flat.match_indices(". ").find(|(i, _)| flat[i + 2..].starts_with(|c: char| !c.is_lowercase()));
    match end {
        Some((i, _)) => flat[..i].into(),
        None => flat.trim_end_matches('.').into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_toml() {
        let registry = Registry::builtin();
        for problem in registry.list(Section::Problem) {
            let all = candidates(&registry, &problem, None);
            assert!(!all.is_empty(), "{}", problem.name);
            for text in all {
                let table: toml::Table =
                    text.parse().unwrap_or_else(|e| panic!("{}: {e}\n{text}", problem.name));
                assert!(table["problem"].as_table().is_some_and(|t| t.contains_key(&problem.name)));
            }
        }
    }

    #[test]
    fn an_algorithm_brings_its_network() {
        let registry = Registry::builtin();
        let problems = registry.list(Section::Problem);
        let problem = problems.iter().find(|p| p.name == "cart_pole").unwrap();
        for (algorithm, network) in [("neat", "network.graph"), ("ga", "network.dense")] {
            let text = candidates(&registry, problem, Some(algorithm)).remove(0);
            assert!(text.contains(network), "{text}");
        }
    }

    #[test]
    fn sentences_end_where_they_end() {
        assert_eq!(first_sentence("At 0.1 it\nstops. Then more."), "At 0.1 it stops");
        assert_eq!(first_sentence("One only."), "One only");
    }
}
