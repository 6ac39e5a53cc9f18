//! Reading values back from a [`Tree`].

use super::{Numbers, Tree, TreeError};
use serde::{
    Deserializer,
    de::{
        self, DeserializeOwned, DeserializeSeed, IntoDeserializer, SeqAccess, Visitor, value::SeqDeserializer,
    },
};

impl Tree {
    /// The value that this tree was made of.
    ///
    /// # Errors
    /// If the tree is one of another type.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, TreeError> {
        T::deserialize(self)
    }

    fn kind(&self) -> de::Unexpected<'_> {
        match self {
            Tree::Null => de::Unexpected::Unit,
            Tree::Some(_) => de::Unexpected::Option,
            Tree::Bool(v) => de::Unexpected::Bool(*v),
            Tree::Unsigned(v) => de::Unexpected::Unsigned(*v),
            Tree::Signed(v) => de::Unexpected::Signed(*v),
            Tree::Wide(text) => de::Unexpected::Other(text),
            Tree::F64(v) => de::Unexpected::Float(*v),
            Tree::F32(v) => de::Unexpected::Float(f64::from(*v)),
            Tree::Text(text) => de::Unexpected::Str(text),
            Tree::Sequence(_) | Tree::Numbers(_) => de::Unexpected::Seq,
            Tree::Map(_) | Tree::Struct(_) => de::Unexpected::Map,
            Tree::Variant(..) => de::Unexpected::Enum,
        }
    }
}

impl<'de> IntoDeserializer<'de, TreeError> for &'de Tree {
    type Deserializer = Self;
    fn into_deserializer(self) -> Self {
        self
    }
}

/// Numbers of one type, one by one. One kind of element for all types: each type of its own would double the code
/// that every sequence is compiled to.
struct NumbersReader<'de> {
    numbers: &'de Numbers,
    next: usize,
}

impl<'de> SeqAccess<'de> for NumbersReader<'de> {
    type Error = TreeError;
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, TreeError> {
        if self.next >= self.numbers.len() {
            return Ok(None);
        }
        let element = NumberReader { numbers: self.numbers, at: self.next };
        self.next += 1;
        seed.deserialize(element).map(Some)
    }
    fn size_hint(&self) -> Option<usize> {
        Some(self.numbers.len() - self.next)
    }
}

/// One of some numbers.
struct NumberReader<'de> {
    numbers: &'de Numbers,
    at: usize,
}

impl<'de> Deserializer<'de> for NumberReader<'de> {
    type Error = TreeError;
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        let i = self.at;
        match self.numbers {
            Numbers::Bool(v) => visitor.visit_bool(v[i]),
            Numbers::U8(v) => visitor.visit_u64(v[i].into()),
            Numbers::U16(v) => visitor.visit_u64(v[i].into()),
            Numbers::U32(v) => visitor.visit_u64(v[i].into()),
            Numbers::U64(v) => visitor.visit_u64(v[i]),
            Numbers::I8(v) => visitor.visit_i64(v[i].into()),
            Numbers::I16(v) => visitor.visit_i64(v[i].into()),
            Numbers::I32(v) => visitor.visit_i64(v[i].into()),
            Numbers::I64(v) => visitor.visit_i64(v[i]),
            Numbers::F32(v) => visitor.visit_f32(v[i]),
            Numbers::F64(v) => visitor.visit_f64(v[i]),
        }
    }
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        visitor.visit_some(self)
    }
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, TreeError> {
        visitor.visit_newtype_struct(self)
    }
    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq
        tuple tuple_struct map struct enum identifier ignored_any
    }
}

fn visit_numbers<'de, V: Visitor<'de>>(numbers: &'de Numbers, visitor: V) -> Result<V::Value, TreeError> {
    let mut elements = NumbersReader { numbers, next: 0 };
    let value = visitor.visit_seq(&mut elements)?;
    match elements.numbers.len() - elements.next {
        0 => Ok(value),
        more => Err(de::Error::invalid_length(
            numbers.len(),
            &format!("{} elements", numbers.len() - more).as_str(),
        )),
    }
}

impl<'de> Deserializer<'de> for &'de Tree {
    type Error = TreeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        match self {
            Tree::Null => visitor.visit_unit(),
            Tree::Some(inner) => visitor.visit_some(&**inner),
            Tree::Bool(v) => visitor.visit_bool(*v),
            Tree::Unsigned(v) => visitor.visit_u64(*v),
            Tree::Signed(v) => visitor.visit_i64(*v),
            Tree::Wide(text) => match (text.parse::<u128>(), text.parse::<i128>()) {
                (Ok(v), _) => visitor.visit_u128(v),
                (_, Ok(v)) => visitor.visit_i128(v),
                _ => Err(de::Error::invalid_value(self.kind(), &"a 128-bit integer")),
            },
            Tree::F64(v) => visitor.visit_f64(*v),
            Tree::F32(v) => visitor.visit_f32(*v),
            Tree::Text(text) => visitor.visit_borrowed_str(text),
            Tree::Sequence(nodes) => {
                let mut elements = SeqDeserializer::<_, TreeError>::new(nodes.iter());
                let value = visitor.visit_seq(&mut elements)?;
                elements.end()?;
                Ok(value)
            }
            Tree::Numbers(numbers) => visit_numbers(numbers, visitor),
            Tree::Map(pairs) => visitor.visit_map(de::value::MapDeserializer::<_, TreeError>::new(
                pairs.iter().map(|(k, v)| (k, v)),
            )),
            Tree::Struct(fields) => visitor.visit_map(de::value::MapDeserializer::<_, TreeError>::new(
                fields.iter().map(|(k, v)| (k.as_str(), v)),
            )),
            Tree::Variant(name, content) => {
                visitor.visit_enum(VariantReader { name, content: Some(content) })
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        match self {
            Tree::Null => visitor.visit_none(),
            Tree::Some(inner) => visitor.visit_some(&**inner),
            other => visitor.visit_some(other),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, TreeError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TreeError> {
        match self {
            Tree::Text(name) => visitor.visit_enum(VariantReader { name, content: None }),
            Tree::Variant(name, content) => {
                visitor.visit_enum(VariantReader { name, content: Some(content) })
            }
            other => Err(de::Error::invalid_type(other.kind(), &"a variant")),
        }
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        match self {
            Tree::Numbers(Numbers::U8(bytes)) => visitor.visit_borrowed_bytes(bytes),
            other => other.deserialize_any(visitor),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string unit unit_struct seq tuple
        tuple_struct map struct identifier
    }
}

struct VariantReader<'de> {
    name: &'de str,
    content: Option<&'de Tree>,
}

impl<'de> de::EnumAccess<'de> for VariantReader<'de> {
    type Error = TreeError;
    type Variant = Self;
    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), TreeError> {
        let name = seed.deserialize(de::value::BorrowedStrDeserializer::<TreeError>::new(self.name))?;
        Ok((name, self))
    }
}

impl<'de> VariantReader<'de> {
    fn content(&self) -> Result<&'de Tree, TreeError> {
        self.content.ok_or_else(|| TreeError(format!("variant `{}` without its content", self.name)))
    }
}

impl<'de> de::VariantAccess<'de> for VariantReader<'de> {
    type Error = TreeError;
    fn unit_variant(self) -> Result<(), TreeError> {
        match self.content {
            None | Some(Tree::Null) => Ok(()),
            Some(_) => Err(TreeError(format!("variant `{}` with a content it does not have", self.name))),
        }
    }
    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, TreeError> {
        seed.deserialize(self.content()?)
    }
    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, TreeError> {
        self.content()?.deserialize_any(visitor)
    }
    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TreeError> {
        self.content()?.deserialize_any(visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::{Deserialize, Serialize};
    use std::{collections::BTreeMap, sync::Arc};

    #[allow(clippy::type_complexity)] // options inside options are what is tested
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Everything {
        unit: (),
        options: (Option<u8>, Option<Option<()>>, Option<Option<u8>>, Option<Option<u8>>),
        integers: (u64, i64, u128, i128, i8),
        text: String,
        character: char,
        matrix: Vec<Vec<f64>>,
        singles: Arc<Vec<f32>>,
        flags: Vec<bool>,
        bytes: Vec<u8>,
        mixed: Vec<Option<u32>>,
        map: BTreeMap<u64, Kind>,
        kinds: Vec<Kind>,
        empty: Vec<f64>,
        tuple: (u8, f64, String),
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    enum Kind {
        Unit,
        New(f64),
        NewUnit(()),
        Tuple(u8, Vec<i64>),
        Struct { a: Option<f32>, b: [u16; 3] },
    }

    fn everything() -> Everything {
        let kinds = vec![
            Kind::Unit,
            Kind::New(-0.0),
            Kind::NewUnit(()),
            Kind::Tuple(7, vec![i64::MIN, 0, i64::MAX]),
            Kind::Struct { a: Some(1e-40), b: [1, 2, 65535] },
        ];
        Everything {
            unit: (),
            options: (None, Some(None), None, Some(None)),
            integers: (u64::MAX, i64::MIN, u128::MAX, i128::MIN, -1),
            text: "a \"quoted\" $text".into(),
            character: 'λ',
            matrix: vec![vec![0.1; 20], vec![f64::MIN_POSITIVE / 2.0; 20]],
            singles: Arc::new((0..40).map(|i| i as f32 / 3.0).collect()),
            flags: (0..33).map(|i| i % 3 == 0).collect(),
            bytes: (0..=255).collect(),
            mixed: vec![Some(3), None, Some(u32::MAX)],
            map: kinds.iter().cloned().enumerate().map(|(i, k)| (i as u64 * 1000, k)).collect(),
            kinds,
            empty: Vec::new(),
            tuple: (1, 2.0, "3".into()),
        }
    }

    #[test]
    fn every_type_comes_back() {
        let value = everything();
        let tree = Tree::of(&value).unwrap();
        assert_eq!(tree.read::<Everything>().unwrap(), value);
        assert!(matches!(tree.field("singles"), Some(Tree::Numbers(Numbers::F32(_)))));
    }

    #[test]
    fn floats_keep_every_bit() {
        let doubles: Vec<f64> =
            [0, 1 << 63, 1, 0x7ff0 << 48, 0xfff0 << 48, 0x7ff8 << 48, 0xfff8_dead_beef_0001]
                .into_iter()
                .map(f64::from_bits)
                .collect();
        let back: Vec<f64> = Tree::of(&doubles).unwrap().read().unwrap();
        assert!(doubles.iter().zip(&back).all(|(a, b)| a.to_bits() == b.to_bits()));
        for x in doubles {
            assert_eq!(Tree::of(&x).unwrap().read::<f64>().unwrap().to_bits(), x.to_bits());
        }
    }

    #[test]
    fn a_tree_shows_itself_as_its_value_does() {
        let mut value = everything();
        value.integers.2 = 0; // shown as text, since few formats have 128 bits
        value.integers.3 = 0;
        let mut shown = serde_json::to_value(&value).unwrap();
        shown["integers"][2] = "0".into();
        shown["integers"][3] = "0".into();
        assert_eq!(serde_json::to_value(Tree::of(&value).unwrap()).unwrap(), shown);
    }

    #[test]
    fn another_type_is_an_error() {
        let tree = Tree::of(&everything()).unwrap();
        assert!(tree.read::<Kind>().is_err());
        assert!(tree.read::<Vec<f64>>().is_err());
        assert!(Tree::Text("New".into()).read::<Kind>().unwrap_err().0.contains("New"));
        assert!(Tree::Numbers(Numbers::U64(vec![300])).read::<Vec<u8>>().is_err());
        assert!(Tree::of(&vec![1.0, 2.0]).unwrap().read::<[f64; 3]>().is_err());
        assert!(Tree::of(&vec![1.0, 2.0, 3.0]).unwrap().read::<[f64; 2]>().is_err());
    }
}
