//! JSON: the whole program as text that any language reads without a library for networks.
//!
//! ```json
//! {"format": "evolvent.network", "version": 1, "about": {"problem": "cart_pole"},
//!  "program": {"inputs": […], "outputs": […], "states": […], "initializers": […], "ops": […]}}
//! ```
//!
//! Weights are the shortest decimals that read back to the same 32 bits; what is no finite number is one of the strings
//! `"NaN"`, `"inf"` and `"-inf"`, which most languages' number parsers take.

use super::{About, ExportError, FORMAT, VERSION, check, check_read};
use crate::json;
use evolvent_nets::program::{Initializer, Op, Port, Program, State};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser::SerializeMap};
use std::fmt;

/// The network as JSON.
pub fn write_json(program: &Program, about: &About) -> Result<Vec<u8>, ExportError> {
    check(program)?;
    let file = File {
        format: FORMAT.into(),
        version: VERSION,
        about: Texts(about.clone()),
        program: Stored::of(program.clone()),
    };
    let mut bytes = json::write(&file).map_err(|e| ExportError::Malformed(e.to_string()))?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// A network, and what is known about it, from the JSON that [`write_json`] made.
pub fn read_json(bytes: &[u8]) -> Result<(Program, About), ExportError> {
    let header: Header = json::read(bytes).map_err(ExportError::Malformed)?;
    if header.format != FORMAT {
        let found = format!("its `format` is `{}`, expected `{FORMAT}`", header.format);
        return Err(ExportError::Malformed(found));
    }
    if header.version > VERSION {
        return Err(ExportError::Version { found: header.version, known: VERSION });
    }
    let file: File = json::read(bytes).map_err(ExportError::Malformed)?;
    let program = file.program.program();
    check_read(&program)?;
    Ok((program, file.about.0))
}

#[derive(Deserialize)]
struct Header {
    format: String,
    version: u64,
}

#[derive(Serialize, Deserialize)]
struct File {
    format: String,
    version: u64,
    #[serde(default)]
    about: Texts,
    program: Stored,
}

/// A program in the form of the file: as it is, but for numbers that JSON has no way to write.
#[derive(Serialize, Deserialize)]
pub(super) struct Stored {
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    states: Vec<StoredState>,
    initializers: Vec<StoredInitializer>,
    ops: Vec<Op>,
}

#[derive(Serialize, Deserialize)]
struct StoredState {
    input: Port,
    output: String,
    initial: Numbers,
}

#[derive(Serialize, Deserialize)]
struct StoredInitializer {
    name: String,
    shape: Vec<usize>,
    data: Numbers,
}

impl Stored {
    pub(super) fn of(program: Program) -> Self {
        Stored {
            inputs: program.inputs,
            outputs: program.outputs,
            states: program
                .states
                .into_iter()
                .map(|s| StoredState { input: s.input, output: s.output, initial: Numbers(s.initial) })
                .collect(),
            initializers: program
                .initializers
                .into_iter()
                .map(|i| StoredInitializer { name: i.name, shape: i.shape, data: Numbers(i.data) })
                .collect(),
            ops: program.ops,
        }
    }

    pub(super) fn program(self) -> Program {
        Program {
            inputs: self.inputs,
            outputs: self.outputs,
            states: self
                .states
                .into_iter()
                .map(|s| State { input: s.input, output: s.output, initial: s.initial.0 })
                .collect(),
            initializers: self
                .initializers
                .into_iter()
                .map(|i| Initializer { name: i.name, shape: i.shape, data: i.data.0 })
                .collect(),
            ops: self.ops,
        }
    }
}

/// 32-bit numbers with words for what JSON has no number for.
struct Numbers(Vec<f32>);

impl Serialize for Numbers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().copied().map(Number))
    }
}

impl<'de> Deserialize<'de> for Numbers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let numbers = Vec::<Number>::deserialize(deserializer)?;
        Ok(Numbers(numbers.into_iter().map(|n| n.0).collect()))
    }
}

struct Number(f32);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_finite() { serializer.serialize_f32(self.0) } else { serializer.collect_str(&self.0) }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Number;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, \"NaN\", \"inf\" or \"-inf\"")
            }
            fn visit_f64<E: de::Error>(self, v: f64) -> Result<Number, E> {
                Ok(Number(v as f32))
            }
            fn visit_i64<E: de::Error>(self, v: i64) -> Result<Number, E> {
                Ok(Number(v as f32))
            }
            fn visit_u64<E: de::Error>(self, v: u64) -> Result<Number, E> {
                Ok(Number(v as f32))
            }
            fn visit_str<E: de::Error>(self, v: &str) -> Result<Number, E> {
                match v {
                    "NaN" => Ok(Number(f32::NAN)),
                    "inf" => Ok(Number(f32::INFINITY)),
                    "-inf" => Ok(Number(f32::NEG_INFINITY)),
                    other => Err(E::invalid_value(de::Unexpected::Str(other), &self)),
                }
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// A map of texts that keeps its order.
#[derive(Default)]
struct Texts(About);

impl Serialize for Texts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        self.0.iter().try_for_each(|(key, value)| map.serialize_entry(key, value))?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Texts;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of texts")
            }
            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Texts, A::Error> {
                let mut texts = Texts::default();
                while let Some(entry) = map.next_entry()? {
                    texts.0.push(entry);
                }
                Ok(texts)
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}
