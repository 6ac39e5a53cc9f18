//! One macro lists the networks of a genome kind, once, in the crate that owns the kind.

use crate::{Conv, Dense, Hebbian, NetworkConfig, Recurrent};
use evolvent_core::{Genome, Vector};

/// Something that is shown every listed network: the runner's registry, the generated documentation.
pub trait Visitor<G: Genome> {
    /// Called once per network, in listing order.
    fn visit<C: NetworkConfig<Genome = G>>(&mut self);
}

/// Lists the networks over a genome kind: expands to their names, a `visit` function and one module of conformance tests
/// per entry, which call `crate::twin::check_listed::<Network>(key)`. Adding a network is a new file and one line here.
///
/// ```ignore
/// evolvent_nets::networks! {
///     for Vector;
///     Dense as dense,
/// }
/// ```
// The conformance function is that of the crate that lists, where its genomes are known.
#[allow(clippy::crate_in_macro_def)]
#[macro_export]
macro_rules! networks {
    (for $Genome:ty; $($ty:ident as $key:ident),+ $(,)?) => {
        /// The keys of all listed networks.
        pub const NAMES: &[&str] = &[$(<$ty as $crate::NetworkConfig>::NAME),+];

        /// Shows every listed network to a visitor.
        pub fn visit(visitor: &mut impl $crate::registry::Visitor<$Genome>) {
            $(visitor.visit::<$ty>();)+
        }

        #[cfg(test)]
        mod conformance {
            $(mod $key {
                #[allow(unused_imports)]
                use super::super::*;

                #[test]
                fn conforms() {
                    crate::twin::check_listed::<$ty>(stringify!($key));
                }
            })+
        }
    };
}

networks! {
    for Vector;
    Dense as dense,
    Recurrent as recurrent,
    Conv as conv,
    Hebbian as hebbian,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_network_is_shown_once() {
        struct Names(Vec<&'static str>);
        impl Visitor<Vector> for Names {
            fn visit<C: NetworkConfig<Genome = Vector>>(&mut self) {
                self.0.push(C::NAME);
            }
        }
        let mut names = Names(Vec::new());
        visit(&mut names);
        assert_eq!(names.0, NAMES);
    }
}
