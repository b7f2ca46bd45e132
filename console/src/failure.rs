use crate::Exit;
use serde::Serialize;
use serde_json::{Map, Value};

/// An error that a person can act on.
///
/// It is made from a program's own error by [`Classify`](crate::Classify), or carried inside an [`anyhow::Error`], wherever in
/// its chain: the exit code and the hint are taken from the outermost one, the message is the whole chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    exit: Exit,
    code: &'static str,
    message: String,
    hint: Option<String>,
    details: Map<String, Value>,
}

impl Failure {
    /// A failure that ends the program with `exit`. `code` is a stable word for scripts, `message` tells what happened to what.
    pub fn new(exit: Exit, code: &'static str, message: impl Into<String>) -> Self {
        Self { exit, code, message: message.into(), hint: None, details: Map::new() }
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

    /// What a command's error means to the caller.
    pub fn of(error: &anyhow::Error) -> Self {
        let found = error.chain().find_map(|cause| cause.downcast_ref::<Self>());
        let mut failure = found.cloned().unwrap_or_else(|| Self::new(Exit::Unexpected, "unexpected", ""));
        failure.message = format!("{error:#}");
        failure
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::of(&error)
    }
}

/// What `--json` prints for a failure: `{"error": {"code", "exit", "message", "hint"}}`, and its details beside these.
#[derive(Serialize)]
pub(crate) struct Report<'a> {
    error: Fields<'a>,
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
    use anyhow::Context as _;

    #[test]
    fn a_failure_keeps_its_code_under_context() {
        let result: anyhow::Result<()> =
            Err(Failure::new(Exit::Unfit, "disk_full", "no room").hint("free 3 bytes").into());
        let failure = Failure::of(&result.context("install acme").err().unwrap_or_else(|| anyhow::anyhow!("none")));
        assert_eq!(failure, Failure::new(Exit::Unfit, "disk_full", "install acme: no room").hint("free 3 bytes"));
    }

    #[test]
    fn details_stand_beside_the_message_for_programs_alone() {
        let failure = Failure::new(Exit::Damaged, "receipts", "two are wrong").detail("faults", [1, 2]);
        let of = Failure::of(&anyhow::Error::from(failure).context("verify"));
        let report = serde_json::to_value(Report::from(&of)).unwrap_or_default();
        let expected = serde_json::json!({"error": {
            "code": "receipts", "exit": 3, "message": "verify: two are wrong", "hint": null, "faults": [1, 2],
        }});
        assert_eq!((report, of.to_string().as_str()), (expected, "verify: two are wrong"));
    }

    #[test]
    fn anything_else_is_unexpected() {
        assert_eq!(Failure::of(&anyhow::anyhow!("boom")), Failure::new(Exit::Unexpected, "unexpected", "boom"));
    }
}
