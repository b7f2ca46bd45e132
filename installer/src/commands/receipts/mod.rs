mod export;
mod listing;
mod verify;

use crate::errors::Error;
use crate::host_context::HostArgs;
use crate::receipts::{Finding, Folder, host_key};
use landfall_console::{Console, Exit, Failure, message_with_causes};
use listing::Listing;
use serde::Serialize;
use std::fmt::{self, Display, Formatter};
use std::path::{Path, PathBuf};
use verify::Verified;

const EXAMPLES: &str = "\
Examples:
  landfall-installer receipts --verify
  landfall-installer receipts --export /media/stick/receipts-of-host-7
  landfall-installer receipts --verify --from /media/stick/receipts-of-host-7 --host-key RW...

An exported receipt can also be checked by hand: minisign -Vm 0000000001.json -P RW...

Exit codes: 0 done, 2 usage, 3 a receipt is missing, was changed, is not signed by the host, or could not be exported";

/// List the receipts of what was done to this host, check them, or export them
///
/// Each install, update, rollback and automatic revert issues a receipt, also one that was taken back, and so do an import of a trust
/// root and an uninstallation; this host signs it, and it holds the digest of the one before. A purge removes them all. `status` shows the host's key: note it when the host is installed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Check that no receipt is missing, doubled or changed, and that this host signed each; exit code 3 otherwise. Gaps that the
    /// host recorded itself are warnings
    #[arg(long)]
    verify: bool,
    /// Copy the receipts, their signatures and the host's public keys into a new folder
    #[arg(long, value_name = "DIR", conflicts_with = "from")]
    export: Option<PathBuf>,
    /// Read exported receipts from this folder, on any machine, instead of this host's own
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// The host's public key, as its line or a file; may be repeated for a host that lost its first. Default: this host's own keys
    #[arg(long = "host-key", value_name = "KEY", requires = "verify")]
    host_keys: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    /// The public key that this host signs with now.
    host_key: Option<String>,
    receipts: &'a Listing<'a>,
    /// `true` if the receipts were checked; `null` without `--verify`.
    verified: Option<bool>,
    /// Always empty: with any fault the command fails, and its error lists them.
    faults: [Finding; 0],
    /// Gaps that the host itself recorded, with its reasons; empty without `--verify`.
    gaps: &'a [Finding],
    /// The folder that they were exported to.
    exported: Option<&'a Path>,
    /// Always empty: with any file left out the command fails, and its error lists them.
    left_out: [String; 0],
    #[serde(skip)]
    outcome: Option<&'a Verified>,
}

pub(crate) fn run(args: &Args, host_args: &HostArgs, console: Console) -> Result<(), Error> {
    let layout = host_args.layout()?;
    let folder = Folder::new(args.from.clone().unwrap_or_else(|| layout.receipts()));
    let counters = folder.counters().map_err(|error| match &args.from {
        Some(_) => usage("no_receipts", format!("--from: {}", message_with_causes(&error))),
        None => error.into(),
    })?;
    if args.from.is_some() && counters.is_empty() {
        return Err(usage("no_receipts", format!("--from {} holds no receipts", folder.path().display())));
    }
    if args.from.is_none() && host_key::is_lost(&layout) {
        console.warn("the host's secret key is missing or damaged: the next receipt will be signed with a new one");
    }
    let verified = args.verify.then(|| verify::verify(args, &folder, &counters, &layout, console)).transpose()?;
    if let Some(to) = &args.export {
        export::export(&folder, &counters, &layout, to, console)?;
    }
    let host_key = host_key::public(&layout).unwrap_or_else(|error| {
        console.warn(message_with_causes(&error));
        None
    });
    let host_key = host_key.filter(|_| args.from.is_none()).map(|key| key.to_line());
    let listing = Listing { folder: &folder, counters: &counters };
    let report = Report {
        host_key,
        receipts: &listing,
        verified: args.verify.then_some(true),
        faults: [],
        gaps: verified.as_ref().map_or(&[], |verified| &verified.gaps),
        exported: args.export.as_deref(),
        left_out: [],
        outcome: verified.as_ref(),
    };
    console.result(&report, &report)
}

impl Display for Report<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.receipts)?;
        if let Some(key) = &self.host_key {
            writeln!(f, "host key  {key}")?;
        }
        if let Some(outcome) = self.outcome {
            writeln!(f, "verified  {}: {outcome}", self.receipts.counters.len())?;
        }
        self.exported.map_or(Ok(()), |to| writeln!(f, "exported  to {}", to.display()))
    }
}

fn usage(code: &'static str, message: String) -> Error {
    Failure::new(Exit::Usage, code, message).into()
}
