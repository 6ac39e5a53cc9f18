//! Between TOML and trees: settings are read from trees and written to them, as states are, so that every type is compiled for one
//! deserialiser and one serialiser.

use evolvent_core::{Step, Tree};
use serde::{Serialize, ser::Error as _};
use std::ops::Range;
use toml::{
    Spanned, Table, Value,
    de::{DeInteger, DeValue},
    ser::Error,
};

/// The tree of a value.
pub(crate) fn tree_of(value: &DeValue<'_>) -> Tree {
    match value {
        DeValue::Boolean(v) => Tree::Bool(*v),
        DeValue::Integer(digits) => integer(digits),
        // TOML's grammar has no float that is none for Rust.
        DeValue::Float(digits) => Tree::F64(digits.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::String(text) => Tree::Text(text.to_string()),
        DeValue::Datetime(time) => Tree::Text(time.to_string()),
        DeValue::Array(items) => Tree::Sequence(items.iter().map(|item| tree_of(item.get_ref())).collect()),
        DeValue::Table(table) => {
            let fields =
                table.iter().map(|(key, value)| (key.get_ref().to_string(), tree_of(value.get_ref())));
            Tree::Struct(fields.collect())
        }
    }
}

fn integer(digits: &DeInteger<'_>) -> Tree {
    let wide = i128::from_str_radix(digits.as_str(), digits.radix()).unwrap_or(i128::MAX);
    match (u64::try_from(wide), i64::try_from(wide)) {
        (Ok(v), _) => Tree::Unsigned(v),
        (_, Ok(v)) => Tree::Signed(v),
        _ => Tree::Wide(digits.as_str().into()),
    }
}

/// Where a mistake stands: the steps lead from `value` to a key or a value, as far as they can be followed.
pub(crate) fn place<'s>(value: &Spanned<DeValue<'_>>, steps: impl Iterator<Item = &'s Step>) -> Range<usize> {
    let mut value = value;
    for step in steps {
        let inner = match (value.get_ref(), step) {
            (DeValue::Table(table), Step::Name(name)) => {
                let key = table.keys().find(|key| key.get_ref().as_ref() == name.as_str());
                return key.map_or(value.span(), Spanned::span);
            }
            (DeValue::Table(table), Step::Field(name)) => table.get(name.as_str()),
            (DeValue::Array(items), Step::Item(i)) => items.get(*i),
            _ => None,
        };
        match inner {
            Some(inner) => value = inner,
            None => break,
        }
    }
    value.span()
}

/// Settings as a TOML table; what is nothing is left out.
///
/// # Errors
/// If TOML cannot hold a value, or the settings are no table.
pub(crate) fn table<T: Serialize + ?Sized>(settings: &T) -> Result<Table, Error> {
    table_of(Tree::of(settings).map_err(Error::custom)?)
}

/// As [`table`], of settings that are a tree already.
pub(crate) fn table_of(settings: Tree) -> Result<Table, Error> {
    match value(settings)? {
        Some(Value::Table(table)) => Ok(table),
        _ => Err(Error::custom("settings that are no table")),
    }
}

/// The TOML of a tree; `None` for nothing.
fn value(tree: Tree) -> Result<Option<Value>, Error> {
    let present = |tree| value(tree)?.ok_or_else(|| Error::custom("TOML has no value for nothing in a list"));
    let too_large = |v: u64| Error::custom(format!("{v} is too large for TOML"));
    Ok(Some(match tree {
        Tree::Null => return Ok(None),
        Tree::Some(inner) => return value(*inner),
        Tree::Bool(v) => Value::Boolean(v),
        Tree::Unsigned(v) => Value::Integer(v.try_into().map_err(|_| too_large(v))?),
        Tree::Signed(v) => Value::Integer(v),
        Tree::F64(v) => Value::Float(v),
        Tree::F32(v) => Value::Float(v.into()),
        Tree::Text(text) | Tree::Wide(text) => Value::String(text),
        Tree::Sequence(items) => Value::Array(items.into_iter().map(present).collect::<Result<_, _>>()?),
        Tree::Numbers(numbers) => return value(Tree::Sequence(numbers.into_nodes())),
        Tree::Map(pairs) => {
            let named = |(key, content): (Tree, Tree)| match key {
                Tree::Text(name) => Ok((name, content)),
                Tree::Unsigned(v) => Ok((v.to_string(), content)),
                _ => Err(Error::custom("a key that is no name")),
            };
            return value(Tree::Struct(pairs.into_iter().map(named).collect::<Result<_, _>>()?));
        }
        Tree::Struct(fields) => {
            let mut table = Table::new();
            for (name, content) in fields {
                if let Some(content) = value(content)? {
                    table.insert(name, content);
                }
            }
            Value::Table(table)
        }
        Tree::Variant(name, content) => Value::Table(Table::from_iter([(name, present(*content)?)])),
    }))
}
