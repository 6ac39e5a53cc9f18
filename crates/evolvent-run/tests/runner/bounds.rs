//! Settings that would ask for more memory or threads than there are: refused before anything is written.

use crate::experiments::{parse, run_for};
use evolvent_run::{
    Registry, RunDir,
    replay::{Options, replay},
};

fn refused(text: &str, change: &str, named: &str) {
    let experiment = match parse(text, &[change]) {
        Ok(experiment) => experiment,
        Err(error) => {
            assert!(error.exit_code() == 2 && error.to_string().contains(named), "{change}: {error}");
            return;
        }
    };
    let error = match experiment.start() {
        Ok(_) => panic!("{change} was taken"),
        Err(error) => error,
    };
    assert_eq!(error.exit_code(), 2, "{change}");
    assert!(error.to_string().contains(named), "{change}: {error}");
}

fn experiment(problem: &str, algorithm: &str) -> String {
    format!("[problem.{problem}]\n[algorithm.{algorithm}]\n[run]\ngenerations = 1\n")
}

#[test]
fn populations_are_bounded() {
    for algorithm in
        ["open_es", "ga", "cma_es", "de", "snes", "cr_fm_nes", "xnes", "random_search", "deep_ga"]
    {
        for size in ["1000000000000", "9000000000000000000"] {
            let change = format!("algorithm.{algorithm}.population_size={size}");
            // Either the number is out of range or its genomes fit into no memory.
            refused(&experiment("sphere", algorithm), &change, &format!("algorithm.{algorithm}"));
        }
    }
    refused(&experiment("zdt1", "nsga2"), "algorithm.nsga2.population_size=1000000000000", "nsga2");
    refused(
        &experiment("sphere", "ga"),
        "algorithm.ga.selection.tournament.size=1000000000000",
        "tournament.size",
    );
    refused(
        &experiment("sphere", "aging_evolution"),
        "algorithm.aging_evolution.in_flight=1000000000000",
        "algorithm.aging_evolution",
    );
}

#[test]
fn dimensions_are_bounded() {
    for dimension in ["1000000000", "1000000000000000"] {
        refused(
            &experiment("sphere", "open_es"),
            &format!("problem.sphere.dimension={dimension}"),
            "dimension",
        );
        refused(&experiment("one_max", "ga"), &format!("problem.one_max.length={dimension}"), "length");
        refused(&experiment("lotz", "nsga2"), &format!("problem.lotz.length={dimension}"), "length");
    }
    refused(&experiment("trap", "ga"), "problem.trap.blocks=16000000", "blocks");
    let rotated = "[problem.sphere]\nrotate = 1\n[algorithm.open_es]\n[run]\ngenerations = 1\n";
    refused(rotated, "problem.sphere.dimension=1000000", "rotation");
}

#[test]
fn what_does_not_fit_into_memory_is_refused_with_a_way_out() {
    let text = experiment("sphere", "cma_es");
    refused(&text, "problem.sphere.dimension=2000000", "sep_cma_es");
    let restarts = "[problem.sphere]\ndimension = 2000000\n[algorithm.restarts.algorithm.cma_es]\n[run]\ngenerations = 1\n";
    refused(restarts, "run.seed=1", "algorithm.restarts");
    // A dense network of some hundred thousand weights, as for images.
    let network = "[problem.dataset.source.sine]\n[network.dense]\nhidden = [4000, 4000]\n[algorithm.cma_es]\n[run]\ngenerations = 1\n";
    refused(network, "run.seed=1", "sep_cma_es");
    let large = experiment("sphere", "sep_cma_es");
    parse(&large, &["problem.sphere.dimension=200000"]).unwrap().start().unwrap();
}

#[test]
fn growth_of_restarts_is_bounded() {
    let text = |policy: &str| {
        format!(
            "[problem.sphere]\n[algorithm.restarts.policy.{policy}]\nfactor = 2.0\n[run]\ngenerations = 1\n"
        )
    };
    for policy in ["ipop", "bipop"] {
        let change = format!("algorithm.restarts.policy.{policy}.factor=1e15");
        refused(&text(policy), &change, "factor");
    }
}

#[test]
fn episodes_steps_and_threads_are_bounded() {
    let text = "[problem.cart_pole]\n[network.dense]\n[algorithm.open_es]\n[run]\ngenerations = 1\n";
    for (change, named) in [
        ("problem.cart_pole.episodes=4294967295", "episodes"),
        ("problem.cart_pole.max_steps=4294967295", "max_steps"),
        ("problem.cart_pole.steps=4294967295", "steps"),
        ("run.validation_episodes=4294967295", "validation_episodes"),
        ("run.threads=1000000", "threads"),
    ] {
        refused(text, change, named);
    }
    let base = tempfile::tempdir().unwrap();
    let dir = base.path().join("run");
    run_for(text, 1, &dir);
    let run = RunDir::open(&dir).unwrap();
    for (options, named) in [
        (Options { threads: Some(1_000_000), ..Options::default() }, "--threads"),
        (Options { episodes: Some(u32::MAX), ..Options::default() }, "--episodes"),
        (Options { episodes: Some(0), ..Options::default() }, "--episodes"),
    ] {
        let error = replay(&Registry::builtin(), &run, &options).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().starts_with(named), "{error}");
    }
}
