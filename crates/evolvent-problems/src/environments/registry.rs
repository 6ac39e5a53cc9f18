//! The list of environments. One line adds one.

use super::environment::{Environment, Spec};
use super::lanes::{Lanes, Simulator};
use evolvent_core::Violations;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Calls a macro with the list of environments: `key: Type, "Gymnasium-id";` for each, `none` where Gymnasium has no such
/// environment. The types are those of [`environments`](mod@crate::environments), unqualified.
///
/// ```
/// macro_rules! keys {
///     ($($key:ident: $Type:ident, $id:tt;)+) => { [$(stringify!($key)),+] };
/// }
/// assert_eq!(evolvent_problems::environments!(keys)[0], "cart_pole");
/// ```
#[macro_export]
macro_rules! environments {
    ($callback:ident) => {
        $callback! {
            cart_pole: CartPole, "CartPole-v1";
            mountain_car: MountainCar, "MountainCar-v0";
            mountain_car_continuous: MountainCarContinuous, "MountainCarContinuous-v0";
            pendulum: Pendulum, "Pendulum-v1";
            acrobot: Acrobot, "Acrobot-v1";
            double_pole: DoublePole, none;
            cart_pole_swing_up: CartPoleSwingUp, none;
            t_maze: TMaze, none;
            maze: Maze, none;
        }
    };
}

/// An environment that the registry lists.
pub trait Registered:
    Environment + Default + Serialize + for<'de> Deserialize<'de> + JsonSchema + std::fmt::Debug
{
    /// Key in experiment files.
    const NAME: &'static str;
    /// Gymnasium's id, if it has this environment.
    const ID: Option<&'static str>;
}

/// Work to be done with an environment's own type, so that its code is compiled for it.
pub trait Visitor {
    /// What the work gives.
    type Output;
    /// Does it.
    fn visit<E: Registered>(self, environment: &E) -> Self::Output;
}

macro_rules! id {
    (none) => {
        None
    };
    ($id:literal) => {
        Some($id)
    };
}

macro_rules! register {
    ($($key:ident: $Type:ident, $id:tt;)+) => {
        $(
            impl Registered for super::$Type {
                const NAME: &'static str = stringify!($key);
                const ID: Option<&'static str> = id!($id);
            }
        )+

        /// Any of the listed environments with its parameters.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[allow(missing_docs)]
        #[serde(rename_all = "snake_case")]
        pub enum AnyEnvironment {
            $( $Type(super::$Type), )+
        }

        impl AnyEnvironment {
            /// Keys of all listed environments.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($key)),+];

            /// The environment with this key or Gymnasium id and default parameters.
            pub fn find(name: &str) -> Option<Self> {
                $(
                    if name == <super::$Type as Registered>::NAME || Some(name) == <super::$Type as Registered>::ID {
                        return Some(AnyEnvironment::$Type(super::$Type::default()));
                    }
                )+
                None
            }

            /// Hands the environment to a visitor under its own type.
            pub fn visit<V: Visitor>(&self, visitor: V) -> V::Output {
                match self { $( AnyEnvironment::$Type(environment) => visitor.visit(environment), )+ }
            }
        }
    };
}
environments!(register);

impl AnyEnvironment {
    /// Key in experiment files.
    pub fn name(&self) -> &'static str {
        struct Name;
        impl Visitor for Name {
            type Output = &'static str;
            fn visit<E: Registered>(self, _: &E) -> &'static str {
                E::NAME
            }
        }
        self.visit(Name)
    }

    /// Gymnasium's id, if it has this environment.
    pub fn id(&self) -> Option<&'static str> {
        struct Id;
        impl Visitor for Id {
            type Output = Option<&'static str>;
            fn visit<E: Registered>(self, _: &E) -> Option<&'static str> {
                E::ID
            }
        }
        self.visit(Id)
    }

    /// The facts that a task needs.
    pub fn spec(&self) -> Spec {
        struct Facts;
        impl Visitor for Facts {
            type Output = Spec;
            fn visit<E: Registered>(self, environment: &E) -> Spec {
                environment.spec()
            }
        }
        self.visit(Facts)
    }

    /// What is wrong with the parameters.
    pub fn check(&self) -> Result<(), Violations> {
        struct Check;
        impl Visitor for Check {
            type Output = Result<(), Violations>;
            fn visit<E: Registered>(self, environment: &E) -> Result<(), Violations> {
                environment.check()
            }
        }
        self.visit(Check)
    }

    /// A simulator of unnamed type; `max_episode_steps` overrides the environment's own limit.
    pub fn simulator(&self, lanes: usize, max_episode_steps: Option<u32>) -> Box<dyn Simulator> {
        struct Build(usize, Option<u32>);
        impl Visitor for Build {
            type Output = Box<dyn Simulator>;
            fn visit<E: Registered>(self, environment: &E) -> Box<dyn Simulator> {
                let limit = self.1.unwrap_or(environment.spec().max_episode_steps);
                Box::new(Lanes::with_limit(environment.clone(), self.0, limit))
            }
        }
        self.visit(Build(lanes, max_episode_steps))
    }
}
