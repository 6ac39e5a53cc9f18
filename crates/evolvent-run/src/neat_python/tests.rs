use super::*;
use crate::{Registry, experiment::Experiment};

const CARTPOLE: &str = include_str!("cartpole.ini");

/// The import on the problems that come with Evolvent.
fn import(file: &str, text: &str, problem: &str) -> Result<Import> {
    super::import(&Registry::builtin(), file, text, problem)
}

fn parsed(import: &Import) -> toml::Table {
    let experiment = Experiment::parse(&Registry::builtin(), "imported.toml", &import.text, &[]);
    let experiment = experiment.unwrap_or_else(|e| panic!("{e}\n{}", import.text));
    experiment.start().map(|_| ()).unwrap_or_else(|e| panic!("{e}\n{}", import.text));
    import.text.parse().unwrap()
}

#[test]
fn a_whole_configuration_becomes_an_experiment() {
    let import = import("cartpole.ini", CARTPOLE, "cart_pole").unwrap();
    let table = parsed(&import);
    let neat = &table["algorithm"]["neat"];
    assert_eq!(neat["population_size"].as_integer(), Some(250));
    assert_eq!(neat["mutation"]["add_node"].as_float(), Some(0.2));
    assert_eq!(neat["mutation"]["replace"].as_float(), Some(0.1));
    // 80 % perturbed, 10 % replaced: of the other 90 % one ninth is left alone
    assert!((neat["mutation"]["spare"].as_float().unwrap() - 1.0 / 9.0).abs() < 1e-8);
    assert_eq!(neat["distance"]["excess"].as_float(), Some(1.0));
    assert_eq!(neat["reproduction"]["exempt"].as_integer(), Some(2));
    let graph = &table["network"]["graph"];
    assert_eq!(graph["response"].as_float(), Some(2.5));
    assert_eq!(graph["activations"][0].as_str(), Some("tanh"));
    assert_eq!(graph["initial"]["partial"].as_float(), Some(0.5));
    assert_eq!(table["run"]["target"].as_float(), Some(475.0));
    assert!(import.text.contains("it must show 4 numbers and take 2"));
    // Everything that is no setting is named with its line.
    for (key, why) in [
        ("species_fitness_func", "progress"),
        ("min_species_size", "any size"),
        ("bias_mutate_rate", "as weights"),
        ("my_own_key", "no such setting"),
        ("enabled_mutate_rate", "per genome"),
    ] {
        let line = 1 + CARTPOLE.lines().position(|l| l.starts_with(key)).unwrap();
        let found = import.notes.iter().find(|n| n.starts_with(&format!("line {line}: {key}")));
        assert!(found.is_some_and(|n| n.contains(why)), "{key}: {:?}", import.notes);
    }
}

#[test]
fn what_is_not_there_is_named_and_the_rest_still_runs() {
    let text = CARTPOLE
        .replace("activation_options = tanh", "activation_options = tanh hat sigmoid")
        .replace("aggregation_options = sum", "aggregation_options = sum median maxabs");
    let import = import("x.ini", &text, "cart_pole").unwrap();
    let table = parsed(&import);
    assert_eq!(table["network"]["graph"]["activations"].as_array().unwrap().len(), 2);
    assert_eq!(table["network"]["graph"]["aggregations"][1].as_str(), Some("max_abs"));
    let notes = import.notes.join("\n");
    assert!(notes.contains("no activation `hat`") && notes.contains("no aggregation `median`"), "{notes}");
    assert!(notes.contains("steeper"), "{notes}");
}

#[test]
fn mistakes_have_their_line() {
    for (from, to, what) in [
        ("pop_size = 250", "pop_size = many", "a whole number"),
        ("node_add_prob = 0.2", "node_add_prob = often", "a number"),
        ("feed_forward = True", "feed_forward = perhaps", "true or false"),
        ("initial_connection = partial_direct 0.5", "initial_connection = partial_direct", "share"),
        ("initial_connection = partial_direct 0.5", "initial_connection = half", "unconnected"),
        ("pop_size = 250", "pop_size 250", "key = value"),
    ] {
        let text = CARTPOLE.replace(from, to);
        assert_ne!(text, CARTPOLE);
        let line = 1 + text.lines().position(|l| l == to).unwrap();
        let error = import("x.ini", &text, "cart_pole").unwrap_err();
        assert_eq!(error.exit_code(), 2);
        let error = error.to_string();
        assert!(error.contains(&format!("x.ini:{line}")) && error.contains(what), "{error}");
    }
    let error = import("x.ini", "[Types]\na = 1\n", "cart_pole").unwrap_err().to_string();
    assert!(error.contains("[NEAT]"), "{error}");
}

#[test]
fn a_problem_of_another_size_or_sense_is_named() {
    let text =
        CARTPOLE.replace("num_inputs = 4", "num_inputs = 2").replace("num_outputs = 2", "num_outputs = 1");
    let import = import("xor.ini", &text, "dataset").unwrap();
    let table = parsed(&import);
    assert_eq!(table["problem"]["dataset"]["source"].as_str(), Some("xor"));
    assert!(table["run"].get("target").is_none(), "a threshold of what is maximised would end it at once");
    let notes = import.notes.join("\n");
    assert!(notes.contains("less is better in `dataset`") && !notes.contains("num_inputs"), "{notes}");
    assert!(notes.contains("num_outputs = 1: `dataset` takes 2"), "{notes}");
    let import = super::import(&Registry::builtin(), "xor.ini", &text, "cart_pole").unwrap();
    let notes = import.notes.join("\n");
    assert!(notes.contains("num_inputs = 2: `cart_pole` shows 4"), "{notes}");
}

#[test]
fn responses_evolve_where_they_are_mutated() {
    let changed: Vec<&str> = CARTPOLE
        .lines()
        .map(|line| match line.split('=').next().map(str::trim) {
            Some("response_mutate_rate") => "response_mutate_rate = 0.3",
            Some("response_mutate_power") => "response_mutate_power = 0.2",
            _ => line,
        })
        .collect();
    let import = import("x.ini", &changed.join("\n"), "cart_pole").unwrap();
    let table = parsed(&import);
    assert_eq!(table["network"]["graph"]["evolve_responses"].as_bool(), Some(true));
    assert_eq!(table["algorithm"]["neat"]["mutation"]["log_power"].as_float(), Some(0.2));
    let notes = import.notes.join("\n");
    assert!(notes.contains("response_mutate_rate = 0.3: responses evolve as factors"), "{notes}");
    assert!(notes.contains("response_max_value") && !notes.contains("response_init_stdev"), "{notes}");
    let still = super::import(&Registry::builtin(), "x.ini", CARTPOLE, "cart_pole").unwrap();
    assert!(!still.text.contains("evolve_responses"));
}

#[test]
fn an_unknown_activation_takes_nothing_else_with_it() {
    let text = CARTPOLE.replace("= tanh\n", "= sigmoidal\n");
    let notes = import("x.ini", &text, "cart_pole").unwrap().notes.join("\n");
    assert!(notes.contains("no activation `sigmoidal`") && !notes.contains("response_init_mean"), "{notes}");
}
