//! What can be set in a table of an experiment file, read from its JSON schema: the one description that there is.

use serde_json::Value;

/// One key of a table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Setting {
    /// The key.
    pub(crate) key: String,
    /// What it takes, in words.
    pub(crate) takes: String,
    /// What it is unless given, as TOML; `None` if it must be given or has no value by itself.
    pub(crate) default: Option<String>,
    /// Whether it must be given.
    pub(crate) required: bool,
    /// What it means.
    pub(crate) about: String,
}

/// The description of a table: what stands above its settings.
pub(crate) fn about(schema: &Value) -> String {
    text(schema, "description")
}

/// The settings of a table, in the order of their definition.
pub(crate) fn settings(schema: &Value) -> Vec<Setting> {
    let table = resolve(schema, schema);
    let required: Vec<&str> =
        table["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut settings = Vec::new();
    for (key, value) in table["properties"].as_object().into_iter().flatten() {
        let about = match text(value, "description") {
            own if own.is_empty() => text(resolve(value, schema), "description"),
            own => own,
        };
        settings.push(Setting {
            key: key.clone(),
            takes: takes(value, schema),
            default: value.get("default").and_then(toml_of),
            required: required.contains(&key.as_str()),
            about,
        });
    }
    settings
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().trim().to_string()
}

/// Follows a reference to the schema's definitions.
fn resolve<'s>(value: &'s Value, root: &'s Value) -> &'s Value {
    let mut value = value;
    // Definitions refer to each other; a circle ends here and not in a stack overflow.
    for _ in 0..16 {
        let Some(name) = value["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/")) else { break };
        value = &root["$defs"][name];
    }
    value
}

/// What a value may be, in words.
fn takes(value: &Value, root: &Value) -> String {
    described(value, root, 4).unwrap_or_else(|| "a value".into())
}

fn described(value: &Value, root: &Value, depth: usize) -> Option<String> {
    if depth == 0 {
        return None;
    }
    let value = resolve(value, root);
    if let Some(constant) = value.get("const") {
        return toml_of(constant);
    }
    for key in ["anyOf", "oneOf"] {
        if let Some(choices) = value[key].as_array() {
            let mut words: Vec<String> = Vec::new();
            for choice in choices.iter().filter_map(|choice| described(choice, root, depth - 1)) {
                if !words.contains(&choice) {
                    words.push(choice);
                }
            }
            return Some(join(&words));
        }
    }
    if let Some(choices) = value["enum"].as_array() {
        return Some(join(&choices.iter().filter_map(toml_of).collect::<Vec<_>>()));
    }
    let kind = match &value["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null")?,
        kind => kind.as_str()?,
    };
    Some(match kind {
        "number" => format!("number{}", range(value)),
        "integer" => format!("integer{}", range(value)),
        "boolean" => "true or false".into(),
        "string" => "text".into(),
        "array" => {
            let item = value.get("items").and_then(|item| described(item, root, depth - 1));
            format!("list of {}", item.unwrap_or_else(|| "values".into()))
        }
        "object" => match value["properties"].as_object() {
            // A variant with settings of its own: `{ adam = { … } }`.
            Some(fields)
                if fields.len() == 1 && value["required"].as_array().is_some_and(|r| r.len() == 1) =>
            {
                let (name, inner) = fields.iter().next()?;
                let inner = resolve(inner, root);
                match inner["properties"].as_object() {
                    Some(settings) => {
                        let keys: Vec<&str> = settings.keys().map(String::as_str).collect();
                        format!("{{ {name} = {{ {} }} }}", keys.join(", "))
                    }
                    None => format!("{{ {name} = {} }}", described(inner, root, depth - 1)?),
                }
            }
            _ => "table".into(),
        },
        other => other.into(),
    })
}

/// The range of a number, where the schema states one beyond what its type has.
fn range(value: &Value) -> String {
    let bound = |key: &str| value[key].as_f64().filter(|bound| bound.abs() < 1e15);
    match (bound("minimum"), bound("maximum")) {
        (Some(0.0), Some(most)) if most == 255.0 || most == 65_535.0 => String::new(),
        (Some(least), Some(most)) => format!(" from {least} to {most}"),
        (Some(least), None) if least != 0.0 => format!(" of at least {least}"),
        _ => String::new(),
    }
}

fn join(words: &[String]) -> String {
    match words {
        [] => "a value".into(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// A JSON value as TOML on one line; null has none.
pub(crate) fn toml_of(value: &Value) -> Option<String> {
    Some(match value {
        Value::Null => return None,
        Value::Object(map) => {
            let entries: Vec<String> =
                map.iter().filter_map(|(key, value)| Some(format!("{key} = {}", toml_of(value)?))).collect();
            if entries.is_empty() { "{}".into() } else { format!("{{ {} }}", entries.join(", ")) }
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().filter_map(toml_of).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    })
}

/// The first sentence of a description.
pub(crate) fn first_sentence(about: &str) -> String {
    let flat = about.split_whitespace().collect::<Vec<_>>().join(" ");
    // A full stop ends a sentence where a new one begins behind it: not in "0.1" or "e.g. this".
    let end = flat.match_indices(". ").find(|(i, _)| flat[i + 2..].starts_with(|c: char| c.is_uppercase()));
    end.map_or(flat.clone(), |(i, _)| flat[..=i].to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "snake_case")]
    enum Optimizer {
        /// Plain.
        Sgd,
        /// With moments.
        Adam { beta1: f64, beta2: f64 },
    }

    /// A search. It takes 0.1 s. Really.
    #[derive(Serialize, Deserialize, JsonSchema)]
    #[serde(default)]
    struct Search {
        /// Step size.
        sigma: f64,
        /// Members.
        population_size: evolvent_core::Auto<u16>,
        optimizer: Optimizer,
        hidden: Vec<usize>,
        mirrored: bool,
        label: Option<String>,
    }

    impl Default for Search {
        fn default() -> Self {
            Search {
                sigma: 0.1,
                population_size: evolvent_core::Auto::Auto,
                optimizer: Optimizer::Adam { beta1: 0.9, beta2: 0.999 },
                hidden: vec![32],
                mirrored: true,
                label: None,
            }
        }
    }

    #[test]
    fn a_schema_in_words() {
        let schema = schemars::schema_for!(Search).to_value();
        let lines: Vec<String> = settings(&schema)
            .iter()
            .map(|s| format!("{}: {} [{}] {}", s.key, s.takes, s.default.as_deref().unwrap_or("-"), s.about))
            .collect();
        assert_eq!(
            lines,
            [
                "sigma: number [0.1] Step size.",
                "population_size: \"auto\" or integer [\"auto\"] Members.",
                "optimizer: \"sgd\" or { adam = { beta1, beta2 } } [{ adam = { beta1 = 0.9, beta2 = 0.999 } }] ",
                "hidden: list of integer [[32]] ",
                "mirrored: true or false [true] ",
                "label: text [-] ",
            ]
        );
        assert_eq!(
            first_sentence(&about(&schema)),
            "A search. It takes 0.1 s.".split(". ").next().unwrap().to_owned() + "."
        );
    }
}
