//! Networks written for other programs: ONNX, safetensors, JSON, and formulas as LaTeX and source code. All of them are
//! made from a [`Program`] and nothing else, so a network that describes itself can be exported. Pictures are of graph
//! genomes.

mod formula;
mod json;
mod onnx;
pub mod picture;
mod safetensors;

use evolvent_nets::program::{Info, Kind, Program, ProgramError};
use std::{collections::BTreeMap, fmt, str::FromStr};

pub use formula::{write_c, write_latex, write_python, write_rust};
pub use json::{read_json, write_json};
pub use onnx::{IR_VERSION, OPSET, write_onnx};
pub use safetensors::{read_safetensors, write_safetensors};

/// What a model file says about itself: names and texts, in order (`problem`, `algorithm`, `seed` …).
pub type About = Vec<(String, String)>;

/// A file format for networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For ONNX Runtime and everything else that reads ONNX.
    Onnx,
    /// The weights as named arrays, and the operations as metadata. Reads back.
    Safetensors,
    /// Everything as text. Reads back.
    Json,
    /// The closed formula for people.
    Latex,
    /// The closed formula as a Python module.
    Python,
    /// The closed formula as a Rust module.
    Rust,
    /// The closed formula as a C file.
    C,
}

impl Format {
    /// All formats.
    pub const ALL: [Format; 7] = [
        Format::Onnx,
        Format::Safetensors,
        Format::Json,
        Format::Latex,
        Format::Python,
        Format::Rust,
        Format::C,
    ];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Format::Onnx => "onnx",
            Format::Safetensors => "safetensors",
            Format::Json => "json",
            Format::Latex => "latex",
            Format::Python => "python",
            Format::Rust => "rust",
            Format::C => "c",
        }
    }

    /// The bytes of a file that holds the network.
    pub fn write(self, program: &Program, about: &About) -> Result<Vec<u8>, ExportError> {
        match self {
            Format::Onnx => write_onnx(program, about),
            Format::Safetensors => write_safetensors(program, about),
            Format::Json => write_json(program, about),
            Format::Latex => write_latex(program, about),
            Format::Python => write_python(program, about),
            Format::Rust => write_rust(program, about),
            Format::C => write_c(program, about),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = ExportError;

    fn from_str(name: &str) -> Result<Self, ExportError> {
        Format::ALL
            .into_iter()
            .find(|format| format.name() == name)
            .ok_or_else(|| ExportError::UnknownFormat(name.into()))
    }
}

/// Why a network cannot be written, or a file of a network cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// No format has this name.
    #[error("`{0}` is no export format; expected onnx, safetensors, json, latex, python, rust or c")]
    UnknownFormat(String),
    /// The program contradicts itself.
    #[error("the network's description is not consistent: {0}")]
    Program(#[from] ProgramError),
    /// An operation's setting that the format has no number for.
    #[error("`{name}` has the setting {value}, which cannot be written: it is no finite number")]
    NotFinite {
        /// The operation's output.
        name: String,
        /// The setting.
        value: f32,
    },
    /// A formula that nobody could read and no compiler would take.
    #[error("a formula of more than {most} operations; onnx, safetensors and json hold networks of any size")]
    TooLarge {
        /// The most that are written.
        most: usize,
    },
    /// The file is not what its reader expects.
    #[error("not a network file: {0}")]
    Malformed(String),
    /// The file was written by a later version.
    #[error("the file has format version {found}; this program reads up to {known}")]
    Version {
        /// The file's version.
        found: u64,
        /// The newest version known here.
        known: u64,
    },
}

/// The version of the JSON and safetensors forms of a program; readers take every version up to their own.
const VERSION: u64 = 1;

/// What both readable formats write in their `format` field.
const FORMAT: &str = "evolvent.network";

/// What every writer asks first. Returns what each name is.
fn check(program: &Program) -> Result<BTreeMap<String, Info>, ExportError> {
    let known = program.check()?;
    for op in &program.ops {
        if let Kind::Clip { low, high } = op.kind
            && let Some(value) = [low, high].into_iter().find(|v| !v.is_finite())
        {
            return Err(ExportError::NotFinite { name: op.output.clone(), value });
        }
    }
    Ok(known)
}

/// What every reader asks before anything is computed from the sizes in a file: that no product of them overflows.
fn check_read(program: &Program) -> Result<(), ExportError> {
    const MOST: usize = 1 << 20;
    let size = |n: usize| {
        if n <= MOST { Ok(()) } else { Err(ExportError::Malformed(format!("the size {n} is beyond {MOST}"))) }
    };
    let shape = |shape: &[usize]| {
        shape.iter().try_for_each(|&n| size(n))?;
        let product = shape.iter().try_fold(1usize, |product, &n| product.checked_mul(n));
        if product.is_some_and(|p| p <= 1 << 32) {
            return Ok(());
        }
        Err(ExportError::Malformed(format!("the shape {shape:?} holds too many numbers")))
    };
    let ports = program.inputs.iter().chain(&program.outputs).chain(program.states.iter().map(|s| &s.input));
    ports
        .map(|port| &port.shape)
        .chain(program.initializers.iter().map(|i| &i.shape))
        .try_for_each(|s| shape(s))?;
    for op in &program.ops {
        match &op.kind {
            Kind::Conv { stride, padding } => stride.iter().chain(padding).try_for_each(|&n| size(n))?,
            Kind::MaxPool { size: window, stride } | Kind::AveragePool { size: window, stride } => {
                window.iter().chain(stride).try_for_each(|&n| size(n))?;
            }
            Kind::Reshape { shape: new } => shape(new)?,
            Kind::Slice { end, .. } => size(*end)?,
            _ => {}
        }
    }
    program.check()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// x ← gain · x + s, s ← s + x; with numbers that JSON cannot write.
    fn program() -> Program {
        let mut program = Program::default();
        let x = program.input("observation", &[2]);
        let s = program.state("s", "s.next", &[2]);
        let gain = program.constant("gain", &[2], vec![0.1, f32::NEG_INFINITY]);
        program.constant("unused", &[3], vec![f32::NAN, -0.0, 1e-45]);
        let scaled = program.op("scaled", Kind::Mul, &[&gain, &x]);
        program.op("y", Kind::Add, &[&scaled, &s]);
        program.op("s.next", Kind::Add, &[&s, &x]);
        program.op("z", Kind::Clip { low: -1.0, high: 0.1 }, &["y"]);
        program.output("z", &[2]);
        program.states[0].initial = vec![1.0, f32::NAN];
        program
    }

    fn about() -> About {
        vec![("problem".into(), "cart_pole".into()), ("a".into(), "\"<é>".into())]
    }

    /// NaN differs from itself, so bits are compared.
    fn bits(program: &Program) -> Vec<Vec<u32>> {
        let states = program.states.iter().map(|s| &s.initial);
        program
            .initializers
            .iter()
            .map(|i| &i.data)
            .chain(states)
            .map(|d| d.iter().map(|v| v.to_bits()).collect())
            .collect()
    }

    fn without_numbers(mut program: Program) -> Program {
        program.initializers.iter_mut().for_each(|i| i.data.clear());
        program.states.iter_mut().for_each(|s| s.initial.clear());
        program
    }

    #[test]
    fn json_and_safetensors_read_back() {
        for (bytes, read) in [
            (write_json(&program(), &about()).unwrap(), read_json as fn(&[u8]) -> _),
            (write_safetensors(&program(), &about()).unwrap(), read_safetensors),
        ] {
            let (back, texts) = read(&bytes).unwrap();
            assert_eq!(bits(&back), bits(&program()));
            assert_eq!(without_numbers(back), without_numbers(program()));
            assert_eq!(texts, about());
        }
    }

    #[test]
    fn writing_is_reproducible() {
        for format in Format::ALL {
            assert_eq!(
                format.write(&program(), &about()).unwrap(),
                format.write(&program(), &about()).unwrap()
            );
            assert_eq!(format.name().parse::<Format>().unwrap(), format);
        }
        assert!("onnxx".parse::<Format>().is_err());
    }

    #[test]
    fn what_has_no_number_is_refused() {
        let mut program = program();
        program.ops[3].kind = Kind::Clip { low: -1.0, high: f32::INFINITY };
        for format in Format::ALL {
            let error = format.write(&program, &about()).unwrap_err();
            assert!(matches!(error, ExportError::NotFinite { value, .. } if value == f32::INFINITY));
        }
    }

    #[test]
    fn malformed_files_are_refused() {
        let json = String::from_utf8(write_json(&program(), &about()).unwrap()).unwrap();
        for (from, to) in [
            ("evolvent.network", "another"),
            ("\"version\":1", "\"version\":2"),
            ("\"version\":1", "\"version\":-1"),
            ("\"shape\":[2]", "\"shape\":[3]"),
            ("\"shape\":[2]", "\"shape\":[18446744073709551615,3]"),
            ("\"s.next\"", "\"s.nowhere\""),
            ("0.1", "\"one tenth\""),
            ("]", ""),
        ] {
            assert!(read_json(json.replacen(from, to, 1).as_bytes()).is_err(), "{from} -> {to}");
        }
        let tensors = write_safetensors(&program(), &about()).unwrap();
        for length in 0..tensors.len() {
            assert!(read_safetensors(&tensors[..length]).is_err());
        }
        for i in 0..tensors.len() {
            let mut broken = tensors.clone();
            broken[i] ^= 0x20;
            // A change in the numbers themselves cannot be noticed; it must only not panic.
            let _ = read_safetensors(&broken);
        }
    }
}
