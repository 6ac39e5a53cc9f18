//! Runs killed at random instants. The number of kills per experiment is the variable `EVOLVENT_KILLS`; the usual test
//! makes a few, hundreds are made by
//!
//! ```text
//! EVOLVENT_KILLS=50 cargo test --release -p evolvent-run --test runner killed
//! ```

use crate::experiments::{CONTROLLER, assert_same, every_algorithm, resume, run};
use evolvent_core::{Purpose, RunKey, stream};
use std::{
    env, fs,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

const EXPERIMENT: &str = "EVOLVENT_TEST_EXPERIMENT";
const DIRECTORY: &str = "EVOLVENT_TEST_DIRECTORY";

/// What the killed processes do: begin or continue a run. A test like any other if the variables are not set.
#[test]
fn child() {
    let (Ok(text), Ok(dir)) = (env::var(EXPERIMENT), env::var(DIRECTORY)) else { return };
    let dir = Path::new(&dir);
    if dir.exists() {
        resume(dir, &[]).unwrap()
    } else {
        run(&text, &[], dir).unwrap()
    };
}

fn spawn(text: &str, dir: &Path) -> std::process::Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "kill::child", "--test-threads", "1"])
        .env(EXPERIMENT, text)
        .env(DIRECTORY, dir)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn killed_runs_continue_to_the_same_bits() {
    let kills: u32 = env::var("EVOLVENT_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(2);
    let base = tempfile::tempdir().unwrap();
    let mut rng = stream(RunKey::from_seed(1), 0, 0, 0, Purpose::Bootstrap);
    let mut all = every_algorithm(40);
    all.push(("a controller".into(), CONTROLLER.replace("generations = 12", "generations = 60")));
    for (i, (name, text)) in all.into_iter().enumerate() {
        let whole = base.path().join(format!("{i}-whole"));
        let begun = Instant::now();
        assert!(spawn(&text, &whole).wait().unwrap().success(), "{name}");
        let takes = begun.elapsed();
        let mut done = 0;
        let mut attempt = 0;
        while done < kills {
            // One run is killed up to three times before it may end.
            let dir = base.path().join(format!("{i}-killed-{attempt}"));
            attempt += 1;
            for _ in 0..3 {
                let mut process = spawn(&text, &dir);
                thread::sleep(Duration::from_secs_f64(takes.as_secs_f64() * rng.uniform()));
                process.kill().unwrap();
                if !process.wait().unwrap().success() {
                    done += 1;
                }
            }
            if dir.exists() {
                resume(&dir, &[]).unwrap()
            } else {
                run(&text, &[], &dir).unwrap()
            };
            assert_same(&whole, &dir, &name);
            fs::remove_dir_all(&dir).unwrap();
        }
    }
}
