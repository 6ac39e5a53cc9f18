//! The 24 noise-free functions of BBOB (Hansen, Finck, Ros & Auger 2009, INRIA RR-6829; Finck, Hansen, Ros & Auger 2009),
//! with the instances of the COCO platform, suite `bbob`.

use super::function::{Function, Optimum};
use evolvent_core::{Bounds, Violations};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

mod ill_conditioned;
mod moderate;
mod multimodal;
mod seeds;
mod separable;
mod transform;
mod weakly_structured;

/// Which function, which instance, how many coordinates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BbobParameters {
    /// Number of the function, in 1..=24.
    pub function: u32,
    /// Number of the instance, in 1..=10000: moves the optimum, its value and the rotations.
    pub instance: u32,
    /// Number of coordinates, in 2..=1000. COCO's suite has 2, 3, 5, 10, 20 and 40; others are made in the same way.
    pub dimension: usize,
}

impl Default for BbobParameters {
    fn default() -> Self {
        BbobParameters { function: 1, instance: 1, dimension: 5 }
    }
}

/// One of the 24 functions. All are to be minimised; the optimum lies in [−5, 5]ⁿ, the functions are defined everywhere.
pub struct Bbob {
    parameters: BbobParameters,
    offset: f64,
    core: Core,
}

/// A function less its offset: where it is 0, and its value at any point. The closure gets three vectors of scratch.
struct Core {
    optimum: Vec<f64>,
    #[allow(clippy::type_complexity)] // a function type reads best written out
    value: Box<dyn Fn(&[f64], [&mut [f64]; 3]) -> f64 + Send + Sync>,
}

impl Core {
    fn new(
        optimum: Vec<f64>,
        value: impl Fn(&[f64], [&mut [f64]; 3]) -> f64 + Send + Sync + 'static,
    ) -> Self {
        Core { optimum, value: Box::new(value) }
    }
}

/// What the formulas draw from.
struct Instance {
    /// Number of coordinates.
    n: usize,
    seed: i64,
}

impl Instance {
    /// x_opt.
    fn location(&self) -> Vec<f64> {
        seeds::location(self.n, self.seed)
    }
    /// R.
    fn r(&self) -> Vec<f64> {
        seeds::rotation(self.n, self.seed + 1_000_000)
    }
    /// Q.
    fn q(&self) -> Vec<f64> {
        seeds::rotation(self.n, self.seed)
    }
}

impl Bbob {
    /// The function; its matrices are made here.
    pub fn new(parameters: &BbobParameters) -> Result<Self, Violations> {
        let &BbobParameters { function, instance, dimension } = parameters;
        let mut violations = Violations::new();
        let ok = (1..=24).contains(&function);
        violations.require(ok, "function", function, "the number of a function, in 1..=24");
        let ok = (1..=10_000).contains(&instance);
        violations.require(ok, "instance", instance, "the number of an instance, in 1..=10000");
        let ok = (2..=1000).contains(&dimension);
        violations.require(ok, "dimension", dimension, "a number of coordinates in 2..=1000");
        violations.into_result()?;
        // Two pairs share their draws.
        let family = match function {
            4 => 3,
            18 => 17,
            f => f,
        };
        let seed = i64::from(family) + 10_000 * i64::from(instance);
        let instance_of = Instance { n: dimension, seed };
        let make = match function {
            1 => separable::sphere,
            2 => separable::ellipsoid,
            3 => separable::rastrigin,
            4 => separable::bueche_rastrigin,
            5 => separable::linear_slope,
            6 => moderate::attractive_sector,
            7 => moderate::step_ellipsoid,
            8 => moderate::rosenbrock,
            9 => moderate::rosenbrock_rotated,
            10 => ill_conditioned::ellipsoid,
            11 => ill_conditioned::discus,
            12 => ill_conditioned::bent_cigar,
            13 => ill_conditioned::sharp_ridge,
            14 => ill_conditioned::different_powers,
            15 => multimodal::rastrigin,
            16 => multimodal::weierstrass,
            17 => multimodal::schaffer,
            18 => multimodal::schaffer_ill_conditioned,
            19 => multimodal::griewank_rosenbrock,
            20 => weakly_structured::schwefel,
            21 => weakly_structured::gallagher_101,
            22 => weakly_structured::gallagher_21,
            23 => weakly_structured::katsuura,
            _ => weakly_structured::lunacek,
        };
        let core = make(&instance_of);
        Ok(Bbob { parameters: parameters.clone(), offset: seeds::offset(function, instance), core })
    }
}

impl fmt::Debug for Bbob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Bbob").field(&self.parameters).finish()
    }
}

impl Function for Bbob {
    fn dimension(&self) -> usize {
        self.parameters.dimension
    }

    fn region(&self) -> Bounds {
        Bounds::uniform(self.parameters.dimension, -5.0, 5.0)
    }

    fn optimum(&self) -> Option<Optimum> {
        Some(Optimum { value: self.offset, location: self.core.optimum.clone() })
    }

    fn evaluate(&self, x: &[f64], objectives: &mut [f64], _: &mut [f64], scratch: &mut Vec<f64>) {
        let n = x.len();
        scratch.resize(3 * n, 0.0);
        let (a, rest) = scratch.split_at_mut(n);
        let (b, c) = rest.split_at_mut(n);
        objectives[0] = (self.core.value)(x, [a, b, &mut c[..n]]) + self.offset;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stated_optima_are_optima() {
        for function in 1..=24 {
            for (dimension, instance) in [(2, 1), (5, 3), (20, 2)] {
                let bbob = Bbob::new(&BbobParameters { function, instance, dimension }).unwrap();
                let optimum = bbob.optimum().unwrap();
                let mut scratch = Vec::new();
                let mut value = |x: &[f64]| {
                    let mut out = [f64::NAN];
                    bbob.evaluate(x, &mut out, &mut [], &mut scratch);
                    out[0] - optimum.value
                };
                let least = value(&optimum.location);
                assert!(least.abs() < 1e-8, "f{function}, {dimension}: {least}");
                assert!(optimum.location.iter().all(|x| x.abs() <= 5.0));
                for step in [1e-3, 0.1, 1.0] {
                    for k in 0..20 {
                        let wiggle = seeds::gauss(dimension, 77 + k);
                        let x: Vec<f64> =
                            optimum.location.iter().zip(&wiggle).map(|(x, w)| x + step * w).collect();
                        // The linear slope falls on outside its region.
                        let inside = x.iter().all(|x| x.abs() <= 5.0);
                        assert!(value(&x) >= least - 1e-9 || function == 5 && !inside, "f{function} {x:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn parameters_are_checked() {
        let wrong = BbobParameters { function: 25, instance: 0, dimension: 1 };
        assert_eq!(Bbob::new(&wrong).unwrap_err().0.len(), 3);
    }
}
