//! Kinds of values that the data-set table of an experiment file takes besides plain ones. Each reads itself from a
//! scalar (never through an untagged enum), so that an error keeps its line and column.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How many samples: a fraction of all (a number with a point, 0.0 to 1.0) or a count (a whole number).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Amount {
    /// This part of all samples, 0 to 1.
    Fraction(f64),
    /// So many samples.
    Count(usize),
}

impl Amount {
    /// The number of samples out of `all`, rounded to the nearest.
    pub fn of(self, all: usize) -> usize {
        match self {
            Amount::Fraction(fraction) => (fraction * all as f64).round() as usize,
            Amount::Count(count) => count,
        }
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Amount::Fraction(fraction) => serializer.serialize_f64(*fraction),
            Amount::Count(count) => serializer.serialize_u64(*count as u64),
        }
    }
}

struct AmountVisitor;

impl Visitor<'_> for AmountVisitor {
    type Value = Amount;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a fraction such as 0.2 or a count of samples such as 100")
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Amount, E> {
        Ok(Amount::Fraction(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Amount, E> {
        usize::try_from(number).map(Amount::Count).map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Amount, E> {
        usize::try_from(number)
            .map(Amount::Count)
            .map_err(|_| E::custom(format!("a count of samples cannot be negative: {number}")))
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AmountVisitor)
    }
}

impl JsonSchema for Amount {
    fn schema_name() -> Cow<'static, str> {
        "Amount".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A fraction of all samples (a number with a point, 0.0 to 1.0) or a count of samples (a whole number).",
            "type": "number",
            "minimum": 0
        })
    }
}

/// A column of a CSV file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Column {
    /// By its name in the header.
    Name(String),
    /// By its place: 0 is the first column, -1 the last.
    Index(i64),
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Column::Name(name) => write!(f, "{name:?}"),
            Column::Index(index) => write!(f, "number {index}"),
        }
    }
}

impl Serialize for Column {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Column::Name(name) => serializer.serialize_str(name),
            Column::Index(index) => serializer.serialize_i64(*index),
        }
    }
}

impl<'de> Deserialize<'de> for Column {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Columns(mut one) = deserializer.deserialize_any(ColumnsVisitor { several: false })?;
        Ok(one.swap_remove(0))
    }
}

impl JsonSchema for Column {
    fn schema_name() -> Cow<'static, str> {
        "Column".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Name of a column, or its number: 0 is the first, -1 the last.",
            "type": ["string", "integer"]
        })
    }
}

/// One column, or a list of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns(pub Vec<Column>);

impl Serialize for Columns {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [one] => one.serialize(serializer),
            several => several.serialize(serializer),
        }
    }
}

struct ColumnsVisitor {
    several: bool,
}

impl<'de> Visitor<'de> for ColumnsVisitor {
    type Value = Columns;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name or the number of a column")?;
        if self.several { f.write_str(", or a list of them") } else { Ok(()) }
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Columns, E> {
        Ok(Columns(vec![Column::Name(name.to_owned())]))
    }

    fn visit_i64<E: Error>(self, index: i64) -> Result<Columns, E> {
        Ok(Columns(vec![Column::Index(index)]))
    }

    fn visit_u64<E: Error>(self, index: u64) -> Result<Columns, E> {
        i64::try_from(index).map(|index| Columns(vec![Column::Index(index)])).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Columns, A::Error> {
        if !self.several {
            return Err(A::Error::invalid_type(serde::de::Unexpected::Seq, &self));
        }
        let mut columns = Vec::new();
        while let Some(column) = list.next_element()? {
            columns.push(column);
        }
        Ok(Columns(columns))
    }
}

impl<'de> Deserialize<'de> for Columns {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ColumnsVisitor { several: true })
    }
}

impl JsonSchema for Columns {
    fn schema_name() -> Cow<'static, str> {
        "Columns".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<Column>();
        json_schema!({ "anyOf": [one, { "type": "array", "items": one, "minItems": 1 }] })
    }
}

#[cfg(test)]
mod tests {
    use evolvent_core::Auto;

    use super::*;

    #[test]
    fn values_read_and_write_themselves() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Settings {
            size: Auto<usize>,
            part: Auto<Amount>,
            comma: Auto<char>,
            one: Columns,
            more: Columns,
            each: Vec<Column>,
        }
        let text = "size = 3\npart = 0.25\ncomma = \"auto\"\none = -1\nmore = [\"a\", 2]\neach = [\"b\"]\n";
        let settings: Settings = toml::from_str(text).unwrap();
        assert_eq!(settings.size, Auto::Value(3));
        assert_eq!(settings.part, Auto::Value(Amount::Fraction(0.25)));
        assert_eq!(settings.comma.or(|| ';'), ';');
        assert_eq!(settings.more, Columns(vec![Column::Name("a".into()), Column::Index(2)]));
        assert_eq!(toml::to_string(&settings).unwrap(), text);
        let json = serde_json::to_string(&settings).unwrap();
        assert_eq!(serde_json::from_str::<Settings>(&json).unwrap(), settings);
    }

    #[test]
    fn amounts_round_to_the_nearest() {
        assert_eq!(Amount::Fraction(0.2).of(149), 30);
        assert_eq!(Amount::Count(7).of(3), 7);
    }
}
