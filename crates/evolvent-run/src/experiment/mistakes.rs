//! Everything that is wrong with an experiment, each mistake with its place, its constraint and a hint.

use std::fmt;

/// Where a value stands in the experiment file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Bytes of the text, for underlining.
    pub span: std::ops::Range<usize>,
}

impl Place {
    /// The place of a span of `text`.
    pub fn of(text: &str, span: std::ops::Range<usize>) -> Place {
        let mut start = span.start.min(text.len());
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        let before = &text[..start];
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        Place {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            span: start..span.end.clamp(start, text.len()),
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Dotted path of the key: `algorithm.open_es.sigma`.
    pub path: String,
    /// Its place in the file; `None` if the value was not written there (a default, or `--set`).
    pub place: Option<Place>,
    /// The argument of `--set` that it stands in, if it stands in one.
    pub given_by: Option<String>,
    /// What is wrong: the constraint and what was found.
    pub message: String,
    /// What to try.
    pub hint: Option<String>,
}

/// All mistakes of one experiment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistakes {
    /// Name of the file, as given.
    pub file: String,
    /// Its text.
    pub text: String,
    /// The mistakes, in the order of their places; at least one.
    pub list: Vec<Mistake>,
}

impl std::error::Error for Mistakes {}

impl fmt::Display for Mistakes {
    /// One mistake per line, `file:line:column: key: message (hint)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, mistake) in self.list.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            f.write_str(&self.file)?;
            if let Some(place) = &mistake.place {
                write!(f, ":{}:{}", place.line, place.column)?;
            }
            f.write_str(": ")?;
            if !mistake.path.is_empty() {
                write!(f, "{}: ", mistake.path)?;
            }
            f.write_str(&mistake.message)?;
            if let Some(given_by) = &mistake.given_by {
                write!(f, " in --set {given_by}")?;
            }
            if let Some(hint) = &mistake.hint {
                write!(f, " ({hint})")?;
            }
        }
        Ok(())
    }
}
