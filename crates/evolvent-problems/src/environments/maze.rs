//! Mazes for a robot with range finders (Lehman & Stanley 2011, "Abandoning objectives: evolution through the search for
//! novelty alone", section 4).

use super::environment::{Environment, Spec, Step};
use super::trigonometry::sincos;
use evolvent_core::{Stream, Violations};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// Radius of the robot, in the units of the map.
const RADIUS: f64 = 8.0;
/// How far a range finder sees.
const RANGE: f64 = 100.0;
/// The goal is reached within this distance.
const REACHED: f64 = 5.0;
/// Largest speed, in units per step, either way.
const MAX_SPEED: f64 = 3.0;
/// Largest turning speed, in radians per step, either way (3°).
const MAX_TURN: f64 = 3.0 * PI / 180.0;
/// How much an action of 1 changes the speed, in units per step.
const ACCELERATION: f64 = 0.5;
/// How much an action of 1 changes the turning speed, in radians per step (0.5°).
const TURN: f64 = 0.5 * PI / 180.0;
/// Fitness at the goal.
const BIAS: f64 = 300.0;
/// Range finders: cosine and sine of the angle to the heading: −90°, −45°, 0°, 45°, 90°, 180°.
const FINDERS: [[f64; 2]; 6] =
    [[0.0, -1.0], [HALF_ROOT, -HALF_ROOT], [1.0, 0.0], [HALF_ROOT, HALF_ROOT], [0.0, 1.0], [-1.0, 0.0]];
const HALF_ROOT: f64 = std::f64::consts::FRAC_1_SQRT_2;

/// A wall from (x₁, y₁) to (x₂, y₂).
type Wall = [f64; 4];

/// Which maze.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MazeMap {
    /// A winding corridor with few dead ends.
    Medium,
    /// The goal is close to the start, behind walls: getting nearer leads into a dead end.
    #[default]
    Hard,
}

impl MazeMap {
    /// The walls; y points down.
    pub const fn walls(self) -> &'static [Wall] {
        match self {
            MazeMap::Medium => &[
                [5.0, 5.0, 295.0, 5.0],
                [295.0, 5.0, 295.0, 135.0],
                [295.0, 135.0, 5.0, 135.0],
                [5.0, 135.0, 5.0, 5.0],
                [241.0, 135.0, 58.0, 65.0],
                [114.0, 5.0, 73.0, 42.0],
                [130.0, 91.0, 107.0, 46.0],
                [196.0, 5.0, 139.0, 51.0],
                [219.0, 125.0, 182.0, 63.0],
                [267.0, 5.0, 214.0, 63.0],
                [271.0, 135.0, 237.0, 88.0],
            ],
            MazeMap::Hard => &[
                [41.0, 5.0, 3.0, 8.0],
                [3.0, 8.0, 4.0, 49.0],
                [4.0, 49.0, 57.0, 53.0],
                [4.0, 49.0, 7.0, 202.0],
                [7.0, 202.0, 195.0, 198.0],
                [195.0, 198.0, 186.0, 8.0],
                [186.0, 8.0, 39.0, 5.0],
                [56.0, 54.0, 56.0, 157.0],
                [57.0, 106.0, 158.0, 162.0],
                [77.0, 201.0, 108.0, 164.0],
                [6.0, 80.0, 33.0, 121.0],
                [192.0, 146.0, 87.0, 91.0],
                [56.0, 55.0, 133.0, 30.0],
            ],
        }
    }

    /// Where the robot starts, heading right.
    pub const fn start(self) -> [f64; 2] {
        match self {
            MazeMap::Medium => [30.0, 22.0],
            MazeMap::Hard => [36.0, 184.0],
        }
    }

    /// The goal.
    pub const fn goal(self) -> [f64; 2] {
        match self {
            MazeMap::Medium => [270.0, 100.0],
            MazeMap::Hard => [31.0, 20.0],
        }
    }

    /// Width and height.
    pub const fn size(self) -> [f64; 2] {
        match self {
            MazeMap::Medium => [300.0, 140.0],
            MazeMap::Hard => [200.0, 205.0],
        }
    }
}

/// A round robot finds its way through a maze.
///
/// State: x, y, heading (rad), speed (units per step, at most 3), turning speed (rad per step, at most 3°). Two actions in
/// [−1, 1] change turning speed and speed by up to 0.5° and 0.5 units per step. A step into a wall is not taken. Observation: six
/// range finders at −90°, −45°, 0°, 45°, 90° and 180° to the heading, each the distance to a wall over 100, at most 1; then four
/// radar slices of 90° (ahead, right, behind, left), 1 for the one that the goal is in, seen through walls. Reward 0. Ends within 5 units
/// of the goal, truncated after 400 steps. An episode is worth 300 − distance to the goal at its end; solved at 295.
///
/// Its descriptors are where the robot ends, `x` and `y`. The start is always the same. The maps are redrawn from the published
/// figures' geometry, in the units of the original simulator.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Maze {
    /// Which maze.
    pub map: MazeMap,
}

/// Distance of a point to a wall, squared.
fn squared_distance(wall: &Wall, x: f64, y: f64) -> f64 {
    let [x1, y1, x2, y2] = *wall;
    let (dx, dy) = (x2 - x1, y2 - y1);
    let t = (((x - x1) * dx + (y - y1) * dy) / (dx * dx + dy * dy)).clamp(0.0, 1.0);
    let (ex, ey) = (x - (x1 + t * dx), y - (y1 + t * dy));
    ex * ex + ey * ey
}

/// Distance along a ray of unit direction (u, v) to a wall, [`RANGE`] if it is not met before.
fn ray(wall: &Wall, x: f64, y: f64, u: f64, v: f64) -> f64 {
    let [x1, y1, x2, y2] = *wall;
    let (dx, dy) = (x2 - x1, y2 - y1);
    let across = u * dy - v * dx;
    let (ox, oy) = (x1 - x, y1 - y);
    let along = (ox * dy - oy * dx) / across;
    let part = (ox * v - oy * u) / across;
    let met = (along >= 0.0) & (0.0..=1.0).contains(&part); // parallel: NaN or infinite, so not met
    if met { along.min(RANGE) } else { RANGE }
}

impl Maze {
    fn free(&self, x: f64, y: f64) -> bool {
        self.map.walls().iter().all(|wall| squared_distance(wall, x, y) >= RADIUS * RADIUS)
    }

    fn distance(&self, state: &[f64; 5]) -> f64 {
        let [gx, gy] = self.map.goal();
        ((state[0] - gx) * (state[0] - gx) + (state[1] - gy) * (state[1] - gy)).sqrt()
    }
}

impl Environment for Maze {
    type State = [f64; 5];
    type Action = [f32; 2];
    type Observation = [f32; 10];
    type Record = ();

    fn spec(&self) -> Spec {
        let spec = Spec::continuous(&[1.0; 10], [1.0; 2], 400).rewards(0.0, 0.0).solved_at(BIAS - REACHED);
        Spec { observation_low: vec![0.0; 10], ..spec }
    }

    fn check(&self) -> Result<(), Violations> {
        Ok(())
    }

    fn reset(&self, _: &mut Stream) -> [f64; 5] {
        let [x, y] = self.map.start();
        [x, y, 0.0, 0.0, 0.0]
    }

    fn step(&self, state: &mut [f64; 5], action: [f32; 2]) -> Step {
        let [x, y, heading, speed, turning] = *state;
        let turn = f64::from(action[0].clamp(-1.0, 1.0));
        let push = f64::from(action[1].clamp(-1.0, 1.0));
        let turning = (turning + turn * TURN).clamp(-MAX_TURN, MAX_TURN);
        let speed = (speed + push * ACCELERATION).clamp(-MAX_SPEED, MAX_SPEED);
        let heading = heading + turning;
        let (sin, cos) = sincos(heading);
        let (nx, ny) = (x + speed * cos, y + speed * sin);
        let (x, y) = if self.free(nx, ny) { (nx, ny) } else { (x, y) };
        *state = [x, y, heading, speed, turning];
        Step { reward: 0.0, terminated: self.distance(state) < REACHED }
    }

    fn observe(&self, state: &[f64; 5]) -> [f32; 10] {
        let [x, y, heading, _, _] = *state;
        let (sin, cos) = sincos(heading);
        let mut seen = [0.0; 10];
        for (finder, out) in FINDERS.iter().zip(&mut seen) {
            let [c, s] = *finder;
            let (u, v) = (cos * c - sin * s, sin * c + cos * s);
            let nearest = self.map.walls().iter().map(|wall| ray(wall, x, y, u, v)).fold(RANGE, f64::min);
            *out = (nearest / RANGE) as f32;
        }
        let [gx, gy] = self.map.goal();
        // The goal in the robot's own frame: ahead and to its right (y points down).
        let ahead = (gx - x) * cos + (gy - y) * sin;
        let right = (gy - y) * cos - (gx - x) * sin;
        let slice = if ahead.abs() >= right.abs() {
            if ahead >= 0.0 { 0 } else { 2 }
        } else if right >= 0.0 {
            1
        } else {
            3
        };
        seen[6 + slice] = 1.0;
        seen
    }

    fn fitness(&self, state: &[f64; 5], _: &(), _: f64) -> f64 {
        BIAS - self.distance(state)
    }

    fn metrics(&self) -> &'static [&'static str] {
        &["x", "y"]
    }

    fn measure(&self, state: &[f64; 5], _: &(), out: &mut [f64]) {
        out.copy_from_slice(&state[..2]);
    }

    fn descriptors(&self) -> Vec<(f64, f64)> {
        self.map.size().map(|length| (0.0, length)).to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-9, "{a} and {b}");
    }

    #[test]
    fn distances_by_hand() {
        close(squared_distance(&[0.0, 0.0, 10.0, 0.0], 5.0, 3.0), 9.0);
        close(squared_distance(&[0.0, 0.0, 10.0, 0.0], 13.0, 4.0), 25.0);
        close(ray(&[10.0, -5.0, 10.0, 5.0], 4.0, 1.0, 1.0, 0.0), 6.0);
        close(ray(&[10.0, -5.0, 10.0, 0.5], 4.0, 1.0, 1.0, 0.0), RANGE); // passes below its end
        close(ray(&[10.0, -5.0, 10.0, 5.0], 4.0, 1.0, -1.0, 0.0), RANGE); // behind
        close(ray(&[0.0, 1.0, 10.0, 1.0], 4.0, 1.0, 1.0, 0.0), RANGE); // along
        close(ray(&[4.0, 6.0, 14.0, 6.0], 4.0, 1.0, HALF_ROOT, HALF_ROOT), 5.0 * 2f64.sqrt());
    }

    #[test]
    fn the_start_of_the_medium_map_as_seen() {
        let maze = Maze { map: MazeMap::Medium };
        let seen = maze.observe(&[30.0, 22.0, 0.0, 0.0, 0.0]);
        // Heading right: left is up (y = 5), behind is x = 5, right is down, where y = 135 is out of range.
        close(f64::from(seen[0]), f64::from(0.17_f32));
        close(f64::from(seen[5]), f64::from(0.25_f32));
        assert_eq!(seen[4], 1.0);
        assert_eq!(seen[6..], [1.0, 0.0, 0.0, 0.0]);
        // Turned to the right by a quarter, the goal is to the left.
        let turned = maze.observe(&[30.0, 22.0, PI / 2.0, 0.0, 0.0]);
        assert_eq!(turned[6..], [0.0, 0.0, 0.0, 1.0]);
        close(f64::from(turned[5]), f64::from(0.17_f32));
    }

    #[test]
    fn speed_builds_up_and_walls_stop() {
        let maze = Maze { map: MazeMap::Medium };
        let mut state = [30.0, 22.0, 0.0, 0.0, 0.0];
        maze.step(&mut state, [0.0, 1.0]);
        close(state[0], 30.5);
        maze.step(&mut state, [0.0, 1.0]);
        close(state[0], 31.5);
        maze.step(&mut state, [1.0, 0.0]);
        close(state[2], 0.5 * PI / 180.0);
        for _ in 0..400 {
            maze.step(&mut state, [0.0, 1.0]);
            assert!(maze.free(state[0], state[1]));
        }
        close(state[3], MAX_SPEED);
    }

    /// Flood fill on a grid of half units: the robot fits through to the goal.
    #[test]
    fn both_goals_can_be_reached() {
        for map in [MazeMap::Medium, MazeMap::Hard] {
            let maze = Maze { map };
            let [width, height] = map.size().map(|length| 2 * length as usize);
            let mut seen = vec![false; width * height];
            let mut open = vec![map.start().map(|c| (2.0 * c) as usize)];
            let mut reached = false;
            while let Some([i, j]) = open.pop() {
                let (x, y) = (i as f64 / 2.0, j as f64 / 2.0);
                if i >= width || j >= height || seen[j * width + i] || !maze.free(x, y) {
                    continue;
                }
                seen[j * width + i] = true;
                reached |= maze.distance(&[x, y, 0.0, 0.0, 0.0]) < REACHED;
                open.extend([[i + 1, j], [i.wrapping_sub(1), j], [i, j + 1], [i, j.wrapping_sub(1)]]);
            }
            assert!(reached, "{map:?}");
        }
    }

    #[test]
    fn the_end_is_the_goal() {
        let maze = Maze::default();
        let [gx, gy] = maze.map.goal();
        let mut state = [gx + 6.0, gy, PI, 2.5, 0.0];
        assert!(maze.step(&mut state, [0.0, 0.0]).terminated);
        assert!(maze.fitness(&state, &(), 0.0) > 295.0);
        close(maze.fitness(&[gx, gy + 40.0, 0.0, 0.0, 0.0], &(), 0.0), 260.0);
    }
}
