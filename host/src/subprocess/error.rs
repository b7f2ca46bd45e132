use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// A program that was not run to its own end.
#[derive(Debug, thiserror::Error)]
pub enum SubprocessError {
    /// It cannot be started.
    #[error("cannot run {}", .program.display())]
    Start {
        /// Its path or name.
        program: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// It ran longer than it may.
    #[error("{} did not end within {} s and was killed{}", .program.display(), .after.as_secs_f32(), appended(.stderr_tail))]
    TimedOut {
        /// Its path or name.
        program: PathBuf,
        /// How long it may run.
        after: Duration,
        /// The end of its standard error.
        stderr_tail: String,
    },
    /// It wrote more to standard output than it may.
    #[error("{} wrote more than {limit} bytes and was killed", .program.display())]
    OutputLimit {
        /// Its path or name.
        program: PathBuf,
        /// How much it may write, in bytes.
        limit: usize,
    },
    /// A signal ended it.
    #[error("{} was ended by signal {signal}{}", .program.display(), appended(.stderr_tail))]
    Signal {
        /// Its path or name.
        program: PathBuf,
        /// The signal's number.
        signal: i32,
        /// The end of its standard error.
        stderr_tail: String,
    },
    /// Its pipes or its end cannot be waited for.
    #[error("cannot wait for {}", .program.display())]
    Wait {
        /// Its path or name.
        program: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

fn appended(stderr_tail: &str) -> String {
    if stderr_tail.is_empty() { String::new() } else { format!(": {stderr_tail}") }
}
