//! The charts of a report.

use super::{Run, section};
use crate::{
    figures::{count, significant},
    plot::{Chart, Mark, Scale, escape},
    record::Generation,
};
use evolvent_core::Sense;
use std::{collections::BTreeMap, fmt::Write};

/// Species that are drawn one by one.
const MOST_GROUPS: usize = 24;

impl Run {
    /// One chart per objective: best, mean and spread over evaluations, and what validation said.
    pub(super) fn fitness(&self, out: &mut String, target: Option<f64>) {
        let senses = self.senses();
        section(out, if senses.len() == 1 { "Fitness" } else { "Objectives" });
        let mut drawn = false;
        for (objective, sense) in senses.iter().enumerate() {
            let target = target.filter(|_| senses.len() == 1);
            let Some(svg) = self.objective(objective, target).svg() else { continue };
            drawn = true;
            let better = match sense {
                Sense::Minimize => "Smaller is better",
                Sense::Maximize => "Larger is better",
            };
            let which =
                if senses.len() == 1 { String::new() } else { format!("Objective {}. ", objective + 1) };
            let _ = writeln!(out, "<figure>{svg}<figcaption>{which}{better}.</figcaption></figure>");
        }
        if !drawn {
            out.push_str("<p class=\"lead\">No generation has finite values yet.</p>\n");
        }
    }

    fn objective(&self, objective: usize, target: Option<f64>) -> Chart {
        let at = |values: &[f64]| values.get(objective).copied().unwrap_or(f64::NAN);
        let curve = |pick: fn(&Generation) -> &[f64]| -> Vec<(f64, f64)> {
            self.generations.iter().map(|g| (g.evaluations as f64, at(pick(g)))).collect()
        };
        let spread = self.generations.iter().map(|g| {
            let (mean, std) = (at(&g.mean.0), at(&g.std.0));
            (g.evaluations as f64, mean - std, mean + std)
        });
        let validated =
            self.validations.iter().map(|v| (v.evaluations as f64, at(&v.score.mean.0), at(&v.score.std.0)));
        let mut marks = vec![
            Mark::Band { name: "mean ± sd".into(), points: spread.collect(), colour: 0 },
            Mark::Line { name: "mean".into(), points: curve(|g| &g.mean.0), colour: 0 },
            Mark::Line { name: "best".into(), points: curve(|g| &g.best.0), colour: 2 },
        ];
        marks.extend(target.map(|y| Mark::Level { name: "target".into(), y, colour: 7 }));
        let validated: Vec<_> = validated.collect();
        if !validated.is_empty() {
            marks.push(Mark::Dots { name: "validation ± sd".into(), points: validated, colour: 1 });
        }
        Chart {
            title: "Values of the population over evaluations".into(),
            x_label: "evaluations".into(),
            y_label: "fitness".into(),
            marks,
            ..Chart::default()
        }
    }

    /// The front in the plane of the first two objectives.
    pub(super) fn front(&self, out: &mut String) {
        let points: Vec<_> =
            self.front.iter().filter(|p| p.len() >= 2).map(|p| (p[0], p[1], f64::NAN)).collect();
        let chart = Chart {
            title: "Solutions in the plane of the first two objectives".into(),
            x_label: "objective 1".into(),
            y_label: "objective 2".into(),
            scale: Scale::Linear,
            marks: vec![Mark::Dots { name: "front".into(), points, colour: 4 }],
            ..Chart::default()
        };
        if let Some(svg) = chart.svg() {
            section(out, "Front");
            let note = "Each dot is a solution that no other one beats in every objective.";
            let _ = writeln!(out, "<figure>{svg}<figcaption>{note}</figcaption></figure>");
        }
    }

    /// How many members each species has, stacked in the order in which the species arose.
    pub(super) fn groups(&self, out: &mut String) {
        let mut ids: Vec<u64> = self.generations.iter().flat_map(|g| g.groups.iter().map(|g| g.0)).collect();
        ids.sort_unstable();
        ids.dedup();
        if ids.len() < 2 {
            return;
        }
        // A run may have hundreds of species: the largest ones are drawn, the others share one grey band.
        let mut most: BTreeMap<u64, u64> = BTreeMap::new();
        for (id, size) in self.generations.iter().flat_map(|g| &g.groups) {
            *most.entry(*id).or_default() += size;
        }
        let mut drawn: Vec<u64> = most.keys().copied().collect();
        drawn.sort_by_key(|id| (std::cmp::Reverse(most[id]), *id));
        drawn.truncate(MOST_GROUPS);
        drawn.sort_unstable();
        let mut foot = vec![0.0; self.generations.len()];
        let mut marks = Vec::new();
        for (n, id) in drawn.iter().map(|id| Some(*id)).chain([None]).enumerate() {
            let mut points = Vec::with_capacity(self.generations.len());
            for (generation, low) in self.generations.iter().zip(&mut foot) {
                let own = |g: &&(u64, u64)| id.map_or(!drawn.contains(&g.0), |id| g.0 == id);
                let size: u64 = generation.groups.iter().filter(own).map(|g| g.1).sum();
                points.push((generation.generation as f64, *low, *low + size as f64));
                *low += size as f64;
            }
            if points.iter().any(|p| p.2 > p.1) {
                marks.push(Mark::Layer { points, colour: id.map(|_| n) });
            }
        }
        let chart = Chart {
            title: "Members of each species over generations".into(),
            x_label: "generation".into(),
            y_label: "members".into(),
            scale: Scale::Linear,
            marks,
            ..Chart::default()
        };
        if let Some(svg) = chart.svg() {
            section(out, "Species");
            let _ = writeln!(
                out,
                "<figure>{svg}<figcaption>Each band is a species and as high as it has members, the oldest lowest; {} in \
                 the whole run{}.</figcaption></figure>",
                count(ids.len() as u64),
                if ids.len() > MOST_GROUPS { ", the smaller ones together in grey on top" } else { "" }
            );
        }
    }

    /// Genes of the population and of the best genome over generations, if the algorithm tells them.
    pub(super) fn complexity(&self, out: &mut String) {
        let curve = |name: &str| -> Vec<(f64, f64)> {
            let value = |g: &Generation| g.diagnostics.0.iter().find(|(n, _)| n == name).map(|(_, v)| *v);
            self.generations.iter().filter_map(|g| Some((g.generation as f64, value(g)?))).collect()
        };
        let marks: Vec<Mark> = [
            ("mean_connections", "connections, mean", 0),
            ("best_connections", "connections, best", 2),
            ("mean_hidden_nodes", "hidden nodes, mean", 1),
            ("best_hidden_nodes", "hidden nodes, best", 4),
        ]
        .into_iter()
        .map(|(key, name, colour)| Mark::Line { name: name.into(), points: curve(key), colour })
        .filter(|mark| matches!(mark, Mark::Line { points, .. } if !points.is_empty()))
        .collect();
        if marks.is_empty() {
            return;
        }
        let chart = Chart {
            title: "Complexity over generations".into(),
            x_label: "generation".into(),
            y_label: "genes".into(),
            scale: Scale::Linear,
            marks,
            ..Chart::default()
        };
        if let Some(svg) = chart.svg() {
            section(out, "Complexity");
            let note = "Expressed connections and hidden nodes of the population and of its best genome.";
            let _ = writeln!(out, "<figure>{svg}<figcaption>{note}</figcaption></figure>");
        }
    }

    /// A small chart for each number that the algorithm tells about itself, and for failures if there were any.
    pub(super) fn diagnostics(&self, out: &mut String) {
        let mut names: Vec<&str> = Vec::new();
        let mut curves: BTreeMap<&str, Vec<(f64, f64)>> = BTreeMap::new();
        for generation in &self.generations {
            for (name, value) in &generation.diagnostics.0 {
                if !curves.contains_key(name.as_str()) {
                    names.push(name);
                }
                curves.entry(name).or_default().push((generation.evaluations as f64, *value));
            }
        }
        let failures: Vec<_> =
            self.generations.iter().map(|g| (g.evaluations as f64, g.failures as f64)).collect();
        if failures.iter().any(|f| f.1 > 0.0) {
            names.push("failed evaluations");
            curves.insert("failed evaluations", failures);
        }
        let infeasible: Vec<_> = self
            .generations
            .iter()
            .filter_map(|g| Some((g.evaluations as f64, g.infeasible? as f64)))
            .collect();
        if !infeasible.is_empty() {
            names.push("infeasible members");
            curves.insert("infeasible members", infeasible);
        }
        // What never changes is said, not drawn.
        let mut charts = String::new();
        let mut constant = Vec::new();
        for name in names {
            let Some(points) = curves.remove(name) else { continue };
            let title = name.replace('_', " ");
            match points.first().filter(|first| points.iter().all(|p| p.1 == first.1)) {
                Some(first) => constant.push(format!("{} {}", escape(&title), significant(first.1, 5))),
                None => charts.extend(small_chart(title, points).svg()),
            }
        }
        if charts.is_empty() && constant.is_empty() {
            return;
        }
        section(out, "Inside the algorithm");
        let _ = writeln!(out, "<div class=\"pairs\">{}</div>", charts);
        if !constant.is_empty() {
            let _ = writeln!(out, "<p class=\"lead\">Throughout: {}.</p>", constant.join(", "));
        }
        if let Some(failure) = self.generations.iter().find_map(|g| g.failure.as_ref()) {
            let _ = writeln!(out, "<p class=\"lead\">First failure: {}</p>", escape(failure));
        }
    }
}

fn small_chart(title: String, points: Vec<(f64, f64)>) -> Chart {
    let marks = vec![Mark::Line { name: title.clone(), points, colour: 3 }];
    Chart { title, x_label: "evaluations".into(), marks, size: (400.0, 210.0), ..Chart::default() }
}
