//! One macro lists the algorithms of a genome kind, once, in the crate that owns the kind.

use crate::{Algorithm, Genome};

/// Something that is shown every listed algorithm: the runner's registry, the generated documentation.
pub trait Visitor<G: Genome> {
    /// Called once per algorithm, in listing order.
    fn visit<A: Algorithm<Genome = G>>(&mut self);
}

/// Lists algorithms: expands to the externally tagged enum (itself an [`Algorithm`], so that wrappers can hold any),
/// its state, the names, a `visit` function, and one module of conformance tests per entry.
///
/// ```ignore
/// evolvent_core::algorithms! {
///     /// The algorithms over vectors.
///     pub enum VectorAlgorithm / VectorState for Vector, named "vector_algorithm";
///     OpenEs(es::open_es::OpenEs) as open_es,
///     CmaEs(cma::cma_es::CmaEs) as cma_es,
/// }
/// ```
#[macro_export]
macro_rules! algorithms {
    (
        $(#[$doc:meta])*
        pub enum $Enum:ident / $State:ident for $Genome:ty, named $name:literal;
        $( $Variant:ident ( $ty:ty ) as $key:ident ),+ $(,)?
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(rename_all = "snake_case")]
        #[allow(missing_docs, clippy::large_enum_variant)]
        pub enum $Enum { $( $Variant($ty) ),+ }

        /// The state of one of them.
        #[derive(serde::Serialize, serde::Deserialize)]
        #[allow(missing_docs, clippy::large_enum_variant)]
        pub enum $State { $( $Variant(<$ty as $crate::Algorithm>::State) ),+ }

        impl $Enum {
            /// The keys of all listed algorithms.
            pub const NAMES: &'static [&'static str] = &[$( <$ty as $crate::Algorithm>::NAME ),+];

            /// Shows every listed algorithm to a visitor.
            pub fn visit(visitor: &mut impl $crate::registry::Visitor<$Genome>) {
                $( visitor.visit::<$ty>(); )+
            }

            /// The key of this one.
            pub fn key(&self) -> &'static str {
                match self { $( Self::$Variant(_) => <$ty as $crate::Algorithm>::NAME ),+ }
            }
        }

        impl Default for $Enum {
            /// The first listed one with its defaults.
            fn default() -> Self {
                $crate::registry::first!($( Self::$Variant(<$ty>::default()) ),+)
            }
        }

        impl $crate::Algorithm for $Enum {
            const NAME: &'static str = $name;
            type Genome = $Genome;
            type State = $State;

            fn needs(&self) -> $crate::Needs {
                match self { $( Self::$Variant(a) => $crate::Algorithm::needs(a) ),+ }
            }
            fn holds(&self, space: &$crate::Space<$Genome>) -> f64 {
                match self { $( Self::$Variant(a) => $crate::Algorithm::holds(a, space) ),+ }
            }
            fn init(
                &self,
                space: &$crate::Space<$Genome>,
                start: &$crate::Start<$Genome>,
                rng: &mut $crate::Stream,
            ) -> Result<$State, $crate::Violations> {
                match self { $( Self::$Variant(a) => a.init(space, start, rng).map($State::$Variant) ),+ }
            }
            fn ask(&self, state: &mut $State, rng: &mut $crate::Stream) -> $crate::Batch<$Genome> {
                match (self, state) {
                    $( (Self::$Variant(a), $State::$Variant(s)) => a.ask(s, rng), )+
                    _ => unreachable!("an algorithm with another one's state"),
                }
            }
            fn tell(
                &self,
                state: &mut $State,
                batch: &$crate::Batch<$Genome>,
                scores: &$crate::Scores,
                rng: &mut $crate::Stream,
            ) {
                match (self, state) {
                    $( (Self::$Variant(a), $State::$Variant(s)) => a.tell(s, batch, scores, rng), )+
                    _ => unreachable!("an algorithm with another one's state"),
                }
            }
            fn outcome(&self, state: &$State) -> $crate::Outcome<$Genome> {
                match (self, state) {
                    $( (Self::$Variant(a), $State::$Variant(s)) => a.outcome(s), )+
                    _ => unreachable!("an algorithm with another one's state"),
                }
            }
            fn stopped(&self, state: &$State) -> Option<$crate::StopReason> {
                match (self, state) {
                    $( (Self::$Variant(a), $State::$Variant(s)) => a.stopped(s), )+
                    _ => unreachable!("an algorithm with another one's state"),
                }
            }
            fn rescaled(&self, space: &$crate::Space<$Genome>, population: f64, sigma: f64) -> Option<Self> {
                match self {
                    $( Self::$Variant(a) => a.rescaled(space, population, sigma).map(Self::$Variant), )+
                }
            }
            fn groups(&self, state: &$State) -> Vec<(u64, u64)> {
                match (self, state) {
                    $( (Self::$Variant(a), $State::$Variant(s)) => a.groups(s), )+
                    _ => unreachable!("an algorithm with another one's state"),
                }
            }
            fn operator(&self, code: u8) -> String {
                match self { $( Self::$Variant(a) => $crate::Algorithm::operator(a, code) ),+ }
            }
            fn diagnose(&self, state: &$State, out: &mut $crate::Diagnostics) {
                match (self, state) {
                    $( (Self::$Variant(a), $State::$Variant(s)) => a.diagnose(s, out), )+
                    _ => unreachable!("an algorithm with another one's state"),
                }
            }
        }

        #[cfg(test)]
        mod conformance {
            $( mod $key {
                #[allow(unused_imports)]
                use super::super::*;
                evolvent_test::conformance!($ty);

                #[test]
                fn its_key_is_its_name() {
                    assert_eq!(stringify!($key), <$ty as $crate::Algorithm>::NAME);
                }
            } )+
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __first {
    ($first:expr $(, $rest:expr)*) => {
        $first
    };
}
#[doc(hidden)]
pub use __first as first;
