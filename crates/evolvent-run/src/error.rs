//! What can go wrong around a run, with what is needed to put it right.

use std::{
    io,
    path::{Path, PathBuf},
};

/// An error of this crate. [`Error::exit_code`] is what a program should end with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Mistakes in an experiment file or in the settings that were laid over it.
    #[error(transparent)]
    Experiment(#[from] Box<crate::experiment::Mistakes>),
    /// Something that the user named or gave is not what it must be.
    #[error("{place}: expected {expected}, found {found}{}", hint.as_ref().map(|h| format!(" ({h})")).unwrap_or_default())]
    Input {
        /// The file, with line or entry where known, or the argument.
        place: String,
        /// What it must be.
        expected: String,
        /// What it is.
        found: String,
        /// What to try.
        hint: Option<String>,
    },
    /// The operating system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried: `write`, `create`.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// 2 if the user's file or arguments are wrong, else 1.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Experiment(_) | Error::Input { .. } => 2,
            Error::Io { .. } => 1,
        }
    }

    /// A wrong input.
    pub fn input(
        place: impl std::fmt::Display,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Error {
        Error::Input { place: place.to_string(), expected: expected.into(), found: found.into(), hint: None }
    }

    /// The same with what to try, unless it says so already.
    pub fn with_hint(mut self, what: impl Into<String>) -> Error {
        if let Error::Input { hint: hint @ None, .. } = &mut self {
            *hint = Some(what.into());
        }
        self
    }

    /// For `map_err` on a file operation.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
        let path = path.to_path_buf();
        move |source| Error::Io { action, path, source }
    }

    /// For `map_err` on reading a file that the user named: what is missing is the user's mistake.
    pub(crate) fn reading(path: &Path, what: &'static str) -> impl FnOnce(io::Error) -> Error {
        let path = path.to_path_buf();
        move |source| match source.kind() {
            io::ErrorKind::NotFound => Error::input(path.display(), what, "nothing there"),
            io::ErrorKind::IsADirectory => Error::input(path.display(), what, "a directory"),
            io::ErrorKind::InvalidData => Error::input(path.display(), what, "bytes that are not UTF-8"),
            _ => Error::Io { action: "read", path, source },
        }
    }
}
