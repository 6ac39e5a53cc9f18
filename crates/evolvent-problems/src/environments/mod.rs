//! Environments: episodes of observation, action and reward, simulated in batches.
//!
//! An [`Environment`] is the rules of one episode; [`Lanes`] runs many of them in lockstep behind the trait
//! [`Simulator`]. The state is `f64`, as in Gymnasium; observations and continuous actions are `f32`. Every lane has the
//! same bits whatever the batch and the SIMD level.
//!
//! ```
//! use evolvent_core::{Purpose, RunKey, stream};
//! use evolvent_problems::environments::{Actions, CartPole, End, Lanes, Simulator};
//!
//! let mut carts = Lanes::new(CartPole::default(), 3);
//! (0..3).for_each(|lane| carts.reset(lane, &mut stream(RunKey(1), 0, lane as u64, 0, Purpose::Episode)));
//! let (mut observations, mut rewards, mut ends) = ([0.0; 4 * 3], [0.0; 3], [End::NONE; 3]);
//! carts.observe(0..3, &mut observations);
//! carts.step(Actions::Discrete(&[0, 1, 1]), &mut rewards, &mut ends);
//! for lane in End::over(&ends) {
//!     carts.reset(lane, &mut stream(RunKey(1), 1, lane as u64, 0, Purpose::Episode));
//! }
//! assert_eq!(rewards, [1.0; 3]);
//! ```

mod acrobot;
mod cart_pole;
mod cart_pole_swing_up;
mod double_pole;
mod environment;
mod lanes;
mod maze;
mod mountain_car;
mod pendulum;
mod registry;
mod t_maze;
mod trigonometry;

pub use acrobot::{Acrobot, AcrobotDynamics};
pub use cart_pole::CartPole;
pub use cart_pole_swing_up::{CartPoleSwingUp, SwingUpStart};
pub use double_pole::{DoublePole, DoublePoleFitness, DoublePoleStart, Restlessness};
pub use environment::{Environment, Spec, Step};
pub use lanes::{
    Actions, End, LaneAction, LaneObservation, LaneState, Lanes, Own, Simulator, StateError, WIDTH,
};
pub use maze::{Maze, MazeMap};
pub use mountain_car::{MountainCar, MountainCarContinuous};
pub use pendulum::Pendulum;
pub use registry::{AnyEnvironment, Registered, Visitor};
pub use t_maze::TMaze;
pub use trigonometry::{sincos, wrap};

#[cfg(test)]
mod tests;
