//! The keys of a neat-python configuration, and the accounts kept of them: which were read, and what cannot be kept.

use super::ini::{Entry, Section};
use crate::error::{Error, Result};
use std::collections::BTreeSet;

/// Reads the keys of a configuration.
pub(super) struct Reader<'a> {
    file: &'a str,
    sections: &'a [Section],
    /// Lines of the keys that somebody has read.
    used: BTreeSet<usize>,
    pub(super) notes: Vec<(usize, String)>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(file: &'a str, sections: &'a [Section]) -> Self {
        Reader { file, sections, used: BTreeSet::new(), notes: Vec::new() }
    }

    pub(super) fn entry(&mut self, section: &str, key: &str) -> Option<&'a Entry> {
        let sections = self.sections;
        let entry = sections.iter().find(|s| s.name == section)?.entries.iter().find(|e| e.key == key)?;
        self.used.insert(entry.line);
        Some(entry)
    }

    pub(super) fn note(&mut self, entry: &Entry, why: &str) {
        self.notes.push((entry.line, format!("{} = {}: {why}", entry.key, entry.value)));
    }

    pub(super) fn wrong(&self, entry: &Entry, expected: &str) -> Error {
        let place = format!("{}:{}", self.file, entry.line);
        Error::input(place, format!("{expected} for `{}`", entry.key), format!("`{}`", entry.value))
    }

    pub(super) fn number(&mut self, section: &str, key: &str) -> Result<Option<(f64, &'a Entry)>> {
        let Some(entry) = self.entry(section, key) else { return Ok(None) };
        match entry.value.parse::<f64>() {
            Ok(x) if x.is_finite() => Ok(Some((x, entry))),
            _ => Err(self.wrong(entry, "a number")),
        }
    }

    pub(super) fn whole(&mut self, section: &str, key: &str) -> Result<Option<(u64, &'a Entry)>> {
        let Some(entry) = self.entry(section, key) else { return Ok(None) };
        match entry.value.parse::<u64>() {
            Ok(n) => Ok(Some((n, entry))),
            Err(_) => Err(self.wrong(entry, "a whole number")),
        }
    }

    pub(super) fn truth(&mut self, section: &str, key: &str) -> Result<Option<(bool, &'a Entry)>> {
        let Some(entry) = self.entry(section, key) else { return Ok(None) };
        match entry.value.to_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Ok(Some((true, entry))),
            "false" | "0" | "no" | "off" => Ok(Some((false, entry))),
            _ => Err(self.wrong(entry, "true or false")),
        }
    }

    /// A key whose number has no counterpart unless it is `neutral`.
    pub(super) fn only(&mut self, section: &str, key: &str, neutral: f64, why: &str) -> Result<()> {
        if let Some((x, entry)) = self.number(section, key)?
            && x != neutral
        {
            self.note(entry, why);
        }
        Ok(())
    }

    /// Whatever nobody has asked for.
    pub(super) fn rest(&mut self) {
        let known =
            ["NEAT", "DefaultGenome", "DefaultSpeciesSet", "DefaultStagnation", "DefaultReproduction"];
        for section in self.sections {
            if !known.contains(&section.name.as_str()) {
                let note = format!(
                    "[{}]: this section is not neat-python's own; none of its keys is read",
                    section.name
                );
                self.notes.push((section.line, note));
                continue;
            }
            for entry in &section.entries {
                if !self.used.contains(&entry.line) {
                    self.note(entry, "no such setting");
                }
            }
        }
    }
}
