//! Checkpoints: the whole state of a run as data, written whole or not at all.
//!
//! A checkpoint is a directory `checkpoints/NNNNNN` (the number of generations done) with `structure.json` and
//! `arrays.safetensors`; see [`encode`](encode::encode) for the format. Both are checksummed. It appears by one rename,
//! after its files have reached the disk; the last two are kept.

mod encode;

pub use encode::{Lifted, decode, encode};
pub use evolvent_core::{Numbers, Tree, TreeError};

use crate::{
    error::{Error, Result},
    json,
    observer::RecordFile,
};
use safetensors::SafeTensors;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

/// The version of the format of checkpoints.
const FORMAT: u64 = 1;
/// Checkpoints that stay.
const KEPT: usize = 2;
/// What a structure begins with; eight hexadecimal digits follow, the CRC-32 of everything after them.
const PREFIX: &[u8] = b"{\"checksum\":\"";

/// What a checkpoint says about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The version of the program that wrote it.
    pub evolvent: String,
    /// Fingerprint of the experiment: problem, network, algorithm and seed.
    pub experiment: String,
    /// Checksum of the data, where the problem has any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// Generations done.
    pub generation: u64,
    /// How long each record file was.
    pub records: Vec<RecordFile>,
}

/// A checkpoint that was read and checked.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// Its directory.
    pub path: PathBuf,
    /// What it says about itself.
    pub header: Header,
    /// The state of the run.
    pub state: Tree,
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    format!("{:08x}", crc32fast::hash(bytes))
}

/// A JSON object with its checksum. The checksum stands first, so that the rest of the file can be hashed as it is:
/// `"xxxxxxxx",` and the object without its opening brace.
pub(crate) fn seal(object: &Value, pretty: bool) -> Result<Vec<u8>, String> {
    let written = if pretty { serde_json::to_vec_pretty(object) } else { serde_json::to_vec(object) };
    let body = written.map_err(|e| e.to_string())?;
    let rest = [b"\",".as_slice(), &body[1..]].concat();
    Ok([PREFIX, hex(&rest).as_bytes(), &rest].concat())
}

/// The object that [`seal`] wrote; the error says what was found instead.
pub(crate) fn unseal(bytes: &[u8]) -> Result<Value, String> {
    let digits = PREFIX.len()..PREFIX.len() + 8;
    let (Some(PREFIX), Some(stated), Some(rest)) =
        (bytes.get(..PREFIX.len()), bytes.get(digits.clone()), bytes.get(digits.end..))
    else {
        return Err("something else".into());
    };
    if stated != hex(rest).as_bytes() {
        return Err("bytes that do not match their checksum: it is cut short or was changed".into());
    }
    serde_json::from_slice(bytes).map_err(|e| e.to_string())
}

/// The fingerprint of a text.
pub fn fingerprint(text: &str) -> String {
    hex(text.as_bytes())
}

/// Writes a checkpoint into `checkpoints` (made if need be) and removes those that are too old. Returns its directory.
///
/// # Errors
/// If the state cannot be written as data, or the system refuses; then nothing has changed.
pub fn save(checkpoints: &Path, header: &Header, state: &Tree) -> Result<PathBuf> {
    let name = format!("{:06}", header.generation);
    let path = checkpoints.join(&name);
    let unsayable = |why: String| Error::Io {
        action: "write",
        path: path.clone(),
        source: std::io::Error::new(std::io::ErrorKind::InvalidData, why),
    };
    let mut lifted = Lifted::default();
    let state = encode(state, "state", &mut lifted).map_err(unsayable)?;

    let draft = checkpoints.join(format!(".{name}.new-{}", std::process::id()));
    let _ = fs::remove_dir_all(&draft);
    fs::create_dir_all(&draft).map_err(Error::io("create", &draft))?;
    let arrays = draft.join("arrays.safetensors");
    let written = lifted.write(&arrays).map_err(Error::io("write", &arrays)).and_then(|arrays| {
        let structure = json!({
            "format": FORMAT,
            "header": json::value_of(header),
            "arrays": { "bytes": arrays.bytes, "checksum": arrays.checksum },
            "state": state,
        });
        let structure = seal(&structure, false).map_err(unsayable)?;
        put(&draft.join("structure.json"), &structure)?;
        replace(checkpoints, &draft, &path)
    });
    if written.is_err() {
        let _ = fs::remove_dir_all(&draft);
    }
    written?;
    prune(checkpoints)?;
    Ok(path)
}

fn put(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::File::create(path)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_data()))
        .map_err(Error::io("write", path))
}

/// Puts a finished draft in its place; what lies there steps aside first.
fn replace(checkpoints: &Path, draft: &Path, path: &Path) -> Result<()> {
    if path.exists() {
        remove(path)?;
    }
    fs::rename(draft, path).map_err(Error::io("create", path))?;
    // The name must reach the disk, too; not every file system lets a directory be opened for that.
    let _ = fs::File::open(checkpoints).and_then(|directory| directory.sync_all());
    Ok(())
}

/// Removes a checkpoint by renaming it first, so that half of one is never seen.
fn remove(path: &Path) -> Result<()> {
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let aside = path.with_file_name(format!(".{name}.old-{}", std::process::id()));
    let _ = fs::remove_dir_all(&aside);
    fs::rename(path, &aside).map_err(Error::io("remove", path))?;
    fs::remove_dir_all(&aside).map_err(Error::io("remove", &aside))
}

/// The checkpoints in a directory, oldest first.
///
/// # Errors
/// If the directory cannot be read; one that is not there holds none.
pub fn list(checkpoints: &Path) -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(checkpoints) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(Error::io("read", checkpoints))?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(Error::io("read", checkpoints))?;
        if let Some(number) = entry.file_name().to_str().filter(|n| n.bytes().all(|b| b.is_ascii_digit()))
            && let Ok(number) = number.parse::<u64>()
        {
            found.push((number, entry.path()));
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

fn prune(checkpoints: &Path) -> Result<()> {
    let all = list(checkpoints)?;
    all.iter().take(all.len().saturating_sub(KEPT)).try_for_each(|path| remove(path))
}

/// Removes what a killed process left unfinished.
///
/// # Errors
/// If the system refuses.
pub fn sweep(checkpoints: &Path) -> Result<()> {
    let Ok(entries) = fs::read_dir(checkpoints) else { return Ok(()) };
    for entry in entries.flatten() {
        let name = entry.file_name();
        if name.to_str().is_some_and(|n| n.starts_with('.') && (n.contains(".new-") || n.contains(".old-"))) {
            fs::remove_dir_all(entry.path()).map_err(Error::io("remove", &entry.path()))?;
        }
    }
    Ok(())
}

/// The newest checkpoint, if there is any.
///
/// # Errors
/// If it cannot be trusted: incomplete, changed, or written by a version that this one does not read. The hint names
/// the one before it.
pub fn latest(checkpoints: &Path) -> Result<Option<Checkpoint>> {
    let all = list(checkpoints)?;
    let Some(newest) = all.last() else { return Ok(None) };
    load(newest).map(Some).map_err(|error| match all.len().checked_sub(2) {
        Some(before) => error.with_hint(format!(
            "remove {} to continue from {} instead",
            newest.display(),
            all[before].display()
        )),
        None => error.with_hint(format!("remove {} to begin the run again", newest.display())),
    })
}

/// Reads and checks a checkpoint.
///
/// # Errors
/// If it is incomplete, changed, or written by a version that this one does not read.
pub fn load(path: &Path) -> Result<Checkpoint> {
    let structure_path = path.join("structure.json");
    let arrays_path = path.join("arrays.safetensors");
    let structure = fs::read(&structure_path).map_err(Error::reading(&structure_path, "a checkpoint"))?;
    let wrong =
        |found: String| Error::input(structure_path.display(), "the structure of a checkpoint", found);

    let structure = unseal(&structure).map_err(wrong)?;
    let writer = structure["header"]["evolvent"].as_str().unwrap_or("an unknown version").to_owned();
    if structure["format"].as_u64() != Some(FORMAT) || !readable(&writer, env!("CARGO_PKG_VERSION")) {
        return Err(Error::input(
            structure_path.display(),
            format!("a checkpoint that evolvent {} can continue", env!("CARGO_PKG_VERSION")),
            format!("one by evolvent {writer}"),
        )
        .with_hint(format!("continue with evolvent {writer}, or begin a new run from resolved.toml")));
    }
    let header: Header = json::read_value(&structure["header"]).map_err(|e| wrong(format!("header: {e}")))?;

    let bytes = fs::read(&arrays_path).map_err(Error::reading(&arrays_path, "the arrays of a checkpoint"))?;
    let arrays_wrong =
        |found: String| Error::input(arrays_path.display(), "the arrays of a checkpoint", found);
    if structure["arrays"]["bytes"].as_u64() != Some(bytes.len() as u64)
        || structure["arrays"]["checksum"].as_str() != Some(&hex(&bytes))
    {
        return Err(arrays_wrong(
            "bytes that do not match their checksum: it is cut short or was changed".into(),
        ));
    }
    let arrays = SafeTensors::deserialize(&bytes).map_err(|e| arrays_wrong(e.to_string()))?;
    let state = decode(&structure["state"], &arrays, "state").map_err(wrong)?;
    Ok(Checkpoint { path: path.to_path_buf(), header, state })
}

impl Checkpoint {
    /// The value in a field of the state.
    ///
    /// # Errors
    /// If it is missing or of another type.
    pub fn part<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<T> {
        let tree = self.field(name)?;
        tree.read().map_err(|e| self.unfit(name, e.to_string()))
    }

    /// A field of the state.
    ///
    /// # Errors
    /// If it is missing.
    pub fn field(&self, name: &str) -> Result<&Tree> {
        self.state.field(name).ok_or_else(|| self.unfit(name, "nothing there".into()))
    }

    /// The error for a field that does not fit.
    pub fn unfit(&self, name: &str, found: String) -> Error {
        let place = format!("{}: state.{name}", self.path.join("structure.json").display());
        Error::input(place, "the state of this experiment", found)
    }
}

/// Whether a reader of version `own` continues what `writer` wrote: same minor line, writer not later.
fn readable(writer: &str, own: &str) -> bool {
    fn parts(version: &str) -> Option<(u64, u64, u64)> {
        let mut numbers = version.split('-').next()?.split('.').map(|n| n.parse().ok());
        Some((numbers.next()??, numbers.next()??, numbers.next()??))
    }
    match (parts(writer), parts(own)) {
        (Some(w), Some(o)) => (w.0, w.1) == (o.0, o.1) && w.2 <= o.2,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
