use crate::experiments::{CONTROLLER, records, resume, run_for};
use evolvent_core::{Purpose, RunKey, stream};
use evolvent_run::{
    Registry, RunDir,
    replay::{Options, replay},
};
use std::{fs, path::Path};

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.metadata().unwrap().is_dir() {
            copy(&entry.path(), &target)
        } else {
            fs::copy(entry.path(), &target).map(|_| ()).unwrap()
        }
    }
}

/// Whatever is done to the files of an interrupted run, resuming ends well or with an error that says what is wrong.
#[test]
fn damaged_runs_are_refused_with_a_reason() {
    let base = tempfile::tempdir().unwrap();
    let whole = base.path().join("whole");
    run_for(CONTROLLER, 7, &whole);
    let files = [
        "resolved.toml",
        "events.jsonl",
        "checkpoints/000007/structure.json",
        "checkpoints/000007/arrays.safetensors",
    ];
    let mut rng = stream(RunKey::from_seed(9), 0, 0, 0, Purpose::Bootstrap);
    let mut refused = 0;
    for i in 0..60 {
        let dir = base.path().join(format!("damaged-{i}"));
        copy(&whole, &dir);
        let path = dir.join(files[i % files.len()]);
        let mut bytes = fs::read(&path).unwrap();
        match rng.below(4) {
            0 => bytes.truncate(rng.below(bytes.len())),
            1 => {
                let at = rng.below(bytes.len());
                bytes[at] ^= 1 << rng.below(8);
            }
            2 => bytes.clear(),
            _ => bytes = b"something else altogether".to_vec(),
        }
        fs::write(&path, &bytes).unwrap();
        if let Err(error) = resume(&dir, &[]) {
            refused += 1;
            assert_eq!(error.exit_code(), 2, "{error}");
            let file = path.file_name().unwrap().to_str().unwrap();
            assert!(
                error.to_string().contains(file) || error.to_string().contains("checkpoint"),
                "{file}: {error}"
            );
        }
        fs::remove_dir_all(&dir).unwrap();
    }
    assert!(refused >= 30, "{refused}");
}

#[test]
fn a_checkpoint_of_another_run_is_refused() {
    let base = tempfile::tempdir().unwrap();
    let (a, b) = (base.path().join("a"), base.path().join("b"));
    run_for(CONTROLLER, 3, &a);
    run_for(&CONTROLLER.replace("seed = 11", "seed = 12"), 3, &b);
    fs::remove_dir_all(b.join("checkpoints")).unwrap();
    copy(&a.join("checkpoints"), &b.join("checkpoints"));
    let before = records(&b);
    let error = resume(&b, &[]).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert!(error.to_string().contains("another experiment"), "{error}");
    assert_eq!(records(&b), before);
}

#[test]
fn a_run_of_another_numeric_level_is_refused() {
    let base = tempfile::tempdir().unwrap();
    let dir = base.path().join("a");
    run_for(CONTROLLER, 3, &dir);
    let path = dir.join("resolved.toml");
    let resolved = fs::read_to_string(&path).unwrap();
    fs::write(&path, resolved.replace("numeric_level = \"bits-", "numeric_level = \"bits-9")).unwrap();
    let error = resume(&dir, &[]).unwrap_err();
    assert!(error.exit_code() == 2 && error.to_string().contains("numeric level"), "{error}");
}

#[test]
fn a_run_without_a_champion_cannot_be_replayed() {
    let base = tempfile::tempdir().unwrap();
    let dir = base.path().join("a");
    run_for(CONTROLLER, 3, &dir);
    let run_dir = RunDir::open(&dir).unwrap();
    let error = replay(&Registry::builtin(), &run_dir, &Options::default()).unwrap_err();
    assert!(error.exit_code() == 2 && error.to_string().contains("champion"), "{error}");
    resume(&dir, &[]).unwrap();
    for file in ["champion.json", "champion.safetensors"] {
        let path = dir.join(file);
        let whole = fs::read(&path).unwrap();
        for cut in [0, 20, whole.len() / 2] {
            fs::write(&path, &whole[..cut]).unwrap();
            let error = replay(&Registry::builtin(), &run_dir, &Options::default()).unwrap_err();
            assert!(error.exit_code() == 2 && error.to_string().contains(file), "{error}");
        }
        fs::write(&path, &whole).unwrap();
    }
    assert!(replay(&Registry::builtin(), &run_dir, &Options::default()).is_ok());
}
