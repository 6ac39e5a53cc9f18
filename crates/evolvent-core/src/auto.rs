//! "Auto" is a value, so that a resolved experiment file can be written back.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{borrow::Cow, fmt, marker::PhantomData};

/// A setting that the product may choose itself: the string `"auto"`, or a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Auto<T> {
    /// Chosen from the problem; the field's documentation says how.
    #[default]
    Auto,
    /// Given.
    Value(T),
}

impl<T: Copy> Auto<T> {
    /// The given value, or what `default` computes.
    pub fn or(self, default: impl FnOnce() -> T) -> T {
        match self {
            Auto::Auto => default(),
            Auto::Value(value) => value,
        }
    }
}

impl<T> Auto<T> {
    /// The given value, if one was given.
    pub fn given(&self) -> Option<&T> {
        match self {
            Auto::Auto => None,
            Auto::Value(value) => Some(value),
        }
    }
}

impl<T: Serialize> Serialize for Auto<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Auto::Auto => serializer.serialize_str("auto"),
            Auto::Value(value) => value.serialize(serializer),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Auto<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<T>(PhantomData<T>);
        // Not an untagged enum: those buffer their input, and the place of a mistake is lost.
        impl<'de, T: Deserialize<'de>> de::Visitor<'de> for Visitor<T> {
            type Value = Auto<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"auto\" or a value")
            }
            fn visit_str<E: de::Error>(self, s: &str) -> Result<Auto<T>, E> {
                if s == "auto" {
                    return Ok(Auto::Auto);
                }
                T::deserialize(de::value::StrDeserializer::new(s)).map(Auto::Value)
            }
            fn visit_bool<E: de::Error>(self, v: bool) -> Result<Auto<T>, E> {
                T::deserialize(de::value::BoolDeserializer::new(v)).map(Auto::Value)
            }
            fn visit_i64<E: de::Error>(self, v: i64) -> Result<Auto<T>, E> {
                T::deserialize(de::value::I64Deserializer::new(v)).map(Auto::Value)
            }
            fn visit_u64<E: de::Error>(self, v: u64) -> Result<Auto<T>, E> {
                T::deserialize(de::value::U64Deserializer::new(v)).map(Auto::Value)
            }
            fn visit_f64<E: de::Error>(self, v: f64) -> Result<Auto<T>, E> {
                T::deserialize(de::value::F64Deserializer::new(v)).map(Auto::Value)
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, seq: A) -> Result<Auto<T>, A::Error> {
                T::deserialize(de::value::SeqAccessDeserializer::new(seq)).map(Auto::Value)
            }
            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Auto<T>, A::Error> {
                T::deserialize(de::value::MapAccessDeserializer::new(map)).map(Auto::Value)
            }
        }
        deserializer.deserialize_any(Visitor(PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for Auto<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("AutoOr{}", T::schema_name()).into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "anyOf": [{ "const": "auto" }, generator.subschema_for::<T>()] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::de::IntoDeserializer;

    type E = de::value::Error;

    #[test]
    fn reads_the_word_and_the_value() {
        let word: Result<Auto<usize>, E> = Auto::deserialize("auto".into_deserializer());
        assert_eq!(word.unwrap(), Auto::Auto);
        let value: Result<Auto<usize>, E> = Auto::deserialize(12u64.into_deserializer());
        assert_eq!(value.unwrap(), Auto::Value(12));
        let wrong: Result<Auto<usize>, E> = Auto::deserialize("automatic".into_deserializer());
        assert!(wrong.is_err());
        assert_eq!(Auto::Auto.or(|| 3), 3);
    }
}
