//! INI files as Python's `configparser` reads them, with the line of everything.

use crate::error::{Error, Result};

/// A key of a section.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    /// In lower case.
    pub(super) key: String,
    pub(super) value: String,
    /// From 1.
    pub(super) line: usize,
}

/// A section with its keys, in order.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Section {
    pub(super) name: String,
    pub(super) line: usize,
    pub(super) entries: Vec<Entry>,
}

/// Reads a file called `file`.
///
/// # Errors
/// At the line of the first mistake: text before the first section, a line that is no `key = value`, a section or a key
/// that comes twice.
pub(super) fn parse(file: &str, text: &str) -> Result<Vec<Section>> {
    let wrong = |line: usize, expected: &str, found: String| {
        Error::input(format!("{file}:{line}"), expected.to_owned(), found)
    };
    let mut sections: Vec<Section> = Vec::new();
    for (number, raw) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
        let line = raw.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(header) = line.strip_prefix('[') {
            let Some(name) = header.strip_suffix(']').map(str::trim).filter(|n| !n.is_empty()) else {
                return Err(wrong(number, "a section header such as [NEAT]", format!("`{line}`")));
            };
            if let Some(known) = sections.iter().find(|s| s.name == name) {
                let found = format!("[{name}] again, which is in line {} already", known.line);
                return Err(wrong(number, "each section once", found));
            }
            sections.push(Section { name: name.into(), line: number, entries: Vec::new() });
            continue;
        }
        let Some(section) = sections.last_mut() else {
            return Err(wrong(
                number,
                "a section header such as [NEAT] before the first key",
                format!("`{line}`"),
            ));
        };
        // An indented line goes on with the value above.
        if raw.starts_with([' ', '\t'])
            && let Some(last) = section.entries.last_mut()
        {
            last.value.push(' ');
            last.value.push_str(line);
            continue;
        }
        let Some((key, value)) = line.split_once(['=', ':']) else {
            return Err(wrong(number, "key = value", format!("`{line}`")));
        };
        let key = key.trim().to_lowercase();
        if key.is_empty() {
            return Err(wrong(number, "key = value", format!("`{line}`")));
        }
        if let Some(known) = section.entries.iter().find(|e| e.key == key) {
            let found = format!("`{key}` again, which is in line {} already", known.line);
            return Err(wrong(number, "each key of a section once", found));
        }
        section.entries.push(Entry { key, value: value.trim().to_owned(), line: number });
    }
    Ok(sections)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_as_python_reads_them() {
        let text = "# one\n[NEAT]\nPop_Size = 10\n; two\n[ A ]\nlist: a b\n   c\nempty =\n";
        let sections = parse("x.ini", text).unwrap();
        assert_eq!(sections[0].entries, [Entry { key: "pop_size".into(), value: "10".into(), line: 3 }]);
        assert_eq!((sections[1].name.as_str(), sections[1].entries[0].value.as_str()), ("A", "a b c"));
        assert_eq!(sections[1].entries[1].value, "");
    }

    #[test]
    fn mistakes_have_their_line() {
        for (text, line, what) in [
            ("a = 1\n", 1, "section header"),
            ("[NEAT\n", 1, "section header"),
            ("[]\n", 1, "section header"),
            ("[NEAT]\n\njust text\n", 3, "key = value"),
            ("[NEAT]\n= 3\n", 2, "key = value"),
            ("[A]\nx=1\nX=2\n", 3, "again"),
            ("[A]\n[B]\n[A]\n", 3, "again"),
        ] {
            let error = parse("x.ini", text).unwrap_err().to_string();
            assert!(error.contains(&format!("x.ini:{line}")) && error.contains(what), "{text:?}: {error}");
        }
    }
}
