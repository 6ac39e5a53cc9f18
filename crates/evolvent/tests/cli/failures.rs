//! Programs that do not do what they should.

#![cfg(unix)]

use crate::program::{directory, run};

const GARBAGE: &str = "\
import json, sys
json.loads(sys.stdin.readline())
print(json.dumps({\"protocol\": \"evolvent\", \"version\": 1}), flush=True)
for line in sys.stdin:
    print(\"step 1 done\", flush=True)
";

const EXPERIMENT: &str = "\
[problem.command]
program = [\"python3\", \"fitness.py\"]
dimension = 2
workers = 1

[algorithm.random_search]
population_size = 3

[run]
generations = 2
seed = 1
";

#[test]
fn a_run_in_which_everything_fails_says_so_and_fails() {
    let dir = directory(&[("fitness.py", GARBAGE), ("garbage.toml", EXPERIMENT)]);
    let at = dir.path();
    let done = run(at, &["run", "garbage.toml"]).ends_with(1);
    let first = "3 evaluations failed in generation 1; the first: ";
    assert!(done.stderr.contains(first) && done.stderr.contains("step 1 done"), "{}", done.stderr);
    assert!(done.stderr.contains("champion  none: the first evaluation that failed: "), "{}", done.stderr);
    assert_eq!(done.last_line().trim(), "evolvent show runs/garbage");
    let quiet = run(at, &["run", "garbage.toml", "--quiet", "--json"]).ends_with(1);
    assert_eq!(quiet.objects().last().unwrap()["event"], "finished");
    let shown = run(at, &["show", "runs/garbage"]).ends_with(0);
    assert!(shown.stdout.contains("step 1 done"), "{}", shown.stdout);
    assert_eq!(shown.last_line().trim(), "evolvent run runs/garbage/resolved.toml");
}
