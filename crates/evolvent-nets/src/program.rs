//! How a network describes itself for export: a short list of operations with their weights.
//!
//! A program is in static single assignment form: every name is defined once, before it is used. **Values** are what
//! inputs, states and operations produce; they belong to one sample, and their shapes leave out the batch axis (an
//! exporter puts it in front and moves every axis number up by one). **Constants** are the weights; they have no batch
//! axis. Writers of ONNX, C and JSON read programs and nothing else.
//!
//! A network's program has one input, `observation`. Its first output is the raw output; a head may add a second one,
//! the action or the class.

mod interpreter;

pub use interpreter::{Interpreter, Tensor};
pub(crate) use interpreter::{around, position};

use crate::Activation;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A network as a list of operations.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Program {
    /// What the caller gives at every step, states not included.
    pub inputs: Vec<Port>,
    /// What the caller gets at every step, states not included. Each names an input, a state or an operation's output.
    pub outputs: Vec<Port>,
    /// What the caller hands from one step to the next.
    pub states: Vec<State>,
    /// Weights and other constants.
    pub initializers: Vec<Initializer>,
    /// The operations, in an order in which they can be carried out.
    pub ops: Vec<Op>,
}

/// A named value at the border of a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// The value's name.
    pub name: String,
    /// Its shape for one sample, without the batch axis; empty for a single number.
    pub shape: Vec<usize>,
    /// The type of its numbers.
    pub element: Element,
}

/// The type of a value's numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Element {
    /// 32-bit floating point.
    #[default]
    F32,
    /// 64-bit integers; only [`Kind::ArgMax`] makes them.
    I64,
}

/// Memory that the caller carries from step to step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The value that holds it at the beginning of a step.
    pub input: Port,
    /// The name of the value that holds it at the end of the step; of the same shape.
    pub output: String,
    /// What it is at the beginning of an episode, as many numbers as the shape holds.
    pub initial: Vec<f32>,
}

/// A constant array.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Initializer {
    /// Its name: that of the layout block where there is one (`layer0.weight`).
    pub name: String,
    /// Its row-major shape. There is no batch axis.
    pub shape: Vec<usize>,
    /// Its numbers.
    pub data: Vec<f32>,
}

/// One operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Op {
    /// What it does.
    pub kind: Kind,
    /// The names of its operands, as many and in such an order as the kind says.
    pub inputs: Vec<String>,
    /// The name of what it makes.
    pub output: String,
}

/// What an operation does. `x` and `y` are values, `w` and `b` constants. Axes count from 0 and leave out the batch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// `(x, w)`: x `[i]` times w `[i, o]`, giving `[o]`.
    MatMul,
    /// `(x, w, b)`: x `[i]` times w `[i, o]` plus b `[o]`.
    Gemm,
    /// `(x, w)` or `(x, w, b)`: cross-correlation of x `[channels, height, width]` with w `[filters, channels, kernel
    /// height, kernel width]`, plus b `[filters]`; zeros beyond the border.
    Conv {
        /// Steps down and to the right.
        stride: [usize; 2],
        /// Rows of zeros above and below, columns of zeros on the left and on the right.
        padding: [usize; 2],
    },
    /// `(x)`: the largest number of each window of x `[channels, height, width]`; windows that would stick out are left out.
    MaxPool {
        /// Height and width of a window.
        size: [usize; 2],
        /// Steps down and to the right.
        stride: [usize; 2],
    },
    /// `(x)`: the mean of each window; as [`Kind::MaxPool`].
    AveragePool {
        /// Height and width of a window.
        size: [usize; 2],
        /// Steps down and to the right.
        stride: [usize; 2],
    },
    /// `(x)`: one axis, row-major.
    Flatten,
    /// `(x)`: another shape with as many numbers, row-major.
    Reshape {
        /// The new shape.
        shape: Vec<usize>,
    },
    /// `(x, y, …)`: one after the other along an axis; the other axes agree. One operand or more.
    Concat {
        /// The axis.
        axis: usize,
    },
    /// `(x)`: entries `start..end` of an axis.
    Slice {
        /// The axis.
        axis: usize,
        /// First entry.
        start: usize,
        /// One past the last entry.
        end: usize,
    },
    /// `(x)`: chosen entries of an axis, in this order; one may be chosen several times.
    Gather {
        /// The axis.
        axis: usize,
        /// The entries.
        indices: Vec<usize>,
    },
    /// `(p, q)`: p + q. The operands of the five binary kinds are two values of one shape, or a value and a constant,
    /// in either order, whose shape broadcasts to the value's by the usual rule (aligned at the last axis, an axis of
    /// length 1 is repeated, and the constant has no more axes than the value).
    Add,
    /// `(p, q)`: p − q.
    Sub,
    /// `(p, q)`: p · q.
    Mul,
    /// `(p, q)`: p / q.
    Div,
    /// `(p, q)`: the larger of both.
    Max,
    /// `(p, q)`: the smaller of both.
    Min,
    /// `(x)`: each number through an activation.
    Activate(Activation),
    /// `(x)`: each number moved to the nearest of `[low, high]`.
    Clip {
        /// Lower end.
        low: f32,
        /// Upper end.
        high: f32,
    },
    /// `(x)`: e^x over their sum, along the last axis.
    Softmax,
    /// `(x)`: the index of the largest number along the last axis, the first of equals; that axis is dropped.
    ArgMax,
    /// `(x)`: one number for the last axis, which stays with length 1.
    Reduce(Reduction),
}

/// How [`Kind::Reduce`] makes one number of many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reduction {
    /// Their sum.
    Sum,
    /// Their mean.
    Mean,
    /// Their product.
    Product,
    /// The largest.
    Max,
    /// The smallest.
    Min,
    /// The one with the largest absolute value, the first of equals.
    MaxAbs,
}

impl Reduction {
    /// All reductions.
    pub const ALL: [Reduction; 6] = [
        Reduction::Sum,
        Reduction::Mean,
        Reduction::Product,
        Reduction::Max,
        Reduction::Min,
        Reduction::MaxAbs,
    ];
}

/// What is known of a name in a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// Its shape, without the batch axis.
    pub shape: Vec<usize>,
    /// The type of its numbers.
    pub element: Element,
    /// Whether it is an initializer, hence without a batch axis.
    pub constant: bool,
}

/// What is wrong with a program or with the values that it was given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProgramError {
    /// A name is used that nothing before it defines.
    #[error("`{user}` uses `{name}`, which nothing before it defines")]
    Undefined {
        /// The operation's output, or the port.
        user: String,
        /// The missing name.
        name: String,
    },
    /// A name is defined twice.
    #[error("`{0}` is defined twice")]
    Redefined(String),
    /// An operation cannot take these operands.
    #[error("`{output}` = {kind}: expected {expected}, found {found}")]
    Operands {
        /// The operation's output.
        output: String,
        /// The operation.
        kind: String,
        /// What it takes.
        expected: String,
        /// What it was given.
        found: String,
    },
    /// A value does not have the shape that its port states, or an initializer does not hold what its shape says.
    #[error("`{name}`: expected shape {expected:?}, found {found}")]
    Shape {
        /// The name.
        name: String,
        /// The stated shape.
        expected: Vec<usize>,
        /// The shape or the number of values that arrived.
        found: String,
    },
}

impl Program {
    /// Checks the whole program and tells what every name in it is: the only shape inference that writers need.
    pub fn check(&self) -> Result<BTreeMap<String, Info>, ProgramError> {
        let mut known = BTreeMap::new();
        for constant in &self.initializers {
            let length: usize = constant.shape.iter().product();
            if length != constant.data.len() {
                return Err(ProgramError::Shape {
                    name: constant.name.clone(),
                    expected: constant.shape.clone(),
                    found: format!("{} numbers", constant.data.len()),
                });
            }
            let info = Info { shape: constant.shape.clone(), element: Element::F32, constant: true };
            define(&mut known, &constant.name, info)?;
        }
        for port in self.inputs.iter().chain(self.states.iter().map(|s| &s.input)) {
            let info = Info { shape: port.shape.clone(), element: port.element, constant: false };
            define(&mut known, &port.name, info)?;
        }
        for op in &self.ops {
            let operands =
                op.inputs.iter().map(|name| find(&known, &op.output, name)).collect::<Result<Vec<_>, _>>()?;
            let info = op.infer(&operands)?;
            define(&mut known, &op.output, info)?;
        }
        for port in &self.outputs {
            agrees(port, find(&known, &port.name, &port.name)?)?;
        }
        for state in &self.states {
            agrees(&state.input, find(&known, &state.input.name, &state.output)?)?;
            let length: usize = state.input.shape.iter().product();
            if state.initial.len() != length {
                return Err(ProgramError::Shape {
                    name: state.input.name.clone(),
                    expected: state.input.shape.clone(),
                    found: format!("{} initial numbers", state.initial.len()),
                });
            }
        }
        Ok(known)
    }

    /// Adds an input of 32-bit numbers and returns its name.
    pub fn input(&mut self, name: &str, shape: &[usize]) -> String {
        self.inputs.push(Port { name: name.into(), shape: shape.into(), element: Element::F32 });
        name.into()
    }

    /// Adds a constant and returns its name.
    pub fn constant(&mut self, name: &str, shape: &[usize], data: Vec<f32>) -> String {
        self.initializers.push(Initializer { name: name.into(), shape: shape.into(), data });
        name.into()
    }

    /// Adds an operation and returns the name of its output.
    pub fn op(&mut self, output: &str, kind: Kind, inputs: &[&str]) -> String {
        let inputs = inputs.iter().map(|&s| s.into()).collect();
        self.ops.push(Op { kind, inputs, output: output.into() });
        output.into()
    }

    /// Declares a value of 32-bit numbers an output.
    pub fn output(&mut self, name: &str, shape: &[usize]) {
        self.outputs.push(Port { name: name.into(), shape: shape.into(), element: Element::F32 });
    }

    /// Adds a state that begins with zeros and returns the name of its value at the beginning of a step; `output`, to
    /// be defined by an operation, holds it at the end.
    pub fn state(&mut self, input: &str, output: &str, shape: &[usize]) -> String {
        self.states.push(State {
            input: Port { name: input.into(), shape: shape.into(), element: Element::F32 },
            output: output.into(),
            initial: vec![0.0; shape.iter().product()],
        });
        input.into()
    }
}

fn define(known: &mut BTreeMap<String, Info>, name: &str, info: Info) -> Result<(), ProgramError> {
    match known.insert(name.into(), info) {
        None => Ok(()),
        Some(_) => Err(ProgramError::Redefined(name.into())),
    }
}

fn find<'a>(known: &'a BTreeMap<String, Info>, user: &str, name: &str) -> Result<&'a Info, ProgramError> {
    known.get(name).ok_or_else(|| ProgramError::Undefined { user: user.into(), name: name.into() })
}

fn agrees(port: &Port, info: &Info) -> Result<(), ProgramError> {
    if port.shape == info.shape && port.element == info.element && !info.constant {
        return Ok(());
    }
    Err(ProgramError::Shape {
        name: port.name.clone(),
        expected: port.shape.clone(),
        found: format!("{info:?}"),
    })
}

/// Whether a constant of shape `small` broadcasts to a value of shape `large`.
fn broadcasts(small: &[usize], large: &[usize]) -> bool {
    small.len() <= large.len() && small.iter().rev().zip(large.iter().rev()).all(|(&s, &l)| s == 1 || s == l)
}

/// Number of windows along an axis; `None` if not even one fits or the stride is 0.
pub(crate) fn windows(length: usize, padding: usize, size: usize, stride: usize) -> Option<usize> {
    let length = length + 2 * padding;
    (size > 0 && stride > 0 && length >= size).then(|| (length - size) / stride + 1)
}

impl Op {
    /// The shape of the output, if the operands fit.
    fn infer(&self, operands: &[&Info]) -> Result<Info, ProgramError> {
        let refuse = |expected: &str| ProgramError::Operands {
            output: self.output.clone(),
            kind: format!("{:?}", self.kind),
            expected: expected.into(),
            found: operands
                .iter()
                .map(|i| format!("{}{:?}", if i.constant { "constant " } else { "" }, i.shape))
                .collect::<Vec<_>>()
                .join(", "),
        };
        let float = |shape: Vec<usize>| Ok(Info { shape, element: Element::F32, constant: false });
        if operands.iter().any(|i| i.element != Element::F32) {
            return Err(refuse("32-bit floating point operands"));
        }
        let one_value = |expected: &str| match operands {
            [x] if !x.constant => Ok(x.shape.clone()),
            _ => Err(refuse(expected)),
        };
        match &self.kind {
            Kind::MatMul | Kind::Gemm => {
                let bias = matches!(self.kind, Kind::Gemm);
                match operands {
                    [x, w, rest @ ..]
                        if !x.constant
                            && w.constant
                            && w.shape.len() == 2
                            && x.shape == w.shape[..1]
                            && rest.len() == usize::from(bias)
                            && rest.iter().all(|b| b.constant && b.shape == w.shape[1..]) =>
                    {
                        float(vec![w.shape[1]])
                    }
                    _ => Err(refuse("a value [i], a constant [i, o] and, for gemm, a constant [o]")),
                }
            }
            Kind::Conv { stride, padding } => {
                let expected = "a value [c, h, w], a constant [f, c, kh, kw] no larger than the padded value, \
                                perhaps a constant [f]";
                match operands {
                    [x, w, rest @ ..]
                        if !x.constant
                            && w.constant
                            && x.shape.len() == 3
                            && w.shape.len() == 4
                            && x.shape[0] == w.shape[1]
                            && rest.len() <= 1
                            && rest.iter().all(|b| b.constant && b.shape == w.shape[..1]) =>
                    {
                        let axis = |a: usize| {
                            windows(x.shape[a + 1], padding[a], w.shape[a + 2], stride[a])
                                .ok_or_else(|| refuse(expected))
                        };
                        float(vec![w.shape[0], axis(0)?, axis(1)?])
                    }
                    _ => Err(refuse(expected)),
                }
            }
            Kind::MaxPool { size, stride } | Kind::AveragePool { size, stride } => {
                let expected = "a value [c, h, w] no smaller than a window";
                let x = one_value(expected)?;
                let [c, h, w] = x[..] else { return Err(refuse(expected)) };
                let axis =
                    |length, a: usize| windows(length, 0, size[a], stride[a]).ok_or_else(|| refuse(expected));
                float(vec![c, axis(h, 0)?, axis(w, 1)?])
            }
            Kind::Flatten => float(vec![one_value("a value")?.iter().product()]),
            Kind::Reshape { shape } => {
                let x = one_value("a value")?;
                if x.iter().product::<usize>() != shape.iter().product::<usize>() {
                    return Err(refuse("as many numbers as the new shape holds"));
                }
                float(shape.clone())
            }
            Kind::Concat { axis } => {
                let expected = "values that agree on every axis but the one joined";
                let Some(first) = operands.first() else { return Err(refuse(expected)) };
                let mut shape = first.shape.clone();
                if *axis >= shape.len() {
                    return Err(refuse(expected));
                }
                shape[*axis] = 0;
                for x in operands {
                    let mut rest = x.shape.clone();
                    if x.constant || rest.len() != shape.len() {
                        return Err(refuse(expected));
                    }
                    let length = std::mem::replace(&mut rest[*axis], shape[*axis]);
                    if rest != shape {
                        return Err(refuse(expected));
                    }
                    shape[*axis] += length;
                }
                float(shape)
            }
            Kind::Slice { axis, start, end } => {
                let mut x = one_value("a value")?;
                if *axis >= x.len() || start > end || *end > x[*axis] {
                    return Err(refuse("a value with this axis and these entries"));
                }
                x[*axis] = end - start;
                float(x)
            }
            Kind::Gather { axis, indices } => {
                let mut x = one_value("a value")?;
                if *axis >= x.len() || indices.iter().any(|&i| i >= x[*axis]) {
                    return Err(refuse("a value with this axis and these entries"));
                }
                x[*axis] = indices.len();
                float(x)
            }
            Kind::Add | Kind::Sub | Kind::Mul | Kind::Div | Kind::Max | Kind::Min => match operands {
                [p, q] if !p.constant && !q.constant && p.shape == q.shape => float(p.shape.clone()),
                [x, c] if !x.constant && c.constant && broadcasts(&c.shape, &x.shape) => {
                    float(x.shape.clone())
                }
                [c, x] if c.constant && !x.constant && broadcasts(&c.shape, &x.shape) => {
                    float(x.shape.clone())
                }
                _ => Err(refuse("two values of one shape, or a value and a constant that broadcasts to it")),
            },
            Kind::Activate(_) => float(one_value("a value")?),
            Kind::Clip { low, high } => {
                let x = one_value("a value")?;
                if low <= high { float(x) } else { Err(refuse("low not above high")) }
            }
            Kind::Softmax | Kind::ArgMax | Kind::Reduce(_) => {
                let expected = "a value whose last axis is not empty";
                let mut x = one_value(expected)?;
                match (x.last_mut(), &self.kind) {
                    (None | Some(0), _) => Err(refuse(expected)),
                    (Some(last), Kind::Reduce(_)) => {
                        *last = 1;
                        float(x)
                    }
                    (Some(_), Kind::ArgMax) => {
                        x.pop();
                        Ok(Info { shape: x, element: Element::I64, constant: false })
                    }
                    _ => float(x),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_named() {
        let mut program = Program::default();
        let x = program.input("x", &[3]);
        let w = program.constant("w", &[2, 4], vec![0.0; 8]);
        program.op("y", Kind::MatMul, &[&x, &w]);
        let error = program.check().unwrap_err();
        assert!(error.to_string().contains("`y` = MatMul") && error.to_string().contains("[3]"), "{error}");

        program.ops[0].inputs[1] = "v".into();
        assert_eq!(program.check(), Err(ProgramError::Undefined { user: "y".into(), name: "v".into() }));

        program.ops[0] = Op { kind: Kind::Flatten, inputs: vec!["x".into()], output: "w".into() };
        assert_eq!(program.check(), Err(ProgramError::Redefined("w".into())));

        program.ops[0].output = "y".into();
        program.output("y", &[4]);
        assert!(matches!(program.check(), Err(ProgramError::Shape { .. })));
        program.outputs[0].shape = vec![3];
        program.initializers[0].data.pop();
        assert!(matches!(program.check(), Err(ProgramError::Shape { name, .. }) if name == "w"));
    }

    #[test]
    fn shapes_follow_the_operations() {
        let mut program = Program::default();
        let x = program.input("x", &[2, 7, 8]);
        let w = program.constant("w", &[5, 2, 3, 2], vec![0.0; 60]);
        let c = program.op("c", Kind::Conv { stride: [2, 1], padding: [1, 0] }, &[&x, &w]);
        let p = program.op("p", Kind::MaxPool { size: [2, 2], stride: [2, 2] }, &[&c]);
        let f = program.op("f", Kind::Flatten, &[&p]);
        let g = program.op("g", Kind::Gather { axis: 0, indices: vec![1, 1, 0] }, &[&f]);
        let s = program.op("s", Kind::Slice { axis: 0, start: 2, end: 7 }, &[&f]);
        let j = program.op("j", Kind::Concat { axis: 0 }, &[&g, &s]);
        let r = program.op("r", Kind::Reduce(Reduction::Max), &[&j]);
        let a = program.op("a", Kind::ArgMax, &[&j]);
        let known = program.check().unwrap();
        let shape = |name: &String| known[name].shape.clone();
        assert_eq!(shape(&c), [5, 4, 7]);
        assert_eq!(shape(&p), [5, 2, 3]);
        assert_eq!(shape(&f), [30]);
        assert_eq!(shape(&j), [8]);
        assert_eq!(shape(&r), [1]);
        assert_eq!((shape(&a), known[&a].element), (vec![], Element::I64));
    }
}
