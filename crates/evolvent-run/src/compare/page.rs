//! A comparison as one self-contained page, and its plot as an SVG file of its own.

use super::Comparison;
use crate::{
    figures::significant,
    plot::{COLOURS, Chart, Mark, STYLE, Scale, escape},
};
use std::fmt::Write;

impl Comparison {
    /// Boxes of the evaluations to the target, or of the scores if there is no target or no run reached it.
    fn boxes(&self) -> Chart {
        let by_effort =
            self.target.is_some() && self.contenders.iter().flat_map(|c| &c.trials).any(|t| t.solved);
        let marks = self.contenders.iter().enumerate().map(|(i, contender)| {
            let trials = contender.trials.iter();
            let values = match by_effort {
                true => trials.filter(|t| t.solved).map(|t| t.evaluations as f64).collect(),
                false => trials.filter_map(|t| t.score).collect(),
            };
            Mark::Box { x: i as f64, values, colour: i % COLOURS }
        });
        let y_label = if by_effort { "evaluations of solved runs" } else { "score" };
        Chart {
            title: format!("{y_label} by experiment"),
            y_label: y_label.into(),
            categories: self.contenders.iter().map(|c| c.name.clone()).collect(),
            marks: marks.collect(),
            size: (760.0, 330.0),
            ..Chart::default()
        }
    }

    /// The share of runs that have reached the target, over evaluations.
    fn progress(&self) -> Option<Chart> {
        self.target?;
        let last = self.contenders.iter().flat_map(|c| &c.trials).map(|t| t.evaluations).max()? as f64;
        let marks = self.contenders.iter().enumerate().map(|(i, contender)| {
            let mut efforts: Vec<f64> =
                contender.trials.iter().filter(|t| t.solved).map(|t| t.evaluations as f64).collect();
            efforts.sort_by(f64::total_cmp);
            let share = |n: usize| 100.0 * n as f64 / contender.trials.len().max(1) as f64;
            let mut points = vec![(0.0, 0.0)];
            for (n, &effort) in efforts.iter().enumerate() {
                points.extend([(effort, share(n)), (effort, share(n + 1))]);
            }
            points.push((last, share(efforts.len())));
            Mark::Line { name: contender.name.clone(), points, colour: i % COLOURS }
        });
        Some(Chart {
            title: "Share of runs solved over evaluations".into(),
            x_label: "evaluations".into(),
            y_label: "runs solved, %".into(),
            scale: Scale::Linear,
            marks: marks.collect(),
            ..Chart::default()
        })
    }

    /// The plot alone, as an SVG document.
    pub fn svg(&self) -> String {
        let body = self.boxes().svg().unwrap_or_else(|| {
            "<svg class=\"chart\" viewBox=\"0 0 760 60\"><text x=\"20\" y=\"35\">no finite result</text></svg>".into()
        });
        // Alone, an SVG needs its namespace, its style and a background.
        body.replacen(
            "<svg ",
            "<svg xmlns=\"http://www.w3.org/2000/svg\" style=\"background:var(--paper)\" width=\"760\" ",
            1,
        )
        .replacen('>', &format!(">\n<style>{STYLE}</style>"), 1)
    }

    /// The page.
    pub fn html(&self) -> String {
        let mut out = format!(
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>{0} · Evolvent</title>\n\
             <style>\n{STYLE}{1}</style>\n<main>\n<header><h1>{0}</h1><p class=\"lead\">{2}</p></header>\n",
            escape(&self.problem),
            include_str!("../report/style.css"),
            escape(&self.subtitle()),
        );
        if let Some(svg) = self.boxes().svg() {
            let note = "Box: quartiles; line: median; whiskers: smallest and largest; a dot per run.";
            let _ = writeln!(out, "<figure>{svg}<figcaption>{note}</figcaption></figure>");
        }
        if let Some(svg) = self.progress().and_then(|chart| chart.svg()) {
            let _ = writeln!(out, "<h2>Runs solved</h2><figure>{svg}</figure>");
        }
        out.push_str("<h2>Summary</h2><div class=\"wide\"><table><tr>");
        self.heads().iter().for_each(|head| {
            let _ = write!(out, "<th>{}</th>", escape(head));
        });
        out.push_str("</tr>\n");
        for summary in self.summaries() {
            out.push_str("<tr>");
            self.cells(&summary).iter().for_each(|cell| {
                let _ = write!(out, "<td>{}</td>", escape(cell));
            });
            out.push_str("</tr>\n");
        }
        let _ = writeln!(
            out,
            "</table></div><p class=\"lead\" style=\"margin-top:10px\">{}</p>",
            escape(&self.caption())
        );
        let verdicts = self.verdicts();
        if !verdicts.is_empty() {
            out.push_str("<h2>Between experiments</h2><table>");
            verdicts.iter().for_each(|verdict| {
                let _ = writeln!(out, "<tr><td>{}</td></tr>", escape(verdict));
            });
            out.push_str("</table>");
        }
        out.push_str("</main>\n</html>\n");
        out
    }

    fn subtitle(&self) -> String {
        let runs: usize = self.contenders.iter().map(|c| c.trials.len()).sum();
        let target = self.target.map_or_else(String::new, |t| format!(", target {}", significant(t, 6)));
        format!("{} experiments, {runs} runs{target}", self.contenders.len())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Comparison, tests::comparison};

    #[test]
    fn a_page_and_a_plot() {
        let c = comparison();
        let page = c.html();
        assert!(page.contains("fast is better than slow") && page.contains("Runs solved"));
        assert!(!page.contains("NaN") && !page.contains("inf"));
        assert!(c.svg().starts_with("<svg xmlns=") && c.svg().contains("<style>"));
        let nothing = Comparison { contenders: vec![], ..c };
        assert!(nothing.svg().contains("no finite result"));
        assert!(nothing.html().contains("0 experiments"));
    }
}
