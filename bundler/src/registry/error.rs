use super::credentials::CredentialsError;
use landfall_console::OneLine;
use landfall_manifests::Digest;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// A registry, or another server, does not give what it is asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RegistryError {
    #[error("{host} cannot be reached: {reason}")]
    Unreachable { host: String, reason: String },
    /// The connection was there, and was lost.
    #[error("the connection to {host} was lost: {reason}")]
    Lost { host: String, reason: String },
    #[error("the certificate of {host} is not trusted: {reason}")]
    Certificate { host: String, reason: String },
    #[error(
        "{host} speaks HTTP without TLS, which is for loopback addresses and registries that are named as insecure"
    )]
    Plain { host: String },
    #[error("{host} wants a login for {what}{}", said(message))]
    Login { host: String, what: String, message: String },
    #[error("{host} has no {what}{}", said(message))]
    NotFound { host: String, what: String, message: String },
    #[error("{host} is not able to answer (status {status}){}{}", later(*wait), said(message))]
    Busy { host: String, status: u16, wait: Option<Duration>, message: String },
    #[error("{host} does not answer as it should: {reason}")]
    Answer { host: String, reason: String },
    #[error("{host} says that {what} has {found} bytes, and it should have {expected}")]
    Length { host: String, what: Digest, expected: u64, found: u64 },
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    #[error("{} cannot be read: {reason}", path.display())]
    CaFile { path: PathBuf, reason: String },
}

impl RegistryError {
    /// Whether the same request may do better after a while.
    pub(super) fn may_pass(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Lost { .. } | Self::Busy { .. })
    }

    /// Whether it is only the one thing that is not there.
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }

    /// The error that a reader of a blob ended with, which came as one of input and output.
    pub(crate) fn of_reading(error: io::Error) -> Result<Self, io::Error> {
        error.downcast()
    }
}

impl From<RegistryError> for io::Error {
    fn from(error: RegistryError) -> Self {
        Self::other(error)
    }
}

fn said(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(" ({})", OneLine(message)) }
}

fn later(wait: Option<Duration>) -> String {
    wait.map_or_else(String::new, |wait| format!(", and wants to be asked again in {} seconds", wait.as_secs()))
}
