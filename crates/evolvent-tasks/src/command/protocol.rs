//! What is written to and read from an external program: one JSON object per line, UTF-8.
//!
//! ```text
//! to the program    {"protocol":"evolvent","version":1,"dimension":2,"objectives":1,"constraints":0,"descriptors":0}
//! from the program  {"protocol":"evolvent","version":1}
//! to the program    {"id":0,"genome":[0.5,-1.25],"seed":4735927163,"phase":"train"}
//! from the program  {"id":0,"fitness":1.8125}
//! …
//! ```
//!
//! - **Greeting.** `dimension` is `null` if the experiment file leaves it to the program. The answer repeats protocol and
//!   version; it may give `"dimension": n`, and `"bounds": [[low, high], …]` (one pair for all coordinates, or one each).
//! - **Request.** `seed` is an integer in `0..2^53`: a program that uses chance draws from it alone, so that a run can be
//!   repeated. `phase` is `train`, `validate` or `test`. `task`, `replicate` and `fidelity` are there only if the
//!   algorithm asks for something special. The next request comes after the answer.
//! - **Answer.** `id` is that of the request. One of
//!   `"fitness": number`; `"objectives": [numbers]`, which may stand with `"constraints": [g, …]` (satisfied where
//!   g ≤ 0) and `"descriptors": [numbers]`; or `"error": "why there is no fitness"`. `"steps": n` counts what the
//!   evaluation cost. Other keys are ignored. `NaN` and `Infinity`, which Python's `json` writes, are understood as a
//!   failed evaluation.
//! - **End.** The program ends when its standard input does. Messages for people go to standard error.

use evolvent_core::{Failure, Measured, Phase, Request, Values};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The version spoken here.
pub const VERSION: u64 = 1;

/// The first line to the program.
#[derive(Debug, Serialize)]
pub(super) struct Greeting {
    protocol: &'static str,
    version: u64,
    dimension: Option<usize>,
    objectives: usize,
    constraints: usize,
    descriptors: usize,
}

/// How many numbers an answer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) objectives: usize,
    pub(super) constraints: usize,
    pub(super) descriptors: usize,
}

impl Shape {
    pub(super) fn greeting(self, dimension: Option<usize>) -> Greeting {
        let Shape { objectives, constraints, descriptors } = self;
        Greeting { protocol: "evolvent", version: VERSION, dimension, objectives, constraints, descriptors }
    }
}

/// The program's first line.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub(super) struct Welcome {
    pub(super) dimension: Option<usize>,
    #[serde(default)]
    pub(super) bounds: Vec<[f64; 2]>,
}

/// Reads the program's first line; the error is what is wrong with it.
pub(super) fn welcome(line: &str) -> Result<Welcome, String> {
    let shown = excerpt(line);
    let value: Value = serde_json::from_str(line).map_err(|e| format!("{shown} is not JSON: {e}"))?;
    if value.get("protocol").and_then(Value::as_str) != Some("evolvent") {
        return Err(format!("{shown} is not a greeting: it has no \"protocol\": \"evolvent\""));
    }
    match value.get("version").and_then(Value::as_u64) {
        Some(VERSION) => {}
        other => {
            let other = other.map_or("no version".to_string(), |v| format!("version {v}"));
            return Err(format!("the program speaks {other} of the protocol, expected version {VERSION}"));
        }
    }
    serde_json::from_value(value).map_err(|e| format!("{shown}: {e}"))
}

/// One line to the program.
#[derive(Debug, Serialize)]
pub(super) struct Question<'a, G> {
    pub(super) id: u64,
    pub(super) genome: &'a G,
    pub(super) seed: u64,
    pub(super) phase: &'static str,
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) task: u32,
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) replicate: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fidelity: Option<f64>,
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

impl<'a, G: Serialize> Question<'a, G> {
    pub(super) fn new(id: u64, genome: &'a G, seed: u64, phase: Phase, request: &Request) -> Self {
        let phase = match phase {
            Phase::Train => "train",
            Phase::Validate => "validate",
            Phase::Test => "test",
        };
        let Request { task, replicate, fidelity, .. } = *request;
        Question { id, genome, seed, phase, task, replicate, fidelity }
    }

    /// The line with its end.
    pub(super) fn line(&self) -> Result<Vec<u8>, Failure> {
        let mut line = serde_json::to_vec(self)
            .map_err(|e| Failure::Reported(format!("the genome cannot be written as JSON: {e}")))?;
        line.push(b'\n');
        Ok(line)
    }
}

/// An answer: its numbers, or why there are none, and what it cost.
#[derive(Debug, PartialEq)]
pub(super) struct Answer {
    pub(super) result: Result<Measured, Failure>,
    pub(super) steps: u64,
}

/// Reads an answer. `Err` means that the program does not keep to the protocol and must not be asked again.
pub(super) fn answer(line: &str, id: u64, shape: Shape) -> Result<Answer, Failure> {
    let garbled = |what: String| Failure::Garbled(format!("{what} in {}", excerpt(line)));
    let value = serde_json::from_str(line)
        .or_else(|error| serde_json::from_str(&quote_non_finite(line)).map_err(|_| error))
        .map_err(|e| {
            Failure::Garbled(format!(
                "{} is not JSON ({e}); messages belong on standard error",
                excerpt(line)
            ))
        })?;
    let Value::Object(fields) = value else { return Err(garbled("no object".into())) };
    match fields.get("id").and_then(Value::as_u64) {
        Some(found) if found == id => {}
        Some(found) => return Err(garbled(format!("id {found} where {id} was asked"))),
        None => return Err(garbled("no integer \"id\"".into())),
    }
    let steps = match fields.get("steps") {
        None => 0,
        Some(value) => value.as_u64().ok_or_else(|| garbled("\"steps\" is no count".into()))?,
    };
    let result = match (fields.get("error"), fields.get("fitness"), fields.get("objectives")) {
        (Some(Value::String(message)), None, None) => Err(Failure::Reported(message.clone())),
        (Some(_), None, None) => return Err(garbled("\"error\" is no text".into())),
        (None, Some(fitness), None) => {
            if shape.objectives != 1 {
                return Err(garbled(format!(
                    "\"fitness\" where {} \"objectives\" are due",
                    shape.objectives
                )));
            }
            measured([number(fitness, "fitness").map_err(garbled)?].into_iter().collect(), &fields, shape)
                .map_err(garbled)?
        }
        (None, None, Some(_)) => {
            let objectives = numbers(&fields, "objectives", shape.objectives).map_err(garbled)?;
            measured(objectives, &fields, shape).map_err(garbled)?
        }
        (None, None, None) => {
            let keys = fields.keys().map(|k| format!("{k:?}")).collect::<Vec<_>>().join(", ");
            return Err(garbled(format!("no \"fitness\", \"objectives\" or \"error\" among {keys}")));
        }
        _ => return Err(garbled("more than one of \"fitness\", \"objectives\", \"error\"".into())),
    };
    Ok(Answer { result, steps })
}

/// All numbers of an answer; the first that is not finite among objectives and descriptors makes it a failure.
fn measured(
    objectives: Values,
    fields: &Map<String, Value>,
    shape: Shape,
) -> Result<Result<Measured, Failure>, String> {
    let constraints = numbers(fields, "constraints", shape.constraints)?;
    let descriptors = numbers(fields, "descriptors", shape.descriptors)?;
    if let Some((index, value)) = objectives.iter().enumerate().find(|(_, v)| !v.is_finite()) {
        return Ok(Err(Failure::NotFinite { index, value: value.to_string() }));
    }
    if let Some((index, value)) = descriptors.iter().enumerate().find(|(_, v)| !v.is_finite()) {
        return Ok(Err(Failure::Reported(format!("descriptor {index} is {value}, not a finite number"))));
    }
    Ok(Ok(Measured { objectives, descriptors, constraints, ..Measured::default() }))
}

fn numbers(fields: &Map<String, Value>, key: &str, count: usize) -> Result<Values, String> {
    let list = match fields.get(key) {
        None if count == 0 => return Ok(Values::new()),
        None => return Err(format!("no {key:?} where {count} are due")),
        Some(Value::Array(list)) => list,
        Some(_) => return Err(format!("{key:?} is no list")),
    };
    if list.len() != count {
        return Err(format!("{} {key:?} where {count} are due", list.len()));
    }
    list.iter().map(|value| number(value, key)).collect()
}

/// A number; `null` (what JavaScript makes of it) and the names of the non-finite ones are no finite number.
fn number(value: &Value, key: &str) -> Result<f64, String> {
    match value {
        Value::Number(n) => n.as_f64().ok_or_else(|| format!("{key:?} is {n}, which no double can hold")),
        Value::Null => Ok(f64::NAN),
        Value::String(s) => match s.as_str() {
            "NaN" => Ok(f64::NAN),
            "Infinity" => Ok(f64::INFINITY),
            "-Infinity" => Ok(f64::NEG_INFINITY),
            _ => Err(format!("{key:?} is a text, not a number")),
        },
        _ => Err(format!("{key:?} is no number")),
    }
}

/// Puts the bare words `NaN`, `Infinity` and `-Infinity` outside texts in quotes.
fn quote_non_finite(line: &str) -> String {
    let mut out = String::with_capacity(line.len() + 16);
    let (mut rest, mut in_text) = (line, false);
    while let Some(c) = rest.chars().next() {
        let word =
            ["NaN", "-Infinity", "Infinity"].into_iter().find(|word| !in_text && rest.starts_with(word));
        if let Some(word) = word {
            out.push('"');
            out.push_str(word);
            out.push('"');
            rest = &rest[word.len()..];
            continue;
        }
        let escaped = in_text && c == '\\';
        in_text ^= c == '"';
        let taken =
            c.len_utf8() + if escaped { rest[1..].chars().next().map_or(0, char::len_utf8) } else { 0 };
        out.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    out
}

/// The line in quotes, shortened.
pub(super) fn excerpt(line: &str) -> String {
    const LONGEST: usize = 120;
    match line.char_indices().nth(LONGEST) {
        None => format!("{line:?}"),
        Some((end, _)) => format!("{:?}… ({} bytes)", &line[..end], line.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Shape = Shape { objectives: 1, constraints: 0, descriptors: 0 };

    fn objectives(line: &str) -> Result<Vec<f64>, Failure> {
        answer(line, 7, ONE)?.result.map(|m| m.objectives.to_vec())
    }

    #[test]
    fn answers() {
        assert_eq!(objectives(r#"{"id":7,"fitness":-1.5e3}"#).unwrap(), [-1500.0]);
        assert_eq!(objectives(r#"{"objectives":[2],"id":7,"note":{"a":1}}"#).unwrap(), [2.0]);
        assert_eq!(
            objectives(r#"{"id":7,"error":"no \"NaN\""}"#),
            Err(Failure::Reported("no \"NaN\"".into()))
        );
        let all = Shape { objectives: 2, constraints: 1, descriptors: 2 };
        let line = r#"{"id":0,"objectives":[1,2],"constraints":[-1],"descriptors":[0.5,0.25],"steps":12}"#;
        let Answer { result, steps } = answer(line, 0, all).unwrap();
        let measured = result.unwrap();
        assert_eq!((measured.constraints[0], measured.descriptors[1], steps), (-1.0, 0.25, 12));
    }

    #[test]
    fn values_that_are_not_finite_fail_without_blame() {
        for value in ["NaN", "Infinity", "-Infinity", "null"] {
            let found = objectives(&format!(r#"{{"id":7,"note":"\\\" NaN","fitness":{value}}}"#));
            assert!(matches!(found, Err(Failure::NotFinite { index: 0, .. })), "{value}: {found:?}");
        }
        assert_eq!(
            objectives(r#"{"id":7,"fitness":1e999}"#).map_err(|e| matches!(e, Failure::Garbled(_))),
            Err(true)
        );
    }

    #[test]
    fn everything_else_is_garbled() {
        for line in [
            "",
            "[]",
            "computing…",
            r#"{"id":7}"#,
            r#"{"id":8,"fitness":1}"#,
            r#"{"id":"7","fitness":1}"#,
            r#"{"fitness":1}"#,
            r#"{"id":7,"fitness":"1"}"#,
            r#"{"id":7,"fitness":[1]}"#,
            r#"{"id":7,"fitness":1,"error":"x"}"#,
            r#"{"id":7,"error":1}"#,
            r#"{"id":7,"objectives":[1,2]}"#,
            r#"{"id":7,"objectives":1}"#,
            r#"{"id":7,"fitness":1,"descriptors":[1]}"#,
            r#"{"id":7,"fitness":1,"steps":-1}"#,
            r#"{"id":7,"fitness":1"#,
            r#"{"id":7,"fitness":True}"#,
        ] {
            assert!(matches!(answer(line, 7, ONE), Err(Failure::Garbled(_))), "{line}");
        }
        let two = Shape { objectives: 2, constraints: 0, descriptors: 0 };
        assert!(answer(r#"{"id":7,"fitness":1}"#, 7, two).is_err());
    }

    #[test]
    fn questions() {
        let genome = [0.1, -2.0];
        let question = Question::new(3, &genome, 9, Phase::Validate, &Request::default());
        assert_eq!(
            String::from_utf8(question.line().unwrap()).unwrap(),
            "{\"id\":3,\"genome\":[0.1,-2.0],\"seed\":9,\"phase\":\"validate\"}\n"
        );
        let request = Request { task: 2, replicate: 1, fidelity: Some(0.5), ..Request::default() };
        let line = Question::new(3, &genome, 9, Phase::Train, &request).line().unwrap();
        assert!(String::from_utf8(line).unwrap().contains("\"task\":2,\"replicate\":1,\"fidelity\":0.5}"));
    }

    #[test]
    fn greetings() {
        let welcomed =
            welcome(r#"{"protocol":"evolvent","version":1,"dimension":4,"bounds":[[-1,1]]}"#).unwrap();
        assert_eq!(welcomed, Welcome { dimension: Some(4), bounds: vec![[-1.0, 1.0]] });
        for line in [
            "hello",
            "{}",
            r#"{"protocol":"evolvent","version":2}"#,
            r#"{"protocol":"evolvent"}"#,
            r#"{"protocol":"evolvent","version":1,"dimension":-3}"#,
        ] {
            assert!(welcome(line).is_err(), "{line}");
        }
    }

    #[test]
    fn excerpts_end_at_characters() {
        let long = "é".repeat(500);
        assert!(excerpt(&long).ends_with("… (1000 bytes)"));
        assert_eq!(excerpt("a\"b"), r#""a\"b""#);
    }
}
