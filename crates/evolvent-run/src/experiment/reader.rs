//! Reads settings from parsed TOML, every error with its place.
//!
//! `toml`'s own deserialiser hands tables to a visitor through three types of map, so that every settings struct is
//! compiled three times; this one has one, and that is a third of this crate's compile time.

use serde::{
    Deserializer,
    de::{self, DeserializeSeed, IntoDeserializer, Visitor},
};
use std::{fmt, ops::Range};
use toml::{
    Spanned,
    de::{DeArray, DeString, DeValue},
};

/// What is wrong with a value, and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct ReadError {
    /// In serde's words.
    pub(crate) message: String,
    /// The innermost value or key that it was noticed at.
    pub(crate) span: Option<Range<usize>>,
}

impl ReadError {
    fn at(mut self, span: Range<usize>) -> ReadError {
        self.span.get_or_insert(span);
        self
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
impl std::error::Error for ReadError {}
impl de::Error for ReadError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        ReadError { message: message.to_string(), span: None }
    }
}

/// A value of a TOML document as serde reads it.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'de>(pub(crate) &'de Spanned<DeValue<'de>>);

/// Numbers and truth values.
enum Scalar {
    Bool(bool),
    Signed(i64),
    Unsigned(u64),
    Float(f64),
}

impl<'de> Reader<'de> {
    fn unfit(&self, expected: &dyn de::Expected) -> ReadError {
        let found = match self.0.get_ref() {
            DeValue::String(text) => de::Unexpected::Str(text),
            DeValue::Array(_) => de::Unexpected::Seq,
            DeValue::Table(_) => de::Unexpected::Map,
            DeValue::Datetime(_) => de::Unexpected::Other("date"),
            _ => match self.as_scalar() {
                Ok(Some(Scalar::Bool(v))) => de::Unexpected::Bool(v),
                Ok(Some(Scalar::Signed(v))) => de::Unexpected::Signed(v),
                Ok(Some(Scalar::Unsigned(v))) => de::Unexpected::Unsigned(v),
                Ok(Some(Scalar::Float(v))) => de::Unexpected::Float(v),
                Ok(None) => de::Unexpected::Other("value"),
                Err(error) => return error,
            },
        };
        de::Error::invalid_type(found, expected)
    }

    fn as_scalar(&self) -> Result<Option<Scalar>, ReadError> {
        Ok(Some(match self.0.get_ref() {
            DeValue::Boolean(v) => Scalar::Bool(*v),
            DeValue::Integer(digits) => {
                let v = i128::from_str_radix(digits.as_str(), digits.radix()).unwrap_or(i128::MAX);
                match (i64::try_from(v), u64::try_from(v)) {
                    (Ok(v), _) => Scalar::Signed(v),
                    (_, Ok(v)) => Scalar::Unsigned(v),
                    _ => return Err(too_large(digits.as_str())),
                }
            }
            DeValue::Float(digits) => match digits.as_str().parse() {
                Ok(v) => Scalar::Float(v),
                Err(_) => return Err(de::Error::custom(format!("`{}` is no number", digits.as_str()))),
            },
            _ => return Ok(None),
        }))
    }

    /// Adds the place to an error.
    fn placed<T>(&self, result: Result<T, ReadError>) -> Result<T, ReadError> {
        result.map_err(|e| e.at(self.0.span()))
    }

    fn scalar<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.placed(match self.as_scalar() {
            Ok(Some(Scalar::Bool(v))) => visitor.visit_bool(v),
            Ok(Some(Scalar::Signed(v))) => visitor.visit_i64(v),
            Ok(Some(Scalar::Unsigned(v))) => visitor.visit_u64(v),
            Ok(Some(Scalar::Float(v))) => visitor.visit_f64(v),
            Ok(None) => Err(self.unfit(&visitor)),
            Err(error) => Err(error),
        })
    }

    fn text<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.placed(match self.0.get_ref() {
            DeValue::String(text) => visitor.visit_borrowed_str(text),
            DeValue::Datetime(v) => visitor.visit_string(v.to_string()),
            _ => Err(self.unfit(&visitor)),
        })
    }

    fn sequence<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.placed(match self.0.get_ref() {
            DeValue::Array(items) => visit_array(items, visitor),
            _ => Err(self.unfit(&visitor)),
        })
    }

    fn map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.placed(match self.0.get_ref() {
            DeValue::Table(table) => visitor.visit_map(Entries { left: table.iter(), value: None }),
            _ => Err(self.unfit(&visitor)),
        })
    }
}

fn too_large(digits: &str) -> ReadError {
    de::Error::custom(format!("expected an integer of at most 64 bits, found {digits}"))
}

impl<'de> IntoDeserializer<'de, ReadError> for Reader<'de> {
    type Deserializer = Self;
    fn into_deserializer(self) -> Self {
        self
    }
}

/// Forwards requests to the method that may answer them: one request, little code.
macro_rules! answer {
    ($($with:ident: $($request:ident)+;)+) => { $($(
        fn $request<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
            self.$with(visitor)
        }
    )+)+ };
}

impl<'de> Deserializer<'de> for Reader<'de> {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.0.get_ref() {
            DeValue::String(_) | DeValue::Datetime(_) => self.text(visitor),
            DeValue::Array(_) => self.sequence(visitor),
            DeValue::Table(_) => self.map(visitor),
            _ => self.scalar(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        visitor.visit_newtype_struct(self)
    }

    /// Enums are externally tagged: a name, or a table with one key.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        let span = self.0.span();
        let variant = match self.0.get_ref() {
            DeValue::String(name) => Variant { name, span: span.clone(), content: None },
            DeValue::Table(table) => {
                let mut entries = table.iter();
                match (entries.next(), entries.next()) {
                    (Some((key, value)), None) => {
                        Variant { name: key.get_ref(), span: key.span(), content: Some(Reader(value)) }
                    }
                    (None, _) => {
                        return Err(ReadError {
                            message: "expected a name, found an empty table".into(),
                            span: Some(span),
                        });
                    }
                    (_, Some((second, _))) => {
                        return Err(ReadError {
                            message: "expected one name, found several".into(),
                            span: Some(second.span()),
                        });
                    }
                }
            }
            _ => {
                let message = "expected a name, or a table with a name".into();
                return Err(ReadError { message, span: Some(span) });
            }
        };
        visitor.visit_enum(variant).map_err(|e| e.at(span))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, ReadError> {
        self.sequence(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        self.sequence(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        self.map(visitor)
    }

    answer! {
        scalar: deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
            deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32
            deserialize_f64;
        text: deserialize_char deserialize_str deserialize_string deserialize_identifier;
        sequence: deserialize_seq deserialize_bytes deserialize_byte_buf;
        map: deserialize_map;
    }

    serde::forward_to_deserialize_any! { unit unit_struct ignored_any }
}

fn visit_array<'de, V: Visitor<'de>>(items: &'de DeArray<'de>, visitor: V) -> Result<V::Value, ReadError> {
    let mut left = de::value::SeqDeserializer::<_, ReadError>::new(items.iter().map(Reader));
    let value = visitor.visit_seq(&mut left)?;
    left.end()?;
    Ok(value)
}

/// The entries of a table.
struct Entries<'de> {
    left: toml::map::Iter<'de, Spanned<DeString<'de>>, Spanned<DeValue<'de>>>,
    value: Option<Reader<'de>>,
}

impl<'de> de::MapAccess<'de> for Entries<'de> {
    type Error = ReadError;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, ReadError> {
        let Some((key, value)) = self.left.next() else { return Ok(None) };
        self.value = Some(Reader(value));
        let name = de::value::BorrowedStrDeserializer::<ReadError>::new(key.get_ref());
        seed.deserialize(name).map(Some).map_err(|e| e.at(key.span()))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, ReadError> {
        let Some(value) = self.value.take() else {
            return Err(de::Error::custom("a value was asked for before its key"));
        };
        let span = value.0.span();
        seed.deserialize(value).map_err(|e| e.at(span))
    }
}

/// A variant's name and what stands behind it.
struct Variant<'de> {
    name: &'de str,
    span: Range<usize>,
    content: Option<Reader<'de>>,
}

impl<'de> de::EnumAccess<'de> for Variant<'de> {
    type Error = ReadError;
    type Variant = Self;
    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), ReadError> {
        let name = de::value::BorrowedStrDeserializer::<ReadError>::new(self.name);
        let name = seed.deserialize(name).map_err(|e| e.at(self.span.clone()))?;
        Ok((name, self))
    }
}

impl<'de> Variant<'de> {
    fn content(self) -> Result<Reader<'de>, ReadError> {
        let message = || format!("`{}` needs settings: write it as a table", self.name);
        self.content.ok_or_else(|| ReadError { message: message(), span: Some(self.span.clone()) })
    }
}

impl<'de> de::VariantAccess<'de> for Variant<'de> {
    type Error = ReadError;
    fn unit_variant(self) -> Result<(), ReadError> {
        match self.content {
            None => Ok(()),
            Some(content) => match content.0.get_ref() {
                DeValue::Table(table) if table.is_empty() => Ok(()),
                _ => Err(content.unfit(&"an empty table")),
            },
        }
    }
    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, ReadError> {
        seed.deserialize(self.content()?)
    }
    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, ReadError> {
        self.content()?.sequence(visitor)
    }
    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        self.content()?.map(visitor)
    }
}
