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
    ($($key:ident: $Type:ident in $module:ident with $Parameters:ident;)+) => {
        /// Any of the listed functions with its parameters.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[allow(missing_docs)]
        #[serde(rename_all = "snake_case")]
        pub enum AnyFunction {
            $( $Type($Parameters), )+
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
    sphere: Sphere in landscape with Placement;
    ellipsoid: Ellipsoid in landscape with Placement;
    discus: Discus in landscape with Placement;
    bent_cigar: BentCigar in landscape with Placement;
    rosenbrock: Rosenbrock in landscape with Placement;
    rastrigin: Rastrigin in landscape with Placement;
    ackley: Ackley in landscape with Placement;
    griewank: Griewank in landscape with Placement;
    schwefel: Schwefel in landscape with Placement;
    levy: Levy in landscape with Placement;
    zdt1: Zdt1 in multiobjective with Variables;
    zdt2: Zdt2 in multiobjective with Variables;
    zdt3: Zdt3 in multiobjective with Variables;
    zdt4: Zdt4 in multiobjective with Variables;
    zdt5: Zdt5 in multiobjective with Variables;
    zdt6: Zdt6 in multiobjective with Variables;
    bnh: Bnh in multiobjective with Fixed;
    tnk: Tnk in multiobjective with Fixed;
    osy: Osy in multiobjective with Fixed;
    bbob: Bbob in bbob with BbobParameters;
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
