//! One macro lists the networks.

use crate::{Conv, Dense, NetworkConfig, Recurrent};
use evolvent_core::Vector;

/// Something that is shown every listed network: the runner's registry, the generated documentation.
pub trait Visitor {
    /// Called once per network, in listing order.
    fn visit<C: NetworkConfig<Genome = Vector>>(&mut self);
}

/// Lists networks over vectors: expands to their names, a `visit` function and one module of conformance tests per
/// entry. Adding a network is a new file and one line here.
macro_rules! networks {
    ($($ty:ident as $key:ident),+ $(,)?) => {
        /// The keys of all listed networks.
        pub const NAMES: &[&str] = &[$(<$ty as NetworkConfig>::NAME),+];

        /// Shows every listed network to a visitor.
        pub fn visit(visitor: &mut impl Visitor) {
            $(visitor.visit::<$ty>();)+
        }

        #[cfg(test)]
        mod conformance {
            $(mod $key {
                use crate::$ty;

                #[test]
                fn conforms() {
                    crate::twin::check_listed::<$ty>(stringify!($key));
                }
            })+
        }
    };
}

networks! {
    Dense as dense,
    Recurrent as recurrent,
    Conv as conv,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_network_is_shown_once() {
        struct Names(Vec<&'static str>);
        impl Visitor for Names {
            fn visit<C: NetworkConfig<Genome = Vector>>(&mut self) {
                self.0.push(C::NAME);
            }
        }
        let mut names = Names(Vec::new());
        visit(&mut names);
        assert_eq!(names.0, NAMES);
    }
}
