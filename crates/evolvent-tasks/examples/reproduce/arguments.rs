//! `--name value` pairs.

use std::{fmt::Display, str::FromStr};

/// The options of one reproduction.
pub(crate) struct Arguments(Vec<(String, String)>);

impl Arguments {
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut pairs = Vec::new();
        while let Some(word) = words.next() {
            let name = word.strip_prefix("--").ok_or(format!("`{word}`: an option begins with --"))?;
            let value = words.next().ok_or(format!("--{name} needs a value"))?;
            pairs.push((name.to_string(), value));
        }
        Ok(Arguments(pairs))
    }

    /// Refuses options that a reproduction does not have.
    pub(crate) fn only(&self, names: &[&str]) -> Result<(), String> {
        match self.0.iter().find(|(name, _)| name != "threads" && !names.contains(&name.as_str())) {
            Some((name, _)) => Err(format!("--{name} is no option here; there are: {}", names.join(", "))),
            None => Ok(()),
        }
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn number<T: FromStr<Err: Display>>(&self, name: &str, default: T) -> Result<T, String> {
        let Some(text) = self.text(name) else { return Ok(default) };
        text.parse().map_err(|e| format!("--{name} {text}: {e}"))
    }

    /// Numbers with commas between them.
    pub(crate) fn numbers<T: FromStr<Err: Display>>(
        &self,
        name: &str,
        default: Vec<T>,
    ) -> Result<Vec<T>, String> {
        let Some(text) = self.text(name) else { return Ok(default) };
        text.split(',').map(|part| part.parse().map_err(|e| format!("--{name} {part}: {e}"))).collect()
    }
}
