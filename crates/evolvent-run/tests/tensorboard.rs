//! Event files, read by TensorBoard itself.

mod python;

use evolvent_core::Diagnostics;
use evolvent_run::{
    observer::{Observer, RunInfo},
    record::{Estimate, Event, Generation, PerObjective, Timing, Validation},
    settings::Budgets,
    tensorboard::{EVENT_FILE, EventWriter, TensorBoard},
};
use std::{fs, path::Path};

fn timing(generation: u64) -> Timing {
    Timing { seconds: 0.0, unix: 1_764_000_000.0 + generation as f64, threads: None }
}

fn generation(number: u64) -> Event {
    let mut diagnostics = Diagnostics::default();
    diagnostics.add("sigma", 0.5);
    Event::Generation(Generation {
        generation: number,
        evaluations: 10 * number,
        episodes: 0,
        steps: 0,
        best: PerObjective(vec![number as f64, -1.0]),
        mean: PerObjective(vec![0.25, 0.75]),
        std: PerObjective(vec![0.0, 0.0]),
        median: PerObjective(vec![]),
        failures: 1,
        failure: None,
        infeasible: None,
        diagnostics,
        groups: Vec::new(),
        timing: timing(number),
    })
}

fn session(dir: &Path, resumed_at: u64, events: &[Event]) -> u64 {
    let mut observer = TensorBoard::default();
    let budgets = Budgets::default();
    observer.begin(&RunInfo { dir: dir.into(), budgets, resumed_at, threads: 1, notes: Vec::new() }).unwrap();
    events.iter().for_each(|event| observer.observe(event).unwrap());
    let files = observer.record_files().unwrap();
    assert_eq!(files.len(), 1);
    assert_eq!(files[0].bytes, fs::metadata(dir.join(&files[0].path)).unwrap().len());
    files[0].bytes
}

#[test]
fn a_resumed_run_continues_its_curves() {
    let dir = tempfile::tempdir().unwrap();
    let validation = Event::Validation(Validation {
        generation: 2,
        evaluations: 20,
        score: Estimate { mean: PerObjective(vec![3.5]), ..Estimate::default() },
        champion: true,
        failure: None,
        timing: timing(2),
    });
    let kept = session(dir.path(), 0, &[generation(1), generation(2), validation]);
    session(dir.path(), 2, &[generation(99)]);
    // The run was killed; what came after the checkpoint is cut off.
    fs::File::options().write(true).open(dir.path().join(EVENT_FILE)).unwrap().set_len(kept).unwrap();
    session(dir.path(), 2, &[generation(3)]);
    let file = fs::File::options().append(true).open(dir.path().join(EVENT_FILE)).unwrap();
    EventWriter::append(file).histogram(0.0, 3, "weights", &[-1.0, 0.5, 2.5]).unwrap();

    if !python::run_script("tensorboard_values.py", "tensorboard", dir.path()) {
        return;
    }
    let values: serde_json::Value =
        serde_json::from_slice(&fs::read(dir.path().join("values.json")).unwrap()).unwrap();
    let expected = serde_json::json!({
        "fitness/best_0": [[1, 1.0], [2, 2.0], [3, 3.0]],
        "fitness/best_1": [[1, -1.0], [2, -1.0], [3, -1.0]],
        "fitness/mean_0": [[1, 0.25], [2, 0.25], [3, 0.25]],
        "fitness/mean_1": [[1, 0.75], [2, 0.75], [3, 0.75]],
        "fitness/std_0": [[1, 0.0], [2, 0.0], [3, 0.0]],
        "fitness/std_1": [[1, 0.0], [2, 0.0], [3, 0.0]],
        "run/evaluations": [[1, 10.0], [2, 20.0], [3, 30.0]],
        "run/failures": [[1, 1.0], [2, 1.0], [3, 1.0]],
        "algorithm/sigma": [[1, 0.5], [2, 0.5], [3, 0.5]],
        "validation/mean": [[2, 3.5]],
        "weights": [[3, -1.0, 2.5, 3.0, 2.0]],
    });
    for (name, points) in expected.as_object().unwrap() {
        assert_eq!(&values[name], points, "{name}");
    }
    assert_eq!(values.as_object().unwrap().len(), expected.as_object().unwrap().len());
}
