use super::DirArgs;
use crate::error::Result;
use crate::trust::{RootVersions, TrustFolder};
use landfall_console::Console;

/// Show all versions, what the newest one changes, and who still has to sign it
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The digest is the sha256 of the root's file. A host that cannot follow needs it (`landfall-installer trust import --replace`): \
send it out of band, not with the file.

Examples:
  landfall-bundler trust show
  landfall-bundler trust show --dir acme-trust --json")]
pub(super) struct Args {
    #[command(flatten)]
    folder: DirArgs,
}

pub(super) fn run(args: &Args, console: Console) -> Result<()> {
    let versions = RootVersions::of(&TrustFolder::open(&args.folder.dir)?);
    console.result(&versions, &versions)
}
