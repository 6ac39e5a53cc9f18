//! Names that are almost right.

/// Names that are listed beside a likely one.
const LONG: usize = 16;

/// The message and hint for a name that is not among the known ones.
pub(crate) fn unknown(what: &str, found: &str, known: &[&str]) -> (String, Option<String>) {
    let list = known.join(", ");
    let hint = match closest(found, known) {
        _ if known.is_empty() => None,
        Some(name) if known.len() > LONG => Some(format!("did you mean `{name}`?")),
        Some(name) => Some(format!("did you mean `{name}`? known: {list}")),
        None => Some(format!("known: {list}")),
    };
    let message =
        if what == "key" { "no such key".to_owned() } else { format!("no {what} is called `{found}`") };
    (message, hint)
}

/// The known name that `found` was most likely meant to be.
pub(crate) fn closest<'k>(found: &str, known: &[&'k str]) -> Option<&'k str> {
    let plain = |name: &str| name.to_lowercase().replace(['-', ' '], "_");
    let found = plain(found);
    let bare = |name: &str| name.replace('_', "");
    let near = |name: &&'k str| {
        let distance = if bare(name) == bare(&found) { 0 } else { edits(&found, &plain(name)) };
        let limit = 1 + found.chars().count().min(name.chars().count()) / 4;
        (distance <= limit).then_some((distance, *name))
    };
    let best = known.iter().filter_map(near).min_by_key(|(distance, _)| *distance);
    let begins = || {
        let long = found.chars().count() >= 3;
        known.iter().copied().find(|name| long && (name.starts_with(&found) || found.starts_with(name)))
    };
    best.map(|(_, name)| name).or_else(begins)
}

/// Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment distance).
fn edits(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let width = b.len() + 1;
    let mut d = vec![0; (a.len() + 1) * width];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            d[i * width + j] = match (i, j) {
                (0, _) => j,
                (_, 0) => i,
                _ => {
                    let differ = usize::from(a[i - 1] != b[j - 1]);
                    let mut least = (d[(i - 1) * width + j] + 1)
                        .min(d[i * width + j - 1] + 1)
                        .min(d[(i - 1) * width + j - 1] + differ);
                    if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                        least = least.min(d[(i - 2) * width + j - 2] + 1);
                    }
                    least
                }
            };
        }
    }
    d[a.len() * width + b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn likely_slips() {
        let known = ["open_es", "cma_es", "ga", "nsga2", "random_search"];
        let of = |found| closest(found, &known);
        assert_eq!(of("cmaes"), Some("cma_es"));
        assert_eq!(of("CMA-ES"), Some("cma_es"));
        assert_eq!(of("nsga"), Some("nsga2"));
        assert_eq!(of("random"), Some("random_search"));
        assert_eq!(of("opne_es"), Some("open_es"));
        assert_eq!(of("simulated_annealing"), None);
        assert_eq!(edits("sgima", "sigma"), 1);
    }
}
