//! A network as a closed formula: LaTeX for people, source code for programs that want no library.
//!
//! Source code works in double precision and has one function, `network`. Recurrent networks take their state and give the
//! next one; a constant holds the state at the beginning of an episode.

mod latex;
mod scalar;
mod source;

use super::{About, ExportError, check};
use evolvent_nets::Program;
use scalar::{Expression, Id, Scalars, operands};

pub use latex::write_latex;
pub use source::{write_c, write_python, write_rust};

/// Levels of brackets in one statement; compilers and people stop reading somewhere beyond.
const DEEPEST: usize = 12;

/// Which expressions get a name of their own: those that are used more than once, and those that would nest too deeply.
/// Numbers that are names already (constants, inputs, states) need none.
struct Names {
    /// For each expression its number among the named ones.
    of: Vec<Option<usize>>,
}

impl Names {
    fn of(scalars: &Scalars) -> Names {
        let mut depth = vec![0usize; scalars.expressions.len()];
        let mut names = vec![None; scalars.expressions.len()];
        let mut next = 1;
        for id in scalars.used() {
            let expression = &scalars.expressions[id];
            if matches!(expression, Expression::Constant(_) | Expression::Input(_) | Expression::State(_)) {
                continue;
            }
            depth[id] = 1 + operands(expression).into_iter().map(|o| depth[o]).max().unwrap_or(0);
            let chooses = matches!(expression, Expression::MaxAbs(_) | Expression::ArgMax(_));
            // Operands of a choice are written down twice.
            if chooses {
                for operand in operands(expression) {
                    let plain = matches!(
                        scalars.expressions[operand],
                        Expression::Constant(_) | Expression::Input(_) | Expression::State(_)
                    );
                    if !plain && names[operand].is_none() {
                        names[operand] = Some(0);
                        depth[operand] = 0;
                    }
                }
            }
            if scalars.uses[id] > 1 || depth[id] > DEEPEST {
                names[id] = Some(0);
                depth[id] = 0;
            }
        }
        for name in names.iter_mut().flatten() {
            *name = next;
            next += 1;
        }
        Names { of: names }
    }

    /// The named expressions in order, with their numbers.
    fn all(&self) -> impl Iterator<Item = (Id, usize)> + '_ {
        self.of.iter().enumerate().filter_map(|(id, name)| name.map(|n| (id, n)))
    }
}

/// What every writer of formulas starts from.
fn scalars(program: &Program) -> Result<(Scalars, Names), ExportError> {
    check(program)?;
    let scalars = Scalars::of(program)?;
    let names = Names::of(&scalars);
    Ok((scalars, names))
}

/// A name that every language takes: letters, digits and underscores.
fn identifier(name: &str) -> String {
    let mut out: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect();
    if !out.starts_with(|c: char| c.is_ascii_alphabetic()) {
        out.insert(0, 'y');
    }
    // Arguments and intermediate results have names of one letter and a number; some words are taken.
    let short = out.len() == 1 || out[1..].bytes().all(|b| b.is_ascii_digit());
    if short || ["class", "int", "float", "double", "return", "network", "math"].contains(&out.as_str()) {
        out.push('_');
    }
    out
}

/// What the file says about itself, one line each; nothing that could end a comment.
fn header(about: &About) -> Vec<String> {
    let clean = |text: &str| -> String {
        let flat: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        flat.replace("*/", "* /").replace("\"\"\"", "'''").replace('\\', "/")
    };
    about.iter().map(|(key, value)| format!("{}: {}", clean(key), clean(value))).collect()
}
