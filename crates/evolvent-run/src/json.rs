//! JSON by way of trees: what is read and written here is compiled for the one deserialiser and the one serialiser of all data, and a mistake
//! says where it stands.

use evolvent_core::{Tree, TreeError};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// The value that a text says.
///
/// # Errors
/// If it is no JSON, or of another type; in words, with line and column or the way to the place.
pub(crate) fn read<T: DeserializeOwned>(text: &[u8]) -> Result<T, String> {
    let tree: Tree = serde_json::from_slice(text).map_err(|e| e.to_string())?;
    tree.read().map_err(|e| e.to_string())
}

/// The value that parsed JSON says.
///
/// # Errors
/// If it is of another type.
pub(crate) fn read_value<T: DeserializeOwned>(value: &Value) -> Result<T, String> {
    let tree = <Tree as serde::Deserialize>::deserialize(value).map_err(|e| e.to_string())?;
    tree.read().map_err(|e| e.to_string())
}

/// A value as one line of JSON, without the line's end.
///
/// # Errors
/// If its own serialisation fails.
pub(crate) fn write<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, TreeError> {
    serde_json::to_vec(&Tree::of(value)?).map_err(|e| TreeError::new(e.to_string()))
}

/// A value as parsed JSON; `null` for what cannot be said.
pub(crate) fn value_of<T: Serialize + ?Sized>(value: &T) -> Value {
    Tree::of(value).ok().and_then(|tree| serde_json::to_value(tree).ok()).unwrap_or_default()
}
