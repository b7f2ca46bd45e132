//! A refusal as it is documented: exit code, word, message and hint; and the host is as it was.

use crate::{Command, FolderHost, Output};
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

/// How a command ends, as reported with `--json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonOutcome {
    /// The exit code.
    pub exit: i32,
    /// The error's word; empty where there was no error.
    pub code: String,
    /// The error's message; empty where there was no error.
    pub message: String,
}

impl JsonOutcome {
    /// Runs `command` with `--json`.
    pub fn of(command: Command) -> Result<Self> {
        Self::read(&command.arg("--json").run()?)
    }

    fn read(output: &Output) -> Result<Self> {
        let report: Value = serde_json::from_str(&output.stdout)
            .with_context(|| format!("{} prints no JSON: {}", output.line, output.text()))?;
        let text = |field: &str| report["error"][field].as_str().unwrap_or_default().to_owned();
        if output.code != 0 {
            let is_complete =
                report["error"]["exit"] == output.code && !text("code").is_empty() && !text("hint").is_empty();
            ensure!(is_complete, "{} ends with {} and says {report}", output.line, output.code);
        }
        Ok(Self { exit: output.code, code: text("code"), message: text("message") })
    }
}

impl FolderHost {
    /// `command` is refused with `exit` and the error's word `code`, and leaves this host as it was, to the bit. Gives the
    /// message.
    pub fn refuses(&self, command: Command, exit: i32, code: &str) -> Result<String> {
        let (line, before) = (command.line(), self.snapshot()?);
        let outcome = JsonOutcome::of(command)?;
        ensure!((outcome.exit, outcome.code.as_str()) == (exit, code), "{line}: expected {exit} {code}: {outcome:?}");
        let difference = before.difference(&self.snapshot()?);
        ensure!(difference.is_empty(), "{line}: refused, and yet\n{difference}");
        Ok(outcome.message)
    }
}
