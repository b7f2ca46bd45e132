//! Runs nft(8).

use super::TABLE;
use std::io::{self, Write as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// How long the kernel may take to load the table: a few milliseconds, but at boot it also loads modules from a slow disk.
pub(super) const LOAD_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a table is not in place.
#[derive(Debug, thiserror::Error)]
pub enum HoldError {
    /// nft is missing, or cannot be run.
    #[error("cannot run nft; install the package nftables")]
    Nft(#[source] io::Error),
    /// nft or the kernel refuses the commands.
    #[error("nft refused the commands: {stderr}; it needs root and a kernel with nf_tables and nft_fib_inet")]
    Refused {
        /// The first line of nft's standard error.
        stderr: String,
    },
    /// The nft process that owns the table ended.
    #[error("the nft process that owned the table ended: {status}")]
    Ended {
        /// How it ended.
        status: ExitStatus,
    },
    /// The kernel still has the old table.
    #[error("the table {TABLE} was not replaced within {} s; another process may own it", LOAD_TIMEOUT.as_secs())]
    NotReplaced,
}

/// Starts an interactive nft, which owns the tables that it creates until its input is closed. Its errors go to the log.
pub(super) fn interactive() -> Result<Child, HoldError> {
    // Otherwise it writes its input into a history file in the home folder.
    let mut nft = Command::new("nft");
    nft.arg("-i").env("HOME", "/dev/null").stdin(Stdio::piped()).stdout(Stdio::null());
    nft.spawn().map_err(HoldError::Nft)
}

/// Runs commands in one transaction.
pub(super) fn run(arguments: &[&str], commands: &str) -> Result<(), HoldError> {
    let nft =
        Command::new("nft").args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut nft = nft.map_err(HoldError::Nft)?;
    // Dropped after writing: nft runs the commands at the end of its input.
    let written = nft.stdin.take().map_or(Ok(()), |mut input| input.write_all(commands.as_bytes()));
    let output = nft.wait_with_output().map_err(HoldError::Nft)?;
    if output.status.success() {
        return written.map_err(HoldError::Nft);
    }
    // nft may refuse before it has read everything: its own message explains more than the broken pipe.
    let stderr = String::from_utf8_lossy(&output.stderr);
    Err(HoldError::Refused { stderr: stderr.lines().next().unwrap_or_default().to_owned() })
}

/// The chains of all tables, without their rules.
pub(super) fn list_chains() -> Result<String, HoldError> {
    let output = Command::new("nft").args(["list", "chains"]).output().map_err(HoldError::Nft)?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The kernel's listing of a table with all handles, where the table exists. Any change of the table changes it, but for what its own rules
/// note in sets.
pub(super) fn list(table: &str) -> Result<Option<String>, HoldError> {
    // With handles: a table that was removed and loaded again in the same words has other ones.
    let nft = Command::new("nft").args(["--handle", "--terse", "list", "table"]).args(table.split(' ')).output();
    let output = nft.map_err(HoldError::Nft)?;
    Ok(output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned()))
}
