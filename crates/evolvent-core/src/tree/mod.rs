//! A value of serde's data model, held exactly: states become trees, trees become checkpoints.
//!
//! Sequences of one number type stay flat vectors, so that a covariance matrix is a vector and not a million nodes.

mod read;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use std::fmt;

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

/// What a serialisation yields: a number with its exact type (so that sequences can stay flat), or a tree.
enum Element {
    Bool(bool),
    U8(u8),
    U16(u16),
    U32(u32),
    U64(u64),
    I8(i8),
    I16(i16),
    I32(i32),
    I64(i64),
    F32(f32),
    F64(f64),
    Tree(Tree),
}

fn signed(value: i64) -> Tree {
    u64::try_from(value).map_or(Tree::Signed(value), Tree::Unsigned)
}

impl Element {
    fn into_tree(self) -> Tree {
        match self {
            Element::Bool(v) => Tree::Bool(v),
            Element::U8(v) => Tree::Unsigned(v.into()),
            Element::U16(v) => Tree::Unsigned(v.into()),
            Element::U32(v) => Tree::Unsigned(v.into()),
            Element::U64(v) => Tree::Unsigned(v),
            Element::I8(v) => signed(v.into()),
            Element::I16(v) => signed(v.into()),
            Element::I32(v) => signed(v.into()),
            Element::I64(v) => signed(v),
            Element::F32(v) => Tree::F32(v),
            Element::F64(v) => Tree::F64(v),
            Element::Tree(tree) => tree,
        }
    }

    /// A column that begins with this element.
    fn begin(self, capacity: usize) -> Column {
        fn with<T>(first: T, capacity: usize) -> Vec<T> {
            let mut v = Vec::with_capacity(capacity.max(4));
            v.push(first);
            v
        }
        Column::Numbers(match self {
            Element::Bool(v) => Numbers::Bool(with(v, capacity)),
            Element::U8(v) => Numbers::U8(with(v, capacity)),
            Element::U16(v) => Numbers::U16(with(v, capacity)),
            Element::U32(v) => Numbers::U32(with(v, capacity)),
            Element::U64(v) => Numbers::U64(with(v, capacity)),
            Element::I8(v) => Numbers::I8(with(v, capacity)),
            Element::I16(v) => Numbers::I16(with(v, capacity)),
            Element::I32(v) => Numbers::I32(with(v, capacity)),
            Element::I64(v) => Numbers::I64(with(v, capacity)),
            Element::F32(v) => Numbers::F32(with(v, capacity)),
            Element::F64(v) => Numbers::F64(with(v, capacity)),
            Element::Tree(tree) => return Column::Mixed(with(tree, capacity)),
        })
    }
}

/// A growing sequence: flat while all elements are numbers of one type.
enum Column {
    Empty(usize),
    Numbers(Numbers),
    Mixed(Vec<Tree>),
}

/// The elements of flat numbers as nodes.
fn spread(numbers: Numbers) -> Vec<Tree> {
    match numbers {
        Numbers::Bool(v) => v.into_iter().map(Tree::Bool).collect(),
        Numbers::U8(v) => v.into_iter().map(|x| Element::U8(x).into_tree()).collect(),
        Numbers::U16(v) => v.into_iter().map(|x| Element::U16(x).into_tree()).collect(),
        Numbers::U32(v) => v.into_iter().map(|x| Element::U32(x).into_tree()).collect(),
        Numbers::U64(v) => v.into_iter().map(Tree::Unsigned).collect(),
        Numbers::I8(v) => v.into_iter().map(|x| Element::I8(x).into_tree()).collect(),
        Numbers::I16(v) => v.into_iter().map(|x| Element::I16(x).into_tree()).collect(),
        Numbers::I32(v) => v.into_iter().map(|x| Element::I32(x).into_tree()).collect(),
        Numbers::I64(v) => v.into_iter().map(signed).collect(),
        Numbers::F32(v) => v.into_iter().map(Tree::F32).collect(),
        Numbers::F64(v) => v.into_iter().map(Tree::F64).collect(),
    }
}

impl Column {
    fn push(&mut self, element: Element) {
        let misfit = match (&mut *self, element) {
            (Column::Empty(capacity), element) => {
                *self = element.begin(*capacity);
                return;
            }
            (Column::Mixed(nodes), element) => return nodes.push(element.into_tree()),
            (Column::Numbers(numbers), element) => match (numbers, element) {
                (Numbers::Bool(v), Element::Bool(x)) => return v.push(x),
                (Numbers::U8(v), Element::U8(x)) => return v.push(x),
                (Numbers::U16(v), Element::U16(x)) => return v.push(x),
                (Numbers::U32(v), Element::U32(x)) => return v.push(x),
                (Numbers::U64(v), Element::U64(x)) => return v.push(x),
                (Numbers::I8(v), Element::I8(x)) => return v.push(x),
                (Numbers::I16(v), Element::I16(x)) => return v.push(x),
                (Numbers::I32(v), Element::I32(x)) => return v.push(x),
                (Numbers::I64(v), Element::I64(x)) => return v.push(x),
                (Numbers::F32(v), Element::F32(x)) => return v.push(x),
                (Numbers::F64(v), Element::F64(x)) => return v.push(x),
                (_, element) => element,
            },
        };
        let Column::Numbers(numbers) = std::mem::replace(self, Column::Empty(0)) else { unreachable!() };
        let mut nodes = spread(numbers);
        nodes.push(misfit.into_tree());
        *self = Column::Mixed(nodes);
    }

    fn finish(self) -> Tree {
        match self {
            Column::Empty(_) => Tree::Sequence(Vec::new()),
            Column::Numbers(numbers) => Tree::Numbers(numbers),
            Column::Mixed(nodes) => Tree::Sequence(nodes),
        }
    }
}

struct TreeSerializer;

/// A sequence, perhaps the content of a variant.
struct SequenceBuilder(Column, Option<&'static str>);
/// Fields, perhaps the content of a variant.
struct StructBuilder(Vec<(String, Tree)>, Option<&'static str>);
struct MapBuilder(Vec<(Tree, Tree)>, Option<Tree>);

fn wrap(variant: Option<&'static str>, tree: Tree) -> Element {
    Element::Tree(match variant {
        None => tree,
        Some(name) => Tree::Variant(name.into(), Box::new(tree)),
    })
}

impl Serializer for TreeSerializer {
    type Ok = Element;
    type Error = TreeError;
    type SerializeSeq = SequenceBuilder;
    type SerializeTuple = SequenceBuilder;
    type SerializeTupleStruct = SequenceBuilder;
    type SerializeTupleVariant = SequenceBuilder;
    type SerializeMap = MapBuilder;
    type SerializeStruct = StructBuilder;
    type SerializeStructVariant = StructBuilder;

    fn serialize_bool(self, v: bool) -> Result<Element, TreeError> {
        Ok(Element::Bool(v))
    }
    fn serialize_i8(self, v: i8) -> Result<Element, TreeError> {
        Ok(Element::I8(v))
    }
    fn serialize_i16(self, v: i16) -> Result<Element, TreeError> {
        Ok(Element::I16(v))
    }
    fn serialize_i32(self, v: i32) -> Result<Element, TreeError> {
        Ok(Element::I32(v))
    }
    fn serialize_i64(self, v: i64) -> Result<Element, TreeError> {
        Ok(Element::I64(v))
    }
    fn serialize_i128(self, v: i128) -> Result<Element, TreeError> {
        Ok(Element::Tree(Tree::Wide(v.to_string())))
    }
    fn serialize_u8(self, v: u8) -> Result<Element, TreeError> {
        Ok(Element::U8(v))
    }
    fn serialize_u16(self, v: u16) -> Result<Element, TreeError> {
        Ok(Element::U16(v))
    }
    fn serialize_u32(self, v: u32) -> Result<Element, TreeError> {
        Ok(Element::U32(v))
    }
    fn serialize_u64(self, v: u64) -> Result<Element, TreeError> {
        Ok(Element::U64(v))
    }
    fn serialize_u128(self, v: u128) -> Result<Element, TreeError> {
        Ok(Element::Tree(Tree::Wide(v.to_string())))
    }
    fn serialize_f32(self, v: f32) -> Result<Element, TreeError> {
        Ok(Element::F32(v))
    }
    fn serialize_f64(self, v: f64) -> Result<Element, TreeError> {
        Ok(Element::F64(v))
    }
    fn serialize_char(self, v: char) -> Result<Element, TreeError> {
        Ok(Element::Tree(Tree::Text(v.into())))
    }
    fn serialize_str(self, v: &str) -> Result<Element, TreeError> {
        Ok(Element::Tree(Tree::Text(v.into())))
    }
    fn serialize_bytes(self, v: &[u8]) -> Result<Element, TreeError> {
        Ok(Element::Tree(Tree::Numbers(Numbers::U8(v.to_vec()))))
    }
    fn serialize_none(self) -> Result<Element, TreeError> {
        Ok(Element::Tree(Tree::Null))
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Element, TreeError> {
        Ok(match value.serialize(TreeSerializer)? {
            Element::Tree(inner @ (Tree::Null | Tree::Some(_))) => Element::Tree(Tree::Some(Box::new(inner))),
            other => other,
        })
    }
    fn serialize_unit(self) -> Result<Element, TreeError> {
        Ok(Element::Tree(Tree::Null))
    }
    fn serialize_unit_struct(self, _name: &'static str) -> Result<Element, TreeError> {
        Ok(Element::Tree(Tree::Null))
    }
    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<Element, TreeError> {
        Ok(Element::Tree(Tree::Text(variant.into())))
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<Element, TreeError> {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Element, TreeError> {
        Ok(wrap(Some(variant), value.serialize(self)?.into_tree()))
    }
    fn serialize_seq(self, len: Option<usize>) -> Result<SequenceBuilder, TreeError> {
        Ok(SequenceBuilder(Column::Empty(len.unwrap_or(0).min(1 << 20)), None))
    }
    fn serialize_tuple(self, len: usize) -> Result<SequenceBuilder, TreeError> {
        self.serialize_seq(Some(len))
    }
    fn serialize_tuple_struct(self, _: &'static str, len: usize) -> Result<SequenceBuilder, TreeError> {
        self.serialize_seq(Some(len))
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<SequenceBuilder, TreeError> {
        Ok(SequenceBuilder(Column::Empty(len), Some(variant)))
    }
    fn serialize_map(self, _len: Option<usize>) -> Result<MapBuilder, TreeError> {
        Ok(MapBuilder(Vec::new(), None))
    }
    fn serialize_struct(self, _: &'static str, len: usize) -> Result<StructBuilder, TreeError> {
        Ok(StructBuilder(Vec::with_capacity(len), None))
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<StructBuilder, TreeError> {
        Ok(StructBuilder(Vec::with_capacity(len), Some(variant)))
    }
}

macro_rules! sequence_builder {
    ($($trait:ident :: $push:ident),+) => { $(
        impl ser::$trait for SequenceBuilder {
            type Ok = Element;
            type Error = TreeError;
            fn $push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), TreeError> {
                self.0.push(value.serialize(TreeSerializer)?);
                Ok(())
            }
            fn end(self) -> Result<Element, TreeError> {
                Ok(wrap(self.1, self.0.finish()))
            }
        }
    )+ };
}
sequence_builder!(
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field
);

macro_rules! struct_builder {
    ($($trait:ident),+) => { $(
        impl ser::$trait for StructBuilder {
            type Ok = Element;
            type Error = TreeError;
            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), TreeError> {
                if name.starts_with('$') {
                    return Err(TreeError::new(format!("a field may not be called `{name}`: `$` is taken")));
                }
                self.0.push((name.into(), value.serialize(TreeSerializer)?.into_tree()));
                Ok(())
            }
            fn end(self) -> Result<Element, TreeError> {
                Ok(wrap(self.1, Tree::Struct(self.0)))
            }
        }
    )+ };
}
struct_builder!(SerializeStruct, SerializeStructVariant);

impl ser::SerializeMap for MapBuilder {
    type Ok = Element;
    type Error = TreeError;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), TreeError> {
        self.1 = Some(key.serialize(TreeSerializer)?.into_tree());
        Ok(())
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), TreeError> {
        let key = self.1.take().ok_or_else(|| TreeError::new("a map value without its key"))?;
        self.0.push((key, value.serialize(TreeSerializer)?.into_tree()));
        Ok(())
    }
    fn end(self) -> Result<Element, TreeError> {
        Ok(Element::Tree(Tree::Map(self.0)))
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
