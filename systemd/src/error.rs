//! Errors of requests to the service manager.

use std::time::Duration;

/// A request to the service manager failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not a valid unit name (systemd.unit(5)).
    #[error("{name:?} is not the name of a systemd unit")]
    UnitName {
        /// The invalid name.
        name: String,
    },
    /// The program could not be started at all.
    #[error("cannot run `{command}`: is systemd installed and on the PATH?")]
    Spawn {
        /// The command line, as a person would type it.
        command: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The program ran, but its output or its exit code could not be read.
    #[error("cannot read the output of `{command}`")]
    Io {
        /// The command line.
        command: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The program exited with a failure.
    #[error("`{command}` failed with {}: {stderr}", exit_text(*.code))]
    Failed {
        /// The command line.
        command: String,
        /// Its exit code; `None` if a signal ended it.
        code: Option<i32>,
        /// What it wrote to standard error, trimmed; "no message" if nothing.
        stderr: String,
    },
    /// The program did not end in time and was killed.
    #[error("`{command}` did not end within {} s and was killed; `systemctl list-jobs` shows what it waits for", .after.as_secs())]
    TimedOut {
        /// The command line.
        command: String,
        /// How long it was given.
        after: Duration,
    },
    /// The program wrote more output than any of our requests can have.
    #[error("`{command}` wrote more than {limit} bytes")]
    TooMuchOutput {
        /// The command line.
        command: String,
        /// The limit, in bytes.
        limit: usize,
    },
    /// The program's output is not in the form that its manual page describes.
    #[error("unexpected output of `{command}`: {what}")]
    Answer {
        /// The command line.
        command: String,
        /// The part that is missing or malformed.
        what: String,
    },
}

fn exit_text(code: Option<i32>) -> String {
    code.map_or_else(|| "a signal".to_owned(), |code| format!("exit code {code}"))
}
