//! A slow, readable interpreter of programs: the twin that networks and exports are compared with.

use super::{Kind, Op, Port, Program, ProgramError, Reduction, windows};
use std::collections::BTreeMap;

/// A row-major array. Integers (of [`Kind::ArgMax`]) are held as floating point numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tensor {
    /// Length of each axis.
    pub shape: Vec<usize>,
    /// The numbers.
    pub data: Vec<f32>,
}

impl Tensor {
    /// An array of one axis.
    pub fn of(data: &[f32]) -> Self {
        Tensor { shape: vec![data.len()], data: data.to_vec() }
    }
}

impl Program {
    /// Carries the program out for one sample. `given` holds every input and every state by the name of its port; what
    /// comes back holds every name in the program.
    pub fn run(&self, mut given: BTreeMap<String, Tensor>) -> Result<BTreeMap<String, Tensor>, ProgramError> {
        let mut interpreter = Interpreter::new(self.clone())?;
        for port in self.inputs.iter().chain(self.states.iter().map(|s| &s.input)) {
            let undefined = || ProgramError::Undefined { user: "the caller".into(), name: port.name.clone() };
            interpreter.set(port, given.remove(&port.name).ok_or_else(undefined)?)?;
        }
        interpreter.carry_out();
        Ok(interpreter.names.into_iter().map(|(name, at)| (name, interpreter.values[at].clone())).collect())
    }
}

/// A program with one input, step after step: it keeps the states between them.
#[derive(Clone, Debug)]
pub struct Interpreter {
    program: Program,
    names: BTreeMap<String, usize>,
    /// What every name holds.
    values: Vec<Tensor>,
    /// Operands and result of every operation.
    places: Vec<(Vec<usize>, usize)>,
}

impl Interpreter {
    /// At the beginning of an episode.
    pub fn new(program: Program) -> Result<Self, ProgramError> {
        let known = program.check()?;
        let names: BTreeMap<String, usize> = known.keys().cloned().zip(0..).collect();
        let mut values: Vec<Tensor> = known
            .into_values()
            .map(|info| Tensor { data: vec![0.0; info.shape.iter().product()], shape: info.shape })
            .collect();
        for constant in &program.initializers {
            values[names[&constant.name]].data.clone_from(&constant.data);
        }
        let places = program
            .ops
            .iter()
            .map(|op| (op.inputs.iter().map(|name| names[name]).collect(), names[&op.output]))
            .collect();
        let mut interpreter = Interpreter { program, names, values, places };
        interpreter.reset();
        Ok(interpreter)
    }

    /// Sets the states to their initial values.
    pub fn reset(&mut self) {
        for state in &self.program.states {
            self.values[self.names[&state.input.name]].data.clone_from(&state.initial);
        }
    }

    /// One step; `observation` is the first input, flattened. Returns every output, flattened.
    pub fn step(&mut self, observation: &[f32]) -> Result<Vec<Vec<f32>>, ProgramError> {
        if let Some(port) = self.program.inputs.first().cloned() {
            self.set(&port, Tensor { shape: port.shape.clone(), data: observation.to_vec() })?;
        }
        self.carry_out();
        let outputs = self.program.outputs.iter().map(|port| self.value(&port.name).data.clone()).collect();
        let next: Vec<Tensor> = self.program.states.iter().map(|s| self.value(&s.output).clone()).collect();
        for (state, value) in self.program.states.iter().zip(next) {
            self.values[self.names[&state.input.name]] = value;
        }
        Ok(outputs)
    }

    /// What a name holds.
    pub(crate) fn value(&self, name: &str) -> &Tensor {
        &self.values[self.place(name)]
    }

    /// The index of a name.
    pub(crate) fn place(&self, name: &str) -> usize {
        self.names[name]
    }

    /// What every name holds, by its index.
    pub(crate) fn values(&self) -> &[Tensor] {
        &self.values
    }

    /// What every name holds, to be changed: a step reads the first input, the states and the constants, and writes all others.
    pub(crate) fn values_mut(&mut self) -> &mut [Tensor] {
        &mut self.values
    }

    /// Each operation with the indices of its operands and of its result.
    pub(crate) fn operations(&self) -> impl DoubleEndedIterator<Item = (&Op, &[usize], usize)> {
        self.program.ops.iter().zip(&self.places).map(|(op, (operands, result))| (op, &operands[..], *result))
    }

    fn set(&mut self, port: &Port, value: Tensor) -> Result<(), ProgramError> {
        if value.shape != port.shape || value.data.len() != port.shape.iter().product::<usize>() {
            return Err(ProgramError::Shape {
                name: port.name.clone(),
                expected: port.shape.clone(),
                found: format!("{:?} with {} numbers", value.shape, value.data.len()),
            });
        }
        self.values[self.names[&port.name]] = value;
        Ok(())
    }

    fn carry_out(&mut self) {
        for (op, (operands, result)) in self.program.ops.iter().zip(&self.places) {
            let operands: Vec<&Tensor> = operands.iter().map(|&at| &self.values[at]).collect();
            self.values[*result] = op.apply(&operands);
        }
    }
}

/// The flat lengths before, along and after an axis.
pub(crate) fn around(shape: &[usize], axis: usize) -> (usize, usize, usize) {
    (shape[..axis].iter().product(), shape[axis], shape[axis + 1..].iter().product())
}

/// Chosen entries of an axis.
fn choose(x: &Tensor, axis: usize, indices: impl ExactSizeIterator<Item = usize> + Clone) -> Tensor {
    let (before, length, after) = around(&x.shape, axis);
    let mut shape = x.shape.clone();
    shape[axis] = indices.len();
    let mut data = Vec::new();
    for outer in 0..before {
        for i in indices.clone() {
            let start = (outer * length + i) * after;
            data.extend_from_slice(&x.data[start..start + after]);
        }
    }
    Tensor { shape, data }
}

/// A pair of numbers to one, with broadcasting of the operand that has fewer.
fn pairwise(p: &Tensor, q: &Tensor, f: impl Fn(f32, f32) -> f32) -> Tensor {
    let shape =
        if p.data.len() >= q.data.len() && p.shape.len() >= q.shape.len() { &p.shape } else { &q.shape };
    let data = (0..shape.iter().product())
        .map(|flat| f(p.data[position(flat, shape, &p.shape)], q.data[position(flat, shape, &q.shape)]))
        .collect();
    Tensor { shape: shape.clone(), data }
}

/// Where position `flat` of an array of shape `large` lies in one of shape `small` that broadcasts to it.
pub(crate) fn position(mut flat: usize, large: &[usize], small: &[usize]) -> usize {
    let (mut at, mut stride) = (0, 1);
    for (i, &length) in large.iter().enumerate().rev() {
        let coordinate = flat % length;
        flat /= length;
        if let Some(axis) = (i + small.len()).checked_sub(large.len()) {
            at += if small[axis] == 1 { 0 } else { coordinate * stride };
            stride *= small[axis];
        }
    }
    at
}

/// Each window of each channel, to one number.
fn pool(x: &Tensor, size: [usize; 2], stride: [usize; 2], f: impl Fn(&[f32]) -> f32) -> Tensor {
    let (c, h, w) = (x.shape[0], x.shape[1], x.shape[2]);
    let rows = windows(h, 0, size[0], stride[0]).unwrap_or(0);
    let columns = windows(w, 0, size[1], stride[1]).unwrap_or(0);
    let mut data = Vec::new();
    for channel in 0..c {
        for row in 0..rows {
            for column in 0..columns {
                let mut window = Vec::new();
                for i in 0..size[0] {
                    for j in 0..size[1] {
                        window.push(x.data[(channel * h + row * stride[0] + i) * w + column * stride[1] + j]);
                    }
                }
                data.push(f(&window));
            }
        }
    }
    Tensor { shape: vec![c, rows, columns], data }
}

fn conv(x: &Tensor, w: &Tensor, bias: Option<&Tensor>, stride: [usize; 2], padding: [usize; 2]) -> Tensor {
    let (channels, height, width) = (x.shape[0], x.shape[1], x.shape[2]);
    let (filters, kh, kw) = (w.shape[0], w.shape[2], w.shape[3]);
    let rows = windows(height, padding[0], kh, stride[0]).unwrap_or(0);
    let columns = windows(width, padding[1], kw, stride[1]).unwrap_or(0);
    let pixel = |c: usize, row: usize, column: usize| {
        // Coordinates in the padded image.
        let (Some(row), Some(column)) = (row.checked_sub(padding[0]), column.checked_sub(padding[1])) else {
            return 0.0;
        };
        if row < height && column < width { x.data[(c * height + row) * width + column] } else { 0.0 }
    };
    let mut data = Vec::new();
    for filter in 0..filters {
        for row in 0..rows {
            for column in 0..columns {
                let mut sum = bias.map_or(0.0, |b| f64::from(b.data[filter]));
                for c in 0..channels {
                    for i in 0..kh {
                        for j in 0..kw {
                            let weight = w.data[((filter * channels + c) * kh + i) * kw + j];
                            let value = pixel(c, row * stride[0] + i, column * stride[1] + j);
                            sum += f64::from(weight) * f64::from(value);
                        }
                    }
                }
                data.push(sum as f32);
            }
        }
    }
    Tensor { shape: vec![filters, rows, columns], data }
}

impl Op {
    /// The operation on operands that [`Program::check`] has found to fit. Sums are taken in double precision, so that
    /// the result is that of no particular order.
    fn apply(&self, operands: &[&Tensor]) -> Tensor {
        let x = operands[0];
        let map = |f: &dyn Fn(f32) -> f32| Tensor {
            shape: x.shape.clone(),
            data: x.data.iter().map(|&v| f(v)).collect(),
        };
        // The last axis, each run of numbers to one number.
        let reduce = |f: &dyn Fn(&[f32]) -> f32, keep: bool| {
            let (last, before) = x.shape.split_last().expect("checked: there is a last axis");
            let mut shape = before.to_vec();
            shape.extend(keep.then_some(1));
            Tensor { shape, data: x.data.chunks(*last).map(f).collect() }
        };
        match &self.kind {
            Kind::MatMul | Kind::Gemm => {
                let (w, bias) = (operands[1], operands.get(2));
                let outputs = w.shape[1];
                let data = (0..outputs)
                    .map(|o| {
                        let start = bias.map_or(0.0, |b| f64::from(b.data[o]));
                        let products = x.data.iter().enumerate();
                        let sum: f64 =
                            products.map(|(i, &v)| f64::from(v) * f64::from(w.data[i * outputs + o])).sum();
                        (start + sum) as f32
                    })
                    .collect();
                Tensor { shape: vec![outputs], data }
            }
            Kind::Conv { stride, padding } => {
                conv(x, operands[1], operands.get(2).copied(), *stride, *padding)
            }
            Kind::MaxPool { size, stride } => {
                pool(x, *size, *stride, |w| w.iter().copied().fold(f32::NEG_INFINITY, f32::max))
            }
            Kind::AveragePool { size, stride } => pool(x, *size, *stride, mean),
            Kind::Flatten => Tensor::of(&x.data),
            Kind::Reshape { shape } => Tensor { shape: shape.clone(), data: x.data.clone() },
            Kind::Concat { axis } => {
                let mut shape = x.shape.clone();
                shape[*axis] = operands.iter().map(|t| t.shape[*axis]).sum();
                let (before, _, _) = around(&x.shape, *axis);
                let mut data = Vec::new();
                for outer in 0..before {
                    for t in operands {
                        let run = t.data.len() / before;
                        data.extend_from_slice(&t.data[outer * run..(outer + 1) * run]);
                    }
                }
                Tensor { shape, data }
            }
            Kind::Slice { axis, start, end } => choose(x, *axis, *start..*end),
            Kind::Gather { axis, indices } => choose(x, *axis, indices.iter().copied()),
            Kind::Add => pairwise(x, operands[1], |p, q| p + q),
            Kind::Sub => pairwise(x, operands[1], |p, q| p - q),
            Kind::Mul => pairwise(x, operands[1], |p, q| p * q),
            Kind::Div => pairwise(x, operands[1], |p, q| p / q),
            Kind::Max => pairwise(x, operands[1], f32::max),
            Kind::Min => pairwise(x, operands[1], f32::min),
            Kind::Activate(activation) => map(&|v| activation.exact(f64::from(v)) as f32),
            Kind::Clip { low, high } => map(&|v| v.clamp(*low, *high)),
            Kind::Softmax => {
                let last = *x.shape.last().expect("checked: there is a last axis");
                let mut data = Vec::new();
                for run in x.data.chunks(last) {
                    let largest = run.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                    let powers: Vec<f64> = run.iter().map(|&v| libm::exp(f64::from(v - largest))).collect();
                    let sum: f64 = powers.iter().sum();
                    data.extend(powers.iter().map(|p| (p / sum) as f32));
                }
                Tensor { shape: x.shape.clone(), data }
            }
            Kind::ArgMax => reduce(
                &|run| (0..run.len()).fold(0, |best, i| if run[i] > run[best] { i } else { best }) as f32,
                false,
            ),
            Kind::Reduce(reduction) => reduce(
                &|run| match reduction {
                    Reduction::Sum => run.iter().map(|&v| f64::from(v)).sum::<f64>() as f32,
                    Reduction::Mean => mean(run),
                    Reduction::Product => run.iter().map(|&v| f64::from(v)).product::<f64>() as f32,
                    Reduction::Max => run.iter().copied().fold(f32::NEG_INFINITY, f32::max),
                    Reduction::Min => run.iter().copied().fold(f32::INFINITY, f32::min),
                    Reduction::MaxAbs => run
                        .iter()
                        .copied()
                        .reduce(|a, b| if b.abs() > a.abs() { b } else { a })
                        .unwrap_or(0.0),
                },
                true,
            ),
        }
    }
}

fn mean(run: &[f32]) -> f32 {
    (run.iter().map(|&v| f64::from(v)).sum::<f64>() / run.len() as f64) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Activation;

    fn apply(kind: Kind, operands: &[(&[usize], &[f32])]) -> Tensor {
        let operands: Vec<Tensor> =
            operands.iter().map(|(s, d)| Tensor { shape: s.to_vec(), data: d.to_vec() }).collect();
        let op = Op { kind, inputs: Vec::new(), output: "y".into() };
        op.apply(&operands.iter().collect::<Vec<_>>())
    }

    #[test]
    fn products_and_sums() {
        let w: (&[usize], &[f32]) = (&[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let y = apply(Kind::MatMul, &[(&[2], &[1.0, -1.0]), w]);
        assert_eq!(y, Tensor::of(&[-3.0, -3.0, -3.0]));
        let y = apply(Kind::Gemm, &[(&[2], &[1.0, 1.0]), w, (&[3], &[0.5, 0.0, -0.5])]);
        assert_eq!(y, Tensor::of(&[5.5, 7.0, 8.5]));
        let y = apply(Kind::Sub, &[(&[3], &[1.0, 2.0, 3.0]), (&[1], &[1.0])]);
        assert_eq!(y, Tensor::of(&[0.0, 1.0, 2.0]));
        // A constant per channel.
        let y = apply(Kind::Mul, &[(&[2, 1, 1], &[1.0, 10.0]), (&[2, 1, 2], &[1.0, 2.0, 3.0, 4.0])]);
        assert_eq!((y.shape, y.data), (vec![2, 1, 2], vec![1.0, 2.0, 30.0, 40.0]));
    }

    #[test]
    fn convolution_by_hand() {
        // 1 2 3      kernel 1 0     with a border of zeros, stride 2, bias 1
        // 4 5 6             0 2
        // 7 8 9
        let x: (&[usize], &[f32]) = (&[1, 3, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]);
        let w: (&[usize], &[f32]) = (&[1, 1, 2, 2], &[1.0, 0.0, 0.0, 2.0]);
        let y = apply(Kind::Conv { stride: [2, 2], padding: [1, 1] }, &[x, w, (&[1], &[1.0])]);
        assert_eq!((y.shape, y.data), (vec![1, 2, 2], vec![3.0, 7.0, 15.0, 24.0]));
        let y = apply(Kind::Conv { stride: [1, 1], padding: [0, 0] }, &[x, w]);
        assert_eq!(y.data, [11.0, 14.0, 20.0, 23.0]);
        let y = apply(Kind::MaxPool { size: [2, 2], stride: [1, 1] }, &[x]);
        assert_eq!(y.data, [5.0, 6.0, 8.0, 9.0]);
        let y = apply(Kind::AveragePool { size: [2, 2], stride: [2, 2] }, &[x]);
        assert_eq!((y.shape, y.data), (vec![1, 1, 1], vec![3.0]));
    }

    #[test]
    fn moving_and_choosing() {
        let x: (&[usize], &[f32]) = (&[2, 3], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        let y = apply(Kind::Gather { axis: 1, indices: vec![2, 0, 2] }, &[x]);
        assert_eq!((y.shape, y.data), (vec![2, 3], vec![2.0, 0.0, 2.0, 5.0, 3.0, 5.0]));
        let y = apply(Kind::Slice { axis: 0, start: 1, end: 2 }, &[x]);
        assert_eq!((y.shape, y.data), (vec![1, 3], vec![3.0, 4.0, 5.0]));
        let y = apply(Kind::Concat { axis: 1 }, &[x, (&[2, 1], &[8.0, 9.0])]);
        assert_eq!((y.shape, y.data), (vec![2, 4], vec![0.0, 1.0, 2.0, 8.0, 3.0, 4.0, 5.0, 9.0]));
        let y = apply(Kind::ArgMax, &[(&[4], &[1.0, 3.0, 3.0, 0.0])]);
        assert_eq!((y.shape, y.data), (vec![], vec![1.0]));
        let y = apply(Kind::Softmax, &[(&[2], &[0.0, 1.098_612_3])]);
        assert!((y.data[0] - 0.25).abs() < 1e-6 && (y.data[1] - 0.75).abs() < 1e-6);
        let y = apply(Kind::Reduce(Reduction::Product), &[x]);
        assert_eq!((y.shape, y.data), (vec![2, 1], vec![0.0, 60.0]));
        let y = apply(Kind::Activate(Activation::Step), &[(&[3], &[-1.0, 0.0, 1.0])]);
        assert_eq!(y.data, [0.0, 0.0, 1.0]);
    }

    #[test]
    fn states_are_carried_from_step_to_step() {
        // s ← s + x, output 2 s.
        let mut program = Program::default();
        let x = program.input("observation", &[2]);
        let s = program.state("s", "s.next", &[2]);
        let next = program.op("s.next", Kind::Add, &[&x, &s]);
        let two = program.constant("two", &[1], vec![2.0]);
        program.op("y", Kind::Mul, &[&two, &next]);
        program.output("y", &[2]);
        let mut interpreter = Interpreter::new(program).unwrap();
        assert_eq!(interpreter.step(&[1.0, 2.0]).unwrap(), [[2.0, 4.0]]);
        assert_eq!(interpreter.step(&[1.0, 2.0]).unwrap(), [[4.0, 8.0]]);
        interpreter.reset();
        assert_eq!(interpreter.step(&[1.0, 2.0]).unwrap(), [[2.0, 4.0]]);
        assert!(interpreter.step(&[1.0]).is_err());
    }
}
