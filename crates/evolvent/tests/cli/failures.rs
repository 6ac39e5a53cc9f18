//! Programs that do not do what they should.

#![cfg(unix)]

use crate::program::{directory, repository, run};
use std::fs;

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

/// The first block of a page in this language.
fn block<'p>(page: &'p str, language: &str) -> &'p str {
    let start = page.find(&format!("```{language}\n")).expect(language) + language.len() + 4;
    &page[start..start + page[start..].find("```").unwrap()]
}

#[test]
fn the_page_about_programs_is_true_from_any_folder() {
    let page = fs::read_to_string(repository().join("docs/command.md")).unwrap();
    let dir = directory(&[("fitness.py", block(&page, "python")), ("mine.toml", block(&page, "toml"))]);
    let elsewhere = tempfile::tempdir().unwrap();
    let file = dir.path().join("mine.toml");
    run(elsewhere.path(), &["run", file.to_str().unwrap(), "--quiet"]).ends_with(0);
    let replayed =
        run(dir.path(), &["replay", elsewhere.path().join("runs/mine").to_str().unwrap()]).ends_with(0);
    assert!(replayed.stdout.lines().next().unwrap().parse::<f64>().unwrap() < 1e-2, "{}", replayed.stdout);
    let described = run(dir.path(), &["describe", "command"]).ends_with(0).stdout;
    for part in ["    to the program    {\"id\":0,\"genome\":[0.5,-1.25]", "docs/command.md"] {
        assert!(described.contains(part), "{part}\n{described}");
    }
    let missing =
        run(dir.path(), &["run", "mine.toml", "--set", "problem.command.program=[\"./none\"]"]).ends_with(2);
    assert!(missing.stderr.contains("`directory` names another"), "{}", missing.stderr);
}
