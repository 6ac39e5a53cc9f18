//! Violations: what is wrong with given values, all at once, each with its place, its constraint and a hint.

use std::fmt;

/// One value that breaks its constraint.
#[derive(Clone, Debug, PartialEq)]
pub struct Violation {
    /// Dotted path of the field, relative to whatever was checked (`sigma`, `inner.sigma`).
    pub path: String,
    /// The value that arrived.
    pub found: String,
    /// The constraint, as a noun phrase: `a number above 0`.
    pub expected: String,
    /// What to try.
    pub hint: Option<String>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}, found {}", self.path, self.expected, self.found)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, " ({hint})"))
    }
}

/// Everything that is wrong, not only the first mistake.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Violations(pub Vec<Violation>);

impl std::error::Error for Violations {}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, violation) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{violation}")?;
        }
        Ok(())
    }
}

impl Violations {
    /// The largest integer that [`Violations::at_least`] accepts: 2²⁴. Nothing that is counted in an experiment (members,
    /// coordinates, episodes) is usefully larger, and twice as many would still be far from exhausting an address space.
    pub const MOST: usize = 1 << 24;

    /// Nothing wrong so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// A single violation.
    pub fn one(path: &str, found: impl fmt::Display, expected: &str) -> Self {
        let mut violations = Self::new();
        violations.add(path, found, expected);
        violations
    }

    /// Records a violation.
    pub fn add(&mut self, path: &str, found: impl fmt::Display, expected: &str) {
        self.0.push(Violation {
            path: path.into(),
            found: found.to_string(),
            expected: expected.into(),
            hint: None,
        });
    }

    /// Records a violation with a hint.
    pub fn add_with_hint(&mut self, path: &str, found: impl fmt::Display, expected: &str, hint: &str) {
        self.add(path, found, expected);
        self.0.last_mut().expect("just added").hint = Some(hint.into());
    }

    /// Records a violation unless `ok`.
    pub fn require(&mut self, ok: bool, path: &str, found: impl fmt::Display, expected: &str) {
        if !ok {
            self.add(path, found, expected);
        }
    }

    /// `value` must be finite and above 0.
    pub fn positive(&mut self, path: &str, value: f64) {
        self.require(value.is_finite() && value > 0.0, path, value, "a finite number above 0");
    }

    /// `value` must be finite and not below 0.
    pub fn non_negative(&mut self, path: &str, value: f64) {
        self.require(value.is_finite() && value >= 0.0, path, value, "a finite number of at least 0");
    }

    /// `value` must lie in [0, 1].
    pub fn probability(&mut self, path: &str, value: f64) {
        self.require((0.0..=1.0).contains(&value), path, value, "a probability in [0, 1]");
    }

    /// `value` must be at least `least`, and at most [`Violations::MOST`].
    pub fn at_least(&mut self, path: &str, value: usize, least: usize) {
        self.require(value >= least, path, value, &format!("an integer of at least {least}"));
        let most = Self::MOST.max(least);
        self.require(value <= most, path, value, &format!("an integer of at most {most}"));
    }

    /// Takes over the violations of an inner part, its paths prefixed.
    pub fn absorb(&mut self, prefix: &str, inner: Result<(), Violations>) {
        if let Err(inner) = inner {
            self.0
                .extend(inner.0.into_iter().map(|v| Violation { path: format!("{prefix}.{}", v.path), ..v }));
        }
    }

    /// `Ok` if nothing was recorded.
    pub fn into_result(self) -> Result<(), Violations> {
        if self.0.is_empty() { Ok(()) } else { Err(self) }
    }
}
