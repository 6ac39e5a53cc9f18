//! Heads: what a network's raw outputs mean.

use crate::program::{Element, Kind, Port, Program};
use evolvent_core::{Interface, Output};
use evolvent_math::activation;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a raw output is brought into the interval of a continuous action.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Squash {
    /// Middle + half width · tanh(raw): every raw output counts, the ends are never quite reached. Where an interval
    /// has an infinite end, `clip` is used instead for all.
    #[default]
    Tanh,
    /// The nearest number of the interval.
    Clip,
}

/// Turns raw outputs into actions, classes or values.
///
/// | output | result |
/// |---|---|
/// | `Discrete(n)` | the index of the largest raw output, the first of equals |
/// | `Continuous` | one number per entry, inside its interval |
/// | `Classes(n)` | raw outputs are logits; the class is the index of the largest |
/// | `Values(n)` | raw outputs as they are |
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    output: Output,
    squash: Squash,
    middle: Vec<f32>,
    half: Vec<f32>,
}

impl Head {
    /// The head for a problem with this interface.
    pub fn new(interface: &Interface, squash: Squash) -> Self {
        let output = interface.output.clone();
        let (mut middle, mut half, mut squash) = (Vec::new(), Vec::new(), squash);
        if let Output::Continuous { low, high } = &output {
            // Halved first: the sum of two large ends might overflow.
            middle = low.iter().zip(high).map(|(l, h)| 0.5 * l + 0.5 * h).collect();
            half = low.iter().zip(high).map(|(l, h)| 0.5 * h - 0.5 * l).collect();
            if !half.iter().chain(&middle).all(|x| x.is_finite()) {
                squash = Squash::Clip;
            }
        }
        Head { output, squash, middle, half }
    }

    /// What the raw outputs mean.
    pub fn output(&self) -> &Output {
        &self.output
    }

    /// The index of each lane's largest raw output, the first of equals; NaN is never the largest. `raw` is
    /// `outputs × lanes`, `indices` has one entry per lane.
    pub fn indices(&self, lanes: usize, raw: &[f32], indices: &mut [u32]) {
        let indices = &mut indices[..lanes];
        indices.fill(0);
        let (first, rest) = raw[..self.output.len() * lanes].split_at(lanes);
        if self.output.len() == 2 {
            // The commonest case, without a row of largest values.
            indices
                .iter_mut()
                .zip(first.iter().zip(rest))
                .for_each(|(i, (a, b))| *i = u32::from(larger(*b, *a)));
            return;
        }
        for lane in 0..lanes {
            let mut largest = first[lane];
            for (i, &x) in rest.iter().skip(lane).step_by(lanes).enumerate() {
                if larger(x, largest) {
                    (largest, indices[lane]) = (x, i as u32 + 1);
                }
            }
        }
    }

    /// Brings raw outputs into their intervals, in place: `raw` is `outputs × lanes`. Outputs of other kinds stay as
    /// they are.
    pub fn squash(&self, lanes: usize, raw: &mut [f32]) {
        let Output::Continuous { low, high } = &self.output else { return };
        let raw = &mut raw[..low.len() * lanes];
        if self.squash == Squash::Tanh {
            activation::map(raw, activation::tanh);
        }
        for (i, row) in raw.chunks_exact_mut(lanes.max(1)).enumerate() {
            for x in row {
                if self.squash == Squash::Tanh {
                    *x = *x * self.half[i] + self.middle[i];
                }
                let at_least = if *x < low[i] { low[i] } else { *x };
                *x = if at_least > high[i] { high[i] } else { at_least };
            }
        }
    }

    /// Adds the head to a network's program: the output `action` (`Discrete`: an integer; `Continuous`: a vector) or
    /// `class` (`Classes`: an integer) after the raw `output`. `Values` needs none.
    pub fn describe(&self, program: &mut Program) {
        let Some(raw) = program.outputs.first().map(|port| port.name.clone()) else { return };
        let index = |program: &mut Program, name: &str| {
            program.op(name, Kind::ArgMax, &[&raw]);
            program.outputs.push(Port { name: name.into(), shape: Vec::new(), element: Element::I64 });
        };
        match &self.output {
            Output::Values(_) => {}
            Output::Discrete(_) => index(program, "action"),
            Output::Classes(_) => index(program, "class"),
            Output::Continuous { low, high } => {
                let n = low.len();
                let mut x = raw.clone();
                if self.squash == Squash::Tanh {
                    x = program.op("head.tanh", Kind::Activate(crate::Activation::Tanh), &[&x]);
                    let half = program.constant("head.half_width", &[n], self.half.clone());
                    x = program.op("head.scaled", Kind::Mul, &[&x, &half]);
                    let middle = program.constant("head.middle", &[n], self.middle.clone());
                    x = program.op("head.shifted", Kind::Add, &[&x, &middle]);
                }
                // Finite numbers only: not every format can write infinity.
                let finite = |ends: &[f32]| ends.iter().map(|x| x.clamp(f32::MIN, f32::MAX)).collect();
                let low = program.constant("head.low", &[n], finite(low));
                let high = program.constant("head.high", &[n], finite(high));
                x = program.op("head.raised", Kind::Max, &[&x, &low]);
                program.op("action", Kind::Min, &[&x, &high]);
                program.output("action", &[n]);
            }
        }
    }
}

/// Whether `a` beats `b`; a number beats NaN.
#[inline(always)]
fn larger(a: f32, b: f32) -> bool {
    a > b || (b.is_nan() && !a.is_nan())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::Interpreter;

    fn head(output: Output, squash: Squash) -> Head {
        Head::new(&Interface { input: vec![1], output }, squash)
    }

    fn described(head: &Head, raw: &[f32]) -> Vec<f32> {
        let mut program = Program::default();
        program.input("observation", &[raw.len()]);
        program.output("observation", &[raw.len()]);
        head.describe(&mut program);
        Interpreter::new(program).unwrap().step(raw).unwrap().pop().unwrap()
    }

    #[test]
    fn the_first_of_equals_wins() {
        let raw = [1.0, 3.0, f32::NAN, 2.0, 3.0, 0.5, 2.0, 3.0, f32::NAN];
        let mut indices = [9; 3];
        head(Output::Discrete(3), Squash::Tanh).indices(3, &raw, &mut indices);
        assert_eq!(indices, [1, 0, 1]);
        let mut indices = [9; 3];
        head(Output::Classes(2), Squash::Tanh).indices(3, &raw, &mut indices);
        assert_eq!(indices, [1, 0, 1]);
        let d = head(Output::Discrete(3), Squash::Tanh);
        assert_eq!(described(&d, &[1.0, 2.0, 2.0]), [1.0]);
    }

    #[test]
    fn continuous_actions_lie_in_their_intervals() {
        let (low, high) = (vec![-2.0, 0.0], vec![2.0, 1.0]);
        let output = Output::Continuous { low, high };
        let tanh = head(output.clone(), Squash::Tanh);
        let mut raw = [0.0, 1e9, -1e9, 0.0];
        tanh.squash(2, &mut raw);
        assert_eq!(raw, [0.0, 2.0, 0.0, 0.5]);
        let mut raw = [0.5, -3.0, 0.25, 7.0];
        head(output.clone(), Squash::Clip).squash(2, &mut raw);
        assert_eq!(raw, [0.5, -2.0, 0.25, 1.0]);
        let mut raw = [0.3, -0.7];
        let program = described(&tanh, &raw);
        tanh.squash(1, &mut raw);
        assert!(raw.iter().zip(program).all(|(a, b)| (a - b).abs() < 1e-6));
    }

    #[test]
    fn open_intervals_are_clipped() {
        let output = Output::Continuous { low: vec![f32::NEG_INFINITY, -1.0], high: vec![0.0, 1.0] };
        let head = head(output, Squash::Tanh);
        let mut raw = [-50.0, 0.5];
        head.squash(1, &mut raw);
        assert_eq!(raw, [-50.0, 0.5]);
        assert_eq!(described(&head, &[3.0, -4.0]), [0.0, -1.0]);
    }
}
