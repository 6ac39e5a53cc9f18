//! CSV files: quoted fields, any one-character delimiter, a byte order mark, gzip. The file is read twice: the first pass
//! learns what the target and the categorical columns hold, the second fills the table.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use ::csv::{ByteRecord, ErrorKind, Reader, ReaderBuilder};
use evolvent_core::Auto;

use super::error::{DataError, DataErrorKind, Place, listed, quoted};
use super::files::{Limits, read_unpacked};
use super::setting::Column;
use super::spec::{CsvSpec, TargetKind};
use super::table::{MAX_CLASSES, Table, Targets, check_class_count};

/// The most different texts of one categorical column.
const MAX_CATEGORIES: usize = 256;
/// The most different whole numbers that `target_kind = "auto"` takes for classes.
const MAX_AUTO_CLASSES: usize = 20;
/// Spellings of a missing value, in lower case.
const MISSING: [&str; 9] = ["", "?", "-", "na", "n/a", "nan", "null", "none", "."];

/// Reads the bytes of a CSV file that is unpacked already; `spec.path` and `spec.test_path` are not looked at.
///
/// # Errors
/// Rows of different lengths, missing values, fields that are no numbers, columns that do not exist: each names file,
/// line and column.
pub fn parse(bytes: &[u8], file: &str, spec: &CsvSpec) -> Result<Table, DataError> {
    let plan = Plan::new(bytes, file, spec)?;
    plan.fill()?.checked(file)
}

/// Reads `spec.path`, and `spec.test_path` if it is given, with the columns, classes and categories of the first.
///
/// # Errors
/// Those of [`parse`], files that cannot be read, and a test file that does not fit the training file.
pub fn open(
    training: &Path,
    test: Option<&Path>,
    spec: &CsvSpec,
    limits: &Limits,
) -> Result<(Table, Option<Table>), DataError> {
    let bytes = read_unpacked(training, limits)?;
    let name = training.display().to_string();
    let plan = Plan::new(&bytes, &name, spec)?;
    let table = plan.fill()?.checked(&name)?;
    let Some(test) = test else { return Ok((table, None)) };
    let test_bytes = read_unpacked(test, limits)?;
    let test_name = test.display().to_string();
    let test_plan = plan.for_test(&test_bytes, &test_name)?;
    Ok((table, Some(test_plan.fill()?.checked(&test_name)?)))
}

/// What a column of the file is used for.
#[derive(Clone, Debug, PartialEq)]
enum Role {
    Ignored,
    Number,
    /// One input for each text, in the order of their bytes.
    Categorical(BTreeMap<String, usize>),
    Target,
}

/// What the targets turned out to be.
#[derive(Clone, Debug, PartialEq)]
enum Answer {
    Values,
    /// Classes by name; numbers are named by their shortest spelling.
    Classes(BTreeMap<ClassKey, u32>),
}

/// Orders classes: whole numbers by value, then texts by their bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum ClassKey {
    Number(i64),
    Text(String),
}

struct Plan<'a> {
    bytes: &'a [u8],
    file: &'a str,
    delimiter: u8,
    header: bool,
    /// Names of the columns; empty texts when there is no header.
    names: Vec<String>,
    roles: Vec<Role>,
    /// Target columns in the order of the setting.
    targets: Vec<usize>,
    answer: Answer,
    rows: usize,
}

impl<'a> Plan<'a> {
    fn new(bytes: &'a [u8], file: &'a str, spec: &CsvSpec) -> Result<Self, DataError> {
        let mut plan = Self::columns(bytes, file, spec)?;
        plan.learn(spec.target_kind)?;
        Ok(plan)
    }

    /// Reads the first line and gives every column its role.
    fn columns(bytes: &'a [u8], file: &'a str, spec: &CsvSpec) -> Result<Self, DataError> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
            return Err(DataError::malformed(file, 0, "text in UTF-8", "a UTF-16 byte order mark")
                .hint("save the file as UTF-8"));
        }
        let delimiter = match spec.delimiter {
            Auto::Value(delimiter) if delimiter.is_ascii() => delimiter as u8,
            _ => guess_delimiter(bytes),
        };
        let mut plan = Plan {
            bytes,
            file,
            delimiter,
            header: spec.header,
            names: Vec::new(),
            roles: Vec::new(),
            targets: Vec::new(),
            answer: Answer::Values,
            rows: 0,
        };
        let mut first = ByteRecord::new();
        if !plan.next(&mut plan.reader(), &mut first)? {
            return Err(plan.at_line(1, None, "a header and rows", "an empty file"));
        }
        if spec.header {
            for field in &first {
                let name = std::str::from_utf8(field).map_err(|_| {
                    plan.at_line(1, None, "names in UTF-8", quoted(field)).hint("save the file as UTF-8")
                })?;
                plan.names.push(name.trim().to_owned());
            }
            plan.refuse_data_as_header()?;
        } else {
            plan.names = vec![String::new(); first.len()];
        }
        plan.roles = vec![Role::Number; plan.names.len()];
        for column in &spec.ignore {
            let index = plan.find(column)?;
            plan.roles[index] = Role::Ignored;
        }
        for column in &spec.categorical {
            let index = plan.find(column)?;
            plan.roles[index] = Role::Categorical(BTreeMap::new());
        }
        for column in &spec.target.0 {
            let index = plan.find(column)?;
            if plan.targets.contains(&index) {
                let found = format!("column {column} twice among the targets");
                return Err(plan.at_line(1, None, "each target column once", found));
            }
            plan.roles[index] = Role::Target;
            plan.targets.push(index);
        }
        if !plan.roles.iter().any(|role| matches!(role, Role::Number | Role::Categorical(_))) {
            let found = format!("{} columns, none of them an input", plan.names.len());
            return Err(plan
                .at_line(1, None, "at least one column besides the target and the ignored ones", found)
                .hint("set delimiter if the columns are divided by another character"));
        }
        Ok(plan)
    }

    /// A plan with the same columns, classes and categories for another file.
    fn for_test<'b>(&self, bytes: &'b [u8], file: &'b str) -> Result<Plan<'b>, DataError> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut plan = Plan {
            bytes,
            file,
            delimiter: self.delimiter,
            header: self.header,
            names: self.names.clone(),
            roles: self.roles.clone(),
            targets: self.targets.clone(),
            answer: self.answer.clone(),
            rows: 0,
        };
        let mut record = ByteRecord::new();
        let mut reader = plan.reader();
        if self.header && plan.next(&mut reader, &mut record)? {
            let same = record.len() == self.names.len()
                && record.iter().zip(&self.names).all(|(field, name)| field.trim_ascii() == name.as_bytes());
            if !same {
                let found: Vec<String> =
                    record.iter().map(|f| String::from_utf8_lossy(f).into_owned()).collect();
                let expected = format!("the columns of {}: {}", self.file, listed(&self.names));
                return Err(plan.at_line(1, None, expected, listed(&found)));
            }
        }
        while plan.next(&mut reader, &mut record)? {
            plan.rows += 1;
        }
        Ok(plan)
    }

    fn reader(&self) -> Reader<&'a [u8]> {
        ReaderBuilder::new().has_headers(false).delimiter(self.delimiter).from_reader(self.bytes)
    }

    /// The next record; false at the end.
    fn next(&self, reader: &mut Reader<&'a [u8]>, record: &mut ByteRecord) -> Result<bool, DataError> {
        reader.read_byte_record(record).map_err(|error| match error.kind() {
            ErrorKind::UnequalLengths { pos, expected_len, len } => {
                let offset = pos.as_ref().map_or(0, ::csv::Position::byte);
                let expected = format!("{expected_len} fields as in the first line");
                self.at_line(self.line(offset), None, expected, len.to_string())
                    .hint("is a quote or a delimiter missing?")
            }
            _ => self.at_line(1, None, "CSV", error.to_string()),
        })
    }

    /// The line of the record that starts at or behind `offset`, where empty lines may stand in between.
    fn line(&self, offset: u64) -> u64 {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX).min(self.bytes.len());
        let blank = self.bytes[offset..].iter().take_while(|b| matches!(b, b'\n' | b'\r')).count();
        let before = &self.bytes[..offset + blank];
        // A carriage return ends a line only when no line feed follows.
        let ends = before.iter().enumerate().filter(|&(i, &b)| match b {
            b'\n' => true,
            b'\r' => before.get(i + 1) != Some(&b'\n'),
            _ => false,
        });
        1 + ends.count() as u64
    }

    fn at_line(
        &self,
        line: u64,
        column: Option<usize>,
        expected: impl Into<Box<str>>,
        found: impl Into<Box<str>>,
    ) -> DataError {
        let column = column.map(|column| self.column_name(column).into());
        DataError::new(DataErrorKind::Malformed, self.file, Place::Line { line, column }, expected, found)
    }

    /// A value that cannot be used; `found` says what is wrong with it.
    fn bad_value(&self, record: &ByteRecord, column: usize, expected: &str, field: &[u8]) -> DataError {
        let line = self.line(record.position().map_or(0, ::csv::Position::byte));
        let error = self.at_line(line, Some(column), expected, quoted(field));
        DataError { kind: DataErrorKind::BadValue, ..error }
    }

    fn column_name(&self, column: usize) -> String {
        match self.names.get(column) {
            Some(name) if !name.is_empty() => name.clone(),
            _ => format!("number {column}"),
        }
    }

    fn find(&self, column: &Column) -> Result<usize, DataError> {
        let count = self.names.len();
        let expected = || match self.header {
            true => format!("a column {column} among {}", listed(&self.names)),
            false => format!("a column {column} among {count} without names"),
        };
        match column {
            Column::Index(index) => {
                let place = if *index < 0 { index + count as i64 } else { *index };
                match usize::try_from(place) {
                    Ok(place) if place < count => Ok(place),
                    _ => Err(self.at_line(1, None, expected(), format!("{count} columns"))),
                }
            }
            Column::Name(name) => {
                let mut places = (0..count).filter(|&i| self.header && self.names[i] == *name);
                match (places.next(), places.next()) {
                    (Some(place), None) => Ok(place),
                    (Some(_), Some(_)) => Err(self
                        .at_line(1, None, format!("one column {column}"), "several")
                        .hint("use its number: 0 is the first column")),
                    (None, _) => Err(self.at_line(1, None, expected(), "no such column")),
                }
            }
        }
    }

    /// A first line of numbers is data, not names; except 0, 1, 2 …, which some programs write as names.
    fn refuse_data_as_header(&self) -> Result<(), DataError> {
        let numbers: Option<Vec<f64>> = self.names.iter().map(|name| name.parse().ok()).collect();
        let is_data = numbers.is_some_and(|n| n.iter().enumerate().any(|(i, &x)| x != i as f64));
        if !is_data {
            return Ok(());
        }
        Err(self
            .at_line(1, None, "names of columns", listed(&self.names))
            .hint("set header = false if the file has no line of names"))
    }

    /// First pass: counts rows, collects categories, decides what the target is and collects its classes.
    fn learn(&mut self, kind: TargetKind) -> Result<(), DataError> {
        let mut reader = self.reader();
        let mut record = ByteRecord::new();
        if self.header {
            self.next(&mut reader, &mut record)?;
        }
        let categorical: Vec<usize> =
            (0..self.roles.len()).filter(|&i| matches!(self.roles[i], Role::Categorical(_))).collect();
        let mut categories = vec![BTreeSet::new(); categorical.len()];
        let single = self.targets.len() == 1;
        let mut kind = if single { kind } else { TargetKind::Values };
        let mut classes = BTreeSet::new();
        while self.next(&mut reader, &mut record)? {
            self.rows += 1;
            for (&column, texts) in categorical.iter().zip(&mut categories) {
                let text = self.text(&record, column)?;
                if !texts.contains(text) {
                    texts.insert(text.to_owned());
                }
                if texts.len() > MAX_CATEGORIES {
                    let expected =
                        format!("at most {MAX_CATEGORIES} different texts in a categorical column");
                    return Err(self.bad_value(&record, column, &expected, text.as_bytes()).hint(format!(
                        "put {:?} into ignore if it is a name or an identifier",
                        self.column_name(column)
                    )));
                }
            }
            if kind == TargetKind::Values {
                continue;
            }
            let column = self.targets[0];
            let text = self.text(&record, column)?;
            if kind == TargetKind::Auto {
                // Decided by the first row when it is a text, else given up at the first number with a point.
                match text.parse::<f64>() {
                    Err(_) if self.rows == 1 => kind = TargetKind::Classes,
                    Ok(_) if text.parse::<i64>().is_ok() => {}
                    _ => {
                        kind = TargetKind::Values;
                        continue;
                    }
                }
            }
            if !classes.contains(&class_key(text)) {
                classes.insert(class_key(text));
            }
            if kind == TargetKind::Auto && classes.len() > MAX_AUTO_CLASSES {
                kind = TargetKind::Values;
            }
            if classes.len() > MAX_CLASSES {
                check_class_count(classes.len(), self.file)?;
            }
        }
        if self.rows == 0 {
            return Err(self.at_line(1, None, "rows of data", "no row behind the header"));
        }
        for (&column, texts) in categorical.iter().zip(categories) {
            self.roles[column] = Role::Categorical(texts.into_iter().zip(0..).collect());
        }
        if kind != TargetKind::Values {
            self.answer = Answer::Classes(classes.into_iter().zip(0..).collect());
        }
        Ok(())
    }

    /// A field as trimmed text that is not missing.
    fn text<'r>(&self, record: &'r ByteRecord, column: usize) -> Result<&'r str, DataError> {
        let field = record.get(column).unwrap_or(&[]);
        let Ok(text) = std::str::from_utf8(field) else {
            return Err(self.bad_value(record, column, "text in UTF-8", field));
        };
        let text = text.trim();
        if is_missing(text) {
            return Err(self.bad_value(record, column, "a value", field).hint(
                "missing values are not filled in: drop the row, put the column into ignore, or fill the gap",
            ));
        }
        Ok(text)
    }

    /// A field as a finite number.
    fn number(&self, record: &ByteRecord, column: usize) -> Result<f32, DataError> {
        let text = self.text(record, column)?;
        match text.parse::<f64>() {
            Ok(number) if (number as f32).is_finite() => Ok(number as f32),
            Ok(_) => {
                Err(self.bad_value(record, column, "a finite number that f32 can hold", text.as_bytes()))
            }
            Err(_) => {
                let name = self.column_name(column);
                let hint = match (&self.roles[column], text.contains(',')) {
                    (_, true) => "write decimals with a point".to_owned(),
                    (Role::Target, _) => "set target_kind = \"classes\" if the target is a class".to_owned(),
                    _ => format!(
                        "put {name:?} into categorical if it holds categories, into ignore if it is no input"
                    ),
                };
                Err(self.bad_value(record, column, "a number", text.as_bytes()).hint(hint))
            }
        }
    }

    /// Second pass.
    fn fill(&self) -> Result<Table, DataError> {
        let mut features = Vec::new();
        for (column, role) in self.roles.iter().enumerate() {
            match role {
                Role::Number => features.push(self.column_name(column)),
                Role::Categorical(texts) => {
                    features.extend(texts.keys().map(|text| format!("{}={text}", self.column_name(column))));
                }
                Role::Ignored | Role::Target => {}
            }
        }
        let mut inputs = Vec::with_capacity(self.rows * features.len());
        let mut labels = Vec::new();
        let mut values = Vec::new();
        let mut reader = self.reader();
        let mut record = ByteRecord::new();
        if self.header {
            self.next(&mut reader, &mut record)?;
        }
        while self.next(&mut reader, &mut record)? {
            for (column, role) in self.roles.iter().enumerate() {
                match role {
                    Role::Number => inputs.push(self.number(&record, column)?),
                    Role::Categorical(texts) => {
                        let text = self.text(&record, column)?;
                        let Some(&hot) = texts.get(text) else {
                            let expected = "a category that the training file has";
                            return Err(self.bad_value(&record, column, expected, text.as_bytes()));
                        };
                        inputs.extend((0..texts.len()).map(|i| f32::from(u8::from(i == hot))));
                    }
                    Role::Ignored | Role::Target => {}
                }
            }
            match &self.answer {
                Answer::Values => {
                    for &column in &self.targets {
                        values.push(self.number(&record, column)?);
                    }
                }
                Answer::Classes(classes) => {
                    let text = self.text(&record, self.targets[0])?;
                    let Some(&label) = classes.get(&class_key(text)) else {
                        let expected = "a class that the training file has";
                        return Err(self.bad_value(&record, self.targets[0], expected, text.as_bytes()));
                    };
                    labels.push(label);
                }
            }
        }
        let targets = match &self.answer {
            Answer::Values => Targets::Values {
                values,
                dimension: self.targets.len(),
                names: self.targets.iter().map(|&column| self.column_name(column)).collect(),
            },
            Answer::Classes(classes) => {
                Targets::Classes { labels, names: classes.keys().map(class_name).collect() }
            }
        };
        Ok(Table { inputs, shape: vec![features.len()], targets, features })
    }
}

fn is_missing(text: &str) -> bool {
    text.len() <= 4 && MISSING.iter().any(|missing| text.eq_ignore_ascii_case(missing))
}

/// Whole numbers are one class however they are written (`1`, `01`, `1.0`).
fn class_key(text: &str) -> ClassKey {
    if let Ok(number) = text.parse() {
        return ClassKey::Number(number);
    }
    match text.parse::<f64>() {
        // 2^53: beyond it floats skip whole numbers.
        Ok(number) if number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0 => {
            ClassKey::Number(number as i64)
        }
        _ => ClassKey::Text(text.to_owned()),
    }
}

fn class_name(key: &ClassKey) -> String {
    match key {
        ClassKey::Number(number) => number.to_string(),
        ClassKey::Text(text) => text.clone(),
    }
}

/// Whichever candidate stands most often outside quotes in the first line; the comma when none does.
fn guess_delimiter(bytes: &[u8]) -> u8 {
    const CANDIDATES: [u8; 4] = [b',', b';', b'\t', b'|'];
    let mut counts = [0usize; 4];
    let mut inside = false;
    for &byte in bytes.iter().take_while(|&&byte| byte != b'\n' && byte != b'\r') {
        inside ^= byte == b'"';
        if !inside && let Some(candidate) = CANDIDATES.iter().position(|&c| c == byte) {
            counts[candidate] += 1;
        }
    }
    let most = counts.iter().copied().max().unwrap_or(0);
    CANDIDATES[counts.iter().position(|&count| count == most).unwrap_or(0)]
}

#[cfg(test)]
mod tests;
