//! The T-maze: remember a signal along a corridor (Bakker 2002, "Reinforcement learning with long short-term memory").

use super::environment::{Environment, Spec, Step};
use evolvent_core::{Interface, Output, Stream, Violations};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A corridor with a signal at its start that tells whether the goal is up or down at the junction at its other end.
///
/// Actions: right (0), up (1), left (2), down (3); bumping into a wall leaves the agent where it is. Observation, three
/// bits as in the paper: start (0, 1, 1) if the goal is up and (1, 1, 0) if it is down, corridor (1, 0, 1), junction
/// (0, 1, 0). Reward 4 for the right turn at the junction, −0.1 for the wrong one and for each bump, else 0. Ends with a
/// turn at the junction, truncated after three times as many steps as the shortest way has. The best return is 4; without
/// memory the best expected return is 1.95.
///
/// State: position, and 1 if the goal is up, else −1. Which side the goal is on is uniform.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TMaze {
    /// Steps from the start to the junction, in 1..=10^6.
    pub length: u32,
}

impl Default for TMaze {
    fn default() -> Self {
        TMaze { length: 10 }
    }
}

impl Environment for TMaze {
    type State = [f64; 2];
    type Action = u32;
    type Observation = [f32; 3];
    type Record = ();

    fn spec(&self) -> Spec {
        let limit = self.length.saturating_add(1).saturating_mul(3);
        let spec = Spec::new(Interface { input: vec![3], output: Output::Discrete(4) }, limit);
        Spec { observation_low: vec![0.0; 3], observation_high: vec![1.0; 3], ..spec }
            .rewards(-0.1, 4.0)
            .solved_at(3.9)
    }

    fn check(&self) -> Result<(), Violations> {
        let mut violations = Violations::new();
        let ok = (1..=1_000_000).contains(&self.length);
        violations.require(ok, "length", self.length, "an integer in 1..=1000000");
        violations.into_result()
    }

    fn reset(&self, rng: &mut Stream) -> [f64; 2] {
        [0.0, if rng.chance(0.5) { 1.0 } else { -1.0 }]
    }

    #[inline(always)]
    fn step(&self, state: &mut [f64; 2], action: u32) -> Step {
        let [position, side] = *state;
        let junction = f64::from(self.length);
        let along = if action == 0 { 1.0 } else { 0.0 } - if action == 2 { 1.0 } else { 0.0 };
        let turn = if action == 1 { 1.0 } else { 0.0 } - if action >= 3 { 1.0 } else { 0.0 };
        let next = (position + along).max(0.0).min(junction);
        let terminated = (position == junction) & (turn != 0.0);
        let bump = next == position;
        state[0] = next;
        let turned = if turn == side { 4.0 } else { -0.1 };
        let moved = if bump { -0.1 } else { 0.0 };
        Step { reward: if terminated { turned } else { moved }, terminated }
    }

    #[inline(always)]
    fn observe(&self, state: &[f64; 2]) -> [f32; 3] {
        let start = if state[1] > 0.0 { [0.0, 1.0, 1.0] } else { [1.0, 1.0, 0.0] };
        let corridor = if state[0] == f64::from(self.length) { [0.0, 1.0, 0.0] } else { [1.0, 0.0, 1.0] };
        if state[0] == 0.0 { start } else { corridor }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Actions, and the reward and whether it ended after each.
    fn walk(side: f64, actions: &[u32]) -> Vec<(f64, bool)> {
        let maze = TMaze { length: 2 };
        let mut state = [0.0, side];
        let steps = actions.iter().map(|&action| maze.step(&mut state, action));
        steps.map(|step| (step.reward, step.terminated)).collect()
    }

    #[test]
    fn the_right_turn_pays() {
        assert_eq!(walk(1.0, &[0, 0, 1]), [(0.0, false), (0.0, false), (4.0, true)]);
        assert_eq!(walk(1.0, &[0, 0, 3])[2], (-0.1, true));
        assert_eq!(walk(-1.0, &[0, 0, 3])[2], (4.0, true));
    }

    #[test]
    fn bumping_costs() {
        assert_eq!(
            walk(1.0, &[2, 1, 0, 3, 2, 0, 0, 0]),
            [-0.1, -0.1, 0.0, -0.1, 0.0, 0.0, 0.0, -0.1].map(|reward| (reward, false))
        );
    }

    #[test]
    fn the_signal_is_seen_at_the_start_only() {
        let maze = TMaze { length: 2 };
        assert_eq!(maze.observe(&[0.0, 1.0]), [0.0, 1.0, 1.0]);
        assert_eq!(maze.observe(&[0.0, -1.0]), [1.0, 1.0, 0.0]);
        assert_eq!(maze.observe(&[1.0, 1.0]), maze.observe(&[1.0, -1.0]));
        assert_eq!(maze.observe(&[2.0, 1.0]), [0.0, 1.0, 0.0]);
        assert!(TMaze { length: 0 }.check().is_err());
    }
}
