//! A program number by number: every value as an expression over the numbers before it.
//!
//! Constants are folded, weights of zero vanish, and what no output and no state needs is left out; so the formula of an
//! evolved graph has one term for each connection that matters.

use crate::export::ExportError;
use evolvent_nets::{
    Activation, Program,
    program::{Element, Kind, Op, Reduction},
};
use std::collections::BTreeMap;

/// Operations that a formula may have: beyond that nobody reads it, and compilers give up.
const MOST: usize = 100_000;

/// The index of an expression.
pub(super) type Id = usize;

/// One number.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expression {
    Constant(f64),
    /// A number of the observation.
    Input(usize),
    /// A number of the state at the beginning of a step.
    State(usize),
    /// constant + Σ weight · number.
    Sum(Vec<(f64, Id)>, f64),
    /// coefficient · Π numbers.
    Product(f64, Vec<Id>),
    Quotient(Id, Id),
    Max(Vec<Id>),
    Min(Vec<Id>),
    /// The one with the largest absolute value, the first of equals.
    MaxAbs(Vec<Id>),
    Clip(Id, f64, f64),
    Exp(Id),
    Activate(Activation, Id),
    /// The index of the largest, the first of equals.
    ArgMax(Vec<Id>),
}

/// One output of the program.
#[derive(Clone, Debug)]
pub(super) struct Output {
    pub(super) name: String,
    pub(super) numbers: Vec<Id>,
    /// Whether it is an index and not a list of numbers.
    pub(super) index: bool,
}

/// A whole program as numbers.
#[derive(Clone, Debug)]
pub(super) struct Scalars {
    pub(super) inputs: usize,
    /// What the state is at the beginning of an episode.
    pub(super) initial: Vec<f32>,
    /// In an order in which they can be computed.
    pub(super) expressions: Vec<Expression>,
    pub(super) outputs: Vec<Output>,
    /// The state at the end of the step.
    pub(super) next: Vec<Id>,
    /// How many expressions, outputs and states use each.
    pub(super) uses: Vec<usize>,
}

impl Scalars {
    /// Takes a program apart. It has been checked.
    pub(super) fn of(program: &Program) -> Result<Scalars, ExportError> {
        let mut lowering = Lowering { expressions: Vec::new(), values: BTreeMap::new() };
        for constant in &program.initializers {
            let ids = constant.data.iter().map(|&x| lowering.push(Expression::Constant(x.into())));
            let ids = ids.collect::<Result<_, _>>()?;
            lowering.values.insert(&constant.name, (constant.shape.clone(), ids));
        }
        let (mut inputs, mut initial) = (0, Vec::new());
        for port in &program.inputs {
            let n: usize = port.shape.iter().product();
            let ids = (inputs..inputs + n).map(|i| lowering.push(Expression::Input(i)));
            let ids = ids.collect::<Result<_, _>>()?;
            lowering.values.insert(&port.name, (port.shape.clone(), ids));
            inputs += n;
        }
        for state in &program.states {
            let begin = initial.len();
            initial.extend(&state.initial);
            let ids = (begin..initial.len()).map(|i| lowering.push(Expression::State(i)));
            let ids = ids.collect::<Result<_, _>>()?;
            lowering.values.insert(&state.input.name, (state.input.shape.clone(), ids));
        }
        for op in &program.ops {
            let value = lowering.lower(op)?;
            lowering.values.insert(&op.output, value);
        }
        let outputs = program.outputs.iter().map(|port| Output {
            name: port.name.clone(),
            numbers: lowering.values[port.name.as_str()].1.clone(),
            index: port.element == Element::I64,
        });
        let outputs: Vec<Output> = outputs.collect();
        let next: Vec<Id> =
            program.states.iter().flat_map(|s| lowering.values[s.output.as_str()].1.clone()).collect();
        let expressions = lowering.expressions;
        let mut uses = vec![0; expressions.len()];
        outputs.iter().flat_map(|o| &o.numbers).chain(&next).for_each(|&id| uses[id] += 1);
        for id in (0..expressions.len()).rev() {
            if uses[id] > 0 {
                operands(&expressions[id]).into_iter().for_each(|operand| uses[operand] += 1);
            }
        }
        Ok(Scalars { inputs, initial, expressions, outputs, next, uses })
    }

    /// The activations that occur, each once.
    pub(super) fn activations(&self) -> Vec<Activation> {
        let used = self.used().filter_map(|id| match self.expressions[id] {
            Expression::Activate(activation, _) => Some(activation),
            _ => None,
        });
        let mut all: Vec<Activation> = used.collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The expressions that something needs, in order.
    pub(super) fn used(&self) -> impl Iterator<Item = Id> + '_ {
        (0..self.expressions.len()).filter(|&id| self.uses[id] > 0)
    }
}

/// What an expression reads, once for each time that it reads it.
pub(super) fn operands(expression: &Expression) -> Vec<Id> {
    match expression {
        Expression::Constant(_) | Expression::Input(_) | Expression::State(_) => Vec::new(),
        Expression::Sum(terms, _) => terms.iter().map(|t| t.1).collect(),
        Expression::Product(_, all)
        | Expression::Max(all)
        | Expression::Min(all)
        | Expression::MaxAbs(all)
        | Expression::ArgMax(all) => all.clone(),
        Expression::Quotient(a, b) => vec![*a, *b],
        Expression::Clip(x, ..) | Expression::Exp(x) | Expression::Activate(_, x) => vec![*x],
    }
}

type Value = (Vec<usize>, Vec<Id>);

struct Lowering<'p> {
    expressions: Vec<Expression>,
    values: BTreeMap<&'p str, Value>,
}

impl Lowering<'_> {
    fn push(&mut self, expression: Expression) -> Result<Id, ExportError> {
        if self.expressions.len() == MOST {
            return Err(ExportError::TooLarge { most: MOST });
        }
        self.expressions.push(expression);
        Ok(self.expressions.len() - 1)
    }

    fn known(&self, id: Id) -> Option<f64> {
        match self.expressions[id] {
            Expression::Constant(x) => Some(x),
            _ => None,
        }
    }

    /// constant + Σ weight · number, simplified. A number that is itself a weighted single number or a constant is
    /// looked through.
    fn sum(&mut self, terms: Vec<(f64, Id)>, constant: f64) -> Result<Id, ExportError> {
        let (mut simple, mut total) = (Vec::with_capacity(terms.len()), constant);
        for (weight, id) in terms.into_iter().filter(|t| t.0 != 0.0) {
            match &self.expressions[id] {
                Expression::Constant(x) => total += weight * x,
                Expression::Sum(inner, c) if inner.len() == 1 => {
                    total += weight * c;
                    simple.push((weight * inner[0].0, inner[0].1));
                }
                _ => simple.push((weight, id)),
            }
        }
        match (&simple[..], total) {
            ([], _) => self.push(Expression::Constant(total)),
            ([(1.0, id)], 0.0) => Ok(*id),
            _ => self.push(Expression::Sum(simple, total)),
        }
    }

    /// A number times and plus constants; a sum is changed inside.
    fn affine(&mut self, id: Id, factor: f64, constant: f64) -> Result<Id, ExportError> {
        match self.expressions[id].clone() {
            Expression::Sum(terms, c) => {
                let terms = terms.into_iter().map(|(w, id)| (factor * w, id)).collect();
                self.sum(terms, factor * c + constant)
            }
            _ => self.sum(vec![(factor, id)], constant),
        }
    }

    fn product(&mut self, factors: Vec<Id>) -> Result<Id, ExportError> {
        let (mut coefficient, mut rest) = (1.0, Vec::new());
        for id in factors {
            match &self.expressions[id] {
                Expression::Constant(x) => coefficient *= x,
                Expression::Sum(inner, c) if inner.len() == 1 && *c == 0.0 => {
                    coefficient *= inner[0].0;
                    rest.push(inner[0].1);
                }
                _ => rest.push(id),
            }
        }
        match &rest[..] {
            [] => self.push(Expression::Constant(coefficient)),
            [only] => self.sum(vec![(coefficient, *only)], 0.0),
            _ => self.push(Expression::Product(coefficient, rest)),
        }
    }

    fn among(&mut self, all: Vec<Id>, make: fn(Vec<Id>) -> Expression) -> Result<Id, ExportError> {
        match all[..] {
            [only] => Ok(only),
            _ => self.push(make(all)),
        }
    }

    fn activate(&mut self, activation: Activation, id: Id) -> Result<Id, ExportError> {
        match (activation, self.known(id)) {
            (Activation::Linear, _) => Ok(id),
            (_, Some(x)) => self.push(Expression::Constant(activation.exact(x))),
            _ => self.push(Expression::Activate(activation, id)),
        }
    }

    fn binary(&mut self, kind: &Kind, a: Id, b: Id) -> Result<Id, ExportError> {
        match (kind, self.known(a), self.known(b)) {
            (Kind::Add, _, Some(c)) => self.affine(a, 1.0, c),
            (Kind::Add, Some(c), _) => self.affine(b, 1.0, c),
            (Kind::Add, ..) => self.sum(vec![(1.0, a), (1.0, b)], 0.0),
            (Kind::Sub, _, Some(c)) => self.affine(a, 1.0, -c),
            (Kind::Sub, Some(c), _) => self.affine(b, -1.0, c),
            (Kind::Sub, ..) => self.sum(vec![(1.0, a), (-1.0, b)], 0.0),
            (Kind::Mul, _, Some(c)) => self.affine(a, c, 0.0),
            (Kind::Mul, Some(c), _) => self.affine(b, c, 0.0),
            (Kind::Mul, ..) => self.product(vec![a, b]),
            (Kind::Div, _, Some(c)) if c != 0.0 => self.affine(a, 1.0 / c, 0.0),
            (Kind::Div, ..) => self.push(Expression::Quotient(a, b)),
            (Kind::Max, ..) => self.push(Expression::Max(vec![a, b])),
            _ => self.push(Expression::Min(vec![a, b])),
        }
    }

    fn each(
        &mut self,
        ids: &[Id],
        mut f: impl FnMut(&mut Self, Id) -> Result<Id, ExportError>,
    ) -> Result<Vec<Id>, ExportError> {
        ids.iter().map(|&id| f(self, id)).collect()
    }

    fn lower(&mut self, op: &Op) -> Result<Value, ExportError> {
        let operands: Vec<Value> = op.inputs.iter().map(|name| self.values[name.as_str()].clone()).collect();
        let (shape, x) = operands[0].clone();
        match &op.kind {
            Kind::MatMul | Kind::Gemm => {
                let (w, bias) = (&operands[1], operands.get(2));
                let outputs = w.0[1];
                let number = |this: &Self, id: Id| this.known(id).unwrap_or(0.0);
                let mut out = Vec::with_capacity(outputs);
                for o in 0..outputs {
                    let terms = x.iter().enumerate().map(|(i, &id)| (number(self, w.1[i * outputs + o]), id));
                    let terms = terms.collect();
                    let constant = bias.map_or(0.0, |b| number(self, b.1[o]));
                    out.push(self.sum(terms, constant)?);
                }
                Ok((vec![outputs], out))
            }
            Kind::Conv { stride, padding } => self.convolve(&operands, *stride, *padding),
            Kind::MaxPool { size, stride } => {
                self.pool(&operands[0], *size, *stride, |this, window| this.among(window, Expression::Max))
            }
            Kind::AveragePool { size, stride } => self.pool(&operands[0], *size, *stride, |this, window| {
                let share = 1.0 / window.len() as f64;
                this.sum(window.into_iter().map(|id| (share, id)).collect(), 0.0)
            }),
            Kind::Flatten => Ok((vec![x.len()], x)),
            Kind::Reshape { shape } => Ok((shape.clone(), x)),
            Kind::Concat { axis } => {
                let mut shape = shape;
                shape[*axis] = operands.iter().map(|t| t.0[*axis]).sum();
                let before: usize = shape[..*axis].iter().product();
                let mut ids = Vec::new();
                for outer in 0..before {
                    for (_, part) in &operands {
                        let run = part.len() / before;
                        ids.extend_from_slice(&part[outer * run..(outer + 1) * run]);
                    }
                }
                Ok((shape, ids))
            }
            Kind::Slice { axis, start, end } => Ok(chosen(&shape, &x, *axis, &Vec::from_iter(*start..*end))),
            Kind::Gather { axis, indices } => Ok(chosen(&shape, &x, *axis, indices)),
            Kind::Add | Kind::Sub | Kind::Mul | Kind::Div | Kind::Max | Kind::Min => {
                let larger = if operands[1].0.len() > shape.len() || operands[1].1.len() > x.len() {
                    operands[1].0.clone()
                } else {
                    shape
                };
                let n: usize = larger.iter().product();
                let (a, b) = (&operands[0], &operands[1]);
                let ids = (0..n)
                    .map(|i| {
                        let at = |v: &Value| v.1[broadcast(&larger, &v.0, i)];
                        self.binary(&op.kind, at(a), at(b))
                    })
                    .collect::<Result<_, _>>()?;
                Ok((larger, ids))
            }
            Kind::Activate(activation) => {
                Ok((shape, self.each(&x, |this, id| this.activate(*activation, id))?))
            }
            Kind::Clip { low, high } => {
                let (low, high) = (f64::from(*low), f64::from(*high));
                let clip = |this: &mut Self, id| match this.known(id) {
                    _ if low == high => this.push(Expression::Constant(low)),
                    Some(x) => this.push(Expression::Constant(x.clamp(low, high))),
                    None => this.push(Expression::Clip(id, low, high)),
                };
                Ok((shape, self.each(&x, clip)?))
            }
            Kind::Softmax => {
                let last = shape.last().copied().unwrap_or(1);
                let mut ids = Vec::with_capacity(x.len());
                for run in x.chunks(last) {
                    let largest = self.among(run.to_vec(), Expression::Max)?;
                    let powers = self.each(run, |this, id| {
                        let below = this.sum(vec![(1.0, id), (-1.0, largest)], 0.0)?;
                        this.push(Expression::Exp(below))
                    })?;
                    let total = self.sum(powers.iter().map(|&id| (1.0, id)).collect(), 0.0)?;
                    ids.extend(self.each(&powers, |this, id| this.push(Expression::Quotient(id, total)))?);
                }
                Ok((shape, ids))
            }
            Kind::ArgMax => {
                let last = shape.last().copied().unwrap_or(1);
                let ids = x.chunks(last).map(|run| self.push(Expression::ArgMax(run.to_vec())));
                let ids = ids.collect::<Result<_, _>>()?;
                Ok((shape[..shape.len() - 1].to_vec(), ids))
            }
            Kind::Reduce(reduction) => {
                let (mut shape, last) = (shape.clone(), shape.last().copied().unwrap_or(1));
                let ids = x.chunks(last).map(|run| self.reduce(*reduction, run)).collect::<Result<_, _>>()?;
                if let Some(last) = shape.last_mut() {
                    *last = 1;
                }
                Ok((shape, ids))
            }
        }
    }

    fn reduce(&mut self, reduction: Reduction, run: &[Id]) -> Result<Id, ExportError> {
        let weighted = |w: f64| run.iter().map(|&id| (w, id)).collect();
        match reduction {
            Reduction::Sum => self.sum(weighted(1.0), 0.0),
            Reduction::Mean => self.sum(weighted(1.0 / run.len() as f64), 0.0),
            Reduction::Product => self.product(run.to_vec()),
            Reduction::Max => self.among(run.to_vec(), Expression::Max),
            Reduction::Min => self.among(run.to_vec(), Expression::Min),
            Reduction::MaxAbs => self.among(run.to_vec(), Expression::MaxAbs),
        }
    }

    fn convolve(
        &mut self,
        operands: &[Value],
        stride: [usize; 2],
        padding: [usize; 2],
    ) -> Result<Value, ExportError> {
        let ((x_shape, x), (w_shape, w)) = (&operands[0], &operands[1]);
        let (&[channels, height, width], &[filters, _, rows, columns]) = (&x_shape[..], &w_shape[..]) else {
            return Ok((Vec::new(), Vec::new())); // the program was checked
        };
        let out =
            |length: usize, axis: usize, size: usize| (length + 2 * padding[axis] - size) / stride[axis] + 1;
        let (high, wide) = (out(height, 0, rows), out(width, 1, columns));
        let mut ids = Vec::with_capacity(filters * high * wide);
        for f in 0..filters {
            let constant = operands.get(2).and_then(|b| self.known(b.1[f])).unwrap_or(0.0);
            for (r, c) in (0..high).flat_map(|r| (0..wide).map(move |c| (r, c))) {
                let mut terms = Vec::new();
                for (k, i, j) in (0..channels)
                    .flat_map(|k| (0..rows).flat_map(move |i| (0..columns).map(move |j| (k, i, j))))
                {
                    let row = (r * stride[0] + i).checked_sub(padding[0]).filter(|&row| row < height);
                    let column = (c * stride[1] + j).checked_sub(padding[1]).filter(|&column| column < width);
                    if let (Some(row), Some(column)) = (row, column) {
                        let weight = self.known(w[((f * channels + k) * rows + i) * columns + j]);
                        terms.push((weight.unwrap_or(0.0), x[(k * height + row) * width + column]));
                    }
                }
                ids.push(self.sum(terms, constant)?);
            }
        }
        Ok((vec![filters, high, wide], ids))
    }

    fn pool(
        &mut self,
        (shape, x): &Value,
        size: [usize; 2],
        stride: [usize; 2],
        reduce: impl Fn(&mut Self, Vec<Id>) -> Result<Id, ExportError>,
    ) -> Result<Value, ExportError> {
        let &[channels, height, width] = &shape[..] else { return Ok((Vec::new(), Vec::new())) };
        let (high, wide) = ((height - size[0]) / stride[0] + 1, (width - size[1]) / stride[1] + 1);
        let mut ids = Vec::with_capacity(channels * high * wide);
        for k in 0..channels {
            for (r, c) in (0..high).flat_map(|r| (0..wide).map(move |c| (r, c))) {
                let window = (0..size[0]).flat_map(|i| (0..size[1]).map(move |j| (i, j)));
                let at = |(i, j)| x[(k * height + r * stride[0] + i) * width + c * stride[1] + j];
                ids.push(reduce(self, window.map(at).collect())?);
            }
        }
        Ok((vec![channels, high, wide], ids))
    }
}

/// Chosen entries of an axis.
fn chosen(shape: &[usize], x: &[Id], axis: usize, indices: &[usize]) -> Value {
    let (length, after): (usize, usize) = (shape[axis], shape[axis + 1..].iter().product());
    let before: usize = shape[..axis].iter().product();
    let mut ids = Vec::with_capacity(before * indices.len() * after);
    for outer in 0..before {
        for &i in indices {
            ids.extend_from_slice(&x[(outer * length + i) * after..][..after]);
        }
    }
    let mut shape = shape.to_vec();
    shape[axis] = indices.len();
    (shape, ids)
}

/// Where element `i` of a value of shape `large` is in one that broadcasts to it.
fn broadcast(large: &[usize], small: &[usize], mut i: usize) -> usize {
    let (mut at, mut stride) = (0, 1);
    let skipped = large.len() - small.len();
    for axis in (0..large.len()).rev() {
        let index = i % large[axis];
        i /= large[axis];
        if axis >= skipped {
            let length = small[axis - skipped];
            at += if length == 1 { 0 } else { index * stride };
            stride *= length;
        }
    }
    at
}
