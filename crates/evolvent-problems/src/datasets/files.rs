//! From a path to the bytes of a file, unpacked when it is gzip, never more than the limits allow.

use std::borrow::Cow;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::error::{DataError, DataErrorKind, Place};

/// How much memory a reader may take for one file.
///
/// Headers are checked against the bytes that are really there before anything is allocated; this bounds what a small
/// packed file can swell to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest size of a file, of an unpacked file, of an archive member or of a decoded image, in bytes.
    pub bytes: u64,
}

impl Default for Limits {
    /// 2 GiB.
    fn default() -> Self {
        Limits { bytes: 2 << 30 }
    }
}

/// Deflate's best ratio is 1032 to 1 (a match of 258 bytes in two bits): whoever claims more is lying.
pub(crate) fn deflate_bound(packed: usize) -> u64 {
    (packed as u64).saturating_mul(1032).saturating_add(1024)
}

/// Reads a whole file, refusing what is larger than the limit.
pub(crate) fn read(path: &Path, limits: &Limits) -> Result<Vec<u8>, DataError> {
    let name = path.display().to_string();
    let refused = |error: std::io::Error| {
        let kind = match error.kind() {
            std::io::ErrorKind::NotFound => DataErrorKind::NotFound,
            _ => DataErrorKind::Unreadable,
        };
        DataError::new(kind, &name, Place::Whole, "a readable file", error.to_string())
    };
    let file = std::fs::File::open(path).map_err(refused)?;
    let mut bytes = Vec::new();
    file.take(limits.bytes.saturating_add(1)).read_to_end(&mut bytes).map_err(refused)?;
    if bytes.len() as u64 > limits.bytes {
        return Err(too_large(&name, limits));
    }
    Ok(bytes)
}

/// The content of a gzip file (one or several members), or the bytes as they are when they are not gzip.
pub(crate) fn unpack<'a>(bytes: &'a [u8], file: &str, limits: &Limits) -> Result<Cow<'a, [u8]>, DataError> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(Cow::Borrowed(bytes));
    }
    let mut unpacked = Vec::new();
    let mut decoder = flate2::read::MultiGzDecoder::new(bytes).take(limits.bytes.saturating_add(1));
    decoder.read_to_end(&mut unpacked).map_err(|error| {
        DataError::new(
            DataErrorKind::Malformed,
            file,
            Place::Whole,
            "a complete gzip stream",
            error.to_string(),
        )
        .hint("the file may be cut off: compare its size with the original")
    })?;
    if unpacked.len() as u64 > limits.bytes {
        return Err(too_large(file, limits));
    }
    Ok(Cow::Owned(unpacked))
}

/// [`read`] and [`unpack`] in one step.
pub(crate) fn read_unpacked(path: &Path, limits: &Limits) -> Result<Vec<u8>, DataError> {
    let bytes = read(path, limits)?;
    match unpack(&bytes, &path.display().to_string(), limits)? {
        Cow::Owned(unpacked) => Ok(unpacked),
        Cow::Borrowed(_) => Ok(bytes),
    }
}

pub(crate) fn too_large(file: &str, limits: &Limits) -> DataError {
    DataError::new(
        DataErrorKind::TooLarge,
        file,
        Place::Whole,
        format!("at most {} bytes", limits.bytes),
        "more (after unpacking)",
    )
    .hint(
        "data sets are held in memory: take a part of the file, or raise the limit in a program of your own",
    )
}

/// The folders in which relative paths and well-known sets are looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folders {
    /// Folder of the experiment file; relative paths are looked for here first. `None` is the working directory.
    pub base: Option<PathBuf>,
    /// Folder of data sets (the variable `EVOLVENT_DATA`); looked in second.
    pub data: Option<PathBuf>,
}

/// Name of the environment variable that holds the folder of data sets.
pub const DATA_VARIABLE: &str = "EVOLVENT_DATA";

impl Folders {
    /// `base` and the folder that the variable `EVOLVENT_DATA` names, if it is set and not empty.
    pub fn from_environment(base: Option<PathBuf>) -> Self {
        let data = std::env::var_os(DATA_VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
        Folders { base, data }
    }

    /// The place of `path`: as it is when absolute, else below [`base`](Self::base), else below [`data`](Self::data).
    ///
    /// # Errors
    /// [`DataErrorKind::NotFound`], naming every place that was tried.
    pub fn find(&self, path: &Path) -> Result<PathBuf, DataError> {
        let near = self.base.as_deref().unwrap_or(Path::new("")).join(path);
        let mut tried = vec![near];
        if let Some(data) = &self.data
            && path.is_relative()
        {
            tried.push(data.join(path));
        }
        if let Some(found) = tried.iter().find(|place| place.exists()) {
            return Ok(found.clone());
        }
        let places: Vec<String> = tried.iter().map(|place| place.display().to_string()).collect();
        let hint = match &self.data {
            None if path.is_relative() => format!(
                "paths are relative to the experiment file; {DATA_VARIABLE} is not set, else its folder would be searched too"
            ),
            _ => "paths are relative to the experiment file".to_owned(),
        };
        let found = format!("nothing at {}", places.join(" nor at "));
        let name = path.display().to_string();
        Err(DataError::new(DataErrorKind::NotFound, &name, Place::Whole, "a file or folder", found)
            .hint(hint))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn gzip_is_unpacked_and_other_bytes_pass() {
        assert_eq!(&*unpack(b"plain", "f", &Limits::default()).unwrap(), b"plain");
        let mut two = gzip(b"one");
        two.extend(gzip(b"two"));
        assert_eq!(&*unpack(&two, "f", &Limits::default()).unwrap(), b"onetwo");
    }

    #[test]
    fn a_bomb_stops_at_the_limit_and_a_cut_file_is_named() {
        let bomb = gzip(&vec![0; 1 << 20]);
        let error = unpack(&bomb, "bomb.gz", &Limits { bytes: 1000 }).unwrap_err();
        assert_eq!(error.kind, DataErrorKind::TooLarge);
        let error = unpack(&bomb[..bomb.len() / 2], "cut.gz", &Limits::default()).unwrap_err();
        assert_eq!((error.kind, &*error.file), (DataErrorKind::Malformed, "cut.gz"));
    }

    #[test]
    fn folders_are_tried_in_order() {
        let root = tempfile::tempdir().unwrap();
        let (base, data) = (root.path().join("base"), root.path().join("data"));
        for folder in [&base, &data] {
            std::fs::create_dir(folder).unwrap();
        }
        std::fs::write(data.join("a.csv"), "x").unwrap();
        let folders = Folders { base: Some(base.clone()), data: Some(data.clone()) };
        assert_eq!(folders.find(Path::new("a.csv")).unwrap(), data.join("a.csv"));
        std::fs::write(base.join("a.csv"), "x").unwrap();
        assert_eq!(folders.find(Path::new("a.csv")).unwrap(), base.join("a.csv"));
        assert_eq!(folders.find(&data.join("a.csv")).unwrap(), data.join("a.csv"));
        let error = folders.find(Path::new("b.csv")).unwrap_err();
        assert_eq!(error.kind, DataErrorKind::NotFound);
        assert!(error.found.contains("base") && error.found.contains("data"), "{error}");
        let alone = Folders { base: Some(base), data: None };
        assert!(alone.find(Path::new("b.csv")).unwrap_err().hint.contains(DATA_VARIABLE));
        assert!(
            read(&root.path().join("b"), &Limits::default())
                .is_err_and(|e| e.kind == DataErrorKind::NotFound)
        );
        assert!(
            read(&data.join("a.csv"), &Limits { bytes: 0 }).is_err_and(|e| e.kind == DataErrorKind::TooLarge)
        );
        assert!(read(root.path(), &Limits::default()).is_err_and(|e| e.kind == DataErrorKind::Unreadable));
    }
}
