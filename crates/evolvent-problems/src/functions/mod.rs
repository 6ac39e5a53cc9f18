//! Test functions: formulas of real numbers with known optima or Pareto fronts, all minimised.
//!
//! ```
//! use evolvent_problems::functions::{AnyFunction, Placement};
//!
//! let placement = Placement { dimension: 3, ..Placement::default() };
//! let rastrigin = AnyFunction::Rastrigin(placement).build().unwrap();
//! let mut value = [0.0];
//! rastrigin.evaluate(&[1.0, 0.0, 0.0], &mut value, &mut [], &mut Vec::new());
//! assert_eq!(value, [1.0]);
//! ```

mod bbob;
mod function;
mod landscape;
mod multiobjective;
mod registry;

pub use bbob::{Bbob, BbobParameters};
pub use function::{Function, Optimum};
pub use landscape::{
    Ackley, BentCigar, Discus, Ellipsoid, Griewank, Landscape, Levy, Placed, Placement, Rastrigin,
    Rosenbrock, Schwefel, Sphere,
};
pub use multiobjective::{
    Biobjective, Bnh, Boxed, Fixed, Osy, Tnk, Variables, Zdt1, Zdt2, Zdt3, Zdt4, Zdt5, Zdt6,
};
pub use registry::AnyFunction;
