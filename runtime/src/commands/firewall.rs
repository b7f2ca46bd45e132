use super::settings;
use crate::firewall::{TABLE, removal, render};
use crate::host::Host;
use anyhow::Context as _;
use landfall_console::{Console, Exit, Failure};
use serde_json::json;
use std::io::Write as _;
use std::process::{Command, Stdio};

/// The firewall between tenants and the host (nftables)
#[derive(Debug, clap::Subcommand)]
pub(super) enum Firewall {
    /// Put the table in place; running it again changes nothing
    Up,
    /// Remove the table
    Down,
    /// Print the table that `up` puts in place
    Show,
}

impl Firewall {
    pub(super) fn run(self, host: &Host, console: Console) -> anyhow::Result<()> {
        match self {
            Self::Up => {
                apply(&render(&settings(host)?))?;
                console.result(&json!({ "table": TABLE, "state": "up" }), format!("table {TABLE} is up"))
            }
            Self::Down => {
                apply(&removal())?;
                console.result(&json!({ "table": TABLE, "state": "down" }), format!("table {TABLE} is down"))
            }
            Self::Show => {
                let rules = render(&settings(host)?);
                console.result(&json!({ "table": TABLE, "rules": rules }), &rules)
            }
        }
    }
}

/// Hands commands to nft, which carries out all of them or none.
fn apply(commands: &str) -> anyhow::Result<()> {
    let nft = Command::new("nft").args(["-f", "-"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut nft = nft.map_err(|error| {
        Failure::new(Exit::Unfit, "nft_missing", format!("cannot run nft: {error}")).hint("install nftables")
    })?;
    // Dropped after writing: the end of its input is what nft waits for.
    if let Some(mut input) = nft.stdin.take() {
        input.write_all(commands.as_bytes()).context("cannot hand the table to nft")?;
    }
    let output = nft.wait_with_output().context("cannot wait for nft")?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Failure::new(Exit::Unfit, "nft_failed", format!("nft refused the table: {}", said.trim()))
        .hint("it needs root and a kernel with nf_tables and nft_fib_inet")
        .into())
}
