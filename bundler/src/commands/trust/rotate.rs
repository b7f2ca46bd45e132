use super::DirArgs;
use crate::error::Result;
use crate::key_files;
use crate::trust::{TrustFolder, TrustFolderError};
use landfall_console::Console;
use landfall_keys::{KeyId, RootChanges};

/// Make the next version, in which one key takes the place of another
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  landfall-bundler trust rotate 0123456789ABCDEF dora.pub
  landfall-bundler trust rotate 0123456789ABCDEF RWQf6LRC… --leaked")]
pub(super) struct Args {
    /// The id of the key that goes, of 16 hex digits: `trust show` lists them
    #[arg(value_name = "OLDID")]
    old: KeyId,
    /// The public key that comes: its line (RW…), or its file
    #[arg(value_name = "NEWPUB")]
    new: String,
    /// Others may have the old secret key: revoke it
    #[arg(long)]
    leaked: bool,
    #[command(flatten)]
    folder: DirArgs,
}

pub(super) fn run(args: &Args, console: Console) -> Result<()> {
    let folder = TrustFolder::open(&args.folder.dir)?;
    let unknown = |id| TrustFolderError::UnknownKey { dir: folder.dir().to_owned(), id };
    let changes = folder.chain().removal(&[args.old], args.leaked).map_err(unknown)?;
    // The old key has to be there, also where revoking it would not ask for that.
    let changes = RootChanges { add: vec![key_files::public(&args.new)?], remove: vec![args.old], ..changes };
    super::change(&folder, &changes, console)
}
