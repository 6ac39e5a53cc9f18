//! Turning values into a [`Tree`]: the serialiser, and the columns that keep sequences of one number type flat.

use super::{Numbers, Tree, TreeError};
use serde::{
    Serializer,
    ser::{self, Serialize},
};

/// What a serialisation yields: a number with its exact type (so that sequences can stay flat), or a tree.
pub(super) enum Element {
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
    pub(super) fn into_tree(self) -> Tree {
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
pub(super) enum Column {
    Empty(usize),
    Numbers(Numbers),
    Mixed(Vec<Tree>),
}

/// The elements of flat numbers as nodes.
pub(super) fn spread(numbers: Numbers) -> Vec<Tree> {
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
    pub(super) fn push(&mut self, element: Element) {
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

    pub(super) fn finish(self) -> Tree {
        match self {
            Column::Empty(_) => Tree::Sequence(Vec::new()),
            Column::Numbers(numbers) => Tree::Numbers(numbers),
            Column::Mixed(nodes) => Tree::Sequence(nodes),
        }
    }
}

pub(super) struct TreeSerializer;

/// A sequence, perhaps the content of a variant.
pub(super) struct SequenceBuilder(Column, Option<&'static str>);
/// Fields, perhaps the content of a variant.
pub(super) struct StructBuilder(Vec<(String, Tree)>, Option<&'static str>);
pub(super) struct MapBuilder(Vec<(Tree, Tree)>, Option<Tree>);

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
