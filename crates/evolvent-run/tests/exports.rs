//! Exported networks in other programs (ONNX Runtime, the runner in `docs/run_network.py`), against the interpreter of
//! the programs that they were made from.

mod graphs;
mod python;

use evolvent_core::{Interface, Output, Purpose, RunKey, Vector, stream};
use evolvent_nets::{
    Activation, Cell, Conv, Dense, Describe, Head, NetworkConfig, Normalizer, Recurrent,
    program::{Element, Interpreter, Kind, Port, Program, Reduction},
};
use evolvent_run::export::Format;
use std::{path::Path, sync::Arc};

const STEPS: usize = 4;
const LANES: usize = 5;

/// Numbers between −3 and 3, a fixed sequence with exact zeros in it.
fn numbers(count: usize, seed: usize) -> Vec<f32> {
    (0..count)
        .map(|i| match (i * 7919 + seed * 104_729 + 13) % 601 {
            n if n % 37 == 0 => 0.0,
            n => n as f32 / 100.0 - 3.0,
        })
        .collect()
}

/// A program with one operation, on an observation of this shape.
fn single(shape: &[usize], kind: Kind, constants: &[(&[usize], usize)]) -> Program {
    let mut program = Program::default();
    let mut operands = vec![program.input("observation", shape)];
    for (i, (shape, seed)) in constants.iter().enumerate() {
        let data = numbers(shape.iter().product(), *seed);
        operands.push(program.constant(&format!("constant{i}"), shape, data));
    }
    let names: Vec<&str> = operands.iter().map(String::as_str).collect();
    let y = program.op("y", kind, &names);
    finish(program, &y)
}

/// Declares a name the output, with the shape and element type that it has.
fn finish(mut program: Program, name: &str) -> Program {
    let info = program.check().unwrap()[name].clone();
    program.outputs.push(Port { name: name.into(), shape: info.shape, element: info.element });
    program
}

fn operations() -> Vec<(String, Program)> {
    let image = [2, 7, 6];
    let mut cases: Vec<(String, Program)> = Activation::ALL
        .into_iter()
        .map(|a| (format!("activation_{a:?}"), single(&[6], Kind::Activate(a), &[])))
        .collect();
    let conv = |stride, padding| Kind::Conv { stride, padding };
    for (name, program) in [
        ("matmul", single(&[6], Kind::MatMul, &[(&[6, 3], 1)])),
        ("gemm", single(&[6], Kind::Gemm, &[(&[6, 3], 1), (&[3], 2)])),
        ("conv", single(&image, conv([1, 1], [0, 0]), &[(&[3, 2, 3, 2], 3)])),
        ("conv_bias_stride_padding", single(&image, conv([2, 1], [1, 2]), &[(&[3, 2, 3, 2], 3), (&[3], 4)])),
        ("max_pool", single(&image, Kind::MaxPool { size: [2, 3], stride: [2, 2] }, &[])),
        ("average_pool", single(&image, Kind::AveragePool { size: [3, 2], stride: [1, 3] }, &[])),
        ("flatten", single(&image, Kind::Flatten, &[])),
        ("reshape", single(&image, Kind::Reshape { shape: vec![6, 14] }, &[])),
        ("slice", single(&image, Kind::Slice { axis: 1, start: 2, end: 5 }, &[])),
        ("gather", single(&image, Kind::Gather { axis: 2, indices: vec![5, 0, 5] }, &[])),
        ("add", single(&image, Kind::Add, &[(&[7, 1], 5)])),
        ("sub", single(&[6], Kind::Sub, &[(&[6], 5)])),
        ("mul", single(&[6], Kind::Mul, &[(&[1], 5)])),
        ("div", single(&[6], Kind::Div, &[(&[6], 5)])),
        ("max", single(&[6], Kind::Max, &[(&[6], 6)])),
        ("min", single(&[6], Kind::Min, &[(&[6], 6)])),
        ("clip", single(&[6], Kind::Clip { low: -0.5, high: 1.25 }, &[])),
        ("softmax", single(&[6], Kind::Softmax, &[])),
        ("arg_max", single(&[6], Kind::ArgMax, &[])),
        ("sum", single(&[3, 4], Kind::Reduce(Reduction::Sum), &[])),
        ("mean", single(&[3, 4], Kind::Reduce(Reduction::Mean), &[])),
        ("product", single(&[3, 4], Kind::Reduce(Reduction::Product), &[])),
        ("largest", single(&[3, 4], Kind::Reduce(Reduction::Max), &[])),
        ("smallest", single(&[3, 4], Kind::Reduce(Reduction::Min), &[])),
        ("furthest", single(&[3, 4], Kind::Reduce(Reduction::MaxAbs), &[])),
    ] {
        cases.push((name.into(), program));
    }
    let mut concat = Program::default();
    let x = concat.input("observation", &[3]);
    let y = concat.op("squashed", Kind::Activate(Activation::Tanh), &[&x]);
    let z = concat.op("both", Kind::Concat { axis: 0 }, &[&x, &y, &x]);
    cases.push(("concat".into(), finish(concat, &z)));
    cases
}

/// Names that clash with those that the writer makes, an output that is an input, two states, one of them never changed,
/// one handed out as well.
fn awkward() -> Program {
    let mut program = Program::default();
    let x = program.input("observation", &[2]);
    let kept = program.state("kept", "kept", &[1]);
    let sum = program.state("sum", "y/1", &[2]);
    program.states[0].initial = vec![-0.25];
    program.states[1].initial = vec![1.5, 1e-7];
    let next = program.op("y/1", Kind::Add, &[&sum, &x]);
    let halved = program.op("halved", Kind::Clip { low: -1.0, high: 1.0 }, &[&next]);
    let bits = program.op("bits", Kind::Activate(Activation::Step), &[&kept]);
    let all = program.op("y", Kind::Concat { axis: 0 }, &[&halved, &bits, &kept]);
    let choice = program.op("choice", Kind::ArgMax, &[&all]);
    program.output(&all, &[4]);
    program.outputs.push(Port { name: choice, shape: vec![], element: Element::I64 });
    program.output("observation", &[2]);
    program.output("y/1", &[2]);
    program.output("y/1", &[2]);
    program
}

/// Steps × outputs × lanes × numbers.
type Outputs = Vec<Vec<Vec<Vec<f32>>>>;

/// A program, what it is fed (steps × lanes × numbers), and what must come out.
struct Case {
    name: String,
    program: Program,
    steps: Vec<Vec<Vec<f32>>>,
    expected: Outputs,
}

impl Case {
    /// With the outputs that the interpreter gives.
    fn interpreted(name: &str, program: Program) -> Case {
        let width: usize = program.inputs[0].shape.iter().product();
        let steps: Vec<Vec<Vec<f32>>> =
            (0..STEPS).map(|t| (0..LANES).map(|l| numbers(width, 31 * t + l + 7)).collect()).collect();
        let mut lanes: Vec<Interpreter> =
            (0..LANES).map(|_| Interpreter::new(program.clone()).unwrap()).collect();
        let expected = steps
            .iter()
            .map(|step| {
                let by_lane: Vec<_> =
                    lanes.iter_mut().zip(step).map(|(lane, x)| lane.step(x).unwrap()).collect();
                (0..program.outputs.len())
                    .map(|o| by_lane.iter().map(|out| out[o].clone()).collect())
                    .collect()
            })
            .collect();
        Case { name: name.into(), program, steps, expected }
    }

    /// A network over vectors with its head and a normaliser.
    fn vector<C: NetworkConfig<Genome = Vector>>(name: &str, config: &C, interface: &Interface) -> Case {
        config.check(interface).unwrap();
        let mut rng = stream(RunKey::from_seed(5), 0, 0, 0, Purpose::Init);
        let mut genome: Vec<f32> =
            config.genes(interface).sample(&mut rng).iter().map(|&x| x as f32).collect();
        genome.iter_mut().for_each(|x| *x += 0.1 * rng.normal() as f32);
        let mut network = config.blank(interface);
        config.decode(&genome, &mut network).unwrap();
        Case::network(name, network, &config.head(interface))
    }

    /// With a normaliser: the raw outputs are those of the network itself, all lanes in one call.
    fn network(name: &str, mut network: impl Describe, head: &Head) -> Case {
        let inputs = network.inputs();
        let mean = numbers(inputs, 3);
        let inv_std = numbers(inputs, 4).iter().map(|x| 0.2 + x.abs() / 3.0).collect();
        network.set_normalizer(Some(Arc::new(Normalizer { mean, inv_std, clip: 2.5 })));
        let mut case = Case::interpreted(name, network.program_with_head(head));

        let mut state = vec![0.0; network.state_len() * LANES];
        (0..LANES).for_each(|lane| network.reset_state(&mut state, LANES, lane));
        let mut scratch = vec![0.0; network.scratch_len(LANES)];
        let mut raw = vec![0.0; network.outputs() * LANES];
        for (step, expected) in case.steps.iter().zip(&mut case.expected) {
            // Structures of arrays: value i of lane l is at i × lanes + l.
            let input: Vec<f32> = (0..inputs).flat_map(|i| step.iter().map(move |x| x[i])).collect();
            network.forward(LANES, &input, &mut state, &mut raw, &mut scratch);
            for (lane, numbers) in expected[0].iter_mut().enumerate() {
                numbers.iter_mut().enumerate().for_each(|(i, y)| *y = raw[i * LANES + lane]);
            }
        }
        case
    }

    fn write(&self, dir: &Path, format: Format) {
        let about = vec![("problem".to_string(), self.name.clone())];
        let ending = if format == Format::Onnx { "onnx" } else { "network.json" };
        let bytes = format.write(&self.program, &about).unwrap();
        std::fs::write(dir.join(format!("{}.{ending}", self.name)), bytes).unwrap();
        let steps = serde_json::to_string(&self.steps).unwrap();
        std::fs::write(dir.join(format!("{}.json", self.name)), steps).unwrap();
    }
}

/// Every kind of network, every activation, every kind of head.
fn networks() -> Vec<Case> {
    let interface = |input: &[usize], output| Interface { input: input.to_vec(), output };
    let steering = Output::Continuous { low: vec![-2.0, 0.0], high: vec![2.0, 5.0] };
    let (flat, image) = (interface(&[6], Output::Discrete(3)), interface(&[2, 8, 8], Output::Classes(4)));
    let mut cases = Vec::new();
    for activation in Activation::ALL {
        let name = |kind: &str| format!("{kind}_{activation:?}");
        let dense = Dense { hidden: vec![12, 7], activation, ..Dense::default() };
        cases.push(Case::vector(&name("dense"), &dense, &flat));
        let cell = Cell::Elman;
        let elman = Recurrent { cell, hidden: vec![9], dense: vec![5], activation, ..Recurrent::default() };
        cases.push(Case::vector(&name("elman"), &elman, &interface(&[6], steering.clone())));
        cases.push(Case::vector(&name("conv"), &Conv { activation, ..Conv::default() }, &image));
    }
    for cell in [Cell::Elman, Cell::Gru, Cell::Lstm] {
        let recurrent = Recurrent { cell, hidden: vec![8, 6], ..Recurrent::default() };
        let values = interface(&[6], Output::Values(2));
        cases.push(Case::vector(&format!("recurrent_{cell:?}"), &recurrent, &values));
    }
    let linear = Dense { hidden: vec![], bias: false, ..Dense::default() };
    cases.push(Case::vector("linear", &linear, &interface(&[6], steering)));
    for grown in graphs::networks() {
        cases.push(Case::network(&grown.name, grown.network, &grown.decoder.head(&grown.interface)));
    }
    cases
}

fn outputs_agree(script: &str, modules: &str, format: Format, cases: &[Case]) {
    let dir = tempfile::tempdir().unwrap();
    cases.iter().for_each(|case| case.write(dir.path(), format));
    if !python::run_script(script, modules, dir.path()) {
        return;
    }
    let flat = |all: &Outputs| all.iter().flatten().flatten().flatten().copied().collect::<Vec<f32>>();
    for Case { name, expected, .. } in cases {
        let text = std::fs::read_to_string(dir.path().join(format!("{name}.out.json"))).unwrap();
        let found: Outputs = serde_json::from_str(&text.replace("1e999", "3.5e38")).unwrap();
        let (found, expected) = (flat(&found), flat(expected));
        assert_eq!(found.len(), expected.len(), "{name}");
        for (f, e) in found.iter().zip(&expected) {
            // Quotients by zero are infinite on both sides.
            assert!(f == e || (f - e).abs() <= 1e-5 * e.abs().max(1.0), "{name}: {f} where {e} is expected");
        }
    }
}

fn interpreted() -> Vec<Case> {
    operations().into_iter().map(|(name, program)| Case::interpreted(&name, program)).collect()
}

#[test]
fn onnx_runtime_gives_the_same_outputs() {
    let mut cases = interpreted();
    cases.push(Case::interpreted("awkward", awkward()));
    cases.extend(networks());
    outputs_agree("onnx_outputs.py", "numpy, onnx, onnxruntime", Format::Onnx, &cases);
}

#[test]
fn the_runner_in_the_documentation_gives_the_same_outputs() {
    let mut cases = interpreted();
    cases.extend(networks());
    outputs_agree("json_outputs.py", "json", Format::Json, &cases);
}
