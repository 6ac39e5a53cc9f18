//! Rows of figures over many runs.

use evolvent_core::{Purpose, RunKey, stream};
use evolvent_math::statistics::{bootstrap, mean, quantile, standard_deviation};

/// What a run came to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    /// Whether the task was solved.
    pub(crate) solved: bool,
    /// Evaluations until then, or until the run was given up.
    pub(crate) evaluations: f64,
    /// Hidden nodes of the solution.
    pub(crate) hidden: f64,
    /// Generalisation starts passed by the solution.
    pub(crate) generalisation: f64,
    /// Times that the population died out and began anew.
    pub(crate) extinctions: f64,
}

pub(crate) const HEADER: &str = "\
| | solved | evaluations, mean [95 %] | sd | median (quartiles) | max | hidden nodes |
|---|---|---|---|---|---|---|
";

/// A row of [`HEADER`]; figures are over solved runs.
pub(crate) fn row(name: &str, runs: &[Found]) -> String {
    let solved: Vec<&Found> = runs.iter().filter(|r| r.solved).collect();
    let x: Vec<f64> = solved.iter().map(|r| r.evaluations).collect();
    let n = format!("| {name} | {} of {} |", solved.len(), runs.len());
    if x.len() < 2 {
        return n + " | | | | |\n";
    }
    let mut rng = stream(RunKey::from_seed(1), 0, 0, 0, Purpose::Bootstrap);
    let (low, high) = bootstrap(&x, mean, 10_000, 0.95, &mut rng);
    let hidden: Vec<f64> = solved.iter().map(|r| r.hidden).collect();
    format!(
        "{n} {} [{}, {}] | {} | {} ({}, {}) | {} | {:.2} |\n",
        whole(mean(&x)),
        whole(low),
        whole(high),
        whole(standard_deviation(&x)),
        whole(quantile(&x, 0.5)),
        whole(quantile(&x, 0.25)),
        whole(quantile(&x, 0.75)),
        whole(quantile(&x, 1.0)),
        mean(&hidden),
    )
}

/// A whole number with thousands marked.
pub(crate) fn whole(x: f64) -> String {
    let digits = format!("{x:.0}");
    let split = digits.len() % 3;
    let mut groups: Vec<&str> = Vec::new();
    groups.extend((split > 0).then(|| &digits[..split]));
    groups.extend((split..digits.len()).step_by(3).map(|i| &digits[i..i + 3]));
    groups.join(",")
}
