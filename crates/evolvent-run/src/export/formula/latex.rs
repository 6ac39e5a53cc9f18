//! Formulas as LaTeX: one `align*` environment, four significant digits.

use super::{About, ExportError, Expression, Id, Names, Scalars, header, scalars};
use crate::figures::significant;
use evolvent_nets::{Activation, Program};
use std::fmt::Write;

/// A network as equations. Inputs are `x`, states `s` (primed at the end of the step), intermediate results `h`; needs
/// `amsmath`.
///
/// # Errors
/// If the program contradicts itself or is too large for a formula.
pub fn write_latex(program: &Program, about: &About) -> Result<Vec<u8>, ExportError> {
    let (scalars, names) = scalars(program)?;
    let writer = Writer { scalars: &scalars, names: &names };
    let mut out = String::from("% A network as a formula, written by evolvent.\n");
    header(about).iter().for_each(|line| out.push_str(&format!("% {line}\n")));
    let mut lines = Vec::new();
    for (id, name) in names.all() {
        lines.push(format!("h_{{{name}}} &= {}", writer.body(id)));
    }
    for output in &scalars.outputs {
        let several = output.numbers.len() > 1;
        for (i, &id) in output.numbers.iter().enumerate() {
            let name = format!("\\mathrm{{{}}}", output.name.replace('_', "\\_"));
            let subscript = if several { format!("_{{{}}}", i + 1) } else { String::new() };
            lines.push(format!("{name}{subscript} &= {}", writer.read(id, false)));
        }
    }
    for (i, &id) in scalars.next.iter().enumerate() {
        lines.push(format!("s'_{{{}}} &= {}", i + 1, writer.read(id, false)));
    }
    let _ = writeln!(out, "\\begin{{align*}}\n{}\n\\end{{align*}}", lines.join(" \\\\\n"));
    Ok(out.into_bytes())
}

/// Four significant digits, powers of ten as such.
fn number(x: f64) -> String {
    let text = significant(x, 4);
    match text.split_once('e') {
        Some((mantissa, exponent)) => format!("{mantissa} \\cdot 10^{{{exponent}}}"),
        None => text.replace("inf", "\\infty"),
    }
}

struct Writer<'a> {
    scalars: &'a Scalars,
    names: &'a Names,
}

impl Writer<'_> {
    fn read(&self, id: Id, in_product: bool) -> String {
        match (self.names.of[id], &self.scalars.expressions[id]) {
            (Some(name), _) => format!("h_{{{name}}}"),
            (None, Expression::Sum(..)) if in_product => format!("\\left({}\\right)", self.body(id)),
            (None, Expression::Constant(x)) if in_product && *x < 0.0 => format!("({})", number(*x)),
            _ => self.body(id),
        }
    }

    fn list(&self, ids: &[Id]) -> String {
        ids.iter().map(|&id| self.read(id, false)).collect::<Vec<_>>().join(", ")
    }

    fn body(&self, id: Id) -> String {
        match &self.scalars.expressions[id] {
            Expression::Constant(x) => number(*x),
            Expression::Input(i) => format!("x_{{{}}}", i + 1),
            Expression::State(i) => format!("s_{{{}}}", i + 1),
            Expression::Sum(terms, constant) => {
                let mut out = String::new();
                for &(weight, id) in terms {
                    let value = self.read(id, true);
                    let size = weight.abs();
                    let term = if size == 1.0 { value } else { format!("{}\\,{value}", number(size)) };
                    out.push_str(match (out.is_empty(), weight < 0.0) {
                        (true, true) => "-",
                        (true, false) => "",
                        (false, true) => " - ",
                        (false, false) => " + ",
                    });
                    out.push_str(&term);
                }
                if *constant != 0.0 {
                    out.push_str(if *constant < 0.0 { " - " } else { " + " });
                    out.push_str(&number(constant.abs()));
                }
                out
            }
            Expression::Product(coefficient, ids) => {
                let mut factors: Vec<String> = ids.iter().map(|&id| self.read(id, true)).collect();
                if *coefficient != 1.0 {
                    factors.insert(0, number(*coefficient));
                }
                factors.join(" \\cdot ")
            }
            Expression::Quotient(a, b) => {
                format!("\\frac{{{}}}{{{}}}", self.read(*a, false), self.read(*b, false))
            }
            Expression::Max(ids) => format!("\\max\\left({}\\right)", self.list(ids)),
            Expression::Min(ids) => format!("\\min\\left({}\\right)", self.list(ids)),
            Expression::MaxAbs(ids) => {
                format!("\\operatorname{{maxabs}}\\left({}\\right)", self.list(ids))
            }
            Expression::Clip(x, low, high) => {
                let (low, high) = (number(*low), number(*high));
                format!("\\operatorname{{clip}}_{{[{low}, {high}]}}\\left({}\\right)", self.read(*x, false))
            }
            Expression::Exp(x) => format!("e^{{{}}}", self.read(*x, false)),
            Expression::ArgMax(ids) => {
                format!("\\operatorname{{arg\\,max}}\\left({}\\right)", self.list(ids))
            }
            Expression::Activate(activation, x) => applied(*activation, &self.read(*x, false)),
        }
    }
}

fn applied(activation: Activation, x: &str) -> String {
    let call = |name: &str| format!("{name}\\left({x}\\right)");
    let named = |name: &str| call(&format!("\\operatorname{{{name}}}"));
    match activation {
        Activation::Linear => x.into(),
        Activation::Tanh => call("\\tanh"),
        Activation::Sigmoid => call("\\sigma"),
        Activation::Relu => format!("\\max\\left(0, {x}\\right)"),
        Activation::LeakyRelu => named("leakyrelu"),
        Activation::Elu => named("elu"),
        Activation::Gelu => named("gelu"),
        Activation::Silu => named("silu"),
        Activation::Softplus => named("softplus"),
        Activation::Sin => call("\\sin"),
        Activation::Cos => call("\\cos"),
        Activation::Gauss => format!("e^{{-\\left({x}\\right)^2}}"),
        Activation::Abs => format!("\\left|{x}\\right|"),
        Activation::Step => call("H"),
        Activation::Sign => named("sgn"),
    }
}
