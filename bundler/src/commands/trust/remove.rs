use super::DirArgs;
use crate::error::Result;
use crate::trust::{TrustFolder, TrustFolderError};
use landfall_console::Console;
use landfall_keys::{KeyId, RootChanges};

/// Make the next version, which trusts fewer keys
#[derive(Debug, clap::Args)]
#[command(after_help = "\
With --leaked the keys are revoked as well: no later version can trust them again, and hosts name them when they refuse \
what such a key signed. A key that was removed before can still be revoked.

Examples:
  landfall-bundler trust remove 0123456789ABCDEF
  landfall-bundler trust remove 0123456789ABCDEF --leaked --threshold 1")]
pub(super) struct Args {
    /// The keys' ids, of 16 hex digits: `trust show` lists them
    #[arg(value_name = "KEYID", required = true)]
    ids: Vec<KeyId>,
    /// Others may have the secret keys: revoke them
    #[arg(long)]
    leaked: bool,
    /// How many of the keys must sign from now on [default: as many as before]
    #[arg(long, value_name = "N")]
    threshold: Option<u32>,
    #[command(flatten)]
    folder: DirArgs,
}

pub(super) fn run(args: &Args, console: Console) -> Result<()> {
    let folder = TrustFolder::open(&args.folder.dir)?;
    let unknown = |id| TrustFolderError::UnknownKey { dir: folder.dir().to_owned(), id };
    let changes = folder.chain().removal(&args.ids, args.leaked).map_err(unknown)?;
    super::change(&folder, &RootChanges { threshold: args.threshold, ..changes }, console)
}
