//! The runtime's program in a release, as the installer runs it: its commands, and what they print under `--json`.
//!
//! Both sides use these types: the runtime prints them, the installer reads them. The program may be that of an older or a later
//! release, so what is not known is no error: fields have defaults, and a failure's code may be none of [`MigrateFailure`]'s.

mod migrate;
mod report;
#[cfg(test)]
mod tests;

pub use migrate::{Migrate, MigrateFailure};
pub use report::{ImagesReport, MigrateReport};

use crate::durable::{self, PathError};
use crate::layout::Layout;
use crate::subprocess::{CapturedOutput, Subprocess, SubprocessError};
use landfall_console::FailureReport;
use landfall_manifests::{Digest, ReleaseId};
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where it lies in a release's folder.
pub const PROGRAM: &str = "bin/landfall";

/// How long a migration may take: a database of a thousand tenants takes well under a second.
const MIGRATE_TIMEOUT: Duration = Duration::from_mins(5);
/// How long a self-check may take besides the wait for its tenant's health.
const SELFCHECK_OVERHEAD: Duration = Duration::from_secs(30);
/// How much longer it is waited for, since it gives up by itself.
const SELFCHECK_PATIENCE: Duration = Duration::from_secs(30);

/// A command of the runtime's program failed.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeProgramError {
    /// The program was not run to its own end.
    #[error(transparent)]
    Subprocess(#[from] SubprocessError),
    /// It ended with another exit code than 0.
    #[error("`{command}` ends with {exit}: {message}")]
    Failed {
        /// The command, as a person would type it.
        command: String,
        /// Its exit code.
        exit: i32,
        /// The code of its error object, a word for scripts.
        code: Option<String>,
        /// The message of its error object, or else all that it wrote.
        message: String,
    },
    /// It succeeded, and printed something else than it should.
    #[error("the output of `{command}` does not parse")]
    Output {
        /// The command, as a person would type it.
        command: String,
        /// Where in it, and why.
        #[source]
        source: serde_json::Error,
    },
}

/// The runtime's program in one release's folder.
#[derive(Debug, Clone)]
pub struct RuntimeProgram {
    path: PathBuf,
    root: PathBuf,
}

impl RuntimeProgram {
    /// The one of a release on the host.
    pub fn of(layout: &Layout, release: &ReleaseId) -> Self {
        Self::within(layout, &layout.release(release))
    }

    /// The one of the release that `current` leads to.
    pub fn current(layout: &Layout) -> Self {
        Self::within(layout, &layout.current())
    }

    fn within(layout: &Layout, folder: &Path) -> Self {
        Self { path: folder.join(PROGRAM), root: layout.at("") }
    }

    /// Whether there is such a program.
    ///
    /// # Errors
    /// Its folder cannot be looked at.
    pub fn exists(&self) -> Result<bool, PathError> {
        durable::exists(&self.path)
    }

    /// Runs `landfall migrate`.
    ///
    /// # Errors
    /// It fails. Which [`MigrateFailure`] it was: [`RuntimeProgramError::migrate_failure`].
    pub fn migrate(&self, migrate: &Migrate<'_>) -> Result<MigrateReport, RuntimeProgramError> {
        let args = migrate.args();
        let args: Vec<&str> = std::iter::once("migrate").chain(args.iter().map(String::as_str)).collect();
        self.run(&args, MIGRATE_TIMEOUT).and_then(parse)
    }

    /// Runs `landfall selfcheck`, which has the running service try all that it is for, with a tenant that has `start_period` to become
    /// healthy.
    ///
    /// # Errors
    /// It fails, as it does when a check fails.
    pub fn selfcheck(&self, start_period: Duration) -> Result<(), RuntimeProgramError> {
        self.run(&["selfcheck"], selfcheck_limit(start_period) + SELFCHECK_PATIENCE).map(drop)
    }

    /// Runs `landfall images`: the images that the tenants are made from, by the digests of their configurations.
    ///
    /// # Errors
    /// It fails.
    pub fn images(&self) -> Result<BTreeSet<Digest>, RuntimeProgramError> {
        // It reads one table.
        let report: ImagesReport = self.run(&["images"], Duration::from_secs(30)).and_then(parse)?;
        Ok(report.images.into_iter().collect())
    }

    /// Runs `landfall firewall clear`, which opens the host to its tenants.
    ///
    /// # Errors
    /// It fails.
    pub fn clear_firewall(&self) -> Result<(), RuntimeProgramError> {
        self.run(&["firewall", "clear"], Duration::from_secs(30)).map(drop)
    }

    /// Runs a command, and returns it as a person would type it with its output.
    fn run(&self, args: &[&str], timeout: Duration) -> Result<(String, CapturedOutput), RuntimeProgramError> {
        let program = Subprocess::new(&self.path).args(["--root".as_ref(), self.root.as_os_str()]).args(["--json"]);
        let output = program.args(args).timeout(timeout).run()?;
        let command = [&["landfall"], args].concat().join(" ");
        if output.code == 0 {
            return Ok((command, output));
        }
        // A program that panics prints no error object: then all that it wrote is the message.
        let Some(FailureReport { code, message }) = FailureReport::parse(&output.stdout) else {
            let stdout = String::from_utf8_lossy(&output.stdout);
            let message = format!("{} {}", stdout.trim(), output.stderr_tail).trim().to_owned();
            return Err(RuntimeProgramError::Failed { command, exit: output.code, code: None, message });
        };
        let code = Some(code);
        Err(RuntimeProgramError::Failed { command, exit: output.code, code, message })
    }
}

/// How long a self-check may take whose tenant has `start_period` to become healthy.
pub const fn selfcheck_limit(start_period: Duration) -> Duration {
    start_period.saturating_add(SELFCHECK_OVERHEAD)
}

fn parse<T: DeserializeOwned>((command, output): (String, CapturedOutput)) -> Result<T, RuntimeProgramError> {
    serde_json::from_slice(&output.stdout).map_err(|source| RuntimeProgramError::Output { command, source })
}

impl RuntimeProgramError {
    /// Why `landfall migrate` failed, if it says so by a code that is known.
    pub fn migrate_failure(&self) -> Option<MigrateFailure> {
        match self {
            Self::Failed { code: Some(code), .. } => MigrateFailure::of_code(code),
            Self::Failed { code: None, .. } | Self::Subprocess(_) | Self::Output { .. } => None,
        }
    }
}
