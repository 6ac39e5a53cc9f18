//! How much a network's outputs change with each of its genes: a plain reverse pass over its program.
//!
//! Safe mutation (Lehman, Chen, Clune & Stanley 2018, "Safe mutations for deep and recurrent neural networks through
//! output gradients") divides a mutation by these sensitivities, so that genes on which much depends move little.
//!
//! *Differs from the paper:* sums over experiences are means, so that sensitivities do not grow with their number.
//! Activations without a derivative have the surrogate of [`Activation::derivative`](crate::Activation::derivative).
//! *Cost:* about two multiply-adds per weight, experience and output, interpreted in double precision; meant for some
//! dozens of experiences per parent.

use crate::{
    Describe, NetworkConfig,
    program::{Interpreter, Kind, Op, Program, ProgramError, Reduction, Tensor, around, position},
};
use evolvent_core::{DecodeError, Interface, Sensitivity, Vector};
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// What a network has seen: fragments of episodes, each from its beginning.
#[derive(Clone, Copy, Debug)]
pub struct Experiences<'a> {
    /// How many fragments; at least 1.
    pub count: usize,
    /// Steps of each. For networks without memory 1 makes every observation an experience of its own. In a longer one yₖ
    /// is the sum of an output over all steps, differentiated through time.
    pub steps: usize,
    /// `count × steps × inputs` numbers, observation after observation.
    pub observations: &'a [f32],
}

/// ∂yₖ/∂w of every constant in a program, for one experience.
#[derive(Clone, Debug, PartialEq)]
pub struct Jacobian {
    /// Number of raw outputs, k.
    pub outputs: usize,
    /// For each initializer `length × k` numbers, the outputs of one weight side by side.
    pub by_initializer: BTreeMap<String, Vec<f64>>,
}

/// Differentiates the first output of a program, summed over the steps of one fragment, by all constants.
///
/// `steps` are the observations of the fragment, flattened.
pub fn jacobian<'a>(
    program: &Program,
    steps: impl IntoIterator<Item = &'a [f32]>,
) -> Result<Jacobian, ProgramError> {
    let mut pass = ReversePass::new(program)?;
    pass.run(steps)?;
    let by_initializer = program.initializers.iter().zip(&pass.constants);
    let by_initializer = by_initializer.map(|(c, &at)| (c.name.clone(), pass.adjoints[at].clone()));
    Ok(Jacobian { outputs: pass.k, by_initializer: by_initializer.collect() })
}

/// A reverse pass that serves one fragment of experience after another: one interpreter and one set of buffers.
struct ReversePass {
    interpreter: Interpreter,
    /// Numbers of the first output.
    k: usize,
    output: Option<usize>,
    /// Indices of the constants, in the program's order, and of all other values.
    constants: Vec<usize>,
    variables: Vec<usize>,
    /// Of each state where it is read and where its next value is.
    states: Vec<(usize, usize)>,
    /// ∂y/∂(every value), `k` numbers each: those of constants are summed over the steps, those of variables begin anew.
    adjoints: Vec<Vec<f64>>,
    /// ∂y/∂(every state), of the steps behind.
    from_later: Vec<Vec<f64>>,
}

impl ReversePass {
    fn new(program: &Program) -> Result<Self, ProgramError> {
        let interpreter = Interpreter::new(program.clone())?;
        let output = program.outputs.first().map(|port| interpreter.place(&port.name));
        let k = output.map_or(0, |at| interpreter.values()[at].data.len());
        let constants: Vec<usize> = program.initializers.iter().map(|c| interpreter.place(&c.name)).collect();
        let mut variables: Vec<usize> = (0..interpreter.values().len()).collect();
        variables.retain(|at| !constants.contains(at));
        let states = program.states.iter();
        let states = states.map(|s| (interpreter.place(&s.input.name), interpreter.place(&s.output)));
        Ok(ReversePass {
            k,
            output,
            constants,
            variables,
            states: states.collect(),
            adjoints: interpreter.values().iter().map(|v| vec![0.0; v.data.len() * k]).collect(),
            from_later: program.states.iter().map(|s| vec![0.0; s.initial.len() * k]).collect(),
            interpreter,
        })
    }

    /// Goes forward over the steps of an episode and back again; then the adjoints of the constants are the Jacobian of the
    /// sum of the outputs over all steps.
    fn run<'a>(&mut self, steps: impl IntoIterator<Item = &'a [f32]>) -> Result<(), ProgramError> {
        let ReversePass { interpreter, k, output, constants, variables, states, adjoints, from_later } = self;
        interpreter.reset();
        let mut seen: Vec<Vec<Tensor>> = Vec::new();
        for observation in steps {
            // The states at the beginning of the step are values, too, but `step` replaces them at its end.
            let before: Vec<Tensor> = states.iter().map(|s| interpreter.values()[s.0].clone()).collect();
            interpreter.step(observation)?;
            let values = interpreter.values_mut();
            let next: Vec<Tensor> = states.iter().map(|s| values[s.0].clone()).collect();
            states.iter().zip(before).for_each(|(s, value)| values[s.0] = value);
            seen.push(variables.iter().map(|&at| std::mem::take(&mut values[at])).collect());
            states.iter().zip(next).for_each(|(s, value)| values[s.0] = value);
        }
        constants.iter().for_each(|&at| adjoints[at].fill(0.0));
        from_later.iter_mut().for_each(|later| later.fill(0.0));
        for held in seen.into_iter().rev() {
            for (&at, value) in variables.iter().zip(held) {
                interpreter.values_mut()[at] = value;
                adjoints[at].fill(0.0);
            }
            if let Some(at) = *output {
                (0..*k).for_each(|i| adjoints[at][i * *k + i] += 1.0);
            }
            for (state, later) in states.iter().zip(&*from_later) {
                adjoints[state.1].iter_mut().zip(later).for_each(|(a, b)| *a += b);
            }
            let values = interpreter.values();
            for (op, operands, result) in interpreter.operations().rev() {
                let dy = std::mem::take(&mut adjoints[result]);
                pull_back(op, operands, &values[result], &dy, *k, values, adjoints);
                adjoints[result] = dy;
            }
            for (state, later) in states.iter().zip(&mut *from_later) {
                later.copy_from_slice(&adjoints[state.0]);
            }
        }
        Ok(())
    }
}

/// to\[i\] += factor · from\[j\], each a run of `k`.
#[inline(always)]
fn add(to: &mut [f64], i: usize, factor: f64, from: &[f64], j: usize, k: usize) {
    let (to, from) = (&mut to[i * k..][..k], &from[j * k..][..k]);
    to.iter_mut().zip(from).for_each(|(t, f)| *t += factor * f);
}

/// Adds what an operation passes back to its operands, given `dy` for its result.
fn pull_back(
    op: &Op,
    operands: &[usize],
    y: &Tensor,
    dy: &[f64],
    k: usize,
    values: &[Tensor],
    adjoints: &mut [Vec<f64>],
) {
    let Some(&first) = operands.first() else { return };
    let x = &values[first];
    // One operand, each of whose numbers acts through one number of the result.
    let mut by_element = |slope: &dyn Fn(f32) -> f64| {
        for (i, &v) in x.data.iter().enumerate() {
            add(&mut adjoints[first], i, slope(v), dy, i, k);
        }
    };
    match &op.kind {
        Kind::Activate(activation) => by_element(&|v| f64::from(activation.derivative(v))),
        Kind::Clip { low, high } => by_element(&|v| f64::from(u8::from(v >= *low && v <= *high))),
        Kind::Flatten | Kind::Reshape { .. } => by_element(&|_| 1.0),
        Kind::MatMul | Kind::Gemm => {
            let w = &values[operands[1]];
            let outputs = w.shape[1];
            let dx = adjoints[first].chunks_exact_mut(k.max(1));
            for (dx, row) in dx.zip(w.data.chunks_exact(outputs)) {
                for (&w, dy) in row.iter().zip(dy.chunks_exact(k.max(1))) {
                    dx.iter_mut().zip(dy).for_each(|(t, d)| *t += f64::from(w) * d);
                }
            }
            // A row of weights has the adjoints of all outputs one after the other, as the result has.
            for (row, &v) in adjoints[operands[1]].chunks_exact_mut((outputs * k).max(1)).zip(&x.data) {
                row.iter_mut().zip(dy).for_each(|(t, d)| *t += f64::from(v) * d);
            }
            if let Some(&bias) = operands.get(2) {
                (0..outputs).for_each(|o| add(&mut adjoints[bias], o, 1.0, dy, o, k));
            }
        }
        Kind::Conv { stride, padding } => {
            let w = &values[operands[1]];
            let (height, width) = (x.shape[1], x.shape[2]);
            let (channels, kh, kw) = (w.shape[1], w.shape[2], w.shape[3]);
            let (rows, columns) = (y.shape[1], y.shape[2]);
            for o in 0..y.data.len() {
                let (filter, row, column) = (o / (rows * columns), o / columns % rows, o % columns);
                if let Some(&bias) = operands.get(2) {
                    add(&mut adjoints[bias], filter, 1.0, dy, o, k);
                }
                for c in 0..channels {
                    for i in 0..kh {
                        for j in 0..kw {
                            let row = (row * stride[0] + i).wrapping_sub(padding[0]);
                            let column = (column * stride[1] + j).wrapping_sub(padding[1]);
                            if row < height && column < width {
                                let from = (c * height + row) * width + column;
                                let at = ((filter * channels + c) * kh + i) * kw + j;
                                add(&mut adjoints[first], from, f64::from(w.data[at]), dy, o, k);
                                add(&mut adjoints[operands[1]], at, f64::from(x.data[from]), dy, o, k);
                            }
                        }
                    }
                }
            }
        }
        Kind::MaxPool { size, stride } | Kind::AveragePool { size, stride } => {
            let (height, width) = (x.shape[1], x.shape[2]);
            let (rows, columns) = (y.shape[1], y.shape[2]);
            for o in 0..y.data.len() {
                let (c, row, column) = (o / (rows * columns), o / columns % rows, o % columns);
                let window = (0..size[0] * size[1]).map(|n| {
                    (c * height + row * stride[0] + n / size[1]) * width + column * stride[1] + n % size[1]
                });
                if matches!(op.kind, Kind::AveragePool { .. }) {
                    let share = 1.0 / (size[0] * size[1]) as f64;
                    window.for_each(|from| add(&mut adjoints[first], from, share, dy, o, k));
                } else if let Some(from) = window.into_iter().find(|&from| x.data[from] == y.data[o]) {
                    add(&mut adjoints[first], from, 1.0, dy, o, k);
                }
            }
        }
        Kind::Concat { axis } => {
            let (before, _, after) = around(&y.shape, *axis);
            let mut next = 0;
            for outer in 0..before {
                for &operand in operands {
                    let run = values[operand].shape[*axis] * after;
                    for i in 0..run {
                        add(&mut adjoints[operand], outer * run + i, 1.0, dy, next + i, k);
                    }
                    next += run;
                }
            }
        }
        Kind::Slice { axis, start, end } => {
            choose(x, *axis, *start..*end, &mut adjoints[first], dy, k);
        }
        Kind::Gather { axis, indices } => {
            choose(x, *axis, indices.iter().copied(), &mut adjoints[first], dy, k);
        }
        Kind::Add | Kind::Sub | Kind::Mul | Kind::Div | Kind::Max | Kind::Min => {
            let q = &values[operands[1]];
            for flat in 0..y.data.len() {
                let at = [position(flat, &y.shape, &x.shape), position(flat, &y.shape, &q.shape)];
                let (a, b) = (f64::from(x.data[at[0]]), f64::from(q.data[at[1]]));
                let left = f64::from(u8::from(x.data[at[0]] == y.data[flat]));
                let slopes = match op.kind {
                    Kind::Add => [1.0, 1.0],
                    Kind::Sub => [1.0, -1.0],
                    Kind::Mul => [b, a],
                    Kind::Div => [1.0 / b, -a / (b * b)],
                    // The first of equals.
                    _ => [left, 1.0 - left],
                };
                for side in 0..2 {
                    add(&mut adjoints[operands[side]], at[side], slopes[side], dy, flat, k);
                }
            }
        }
        Kind::Softmax => {
            let last = *x.shape.last().expect("checked: there is a last axis");
            for run in (0..x.data.len()).step_by(last) {
                for i in run..run + last {
                    for j in run..run + last {
                        let (p, q) = (f64::from(y.data[i]), f64::from(y.data[j]));
                        let slope = p * (f64::from(u8::from(i == j)) - q);
                        add(&mut adjoints[first], i, slope, dy, j, k);
                    }
                }
            }
        }
        Kind::ArgMax => {}
        Kind::Reduce(reduction) => {
            let last = *x.shape.last().expect("checked: there is a last axis");
            for (o, run) in x.data.chunks(last).enumerate() {
                let chosen = run.iter().position(|&v| v == y.data[o]);
                for i in 0..last {
                    let others = || {
                        let rest = run.iter().enumerate().filter(|&(j, _)| j != i);
                        rest.map(|(_, &v)| f64::from(v)).product::<f64>()
                    };
                    let slope = match reduction {
                        Reduction::Sum => 1.0,
                        Reduction::Mean => 1.0 / last as f64,
                        Reduction::Product => others(),
                        Reduction::Max | Reduction::Min | Reduction::MaxAbs => {
                            f64::from(u8::from(chosen == Some(i)))
                        }
                    };
                    add(&mut adjoints[first], o * last + i, slope, dy, o, k);
                }
            }
        }
    }
}

/// The reverse of choosing entries of an axis.
fn choose(
    x: &Tensor,
    axis: usize,
    indices: impl Iterator<Item = usize> + Clone,
    to: &mut [f64],
    dy: &[f64],
    k: usize,
) {
    let (before, length, after) = around(&x.shape, axis);
    let mut next = 0;
    for outer in 0..before {
        for i in indices.clone() {
            for inner in 0..after {
                add(to, (outer * length + i) * after + inner, 1.0, dy, next, k);
                next += 1;
            }
        }
    }
}

/// Which gene each number of a program's initializers is, for the networks of one decoder.
#[derive(Clone, Debug, PartialEq)]
pub struct GeneMap {
    genes: usize,
    by_initializer: BTreeMap<String, Vec<usize>>,
}

impl GeneMap {
    /// Asks the decoder: a genome that consists of its own indices is decoded and described.
    pub fn new<C: NetworkConfig<Genome = Vector>>(
        config: &C,
        interface: &Interface,
    ) -> Result<Self, DecodeError> {
        // Two digits, because not every index is a 32-bit floating point number.
        const DIGIT: usize = 1 << 20;
        let layout = config.genes(interface).layout;
        let (genes, mut network) = (layout.dimension(), config.blank(interface));
        let mut by_initializer: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for unit in [1, DIGIT] {
            let genome: Vec<f32> = (0..genes).map(|i| (i / unit % DIGIT) as f32).collect();
            config.decode(&genome, &mut network)?;
            for constant in network.program().initializers {
                if layout.blocks.iter().any(|block| block.name == constant.name) {
                    let indices =
                        by_initializer.entry(constant.name).or_insert_with(|| vec![0; constant.data.len()]);
                    indices.iter_mut().zip(&constant.data).for_each(|(i, &d)| *i += d as usize * unit);
                }
            }
        }
        Ok(GeneMap { genes, by_initializer })
    }
}

/// One sensitivity per gene, at least 0.
///
/// # Errors
/// If the observations do not fit the network.
pub fn sensitivities(
    network: &impl Describe,
    map: &GeneMap,
    experiences: Experiences<'_>,
    kind: Sensitivity,
) -> Result<Vec<f64>, ProgramError> {
    let program = network.program();
    let (inputs, k) = (network.inputs(), network.outputs());
    let length = inputs * experiences.steps;
    if experiences.count == 0 || experiences.observations.len() != experiences.count * length {
        return Err(ProgramError::Shape {
            name: "observations".into(),
            expected: vec![experiences.count.max(1), experiences.steps, inputs],
            found: format!("{} numbers", experiences.observations.len()),
        });
    }
    let mut sums = vec![0.0; map.genes * k];
    let mut pass = ReversePass::new(&program)?;
    let places: Vec<usize> = map.by_initializer.keys().map(|name| pass.interpreter.place(name)).collect();
    for fragment in experiences.observations.chunks(length.max(1)) {
        pass.run(fragment.chunks(inputs.max(1)))?;
        for (indices, &at) in map.by_initializer.values().zip(&places) {
            for (gradient, &gene) in pass.adjoints[at].chunks(k.max(1)).zip(indices) {
                for (sum, &g) in sums[gene * k..].iter_mut().zip(gradient) {
                    *sum += if kind == Sensitivity::Absolute { g.abs() } else { g };
                }
            }
        }
    }
    let share = 1.0 / experiences.count as f64;
    Ok(sums.chunks(k.max(1)).map(|row| row.iter().map(|s| (s * share).powi(2)).sum::<f64>().sqrt()).collect())
}

/// Tells the sensitivities of a network to the genes that it was decoded from, one per gene, at least 0; `None` if the
/// observations do not fit it.
pub type SensitivityProbe<N> =
    Box<dyn Fn(&N, Experiences<'_>, Sensitivity) -> Option<Vec<f32>> + Send + Sync>;

/// [`sensitivities`] for the networks of a decoder that writes every gene, as it is, into a constant of the network's program.
pub(crate) fn probe<C: NetworkConfig<Genome = Vector>>(
    config: &C,
    interface: &Interface,
) -> SensitivityProbe<C::Network> {
    // Which gene is where is found out when somebody asks first, for it takes as long as decoding.
    let (config, interface, map) = (config.clone(), interface.clone(), OnceLock::new());
    Box::new(move |network, experiences, kind| {
        let map = map.get_or_init(|| GeneMap::new(&config, &interface));
        let all = sensitivities(network, map.as_ref().ok()?, experiences, kind).ok()?;
        Some(all.into_iter().map(|s| s as f32).collect())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Activation, Cell, Conv, Dense, Recurrent,
        conv::{ConvLayer, Filters, Pool},
        twin::{interface, network, numbers},
    };
    use evolvent_core::{Auto, Output};

    /// The outputs of a program, summed over the steps.
    fn summed(program: &Program, steps: &[f32], inputs: usize) -> Vec<f64> {
        let mut interpreter = Interpreter::new(program.clone()).unwrap();
        let mut sums = Vec::new();
        for x in steps.chunks(inputs) {
            let y = &interpreter.step(x).unwrap()[0];
            sums.resize(y.len(), 0.0);
            sums.iter_mut().zip(y).for_each(|(s, &y)| *s += f64::from(y));
        }
        sums
    }

    /// Compares the derivatives by some constants with central differences.
    fn compare(program: &Program, steps: &[f32], inputs: usize) {
        let jacobian = jacobian(program, steps.chunks(inputs)).unwrap();
        for (c, constant) in program.initializers.iter().enumerate() {
            let stride = constant.data.len().div_ceil(9);
            for i in (0..constant.data.len()).step_by(stride) {
                let h = 1.0 / 128.0;
                let at = |delta: f32| {
                    let mut moved = program.clone();
                    moved.initializers[c].data[i] += delta;
                    summed(&moved, steps, inputs)
                };
                let (up, down) = (at(h), at(-h));
                for o in 0..jacobian.outputs {
                    let difference = (up[o] - down[o]) / (2.0 * f64::from(h));
                    let found = jacobian.by_initializer[&constant.name][i * jacobian.outputs + o];
                    assert!(
                        (difference - found).abs() < 2e-3 * (1.0 + difference.abs()),
                        "{}[{i}] on output {o}: {found} against {difference}",
                        constant.name
                    );
                }
            }
        }
    }

    #[test]
    fn derivatives_equal_differences_for_all_networks() {
        let problem = interface(&[3], Output::Values(2));
        for activation in Activation::ALL.into_iter().filter(|a| a.is_smooth()) {
            let config =
                Dense { hidden: vec![5, 4], activation, output_activation: activation, ..Dense::default() };
            compare(&network(&config, &problem, 3).program(), &numbers(3, 1), 3);
        }
        for cell in [Cell::Elman, Cell::Gru, Cell::Lstm] {
            let config = Recurrent { cell, hidden: vec![3, 2], dense: vec![3], ..Recurrent::default() };
            compare(&network(&config, &problem, 4).program(), &numbers(12, 2), 3);
        }
        let conv = |filters, padding| ConvLayer::Conv(Filters { filters, kernel: 3, stride: 1, padding });
        let pool = Pool { size: 2, stride: Auto::Auto };
        let config = Conv {
            layers: vec![conv(3, 1), ConvLayer::AveragePool(pool), conv(2, 0)],
            activation: Activation::Tanh,
            ..Conv::default()
        };
        compare(
            &network(&config, &interface(&[2, 7, 6], Output::Values(2)), 5).program(),
            &numbers(84, 3),
            84,
        );
    }

    #[test]
    fn derivatives_equal_differences_for_all_operations() {
        // x [4] times gains, through what the networks above do not have.
        let mut p = Program::default();
        let x = p.input("observation", &[4]);
        let gain = p.constant("gain", &[4], vec![0.5, -1.5, 0.8, 2.0]);
        let scaled = p.op("scaled", Kind::Mul, &[&gain, &x]);
        let shift = p.constant("shift", &[1], vec![3.0]);
        let positive = p.op("positive", Kind::Add, &[&scaled, &shift]);
        let ratio = p.op("ratio", Kind::Div, &[&gain, &positive]);
        let soft = p.op("soft", Kind::Softmax, &[&scaled]);
        let larger = p.op("larger", Kind::Max, &[&ratio, &soft]);
        let smaller = p.op("smaller", Kind::Min, &[&positive, &larger]);
        let clipped = p.op("clipped", Kind::Clip { low: -0.7, high: 1.1 }, &[&scaled]);
        let square = p.op("square", Kind::Reshape { shape: vec![2, 2] }, &[&clipped]);
        let picked = p.op("picked", Kind::Gather { axis: 1, indices: vec![1, 1, 0] }, &[&square]);
        let part = p.op("part", Kind::Slice { axis: 0, start: 1, end: 2 }, &[&picked]);
        let flat = p.op("flat", Kind::Flatten, &[&part]);
        let mut pieces = vec![smaller, flat];
        for reduction in Reduction::ALL {
            pieces.push(p.op(&format!("{reduction:?}"), Kind::Reduce(reduction), &[&positive]));
        }
        let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
        p.op("output", Kind::Concat { axis: 0 }, &pieces);
        p.output("output", &[13]);
        compare(&p, &[0.3, 0.9, -0.5, 0.4], 4);

        let mut p = Program::default();
        let x = p.input("observation", &[1, 3, 3]);
        let gain = p.constant("gain", &[3, 3], (1..10).map(|i| i as f32 * 0.3).collect());
        let scaled = p.op("scaled", Kind::Mul, &[&x, &gain]);
        let pool = p.op("pool", Kind::MaxPool { size: [2, 2], stride: [1, 1] }, &[&scaled]);
        p.op("output", Kind::Flatten, &[&pool]);
        p.output("output", &[4]);
        compare(&p, &numbers(9, 1), 9);
    }

    #[test]
    fn every_gene_is_found_in_the_program() {
        fn check<C: NetworkConfig<Genome = Vector>>(config: &C, shape: &[usize]) {
            let map = GeneMap::new(config, &interface(shape, Output::Classes(3))).unwrap();
            let mut all: Vec<usize> = map.by_initializer.values().flatten().copied().collect();
            all.sort_unstable();
            assert_eq!(all, (0..map.genes).collect::<Vec<_>>());
        }
        check(&Conv::default(), &[2, 6, 6]);
        check(&Dense { hidden: vec![4, 3], ..Dense::default() }, &[3]);
        for cell in [Cell::Elman, Cell::Gru, Cell::Lstm] {
            check(&Recurrent { cell, hidden: vec![3], dense: vec![2], ..Recurrent::default() }, &[3]);
        }
    }

    #[test]
    fn sensitivities_of_a_linear_network_by_hand() {
        // y₀ = w₀ x₀ + w₂ x₁ + b₀ and y₁ likewise: ∂y₀/∂w₀ = x₀, ∂y/∂b = 1.
        let config = Dense { hidden: vec![], ..Dense::default() };
        let problem = interface(&[2], Output::Values(2));
        let map = GeneMap::new(&config, &problem).unwrap();
        let net = network(&config, &problem, 1);
        let experiences = Experiences { count: 2, steps: 1, observations: &[1.0, 2.0, -3.0, 2.0] };
        let s = sensitivities(&net, &map, experiences, Sensitivity::Sum).unwrap();
        assert_eq!(s, [1.0, 1.0, 2.0, 2.0, 1.0, 1.0]);
        let s = sensitivities(&net, &map, experiences, Sensitivity::Absolute).unwrap();
        assert_eq!(s, [2.0, 2.0, 2.0, 2.0, 1.0, 1.0]);
        let short = Experiences { observations: &[1.0], ..experiences };
        assert!(sensitivities(&net, &map, short, Sensitivity::Sum).is_err());
    }

    #[test]
    fn weights_below_a_step_function_are_not_called_harmless() {
        let config = Dense { hidden: vec![4], activation: Activation::Step, ..Dense::default() };
        let problem = interface(&[2], Output::Values(1));
        let map = GeneMap::new(&config, &problem).unwrap();
        let net = network(&config, &problem, 2);
        let observations = numbers(20, 3);
        let experiences = Experiences { count: 10, steps: 1, observations: &observations };
        let s = sensitivities(&net, &map, experiences, Sensitivity::Absolute).unwrap();
        assert!(s[..8].iter().all(|&s| s > 0.0), "{s:?}");
    }
}
