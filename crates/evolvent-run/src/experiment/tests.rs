use super::*;
use crate::registry::Section;

fn parse(text: &str, overrides: &[&str]) -> Result<Experiment> {
    let overrides: Vec<String> = overrides.iter().map(|o| o.to_string()).collect();
    Experiment::parse(&Registry::builtin(), "x.toml", text, &overrides)
}

fn lines(text: &str, overrides: &[&str]) -> Vec<String> {
    let error = parse(text, overrides).and_then(|e| e.start().map(|_| ())).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    error.to_string().lines().map(str::to_owned).collect()
}

const CARTPOLE: &str = "[problem.cart_pole]
episodes = 8

[network.dense]
hidden = [32]

[algorithm.ga]
popsize = 64

[run]
generations = 100
target = 475
";

#[test]
fn an_algorithm_names_the_networks_that_fit() {
    let text = CARTPOLE.replace("[algorithm.ga]", "[algorithm.neat]");
    let said = lines(&text, &[]).join("\n");
    assert!(said.contains("`neat` evolves genomes of kind `graph`"), "{said}");
    assert!(said.contains("networks that fit `neat`: graph"), "{said}");
    let graph = text.replace("[network.dense]\nhidden = [32]", "[network.graph]");
    parse(&graph, &[]).unwrap().start().unwrap();
}

#[test]
fn a_good_file_is_resolved_and_read_again() {
    let first = parse(CARTPOLE, &["run.seed=7"]).unwrap();
    let facts = first.start().unwrap().facts();
    let resolved = first.resolved(&facts).unwrap();
    assert!(resolved.contains("population_size = 64") && resolved.contains("seed = 7"), "{resolved}");
    assert!(resolved.contains("validation_episodes = \"auto\""), "{resolved}");
    let second = parse(&resolved, &[]).unwrap();
    assert_eq!(first.fingerprint().unwrap(), second.fingerprint().unwrap());
    assert_eq!(second.written_by.as_ref().unwrap().dimension, facts.dimension);
    assert_eq!(
        second.resolved(&facts).unwrap().replace("overrides = [\"run.seed=7\"]\n", ""),
        resolved.replace("overrides = [\"run.seed=7\"]\n", "")
    );
}

#[test]
fn a_drawn_seed_is_written_down() {
    let first = parse(CARTPOLE, &[]).unwrap();
    let facts = first.start().unwrap().facts();
    let again = parse(&first.resolved(&facts).unwrap(), &[]).unwrap();
    assert_eq!(again.seed, first.seed);
    assert_eq!(again.fingerprint().unwrap(), first.fingerprint().unwrap());
}

#[test]
fn budgets_are_no_part_of_the_fingerprint() {
    let of = |o: &[&str]| parse(CARTPOLE, &[o, &["run.seed=1"]].concat()).unwrap().fingerprint().unwrap();
    assert_eq!(of(&[]), of(&["run.generations=900", "run.threads=3", "run.tensorboard=true"]));
    for change in [
        "run.finalists=9",
        "algorithm.ga.popsize=65",
        "network.dense.hidden=[]",
        "problem.cart_pole.episodes=1",
    ] {
        assert_ne!(of(&[]), of(&[change]), "{change}");
    }
}

#[test]
fn mistakes_of_all_tables_come_together() {
    let text = "[problem.cartpole]\n[network.dense]\nhiden = [3]\n[algorithm.ga]\npopsize = \"many\"\n[run]\ngenerations = 0\n[training]\nx = 1\n";
    let found = lines(text, &[]);
    assert_eq!(found.len(), 5, "{found:#?}");
    assert!(
        found[0].starts_with(
            "x.toml:1:10: problem.cartpole: no problem is called `cartpole` (did you mean `cart_pole`?"
        ),
        "{}",
        found[0]
    );
    assert!(
        found[1].starts_with("x.toml:3:1: network.dense.hiden: no such key (did you mean `hidden`?"),
        "{}",
        found[1]
    );
    assert!(found[2].starts_with("x.toml:5:11: algorithm.ga.population_size: expected"), "{}", found[2]);
    assert!(
        found[3].starts_with("x.toml:7:15: run.generations: expected an integer of at least 1, found 0"),
        "{}",
        found[3]
    );
    assert!(found[4].starts_with("x.toml:8:2: training: no table is called `training`"), "{}", found[4]);
}

#[test]
fn an_environment_table_belongs_to_two() {
    let text = CARTPOLE.replace("episodes = 8", "episodes = -1\nepisode = 3\nsutton_barto_reward = 1");
    let found = lines(&text, &[]);
    assert!(found.iter().any(|l| l.contains("x.toml:2:12: problem.cart_pole.episodes")), "{found:#?}");
    assert!(found.iter().any(|l| l.contains("did you mean `episodes`?")), "{found:#?}");
    assert!(found.len() >= 3, "{found:#?}");
}

#[test]
fn gymnasium_ids_are_understood() {
    let text = CARTPOLE.replace("[problem.cart_pole]", "[problem.environment]\nid = \"CartPole-v1\"");
    let experiment = parse(&text, &[]).unwrap();
    assert_eq!(experiment.problem_name(), "cart_pole");
    let wrong = lines(&text.replace("CartPole-v1", "CartPole-v0"), &[]);
    assert!(
        wrong[0].contains("x.toml:2:6: problem.environment.id") && wrong[0].contains("CartPole-v1"),
        "{wrong:?}"
    );
    assert!(lines(&text.replace("id = \"CartPole-v1\"", ""), &[])[0].contains("known: CartPole-v1"));
}

#[test]
fn genome_kinds_must_agree() {
    let bits = "[problem.one_max]\n[algorithm.de]\n[run]\ngenerations = 1\n";
    let found = lines(bits, &[]);
    assert!(found[0].contains("x.toml:2:12: algorithm.de: `de` evolves genomes of kind `vector`, and `problem.one_max` needs genomes of kind `bits` (algorithms that fit: ga"), "{found:?}");
    assert!(parse(&bits.replace("algorithm.de", "algorithm.ga"), &[]).unwrap().start().is_ok());
    let direct = "[problem.sphere]\n[network.dense]\n[algorithm.de]\n[run]\ngenerations = 1\n";
    assert!(lines(direct, &[])[0].contains("remove [network.dense]"));
    let bare = "[problem.pendulum]\n[algorithm.ga]\n[run]\ngenerations = 1\n";
    assert!(lines(bare, &[])[0].contains("add [network.dense]"));
}

#[test]
fn one_table_per_section() {
    let found = lines(&(CARTPOLE.to_owned() + "[algorithm.de]\n"), &[]);
    assert_eq!(
        found,
        ["x.toml:13:12: algorithm.de: expected one algorithm, found ga, de (keep `ga` or this one)"]
    );
    let found = lines(CARTPOLE, &["algorithm.de.population_size=9"]);
    assert!(found[0].contains("--set 'algorithm={de={…}}' replaces"), "{found:?}");
    assert!(parse(CARTPOLE, &["algorithm={de={}}"]).unwrap().start().is_ok());
    let found = lines(&CARTPOLE.replace("[algorithm.ga]\npopsize = 64", "[algorithm]\nga = 3"), &[]);
    assert!(found[0].contains("expected a table [algorithm.NAME], found an integer"), "{found:?}");
    assert!(lines("", &[]).len() >= 3);
}

#[test]
fn violations_of_starting_have_places() {
    let found = lines(&CARTPOLE.replace("popsize = 64", "popsize = 0"), &[]);
    assert!(found[0].starts_with("x.toml:8:11: algorithm.ga.population_size: expected"), "{found:?}");
    let found = lines(CARTPOLE, &["network.dense.hidden=[0]"]);
    assert!(
        found[0].contains("network.dense.hidden") && found[0].contains("in --set network.dense.hidden=[0]"),
        "{found:?}"
    );
    let two = "[problem.zdt1]\n[algorithm.de]\n[run]\ngenerations = 1\n";
    let found = lines(two, &[]);
    assert!(
        found[0].starts_with("x.toml:2:12: algorithm.de.objectives: expected a problem with one objective"),
        "{found:?}"
    );
}

#[test]
fn everything_is_listed_with_its_settings() {
    let registry = Registry::builtin();
    for section in [Section::Algorithm, Section::Problem, Section::Network, Section::Run] {
        for entry in registry.list(section) {
            assert!(!entry.settings.is_empty() || entry.name.len() == 3, "{} has settings", entry.name);
            for setting in &entry.settings {
                assert!(
                    !setting.takes.is_empty() && !setting.description.is_empty(),
                    "{}.{}",
                    entry.name,
                    setting.name
                );
            }
            assert_eq!(registry.describe(&entry.name).unwrap()[0].name, entry.name);
        }
    }
    let ga = &registry.describe("ga").unwrap()[0];
    assert_eq!(ga.genomes[..2], ["vector", "bits"]);
    assert_eq!(registry.describe("CartPole-v1").unwrap()[0].name, "cart_pole");
    assert!(registry.describe("cartpole").unwrap_err().to_string().contains("did you mean `cart_pole`?"));
}

#[test]
fn the_schema_knows_every_table() {
    let schema = Registry::builtin().schema();
    for (section, name) in
        [("problem", "cart_pole"), ("problem", "sphere"), ("network", "dense"), ("algorithm", "ga")]
    {
        assert!(schema["properties"][section]["properties"][name].is_object(), "{section}.{name}");
    }
    let cart_pole = &schema["properties"]["problem"]["properties"]["cart_pole"]["properties"];
    assert!(cart_pole["episodes"].is_object() && cart_pole.as_object().unwrap().len() > 3, "{cart_pole}");
    // Every reference leads somewhere.
    fn references<'v>(value: &'v serde_json::Value, found: &mut Vec<&'v str>) {
        match value {
            serde_json::Value::Object(object) => {
                found.extend(object.get("$ref").and_then(|r| r.as_str()));
                object.values().for_each(|v| references(v, found));
            }
            serde_json::Value::Array(items) => items.iter().for_each(|v| references(v, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    references(&schema, &mut found);
    for reference in found {
        let name = reference.strip_prefix("#/$defs/").unwrap();
        assert!(schema["$defs"][name].is_object(), "{reference}");
    }
}

/// Bounded mutation fuzzing: whatever the text, reading ends with an experiment or with mistakes that can be shown.
#[test]
fn mutated_files_never_panic() {
    use evolvent_core::{Purpose, stream};
    let registry = Registry::builtin();
    let mut rng = stream(RunKey::from_seed(5), 0, 0, 0, Purpose::Bootstrap);
    const BITS: &[&str] = &[
        "[", "]", "=", "\"", "'", "{", "}", ",", ".", "\n", "#", "-", "nan", "inf", "1e999", "λ", "\u{0}",
        "problem", "[[run]]", "\\",
    ];
    let seeds = [
        CARTPOLE,
        "[problem.sphere]\ndimension = 3\n[algorithm.de]\ncrossover = \"binomial\"\n[run]\nseconds = 1.5\n",
    ];
    for i in 0..2000 {
        let mut text = seeds[i % 2].to_owned();
        for _ in 0..1 + rng.below(4) {
            let at = (0..=text.len())
                .filter(|&i| text.is_char_boundary(i))
                .nth(rng.below(text.chars().count() + 1))
                .unwrap();
            match rng.below(3) {
                0 => text.insert_str(at, BITS[rng.below(BITS.len())]),
                1 => text.truncate(at),
                _ => {
                    if at < text.len() {
                        text.remove(at);
                    }
                }
            }
        }
        if let Err(error) = Experiment::parse(&registry, "x.toml", &text, &[]) {
            assert_eq!(error.exit_code(), 2);
            assert!(!error.to_string().is_empty());
        }
    }
}
