//! What becomes of a coordinate that left its interval.

use evolvent_core::{Bounds, Stream};
use evolvent_math::reduce;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a coordinate outside of its bounds is brought back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Repair {
    /// To the bound that it crossed.
    Clip,
    /// Mirrored at the bound, as often as needed.
    #[default]
    Reflect,
    /// In again at the other end.
    Wrap,
    /// Half way between the bound and the parent's value (Price, Storn & Lampinen 2005; JADE).
    Midpoint,
    /// Drawn uniformly from the interval.
    Resample,
}

impl Repair {
    /// A coordinate in [low, high]; `parent` is the value it came from, itself inside.
    pub fn coordinate(self, x: f64, parent: f64, low: f64, high: f64, rng: &mut Stream) -> f64 {
        if x.is_finite() && (low..=high).contains(&x) {
            return x;
        }
        let width = high - low;
        let inside = match self {
            Repair::Clip => x,
            Repair::Reflect => {
                let phase = (x - low).rem_euclid(2.0 * width);
                low + if phase > width { 2.0 * width - phase } else { phase }
            }
            Repair::Wrap => low + (x - low).rem_euclid(width),
            Repair::Midpoint => 0.5 * (parent + if x < low { low } else { high }),
            Repair::Resample => rng.uniform_in(low, high),
        };
        // What is not finite (no width, an endless one, a step too far) goes back to where it came from.
        if inside.is_finite() { inside.clamp(low, high) } else { parent }
    }

    /// Repairs a vector that came from `parent`. Without bounds only what is not finite is undone.
    pub fn vector(self, x: &mut [f64], parent: &[f64], bounds: Option<&Bounds>, rng: &mut Stream) {
        match bounds {
            None if reduce::all_finite(x) => {}
            None => x.iter_mut().zip(parent).filter(|(x, _)| !x.is_finite()).for_each(|(x, p)| *x = *p),
            Some(bounds) => {
                for (i, x) in x.iter_mut().enumerate() {
                    *x = self.coordinate(*x, parent[i], bounds.low[i], bounds.high[i], rng);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use evolvent_core::{Purpose, RunKey, stream};

    fn repaired(repair: Repair, x: f64) -> f64 {
        repair.coordinate(x, 1.0, 0.0, 4.0, &mut stream(RunKey::from_seed(1), 0, 0, 0, Purpose::Ask))
    }

    #[test]
    fn by_hand() {
        assert_eq!(repaired(Repair::Clip, 5.5), 4.0);
        assert_eq!(repaired(Repair::Reflect, 5.5), 2.5);
        assert_eq!(repaired(Repair::Reflect, -1.0), 1.0);
        assert_eq!(repaired(Repair::Reflect, 9.0), 1.0);
        assert_eq!(repaired(Repair::Wrap, 5.5), 1.5);
        assert_eq!(repaired(Repair::Wrap, -1.0), 3.0);
        assert_eq!(repaired(Repair::Midpoint, 77.0), 2.5);
        assert_eq!(repaired(Repair::Midpoint, -77.0), 0.5);
        assert_eq!(repaired(Repair::Clip, 3.0), 3.0);
    }

    #[test]
    fn always_inside() {
        let mut rng = stream(RunKey::from_seed(2), 0, 0, 0, Purpose::Ask);
        for repair in [Repair::Clip, Repair::Reflect, Repair::Wrap, Repair::Midpoint, Repair::Resample] {
            for x in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, -1e300, 4.0000001, -1e-300] {
                for (low, high) in [(0.0, 4.0), (1.0, 1.0), (f64::NEG_INFINITY, 4.0), (0.0, f64::INFINITY)] {
                    let y = repair.coordinate(x, 1.0, low, high, &mut rng);
                    assert!(
                        (low..=high).contains(&y) && y.is_finite(),
                        "{repair:?} {x} in [{low}, {high}]: {y}"
                    );
                }
            }
        }
    }
}
