//! A TOML text with settings laid over it, every value with its place.
//!
//! Places survive the overrides: the texts of `--set` are thought to stand behind the file's own text, so that one
//! offset tells both which text a value came from and where in it.

use super::{
    mistakes::{Mistake, Mistakes, Place},
    values,
};
use evolvent_core::{Tree, TreeError};
use serde::de::DeserializeOwned;
use std::ops::Range;
use toml::{
    Spanned,
    de::{DeString, DeTable, DeValue, Error},
};

/// How many mistakes one table may show before the rest is left for the next attempt.
const MOST: usize = 50;

/// A setting laid over the file: `algorithm.open_es.sigma=0.1`.
#[derive(Clone, Debug)]
pub(crate) struct Override {
    /// As given.
    given: String,
    /// As TOML.
    text: String,
}

impl Override {
    /// What is no TOML value is taken for a string, so that a shell need not be given two kinds of quotes.
    pub(crate) fn new(given: &str) -> Override {
        let text = match given.split_once('=') {
            Some((key, value)) if DeTable::parse(given).is_err() => {
                let escaped = value.trim().replace('\\', "\\\\").replace('"', "\\\"");
                format!("{key}=\"{escaped}\"")
            }
            _ => given.to_owned(),
        };
        Override { given: given.into(), text }
    }

    fn table(&self, offset: usize) -> Option<DeTable<'_>> {
        let table = DeTable::parse(&self.text).ok()?.into_inner();
        (table.len() == 1).then(|| moved_table(table, offset))
    }
}

/// The texts that values come from.
#[derive(Clone, Debug)]
pub(crate) struct Sources {
    file: String,
    text: String,
    /// The settings laid over it, each with the offset at which it is thought to stand.
    overrides: Vec<(usize, String)>,
}

impl Sources {
    /// Whether a span is of a setting that was laid over the file.
    pub(crate) fn is_override(&self, span: &Range<usize>) -> bool {
        self.overrides.first().is_some_and(|(offset, _)| span.start >= *offset)
    }

    /// A mistake at a span of these sources.
    pub(crate) fn mistake(&self, path: &str, span: Option<Range<usize>>, message: String) -> Mistake {
        let mut mistake = Mistake { path: path.into(), place: None, given_by: None, message, hint: None };
        if let Some(span) = span {
            if span.start <= self.text.len() {
                mistake.place = Some(Place::of(&self.text, span));
            } else {
                let given = self.overrides.iter().rev().find(|(offset, _)| *offset <= span.start);
                mistake.given_by = given.map(|(_, given)| given.clone());
            }
        }
        mistake
    }

    /// The error that shows these mistakes, in the order of their places.
    pub(crate) fn mistakes(&self, mut list: Vec<Mistake>) -> Box<Mistakes> {
        // Sorting is stable: what has no place stays behind, in the order of its discovery.
        list.sort_by_key(|m| m.place.as_ref().map_or(usize::MAX, |p| p.span.start));
        list.dedup();
        Box::new(Mistakes { file: self.file.clone(), text: self.text.clone(), list })
    }
}

/// The parsed text with everything laid over it.
#[derive(Clone, Debug)]
pub(crate) struct Document<'t> {
    sources: Sources,
    /// The merged table.
    pub(crate) root: DeTable<'t>,
}

impl<'t> Document<'t> {
    /// Parses `text` and lays `overrides` over it, in order.
    pub(crate) fn parse(
        file: &str,
        text: &'t str,
        overrides: &'t [Override],
    ) -> Result<Document<'t>, Box<Mistakes>> {
        let (parsed, errors) = DeTable::parse_recoverable(text);
        let mut sources = Sources { file: file.into(), text: text.into(), overrides: Vec::new() };
        let syntax = |e: Error| {
            let hint = e.span().and_then(|span| unquoted(text, span.start));
            Mistake { hint, ..sources.mistake("", e.span(), e.message().to_owned()) }
        };
        let mut list: Vec<Mistake> = errors.into_iter().take(MOST).map(syntax).collect();
        let mut root = parsed.into_inner();
        let mut offset = text.len() + 1;
        for change in overrides {
            sources.overrides.push((offset, change.given.clone()));
            match change.table(offset) {
                Some(table) => {
                    let written_out = |span: Range<usize>| {
                        change.text.as_bytes().get(span.start.wrapping_sub(offset)) == Some(&b'{')
                    };
                    if let Err((path, span)) = merge(&mut root, table, "", &written_out) {
                        let message = "expected a table here, found a value".to_owned();
                        list.push(sources.mistake(&path, Some(span), message));
                    }
                }
                None => {
                    let mut mistake =
                        sources.mistake("", Some(offset..offset), "expected key.key=value".into());
                    mistake.hint = Some("for example algorithm.open_es.sigma=0.1".into());
                    list.push(mistake);
                }
            }
            offset += change.text.len() + 1;
        }
        if list.is_empty() { Ok(Document { sources, root }) } else { Err(sources.mistakes(list)) }
    }

    /// The texts.
    pub(crate) fn sources(&self) -> &Sources {
        &self.sources
    }

    /// Where every key and value stands.
    pub(crate) fn places(&self) -> Places {
        let mut places = Places { sources: self.sources.clone(), list: Vec::new() };
        collect(&self.root, "", &mut places.list);
        places
    }
}

/// What to try where a text stands without quotes: `activation = tanh`.
fn unquoted(text: &str, at: usize) -> Option<String> {
    let at = at.min(text.len());
    let start = text.get(..at)?.rfind('\n').map_or(0, |i| i + 1);
    let (key, value) = text[start..].lines().next()?.split_once('=')?;
    let value = value.split('#').next()?.trim();
    let word = value.starts_with(|c: char| c.is_alphabetic())
        && value.chars().all(|c| c.is_alphanumeric() || "_-./".contains(c))
        && !["true", "false", "inf", "nan"].contains(&value);
    word.then(|| format!("texts stand in quotes: {} = \"{value}\"", key.trim()))
}

fn moved_table(table: DeTable<'_>, offset: usize) -> DeTable<'_> {
    table
        .into_iter()
        .map(|(key, value)| {
            let span = key.span();
            let key: Spanned<DeString<'_>> =
                Spanned::new(span.start + offset..span.end + offset, key.into_inner());
            (key, moved_value(value, offset))
        })
        .collect()
}

fn moved_value(value: Spanned<DeValue<'_>>, offset: usize) -> Spanned<DeValue<'_>> {
    let span = value.span();
    let inner = match value.into_inner() {
        DeValue::Array(items) => DeValue::Array(items.into_iter().map(|v| moved_value(v, offset)).collect()),
        DeValue::Table(table) => DeValue::Table(moved_table(table, offset)),
        plain => plain,
    };
    Spanned::new(span.start + offset..span.end + offset, inner)
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// Lays `over` over `base`: `a.b = 1` goes into the table that is there, one that is written out, `a = { b = 1 }`, takes its
/// place. The error is a place where a table would have to go over a value.
fn merge<'t>(
    base: &mut DeTable<'t>,
    over: DeTable<'t>,
    path: &str,
    written_out: &dyn Fn(Range<usize>) -> bool,
) -> Result<(), (String, Range<usize>)> {
    for (key, value) in over {
        let path = join(path, key.get_ref());
        let inner = base.get_mut(key.get_ref().as_ref());
        match (inner, value.get_ref()) {
            (Some(below), DeValue::Table(_)) if !written_out(value.span()) => {
                let span = value.span();
                let DeValue::Table(table) = value.into_inner() else { unreachable!() };
                match below.get_mut() {
                    DeValue::Table(base) => merge(base, table, &path, written_out)?,
                    _ => return Err((path, span)),
                }
            }
            (Some(below), _) => *below = value,
            (None, _) => {
                base.insert(key, value);
            }
        }
    }
    Ok(())
}

/// Keys and values of a document with their places, by dotted path.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    sources: Sources,
    list: Vec<Entry>,
}

/// A key or an item of a list.
#[derive(Clone, Debug)]
struct Entry {
    path: String,
    key: Range<usize>,
    value: Range<usize>,
    table: bool,
}

/// Other names of keys, as the algorithms' tables take them.
const ALIASES: [(&str, &str); 2] = [("popsize", "population_size"), ("pop_size", "population_size")];

fn collect(table: &DeTable<'_>, path: &str, list: &mut Vec<Entry>) {
    for (key, value) in table {
        let name = key.get_ref().as_ref();
        let own = ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, own)| own);
        let path = join(path, own);
        let table = value.get_ref().is_table();
        list.push(Entry { path: path.clone(), key: key.span(), value: value.span(), table });
        collect_value(value.get_ref(), &path, list);
    }
}

fn collect_value(value: &DeValue<'_>, path: &str, list: &mut Vec<Entry>) {
    match value {
        DeValue::Table(inner) => collect(inner, path, list),
        DeValue::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                let path = format!("{path}[{i}]");
                list.push(Entry { path: path.clone(), key: item.span(), value: item.span(), table: false });
                collect_value(item.get_ref(), &path, list);
            }
        }
        _ => {}
    }
}

impl Places {
    /// The texts.
    pub(crate) fn sources(&self) -> &Sources {
        &self.sources
    }

    /// The place of a value, else the place of the nearest table around it.
    pub(crate) fn find(&self, path: &str) -> Option<Range<usize>> {
        if let Some(entry) = self.list.iter().find(|e| e.path == path) {
            // A table is shown by its name, not by all that it holds.
            return Some(if entry.table { entry.key.clone() } else { entry.value.clone() });
        }
        let end = path.rfind(['.', '['])?;
        self.find(&path[..end])
    }

    fn path_at(&self, span: &Range<usize>) -> Option<&str> {
        let exact = self.list.iter().rev().find(|e| e.key == *span || e.value == *span);
        let around = || {
            let inside = |r: &Range<usize>| r.start <= span.start && span.end <= r.end;
            self.list.iter().filter(|e| inside(&e.value)).min_by_key(|e| e.value.len())
        };
        exact.or_else(around).map(|e| e.path.as_str())
    }

    /// The mistakes behind what some part says about its own settings, which stand below `prefix`.
    pub(crate) fn violations(&self, prefix: &str, violations: &evolvent_core::Violations) -> Vec<Mistake> {
        let mistake = |v: &evolvent_core::Violation| {
            let path = if v.path.is_empty() { prefix.to_owned() } else { format!("{prefix}.{}", v.path) };
            let message = format!("expected {}, found {}", v.expected, v.found);
            Mistake { hint: v.hint.clone(), ..self.sources.mistake(&path, self.find(&path), message) }
        };
        violations.0.iter().map(mistake).collect()
    }
}

/// Decodes a table. A mistake does not end it: the key that it stands at is taken out, and the rest is decoded again,
/// so that all mistakes are found. `others` are names that are right in this table but belong to somebody else.
pub(crate) fn decode<T: DeserializeOwned>(
    value: &Spanned<DeValue<'_>>,
    path: &str,
    places: &Places,
    others: &[String],
) -> Result<T, Vec<Mistake>> {
    let mut read = None;
    let once = &mut |tree: &Tree| tree.read().map(|settings| read = Some(settings));
    let list = attempts(value, path, places, others, once);
    match read {
        Some(settings) if list.is_empty() => Ok(settings),
        _ => Err(list),
    }
}

/// All mistakes that `read` makes of a value.
fn attempts(
    value: &Spanned<DeValue<'_>>,
    path: &str,
    places: &Places,
    others: &[String],
    read: &mut dyn FnMut(&Tree) -> Result<(), TreeError>,
) -> Vec<Mistake> {
    let mut value = value.clone();
    let mut list = Vec::new();
    let mut removed: Vec<String> = Vec::new();
    // Paths of the tables that something was taken out of.
    let mut opened: Vec<String> = Vec::new();
    while list.len() < MOST {
        let Err(error) = read(&values::tree_of(value.get_ref())) else { break };
        let span = values::place(&value, error.steps());
        let at = places.path_at(&span).unwrap_or(path).to_owned();
        let missing = quoted(&error.message, "missing field `");
        let was_there = missing.is_some_and(|field| removed.iter().any(|r| r == field));
        let emptied = missing.is_some() || error.message.ends_with("found an empty table");
        // What is missing where a wrong key was taken out is no mistake of its own; nor is the table without it.
        if was_there || (emptied && opened.contains(&at)) {
            if at == path {
                break;
            }
        } else {
            let (message, hint) = plainly(&error.message, others);
            list.push(Mistake { hint, ..places.sources.mistake(&at, Some(span.clone()), message) });
        }
        opened.extend(at.rfind(['.', '[']).map(|end| at[..end].to_owned()));
        match take_out(value.get_mut(), &span) {
            Some(key) => removed.push(key),
            None => break,
        }
    }
    list
}

/// The text up to the next backtick behind `before`.
fn quoted<'m>(message: &'m str, before: &str) -> Option<&'m str> {
    let start = message.find(before)? + before.len();
    message[start..].find('`').map(|end| &message[start..start + end])
}

/// Takes out the key or value at a span. Gives the key's name.
fn take_out(value: &mut DeValue<'_>, span: &Range<usize>) -> Option<String> {
    let DeValue::Table(table) = value else { return None };
    let name = |key: &Spanned<DeString<'_>>| key.get_ref().to_string();
    let exact =
        table.iter().find(|(key, v)| key.span() == *span || (v.span() == *span && !v.get_ref().is_table()));
    let inside = |v: &Spanned<DeValue<'_>>| v.span().start <= span.start && span.end <= v.span().end;
    if let Some(key) = exact.map(|(key, _)| name(key)) {
        table.remove(key.as_str());
        return Some(key);
    }
    let keys: Vec<String> = table.keys().map(name).collect();
    for key in &keys {
        let below = table.get_mut(key.as_str())?;
        if let Some(found) = take_out(below.get_mut(), span) {
            return Some(found);
        }
    }
    let around = table.iter().find(|(_, v)| inside(v)).map(|(key, _)| name(key))?;
    table.remove(around.as_str());
    Some(around)
}

/// A decoder's message in words for people, and a hint if a name is close to a known one.
fn plainly(message: &str, others: &[String]) -> (String, Option<String>) {
    if let Some(found) = quoted(message, "unknown field `").or_else(|| quoted(message, "unknown variant `")) {
        let what = if message.starts_with("unknown field") { "key" } else { "name" };
        let listed = message.split_once(", expected ").map_or("", |(_, list)| list);
        let mut known: Vec<&str> = listed.split('`').skip(1).step_by(2).collect();
        known.retain(|name| ALIASES.iter().all(|(alias, _)| alias != name));
        known.extend(others.iter().map(String::as_str).filter(|_| what == "key"));
        return super::names::unknown(what, found, &known);
    }
    if let Some(field) = quoted(message, "missing field `") {
        return (format!("expected the key `{field}`, found none"), None);
    }
    if let Some((found, expected)) = message
        .strip_prefix("invalid type: ")
        .or_else(|| message.strip_prefix("invalid value: "))
        .and_then(|m| m.split_once(", expected "))
    {
        return (format!("expected {}, found {found}", in_words(expected)), None);
    }
    (message.to_owned(), None)
}

/// Rust's names of types in words.
fn in_words(expected: &str) -> &str {
    match expected {
        "f64" | "f32" => "a number",
        "usize" | "u64" | "u32" | "u16" | "u8" => "an integer of at least 0",
        "isize" | "i64" | "i32" | "i16" | "i8" => "an integer",
        "bool" | "a boolean" => "true or false",
        "a sequence" => "a list",
        "a map" => "a table",
        other if other.starts_with("struct ") => "a table",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use evolvent_core::{Auto, Violations};
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Settings {
        sigma: f64,
        population_size: Auto<usize>,
        optimizer: Optimizer,
        hidden: Vec<usize>,
    }
    impl Default for Settings {
        fn default() -> Self {
            Settings { sigma: 1.0, population_size: Auto::Auto, optimizer: Optimizer::Sgd, hidden: vec![] }
        }
    }
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Optimizer {
        Sgd,
        Adam {
            #[serde(default)]
            beta: f64,
        },
    }

    fn read(text: &str, overrides: &[&str]) -> Result<Settings, Box<Mistakes>> {
        let overrides: Vec<_> = overrides.iter().map(|o| Override::new(o)).collect();
        let document = Document::parse("x.toml", text, &overrides)?;
        let places = document.places();
        let root = Spanned::new(0..0, DeValue::Table(document.root.clone()));
        decode::<Settings>(&root, "", &places, &["episodes".into()])
            .map_err(|list| document.sources().mistakes(list))
    }

    fn lines(text: &str, overrides: &[&str]) -> Vec<String> {
        read(text, overrides).unwrap_err().to_string().lines().map(str::to_owned).collect()
    }

    #[test]
    fn all_mistakes_at_once_each_at_its_place() {
        let text =
            "sgima = 0.1\nhidden = [32, \"x\"]\npopulation_size = -5\n[optimizer.adam]\nbeta = \"high\"\n";
        assert_eq!(
            lines(text, &[]),
            [
                "x.toml:1:1: sgima: no such key (did you mean `sigma`? known: sigma, population_size, optimizer, hidden, episodes)",
                "x.toml:2:15: hidden[1]: expected an integer of at least 0, found string \"x\"",
                "x.toml:3:19: population_size: expected an integer of at least 0, found integer `-5`",
                "x.toml:5:8: optimizer.adam.beta: expected a number, found string \"high\"",
            ]
        );
    }

    #[test]
    fn a_wrong_key_is_one_mistake_even_where_it_leaves_nothing() {
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        #[allow(dead_code)]
        struct Data {
            source: Source,
            #[serde(default)]
            test: f64,
        }
        #[derive(Debug, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[allow(dead_code)]
        enum Source {
            Csv(Csv),
        }
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        #[allow(dead_code)]
        struct Csv {
            path: String,
        }
        let found = |text: &str| -> Vec<String> {
            let document = Document::parse("x.toml", text, &[]).unwrap();
            let places = document.places();
            let value = document.root.get("data").unwrap();
            let list = decode::<Data>(value, "data", &places, &[]).unwrap_err();
            list.iter().map(|m| format!("{}: {}", m.path, m.message)).collect()
        };
        assert_eq!(
            found("[data]\nsource = { csv = { file = \"x\" } }\n"),
            ["data.source.csv.file: no such key"]
        );
        assert_eq!(found("[data]\nsorce = 3\n"), ["data.sorce: no such key"]);
        assert_eq!(
            found("[data]\nsource = { csv = { file = \"x\" } }\ntst = 3\n"),
            ["data.source.csv.file: no such key", "data.tst: no such key"]
        );
        assert_eq!(
            found("[data]\nsource = { csv = {} }\n"),
            ["data.source.csv: expected the key `path`, found none"]
        );
        assert_eq!(found("[data]\ntest = 0.5\n"), ["data: expected the key `source`, found none"]);
        assert_eq!(found("[data]\nsource = {}\n"), ["data.source: expected a name, found an empty table"]);
        assert_eq!(lines("[optimizer]\nadm = {}\n", &[]).len(), 1);
        assert_eq!(lines("[optimizer.adam]\nbeta = \"high\"\n", &[]).len(), 1);
    }

    #[test]
    fn several_syntax_errors() {
        let found = lines("sigma = \nhidden = [1, 2\n", &[]);
        assert!(found[0].starts_with("x.toml:1:"), "{found:?}");
    }

    #[test]
    fn overrides_lie_over_the_file_and_name_themselves() {
        let settings = read("sigma = -1\n", &["sigma=0.5", "optimizer.adam.beta=0.9", "hidden=[3]"]).unwrap();
        assert_eq!((settings.sigma, settings.hidden), (0.5, vec![3]));
        assert_eq!(settings.optimizer, Optimizer::Adam { beta: 0.9 });
        assert_eq!(read("", &["optimizer=sgd"]).unwrap().optimizer, Optimizer::Sgd);
        // A table that is written out takes the place of what is there.
        for before in ["optimizer = \"sgd\"", "[optimizer.momentum]\nrate = 0.1"] {
            let settings =
                read(before, &["optimizer={adam={beta=0.5}}", "optimizer.adam.beta=0.25"]).unwrap();
            assert_eq!(settings.optimizer, Optimizer::Adam { beta: 0.25 }, "{before}");
        }
        assert_eq!(
            lines("sigma = 1.0", &["sigma=high", "hiden=[1]"]),
            [
                "x.toml: sigma: expected a number, found string \"high\" in --set sigma=high",
                "x.toml: hiden: no such key in --set hiden=[1] (did you mean `hidden`? known: sigma, population_size, optimizer, hidden, episodes)",
            ]
        );
        assert!(lines("", &["sigma"])[0].contains("key.key=value"));
        assert!(lines("sigma = 1.0", &["sigma.x=3"])[0].contains("expected a table"));
    }

    #[test]
    fn violations_find_their_places() {
        let text = "[algorithm.es]\npopsize = 3\n[algorithm.es.optimizer]\nadam = { beta = 2 }\n";
        let document = Document::parse("x.toml", text, &[]).unwrap();
        let places = document.places();
        let mut v = Violations::new();
        v.add("population_size", 3, "an even number");
        v.add("optimizer.adam.beta", 2, "less than 1");
        v.add("sigma", -1, "more than 0");
        let found: Vec<_> = places
            .violations("algorithm.es", &v)
            .into_iter()
            .map(|m| m.place.map(|p| (p.line, p.column)).unwrap())
            .collect();
        assert_eq!(found, [(2, 11), (4, 17), (1, 12)]);
    }
}
