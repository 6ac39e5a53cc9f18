//! What a network has seen, and how sensitive it is to its genes there.

use evolvent_core::{Interface, Network, Sensitivity};
use evolvent_nets::sensitivity::{Experiences, SensitivityProbe};

/// Observations that sensitivities are taken over: at most so many for each member. Even.
pub(crate) const EXPERIENCES: usize = 32;

/// How a task finds sensitivities.
pub(crate) struct Probe<N> {
    probe: SensitivityProbe<N>,
    inputs: usize,
    /// Whether networks have a memory, so that only what begins with an episode means anything to them.
    pub(crate) memory: bool,
}

impl<N: Network> Probe<N> {
    /// `blank` is any network of the decoder's.
    pub(crate) fn new(probe: SensitivityProbe<N>, interface: &Interface, blank: &N) -> Self {
        Probe { probe, inputs: interface.inputs(), memory: blank.state_len() > 0 }
    }

    /// The sensitivities of a network after these observations, each by itself or one after the other; empty if there are none.
    pub(crate) fn of(
        &self,
        network: &N,
        observations: &[f32],
        kind: Sensitivity,
        sequence: bool,
    ) -> Vec<f32> {
        let rows = observations.len() / self.inputs.max(1);
        if rows == 0 {
            return Vec::new();
        }
        let (count, steps) = if sequence { (1, rows) } else { (rows, 1) };
        (self.probe)(network, Experiences { count, steps, observations }, kind).unwrap_or_default()
    }
}

/// The observations of one episode, thinned out as it goes on: its first ones for networks with a memory, evenly spaced ones for
/// others. At most [`EXPERIENCES`].
#[derive(Clone, Debug)]
pub(crate) struct Trail {
    first_only: bool,
    /// One in so many observations is kept.
    every: usize,
    seen: usize,
    kept: usize,
    pub(crate) observations: Vec<f32>,
}

impl Trail {
    pub(crate) fn new(first_only: bool) -> Self {
        Trail { first_only, every: 1, seen: 0, kept: 0, observations: Vec::new() }
    }

    /// Takes in the next observation.
    pub(crate) fn see(&mut self, observation: impl Iterator<Item = f32>) {
        let number = self.seen;
        self.seen += 1;
        if !number.is_multiple_of(self.every) {
            return;
        }
        if self.kept == EXPERIENCES {
            if self.first_only {
                return;
            }
            // Every other one goes. As the number is even, this observation belongs to those that stay.
            let width = self.observations.len() / self.kept;
            for row in 1..self.kept / 2 {
                self.observations.copy_within(2 * row * width..(2 * row + 1) * width, row * width);
            }
            self.kept /= 2;
            self.observations.truncate(self.kept * width);
            self.every *= 2;
        }
        self.observations.extend(observation);
        self.kept += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trail(first_only: bool, steps: usize) -> Vec<f32> {
        let mut trail = Trail::new(first_only);
        (0..steps).for_each(|i| trail.see([i as f32, -(i as f32)].into_iter()));
        trail.observations.chunks(2).inspect(|row| assert_eq!(row[0], -row[1])).map(|row| row[0]).collect()
    }

    #[test]
    fn trails_are_evenly_spaced_and_bounded() {
        for steps in [1, 5, EXPERIENCES, EXPERIENCES + 1, 500, 1000] {
            let kept = trail(false, steps);
            let every = if steps <= EXPERIENCES { 1.0 } else { kept[1] };
            let all: Vec<f32> = (0..kept.len()).map(|k| k as f32 * every).collect();
            assert_eq!(kept, all);
            assert!(kept.len() <= EXPERIENCES && kept.len() >= steps.min(EXPERIENCES / 2));
            assert!(kept[kept.len() - 1] + every >= steps as f32, "the end is covered: {kept:?}");
        }
        let first: Vec<f32> = (0..EXPERIENCES).map(|k| k as f32).collect();
        assert_eq!(trail(true, 500), first);
    }
}
