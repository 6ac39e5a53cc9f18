//! Formulas as source code: Python, Rust and C.

use super::{About, ExportError, Expression, Id, Names, Scalars, header, identifier, scalars};
use evolvent_nets::{Activation, Program};
use std::fmt::Write;

/// What a language writes differently.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Language {
    Python,
    Rust,
    C,
}

/// A network as a Python module without imports but `math`.
///
/// # Errors
/// If the program contradicts itself or is too large for a formula.
pub fn write_python(program: &Program, about: &About) -> Result<Vec<u8>, ExportError> {
    let (scalars, names) = scalars(program)?;
    let writer = Writer { scalars: &scalars, names: &names, language: Language::Python };
    let mut out = String::from("\"\"\"A network as a formula, written by evolvent.\n\n");
    header(about).iter().for_each(|line| out.push_str(&format!("{line}\n")));
    out.push_str("\"\"\"\n\nimport math\n\n");
    let _ = writeln!(out, "INPUTS = {}", scalars.inputs);
    let remembers = !scalars.initial.is_empty();
    if remembers {
        let _ = writeln!(out, "INITIAL_STATE = [{}]", initial(&scalars, Language::Python));
    }
    for activation in scalars.activations() {
        let (name, body) = function(activation, Language::Python);
        let _ = write!(out, "\n\ndef {name}(x):\n    return {body}\n");
    }
    let results: Vec<String> = scalars.outputs.iter().map(|o| identifier(&o.name)).collect();
    let (takes, gives) = match remembers {
        true => ("x, s", format!("{}, next_state", results.join(", "))),
        false => ("x", results.join(", ")),
    };
    let _ = write!(out, "\n\ndef network({takes}):\n    \"\"\"{gives} of the observation x");
    out.push_str(if remembers { " and the state s.\"\"\"\n" } else { ".\"\"\"\n" });
    for (id, name) in names.all() {
        let _ = writeln!(out, "    h{name} = {}", writer.body(id));
    }
    for (output, name) in scalars.outputs.iter().zip(&results) {
        let numbers: Vec<String> = output.numbers.iter().map(|&id| writer.read(id, 0)).collect();
        let value = if output.index { numbers.join(", ") } else { format!("[{}]", numbers.join(", ")) };
        let _ = writeln!(out, "    {name} = {value}");
    }
    if remembers {
        let numbers: Vec<String> = scalars.next.iter().map(|&id| writer.read(id, 0)).collect();
        let _ = writeln!(out, "    next_state = [{}]", numbers.join(", "));
    }
    let _ = writeln!(out, "    return {gives}");
    Ok(out.into_bytes())
}

/// A network as a Rust module without dependencies.
///
/// # Errors
/// As for [`write_python`].
pub fn write_rust(program: &Program, about: &About) -> Result<Vec<u8>, ExportError> {
    let (scalars, names) = scalars(program)?;
    let writer = Writer { scalars: &scalars, names: &names, language: Language::Rust };
    let mut out = String::from("// A network as a formula, written by evolvent.\n");
    header(about).iter().for_each(|line| out.push_str(&format!("// {line}\n")));
    let _ = writeln!(out, "\npub const INPUTS: usize = {};", scalars.inputs);
    let states = scalars.initial.len();
    if states > 0 {
        let numbers = initial(&scalars, Language::Rust);
        let _ = writeln!(out, "pub const INITIAL_STATE: [f64; {states}] = [{numbers}];");
    }
    out.push_str("\n#[derive(Clone, Debug, PartialEq)]\npub struct Outputs {\n");
    for output in &scalars.outputs {
        let kind = if output.index { "usize".into() } else { format!("[f64; {}]", output.numbers.len()) };
        let _ = writeln!(out, "    pub {}: {kind},", identifier(&output.name));
    }
    if states > 0 {
        let _ = writeln!(out, "    pub next_state: [f64; {states}],");
    }
    out.push_str("}\n");
    for activation in scalars.activations() {
        let (name, body) = function(activation, Language::Rust);
        let _ = write!(out, "\nfn {name}(x: f64) -> f64 {{\n    {body}\n}}\n");
    }
    let state = if states > 0 { format!(", s: &[f64; {states}]") } else { String::new() };
    let _ = write!(out, "\n#[allow(unused_parens, unused_variables, clippy::all)]\n");
    let _ = writeln!(out, "pub fn network(x: &[f64; INPUTS]{state}) -> Outputs {{");
    for (id, name) in names.all() {
        let kind = if matches!(scalars.expressions[id], Expression::ArgMax(_)) { "usize" } else { "f64" };
        let _ = writeln!(out, "    let h{name}: {kind} = {};", writer.body(id));
    }
    out.push_str("    Outputs {\n");
    for output in &scalars.outputs {
        let numbers: Vec<String> = output.numbers.iter().map(|&id| writer.read(id, 0)).collect();
        let value = if output.index { numbers.join(", ") } else { format!("[{}]", numbers.join(", ")) };
        let _ = writeln!(out, "        {}: {value},", identifier(&output.name));
    }
    if states > 0 {
        let numbers: Vec<String> = scalars.next.iter().map(|&id| writer.read(id, 0)).collect();
        let _ = writeln!(out, "        next_state: [{}],", numbers.join(", "));
    }
    out.push_str("    }\n}\n");
    Ok(out.into_bytes())
}

/// A network as a C99 file; link with `-lm`.
///
/// # Errors
/// As for [`write_python`].
pub fn write_c(program: &Program, about: &About) -> Result<Vec<u8>, ExportError> {
    let (scalars, names) = scalars(program)?;
    let writer = Writer { scalars: &scalars, names: &names, language: Language::C };
    let mut out = String::from("/* A network as a formula, written by evolvent.\n");
    header(about).iter().for_each(|line| out.push_str(&format!(" * {line}\n")));
    out.push_str(" */\n#include <math.h>\n\n");
    let _ = writeln!(out, "enum {{ INPUTS = {} }};", scalars.inputs);
    let states = scalars.initial.len();
    if states > 0 {
        let numbers = initial(&scalars, Language::C);
        let _ = writeln!(out, "static const double INITIAL_STATE[{states}] = {{{numbers}}};");
    }
    for activation in scalars.activations() {
        let (name, body) = function(activation, Language::C);
        let _ = write!(out, "\nstatic double {name}(double x) {{\n    return {body};\n}}\n");
    }
    let mut takes = format!("const double x[{}]", scalars.inputs);
    if states > 0 {
        let _ = write!(takes, ", double s[{states}]");
    }
    for output in &scalars.outputs {
        let name = identifier(&output.name);
        let _ = match output.index {
            true => write!(takes, ", int *{name}"),
            false => write!(takes, ", double {name}[{}]", output.numbers.len()),
        };
    }
    if states > 0 {
        out.push_str("\n/* The state s is replaced by the next one. */");
    }
    let _ = writeln!(out, "\nvoid network({takes}) {{");
    for (id, name) in names.all() {
        let kind = if matches!(scalars.expressions[id], Expression::ArgMax(_)) { "int" } else { "double" };
        let _ = writeln!(out, "    const {kind} h{name} = {};", writer.body(id));
    }
    // The next state is computed whole before the old one is overwritten.
    for (i, &id) in scalars.next.iter().enumerate() {
        let _ = writeln!(out, "    const double n{i} = {};", writer.read(id, 0));
    }
    for output in &scalars.outputs {
        let name = identifier(&output.name);
        for (i, &id) in output.numbers.iter().enumerate() {
            let value = writer.read(id, 0);
            let _ = match output.index {
                true => writeln!(out, "    *{name} = {value};"),
                false => writeln!(out, "    {name}[{i}] = {value};"),
            };
        }
    }
    for i in 0..states {
        let _ = writeln!(out, "    s[{i}] = n{i};");
    }
    out.push_str("}\n");
    Ok(out.into_bytes())
}

fn initial(scalars: &Scalars, language: Language) -> String {
    let numbers: Vec<String> = scalars.initial.iter().map(|&x| number(x.into(), language)).collect();
    numbers.join(", ")
}

/// A number that reads back to the same bits in every language.
fn number(x: f64, language: Language) -> String {
    if x.is_finite() {
        let text = format!("{x:?}");
        return if text.contains(['.', 'e']) { text } else { format!("{text}.0") };
    }
    let (nan, infinite) = match language {
        Language::Python => ("math.nan", "math.inf"),
        Language::Rust => ("f64::NAN", "f64::INFINITY"),
        Language::C => ("NAN", "INFINITY"),
    };
    let sign = if x < 0.0 { "-" } else { "" };
    if x.is_nan() { nan.into() } else { format!("{sign}{infinite}") }
}

struct Writer<'a> {
    scalars: &'a Scalars,
    names: &'a Names,
    language: Language,
}

/// How tightly an expression binds: inside products sums need brackets.
const IN_PRODUCT: usize = 1;

impl Writer<'_> {
    /// A number where it is used: by its name, or written out.
    fn read(&self, id: Id, context: usize) -> String {
        match (self.names.of[id], &self.scalars.expressions[id]) {
            (Some(name), _) => format!("h{name}"),
            (None, Expression::Sum(..) | Expression::Product(..) | Expression::Quotient(..))
                if context >= IN_PRODUCT =>
            {
                format!("({})", self.body(id))
            }
            (None, Expression::Constant(x)) if context >= IN_PRODUCT && *x < 0.0 => {
                format!("({})", number(*x, self.language))
            }
            _ => self.body(id),
        }
    }

    fn list(&self, ids: &[Id]) -> Vec<String> {
        ids.iter().map(|&id| self.read(id, 0)).collect()
    }

    fn body(&self, id: Id) -> String {
        let language = self.language;
        let literal = |x: f64| number(x, language);
        match &self.scalars.expressions[id] {
            Expression::Constant(x) => literal(*x),
            Expression::Input(i) => format!("x[{i}]"),
            Expression::State(i) => format!("s[{i}]"),
            Expression::Sum(terms, constant) => {
                let mut out = if *constant == 0.0 { String::new() } else { literal(*constant) };
                for &(weight, id) in terms {
                    let size = weight.abs();
                    let value = self.read(id, IN_PRODUCT);
                    let term = if size == 1.0 { value } else { format!("{} * {value}", literal(size)) };
                    let sign = match (out.is_empty(), weight < 0.0) {
                        (true, true) => "-",
                        (true, false) => "",
                        (false, true) => " - ",
                        (false, false) => " + ",
                    };
                    out.push_str(sign);
                    out.push_str(&term);
                }
                out
            }
            Expression::Product(coefficient, ids) => {
                let mut factors: Vec<String> = ids.iter().map(|&id| self.read(id, IN_PRODUCT)).collect();
                if *coefficient != 1.0 {
                    factors.insert(0, literal(*coefficient));
                }
                factors.join(" * ")
            }
            Expression::Quotient(a, b) => {
                format!("{} / {}", self.read(*a, IN_PRODUCT), self.read(*b, IN_PRODUCT))
            }
            Expression::Max(ids) => self.nested("max", &self.list(ids)),
            Expression::Min(ids) => self.nested("min", &self.list(ids)),
            Expression::Clip(x, low, high) => {
                let raised = self.nested("max", &[self.read(*x, 0), literal(*low)]);
                self.nested("min", &[raised, literal(*high)])
            }
            Expression::Exp(x) => self.call("exp", &self.read(*x, 0)),
            Expression::Activate(activation, x) => {
                format!("{}({})", function(*activation, language).0, self.read(*x, 0))
            }
            Expression::MaxAbs(ids) => self.largest(&self.list(ids)),
            Expression::ArgMax(ids) => self.index_of_largest(&self.list(ids)),
        }
    }

    /// A function of the language's mathematics.
    fn call(&self, name: &str, x: &str) -> String {
        match self.language {
            Language::Python => format!("math.{name}({x})"),
            Language::Rust => format!("f64::{name}({x})"),
            Language::C => format!("{name}({x})"),
        }
    }

    /// `max(a, max(b, c))`, or all at once where the language can.
    fn nested(&self, name: &str, list: &[String]) -> String {
        let joined = |f: &str| {
            let (last, rest) = list.split_last().expect("at least one operand");
            rest.iter().rev().fold(last.clone(), |inner, x| format!("{f}({x}, {inner})"))
        };
        match self.language {
            Language::Python => format!("{name}({})", list.join(", ")),
            Language::Rust => joined(&format!("f64::{name}")),
            Language::C => joined(&format!("f{name}")),
        }
    }

    /// The one with the largest absolute value, the first of equals. The operands are names or plain numbers.
    fn largest(&self, list: &[String]) -> String {
        if self.language == Language::Python {
            return format!("max({}, key=abs)", list.join(", "));
        }
        let abs = |x: &str| {
            if self.language == Language::C { format!("fabs({x})") } else { format!("f64::abs({x})") }
        };
        self.choose(list, list, &abs)
    }

    fn index_of_largest(&self, list: &[String]) -> String {
        if self.language == Language::Python {
            return format!("max(range({}), key=[{}].__getitem__)", list.len(), list.join(", "));
        }
        let indices: Vec<String> = (0..list.len()).map(|i| i.to_string()).collect();
        self.choose(list, &indices, &|x: &str| x.to_owned())
    }

    /// The result that belongs to the first operand that no other one exceeds.
    fn choose(&self, list: &[String], results: &[String], key: &dyn Fn(&str) -> String) -> String {
        let mut out = String::new();
        for i in 0..list.len() - 1 {
            let beats: Vec<String> = (0..list.len())
                .filter(|&j| j != i)
                .map(|j| {
                    let sign = if j < i { ">" } else { ">=" };
                    format!("{} {sign} {}", key(&list[i]), key(&list[j]))
                })
                .collect();
            let condition = beats.join(" && ");
            let _ = match self.language {
                Language::C => write!(out, "{condition} ? {} : ", results[i]),
                _ => write!(out, "if {condition} {{ {} }} else ", results[i]),
            };
        }
        let last = &results[results.len() - 1];
        match self.language {
            Language::C => format!("({out}{last})"),
            _ if out.is_empty() => last.clone(),
            _ => format!("({out}{{ {last} }})"),
        }
    }
}

/// The name and the body of an activation.
fn function(activation: Activation, language: Language) -> (&'static str, String) {
    let f = |name: &str, x: &str| match language {
        Language::Python => format!("math.{name}({x})"),
        Language::Rust => {
            let name = match name {
                "expm1" => "exp_m1",
                "log1p" => "ln_1p",
                "fabs" => "abs",
                other => other,
            };
            format!("f64::{name}({x})")
        }
        Language::C => format!("{name}({x})"),
    };
    let either = |condition: &str, yes: &str, no: &str| match language {
        Language::Python => format!("{yes} if {condition} else {no}"),
        Language::Rust => format!("if {condition} {{ {yes} }} else {{ {no} }}"),
        Language::C => format!("{condition} ? {yes} : {no}"),
    };
    // e^-x of a very negative number is more than a double holds, which Python makes an error of.
    let sigmoid = |scale: &str| either("x > -700.0", &format!("{scale} / (1.0 + {})", f("exp", "-x")), "0.0");
    let gelu = "0.7978845608028654 * (x + 0.044715 * x * x * x)";
    match activation {
        Activation::Linear => ("linear", "x".into()),
        Activation::Tanh => ("tanh_", f("tanh", "x")),
        Activation::Sigmoid => ("sigmoid", sigmoid("1.0")),
        Activation::Relu => ("relu", either("x > 0.0", "x", "0.0")),
        Activation::LeakyRelu => ("leaky_relu", either("x > 0.0", "x", "0.01 * x")),
        Activation::Elu => ("elu", either("x > 0.0", "x", &f("expm1", "x"))),
        Activation::Gelu => ("gelu", format!("0.5 * x * (1.0 + {})", f("tanh", gelu))),
        Activation::Silu => ("silu", sigmoid("x")),
        Activation::Softplus => {
            let tail = f("log1p", &f("exp", &format!("-{}", f("fabs", "x"))));
            ("softplus", either("x > 0.0", &format!("x + {tail}"), &tail))
        }
        Activation::Sin => ("sin_", f("sin", "x")),
        Activation::Cos => ("cos_", f("cos", "x")),
        Activation::Gauss => ("gauss", f("exp", "-x * x")),
        Activation::Abs => ("abs_", f("fabs", "x")),
        Activation::Step => ("step", either("x > 0.0", "1.0", "0.0")),
        Activation::Sign => {
            let rest = either("x < 0.0", "-1.0", "0.0");
            let rest = if language == Language::Rust { rest } else { format!("({rest})") };
            ("sign", either("x > 0.0", "1.0", &rest))
        }
    }
}
