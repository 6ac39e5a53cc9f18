//! Whole numbers in CMA-ES: a floor on their spread and integer centering.
//!
//! Marty, Hansen, Auger, Semet & Héron 2024, *LB+IC-CMA-ES: two simple modifications of CMA-ES to handle mixed-integer problems* (PPSN), in the form of
//! pycma 4.5. The problem is shown rounded values. Without more, the spread of a coordinate shrinks below one half, all members round to one number,
//! and it is never left again. So
//!
//! - *lower bound*: its standard deviation stays at or above min(0.2, μ_eff/n, 1/(2q)) with q the normal quantile that lets about one member in n
//!   change a number whose mean is whole;
//! - *integer centering*: before the update, each of the better half whose number differs from the mean's is moved onto it, and the others
//!   are moved towards the mean's number by as much as balances that.
//!
//! Where a coordinate is bounded, the interval of its numbers is widened by ½ at both sides, so that the end numbers are as likely as the others.

use super::box_transform::BoxTransform;
use evolvent_core::{Bounds, Violations};
use evolvent_math::special::normal_quantile;
use serde::{Deserialize, Serialize};

/// The largest floor.
const FLOOR: f64 = 0.2;
/// Bounds stay short of a half, so that rounding cannot leave them.
const SHORT: f64 = 1e-12;

/// Which coordinates are whole numbers, and how narrow their distribution may become.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Integers {
    coordinates: Vec<usize>,
    pub(crate) floor: f64,
}

impl Integers {
    /// `coordinates` were checked.
    pub(crate) fn new(coordinates: &[usize], n: usize, mueff: f64) -> Self {
        let mut coordinates = coordinates.to_vec();
        coordinates.sort_unstable();
        coordinates.dedup();
        // About one change in 1.37 members, as many as keep most members unaffected by any of them.
        let probability = 2.0 / (n + coordinates.len()).max(1) as f64;
        let quantile = -normal_quantile((0.5 * probability).min(0.25));
        Integers { floor: FLOOR.min(mueff / n as f64).min(0.5 / quantile), coordinates }
    }

    /// Records indices out of range and intervals without a whole number.
    pub(crate) fn check(coordinates: &[usize], n: usize, bounds: Option<&Bounds>, v: &mut Violations) {
        for (k, &i) in coordinates.iter().enumerate() {
            let path = format!("integers.{k}");
            if i >= n {
                v.add(&path, i, &format!("the index of one of {n} coordinates, from 0"));
            } else if let Some(b) = bounds.filter(|b| b.low[i].ceil() > b.high[i].floor()) {
                let found = format!("coordinate {i} in [{}, {}]", b.low[i], b.high[i]);
                v.add(&path, found, "bounds with a whole number between them");
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.coordinates.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.coordinates.iter().copied()
    }

    /// Whole bounds, widened by half a number.
    pub(crate) fn widened(&self, mut bounds: Bounds) -> Bounds {
        for i in self.iter() {
            bounds.low[i] = bounds.low[i].ceil() - (0.5 - SHORT);
            bounds.high[i] = bounds.high[i].floor() + (0.5 - SHORT);
        }
        bounds
    }

    pub(crate) fn round(&self, x: &mut [f64]) {
        self.iter().for_each(|i| x[i] = x[i].round());
    }

    /// Centres the better members: `steps` are y = (x − m)/(σ·s) of all members, of which `better` are meant, `centre` is m and
    /// `spread(i)` is σ·sᵢ; with bounds all of these are before the map into the box.
    pub(crate) fn centre(
        &self,
        steps: &mut [f64],
        better: &[usize],
        centre: &[f64],
        spread: impl Fn(usize) -> f64,
        transform: Option<&BoxTransform>,
    ) {
        let n = centre.len();
        for i in self.iter() {
            let number = |x: f64| transform.map_or(x, |t| t.apply_to(i, x)).round();
            let place = |number: f64| transform.map_or(number, |t| t.invert_at(i, number));
            let (home, scale) = (number(centre[i]), spread(i));
            let (mut bias, mut up, mut down) = (0.0, 0.0, 0.0);
            let at = |k: usize| k * n + i;
            for &k in better {
                let x = centre[i] + scale * steps[at(k)];
                let own = number(x);
                let move_to = place(own) - x;
                if own == home {
                    if move_to > 0.0 { up += move_to } else { down += move_to }
                } else {
                    bias += move_to;
                    steps[at(k)] = (place(own) - centre[i]) / scale;
                }
            }
            // The share of the way home that balances the bias.
            let back = if bias < 0.0 { up } else { down };
            if bias == 0.0 || back == 0.0 {
                continue;
            }
            let share = (-bias / back).min(1.0);
            for &k in better {
                let x = centre[i] + scale * steps[at(k)];
                let way = place(home) - x;
                if number(x) == home && bias * way < 0.0 {
                    steps[at(k)] = (x + share * way - centre[i]) / scale;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floors() {
        assert_eq!(Integers::new(&[0, 1], 2, 100.0).floor, 0.2);
        assert_eq!(Integers::new(&[0], 50, 5.0).floor, 0.1);
        // 400 coordinates, all whole: the quantile of 1/800 is 3.02.
        let all: Vec<usize> = (0..400).collect();
        assert!((Integers::new(&all, 400, 1e4).floor - 0.5 / 3.023_341_4).abs() < 1e-6);
    }

    #[test]
    fn centering_by_hand() {
        let integers = Integers::new(&[0], 1, 1.0);
        // Mean 0.1, spread 2. Places 0.9 and 2.2 are other numbers and move by +0.1 and −0.2: bias −0.1. Of those at home, −0.4 and 0.3,
        // only −0.4 can go up, by 0.4: a quarter of its way.
        let mut steps: Vec<f64> = [0.9, 2.2, -0.4, 0.3, 7.7].map(|x| (x - 0.1) / 2.0).to_vec();
        integers.centre(&mut steps, &[0, 1, 2, 3], &[0.1], |_| 2.0, None);
        let places: Vec<f64> = steps.iter().map(|y| 0.1 + 2.0 * y).collect();
        for (found, expected) in places.iter().zip([1.0, 2.0, -0.3, 0.3, 7.7]) {
            assert!((found - expected).abs() < 1e-12, "{places:?}");
        }
    }

    #[test]
    fn bounds_hold_every_number() {
        let integers = Integers::new(&[1], 2, 1.0);
        let wide = integers.widened(Bounds { low: vec![0.2, 0.2], high: vec![0.8, 3.9] });
        assert_eq!((wide.low[0], wide.high[0]), (0.2, 0.8));
        assert!((wide.low[1] - 0.5).abs() < 1e-9 && (wide.high[1] - 3.5).abs() < 1e-9);
        let mut x = [0.3, wide.high[1]];
        integers.round(&mut x);
        assert_eq!(x, [0.3, 3.0]);
        let mut v = Violations::new();
        let narrow = Bounds { low: vec![0.2, 0.0], high: vec![0.8, 1.0] };
        Integers::check(&[0, 1, 2], 2, Some(&narrow), &mut v);
        assert_eq!(v.0.iter().map(|v| v.path.as_str()).collect::<Vec<_>>(), ["integers.0", "integers.2"]);
    }
}
