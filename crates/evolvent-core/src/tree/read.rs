//! Reading values back from a [`Tree`].
//!
//! Every state and every setting of every algorithm is compiled against this one deserialiser, whatever format it comes from, so it is
//! written for little code per type: each request reads only what may answer it, through one type of map and one of sequence. Mistakes
//! know their way from the root, so that a format can tell their places in its own text.

use super::{Numbers, Step, Tree, TreeError};
use serde::{
    Deserializer,
    de::{self, DeserializeOwned, DeserializeSeed, Expected, IntoDeserializer, Unexpected, Visitor},
};

impl Tree {
    /// The value that this tree was made of.
    ///
    /// # Errors
    /// If the tree is one of another type.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, TreeError> {
        T::deserialize(Reader::Tree(self))
    }
}

/// A tree, or one of the numbers of a flat sequence.
#[derive(Clone, Copy)]
enum Reader<'de> {
    Tree(&'de Tree),
    Number(&'de Numbers, usize),
}

/// Truth values and numbers.
enum Scalar {
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    F32(f32),
    F64(f64),
}

impl<'de> Reader<'de> {
    fn kind(&self) -> Unexpected<'de> {
        match self {
            Reader::Tree(Tree::Null) => Unexpected::Unit,
            Reader::Tree(Tree::Some(_)) => Unexpected::Option,
            Reader::Tree(Tree::Wide(text)) => Unexpected::Other(text),
            Reader::Tree(Tree::Text(text)) => Unexpected::Str(text),
            Reader::Tree(Tree::Sequence(_) | Tree::Numbers(_)) => Unexpected::Seq,
            Reader::Tree(Tree::Map(_) | Tree::Struct(_)) => Unexpected::Map,
            Reader::Tree(Tree::Variant(..)) => Unexpected::Enum,
            scalar => match scalar.as_scalar() {
                Some(Scalar::Bool(v)) => Unexpected::Bool(v),
                Some(Scalar::Unsigned(v)) => Unexpected::Unsigned(v),
                Some(Scalar::Signed(v)) => Unexpected::Signed(v),
                Some(Scalar::F32(v)) => Unexpected::Float(v.into()),
                Some(Scalar::F64(v)) => Unexpected::Float(v),
                None => Unexpected::Other("nothing that is known"),
            },
        }
    }

    fn unfit(&self, expected: &dyn Expected) -> TreeError {
        de::Error::invalid_type(self.kind(), expected)
    }

    fn as_scalar(&self) -> Option<Scalar> {
        Some(match *self {
            Reader::Tree(Tree::Bool(v)) => Scalar::Bool(*v),
            Reader::Tree(Tree::Unsigned(v)) => Scalar::Unsigned(*v),
            Reader::Tree(Tree::Signed(v)) => Scalar::Signed(*v),
            Reader::Tree(Tree::F64(v)) => Scalar::F64(*v),
            Reader::Tree(Tree::F32(v)) => Scalar::F32(*v),
            Reader::Tree(_) => return None,
            Reader::Number(numbers, i) => match numbers {
                Numbers::Bool(v) => Scalar::Bool(v[i]),
                Numbers::U8(v) => Scalar::Unsigned(v[i].into()),
                Numbers::U16(v) => Scalar::Unsigned(v[i].into()),
                Numbers::U32(v) => Scalar::Unsigned(v[i].into()),
                Numbers::U64(v) => Scalar::Unsigned(v[i]),
                Numbers::I8(v) => Scalar::Signed(v[i].into()),
                Numbers::I16(v) => Scalar::Signed(v[i].into()),
                Numbers::I32(v) => Scalar::Signed(v[i].into()),
                Numbers::I64(v) => Scalar::Signed(v[i]),
                Numbers::F32(v) => Scalar::F32(v[i]),
                Numbers::F64(v) => Scalar::F64(v[i]),
            },
        })
    }

    fn scalar<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        match self.as_scalar() {
            Some(Scalar::Bool(v)) => visitor.visit_bool(v),
            Some(Scalar::Unsigned(v)) => visitor.visit_u64(v),
            Some(Scalar::Signed(v)) => visitor.visit_i64(v),
            Some(Scalar::F32(v)) => visitor.visit_f32(v),
            Some(Scalar::F64(v)) => visitor.visit_f64(v),
            None => Err(self.unfit(&visitor)),
        }
    }

    /// 128 bits, which other formats than a tree hold as text.
    fn wide<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        let Reader::Tree(Tree::Wide(text) | Tree::Text(text)) = self else { return self.scalar(visitor) };
        match (text.parse::<u128>(), text.parse::<i128>()) {
            (Ok(v), _) => visitor.visit_u128(v),
            (_, Ok(v)) => visitor.visit_i128(v),
            _ => Err(de::Error::invalid_value(self.kind(), &"a 128-bit integer")),
        }
    }

    fn text<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        match self {
            Reader::Tree(Tree::Text(text)) => visitor.visit_borrowed_str(text),
            _ => Err(self.unfit(&visitor)),
        }
    }

    fn unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        match self {
            Reader::Tree(Tree::Null) => visitor.visit_unit(),
            _ => Err(self.unfit(&visitor)),
        }
    }

    fn sequence<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        let mut elements = match self {
            Reader::Tree(Tree::Sequence(nodes)) => Elements { all: Sequence::Nodes(nodes), next: 0 },
            Reader::Tree(Tree::Numbers(numbers)) => Elements { all: Sequence::Numbers(numbers), next: 0 },
            _ => return Err(self.unfit(&visitor)),
        };
        let value = visitor.visit_seq(&mut elements)?;
        if elements.next < elements.all.len() { Err(elements.too_many()) } else { Ok(value) }
    }

    fn map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        let all = match self {
            Reader::Tree(Tree::Map(pairs)) => Fields::Pairs(pairs),
            Reader::Tree(Tree::Struct(fields)) => Fields::Named(fields),
            _ => return Err(self.unfit(&visitor)),
        };
        visitor.visit_map(Entries { all, next: 0 })
    }

    /// A variant: a name, or a map whose one key is a name.
    fn variant(self) -> Result<VariantReader<'de>, TreeError> {
        match self {
            Reader::Tree(Tree::Text(name)) => Ok(VariantReader { name, content: None }),
            Reader::Tree(Tree::Variant(name, content)) => Ok(VariantReader { name, content: Some(content) }),
            Reader::Tree(Tree::Struct(fields)) => match &fields[..] {
                [(name, content)] => Ok(VariantReader { name, content: Some(content) }),
                [] => Err(TreeError::new("expected a name, found an empty table")),
                [_, (second, _), ..] => {
                    let mistake = TreeError::new("expected one name, found several");
                    Err(mistake.within(Step::Name(second.clone())))
                }
            },
            _ => Err(TreeError::new("expected a name, or a table with a name")),
        }
    }
}

impl<'de> IntoDeserializer<'de, TreeError> for Reader<'de> {
    type Deserializer = Self;
    fn into_deserializer(self) -> Self {
        self
    }
}

/// Forwards requests to the method that may answer them.
macro_rules! answer {
    ($($with:ident: $($request:ident)+;)+) => { $($(
        fn $request<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
            self.$with(visitor)
        }
    )+)+ };
}

impl<'de> Deserializer<'de> for Reader<'de> {
    type Error = TreeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        match self {
            Reader::Tree(Tree::Null) => visitor.visit_unit(),
            Reader::Tree(Tree::Some(inner)) => visitor.visit_some(Reader::Tree(inner)),
            Reader::Tree(Tree::Wide(_)) => self.wide(visitor),
            Reader::Tree(Tree::Text(_)) => self.text(visitor),
            Reader::Tree(Tree::Sequence(_) | Tree::Numbers(_)) => self.sequence(visitor),
            Reader::Tree(Tree::Map(_) | Tree::Struct(_)) => self.map(visitor),
            Reader::Tree(Tree::Variant(..)) => visitor.visit_enum(self.variant()?),
            _ => self.scalar(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        match self {
            Reader::Tree(Tree::Null) => visitor.visit_none(),
            Reader::Tree(Tree::Some(inner)) => visitor.visit_some(Reader::Tree(inner)),
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
        visitor.visit_enum(self.variant()?)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        match self {
            Reader::Tree(Tree::Numbers(Numbers::U8(bytes))) => visitor.visit_borrowed_bytes(bytes),
            other => other.sequence(visitor),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, TreeError> {
        self.unit(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, TreeError> {
        self.sequence(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, TreeError> {
        self.sequence(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TreeError> {
        self.map(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        visitor.visit_unit()
    }

    answer! {
        scalar: deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_u8
            deserialize_u16 deserialize_u32 deserialize_u64 deserialize_f32 deserialize_f64;
        wide: deserialize_i128 deserialize_u128;
        text: deserialize_char deserialize_str deserialize_string deserialize_identifier;
        unit: deserialize_unit;
        sequence: deserialize_seq;
        map: deserialize_map;
    }
}

enum Sequence<'de> {
    Nodes(&'de [Tree]),
    Numbers(&'de Numbers),
}

impl Sequence<'_> {
    fn len(&self) -> usize {
        match self {
            Sequence::Nodes(nodes) => nodes.len(),
            Sequence::Numbers(numbers) => numbers.len(),
        }
    }
}

/// The elements of a sequence.
struct Elements<'de> {
    all: Sequence<'de>,
    next: usize,
}

impl<'de> Elements<'de> {
    fn take(&mut self) -> Option<Reader<'de>> {
        let i = self.next;
        if i >= self.all.len() {
            return None;
        }
        self.next += 1;
        Some(match self.all {
            Sequence::Nodes(nodes) => Reader::Tree(&nodes[i]),
            Sequence::Numbers(numbers) => Reader::Number(numbers, i),
        })
    }

    fn too_many(&self) -> TreeError {
        de::Error::invalid_length(self.all.len(), &format!("{} elements", self.next).as_str())
    }
}

impl<'de> de::SeqAccess<'de> for Elements<'de> {
    type Error = TreeError;
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, TreeError> {
        let i = self.next;
        self.take().map(|element| seed.deserialize(element).map_err(|e| e.within(Step::Item(i)))).transpose()
    }
    fn size_hint(&self) -> Option<usize> {
        Some(self.all.len() - self.next)
    }
}

enum Fields<'de> {
    Pairs(&'de [(Tree, Tree)]),
    Named(&'de [(String, Tree)]),
}

/// The entries of a map or struct.
struct Entries<'de> {
    all: Fields<'de>,
    next: usize,
}

/// A key of a map or struct.
enum Key<'de> {
    Tree(Reader<'de>),
    Name(&'de str),
}

impl<'de> Entries<'de> {
    fn key(&self) -> Option<Key<'de>> {
        match self.all {
            Fields::Pairs(pairs) => pairs.get(self.next).map(|(key, _)| Key::Tree(Reader::Tree(key))),
            Fields::Named(fields) => fields.get(self.next).map(|(name, _)| Key::Name(name)),
        }
    }

    /// The name of an entry.
    fn name(&self, i: usize) -> String {
        match self.all {
            Fields::Pairs(pairs) => match pairs.get(i) {
                Some((Tree::Text(name), _)) => name.clone(),
                _ => format!("entry {i}"),
            },
            Fields::Named(fields) => fields.get(i).map(|(name, _)| name.clone()).unwrap_or_default(),
        }
    }

    fn take(&mut self) -> Result<Reader<'de>, TreeError> {
        let value = match self.all {
            Fields::Pairs(pairs) => pairs.get(self.next).map(|(_, value)| value),
            Fields::Named(fields) => fields.get(self.next).map(|(_, value)| value),
        };
        self.next += 1;
        value.map(Reader::Tree).ok_or_else(|| TreeError::new("a map has fewer values than were asked for"))
    }
}

impl<'de> de::MapAccess<'de> for Entries<'de> {
    type Error = TreeError;
    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, TreeError> {
        let key = match self.key() {
            None => return Ok(None),
            Some(Key::Tree(key)) => seed.deserialize(key),
            Some(Key::Name(name)) => {
                seed.deserialize(de::value::BorrowedStrDeserializer::<TreeError>::new(name))
            }
        };
        key.map(Some).map_err(|e| e.within(Step::Name(self.name(self.next))))
    }
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, TreeError> {
        let i = self.next;
        seed.deserialize(self.take()?).map_err(|e| e.within(Step::Field(self.name(i))))
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
        let name = seed.deserialize(de::value::BorrowedStrDeserializer::<TreeError>::new(self.name));
        match name {
            Ok(name) => Ok((name, self)),
            Err(e) if self.content.is_some() => Err(e.within(Step::Name(self.name.into()))),
            Err(e) => Err(e),
        }
    }
}

impl<'de> VariantReader<'de> {
    fn content(&self) -> Result<Reader<'de>, TreeError> {
        let message = || TreeError::new(format!("`{}` needs settings: write it as a table", self.name));
        self.content.map(Reader::Tree).ok_or_else(message)
    }

    /// Adds the step to the content.
    fn inside<T>(&self, result: Result<T, TreeError>) -> Result<T, TreeError> {
        result.map_err(|e| e.within(Step::Field(self.name.into())))
    }
}

impl<'de> de::VariantAccess<'de> for VariantReader<'de> {
    type Error = TreeError;
    fn unit_variant(self) -> Result<(), TreeError> {
        match self.content {
            None | Some(Tree::Null) => Ok(()),
            Some(Tree::Struct(fields)) if fields.is_empty() => Ok(()),
            Some(content) => self.inside(Err(Reader::Tree(content).unfit(&"an empty table"))),
        }
    }
    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, TreeError> {
        let content = self.content()?;
        self.inside(seed.deserialize(content))
    }
    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, TreeError> {
        let content = self.content()?;
        self.inside(content.sequence(visitor))
    }
    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TreeError> {
        let content = self.content()?;
        self.inside(content.map(visitor))
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
        assert!(Tree::Text("New".into()).read::<Kind>().unwrap_err().message.contains("New"));
        assert!(Tree::Numbers(Numbers::U64(vec![300])).read::<Vec<u8>>().is_err());
        assert!(Tree::of(&vec![1.0, 2.0]).unwrap().read::<[f64; 3]>().is_err());
        assert!(Tree::of(&vec![1.0, 2.0, 3.0]).unwrap().read::<[f64; 2]>().is_err());
    }

    #[test]
    fn mistakes_know_their_way() {
        let told = |tree: &Tree| tree.read::<Everything>().unwrap_err().to_string();
        let mut tree = Tree::of(&everything()).unwrap();
        let Tree::Struct(fields) = &mut tree else { panic!("a struct") };
        let kinds = fields.iter_mut().find(|(name, _)| name == "kinds").unwrap();
        kinds.1 = serde_json::from_str(r#"["Unit", {"Struct": {"a": 1, "b": [1, "x", 3]}}]"#).unwrap();
        assert!(told(&tree).starts_with("kinds[1].Struct.b[1]: invalid type: string"), "{}", told(&tree));
        let Tree::Struct(fields) = &mut tree else { panic!("a struct") };
        fields.iter_mut().find(|(name, _)| name == "kinds").unwrap().1 =
            serde_json::from_str(r#"[{"None": 1}]"#).unwrap();
        assert!(told(&tree).starts_with("kinds[0].None: unknown variant `None`"), "{}", told(&tree));
    }

    #[test]
    fn what_json_says_is_read_as_the_value_that_it_came_from() {
        let kinds = everything().kinds;
        let tree: Tree = serde_json::from_str(&serde_json::to_string(&kinds).unwrap()).unwrap();
        assert_eq!(tree.read::<Vec<Kind>>().unwrap(), kinds);
        let flat: Tree = serde_json::from_str("[1.5, 2.5]").unwrap();
        assert_eq!(flat, Tree::Numbers(Numbers::F64(vec![1.5, 2.5])));
        assert_eq!(
            serde_json::from_str::<Tree>("[1, 2.5, -3]").unwrap().read::<Vec<f32>>().unwrap(),
            [1.0, 2.5, -3.0]
        );
    }
}
