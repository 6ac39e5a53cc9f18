//! safetensors: each weight array under its name, and the operations between them as metadata, so that the file reads
//! back as a whole network while any safetensors reader finds the arrays.
//!
//! The metadata entry `evolvent` is JSON text: `format` (`evolvent.network`), `version`, `about`, and `program`, the JSON
//! form without the numbers of its arrays. What a state is at the beginning of an episode is the array `initial.NAME`.

use super::{About, ExportError, FORMAT, VERSION, check, check_read, json::Stored};
use crate::json;
use evolvent_nets::program::Program;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use std::collections::HashMap;

fn malformed(error: impl std::fmt::Display) -> ExportError {
    ExportError::Malformed(error.to_string())
}

/// The network as a safetensors file.
pub fn write_safetensors(program: &Program, about: &About) -> Result<Vec<u8>, ExportError> {
    check(program)?;
    let weights = program.initializers.iter().map(|i| (i.name.clone(), i.shape.clone(), &i.data));
    let initial = program
        .states
        .iter()
        .map(|s| (format!("initial.{}", s.input.name), s.input.shape.clone(), &s.initial));
    let arrays: Vec<(String, Vec<usize>, Vec<u8>)> = weights
        .chain(initial)
        .map(|(name, shape, data)| (name, shape, data.iter().flat_map(|v| v.to_le_bytes()).collect()))
        .collect();
    let mut views = Vec::with_capacity(arrays.len());
    for (name, shape, bytes) in &arrays {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes).map_err(malformed)?;
        views.push((name.as_str(), view));
    }

    let mut structure = program.clone();
    structure.initializers.iter_mut().for_each(|i| i.data.clear());
    structure.states.iter_mut().for_each(|s| s.initial.clear());
    let structure =
        String::from_utf8(json::write(&Stored::of(structure)).map_err(malformed)?).map_err(malformed)?;
    // The library writes metadata from a hash map, in no particular order; one entry keeps the file the same each time.
    let about: serde_json::Map<String, serde_json::Value> =
        about.iter().map(|(key, value)| (key.clone(), value.clone().into())).collect();
    let whole =
        serde_json::json!({ "format": FORMAT, "version": VERSION, "about": about, "program": structure });
    let metadata = HashMap::from([("evolvent".to_string(), whole.to_string())]);
    safetensors::serialize(views, Some(metadata)).map_err(malformed)
}

/// A network, and what is known about it, from the file that [`write_safetensors`] made.
pub fn read_safetensors(bytes: &[u8]) -> Result<(Program, About), ExportError> {
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(malformed)?;
    let arrays = SafeTensors::deserialize(bytes).map_err(malformed)?;
    let text = header.metadata().as_ref().and_then(|map| map.get("evolvent")).ok_or_else(|| {
        malformed("the file has arrays, but no metadata `evolvent` that says what to do with them")
    })?;
    let whole: serde_json::Value = serde_json::from_str(text).map_err(malformed)?;
    if whole["format"] != FORMAT {
        return Err(malformed(format!("its `format` is {}, expected `{FORMAT}`", whole["format"])));
    }
    let version = whole["version"].as_u64().ok_or_else(|| malformed("`version` is missing"))?;
    if version > VERSION {
        return Err(ExportError::Version { found: version, known: VERSION });
    }
    let structure = whole["program"].as_str().ok_or_else(|| malformed("`program` is missing"))?;
    let mut program = json::read::<Stored>(structure.as_bytes()).map_err(malformed)?.program();
    let numbers = |name: &str| -> Result<Vec<f32>, ExportError> {
        let array = arrays.tensor(name).map_err(|e| malformed(format!("array `{name}`: {e}")))?;
        if array.dtype() != Dtype::F32 {
            return Err(malformed(format!("array `{name}` has elements {:?}, expected F32", array.dtype())));
        }
        Ok(array.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
    };
    for constant in &mut program.initializers {
        constant.data = numbers(&constant.name)?;
    }
    for state in &mut program.states {
        state.initial = numbers(&format!("initial.{}", state.input.name))?;
    }
    check_read(&program)?;
    let about = whole["about"].as_object().into_iter().flatten();
    Ok((program, about.map(|(key, v)| (key.clone(), v.as_str().unwrap_or_default().into())).collect()))
}
