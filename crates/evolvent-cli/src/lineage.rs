//! `show --lineage`: the champion's descent, and which operators paid.

use crate::{Context, DONE, done};
use evolvent_core::Sense;
use evolvent_run::{
    Error, Result, RunDir,
    champion::Champion,
    experiment::Experiment,
    figures::{count, significant},
    lineage::{self, Ancestry},
    record::Event,
};
use serde_json::json;
use std::fmt::Write;

impl Context<'_> {
    pub(crate) fn show_lineage(&self, dir: &RunDir, events: &[Event], as_json: bool) -> Result<u8> {
        let root = dir.root();
        let all = lineage::read(root)?;
        let sense = events.iter().find_map(|event| match event {
            Event::Started(started) => started.senses.first().copied(),
            _ => None,
        });
        // A run that has not ended has no champion yet: then the best so far counts.
        let champion = dir.champion_json().is_file().then(|| Champion::load(dir)).transpose()?;
        let champion = champion.and_then(|c| c.id);
        let sense = sense.unwrap_or(Sense::Minimize);
        let Some(ancestry) = lineage::ancestry(&all, champion, sense) else {
            return Err(Error::input(
                root.display(),
                "a run of an algorithm that keeps lineage",
                "no lineage",
            )
            .with_hint("neat, ga, nsga2 and deep_ga keep it"));
        };
        let experiment = Experiment::load(self.registry, &dir.resolved(), &[])?;
        let name = |code: u8| experiment.operator(code);
        if as_json {
            let line: Vec<_> = ancestry
                .line
                .iter()
                .map(|i| {
                    json!({
                        "id": i.id, "generation": i.generation, "parents": i.parents,
                        "value": i.value.is_finite().then_some(i.value), "operator": name(i.operator),
                    })
                })
                .collect();
            let operators: Vec<_> = ancestry
                .operators
                .iter()
                .map(|(&code, y)| {
                    json!({
                        "operator": name(code), "children": y.children, "better": y.better,
                        "on_line": y.on_line, "paid": y.paid,
                    })
                })
                .collect();
            let all = json!({ "ancestors": ancestry.ancestors, "line": line, "operators": operators });
            return done(&(all.to_string() + "\n"));
        }
        done(&text(&ancestry, champion.is_some(), sense, &name))?;
        self.suggest("export", &root.display().to_string(), "--format svg -o champion.svg");
        Ok(DONE)
    }
}

/// Steps of the main line that are printed at most; those that paid come first.
const STEPS: usize = 40;

fn text(ancestry: &Ancestry, champion: bool, sense: Sense, name: &dyn Fn(u8) -> String) -> String {
    let line = &ancestry.line;
    let who = if champion { "champion" } else { "best so far" };
    let mut out = format!(
        "{who} {}: {} on its main line, {} ancestors in all\n\n",
        line[0].id,
        count(line.len() as u64),
        count(ancestry.ancestors)
    );
    let _ = writeln!(out, "{:>10}  {:>9}  {:>11}  {:>11}  made by", "generation", "id", "value", "gain");
    let loss = |v: f32| sense.flip(f64::from(v));
    let gained = |i: usize| line.get(i + 1).is_some_and(|before| loss(line[i].value) < loss(before.value));
    let shown: Vec<usize> =
        (0..line.len()).rev().filter(|&i| i + 1 == line.len() || i == 0 || gained(i)).collect();
    let skip = shown.len().saturating_sub(STEPS);
    for (n, &i) in shown.iter().enumerate() {
        // The first genome and the last steps are what one looks for.
        if n > 0 && n <= skip {
            if n == 1 {
                let _ = writeln!(out, "{:>10}  {} earlier steps that paid", "…", skip);
            }
            continue;
        }
        let individual = line[i];
        let gain = match line.get(i + 1) {
            Some(before) if gained(i) => significant(f64::from(individual.value - before.value), 4),
            _ => String::new(),
        };
        let _ = writeln!(
            out,
            "{:>10}  {:>9}  {:>11}  {gain:>11}  {}",
            individual.generation,
            individual.id,
            significant(individual.value.into(), 6),
            name(individual.operator)
        );
    }
    let _ = writeln!(
        out,
        "\n{:<44}  {:>9}  {:>14}  {:>8}  {:>5}",
        "operator", "children", "better", "on line", "paid"
    );
    for (&code, y) in &ancestry.operators {
        let share = 100.0 * y.better as f64 / y.children.max(1) as f64;
        let better = format!("{} ({}%)", count(y.better), significant(share, 2));
        let _ = writeln!(
            out,
            "{:<44}  {:>9}  {better:>14}  {:>8}  {:>5}",
            name(code),
            count(y.children),
            y.on_line,
            y.paid
        );
    }
    out.push_str(
        "\ngain: over its parent on the main line, which is not shown unless it gained itself\n\
         better: than each of its parents; paid: better than the one before it on the main line\n",
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use evolvent_run::lineage::Individual;

    #[test]
    fn the_line_shows_what_paid() {
        let one = |id, parent: Option<u64>, value, operator| Individual {
            id,
            parents: [parent, None],
            value,
            generation: id as u32 + 1,
            operator,
        };
        let all = [one(0, None, 1.0, 0), one(1, Some(0), 1.0, 2), one(2, Some(1), 3.5, 18)];
        let ancestry = lineage::ancestry(&all, Some(2), Sense::Maximize).unwrap();
        let text = text(&ancestry, true, Sense::Maximize, &|code| format!("code {code}"));
        assert!(text.starts_with("champion 2: 3 on its main line, 2 ancestors in all"), "{text}");
        let paid = text.lines().find(|l| l.contains("code 18")).unwrap();
        assert!(paid.contains("3.5") && paid.contains("2.5"), "{text}");
    }
}
