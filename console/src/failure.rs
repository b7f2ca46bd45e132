use crate::Exit;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// An error that a person can act on: what `main` prints, and the exit code that it ends with.
///
/// It is made from a program's own error by [`Classify`](crate::Classify), and its message is the whole chain of causes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    exit: Exit,
    code: &'static str,
    message: String,
    hint: Option<String>,
    details: Map<String, Value>,
    has_result: bool,
}

impl Failure {
    /// A failure that ends the program with `exit`. `code` is a stable word for scripts, `message` tells what happened to what.
    pub fn new(exit: Exit, code: &'static str, message: impl Into<String>) -> Self {
        Self { exit, code, message: message.into(), hint: None, details: Map::new(), has_result: false }
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds a field to the error object of `--json`. A value without a JSON form becomes `null`.
    #[must_use]
    pub fn detail(mut self, name: &'static str, value: impl Serialize) -> Self {
        self.details.insert(name.to_owned(), serde_json::to_value(value).unwrap_or_default());
        self
    }

    /// Says that the command has printed its result all the same. Under `--json` that is the one object that is printed, and holds
    /// [`Failure::object`] as `error`.
    #[must_use]
    pub fn with_result(mut self) -> Self {
        self.has_result = true;
        self
    }

    /// Whether the command has printed its result all the same.
    pub(crate) fn has_result(&self) -> bool {
        self.has_result
    }

    /// What `--json` prints as `error`.
    pub fn object(&self) -> Value {
        serde_json::to_value(Report::from(self).error).unwrap_or_default()
    }

    /// The exit code that this failure asks for.
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// The stable word for scripts.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// What to do next.
    pub fn advice(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

/// What `--json` prints for a failure: `{"error": {"code", "exit", "message", "hint"}}`, and its details beside these.
#[derive(Serialize)]
pub(crate) struct Report<'a> {
    error: Fields<'a>,
}

/// What another program of ours printed under `--json` when it failed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FailureReport {
    /// The stable word for scripts.
    pub code: String,
    /// What happened to what.
    pub message: String,
}

impl FailureReport {
    /// Reads a program's standard output; none if it does not hold an error object.
    pub fn parse(stdout: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Object {
            error: FailureReport,
        }
        serde_json::from_slice(stdout).ok().map(|Object { error }| error)
    }
}

#[derive(Serialize)]
struct Fields<'a> {
    code: &'a str,
    exit: u8,
    message: &'a str,
    hint: Option<&'a str>,
    #[serde(flatten)]
    details: &'a Map<String, Value>,
}

impl<'a> From<&'a Failure> for Report<'a> {
    fn from(failure: &'a Failure) -> Self {
        let error = Fields {
            code: failure.code,
            exit: failure.exit.number(),
            message: &failure.message,
            hint: failure.advice(),
            details: &failure.details,
        };
        Self { error }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_stand_beside_the_message_for_programs_alone() {
        let failure = Failure::new(Exit::Damaged, "receipts", "two are wrong").detail("faults", [1, 2]);
        let report = serde_json::to_value(Report::from(&failure)).unwrap_or_default();
        assert_eq!(report["error"], failure.object());
        let expected = serde_json::json!({"error": {
            "code": "receipts", "exit": 3, "message": "two are wrong", "hint": null, "faults": [1, 2],
        }});
        assert_eq!((&report, failure.to_string().as_str()), (&expected, "two are wrong"));
        let read = FailureReport::parse(report.to_string().as_bytes());
        let expected = FailureReport { code: "receipts".to_owned(), message: "two are wrong".to_owned() };
        assert_eq!(read, Some(expected));
        assert_eq!(FailureReport::parse(b"{}"), None);
    }
}
