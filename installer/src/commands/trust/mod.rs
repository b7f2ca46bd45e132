mod import;
mod replacement;
mod show;

use crate::errors::Error;
use crate::host_context::HostArgs;
use landfall_console::Console;
use landfall_keys::{KeyId, PublicKey, TrustRoot};
use landfall_manifests::Digest;
use serde::Serialize;
use std::fmt;

/// Show the trust root of this host, or import a newer one
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Show(show::Args),
    Import(import::Args),
}

pub(crate) fn run(args: &Args, host_args: &HostArgs, console: Console) -> Result<(), Error> {
    match &args.command {
        Command::Show(_) => show::run(host_args, console),
        Command::Import(args) => import::run(args, host_args, console),
    }
}

/// A root, as reports show it.
#[derive(Debug, Serialize)]
struct RootReport {
    version: u32,
    threshold: u32,
    /// The keys that count, without the revoked ones.
    keys: Vec<KeyReport>,
    revoked: Vec<KeyId>,
    /// Of the file, whose bytes are those of the publisher's `N.root.json`.
    digest: Digest,
}

#[derive(Debug, Serialize)]
struct KeyReport {
    id: KeyId,
    /// The whole line, by which people compare it.
    key: String,
}

impl From<&TrustRoot> for RootReport {
    fn from(root: &TrustRoot) -> Self {
        let report = |key: &PublicKey| KeyReport { id: key.id(), key: key.to_line() };
        Self {
            version: root.version(),
            threshold: root.trusted_keys().threshold(),
            keys: root.trusted_keys().keys().iter().map(report).collect(),
            revoked: root.revoked().to_vec(),
            digest: Digest::of(root.to_json().as_bytes()),
        }
    }
}

impl fmt::Display for RootReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (needed, there) = (self.threshold, self.keys.len());
        writeln!(f, "  signers   {needed} of these {there} must have signed a release")?;
        self.keys.iter().try_for_each(|KeyReport { id, key }| writeln!(f, "  key       {id}: {key}"))?;
        self.revoked.iter().try_for_each(|id| writeln!(f, "  revoked   {id}"))?;
        writeln!(f, "  digest    {}", self.digest)
    }
}
