//! Curves in the terminal, drawn with block characters.

use evolvent_run::figures::{magnitude, significant};

/// Height of a row in eighths.
const EIGHTHS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Space for the numbers on the left.
const MARGIN: usize = 10;
const ROWS: usize = 9;

/// Draws one value per place from left to right as columns, and a second one as a dot in front of them. Places are
/// joined to fit into `width` characters; numbers that are not finite are left out. `None` if no number is left.
pub(crate) fn draw(
    columns: &[(f64, f64)],
    dots: &[(f64, f64)],
    x_label: &str,
    width: usize,
) -> Option<String> {
    let finite = |points: &[(f64, f64)]| -> Vec<f64> {
        points.iter().map(|p| p.1).filter(|v| v.is_finite()).collect()
    };
    let all: Vec<f64> = finite(columns).into_iter().chain(finite(dots)).collect();
    let low = all.iter().copied().min_by(f64::total_cmp)?;
    let high = all.iter().copied().max_by(f64::total_cmp)?;
    let logarithmic = low > 0.0 && high / low > 1e3;
    let map = |v: f64| if logarithmic { libm::log10(v) } else { v };
    let (bottom, top) = (map(low), map(high));
    // The lowest value still shows as the thinnest block.
    let level = |v: f64| -> usize {
        let share = if top > bottom { (map(v) - bottom) / (top - bottom) } else { 0.5 };
        1 + (share.clamp(0.0, 1.0) * (ROWS * 8 - 1) as f64).round() as usize
    };
    let x = |points: &[(f64, f64)]| -> Vec<f64> {
        points.iter().map(|p| p.0).filter(|v| v.is_finite()).collect()
    };
    let xs: Vec<f64> = x(columns).into_iter().chain(x(dots)).collect();
    let first = xs.iter().copied().min_by(f64::total_cmp)?;
    let last = xs.iter().copied().max_by(f64::total_cmp)?;
    let places = width.saturating_sub(MARGIN + 2).clamp(10, 100);
    let bars = levels(columns, first, last, places, &level);
    let marks = levels(dots, first, last, places, &level);

    let mut out = String::new();
    for row in (0..ROWS).rev() {
        let label = match row {
            r if r == ROWS - 1 => significant(high, 4),
            0 => significant(low, 4),
            _ => String::new(),
        };
        out.push_str(&format!("{label:>MARGIN$} ┤"));
        for place in 0..places {
            let inside = |level: usize| level > row * 8 && level <= row * 8 + 8;
            let bar = bars[place].unwrap_or(0);
            let character = match marks[place] {
                Some(mark) if inside(mark) => '•',
                _ => EIGHTHS[bar.saturating_sub(row * 8).min(8)],
            };
            out.push(character);
        }
        out.truncate(out.trim_end().len());
        out.push('\n');
    }
    let (left, right) = (magnitude(first), magnitude(last));
    let gap =
        places.saturating_sub(left.chars().count() + right.chars().count() + x_label.chars().count()) / 2;
    let gap = " ".repeat(gap.max(1));
    out.push_str(&format!("{:>MARGIN$} └{}\n", "", "─".repeat(places)));
    out.push_str(&format!("{:>MARGIN$}  {left}{gap}{x_label}{gap}{right}\n", ""));
    if logarithmic {
        out.push_str(&format!("{:>MARGIN$}  (logarithmic)\n", ""));
    }
    Some(out)
}

/// The mean level of the points in each place; a place without one takes that of its left neighbour.
fn levels(
    points: &[(f64, f64)],
    first: f64,
    last: f64,
    places: usize,
    level: &dyn Fn(f64) -> usize,
) -> Vec<Option<usize>> {
    let mut sums = vec![(0usize, 0usize); places];
    for &(x, y) in points.iter().filter(|p| p.0.is_finite() && p.1.is_finite()) {
        let share = if last > first { (x - first) / (last - first) } else { 0.0 };
        let place = ((share * places as f64) as usize).min(places - 1);
        sums[place] = (sums[place].0 + level(y), sums[place].1 + 1);
    }
    let mut held = None;
    sums.into_iter()
        .map(|(sum, count)| {
            held = (sum + count / 2).checked_div(count).or(held);
            held
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::draw;

    #[test]
    fn a_ramp() {
        let points: Vec<_> = (0..80).map(|i| (f64::from(i), f64::from(i))).collect();
        let text = draw(&points, &[], "generations", 92).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 11);
        assert!(lines[0].starts_with("        79 ┤") && lines[0].ends_with('█'), "{text}");
        assert!(lines[8].starts_with("         0 ┤▁") && lines[8].ends_with('█'), "{text}");
        assert!(lines[10].contains("generations") && lines[10].trim_end().ends_with("79"), "{text}");
    }

    #[test]
    fn any_numbers() {
        assert!(draw(&[], &[], "x", 80).is_none());
        assert!(draw(&[(0.0, f64::NAN)], &[(0.0, f64::INFINITY)], "x", 80).is_none());
        for points in [
            vec![(0.0, 1.0)],
            vec![(0.0, f64::MAX), (1.0, f64::MIN)],
            vec![(0.0, 1e-9), (1.0, f64::NAN), (2.0, 1e9)],
        ] {
            for width in [0, 40, 500] {
                assert!(draw(&points, &points, "evaluations", width).is_some());
            }
        }
    }
}
