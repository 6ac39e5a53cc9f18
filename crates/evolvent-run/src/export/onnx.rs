//! ONNX: a `ModelProto` written directly, one graph, one to a few nodes per operation.
//!
//! * The batch axis comes first and is dynamic (`batch`).
//! * A recurrent network is one time step: each state is an input and an output of the graph. What a state is at the
//!   beginning of an episode stands in the metadata under `initial.NAME` as a JSON array, for one sample.
//! * Opset 17 with IR version 8, which ONNX Runtime reads from 1.12 (2022) on; nothing newer is needed.

use super::{About, ExportError, check};
use crate::protobuf::Message;
use evolvent_nets::{
    Activation,
    program::{Element, Initializer, Kind, Op, Port, Program, Reduction},
};
use std::collections::BTreeSet;

/// The version of the operator set.
pub const OPSET: i64 = 17;
/// The version of the file format.
pub const IR_VERSION: i64 = 8;

/// `TensorProto.DataType`.
const FLOAT: i64 = 1;
const INT64: i64 = 7;

/// `AttributeProto.AttributeType`.
const ATTRIBUTE_FLOAT: i64 = 1;
const ATTRIBUTE_INT: i64 = 2;
const ATTRIBUTE_INTS: i64 = 7;

/// The network as an ONNX model.
pub fn write_onnx(program: &Program, about: &About) -> Result<Vec<u8>, ExportError> {
    let mut graph = Graph { taken: check(program)?.into_keys().collect(), ..Graph::default() };
    for constant in &program.initializers {
        graph.floats(constant);
    }
    for op in &program.ops {
        graph.operation(op);
    }
    let given: Vec<&str> = program.inputs.iter().map(|port| port.name.as_str()).collect();
    let remembered: Vec<&str> = program.states.iter().map(|state| state.input.name.as_str()).collect();
    let mut outputs: Vec<Port> = Vec::new();
    let next = program.states.iter().map(|s| Port { name: s.output.clone(), ..s.input.clone() });
    for port in program.outputs.iter().cloned().chain(next) {
        // A graph's output may be neither one of its inputs nor listed twice: it gets a name of its own then.
        let name = port.name.as_str();
        let clash =
            given.contains(&name) || remembered.contains(&name) || outputs.iter().any(|p| p.name == name);
        let name = if clash { graph.inner("Identity", &[name], name) } else { port.name.clone() };
        outputs.push(Port { name, ..port });
    }

    let mut proto = Message::default();
    graph.nodes.iter().for_each(|node| {
        proto.message(1, node);
    });
    proto.string(2, "network");
    graph.initializers.iter().for_each(|tensor| {
        proto.message(5, tensor);
    });
    for port in program.inputs.iter().chain(program.states.iter().map(|s| &s.input)) {
        proto.message(11, &value_info(port));
    }
    for port in &outputs {
        proto.message(12, &value_info(port));
    }

    let mut opset = Message::default();
    opset.string(1, "").int(2, OPSET);
    let mut model = Message::default();
    model.int(1, IR_VERSION).string(2, "evolvent").string(3, env!("CARGO_PKG_VERSION"));
    model.message(7, &proto).message(8, &opset);
    let initial = program.states.iter().map(|s| {
        let numbers: Vec<String> = s.initial.iter().map(f32::to_string).collect();
        (format!("initial.{}", s.input.name), format!("[{}]", numbers.join(",")))
    });
    for (key, value) in about.iter().cloned().chain(initial) {
        let mut entry = Message::default();
        entry.string(1, &key).string(2, &value);
        model.message(14, &entry);
    }
    Ok(model.as_bytes().to_vec())
}

/// Name, element type and shape of an input or output.
fn value_info(port: &Port) -> Message {
    let mut shape = Message::default();
    let mut batch = Message::default();
    batch.string(2, "batch");
    shape.message(1, &batch);
    for &length in &port.shape {
        let mut dimension = Message::default();
        dimension.int(1, length as i64);
        shape.message(1, &dimension);
    }
    let mut tensor = Message::default();
    tensor.int(1, if port.element == Element::I64 { INT64 } else { FLOAT }).message(2, &shape);
    let mut kind = Message::default();
    kind.message(1, &tensor);
    let mut info = Message::default();
    info.string(1, &port.name).message(2, &kind);
    info
}

/// An attribute of a node.
enum Attribute<'a> {
    Float(&'a str, f32),
    Int(&'a str, i64),
    Ints(&'a str, &'a [i64]),
}

impl Attribute<'_> {
    fn message(&self) -> Message {
        let mut m = Message::default();
        match *self {
            Attribute::Float(name, value) => m.string(1, name).float(2, value).int(20, ATTRIBUTE_FLOAT),
            Attribute::Int(name, value) => m.string(1, name).int(3, value).int(20, ATTRIBUTE_INT),
            Attribute::Ints(name, values) => m.string(1, name).ints(8, values).int(20, ATTRIBUTE_INTS),
        };
        m
    }
}

/// Nodes and constants so far.
#[derive(Default)]
struct Graph {
    nodes: Vec<Message>,
    initializers: Vec<Message>,
    /// All names in use.
    taken: BTreeSet<String>,
}

impl Graph {
    /// A name that nothing else has.
    fn fresh(&mut self, near: &str) -> String {
        let mut number = 1;
        loop {
            let name = format!("{near}/{number}");
            if self.taken.insert(name.clone()) {
                return name;
            }
            number += 1;
        }
    }

    fn node(&mut self, kind: &str, inputs: &[&str], output: &str, attributes: &[Attribute<'_>]) {
        let mut node = Message::default();
        inputs.iter().for_each(|name| {
            node.string(1, name);
        });
        node.string(2, output).string(3, output).string(4, kind);
        attributes.iter().for_each(|attribute| {
            node.message(5, &attribute.message());
        });
        self.nodes.push(node);
    }

    /// A node whose output is used inside an operation only.
    fn inner(&mut self, kind: &str, inputs: &[&str], near: &str) -> String {
        let name = self.fresh(near);
        self.node(kind, inputs, &name, &[]);
        name
    }

    fn tensor(&mut self, name: &str, shape: &[i64], element: i64, raw: &[u8]) {
        let mut tensor = Message::default();
        tensor.ints(1, shape).int(2, element).string(8, name).bytes(9, raw);
        self.initializers.push(tensor);
    }

    fn floats(&mut self, constant: &Initializer) {
        let raw: Vec<u8> = constant.data.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.tensor(&constant.name, &as_ints(&constant.shape), FLOAT, &raw);
    }

    fn scalar(&mut self, near: &str, value: f32) -> String {
        let name = self.fresh(near);
        self.tensor(&name, &[], FLOAT, &value.to_le_bytes());
        name
    }

    fn integers(&mut self, near: &str, values: &[i64]) -> String {
        let name = self.fresh(near);
        let raw: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.tensor(&name, &[values.len() as i64], INT64, &raw);
        name
    }

    fn operation(&mut self, op: &Op) {
        use Attribute::{Int, Ints};
        let out = op.output.as_str();
        let inputs: Vec<&str> = op.inputs.iter().map(String::as_str).collect();
        match &op.kind {
            Kind::MatMul => self.node("MatMul", &inputs, out, &[]),
            Kind::Gemm => self.node("Gemm", &inputs, out, &[]),
            Kind::Conv { stride, padding } => {
                let [rows, columns] = padding.map(|n| n as i64);
                let pads = [rows, columns, rows, columns];
                self.node("Conv", &inputs, out, &[Ints("strides", &as_ints(stride)), Ints("pads", &pads)]);
            }
            Kind::MaxPool { size, stride } | Kind::AveragePool { size, stride } => {
                let kind = if matches!(op.kind, Kind::MaxPool { .. }) { "MaxPool" } else { "AveragePool" };
                let shape = as_ints(size);
                self.node(
                    kind,
                    &inputs,
                    out,
                    &[Ints("kernel_shape", &shape), Ints("strides", &as_ints(stride))],
                );
            }
            Kind::Flatten => self.reshape(&inputs, out, &[-1]),
            Kind::Reshape { shape } => self.reshape(&inputs, out, &as_ints(shape)),
            Kind::Concat { axis } => self.node("Concat", &inputs, out, &[Int("axis", *axis as i64 + 1)]),
            Kind::Slice { axis, start, end } => {
                let [start, end, axis] = [*start, *end, *axis + 1].map(|n| self.integers(out, &[n as i64]));
                self.node("Slice", &[inputs[0], &start, &end, &axis], out, &[]);
            }
            Kind::Gather { axis, indices } => {
                let indices = self.integers(out, &as_ints(indices));
                self.node("Gather", &[inputs[0], &indices], out, &[Int("axis", *axis as i64 + 1)]);
            }
            Kind::Add => self.node("Add", &inputs, out, &[]),
            Kind::Sub => self.node("Sub", &inputs, out, &[]),
            Kind::Mul => self.node("Mul", &inputs, out, &[]),
            Kind::Div => self.node("Div", &inputs, out, &[]),
            Kind::Max => self.node("Max", &inputs, out, &[]),
            Kind::Min => self.node("Min", &inputs, out, &[]),
            Kind::Activate(activation) => self.activation(*activation, inputs[0], out),
            Kind::Clip { low, high } => {
                let (low, high) = (self.scalar(out, *low), self.scalar(out, *high));
                self.node("Clip", &[inputs[0], &low, &high], out, &[]);
            }
            Kind::Softmax => self.node("Softmax", &inputs, out, &[Int("axis", -1)]),
            Kind::ArgMax => self.node("ArgMax", &inputs, out, &[Int("axis", -1), Int("keepdims", 0)]),
            Kind::Reduce(Reduction::Sum) => {
                let axes = self.integers(out, &[-1]);
                self.node("ReduceSum", &[inputs[0], &axes], out, &[Int("keepdims", 1)]);
            }
            Kind::Reduce(Reduction::MaxAbs) => {
                let size = self.inner("Abs", &inputs, out);
                let at = self.fresh(out);
                // The first of equals is what ArgMax gives unless told otherwise.
                self.node("ArgMax", &[&size], &at, &[Int("axis", -1), Int("keepdims", 1)]);
                self.node("GatherElements", &[inputs[0], &at], out, &[Int("axis", -1)]);
            }
            Kind::Reduce(reduction) => {
                let kind = match reduction {
                    Reduction::Mean => "ReduceMean",
                    Reduction::Product => "ReduceProd",
                    Reduction::Max => "ReduceMax",
                    Reduction::Min | Reduction::Sum | Reduction::MaxAbs => "ReduceMin",
                };
                self.node(kind, &inputs, out, &[Ints("axes", &[-1]), Int("keepdims", 1)]);
            }
        }
    }

    /// Another shape behind the batch axis, which 0 leaves as it is.
    fn reshape(&mut self, inputs: &[&str], out: &str, shape: &[i64]) {
        let mut whole = vec![0];
        whole.extend_from_slice(shape);
        let shape = self.integers(out, &whole);
        self.node("Reshape", &[inputs[0], &shape], out, &[]);
    }

    fn activation(&mut self, activation: Activation, x: &str, out: &str) {
        use Attribute::{Float, Int};
        match activation {
            Activation::Linear => self.node("Identity", &[x], out, &[]),
            Activation::Tanh => self.node("Tanh", &[x], out, &[]),
            Activation::Sigmoid => self.node("Sigmoid", &[x], out, &[]),
            Activation::Relu => self.node("Relu", &[x], out, &[]),
            Activation::LeakyRelu => self.node("LeakyRelu", &[x], out, &[Float("alpha", 0.01)]),
            Activation::Elu => self.node("Elu", &[x], out, &[Float("alpha", 1.0)]),
            Activation::Gelu => {
                // ½ x (1 + tanh(x (s + 0.044715 s x²))) with s = √(2/π); the operator of that name needs opset 20.
                let root = (2.0 / std::f64::consts::PI).sqrt();
                let square = self.inner("Mul", &[x, x], out);
                let cubic = self.scalar(out, (0.044715 * root) as f32);
                let scaled = self.inner("Mul", &[&square, &cubic], out);
                let slope = self.scalar(out, root as f32);
                let factor = self.inner("Add", &[&scaled, &slope], out);
                let inside = self.inner("Mul", &[x, &factor], out);
                let squashed = self.inner("Tanh", &[&inside], out);
                let one = self.scalar(out, 1.0);
                let gate = self.inner("Add", &[&squashed, &one], out);
                let half = self.scalar(out, 0.5);
                let halved = self.inner("Mul", &[x, &half], out);
                self.node("Mul", &[&halved, &gate], out, &[]);
            }
            Activation::Silu => {
                let gate = self.inner("Sigmoid", &[x], out);
                self.node("Mul", &[x, &gate], out, &[]);
            }
            Activation::Softplus => self.node("Softplus", &[x], out, &[]),
            Activation::Sin => self.node("Sin", &[x], out, &[]),
            Activation::Cos => self.node("Cos", &[x], out, &[]),
            Activation::Gauss => {
                let square = self.inner("Mul", &[x, x], out);
                let negative = self.inner("Neg", &[&square], out);
                self.node("Exp", &[&negative], out, &[]);
            }
            Activation::Abs => self.node("Abs", &[x], out, &[]),
            Activation::Step => {
                let zero = self.scalar(out, 0.0);
                let above = self.inner("Greater", &[x, &zero], out);
                self.node("Cast", &[&above], out, &[Int("to", FLOAT)]);
            }
            Activation::Sign => self.node("Sign", &[x], out, &[]),
        }
    }
}

fn as_ints(sizes: &[usize]) -> Vec<i64> {
    sizes.iter().map(|&n| n as i64).collect()
}
