use crate::experiments::{CONTROLLER, parse, records, run};
use evolvent_run::{
    Destination, Registry, RunDir,
    champion::Champion,
    record::{Event, StoppedBy},
    replay::{Options, replay},
};
use std::fs;

const SPHERE: &str =
    "[problem.sphere]\ndimension = 4\n[algorithm.de]\npopulation_size = 20\n[run]\nseed = 2\n";

#[test]
fn each_budget_ends_a_run() {
    let base = tempfile::tempdir().unwrap();
    for (i, (budget, by)) in [
        ("run.generations=3", StoppedBy::Generations),
        ("run.evaluations=45", StoppedBy::Evaluations),
        ("run.episodes=30", StoppedBy::Episodes),
        ("run.steps=100", StoppedBy::Steps),
        ("run.seconds=0.5", StoppedBy::Seconds),
    ]
    .into_iter()
    .enumerate()
    {
        let dir = base.path().join(i.to_string());
        let text = CONTROLLER.replace("generations = 12\n", "");
        let finished = run(&text, &[budget], &dir).unwrap().finished.unwrap();
        assert_eq!(finished.stopped_by, by, "{budget}");
        assert!(finished.generations >= 1);
    }
}

#[test]
fn a_target_is_tested_where_nothing_was_trained() {
    let base = tempfile::tempdir().unwrap();
    let dir = base.path().join("cart_pole");
    let text = CONTROLLER
        .replace("pendulum", "cart_pole")
        .replace("max_steps = 40", "max_steps = 100")
        .replace("action_noise = 0.1", "");
    let finished = run(&text, &["run.target=60", "run.generations=200"], &dir).unwrap().finished.unwrap();
    assert_eq!(finished.stopped_by, StoppedBy::Target);
    assert!(finished.validation.mean.first().unwrap() >= 60.0);
    assert!(finished.validation.repetitions >= 10 && finished.test.repetitions == 5);
    assert_eq!(finished.target, Some(60.0));
    // The last two measurements are those that passed.
    let records = records(&dir);
    let passed: Vec<f64> = records
        .iter()
        .filter(|r| r["event"] == "validation" && r["generation"] == finished.generations)
        .map(|r| r["score"]["mean"].as_f64().unwrap())
        .collect();
    assert!(passed.len() == 2 && passed.iter().all(|&mean| mean >= 60.0), "{passed:?}");
    assert_eq!(finished.found_in, finished.generations);
}

#[test]
fn a_function_reaches_its_target_exactly() {
    let base = tempfile::tempdir().unwrap();
    let finished = run(SPHERE, &["run.target=1e-6"], &base.path().join("x")).unwrap().finished.unwrap();
    assert_eq!(finished.stopped_by, StoppedBy::Target);
    assert!(finished.best.first().unwrap() <= 1e-6);
    assert_eq!(finished.best, finished.validation.mean);
}

#[test]
fn records_tell_the_whole_story_in_order() {
    let base = tempfile::tempdir().unwrap();
    let dir = base.path().join("x");
    let summary = run(CONTROLLER, &[], &dir).unwrap();
    let events = RunDir::open(&dir).unwrap().read_events().unwrap();
    let Event::Started(started) = &events[0] else { panic!("{:?}", events[0]) };
    assert_eq!((started.problem.as_str(), started.network.as_deref()), ("pendulum", Some("dense")));
    assert_eq!((started.algorithm.as_str(), started.genome.as_str(), started.seed), ("ga", "vector", 11));
    assert_eq!(started.dimension, Some(3 * 6 + 6 + 6 + 1));
    let mut last = 0;
    for event in &events {
        if let Event::Generation(g) = event {
            assert_eq!(g.generation, last + 1);
            assert!(g.evaluations > 0 && g.episodes == 2 * g.evaluations && g.steps == 40 * g.episodes);
            assert!(g.best.first() >= g.mean.first());
            last = g.generation;
        }
    }
    assert_eq!(last, 12);
    let validated = events.iter().filter(|e| matches!(e, Event::Validation(_))).count();
    assert!(validated >= 2, "the first generation and the last");
    assert!(matches!(events[events.len() - 1], Event::Finished(_)));
    assert_eq!(events.last(), summary.finished.map(Event::Finished).as_ref());
}

#[test]
fn the_champion_is_found_again_and_replayed() {
    let base = tempfile::tempdir().unwrap();
    let dir = base.path().join("x");
    let finished = run(CONTROLLER, &[], &dir).unwrap().finished.unwrap();
    let (registry, run_dir) = (Registry::builtin(), RunDir::open(&dir).unwrap());
    let champion = Champion::load(&run_dir).unwrap();
    assert_eq!((&champion.test, &champion.validation), (&finished.test, &finished.validation));
    assert_eq!(champion.genome.read::<Vec<f64>>().unwrap().len(), 31);
    assert_eq!(champion.interface.as_ref().unwrap().inputs(), 3);
    let options = Options { episodes: Some(20), ..Options::default() };
    let first = replay(&registry, &run_dir, &options).unwrap();
    assert_eq!((first.values.len(), first.maximize), (20, true));
    assert!(first.std.unwrap() > 0.0);
    assert_eq!(first, replay(&registry, &run_dir, &Options { threads: Some(1), ..options }).unwrap());
    assert_ne!(first.values, replay(&registry, &run_dir, &Options { seed: 1, ..options }).unwrap().values);
    assert_ne!(Some(first.mean[0]), finished.test.mean.first(), "other episodes than those of the report");
    let program = champion.program(&registry, &run_dir).unwrap();
    assert!(program.initializers.iter().any(|i| i.name == "normalizer.mean"), "normalisation is inside");
}

#[test]
fn an_indirectly_encoded_champion_is_asked_for_more_detail() {
    let base = tempfile::tempdir().unwrap();
    let dir = base.path().join("x");
    let text = "[problem.dataset]\nsource = { visual_discrimination = {} }\nloss = \"squared_distance\"\n\
                metric = \"distance\"\n[network.hyperneat]\nbias = false\n[algorithm.neat]\npopulation_size = 8\n\
                [run]\ngenerations = 2\nseed = 1\n";
    run(text, &[], &dir).unwrap();
    let (registry, run_dir) = (Registry::builtin(), RunDir::open(&dir).unwrap());
    let finer = vec!["problem.dataset.source.visual_discrimination.resolution=33".to_string()];
    let options = Options { set: &finer, ..Options::default() };
    let replayed = replay(&registry, &run_dir, &options).unwrap();
    assert!(replayed.mean[0].is_finite() && replayed.metrics[0].0 == "distance");
    let program = Champion::load(&run_dir).unwrap().program_with(&registry, &run_dir, &finer).unwrap();
    assert_eq!(program.inputs[0].shape, [1, 33, 33]);
    let even = [finer[0].replace("33", "22")];
    assert!(replay(&registry, &run_dir, &Options { set: &even, ..Options::default() }).is_err());
}

#[test]
fn a_front_is_saved_with_its_champion() {
    let base = tempfile::tempdir().unwrap();
    let dir = base.path().join("x");
    let text = "[problem.zdt1]\ndimension = 4\n[algorithm.nsga2]\npopulation_size = 12\n[run]\ngenerations = 5\nseed = 1\n";
    let finished = run(text, &[], &dir).unwrap().finished.unwrap();
    assert_eq!(finished.best.0.len(), 2);
    let json: serde_json::Value =
        serde_json::from_slice(&fs::read(dir.join("champion.json")).unwrap()).unwrap();
    assert_eq!(json["front"].as_array().unwrap().len() as u64, finished.front.unwrap());
    let error = run(text, &["run.target=1"], &base.path().join("y")).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert!(!base.path().join("y").exists());
}

#[test]
fn a_wrong_experiment_leaves_no_trace() {
    let base = tempfile::tempdir().unwrap();
    for change in ["algorithm.de.population_size=1", "run.threads=100000", "problem.sphere.dimension=0"] {
        let error =
            run(SPHERE, &["run.generations=2", change], &base.path().join("deep").join("x")).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{change}");
    }
    assert_eq!(fs::read_dir(base.path()).unwrap().count(), 0);
}

#[test]
fn a_destination_in_use_is_refused_unless_it_may_be_replaced() {
    let base = tempfile::tempdir().unwrap();
    let dir = base.path().join("x");
    run(SPHERE, &["run.generations=2"], &dir).unwrap();
    assert_eq!(run(SPHERE, &["run.generations=3"], &dir).unwrap_err().exit_code(), 2);
    let stop = std::sync::atomic::AtomicBool::new(false);
    let control = evolvent_run::runner::Control { observers: vec![], interrupt: &stop };
    let experiment = parse(SPHERE, &["run.generations=3"]).unwrap();
    evolvent_run::runner::run(&experiment, &Destination::Overwrite(dir.clone()), control).unwrap();
    assert_eq!(records(&dir).last().unwrap()["generations"], 3);
}
