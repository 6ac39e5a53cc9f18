use crate::experiments::{CONTROLLER, assert_same, every_algorithm, records, resume, run, run_for};
use evolvent_run::{
    Destination, RunDir,
    observer::Observer,
    record::{Event, StoppedBy},
    runner::{self, Control},
};
use std::{fs, io, sync::atomic::AtomicBool};

#[test]
fn a_resumed_run_has_the_records_of_an_uninterrupted_one() {
    let base = tempfile::tempdir().unwrap();
    let whole = base.path().join("whole");
    run(CONTROLLER, &[], &whole).unwrap();
    for generations in [1, 5, 7, 12] {
        let dir = base.path().join(format!("after-{generations}"));
        let summary = run_for(CONTROLLER, generations, &dir);
        if generations < 12 {
            assert_eq!(summary.stopped.stopped_by, StoppedBy::Interrupted);
            assert!(summary.finished.is_none());
        }
        let finished = resume(&dir, &[]).unwrap().finished.unwrap();
        assert_eq!(finished.generations, 12);
        assert_same(&whole, &dir, &format!("interrupted after {generations}"));
    }
}

#[test]
fn every_algorithm_resumes() {
    let base = tempfile::tempdir().unwrap();
    for (i, (name, text)) in every_algorithm(9).into_iter().enumerate() {
        let (whole, parts) = (base.path().join(format!("{i}-whole")), base.path().join(format!("{i}-parts")));
        run(&text, &[], &whole).unwrap();
        run_for(&text, 4, &parts);
        resume(&parts, &[]).unwrap();
        assert_same(&whole, &parts, &name);
    }
}

#[test]
fn raised_budgets_go_on_as_if_they_had_been_there() {
    let base = tempfile::tempdir().unwrap();
    let (whole, raised) = (base.path().join("whole"), base.path().join("raised"));
    run(CONTROLLER, &[], &whole).unwrap();
    let short = run(CONTROLLER, &["run.generations=5"], &raised).unwrap();
    assert_eq!(short.stopped.stopped_by, StoppedBy::Generations);
    assert!(raised.join("champion.json").exists());
    resume(&raised, &["run.generations=9"]).unwrap();
    let summary = resume(&raised, &["run.generations=12", "run.threads=1", "run.tensorboard=true"]).unwrap();
    assert_eq!(summary.finished.unwrap().generations, 12);
    assert_same(&whole, &raised, "raised twice");
    let resolved = fs::read_to_string(raised.join("resolved.toml")).unwrap();
    assert!(resolved.contains("generations = 12") && resolved.contains("tensorboard = true"), "{resolved}");
    // What is over stays over.
    resume(&raised, &[]).unwrap();
    assert_same(&whole, &raised, "resumed at its end");
}

#[test]
fn a_change_that_makes_another_run_is_refused() {
    let base = tempfile::tempdir().unwrap();
    let dir = base.path().join("run");
    run_for(CONTROLLER, 3, &dir);
    let before = records(&dir);
    for change in
        ["algorithm.ga.population_size=13", "run.seed=12", "problem.pendulum.episodes=3", "run.finalists=1"]
    {
        let error = resume(&dir, &[change]).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains(change), "{error}");
    }
    assert_eq!(resume(&dir, &["run.generation=3"]).unwrap_err().exit_code(), 2);
    assert_eq!(records(&dir), before, "nothing was touched");
}

#[test]
fn before_the_first_checkpoint_the_run_begins_again() {
    let base = tempfile::tempdir().unwrap();
    let (whole, killed) = (base.path().join("whole"), base.path().join("killed"));
    run(CONTROLLER, &[], &whole).unwrap();
    run_for(CONTROLLER, 2, &killed);
    fs::remove_dir_all(killed.join("checkpoints")).unwrap();
    resume(&killed, &[]).unwrap();
    assert_same(&whole, &killed, "without a checkpoint");
}

#[test]
fn tensorboard_files_are_cut_back_with_the_records() {
    let base = tempfile::tempdir().unwrap();
    let dir = base.path().join("run");
    let text = CONTROLLER.replace("seed = 11", "seed = 11\ntensorboard = true");
    run_for(&text, 6, &dir);
    let files = |dir: &std::path::Path| -> Vec<(String, u64)> {
        let list = fs::read_dir(dir.join("tensorboard")).unwrap().map(|e| e.unwrap());
        list.map(|e| (e.file_name().to_string_lossy().into_owned(), e.metadata().unwrap().len())).collect()
    };
    let before = files(&dir);
    assert_eq!(before.len(), 1);
    resume(&dir, &[]).unwrap();
    let after = files(&dir);
    assert_eq!((after.len(), &after[0].0), (1, &before[0].0));
    let whole = base.path().join("whole");
    run(&text, &[], &whole).unwrap();
    assert_eq!(files(&whole)[0].1, after[0].1, "as long as that of an uninterrupted run");
    assert!(RunDir::open(&dir).is_ok());
}

/// Fails at one kind of event of one generation, as a progress display on a full disk does.
struct FailAt(&'static str, u64);

impl Observer for FailAt {
    fn observe(&mut self, event: &Event) -> io::Result<()> {
        let here = match event {
            Event::Generation(g) => ("generation", g.generation),
            Event::Validation(v) => ("validation", v.generation),
            Event::Checkpoint(c) => ("checkpoint", c.generation),
            _ => return Ok(()),
        };
        if here == (self.0, self.1) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

#[test]
fn an_error_inside_a_generation_loses_no_record_and_no_validation() {
    let base = tempfile::tempdir().unwrap();
    let settings = ["run.validation_interval=1", "run.checkpoint_interval=2"];
    let whole = base.path().join("whole");
    run(CONTROLLER, &settings, &whole).unwrap();
    for (kind, generation) in [("generation", 1), ("generation", 6), ("validation", 5), ("checkpoint", 4)] {
        let dir = base.path().join(format!("{kind}-{generation}"));
        let never = AtomicBool::new(false);
        let mut fail = FailAt(kind, generation);
        let control = Control { observers: vec![&mut fail], interrupt: &never };
        let experiment = crate::experiments::parse(CONTROLLER, &settings).unwrap();
        runner::run(&experiment, &Destination::Given(dir.clone()), control).unwrap_err();
        resume(&dir, &[]).unwrap();
        assert_same(&whole, &dir, &format!("failed at {kind} of generation {generation}"));
    }
}

#[test]
fn two_processes_cannot_resume_one_run() {
    let base = tempfile::tempdir().unwrap();
    let (whole, dir) = (base.path().join("whole"), base.path().join("run"));
    run(CONTROLLER, &[], &whole).unwrap();
    run_for(CONTROLLER, 3, &dir);
    let before = records(&dir);
    let other = RunDir::open(&dir).unwrap().lock().unwrap();
    let error = resume(&dir, &[]).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert_eq!(records(&dir), before, "nothing was touched");
    drop(other);
    resume(&dir, &[]).unwrap();
    assert_same(&whole, &dir, "once the other had gone");
}

#[test]
fn a_run_goes_on_with_the_data_that_it_began_with_or_not_at_all() {
    let base = tempfile::tempdir().unwrap();
    let (data, dir) = (base.path().join("d.csv"), base.path().join("run"));
    let table = |shift: f64| -> String {
        (0..40).map(|i| format!("{},{}\n", f64::from(i) * 0.5, f64::from(i) * 0.25 + shift)).collect()
    };
    fs::write(&data, table(0.125)).unwrap();
    let text = format!(
        "[problem.dataset.source.csv]\npath = {:?}\nheader = false\n[network.dense]\nhidden = [3]\n\
         [algorithm.open_es]\n[run]\ngenerations = 6\nseed = 1\nthreads = 1\n",
        data.to_str().unwrap()
    );
    run_for(&text, 2, &dir);
    fs::write(&data, table(0.375).replace("0.375", "9.5")).unwrap();
    let error = resume(&dir, &[]).unwrap_err();
    assert!(
        error.exit_code() == 2 && error.to_string().contains("the data that the run began with"),
        "{error}"
    );
    fs::write(&data, table(0.125)).unwrap();
    resume(&dir, &[]).unwrap();
}
