//! What went wrong with a data file or with the settings of a data set, and where.

use std::fmt;

/// The kind of a [`DataError`], for callers that act on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DataErrorKind {
    /// A file or folder is not where it was looked for.
    NotFound,
    /// The operating system refused to read it.
    Unreadable,
    /// The bytes break the format.
    Malformed,
    /// A value that a network cannot be given: missing, not a number, not finite.
    BadValue,
    /// A valid file of a flavour that is not read.
    Unsupported,
    /// Larger than the [`Limits`](super::Limits).
    TooLarge,
    /// Two parts disagree: inputs and targets, training and test files, images of one folder.
    Mismatch,
    /// A setting of the data set is out of its range.
    Setting,
}

/// Where in a file (or in the settings) the trouble is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The file as a whole.
    Whole,
    /// Offset in bytes from the start of the (unpacked) file.
    Byte(u64),
    /// A line of a text file, from 1, and the name or number of the column.
    Line {
        /// Line number, from 1.
        line: u64,
        /// Name of the column, or `column 3` where it has none.
        column: Option<Box<str>>,
    },
    /// An array, a sample, a member of an archive, a key of the settings.
    Entry(Box<str>),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Whole => Ok(()),
            Place::Byte(offset) => write!(f, ", byte {offset}"),
            Place::Line { line, column: None } => write!(f, ", line {line}"),
            Place::Line { line, column: Some(column) } => write!(f, ", line {line}, column {column}"),
            Place::Entry(entry) => write!(f, ", {entry}"),
        }
    }
}

/// A data set that cannot be used: which file, where in it, what was expected, what was found, and what to try.
///
/// ```
/// use evolvent_problems::datasets::{CsvSpec, Limits, csv};
/// let error = csv::parse(b"x,y\n1,2\nthree,4\n", "numbers.csv", &CsvSpec::default()).unwrap_err();
/// assert!(error.to_string().starts_with("numbers.csv, line 3, column x: expected a number, found \"three\""));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}{place}: expected {expected}, found {found}{}", Hint(.hint))]
pub struct DataError {
    /// The kind of trouble.
    pub kind: DataErrorKind,
    /// Path of the file as it was given; a member of an archive is written `archive.npz[member.npy]`.
    pub file: Box<str>,
    /// Where in the file.
    pub place: Place,
    /// What should have stood there.
    pub expected: Box<str>,
    /// What stood there.
    pub found: Box<str>,
    /// What to try; may be empty.
    pub hint: Box<str>,
}

struct Hint<'a>(&'a str);

impl fmt::Display for Hint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, " (hint: {})", self.0) }
    }
}

impl DataError {
    /// An error without a hint.
    pub fn new(
        kind: DataErrorKind,
        file: &str,
        place: Place,
        expected: impl Into<Box<str>>,
        found: impl Into<Box<str>>,
    ) -> Self {
        let (expected, found) = (expected.into(), found.into());
        DataError { kind, file: file.into(), place, expected, found, hint: "".into() }
    }

    /// A break of the format at a byte offset.
    pub(crate) fn malformed(
        file: &str,
        byte: usize,
        expected: impl Into<Box<str>>,
        found: impl Into<Box<str>>,
    ) -> Self {
        Self::new(DataErrorKind::Malformed, file, Place::Byte(byte as u64), expected, found)
    }

    /// The same error with advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<Box<str>>) -> Self {
        self.hint = hint.into();
        self
    }
}

/// Bytes of a file as they may be shown in a message: quoted, escaped, at most 40 characters.
pub(crate) fn quoted(bytes: &[u8]) -> String {
    const SHOWN: usize = 40;
    // 4 bytes a character at most: enough to fill the message, and a giant cell is not copied.
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(4 * SHOWN)]);
    let short: String = head.chars().take(SHOWN).collect();
    let cut = if short.len() < head.len() || bytes.len() > 4 * SHOWN { "…" } else { "" };
    format!("{short:?}{cut}")
}

/// Up to ten names for a message.
pub(crate) fn listed<S: AsRef<str>>(names: &[S]) -> String {
    let mut text: Vec<String> = names.iter().take(10).map(|name| quoted(name.as_ref().as_bytes())).collect();
    if names.len() > 10 {
        text.push(format!("… ({} in all)", names.len()));
    }
    text.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_the_place_and_end_with_the_hint() {
        let error = DataError::malformed("a.idx", 4, "magic 0", "7");
        assert_eq!(error.to_string(), "a.idx, byte 4: expected magic 0, found 7");
        assert_eq!(
            error.hint("unpack it").to_string(),
            "a.idx, byte 4: expected magic 0, found 7 (hint: unpack it)"
        );
    }

    #[test]
    fn quoting_is_short_and_escapes() {
        assert_eq!(quoted(b"a\"b"), "\"a\\\"b\"");
        assert_eq!(quoted(&[0xff]), "\"\u{fffd}\"");
        assert!(quoted(&vec![b'x'; 1 << 20]).chars().count() == 43);
        assert_eq!(listed(&["a", "b"]), "\"a\", \"b\"");
    }
}
