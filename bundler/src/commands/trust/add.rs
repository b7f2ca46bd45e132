use super::DirArgs;
use crate::error::Result;
use crate::key_files;
use crate::trust::TrustFolder;
use landfall_console::Console;
use landfall_keys::RootChanges;

/// Make the next version, which trusts more keys
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Refused while the newest version lacks signatures. If that version was a mistake and has not left this folder, delete \
its file and the signatures over it by hand. A revoked key is refused under any id, and so is a key with the id \
of another one.

Examples:
  landfall-bundler trust add --key dora.pub
  landfall-bundler trust add --key dora.pub --threshold 3")]
pub(super) struct Args {
    /// A public key: its line (RW…), or its file; may be given several times
    #[arg(long = "key", value_name = "PUB", required = true, num_args = 1..)]
    keys: Vec<String>,
    /// How many of the keys must sign from now on [default: as many as before]
    #[arg(long, value_name = "N")]
    threshold: Option<u32>,
    #[command(flatten)]
    folder: DirArgs,
}

pub(super) fn run(args: &Args, console: Console) -> Result<()> {
    let folder = TrustFolder::open(&args.folder.dir)?;
    let add = args.keys.iter().map(|text| key_files::public(text)).collect::<Result<Vec<_>, _>>()?;
    let changes = RootChanges { add, threshold: args.threshold, ..RootChanges::default() };
    super::change(&folder, &changes, console)
}
