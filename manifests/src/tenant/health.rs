//! How it is found out whether a tenant is healthy, and how long that may take.

use crate::limits;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// How it is found out whether a tenant is healthy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "HealthForm", into = "HealthForm")]
pub enum HealthCheck {
    /// The answer to a GET request for this path has the status 200.
    Http(HttpPath),
    /// The port takes a connection.
    Tcp,
    /// A command in the container ends with the exit code 0.
    Command(HealthCommand),
}

/// How a health check is written: `"/path"`, `"tcp"`, or `{"command": ["program", "argument"]}`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a health check is \"/path\", \"tcp\" or { command = [\"program\", …] }")]
enum HealthForm {
    /// A path that answers 200 to a GET request, or `tcp` for a port that takes connections.
    Word(String),
    /// A command in the container that ends with the exit code 0.
    Table(HealthTable),
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct HealthTable {
    /// The program and its arguments. No shell is run.
    #[schemars(length(min = 1, max = 32))]
    command: Vec<String>,
}

/// A path for an HTTP request's first line: nothing in it can end that line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpPath(String);

/// A program in a container, and its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthCommand(Vec<String>);

/// The text is not a health check.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HealthError {
    /// Neither a path nor `tcp`.
    #[error("health is {0:?}: it must be a path that begins with /, \"tcp\", or {{ command = [\"program\", …] }}")]
    Word(String),
    /// No command, or one that is too long.
    #[error("the health command must have 1 to {words} words of at most {bytes} bytes", words = limits::COMMAND_WORDS, bytes = limits::TEXT_BYTES)]
    Command,
}

/// How long a tenant may take from its start until it is healthy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct StartPeriod(u16);

impl HttpPath {
    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl HealthCommand {
    /// The program and its arguments.
    pub fn words(&self) -> &[String] {
        &self.0
    }
}

impl TryFrom<Vec<String>> for HealthCommand {
    type Error = HealthError;

    fn try_from(words: Vec<String>) -> Result<Self, HealthError> {
        let counted = (1..=limits::COMMAND_WORDS).contains(&words.len());
        // A NUL would end an argument where the kernel reads it.
        let fits = words.iter().all(|word| word.len() <= limits::TEXT_BYTES && !word.contains('\0'));
        let named = words.first().is_some_and(|program| !program.is_empty());
        if counted && fits && named { Ok(Self(words)) } else { Err(HealthError::Command) }
    }
}

impl FromStr for HealthCheck {
    type Err = HealthError;

    fn from_str(text: &str) -> Result<Self, HealthError> {
        let is_path = text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic());
        match text {
            "tcp" => Ok(Self::Tcp),
            path if is_path && path.len() <= limits::TEXT_BYTES => Ok(Self::Http(HttpPath(path.to_owned()))),
            other => Err(HealthError::Word(other.chars().take(80).collect())),
        }
    }
}

impl TryFrom<HealthForm> for HealthCheck {
    type Error = HealthError;

    fn try_from(form: HealthForm) -> Result<Self, HealthError> {
        match form {
            HealthForm::Word(word) => word.parse(),
            HealthForm::Table(HealthTable { command }) => command.try_into().map(Self::Command),
        }
    }
}

impl From<HealthCheck> for HealthForm {
    fn from(check: HealthCheck) -> Self {
        match check {
            HealthCheck::Http(HttpPath(path)) => Self::Word(path),
            HealthCheck::Tcp => Self::Word("tcp".to_owned()),
            HealthCheck::Command(HealthCommand(command)) => Self::Table(HealthTable { command }),
        }
    }
}

impl JsonSchema for HealthCheck {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "HealthCheck".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        HealthForm::json_schema(generator)
    }
}

impl fmt::Display for HealthCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(path) => f.write_str(path.as_str()),
            Self::Tcp => f.write_str("tcp"),
            Self::Command(command) => write!(f, "command {:?}", command.words()),
        }
    }
}

impl StartPeriod {
    /// The longest.
    pub const MAX: Self = Self(*limits::START_PERIOD_SECONDS.end());

    /// As time.
    pub const fn duration(self) -> std::time::Duration {
        std::time::Duration::from_secs(self.0 as u64)
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for StartPeriod {
    fn default() -> Self {
        Self(60)
    }
}

impl TryFrom<u16> for StartPeriod {
    type Error = String;

    fn try_from(seconds: u16) -> Result<Self, String> {
        let (least, most) = limits::START_PERIOD_SECONDS.into_inner();
        let fits = (least..=most).contains(&seconds);
        fits.then_some(Self(seconds)).ok_or_else(|| format!("a start period is from {least} to {most} seconds"))
    }
}

impl From<StartPeriod> for u16 {
    fn from(period: StartPeriod) -> Self {
        period.0
    }
}
