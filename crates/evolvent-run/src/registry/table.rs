//! One table of an experiment file, on its way into a struct.

use crate::experiment::{
    Mistake,
    document::{Places, decode},
};
use crate::json;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// A table with its place.
pub(crate) struct Table<'a> {
    pub(crate) value: Spanned<DeValue<'a>>,
    pub(crate) path: String,
    pub(crate) places: &'a Places,
}

impl<'a> Table<'a> {
    /// Decodes the whole table.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, Vec<Mistake>> {
        self.read_beside(&[])
    }

    /// Decodes the table; `others` are keys that somebody else takes.
    pub(crate) fn read_beside<T: DeserializeOwned>(&self, others: &[String]) -> Result<T, Vec<Mistake>> {
        decode(&self.value, &self.path, self.places, others)
    }

    /// Decodes the table as the content of the variant `name` of an enum.
    pub(crate) fn read_variant<T: DeserializeOwned>(
        &self,
        name: &str,
        others: &[String],
    ) -> Result<T, Vec<Mistake>> {
        let mut outer = DeTable::new();
        let span = self.value.span();
        outer.insert(Spanned::new(span.clone(), name.to_owned().into()), self.value.clone());
        let wrapped = Spanned::new(span, DeValue::Table(outer));
        decode(&wrapped, &self.path, self.places, others)
    }

    /// The part of the table with these keys, and the rest.
    pub(crate) fn split(&self, keys: &[String]) -> (Table<'a>, Table<'a>) {
        let part = |own: bool| {
            let value = match self.value.get_ref() {
                DeValue::Table(table) => {
                    let mine = table.iter().filter(|(key, _)| keys.iter().any(|k| k == key.get_ref()) == own);
                    DeValue::Table(mine.map(|(key, value)| (key.clone(), value.clone())).collect())
                }
                // Not a table: both parts shall say so.
                other => other.clone(),
            };
            Table {
                value: Spanned::new(self.value.span(), value),
                path: self.path.clone(),
                places: self.places,
            }
        };
        (part(true), part(false))
    }
}

/// What is known of a table without reading one: its schema and its defaults.
pub(crate) struct TableInfo {
    pub(crate) schema: Box<dyn Fn(&mut SchemaGenerator) -> Schema + Send + Sync>,
    pub(crate) defaults: Box<dyn Fn() -> Value + Send + Sync>,
}

impl TableInfo {
    /// Of a settings struct.
    pub(crate) fn of<T: JsonSchema + Default + Serialize>() -> TableInfo {
        TableInfo {
            schema: Box::new(|generator| T::json_schema(generator)),
            defaults: Box::new(|| json::value_of(&T::default())),
        }
    }

    /// Of one variant of an enum of settings structs; `default` is the variant with its defaults.
    pub(crate) fn of_variant<T: JsonSchema + Serialize>(
        name: &'static str,
        default: impl Fn() -> Option<T> + Send + Sync + 'static,
    ) -> TableInfo {
        TableInfo {
            schema: Box::new(move |generator| variant::<T>(name, generator)),
            defaults: Box::new(move || {
                let value = default().map(|d| json::value_of(&d));
                value.and_then(|v| v.get(name).cloned()).unwrap_or_default()
            }),
        }
    }

    /// One table that two structs read.
    pub(crate) fn beside(self, other: TableInfo) -> TableInfo {
        let (a, b) = (self.schema, other.schema);
        let (first, second) = (self.defaults, other.defaults);
        TableInfo {
            schema: Box::new(move |generator| {
                let mut schema = a(generator);
                let more = b(generator);
                let properties = more.get("properties").cloned();
                if let (Some(Value::Object(own)), Some(Value::Object(more))) =
                    (schema.ensure_object().get_mut("properties"), properties.clone())
                {
                    own.extend(more);
                } else if let Some(properties) = properties {
                    schema.insert("properties".into(), properties);
                }
                schema
            }),
            defaults: Box::new(move || {
                let mut all = first();
                match (&mut all, second()) {
                    (Value::Object(all), Value::Object(more)) => all.extend(more),
                    (all, more) if all.is_null() => *all = more,
                    _ => {}
                }
                all
            }),
        }
    }
}

/// The schema of one variant of an externally tagged enum, references resolved one step.
fn variant<T: JsonSchema>(name: &str, generator: &mut SchemaGenerator) -> Schema {
    let all = T::json_schema(generator);
    let alternatives = all.get("oneOf").or_else(|| all.get("anyOf")).and_then(Value::as_array);
    let found = alternatives.into_iter().flatten().find(|a| a["properties"].get(name).is_some());
    let Some(found) = found else { return schemars::json_schema!({ "type": "object" }) };
    let mut content = found["properties"][name].clone();
    if let Some(definition) = content["$ref"].as_str().and_then(|r| r.rsplit('/').next())
        && let Some(resolved) = generator.definitions().get(definition)
    {
        content = resolved.clone();
    }
    if let Some(description) = found.get("description") {
        content["description"] = description.clone();
    }
    Schema::try_from(content).unwrap_or_default()
}

/// The keys of a settings struct.
pub(crate) fn keys<T: JsonSchema>() -> Vec<String> {
    let schema = T::json_schema(&mut SchemaGenerator::default());
    let properties = schema.get("properties").and_then(Value::as_object);
    properties.into_iter().flat_map(|p| p.keys().cloned()).collect()
}
