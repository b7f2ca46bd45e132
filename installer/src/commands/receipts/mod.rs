mod export;
mod listing;

use crate::layout::Layout;
use crate::receipts::{Chain, Counter, Folder, host_key};
use crate::site::HostArgs;
use crate::trust;
use landfall_console::{Console, Exit, Failure};
use landfall_keys::PublicKey;
use listing::Listing;
use serde::Serialize;
use std::fmt::{self, Display, Formatter};
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  landfall-installer receipts --verify
  landfall-installer receipts --export /media/stick/receipts-of-host-7
  landfall-installer receipts --verify --from /media/stick/receipts-of-host-7 --host-key RW...

A receipt that was carried out can also be checked by hand: minisign -Vm 0000000001.json -P RW...

Exit codes: 0 done, 2 usage, 3 a receipt is missing, was changed, or is not signed by the host";

/// What an auditor does when a receipt is not as it should be.
const COMPARE: &str = "compare with the receipts that were carried out before; those up to this one stand";

/// List what was done to this host, check that nobody changed the list, or carry it out
///
/// Each install, update, rollback and automatic way back leaves a receipt, which this host signs and which holds the digest of
/// the one before. The host's key is shown by `status`: note it when the host is installed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Check that no receipt is missing, doubled or changed, and that this host signed each; exit code 3 otherwise
    #[arg(long)]
    verify: bool,
    /// Copy the receipts, their signatures and the host's public key into a new folder
    #[arg(long, value_name = "DIR", conflicts_with = "from")]
    export: Option<PathBuf>,
    /// Look at receipts that were carried out, on any machine, instead of this host's own
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// The host's key, as its line or a file; may be repeated for a host that lost its first. Without it, this host's own counts
    #[arg(long = "host-key", value_name = "KEY", requires = "verify")]
    host_keys: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    /// The key that this host signs with now.
    host_key: Option<String>,
    receipts: &'a Listing<'a>,
    /// `true` if the receipts were checked; `null` if nobody asked.
    verified: Option<bool>,
    /// Where they were carried to.
    exported: Option<&'a Path>,
}

pub(crate) fn run(args: &Args, host: &HostArgs, console: Console) -> anyhow::Result<()> {
    let layout = host.layout()?;
    let folder = Folder::new(args.from.clone().unwrap_or_else(|| layout.receipts()));
    let counters = folder.counters().map_err(|error| match &args.from {
        Some(_) => usage("no_receipts", format!("--from: {:#}", anyhow::Error::from(error))),
        None => error.into(),
    })?;
    if args.from.is_some() && counters.is_empty() {
        return Err(usage("no_receipts", format!("--from {} holds no receipts", folder.path().display())));
    }
    if args.verify {
        verify(&folder, &counters, keys(args, &layout)?)?;
    }
    if let Some(to) = &args.export {
        export::export(&folder, &counters, &layout, to, console)?;
    }
    let host_key = host_key::public(&layout).unwrap_or_else(|error| {
        console.warn(format_args!("{:#}", anyhow::Error::from(error)));
        None
    });
    let host_key = host_key.filter(|_| args.from.is_none()).map(|key| key.to_line());
    let listing = Listing { folder: &folder, counters: &counters };
    let report = Report {
        host_key,
        receipts: &listing,
        verified: args.verify.then_some(true),
        exported: args.export.as_deref(),
    };
    console.result(&report, &report)
}

impl Display for Report<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.receipts)?;
        if let Some(key) = &self.host_key {
            writeln!(f, "host key  {key}")?;
        }
        if self.verified.is_some() {
            let count = self.receipts.counters.len();
            writeln!(f, "verified  {count}: none is missing, none was changed, each is signed by the host")?;
        }
        self.exported.map_or(Ok(()), |to| writeln!(f, "exported  to {}", to.display()))
    }
}

fn usage(code: &'static str, message: String) -> anyhow::Error {
    Failure::new(Exit::Usage, code, message).into()
}

/// The keys that count: what is given, else this host's own. What lies beside receipts proves nothing about them.
fn keys(args: &Args, layout: &Layout) -> anyhow::Result<Vec<PublicKey>> {
    if args.host_keys.is_empty() && args.from.is_none() {
        let own = host_key::public(layout).map_err(|error| broken(&error.into(), 0))?;
        return Ok(own.into_iter().collect());
    }
    if args.host_keys.is_empty() {
        let message = "--from needs --host-key: whoever can change receipts can change a key that lies beside them";
        return Err(usage("host_key", message.to_owned()));
    }
    let read = |argument: &String| {
        trust::read_key(argument).map_err(|error| usage("host_key", format!("--host-key: {error}")))
    };
    args.host_keys.iter().map(read).collect()
}

/// Follows the whole chain, and names what is wrong first.
fn verify(folder: &Folder, counters: &[Counter], keys: Vec<PublicKey>) -> anyhow::Result<()> {
    match (counters.is_empty(), keys.is_empty()) {
        (true, true) => return Ok(()),
        (true, false) => {
            return Err(broken(&folder_error(folder, "holds no receipts, but this host has signed some"), 0));
        }
        (false, true) => return Err(broken(&folder_error(folder, "holds receipts, but this host has no key"), 0)),
        (false, false) => {}
    }
    let mut chain = Chain::new(keys).map_err(|error| usage("host_key", format!("--host-key: {error}")))?;
    let (mut first, mut more) = (None, 0);
    for counter in counters {
        let followed = match folder.read(*counter) {
            Ok(found) => chain.follow(&found).map(drop).map_err(anyhow::Error::from),
            Err(error) => {
                chain.pass(*counter);
                Err(error.into())
            }
        };
        match followed {
            Ok(()) => {}
            Err(error) if first.is_none() => first = Some(error),
            Err(_) => more += 1,
        }
    }
    first.map_or(Ok(()), |first| Err(broken(&first, more)))
}

fn folder_error(folder: &Folder, what: &str) -> anyhow::Error {
    anyhow::anyhow!("{} {what}", folder.path().display())
}

fn broken(first: &anyhow::Error, more: usize) -> anyhow::Error {
    let more = if more > 0 { format!(" (and {more} more places)") } else { String::new() };
    Failure::new(Exit::Damaged, "receipts", format!("{first:#}{more}")).hint(COMPARE).into()
}
