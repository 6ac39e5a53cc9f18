use crate::experiments::{CONTROLLER, assert_same, every_algorithm, run};

#[test]
fn any_number_of_threads_gives_the_same_records() {
    let base = tempfile::tempdir().unwrap();
    let mut all = every_algorithm(5);
    all.push(("a controller".into(), CONTROLLER.into()));
    for (i, (name, text)) in all.into_iter().enumerate() {
        let dir = |threads: u64| base.path().join(format!("{i}-{threads}"));
        for threads in [1, 2, 8] {
            run(&text, &[&format!("run.threads={threads}")], &dir(threads)).unwrap();
        }
        assert_same(&dir(1), &dir(2), &format!("{name}: 1 and 2 threads"));
        assert_same(&dir(1), &dir(8), &format!("{name}: 1 and 8 threads"));
    }
}
