//! A value of serde's data model, held exactly: states become trees, trees become checkpoints.
//!
//! Sequences of one number type stay flat vectors, so that a covariance matrix is a vector and not a million nodes.

mod read;
mod write;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use std::fmt;
use write::{Column, Element, TreeSerializer, spread};

/// A value of serde's data model.
///
/// Unit and `None` are the same; `Some` is written only where the value inside could be taken for `None`. Structs and
/// maps differ in that a struct's keys are names.
#[derive(Clone, Debug, PartialEq)]
pub enum Tree {
    /// Nothing: unit, unit struct, `None`.
    Null,
    /// `Some` of something that is itself nothing or optional.
    Some(Box<Tree>),
    /// A truth value.
    Bool(bool),
    /// An integer that is not below zero.
    Unsigned(u64),
    /// An integer below zero.
    Signed(i64),
    /// A 128-bit integer in decimal.
    Wide(String),
    /// A double.
    F64(f64),
    /// A single.
    F32(f32),
    /// Text, a character, or a unit variant.
    Text(String),
    /// A sequence, tuple or tuple struct.
    Sequence(Vec<Tree>),
    /// A sequence of numbers of one type.
    Numbers(Numbers),
    /// A map.
    Map(Vec<(Tree, Tree)>),
    /// A struct.
    Struct(Vec<(String, Tree)>),
    /// A variant of an enum with its content.
    Variant(String, Box<Tree>),
}

/// Numbers of one type in a row.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Numbers {
    Bool(Vec<bool>),
    U8(Vec<u8>),
    U16(Vec<u16>),
    U32(Vec<u32>),
    U64(Vec<u64>),
    I8(Vec<i8>),
    I16(Vec<i16>),
    I32(Vec<i32>),
    I64(Vec<i64>),
    F32(Vec<f32>),
    F64(Vec<f64>),
}

/// Runs `$body` with `$v` bound to the vector inside.
#[doc(hidden)]
#[macro_export]
macro_rules! each_number_type {
    ($numbers:expr, $v:ident => $body:expr) => {
        match $numbers {
            $crate::Numbers::Bool($v) => $body,
            $crate::Numbers::U8($v) => $body,
            $crate::Numbers::U16($v) => $body,
            $crate::Numbers::U32($v) => $body,
            $crate::Numbers::U64($v) => $body,
            $crate::Numbers::I8($v) => $body,
            $crate::Numbers::I16($v) => $body,
            $crate::Numbers::I32($v) => $body,
            $crate::Numbers::I64($v) => $body,
            $crate::Numbers::F32($v) => $body,
            $crate::Numbers::F64($v) => $body,
        }
    };
}

impl Numbers {
    /// How many there are.
    pub fn len(&self) -> usize {
        crate::each_number_type!(self, v => v.len())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends the little-endian bytes of all numbers; a truth value is 0 or 1.
    pub fn put_le_bytes(&self, out: &mut Vec<u8>) {
        macro_rules! put {
            ($($kind:ident),+) => {
                match self {
                    Numbers::Bool(v) => out.extend(v.iter().map(|&x| u8::from(x))),
                    $(Numbers::$kind(v) => out.extend(v.iter().flat_map(|x| x.to_le_bytes())),)+
                }
            };
        }
        put!(U8, U16, U32, U64, I8, I16, I32, I64, F32, F64);
    }

    /// The numbers as nodes.
    pub fn into_nodes(self) -> Vec<Tree> {
        spread(self)
    }
}

impl Tree {
    /// The tree of a value.
    ///
    /// # Errors
    /// If the value's own serialisation fails, or a struct has a field whose name begins with `$`.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Tree, TreeError> {
        value.serialize(TreeSerializer).map(Element::into_tree)
    }

    /// The name of an enum's variant without content, as settings spell it; empty for anything else.
    pub fn name_of<T: Serialize + ?Sized>(choice: &T) -> String {
        match Tree::of(choice) {
            Ok(Tree::Text(name)) => name,
            _ => String::new(),
        }
    }

    /// The field of a struct.
    pub fn field(&self, name: &str) -> Option<&Tree> {
        match self {
            Tree::Struct(fields) => fields.iter().find(|(key, _)| key == name).map(|(_, value)| value),
            _ => None,
        }
    }
}

/// Why a value cannot be turned into a tree or read from one, and where in the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeError {
    /// In serde's words.
    pub message: String,
    /// The way from the tree that was read to the place of the mistake, the last step first.
    back: Vec<Step>,
}

/// A step into a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// To the name of a field, a key, or a variant: the mistake is there, not in what it names.
    Name(String),
    /// To the value of a field, to what stands at a key, or to the content of a variant.
    Field(String),
    /// To an element of a sequence, counted from 0.
    Item(usize),
}

impl TreeError {
    /// A mistake at the place that is being read.
    pub fn new(message: impl Into<String>) -> TreeError {
        TreeError { message: message.into(), back: Vec::new() }
    }

    /// The way to the mistake, from the tree that was read.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.back.iter().rev()
    }

    /// The same mistake, seen from one step further out.
    fn within(mut self, step: Step) -> TreeError {
        self.back.push(step);
        self
    }
}

impl fmt::Display for TreeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.steps().enumerate() {
            match step {
                Step::Item(i) => write!(f, "[{i}]")?,
                Step::Name(name) | Step::Field(name) if i == 0 => f.write_str(name)?,
                Step::Name(name) | Step::Field(name) => write!(f, ".{name}")?,
            }
        }
        write!(f, "{}{}", if self.back.is_empty() { "" } else { ": " }, self.message)
    }
}
impl std::error::Error for TreeError {}
impl ser::Error for TreeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        TreeError::new(message.to_string())
    }
}
impl de::Error for TreeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        TreeError::new(message.to_string())
    }
}

/// As a self-describing format shows the value that the tree was made of: variants are externally tagged.
impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use ser::SerializeMap;
        match self {
            Tree::Null => serializer.serialize_none(),
            Tree::Some(inner) => serializer.serialize_some(&**inner),
            Tree::Bool(v) => serializer.serialize_bool(*v),
            Tree::Unsigned(v) => serializer.serialize_u64(*v),
            Tree::Signed(v) => serializer.serialize_i64(*v),
            Tree::Wide(text) => serializer.serialize_str(text),
            Tree::F64(v) => serializer.serialize_f64(*v),
            Tree::F32(v) => serializer.serialize_f32(*v),
            Tree::Text(text) => serializer.serialize_str(text),
            Tree::Sequence(nodes) => serializer.collect_seq(nodes),
            Tree::Numbers(numbers) => crate::each_number_type!(numbers, v => serializer.collect_seq(v)),
            Tree::Map(pairs) => serializer.collect_map(pairs.iter().map(|(key, value)| (key, value))),
            Tree::Struct(fields) => serializer.collect_map(fields.iter().map(|(name, value)| (name, value))),
            Tree::Variant(name, content) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry(name, content)?;
                map.end()
            }
        }
    }
}

/// From a self-describing format: names stay text, and variants stay maps with one entry, which [`Tree::read`] takes for either.
impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Tree, D::Error> {
        deserializer.deserialize_any(Describing).map(Element::into_tree)
    }
}

impl<'de> Deserialize<'de> for Element {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Element, D::Error> {
        deserializer.deserialize_any(Describing)
    }
}

struct Describing;

impl<'de> de::Visitor<'de> for Describing {
    type Value = Element;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_bool<E>(self, v: bool) -> Result<Element, E> {
        Ok(Element::Bool(v))
    }
    fn visit_u64<E>(self, v: u64) -> Result<Element, E> {
        Ok(Element::U64(v))
    }
    fn visit_i64<E>(self, v: i64) -> Result<Element, E> {
        Ok(Element::I64(v))
    }
    fn visit_f64<E>(self, v: f64) -> Result<Element, E> {
        Ok(Element::F64(v))
    }
    fn visit_str<E>(self, v: &str) -> Result<Element, E> {
        Ok(Element::Tree(Tree::Text(v.into())))
    }
    fn visit_string<E>(self, v: String) -> Result<Element, E> {
        Ok(Element::Tree(Tree::Text(v)))
    }
    fn visit_unit<E>(self) -> Result<Element, E> {
        Ok(Element::Tree(Tree::Null))
    }
    fn visit_none<E>(self) -> Result<Element, E> {
        Ok(Element::Tree(Tree::Null))
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Element, D::Error> {
        deserializer.deserialize_any(self)
    }
    fn visit_seq<A: de::SeqAccess<'de>>(self, mut elements: A) -> Result<Element, A::Error> {
        let mut column = Column::Empty(elements.size_hint().unwrap_or(0).min(1 << 20));
        while let Some(element) = elements.next_element()? {
            column.push(element);
        }
        Ok(Element::Tree(column.finish()))
    }
    fn visit_map<A: de::MapAccess<'de>>(self, mut entries: A) -> Result<Element, A::Error> {
        let mut fields = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            fields.push(entry);
        }
        Ok(Element::Tree(Tree::Struct(fields)))
    }
}
