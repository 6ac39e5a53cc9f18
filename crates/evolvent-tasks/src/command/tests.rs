//! Programs that behave, and all the ways in which they do not.

use super::*;
use evolvent_core::{Auto, Phase, RunKey, Sense};
use std::time::{Duration, Instant};

const WELCOME: &str = r#"read greeting; echo '{"protocol":"evolvent","version":1}'; "#;

/// Reads requests; `id`, `seed` and `gene` (the first one) are set for the commands of `each`.
fn program(each: &str) -> Vec<String> {
    let script = format!(
        r#"{WELCOME}
        while read -r line; do
            id=${{line#*\"id\":}}; id=${{id%%,*}}
            seed=${{line#*\"seed\":}}; seed=${{seed%%,*}}
            gene=${{line#*[}}; gene=${{gene%%,*}}; gene=${{gene%%]*}}
            {each}
        done"#
    );
    shell(&script)
}

fn shell(script: &str) -> Vec<String> {
    ["sh", "-c", script].map(String::from).into()
}

fn settings(program: Vec<String>) -> CommandSettings {
    CommandSettings {
        program,
        dimension: Auto::Value(2),
        workers: Auto::Value(2),
        timeout: 20.0,
        start_timeout: 20.0,
        ..CommandSettings::default()
    }
}

/// Members whose first gene is their number.
fn batch(count: usize) -> Batch<Vector> {
    Batch::of((0..count).map(|i| Vector(vec![i as f64, 0.5])).collect())
}

fn round() -> Round {
    Round::train(RunKey::from_seed(5), 3)
}

fn evaluate(command: &Command<Vector>, batch: &Batch<Vector>) -> Vec<Evaluation> {
    command.evaluate(&(), batch, 0..batch.len(), &round()).into_iter().map(|e| e.evaluation).collect()
}

fn value(evaluation: &Evaluation) -> f64 {
    evaluation.result.as_ref().unwrap().objectives[0]
}

const ANSWER: &str = r#"echo "{\"id\":$id,\"fitness\":$gene}""#;

#[test]
fn a_program_that_behaves() {
    for workers in [1, 4] {
        let settings = CommandSettings { workers: Auto::Value(workers), ..settings(program(ANSWER)) };
        let command = Command::vectors(&settings).unwrap();
        assert_eq!(command.space().genes.dimension(), 2);
        let batch = batch(9);
        let found: Vec<f64> = evaluate(&command, &batch).iter().map(value).collect();
        assert_eq!(found, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
        let part: Vec<_> = command.evaluate(&(), &batch, 4..6, &round());
        assert_eq!(value(&part[1].evaluation), 5.0);
        assert_eq!(part[1].evaluation.cost, Cost { episodes: 1, steps: 0 });
    }
}

#[test]
fn seeds_follow_streams_and_not_the_pool() {
    let seeds = |workers, shared| {
        let each = r#"echo "{\"id\":$id,\"fitness\":$seed}""#;
        let settings =
            CommandSettings { workers: Auto::Value(workers), noisy: true, ..settings(program(each)) };
        let mut batch = batch(6);
        if shared {
            batch.share_random_numbers();
        }
        evaluate(&Command::vectors(&settings).unwrap(), &batch).iter().map(value).collect::<Vec<_>>()
    };
    let own = seeds(1, false);
    assert_eq!(own, seeds(3, false));
    assert!((1..6).all(|i| own[i] != own[0]));
    assert_eq!(seeds(2, true), [own[0]; 6]);
}

#[test]
fn noisy_programs_are_asked_several_times() {
    let each = r#"echo "{\"id\":$id,\"fitness\":$((seed % 1000)),\"steps\":5}""#;
    let settings = CommandSettings { noisy: true, repetitions: 3, ..settings(program(each)) };
    let command = Command::vectors(&settings).unwrap();
    let batch = batch(2);
    let seed = |r| round().stream(1, r, Purpose::Problem).next_u64() >> 11;
    let expected = (0..3).map(|r| (seed(r) % 1000) as f64).sum::<f64>() / 3.0;
    let found = evaluate(&command, &batch);
    assert_eq!(value(&found[1]), expected);
    assert_eq!(found[1].cost, Cost { episodes: 3, steps: 15 });
    let validation = Round { phase: Phase::Validate, repetitions: Some(7), ..round() };
    assert_eq!(command.evaluate(&(), &batch, 0..1, &validation)[0].evaluation.cost.episodes, 7);
}

#[test]
fn misbehaviour_fails_the_evaluation_and_nothing_else() {
    let each = r#"case $gene in
        1.0) echo "no memory for gene $gene" >&2; exit 3;;
        2.0) sleep 100;;
        3.0) echo computing;;
        4.0) printf "{\"id\":$id,\"fit"; exit 0;;
        5.0) echo "{\"id\":999,\"fitness\":1}";;
        6.0) echo "{\"id\":$id,\"fitness\":NaN}";;
        7.0) echo "{\"id\":$id,\"error\":\"does not converge\"}";;
        8.0) head -c 100000 /dev/zero | tr '\0' x; echo;;
        9.0) printf '\377\n';;
        *) echo "{\"id\":$id,\"fitness\":$gene}";;
    esac"#;
    let run = |workers| {
        let settings = CommandSettings {
            workers: Auto::Value(workers),
            timeout: 1.5,
            max_answer_bytes: 1000,
            ..settings(program(each))
        };
        evaluate(&Command::vectors(&settings).unwrap(), &batch(12))
    };
    let began = Instant::now();
    let found = run(2);
    assert_eq!(found, run(12), "results do not depend on the pool");
    assert!(began.elapsed() < Duration::from_secs(15));
    let failure = |i: usize| found[i].result.clone().unwrap_err();
    for i in [0, 10, 11] {
        assert_eq!(value(&found[i]), i as f64);
    }
    let Failure::Crashed(message) = failure(1) else { panic!("{:?}", failure(1)) };
    assert!(message.contains("exit status: 3") && message.contains("no memory for gene 1.0"), "{message}");
    assert_eq!(failure(2), Failure::TimedOut(1.5));
    for (i, needle) in [
        (3, "\"computing\" is not JSON"),
        (4, "not JSON"),
        (5, "id 999 where 5"),
        (8, "more than 1000 bytes"),
        (9, "UTF-8"),
    ] {
        let message = failure(i).to_string();
        assert!(matches!(failure(i), Failure::Garbled(_)) && message.contains(needle), "{i}: {message}");
    }
    assert_eq!(failure(6), Failure::NotFinite { index: 0, value: "NaN".into() });
    assert_eq!(failure(7), Failure::Reported("does not converge".into()));
}

#[test]
fn programs_may_end_after_each_answer() {
    let command = Command::vectors(&settings(program(&format!("{ANSWER}; exit 0")))).unwrap();
    let found: Vec<f64> = evaluate(&command, &batch(5)).iter().map(value).collect();
    assert_eq!(found, [0.0, 1.0, 2.0, 3.0, 4.0]);
}

#[test]
fn programs_that_do_not_start_are_errors_at_once() {
    let error = |program| {
        let settings = CommandSettings { start_timeout: 0.3, ..settings(program) };
        Command::vectors(&settings).unwrap_err()
    };
    let missing = error(vec!["no-such-program-anywhere".into()]);
    assert!(matches!(&missing, CommandError::NotStarted { .. }), "{missing}");
    let dying = error(shell("echo 'ImportError: no module named torch' >&2; exit 1"));
    assert!(matches!(&dying, CommandError::Ended { .. }));
    assert!(
        dying.to_string().contains("exit status: 1") && dying.to_string().contains("ImportError"),
        "{dying}"
    );
    let silent = error(shell("cat > /dev/null"));
    assert!(matches!(silent, CommandError::Silent { seconds: 0.3, .. }), "{silent}");
    let chatty = error(shell("echo loading model; cat > /dev/null"));
    assert!(chatty.to_string().contains("\"loading model\" is not JSON"), "{chatty}");
    let newer = error(shell(r#"read g; echo '{"protocol":"evolvent","version":9}'; read x"#));
    assert!(newer.to_string().contains("version 9"), "{newer}");
    let other = error(shell(r#"read g; echo '{"protocol":"evolvent","version":1,"dimension":3}'; read x"#));
    assert!(other.to_string().contains("dimension 3, the experiment has 2"), "{other}");
    let nothing = Command::vectors(&CommandSettings::default()).unwrap_err();
    assert!(nothing.to_string().contains("program: expected a program and its arguments"), "{nothing}");
}

#[test]
fn the_greeting_may_describe_the_genes() {
    let welcome =
        r#"read g; echo '{"protocol":"evolvent","version":1,"dimension":3,"bounds":[[-1,2]]}'; read x"#;
    let auto = CommandSettings { dimension: Auto::Auto, ..settings(shell(welcome)) };
    let genes = Command::vectors(&auto).unwrap().space().genes;
    assert_eq!((genes.dimension(), genes.bounds.unwrap().high), (3, vec![2.0; 3]));
    let error = Command::vectors(&CommandSettings { dimension: Auto::Auto, ..settings(program(ANSWER)) });
    assert!(error.unwrap_err().to_string().contains("set dimension"));
}

#[test]
fn objectives_constraints_and_descriptors() {
    let each = r#"echo "{\"id\":$id,\"objectives\":[1,2],\"constraints\":[-1],\"descriptors\":[0.5]}""#;
    let settings = CommandSettings {
        objectives: vec![Sense::Minimize, Sense::Maximize],
        constraints: 1,
        descriptors: vec![[0.0, 1.0]],
        ..settings(program(each))
    };
    let command = Command::vectors(&settings).unwrap();
    let measured = evaluate(&command, &batch(1))[0].result.clone().unwrap();
    assert_eq!(
        (&measured.objectives[..], measured.constraints[0], measured.descriptors[0]),
        (&[1.0, 2.0][..], -1.0, 0.5)
    );
    assert_eq!((command.space().senses.len(), command.space().constraints), (2, 1));
}

#[test]
fn a_program_that_does_not_read_is_given_up() {
    // More than a pipe holds, so that writing blocks.
    let batch = Batch::of(vec![Vector(vec![0.5; 200_000])]);
    let settings = CommandSettings {
        dimension: Auto::Value(200_000),
        timeout: 0.5,
        ..settings(shell(&format!("{WELCOME} sleep 100")))
    };
    let found = evaluate(&Command::vectors(&settings).unwrap(), &batch);
    assert_eq!(found[0].result, Err(Failure::TimedOut(0.5)));
}

#[test]
fn a_program_that_never_stops_talking_is_given_up() {
    let each = r#"while true; do echo noise; done"#;
    let found = evaluate(&Command::vectors(&settings(program(each))).unwrap(), &batch(3));
    assert!(found.iter().all(|e| matches!(e.result, Err(Failure::Garbled(_)))));
}

/// Whether a process with this number exists.
fn alive(id: &str) -> bool {
    let status = std::process::Command::new("sh").args(["-c", &format!("kill -0 {id} 2>/dev/null")]).status();
    status.unwrap().success()
}

fn gone_soon(id: &str) -> bool {
    (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        !alive(id)
    })
}

#[test]
fn programs_and_their_children_end_with_the_pool() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ids");
    let script =
        format!("sleep 1000 & echo $! > {0}; echo $$ >> {0}; {WELCOME} read line; wait", file.display());
    let command = Command::vectors(&settings(shell(&script))).unwrap();
    let ids = std::fs::read_to_string(&file).unwrap();
    assert!(ids.lines().count() == 2 && ids.lines().all(alive));
    drop(command);
    assert!(ids.lines().all(gone_soon));
}

#[test]
fn a_stop_ends_evaluations_in_progress() {
    let command = Command::vectors(&settings(program("sleep 1000"))).unwrap();
    let stop = command.stopper();
    let began = Instant::now();
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(200));
            stop.stop();
        });
        let found = evaluate(&command, &batch(4));
        assert!(found.iter().all(|e| matches!(e.result, Err(Failure::Crashed(_)))), "{found:?}");
    });
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[test]
fn other_genomes_are_sent_as_serde_writes_them() {
    #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    struct Word(String);
    impl Genome for Word {
        const KIND: &'static str = "word";
        type Genes = ();
        type Members = Vec<Word>;
        type View = Word;
    }
    let script = format!(
        r#"{WELCOME} while read -r line; do case $line in
        *'"genome":"abc"'*) echo '{{"id":0,"fitness":1}}';; *) echo '{{"id":0,"error":"no abc"}}';; esac; done"#
    );
    let command = Command::<Word>::genomes(&settings(shell(&script)), ()).unwrap();
    let found = command.evaluate(&(), &Batch::of(vec![Word("abc".into())]), 0..1, &round());
    assert_eq!(value(&found[0].evaluation), 1.0);
}

/// The program in the module's documentation.
#[test]
fn the_python_example_works() {
    let script = include_str!("mod.rs")
        .lines()
        .skip_while(|line| !line.ends_with("```python"))
        .skip(1)
        .take_while(|line| !line.ends_with("```"))
        .map(|line| line.trim_start_matches("//!").strip_prefix(' ').unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n");
    let program = ["python3", "-c", &script].map(String::from).into();
    let command = Command::vectors(&settings(program)).unwrap();
    let found: Vec<f64> = evaluate(&command, &batch(3)).iter().map(value).collect();
    assert_eq!(found, [0.25, 1.25, 4.25]);
}
