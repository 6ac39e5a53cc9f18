//! Charts as SVG: lines, bands, dots, levels and boxes over one pair of axes. Colours are the CSS variables `--series-N`,
//! `--ink`, `--muted` and `--rule`, so that a page sets them for light and dark at one place.

use crate::figures::{magnitude, significant};
use evolvent_math::statistics::quantile;
use std::fmt::Write;

/// How values are mapped to the vertical axis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Scale {
    /// Logarithmic if all values are above 0 and span more than three decades, else linear.
    #[default]
    Auto,
    /// Linear.
    Linear,
}

/// Something drawn. `colour` selects one of the series colours.
#[derive(Clone, Debug)]
pub(crate) enum Mark {
    /// The area between two curves: `(x, low, high)`.
    Band { name: String, points: Vec<(f64, f64, f64)>, colour: usize },
    /// A band of a stack, without a legend: `(x, low, high)`. Series colours are repeated where there are more bands; none
    /// is grey.
    Layer { points: Vec<(f64, f64, f64)>, colour: Option<usize> },
    /// A curve; gaps where a value is no finite number.
    Line { name: String, points: Vec<(f64, f64)>, colour: usize },
    /// Single points with error bars: `(x, y, half length)`.
    Dots { name: String, points: Vec<(f64, f64, f64)>, colour: usize },
    /// A horizontal line.
    Level { name: String, y: f64, colour: usize },
    /// A box of quartiles with whiskers and a dot per value, at place `x` on the axis of categories.
    Box { x: f64, values: Vec<f64>, colour: usize },
}

/// A chart.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chart {
    /// What it shows, for those who cannot see it.
    pub(crate) title: String,
    /// Label of the horizontal axis.
    pub(crate) x_label: String,
    /// Label of the vertical axis.
    pub(crate) y_label: String,
    /// Names on the horizontal axis at 0, 1, 2 …; numbers if empty.
    pub(crate) categories: Vec<String>,
    /// Mapping of the vertical axis.
    pub(crate) scale: Scale,
    /// What is drawn, from back to front.
    pub(crate) marks: Vec<Mark>,
    /// Width and height in pixels; 760 × 290 if zero.
    pub(crate) size: (f64, f64),
}

/// Series colours that there are.
const SERIES: usize = 8;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 44.0;
/// Curves with more points than this are thinned out: more cannot be seen.
const MOST_POINTS: usize = 600;
/// Numbers beyond this are drawn at the edge: room for margins and differences without overflow.
const LARGEST: f64 = f64::MAX / 8.0;

impl Chart {
    /// The chart as an SVG element; `None` if there is no finite number to draw.
    pub(crate) fn svg(&self) -> Option<String> {
        let x = self.x_range()?;
        let centres = self.centres();
        let logarithmic = self.scale == Scale::Auto && spans_decades(&centres);
        // Spread below a logarithmic axis is cut off, not made room for.
        let foot = centres.iter().copied().fold(f64::INFINITY, f64::min);
        let spread = self.spread().into_iter().filter(|&v| !logarithmic || v >= foot);
        let y = extent(centres.iter().copied().chain(spread))?;
        let size = if self.size.0 > 0.0 && self.size.1 > 0.0 { self.size } else { (760.0, 290.0) };
        let (width, height) = size;
        let view = View::new(x, y, logarithmic, size, !self.categories.is_empty());
        let mut out = format!(
            "<svg class=\"chart\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{}\">\n",
            escape(&self.title)
        );
        view.axes(&mut out, self);
        for mark in &self.marks {
            view.mark(&mut out, mark);
        }
        self.legend(&mut out);
        out.push_str("</svg>\n");
        Some(out)
    }

    /// The values that curves, dots, levels and boxes pass through.
    fn centres(&self) -> Vec<f64> {
        let mut values = Vec::new();
        for mark in &self.marks {
            match mark {
                Mark::Band { .. } => {}
                Mark::Layer { points, .. } => values.extend(points.iter().flat_map(|p| [p.1, p.2])),
                Mark::Line { points, .. } => values.extend(points.iter().map(|p| p.1)),
                Mark::Dots { points, .. } => values.extend(points.iter().map(|p| p.1)),
                Mark::Level { y, .. } => values.push(*y),
                Mark::Box { values: v, .. } => values.extend(v),
            }
        }
        values.retain(|v| v.is_finite());
        values
    }

    /// The ends of bands and error bars.
    fn spread(&self) -> Vec<f64> {
        let mut values = Vec::new();
        for mark in &self.marks {
            match mark {
                Mark::Band { points, .. } => values.extend(points.iter().flat_map(|p| [p.1, p.2])),
                Mark::Dots { points, .. } => {
                    values.extend(points.iter().flat_map(|p| [p.1 - p.2, p.1 + p.2]));
                }
                _ => {}
            }
        }
        values.retain(|v| v.is_finite());
        values
    }

    fn x_range(&self) -> Option<(f64, f64)> {
        if !self.categories.is_empty() {
            return Some((-0.5, self.categories.len() as f64 - 0.5));
        }
        extent(self.marks.iter().flat_map(|mark| -> Vec<f64> {
            match mark {
                Mark::Band { points, .. } | Mark::Dots { points, .. } | Mark::Layer { points, .. } => {
                    points.iter().map(|p| p.0).collect()
                }
                Mark::Line { points, .. } => points.iter().map(|p| p.0).collect(),
                Mark::Level { .. } => Vec::new(),
                Mark::Box { x, .. } => vec![*x],
            }
        }))
    }

    fn legend(&self, out: &mut String) {
        let mut x = LEFT;
        let mut named: Vec<&str> = Vec::new();
        for mark in &self.marks {
            let (name, colour, shape) = match mark {
                Mark::Band { name, colour, .. } => (name, colour, "band"),
                Mark::Line { name, colour, .. } => (name, colour, "line"),
                Mark::Dots { name, colour, .. } => (name, colour, "dot"),
                Mark::Level { name, colour, .. } => (name, colour, "level"),
                Mark::Box { .. } | Mark::Layer { .. } => continue,
            };
            if name.is_empty() || named.contains(&name.as_str()) {
                continue;
            }
            named.push(name);
            let _ = match shape {
                "band" => write!(
                    out,
                    "<rect x=\"{x:.1}\" y=\"9\" width=\"18\" height=\"10\" rx=\"2\" fill=\"var(--series-{colour})\" opacity=\".22\"/>"
                ),
                "dot" => write!(
                    out,
                    "<circle cx=\"{:.1}\" cy=\"14\" r=\"4\" fill=\"var(--series-{colour})\"/>",
                    x + 9.0
                ),
                _ => write!(
                    out,
                    "<path d=\"M{x:.1} 14h18\" stroke=\"var(--series-{colour})\" stroke-width=\"2.2\"{}/>",
                    if shape == "level" { " stroke-dasharray=\"5 4\"" } else { "" }
                ),
            };
            let _ = writeln!(out, "<text x=\"{:.1}\" y=\"18\">{}</text>", x + 24.0, escape(name));
            x += 24.0 + 6.6 * name.chars().count() as f64 + 18.0;
        }
    }
}

/// Whether a logarithmic axis shows these values better.
fn spans_decades(values: &[f64]) -> bool {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    low > 0.0 && high / low > 1e3
}

/// Smallest and largest finite number, widened if they are the same.
fn extent(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let (low, high) = values
        .filter(|v| v.is_finite())
        .map(|v| v.clamp(-LARGEST, LARGEST))
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    if low > high {
        return None;
    }
    if low == high {
        let margin = if low == 0.0 { 1.0 } else { low.abs() * 0.05 };
        return Some((low - margin, high + margin));
    }
    Some((low, high))
}

/// The map from data to pixels.
struct View {
    x: (f64, f64),
    y: (f64, f64),
    logarithmic: bool,
    width: f64,
    height: f64,
}

impl View {
    fn new(x: (f64, f64), y: (f64, f64), logarithmic: bool, size: (f64, f64), categories: bool) -> Self {
        let y = if logarithmic {
            let (low, high) = (libm::log10(y.0), libm::log10(y.1));
            let margin = (high - low) * 0.04;
            (low - margin, high + margin)
        } else {
            let margin = (y.1 - y.0) * 0.05;
            (y.0 - margin, y.1 + margin)
        };
        // A run of one generation still has an axis.
        let x = if x.0 == x.1 && !categories { (x.0 - 0.5, x.1 + 0.5) } else { x };
        View { x, y, logarithmic, width: size.0, height: size.1 }
    }

    fn px(&self, x: f64) -> f64 {
        LEFT + share(x, self.x) * (self.width - LEFT - RIGHT)
    }

    /// The vertical place; values at or below 0 on a logarithmic axis have none.
    fn py(&self, y: f64) -> Option<f64> {
        let y = if self.logarithmic { if y > 0.0 { libm::log10(y) } else { return None } } else { y };
        y.is_finite().then(|| self.height - BOTTOM - share(y, self.y) * (self.height - TOP - BOTTOM))
    }

    fn axes(&self, out: &mut String, chart: &Chart) {
        let floor = self.height - BOTTOM;
        for tick in self.y_ticks() {
            if let Some(y) = self.py(tick) {
                let _ = writeln!(
                    out,
                    "<path class=\"rule\" d=\"M{LEFT} {y:.1}H{:.1}\"/><text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                    self.width - RIGHT,
                    LEFT - 8.0,
                    y + 4.0,
                    label(tick)
                );
            }
        }
        if chart.categories.is_empty() {
            for tick in ticks(self.x.0, self.x.1, (self.width / 90.0) as usize) {
                let _ = writeln!(
                    out,
                    "<text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                    self.px(tick),
                    floor + 18.0,
                    label(tick)
                );
            }
        }
        for (i, name) in chart.categories.iter().enumerate() {
            let _ = writeln!(
                out,
                "<text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                self.px(i as f64),
                floor + 18.0,
                escape(name)
            );
        }
        let _ = writeln!(
            out,
            "<path class=\"axis\" d=\"M{LEFT} {floor}H{:.1}\"/><text class=\"label\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            self.width - RIGHT,
            (LEFT + self.width - RIGHT) / 2.0,
            self.height - 8.0,
            escape(&chart.x_label)
        );
        let middle = (TOP + floor) / 2.0;
        let _ = writeln!(
            out,
            "<text class=\"label\" x=\"14\" y=\"{middle:.1}\" text-anchor=\"middle\" transform=\"rotate(-90 14 {middle:.1})\">{}</text>",
            escape(&chart.y_label)
        );
    }

    fn y_ticks(&self) -> Vec<f64> {
        if !self.logarithmic {
            return ticks(self.y.0, self.y.1, (self.height / 55.0) as usize);
        }
        let (first, last) = (self.y.0.ceil() as i32, self.y.1.floor() as i32);
        let step = ((last - first) / 6).max(0) + 1;
        (first..=last).step_by(step as usize).map(|e| libm::pow(10.0, f64::from(e))).collect()
    }

    fn mark(&self, out: &mut String, mark: &Mark) {
        match mark {
            Mark::Band { points, colour, .. } => {
                self.band(out, points, &format!("fill=\"var(--series-{colour})\" opacity=\".18\""));
            }
            Mark::Layer { points, colour: None } => {
                self.band(out, points, "fill=\"var(--muted)\" opacity=\".35\"");
            }
            Mark::Layer { points, colour: Some(n) } => {
                let opacity = [0.75, 0.5, 0.3][n / SERIES % 3];
                let look = format!("fill=\"var(--series-{})\" opacity=\"{opacity}\"", n % SERIES);
                self.band(out, points, &look);
            }
            Mark::Line { points, colour, .. } => {
                let path = self.path(&thin(points));
                let _ =
                    writeln!(out, "<path class=\"line\" stroke=\"var(--series-{colour})\" d=\"{path}\"/>");
            }
            Mark::Dots { points, colour, name } => {
                for &(x, y, half) in points {
                    let (x_pixel, Some(y_pixel)) = (self.px(x), self.py(y)) else { continue };
                    if let (true, Some(top), Some(bottom)) =
                        (half > 0.0, self.py(y + half), self.py(y - half))
                    {
                        let _ = write!(
                            out,
                            "<path stroke=\"var(--series-{colour})\" stroke-width=\"1.4\" d=\"M{x_pixel:.1} {top:.1}V{bottom:.1}\"/>"
                        );
                    }
                    let _ = writeln!(
                        out,
                        "<circle cx=\"{x_pixel:.1}\" cy=\"{y_pixel:.1}\" r=\"3.6\" fill=\"var(--series-{colour})\"><title>{}: {} at {}</title></circle>",
                        escape(name),
                        significant(y, 6),
                        magnitude(x)
                    );
                }
            }
            Mark::Level { y, colour, .. } => {
                if let Some(y) = self.py(*y) {
                    let _ = writeln!(
                        out,
                        "<path stroke=\"var(--series-{colour})\" stroke-width=\"1.6\" stroke-dasharray=\"5 4\" d=\"M{LEFT} {y:.1}H{:.1}\"/>",
                        self.width - RIGHT
                    );
                }
            }
            Mark::Box { x, values, colour } => self.quartiles(out, *x, values, *colour),
        }
    }

    fn path(&self, points: &[(f64, f64)]) -> String {
        let mut path = String::new();
        let mut pen_down = false;
        for &(x, y) in points {
            match self.py(y) {
                Some(y) => {
                    let _ = write!(path, "{}{:.1} {y:.1}", if pen_down { 'L' } else { 'M' }, self.px(x));
                    // A point between two gaps is drawn as a dot by the round line cap.
                    if !pen_down {
                        path.push_str("h0");
                    }
                    pen_down = true;
                }
                None => pen_down = false,
            }
        }
        path
    }

    fn band(&self, out: &mut String, points: &[(f64, f64, f64)], look: &str) {
        let low = thin(&points.iter().map(|p| (p.0, p.1)).collect::<Vec<_>>());
        let high = thin(&points.iter().map(|p| (p.0, p.2)).collect::<Vec<_>>());
        // What lies below a logarithmic axis is cut off at its foot.
        let foot = |y: f64| if self.logarithmic && y <= 0.0 { libm::pow(10.0, self.y.0) } else { y };
        let mut path = String::new();
        for &(x, y) in high.iter().chain(low.iter().rev()) {
            if let Some(y) = self.py(foot(y)) {
                let _ = write!(path, "{}{:.1} {y:.1}", if path.is_empty() { 'M' } else { 'L' }, self.px(x));
            }
        }
        let _ = writeln!(out, "<path {look} d=\"{path}Z\"/>");
    }

    fn quartiles(&self, out: &mut String, x: f64, values: &[f64], colour: usize) {
        let finite: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
        let centre = self.px(x);
        let at = |p: f64| self.py(quantile(&finite, p));
        if let (Some(low), Some(q1), Some(q2), Some(q3), Some(high)) =
            (at(0.0), at(0.25), at(0.5), at(0.75), at(1.0))
        {
            let _ = writeln!(
                out,
                "<g stroke=\"var(--series-{colour})\" stroke-width=\"1.6\"><path d=\"M{centre:.1} {low:.1}V{q1:.1}M{centre:.1} {q3:.1}V{high:.1}\"/>\
                 <rect x=\"{:.1}\" y=\"{q3:.1}\" width=\"44\" height=\"{:.1}\" rx=\"3\" fill=\"var(--series-{colour})\" fill-opacity=\".18\"/>\
                 <path stroke-width=\"2.6\" d=\"M{:.1} {q2:.1}h44\"/></g>",
                centre - 22.0,
                (q1 - q3).max(0.5),
                centre - 22.0
            );
        }
        for (i, value) in values.iter().enumerate() {
            if let Some(y) = self.py(*value) {
                // A fixed scatter keeps equal values apart and the file the same each time.
                let x = centre + 30.0 + (i * 7 % 5) as f64 * 3.0;
                let _ = writeln!(
                    out,
                    "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.4\" fill=\"var(--series-{colour})\" opacity=\".75\"><title>{}</title></circle>",
                    significant(*value, 6)
                );
            }
        }
    }
}

/// Where `value` lies in the interval, 0 at its low end and 1 at its high end.
fn share(value: f64, (low, high): (f64, f64)) -> f64 {
    let length = high - low;
    if length > 0.0 { (value.clamp(-LARGEST, LARGEST) - low) / length } else { 0.5 }
}

/// Round numbers inside an interval, about `count` of them.
fn ticks(low: f64, high: f64, count: usize) -> Vec<f64> {
    let raw = (high / count as f64) - (low / count as f64);
    if !raw.is_finite() || raw <= 0.0 {
        return vec![low];
    }
    let power = libm::pow(10.0, libm::floor(libm::log10(raw)));
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * power).find(|s| *s >= raw).unwrap_or(raw);
    if step <= 0.0 {
        return vec![low];
    }
    let first = (low / step).ceil();
    // Counted, not accumulated: with tiny steps beside large numbers a sum would never reach its end.
    (0..=2 * count)
        .map(|i| (first + i as f64) * step)
        .take_while(|&t| t <= high + step * 1e-9)
        .map(|t| t + 0.0)
        .collect()
}

fn label(tick: f64) -> String {
    let size = tick.abs();
    if size >= 1e15 || (size > 0.0 && size < 1e-3) { significant(tick, 3) } else { magnitude(tick) }
}

/// Thins a curve out to its smallest and largest value in each of many equal stretches, in their order.
fn thin(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    if points.len() <= MOST_POINTS {
        return points.to_vec();
    }
    let stretch = points.len().div_ceil(MOST_POINTS / 2);
    let mut kept = Vec::with_capacity(MOST_POINTS + 2);
    for group in points.chunks(stretch) {
        let ordered = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
        let (Some(low), Some(high)) = (group.iter().min_by(ordered), group.iter().max_by(ordered)) else {
            continue;
        };
        let (first, second) = if low.0 <= high.0 { (low, high) } else { (high, low) };
        kept.push(*first);
        if first != second {
            kept.push(*second);
        }
    }
    kept.extend(points.last());
    kept
}

/// Text that is safe inside HTML, in attributes too.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // Control characters have no place in HTML.
            c if c.is_control() && c != '\n' && c != '\t' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// The style that the charts need, for light and dark.
pub(crate) const STYLE: &str = "\
:root{color-scheme:light dark;--paper:#fff;--panel:#f7f7f5;--ink:#1d1f22;--muted:#6a6f76;--rule:#e4e4e0;--axis:#a5a8ad;\
--series-0:#1f6feb;--series-1:#c2571a;--series-2:#1a7f4b;--series-3:#8250b5;--series-4:#b3261e;--series-5:#0f7c8a;--series-6:#8a6d00;--series-7:#5f6368}
@media(prefers-color-scheme:dark){:root{--paper:#15171a;--panel:#1d2024;--ink:#e6e7e9;--muted:#9aa0a8;--rule:#2c3036;--axis:#5b616a;\
--series-0:#6ea8fe;--series-1:#f0995b;--series-2:#5fc58d;--series-3:#bf9bea;--series-4:#f28b82;--series-5:#5cc4d0;--series-6:#d8b84a;--series-7:#a8adb4}}
svg.chart{width:100%;height:auto;display:block;font:12.5px system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;font-variant-numeric:tabular-nums}
svg.chart text{fill:var(--ink)}svg.chart text.tick,svg.chart text.label{fill:var(--muted)}
svg.chart .rule{stroke:var(--rule);stroke-width:1}svg.chart .axis{stroke:var(--axis);stroke-width:1}
svg.chart .line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
";

/// Number of series colours.
pub(crate) const COLOURS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(points: Vec<(f64, f64)>) -> Chart {
        Chart { marks: vec![Mark::Line { name: "a<b".into(), points, colour: 0 }], ..Chart::default() }
    }

    #[test]
    fn nothing_finite_is_no_chart() {
        assert!(chart(vec![]).svg().is_none());
        assert!(chart(vec![(0.0, f64::NAN), (1.0, f64::INFINITY)]).svg().is_none());
    }

    #[test]
    fn any_numbers_give_finite_coordinates() {
        for points in [
            vec![(0.0, 1.0)],
            vec![(0.0, f64::MAX), (1.0, f64::MIN), (2.0, f64::NAN), (3.0, 0.0)],
            vec![(0.0, 5e-324), (1.0, 0.0)],
            vec![(0.0, 1e-12), (1.0, 1e9)],
            vec![(1e300, 3.0), (-1e300, 3.0)],
            vec![(0.0, 1e15), (1.0, 1e15 + 0.125)],
        ] {
            let svg = chart(points).svg().unwrap();
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
            assert!(svg.contains("a&lt;b"));
        }
    }

    #[test]
    fn gaps_break_the_line() {
        let view = View::new((0.0, 2.0), (0.0, 1.0), false, (760.0, 290.0), false);
        let path = view.path(&[(0.0, 0.5), (1.0, f64::NAN), (2.0, 0.5)]);
        assert_eq!(path.matches('M').count(), 2);
    }

    #[test]
    fn thinning_keeps_extremes_and_the_end() {
        let mut points: Vec<_> = (0..10_000).map(|i| (f64::from(i), f64::from(i % 7))).collect();
        points[4_321].1 = 1e6;
        let kept = thin(&points);
        assert!(kept.len() <= MOST_POINTS + 2);
        assert!(kept.contains(&(4_321.0, 1e6)) && kept.last() == points.last());
    }

    #[test]
    fn round_ticks() {
        assert_eq!(ticks(0.0, 500.0, 5), [0.0, 100.0, 200.0, 300.0, 400.0, 500.0]);
        assert_eq!(ticks(-0.13, 0.2, 3), [0.0, 0.2]);
    }
}
