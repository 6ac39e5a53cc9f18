//! What there is, in words and as a JSON schema.

use super::{Registry, Takes};
use crate::{
    error::{Error, Result},
    experiment::names,
    registry::table::TableInfo,
    settings::RunSettings,
};
use schemars::SchemaGenerator;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// A part of an experiment file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Section {
    /// `[algorithm.NAME]`.
    Algorithm,
    /// `[problem.NAME]`.
    Problem,
    /// `[network.NAME]`.
    Network,
    /// `[run]`.
    Run,
}

/// Something that an experiment file may name.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    /// Where it stands.
    pub section: Section,
    /// Its key.
    pub name: String,
    /// Gymnasium's id, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Kinds of genomes: what an algorithm evolves, what a network is decoded from, what a problem measures. Empty for a
    /// problem that is shown to networks.
    pub genomes: Vec<String>,
    /// The first sentence of its description.
    pub summary: String,
    /// What it is.
    pub description: String,
    /// Its settings. Where they differ between kinds of genomes, those of the first kind.
    pub settings: Vec<Setting>,
}

/// One key of a table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Setting {
    /// The key.
    pub name: String,
    /// What it takes, in words.
    pub takes: String,
    /// Its default as TOML; `None` if it must be given or may be left out.
    pub default: Option<String>,
    /// Whether it must be given.
    pub required: bool,
    /// Whether it has keys or choices of its own, which [`Registry::describe`] tells of `NAME.KEY`.
    pub inside: bool,
    /// What it means.
    pub description: String,
}

impl Registry {
    /// Everything in a section, in the order of registration.
    pub fn list(&self, section: Section) -> Vec<Entry> {
        let mut list: Vec<Entry> = Vec::new();
        match section {
            Section::Algorithm => {
                for a in &self.algorithms {
                    match list.iter_mut().find(|e| e.name == a.name) {
                        Some(entry) => entry.genomes.push(a.kind.into()),
                        None => list.push(entry(section, a.name, vec![a.kind], &a.info)),
                    }
                }
            }
            Section::Problem => {
                for p in &self.problems {
                    let kinds = match p.takes {
                        Takes::Networks => vec![],
                        Takes::Genomes(kind) => vec![kind],
                    };
                    list.push(Entry { id: p.id.map(Into::into), ..entry(section, &p.name, kinds, &p.info) });
                }
            }
            Section::Network => {
                list.extend(self.networks.iter().map(|n| entry(section, n.name, vec![n.kind], &n.info)));
            }
            Section::Run => list.push(entry(section, "run", vec![], &TableInfo::of::<RunSettings>())),
        }
        list
    }

    /// Everything with this name: usually one entry. `neat.mutation` is the table `mutation` of `neat`, or what a setting
    /// can be chosen from; `dataset.source.csv` lies a level deeper.
    ///
    /// # Errors
    /// If there is nothing; the message has the closest name.
    pub fn describe(&self, name: &str) -> Result<Vec<Entry>> {
        let sections = [Section::Algorithm, Section::Problem, Section::Network, Section::Run];
        if let Some((outer, keys)) = name.split_once('.') {
            let entries = self.named("describe", &sections, "an algorithm, problem or network", outer)?;
            return entries.into_iter().map(|entry| self.inside(entry, keys)).collect();
        }
        self.named("describe", &sections, "an algorithm, problem or network", name)
    }

    /// Everything with this name in some sections, which `what` says in words and the argument `place` asks for.
    ///
    /// # Errors
    /// As for [`Registry::describe`].
    pub fn named(&self, place: &str, sections: &[Section], what: &str, name: &str) -> Result<Vec<Entry>> {
        let all: Vec<Entry> = sections.iter().flat_map(|&s| self.list(s)).collect();
        let known: Vec<&str> = all.iter().map(|e| e.name.as_str()).collect();
        let found: Vec<Entry> =
            all.iter().filter(|e| e.name == name || e.id.as_deref() == Some(name)).cloned().collect();
        if found.is_empty() {
            let error = Error::input(place, format!("the name of {what}"), format!("`{name}`"));
            return Err(match names::closest(name, &known) {
                Some(close) => error.with_hint(format!("did you mean `{close}`?")),
                None => error.with_hint("`evolvent list` shows all names"),
            });
        }
        Ok(found)
    }

    /// What stands below some keys of an entry.
    fn inside(&self, entry: Entry, keys: &str) -> Result<Entry> {
        let run = TableInfo::of::<RunSettings>();
        let info = match entry.section {
            Section::Algorithm => self.algorithms.iter().find(|a| a.name == entry.name).map(|a| &a.info),
            Section::Problem => self.problems.iter().find(|p| p.name == entry.name).map(|p| &p.info),
            Section::Network => self.networks.iter().find(|n| n.name == entry.name).map(|n| &n.info),
            Section::Run => Some(&run),
        };
        let mut generator = SchemaGenerator::default();
        let mut schema = info.map_or(Value::Null, |info| (info.schema)(&mut generator).to_value());
        let mut defaults = info.map_or(Value::Null, |info| (info.defaults)());
        let definitions = Value::Object(generator.take_definitions(true));
        let mut name = entry.name;
        for key in keys.split('.') {
            let known = contents(&schema, &definitions);
            let Some((_, below)) = known.iter().find(|(known, _)| known == key) else {
                let names: Vec<&str> = known.iter().map(|(name, _)| name.as_str()).collect();
                let found = format!("`{key}`");
                let (_, hint) = names::unknown("key", key, &names);
                let error = Error::input("describe", format!("a key of `{name}`"), found);
                return Err(match hint {
                    Some(hint) => error.with_hint(hint),
                    None => error.with_hint(format!("`{name}` has no keys of its own")),
                });
            };
            schema = below.clone();
            defaults = defaults.get(key).cloned().unwrap_or_default();
            name = format!("{name}.{key}");
        }
        let description = described(&schema, &definitions);
        let settings = settings_of(&schema, &definitions, &defaults);
        Ok(Entry { name, id: None, summary: first_sentence(&description), description, settings, ..entry })
    }

    /// The JSON schema of experiment files (2020-12).
    pub fn schema(&self) -> Value {
        let mut generator = SchemaGenerator::default();
        let mut problems: Map<String, Value> = Map::new();
        for p in &self.problems {
            problems.insert(p.name.clone(), (p.info.schema)(&mut generator).to_value());
        }
        let ids: Vec<&str> = self.problems.iter().filter_map(|p| p.id).collect();
        problems.insert(
            "environment".into(),
            json!({
                "type": "object",
                "description": "An environment by its Gymnasium id; further keys are those of its own table.",
                "properties": { "id": { "enum": ids } },
                "required": ["id"],
            }),
        );
        let mut networks: Map<String, Value> = Map::new();
        for n in &self.networks {
            networks.insert(n.name.into(), (n.info.schema)(&mut generator).to_value());
        }
        let mut algorithms: Map<String, Value> = Map::new();
        for a in &self.algorithms {
            let schema = (a.info.schema)(&mut generator).to_value();
            match algorithms.get_mut(a.name) {
                None => {
                    algorithms.insert(a.name.into(), schema);
                }
                // The same name over several kinds of genomes.
                Some(Value::Object(first)) if first.contains_key("x-kinds") => {
                    first["anyOf"].as_array_mut().expect("made below").push(schema);
                }
                Some(first) => *first = json!({ "anyOf": [first.clone(), schema], "x-kinds": true }),
            }
        }
        for value in algorithms.values_mut() {
            if let Value::Object(object) = value {
                object.remove("x-kinds");
            }
        }
        let run = generator.subschema_for::<RunSettings>().to_value();
        let one = |description: &str, properties: Map<String, Value>| {
            json!({
                "type": "object",
                "description": description,
                "properties": properties,
                "additionalProperties": false,
                "minProperties": 1,
                "maxProperties": 1,
            })
        };
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "Evolvent experiment",
            "type": "object",
            "properties": {
                "problem": one("What is to be solved.", problems),
                "network": one("What genomes are decoded to.", networks),
                "algorithm": one("What evolves the genomes.", algorithms),
                "run": run,
                "resolved": { "type": "object", "description": "What a run wrote down about itself; not read." },
            },
            "required": ["problem", "algorithm", "run"],
            "additionalProperties": false,
            "$defs": generator.take_definitions(true),
        })
    }
}

fn entry(section: Section, name: &str, kinds: Vec<&str>, info: &TableInfo) -> Entry {
    let mut generator = SchemaGenerator::default();
    let schema = (info.schema)(&mut generator).to_value();
    let definitions = Value::Object(generator.take_definitions(true));
    let defaults = (info.defaults)();
    let description = schema["description"].as_str().unwrap_or_default().to_owned();
    Entry {
        section,
        name: name.into(),
        id: None,
        genomes: kinds.into_iter().map(Into::into).collect(),
        summary: first_sentence(&description),
        settings: settings_of(&schema, &definitions, &defaults),
        description,
    }
}

/// The keys of a table, or the choices of a setting, each with its meaning.
fn settings_of(schema: &Value, definitions: &Value, defaults: &Value) -> Vec<Setting> {
    let required = resolve(schema, definitions)["required"].as_array().cloned().unwrap_or_default();
    let setting = |(key, property): (String, Value)| {
        let required = required.iter().any(|name| *name == key);
        let default = defaults.get(&key).or_else(|| property.get("default")).filter(|_| !required);
        Setting {
            takes: words(&property, definitions, 0),
            default: default.and_then(as_toml),
            required,
            inside: contents(&property, definitions).iter().any(|(_, below)| below.get("const").is_none()),
            description: described(&property, definitions),
            name: key,
        }
    };
    contents(schema, definitions).into_iter().map(setting).collect()
}

/// The keys that may stand in a table, or the names that may stand in a setting's place, with their schemas.
fn contents(schema: &Value, definitions: &Value) -> Vec<(String, Value)> {
    let schema = resolve(schema, definitions);
    if let Some(properties) = schema["properties"].as_object() {
        let own = schema.get("description").filter(|_| properties.len() == 1);
        // The one key of a choice is described where the choice is.
        let described = |property: &Value| match (own, property.get("description")) {
            (Some(own), None) => {
                let mut property = resolve(property, definitions).clone();
                property["description"] = own.clone();
                property
            }
            _ => property.clone(),
        };
        return properties.iter().map(|(key, property)| (key.clone(), described(property))).collect();
    }
    let named = |name: &Value, of: &Value| {
        let name = name.as_str()?.to_owned();
        Some((name.clone(), json!({ "const": name, "description": of.get("description") })))
    };
    if let Some(name) = schema.get("const") {
        return named(name, schema).into_iter().collect();
    }
    if let Some(names) = schema["enum"].as_array() {
        let plain = json!({});
        return names.iter().filter_map(|name| named(name, &plain)).collect();
    }
    let alternatives = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array());
    alternatives.into_iter().flatten().flat_map(|alternative| contents(alternative, definitions)).collect()
}

fn first_sentence(text: &str) -> String {
    let paragraph = text.split("\n\n").next().unwrap_or_default().replace('\n', " ");
    match paragraph.find(". ") {
        Some(end) => paragraph[..=end].to_owned(),
        None => paragraph,
    }
}

fn resolve<'s>(schema: &'s Value, definitions: &'s Value) -> &'s Value {
    let name = schema["$ref"].as_str().and_then(|r| r.rsplit('/').next());
    name.and_then(|name| definitions.get(name)).unwrap_or(schema)
}

fn described(property: &Value, definitions: &Value) -> String {
    let own = property["description"].as_str();
    own.or_else(|| resolve(property, definitions)["description"].as_str())
        .unwrap_or_default()
        .replace('\n', " ")
}

/// A value as TOML; `None` for nothing.
fn as_toml(value: &Value) -> Option<String> {
    if value.is_null() {
        return None;
    }
    toml::Value::try_from(value).ok().map(|v| v.to_string())
}

/// What a schema takes, in words.
fn words(schema: &Value, definitions: &Value, depth: usize) -> String {
    let schema = resolve(schema, definitions);
    if depth > 4 {
        return "…".into();
    }
    if let Some(constant) = schema.get("const") {
        return constant.to_string();
    }
    if let Some(names) = schema["enum"].as_array() {
        return names.iter().map(Value::to_string).collect::<Vec<_>>().join(", ");
    }
    for key in ["oneOf", "anyOf"] {
        if let Some(alternatives) = schema[key].as_array() {
            let known = alternatives.iter().filter(|a| a["type"] != "null");
            let all: Vec<String> = known.map(|a| words(a, definitions, depth + 1)).collect();
            return all.join(" or ");
        }
    }
    let of = |kind: &str| match kind {
        "number" => "a number".to_owned(),
        "integer" => "an integer".into(),
        "boolean" => "true or false".into(),
        "string" => "a string".into(),
        "array" => match schema.get("items") {
            Some(items) => format!("a list, each {}", words(items, definitions, depth + 1)),
            None => "a list".into(),
        },
        "object" => match schema["properties"].as_object() {
            Some(properties) if properties.len() == 1 => {
                let name = properties.keys().next().map_or("", String::as_str);
                format!("{{ {name} = … }}")
            }
            Some(properties) => {
                format!("a table with {}", properties.keys().cloned().collect::<Vec<_>>().join(", "))
            }
            None => "a table".into(),
        },
        other => other.to_owned(),
    };
    let range = || {
        let bound = |key: &str, word: &str| schema.get(key).map(|v| format!("{word} {v}"));
        let bounds: Vec<String> =
            [bound("minimum", "from"), bound("maximum", "to")].into_iter().flatten().collect();
        if bounds.is_empty() { String::new() } else { format!(" {}", bounds.join(" ")) }
    };
    match &schema["type"] {
        Value::String(kind) => of(kind) + &range(),
        Value::Array(kinds) => {
            let known = kinds.iter().filter_map(Value::as_str).filter(|k| *k != "null");
            known.map(of).collect::<Vec<_>>().join(" or ") + &range()
        }
        _ => "a value".into(),
    }
}
