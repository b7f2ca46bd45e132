//! What can go wrong between us and systemd.

use std::time::Duration;

/// A request to the service manager that was not carried out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not a name that a unit can have.
    #[error("{name:?} is not the name of a systemd unit")]
    UnitName {
        /// What was given.
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
    /// The program ran and its output could not be read, or its end not be awaited.
    #[error("lost track of `{command}`")]
    Io {
        /// The command line.
        command: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The program said no.
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
    /// The program wrote more than anything we ask for can need.
    #[error("`{command}` wrote more than {limit} bytes")]
    TooMuchOutput {
        /// The command line.
        command: String,
        /// The limit, in bytes.
        limit: usize,
    },
    /// The program's answer is not in the form that its manual describes.
    #[error("cannot make sense of what `{command}` wrote: {what}")]
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
