use super::DirArgs;
use crate::error::Result;
use crate::key_files;
use crate::trust::{TrustFolder, TrustFolderError};
use landfall_console::Console;
use landfall_keys::{KeyId, TrustRoot};

/// Make the first trust root, 1.root.json
#[derive(Debug, clap::Args)]
#[command(after_help = "\
It needs no signature: hosts are given it, or its keys, when they are set up. The folder is made if it does not exist.

If too few keys are left to sign a next version, start a new chain in another folder with a --version above the one that hosts \
trust (`landfall-installer trust show`), and sign it with its own keys. Hosts cannot follow to it by themselves: an operator \
gives each of them its digest.

Examples:
  landfall-bundler trust init --key acme.pub
  landfall-bundler trust init --key anna.pub --key ben.pub --key cleo.pub --threshold 2 --dir acme-trust
  landfall-bundler trust init --key dora.pub --version 8 --revoke 0123456789ABCDEF --dir new-trust")]
pub(super) struct Args {
    /// A public key: its line (RW…), or its file; may be given several times
    #[arg(long = "key", value_name = "PUB", required = true, num_args = 1..)]
    keys: Vec<String>,
    /// How many of the keys must sign releases, and the next version
    #[arg(long, value_name = "N", default_value_t = 1)]
    threshold: u32,
    /// The number to begin with, at most 1000000: another than 1 only where too few keys are left to go on
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=LAST_BEGINNING))]
    version: u32,
    /// The id of a key that was revoked before, or leaked; may be given several times
    #[arg(long, value_name = "KEYID")]
    revoke: Vec<KeyId>,
    #[command(flatten)]
    folder: DirArgs,
}

/// The highest number to begin with. What a chain begins with can only be surpassed: one that begins at the last number there
/// is could never go on, nor be replaced on a host.
const LAST_BEGINNING: i64 = 1_000_000;

pub(super) fn run(args: &Args, console: Console) -> Result<()> {
    let dir = &args.folder.dir;
    match TrustFolder::open(dir) {
        // Also where there is no folder yet.
        Err(TrustFolderError::NoRoot { .. }) => {}
        Ok(there) => return Err(TrustFolderError::Exists { path: there.path() }.into()),
        Err(error) => return Err(error.into()),
    }
    let keys = args.keys.iter().map(|text| key_files::public(text)).collect::<Result<Vec<_>, _>>()?;
    let root = TrustRoot::beginning_at(args.version, keys, args.threshold, args.revoke.clone());
    let root = root.map_err(TrustFolderError::Change)?;
    super::show(&TrustFolder::create(dir, &root)?, console)
}
