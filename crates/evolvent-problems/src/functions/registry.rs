//! The list of functions. One line adds one.

use super::bbob::{self, BbobParameters};
use super::function::Function;
use super::landscape::{self, Placed, Placement};
use super::multiobjective::{self, Boxed, Fixed, Variables};
use evolvent_core::Violations;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Parameters that make a function.
trait Recipe<F> {
    fn build(&self) -> Result<Box<dyn Function>, Violations>;
}

impl<L: landscape::Landscape> Recipe<L> for Placement {
    fn build(&self) -> Result<Box<dyn Function>, Violations> {
        Ok(Box::new(Placed::<L>::new(self)?))
    }
}

impl<P: multiobjective::Biobjective> Recipe<P> for Variables {
    fn build(&self) -> Result<Box<dyn Function>, Violations> {
        Ok(Box::new(Boxed::<P>::new(self)?))
    }
}

impl<P: multiobjective::Biobjective> Recipe<P> for Fixed {
    fn build(&self) -> Result<Box<dyn Function>, Violations> {
        Ok(Box::new(Boxed::<P>::standard()))
    }
}

impl Recipe<bbob::Bbob> for BbobParameters {
    fn build(&self) -> Result<Box<dyn Function>, Violations> {
        Ok(Box::new(bbob::Bbob::new(self)?))
    }
}

macro_rules! functions {
    ($($key:ident: $Type:ident in $module:ident with $Parameters:ident, $summary:literal;)+) => {
        /// Any of the listed functions with its parameters.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[allow(missing_docs)]
        #[serde(rename_all = "snake_case")]
        pub enum AnyFunction {
            $( #[doc = $summary] $Type($Parameters), )+
        }

        impl AnyFunction {
            /// Keys of all listed functions.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($key)),+];

            /// The function with this key and default parameters.
            pub fn find(name: &str) -> Option<Self> {
                match name {
                    $( stringify!($key) => Some(AnyFunction::$Type($Parameters::default())), )+
                    _ => None,
                }
            }

            /// Key in experiment files.
            pub fn name(&self) -> &'static str {
                match self { $( AnyFunction::$Type(_) => stringify!($key), )+ }
            }

            /// The function, or what is wrong with its parameters.
            pub fn build(&self) -> Result<Box<dyn Function>, Violations> {
                match self { $( AnyFunction::$Type(p) => Recipe::<$module::$Type>::build(p), )+ }
            }
        }
    };
}

functions! {
    sphere: Sphere in landscape with Placement, "Σ xᵢ²: the plain bowl that every method should descend.";
    ellipsoid: Ellipsoid in landscape with Placement, "A bowl whose axes differ in scale by a thousand: axis-parallel, ill-conditioned.";
    discus: Discus in landscape with Placement, "One coordinate counts a million times as much as the others.";
    bent_cigar: BentCigar in landscape with Placement, "Flat along one axis and a million times as steep along all others: a straight ridge.";
    rosenbrock: Rosenbrock in landscape with Placement, "A banana-shaped valley: easy to find, slow to follow.";
    rastrigin: Rastrigin in landscape with Placement, "A bowl with a regular grid of deep local minima.";
    ackley: Ackley in landscape with Placement, "A rippled plain around one narrow funnel.";
    griewank: Griewank in landscape with Placement, "A wide bowl with many shallow, regular ripples.";
    schwefel: Schwefel in landscape with Placement, "Deceptive: the second-best minimum is far away from the best.";
    levy: Levy in landscape with Placement, "Waves on a bowl: many local minima in every coordinate.";
    zdt1: Zdt1 in multiobjective with Variables, "Two objectives, convex front, 30 coordinates.";
    zdt2: Zdt2 in multiobjective with Variables, "Two objectives, non-convex front, 30 coordinates.";
    zdt3: Zdt3 in multiobjective with Variables, "Two objectives, a front in five separate pieces.";
    zdt4: Zdt4 in multiobjective with Variables, "Two objectives, many local fronts (21⁹).";
    zdt5: Zdt5 in multiobjective with Variables, "Two objectives over 80 bits, deceptive.";
    zdt6: Zdt6 in multiobjective with Variables, "Two objectives, non-convex front with solutions unevenly spread.";
    bnh: Bnh in multiobjective with Fixed, "Two objectives and two constraints in the plane (Binh & Korn 1997).";
    tnk: Tnk in multiobjective with Fixed, "Two objectives, a front that is given by its constraints (Tanaka, Watanabe, Furukawa & Tanino 1995).";
    osy: Osy in multiobjective with Fixed, "Two objectives, six coordinates, six constraints (Osyczka & Kundu 1995).";
    bbob: Bbob in bbob with BbobParameters, "The 24 noiseless functions of the BBOB benchmark: which one, which instance, how many coordinates.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_is_built_from_its_table() {
        for name in AnyFunction::NAMES {
            let any = AnyFunction::find(name).unwrap();
            assert_eq!(any.name(), *name);
            let table = serde_json::to_value(&any).unwrap();
            assert!(table.get(name).is_some(), "{table}");
            assert_eq!(serde_json::from_value::<AnyFunction>(table).unwrap(), any);
            let function = any.build().unwrap();
            let n = function.dimension();
            let region = function.region();
            assert!((region.low.len(), region.high.len()) == (n, n), "{name}");
            let mut objectives = vec![f64::NAN; function.objectives()];
            let mut constraints = vec![f64::NAN; function.constraints()];
            function.evaluate(&region.low, &mut objectives, &mut constraints, &mut Vec::new());
            assert!(objectives.iter().chain(&constraints).all(|value| value.is_finite()), "{name}");
            assert_eq!(function.optimum().is_some(), function.objectives() == 1);
            assert_eq!(function.front(10).is_some(), function.objectives() == 2);
        }
        assert!(AnyFunction::find("Sphere").is_none());
        let table = serde_json::json!({ "sphere": { "dimensions": 3 } });
        assert!(serde_json::from_value::<AnyFunction>(table).is_err());
        let table = serde_json::json!({ "rosenbrock": { "dimension": 1 } });
        assert!(serde_json::from_value::<AnyFunction>(table).unwrap().build().is_err());
    }

    #[test]
    fn the_same_seeds_give_the_same_function() {
        let placement = Placement { dimension: 6, shift: Some(3), rotate: Some(3) };
        let value = |any: AnyFunction| {
            let mut out = [0.0];
            any.build().unwrap().evaluate(&[0.5; 6], &mut out, &mut [], &mut Vec::new());
            out[0]
        };
        assert_eq!(value(AnyFunction::Levy(placement.clone())), value(AnyFunction::Levy(placement)));
    }
}
