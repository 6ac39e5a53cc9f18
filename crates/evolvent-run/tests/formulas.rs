//! Closed formulas in the languages that they are written in, against the interpreter of the programs that they were made
//! from; pictures, as far as a test can look at them.

mod graphs;
mod python;

use evolvent_core::{Auto, Interface, Output, Purpose, RunKey, Vector, stream};
use evolvent_nets::{
    Activation, Cell, Conv, Dense, Describe, NetworkConfig, Normalizer, Recurrent,
    conv::{ConvLayer, Filters, Pool},
    program::{Element, Interpreter, Kind, Program, Reduction},
};
use evolvent_run::export::{
    ExportError, Format,
    picture::{Detail, numbered, write_dot, write_svg},
};
use std::{fmt::Write, fs, process::Command, sync::Arc};

const STEPS: usize = 3;

struct Case {
    name: String,
    program: Program,
    steps: Vec<Vec<f32>>,
    /// All outputs of all steps, one after the other.
    expected: Vec<f32>,
}

fn case(name: &str, program: Program) -> Case {
    let width: usize = program.inputs[0].shape.iter().product();
    let mut rng = stream(RunKey::from_seed(3), 0, 0, 0, Purpose::Problem);
    let steps: Vec<Vec<f32>> = (0..STEPS)
        .map(|_| (0..width).map(|_| (rng.normal() * 64.0).round() as f32 / 64.0).collect())
        .collect();
    let mut interpreter = Interpreter::new(program.clone()).unwrap();
    let expected = steps.iter().flat_map(|x| interpreter.step(x).unwrap().concat()).collect();
    Case { name: name.into(), program, steps, expected }
}

fn vector<C: NetworkConfig<Genome = Vector>>(config: &C, interface: &Interface) -> Program {
    let mut rng = stream(RunKey::from_seed(5), 0, 0, 0, Purpose::Init);
    let genome: Vec<f32> = config
        .genes(interface)
        .sample(&mut rng)
        .iter()
        .map(|&x| x as f32 + 0.1 * rng.normal() as f32)
        .collect();
    let mut network = config.blank(interface);
    config.decode(&genome, &mut network).unwrap();
    network.program_with_head(&config.head(interface))
}

/// Every activation and every reduction, one after the other, with a softmax and a quotient.
fn operations() -> Program {
    let mut p = Program::default();
    let x = p.input("observation", &[4]);
    let mut parts = vec![x.clone()];
    for activation in Activation::ALL {
        parts.push(p.op(&format!("{activation:?}"), Kind::Activate(activation), &[&x]));
    }
    for reduction in Reduction::ALL {
        parts.push(p.op(&format!("{reduction:?}"), Kind::Reduce(reduction), &[&x]));
    }
    let soft = p.op("soft", Kind::Softmax, &[&x]);
    parts.push(p.op("ratio", Kind::Div, &[&x, &soft]));
    parts.push(p.op("larger", Kind::Max, &[&x, &soft]));
    parts.push(soft);
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    p.op("output", Kind::Concat { axis: 0 }, &parts);
    p.op("class", Kind::ArgMax, &["output"]);
    let width = p.check().unwrap()["output"].shape[0];
    p.output("output", &[width]);
    p.outputs.push(evolvent_nets::program::Port {
        name: "class".into(),
        shape: vec![],
        element: Element::I64,
    });
    p
}

fn cases() -> Vec<Case> {
    let mut all = vec![case("operations", operations())];
    for (i, grown) in graphs::networks().into_iter().enumerate() {
        let mut network = grown.network;
        if i % 2 == 0 {
            let (mean, inv_std) = (vec![0.1, -0.2, 0.0, 0.5], vec![1.5, 1.0, 0.5, 2.0]);
            network.set_normalizer(Some(Arc::new(Normalizer { mean, inv_std, clip: 2.5 })));
        }
        all.push(case(&grown.name, network.program_with_head(&grown.decoder.head(&grown.interface))));
    }
    let interface = |input: &[usize], output| Interface { input: input.to_vec(), output };
    let dense = Dense { hidden: vec![5, 4], ..Dense::default() };
    all.push(case("dense", vector(&dense, &interface(&[3], Output::Classes(3)))));
    let gru = Recurrent { cell: Cell::Gru, hidden: vec![3], ..Recurrent::default() };
    all.push(case("gru", vector(&gru, &interface(&[2], Output::Values(2)))));
    let filters = ConvLayer::Conv(Filters { filters: 2, kernel: 3, stride: 1, padding: 1 });
    let pool = ConvLayer::MaxPool(Pool { size: 2, stride: Auto::Auto });
    let conv = Conv { layers: vec![filters, pool], ..Conv::default() };
    all.push(case("conv", vector(&conv, &interface(&[1, 5, 5], Output::Classes(2)))));
    all
}

fn compare(language: &str, case: &Case, found: &[f32]) {
    assert_eq!(found.len(), case.expected.len(), "{language}, {}", case.name);
    for (f, e) in found.iter().zip(&case.expected) {
        let close = f == e || (f - e).abs() <= 1e-5 * e.abs().max(1.0);
        assert!(close, "{language}, {}: {f} where {e} is expected", case.name);
    }
}

/// Numbers that a program printed, one line for each case.
fn printed(output: &[u8]) -> Vec<Vec<f32>> {
    let text = String::from_utf8_lossy(output);
    text.lines().map(|line| line.split_whitespace().map(|n| n.parse().unwrap()).collect()).collect()
}

fn run(command: &mut Command, what: &str) -> Vec<u8> {
    let output = command.output().unwrap_or_else(|e| panic!("{what}: {e}"));
    assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn source(case: &Case, format: Format) -> String {
    let about = vec![("problem".into(), "a \"\"\" */ \\ b\nc".into())];
    String::from_utf8(format.write(&case.program, &about).unwrap()).unwrap()
}

/// The names of the outputs as the source code spells them, and whether they are one integer.
fn outputs(case: &Case) -> Vec<(String, bool)> {
    let name = |name: &str| if name == "class" { "class_".to_owned() } else { name.replace('.', "_") };
    case.program.outputs.iter().map(|o| (name(&o.name), o.element == Element::I64)).collect()
}

#[test]
fn rust_source_computes_the_network() {
    let (cases, dir) = (cases(), tempfile::tempdir().unwrap());
    let (mut text, mut main) = (String::new(), String::from("fn main() {\n"));
    for (i, case) in cases.iter().enumerate() {
        let _ = writeln!(text, "mod case{i} {{\n{}}}", source(case, Format::Rust));
        let remembers = !case.program.states.is_empty();
        main.push_str("{\n");
        if remembers {
            let _ = writeln!(main, "let mut s = case{i}::INITIAL_STATE;");
        }
        for step in &case.steps {
            let state = if remembers { ", &s" } else { "" };
            let _ = writeln!(main, "let y = case{i}::network(&{step:?}{state});");
            for (name, index) in outputs(case) {
                let _ = match index {
                    true => writeln!(main, "print!(\"{{}} \", y.{name});"),
                    false => writeln!(main, "y.{name}.iter().for_each(|v| print!(\"{{v:e}} \"));"),
                };
            }
            if remembers {
                main.push_str("s = y.next_state;\n");
            }
        }
        main.push_str("println!();\n}\n");
    }
    fs::write(dir.path().join("main.rs"), format!("#![allow(dead_code, unused)]\n{text}{main}}}\n")).unwrap();
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let arguments = ["--edition", "2021", "-o", "main", "main.rs"];
    run(Command::new(rustc).args(arguments).current_dir(dir.path()), "rustc");
    let found = printed(&run(&mut Command::new(dir.path().join("main")), "the program"));
    assert_eq!(found.len(), cases.len());
    cases.iter().zip(&found).for_each(|(case, found)| compare("Rust", case, found));
}

#[test]
#[allow(clippy::print_stderr)] // a test says that it skips
fn c_source_computes_the_network() {
    let (cases, dir) = (cases(), tempfile::tempdir().unwrap());
    if !Command::new("cc").arg("--version").output().is_ok_and(|o| o.status.success()) {
        eprintln!("skipped: there is no C compiler");
        return;
    }
    for case in &cases {
        let mut text = format!("#include <stdio.h>\n{}\nint main(void) {{\n", source(case, Format::C));
        let remembers = !case.program.states.is_empty();
        let states: usize = case.program.states.iter().map(|s| s.initial.len()).sum();
        if remembers {
            let _ = writeln!(
                text,
                "double s[{states}];\nfor (int i = 0; i < {states}; i++) s[i] = INITIAL_STATE[i];"
            );
        }
        let mut arguments = String::from("x");
        if remembers {
            arguments.push_str(", s");
        }
        let mut printing = String::new();
        for ((name, index), port) in outputs(case).into_iter().zip(&case.program.outputs) {
            let length: usize = port.shape.iter().product();
            let _ = match index {
                true => {
                    let _ = writeln!(text, "int {name};");
                    let _ = write!(arguments, ", &{name}");
                    writeln!(printing, "printf(\"%d \", {name});")
                }
                false => {
                    let _ = writeln!(text, "double {name}[{length}];");
                    let _ = write!(arguments, ", {name}");
                    writeln!(printing, "for (int i = 0; i < {length}; i++) printf(\"%.17g \", {name}[i]);")
                }
            };
        }
        for step in &case.steps {
            let numbers: Vec<String> = step.iter().map(|v| format!("{v:?}")).collect();
            let _ = writeln!(
                text,
                "{{ double x[] = {{{}}}; network({arguments}); {printing} }}",
                numbers.join(", ")
            );
        }
        text.push_str("printf(\"\\n\");\nreturn 0;\n}\n");
        let file = format!("{}.c", case.name);
        fs::write(dir.path().join(&file), text).unwrap();
        let arguments = [
            "-std=c99",
            "-Wall",
            "-Werror",
            "-Wno-unused-variable",
            "-Wno-parentheses",
            "-o",
            "main",
            &file,
            "-lm",
        ];
        run(Command::new("cc").args(arguments).current_dir(dir.path()), &file);
        let found = printed(&run(&mut Command::new(dir.path().join("main")), &file));
        compare("C", case, &found[0]);
    }
}

#[test]
fn python_source_computes_the_network() {
    let (cases, dir) = (cases(), tempfile::tempdir().unwrap());
    for case in &cases {
        let write = |ending: &str, text: String| {
            fs::write(dir.path().join(format!("{}.{ending}", case.name)), text).unwrap();
        };
        write("formula.py", source(case, Format::Python));
        write("json", serde_json::to_string(&case.steps).unwrap());
    }
    if !python::run_script("formula_outputs.py", "math", dir.path()) {
        return;
    }
    for case in &cases {
        let text = fs::read_to_string(dir.path().join(format!("{}.out.json", case.name))).unwrap();
        compare("Python", case, &serde_json::from_str::<Vec<f32>>(&text).unwrap());
    }
}

#[test]
fn latex_is_balanced_and_names_everything() {
    for case in cases() {
        let text = source(&case, Format::Latex);
        for (open, close) in [("{", "}"), ("\\left", "\\right"), ("\\begin", "\\end")] {
            assert_eq!(text.matches(open).count(), text.matches(close).count(), "{}: {open}", case.name);
        }
        for output in &case.program.outputs {
            assert!(text.contains(&format!("\\mathrm{{{}}}", output.name)), "{}: {text}", case.name);
        }
        let states: usize = case.program.states.iter().map(|s| s.initial.len()).sum();
        assert_eq!(text.matches("s'_").count(), states, "{}", case.name);
    }
}

/// One connection, one term: nothing dead is written.
#[test]
fn a_formula_has_one_term_for_each_connection() {
    let mut p = Program::default();
    let x = p.input("observation", &[3]);
    let w = p.constant("w", &[3, 2], vec![0.5, 0.0, 0.0, 1.0, 0.0, 0.0]);
    let b = p.constant("b", &[2], vec![0.25, 0.0]);
    let h = p.op("h", Kind::Gemm, &[&x, &w, &b]);
    p.op("output", Kind::Activate(Activation::Tanh), &[&h]);
    p.output("output", &[2]);
    let text = String::from_utf8(Format::Python.write(&p, &vec![]).unwrap()).unwrap();
    assert!(text.contains("output = [tanh_(0.25 + 0.5 * x[0]), tanh_(x[1])]"), "{text}");
    assert!(!text.contains("x[2]") && !text.contains("h1"));
}

#[test]
fn what_nobody_can_read_is_refused() {
    let dense = Dense { hidden: vec![300, 400], ..Dense::default() };
    let program = vector(&dense, &Interface { input: vec![10], output: Output::Values(1) });
    let error = Format::Rust.write(&program, &vec![]).unwrap_err();
    assert!(matches!(error, ExportError::TooLarge { .. }), "{error}");
}

#[test]
fn pictures_show_what_an_output_can_see() {
    for grown in graphs::networks() {
        let (graph, inputs) = (&grown.graph, &numbered(grown.interface.inputs()));
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let network = text(write_dot(graph, inputs, Detail::Network));
        let genome = text(write_dot(graph, inputs, Detail::Genome));
        assert_eq!(network.matches(" -> ").count(), grown.network.connections(), "{network}");
        assert_eq!(genome.matches(" -> ").count(), graph.structure.connections());
        assert_eq!(genome.matches("style=dashed").count(), graph.structure.connections() - graph.expressed());
        let svg = text(write_svg(graph, inputs, Detail::Genome));
        assert_eq!(svg.matches("<path").count(), graph.structure.connections());
        assert_eq!(
            svg.matches("<circle").count() + svg.matches("<rect x=").count(),
            graph.structure.nodes.len()
        );
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>") && !svg.contains("NaN"));
    }
}
