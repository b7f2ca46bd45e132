//! Talks to nft(8).

use super::TABLE;
use std::io::{self, Write as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// How long the kernel may take to have the table. A few milliseconds; at boot it also loads modules from a slow disk.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// Why the table is not in place.
#[derive(Debug, thiserror::Error)]
pub enum HoldError {
    /// The program is missing, or cannot be talked to.
    #[error("cannot run nft; install the package nftables")]
    Nft(#[source] io::Error),
    /// nft or the kernel does not take the commands.
    #[error("nft refused the commands: {said}; it needs root and a kernel with nf_tables and nft_fib_inet")]
    Refused {
        /// The first line of what nft said.
        said: String,
    },
    /// The process that is to own the table does not stay.
    #[error("the nft that held the table ended: {status}")]
    Ended {
        /// How it ended.
        status: ExitStatus,
    },
    /// The kernel kept what it had.
    #[error("the table {TABLE} was not replaced within {} s; another process may own it", PATIENCE.as_secs())]
    NotReplaced,
}

/// An nft that owns what it makes for as long as its input stays open. What it has to say goes to the log.
pub(super) fn interactive() -> Result<Child, HoldError> {
    // It would write what it is told into a history file at home.
    let mut nft = Command::new("nft");
    nft.arg("-i").env("HOME", "/dev/null").stdin(Stdio::piped()).stdout(Stdio::null());
    nft.spawn().map_err(HoldError::Nft)
}

/// Hands commands to an nft that carries out all of them or none, and ends.
pub(super) fn run(arguments: &[&str], commands: &str) -> Result<(), HoldError> {
    let nft =
        Command::new("nft").args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut nft = nft.map_err(HoldError::Nft)?;
    // Dropped after writing: the end of its input is what nft waits for.
    let written = nft.stdin.take().map_or(Ok(()), |mut input| input.write_all(commands.as_bytes()));
    let output = nft.wait_with_output().map_err(HoldError::Nft)?;
    if output.status.success() {
        return written.map_err(HoldError::Nft);
    }
    // One that refuses may end before it has read everything: what it said explains more than the broken pipe.
    let said = String::from_utf8_lossy(&output.stderr);
    Err(HoldError::Refused { said: said.lines().next().unwrap_or_default().to_owned() })
}

/// A table with all handles, if it is there: any change shows.
pub(super) fn list(table: &str) -> Result<Option<String>, HoldError> {
    let nft = Command::new("nft").args(["--handle", "list", "table"]).args(table.split(' ')).output();
    let output = nft.map_err(HoldError::Nft)?;
    Ok(output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned()))
}
