//! Numbers of reference implementations, kept as small JSON files beside the script that made them.

use serde_json::Value;

/// A file of reference numbers.
///
/// The file is a JSON object. `"reference"` names the implementation and its version; the rest is up to the test. Numbers
/// are written with 17 digits, so that they come back with every bit.
#[derive(Clone, Debug)]
pub struct Reference {
    value: Value,
    path: String,
}

impl Reference {
    /// Reads a file's text (use `include_str!`).
    ///
    /// # Panics
    /// If it is no JSON object with the key `"reference"`.
    #[track_caller]
    pub fn parse(text: &str) -> Self {
        let value: Value = serde_json::from_str(text).expect("reference numbers are JSON");
        assert!(value["reference"].is_string(), "reference numbers name their source under \"reference\"");
        Reference { value, path: String::new() }
    }

    /// What lies under `key`.
    #[track_caller]
    pub fn get(&self, key: &str) -> Reference {
        let value = self.value.get(key).cloned();
        let path = format!("{}.{key}", self.path);
        Reference { value: value.unwrap_or_else(|| panic!("no reference numbers at {path}")), path }
    }

    /// The entries of an array.
    #[track_caller]
    pub fn entries(&self) -> Vec<Reference> {
        let array = self.value.as_array().unwrap_or_else(|| panic!("no array at {}", self.path));
        let entry = |(i, value): (usize, &Value)| Reference {
            value: value.clone(),
            path: format!("{}[{i}]", self.path),
        };
        array.iter().enumerate().map(entry).collect()
    }

    /// The number under `key`.
    #[track_caller]
    pub fn number(&self, key: &str) -> f64 {
        let found = self.get(key);
        found.value.as_f64().unwrap_or_else(|| panic!("no number at {}", found.path))
    }

    /// The text under `key`.
    #[track_caller]
    pub fn text(&self, key: &str) -> String {
        let found = self.get(key);
        found.value.as_str().unwrap_or_else(|| panic!("no text at {}", found.path)).into()
    }

    /// The array of numbers under `key`; nested arrays are flattened row by row.
    #[track_caller]
    pub fn numbers(&self, key: &str) -> Vec<f64> {
        fn flatten(value: &Value, path: &str, out: &mut Vec<f64>) {
            match value {
                Value::Array(entries) => entries.iter().for_each(|entry| flatten(entry, path, out)),
                _ => out.push(value.as_f64().unwrap_or_else(|| panic!("not only numbers at {path}"))),
            }
        }
        let found = self.get(key);
        let mut out = Vec::new();
        flatten(&found.value, &found.path, &mut out);
        out
    }
}

/// Fails unless every pair is within `relative` of the larger magnitude, or within `absolute`.
#[track_caller]
pub fn assert_close(what: &str, ours: &[f64], theirs: &[f64], relative: f64, absolute: f64) {
    assert_eq!(ours.len(), theirs.len(), "{what}: different lengths");
    for (i, (&a, &b)) in ours.iter().zip(theirs).enumerate() {
        let allowed = absolute.max(relative * a.abs().max(b.abs()));
        assert!((a - b).abs() <= allowed, "{what}[{i}]: {a:e}, where the reference has {b:e}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_nested_numbers() {
        assert_eq!(Reference::parse(r#"{"reference": "by hand"}"#).text("reference"), "by hand");
        let file = r#"{"reference": "by hand", "steps": [{"mean": [[1, 2.5], [-3]], "sigma": 1e-3}]}"#;
        let step = &Reference::parse(file).get("steps").entries()[0];
        assert_eq!(step.numbers("mean"), [1.0, 2.5, -3.0]);
        assert_eq!(step.number("sigma"), 1e-3);
    }

    #[test]
    fn closeness_is_relative_or_absolute() {
        assert_close("x", &[1.0, 0.0], &[1.0 + 1e-13, 1e-20], 1e-12, 1e-18);
        assert!(std::panic::catch_unwind(|| assert_close("x", &[1.0], &[1.1], 1e-3, 1e-3)).is_err());
    }
}
