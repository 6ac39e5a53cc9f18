//! A smooth periodic map of the line into an interval: the identity in its middle, quadratic near its ends, then mirrored.
//! What pycma calls `BoundTransform` (its `BoxConstraintsLinQuadTransformation`).

use evolvent_core::Bounds;
use serde::{Deserialize, Serialize};

/// The map for a box. Intervals may be endless at either side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct BoxTransform {
    bounds: Bounds,
}

impl BoxTransform {
    pub(crate) fn new(bounds: Bounds) -> Self {
        BoxTransform { bounds }
    }

    /// Half the width of the interval `i`.
    pub(crate) fn width(&self, i: usize) -> f64 {
        self.bounds.high[i] - self.bounds.low[i]
    }

    /// Maps every coordinate into its interval.
    pub(crate) fn apply(&self, x: &mut [f64]) {
        x.iter_mut().enumerate().for_each(|(i, x)| *x = self.apply_to(i, *x));
    }

    /// Maps one coordinate into its interval.
    pub(crate) fn apply_to(&self, i: usize, x: f64) -> f64 {
        into_interval(x, self.bounds.low[i], self.bounds.high[i])
    }

    /// Some point that is mapped to `x`, which lies in the box.
    pub(crate) fn invert(&self, x: &mut [f64]) {
        x.iter_mut().enumerate().for_each(|(i, x)| *x = self.invert_at(i, *x));
    }

    /// Some number that is mapped to `x`, which lies in the interval of coordinate `i`.
    pub(crate) fn invert_at(&self, i: usize, x: f64) -> f64 {
        out_of_interval(x, self.bounds.low[i], self.bounds.high[i])
    }
}

/// Widths of the quadratic parts: min((high − low)/2, max(1, |bound|)/20).
fn margins(low: f64, high: f64) -> (f64, f64) {
    let half = (high - low) / 2.0;
    let margin = |bound: f64| if bound.is_finite() { half.min(bound.abs().max(1.0) / 20.0) } else { 1.0 };
    (margin(low), margin(high))
}

fn into_interval(x: f64, low: f64, high: f64) -> f64 {
    if low >= high {
        return low;
    }
    let (al, au) = margins(low, high);
    let mut y = x;
    if low.is_finite() && high.is_finite() {
        let period = 2.0 * (high - low + al + au);
        let start = low - 2.0 * al - (high - low) / 2.0;
        if y < start || y > high + 2.0 * au + (high - low) / 2.0 {
            y -= period * ((y - start) / period).floor();
        }
    }
    if y > high + au {
        y -= 2.0 * (y - high - au);
    }
    if y < low - al {
        y += 2.0 * (low - al - y);
    }
    if y < low + al {
        y = low + (y - (low - al)).powi(2) / 4.0 / al;
    }
    if y > high - au {
        y = high - (y - (high + au)).powi(2) / 4.0 / au;
    }
    // Rounding must not leave the box.
    y.clamp(low, high)
}

fn out_of_interval(y: f64, low: f64, high: f64) -> f64 {
    if low >= high {
        return low;
    }
    let (al, au) = margins(low, high);
    if y < low + al {
        (low - al) + 2.0 * (al * (y - low)).sqrt()
    } else if y < high - au {
        y
    } else {
        (high + au) - 2.0 * (au * (high - y)).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use evolvent_test::{Reference, assert_close};

    #[test]
    fn values_are_those_of_pycma() {
        let file = Reference::parse(include_str!("../../tests/reference/cma_bounds.json"));
        for case in file.get("cases").entries() {
            let bounds = Bounds { low: case.numbers("low"), high: case.numbers("high") };
            let transform = BoxTransform::new(bounds);
            for pair in case.get("pairs").entries() {
                let mut x = pair.numbers("x");
                transform.apply(&mut x);
                assert_close("transform", &x, &pair.numbers("transformed"), 1e-12, 1e-12);
                transform.invert(&mut x);
                assert_close("inverse", &x, &pair.numbers("inverse"), 1e-9, 1e-9);
            }
        }
    }

    #[test]
    fn everything_lands_inside_and_inverts() {
        for (low, high) in
            [(-1.0, 2.0), (0.0, 1e-9), (-1e9, 1e9), (f64::NEG_INFINITY, 1.0), (3.0, f64::INFINITY)]
        {
            for k in -200..200 {
                let y = into_interval(0.173 * f64::from(k), low, high);
                assert!((low..=high).contains(&y), "{k} in [{low}, {high}]: {y}");
                let again = into_interval(out_of_interval(y, low, high), low, high);
                assert!((again - y).abs() <= 1e-12 * y.abs().max(1.0), "{y} comes back as {again}");
            }
        }
        assert_eq!(into_interval(7.0, 2.0, 2.0), 2.0);
    }
}
