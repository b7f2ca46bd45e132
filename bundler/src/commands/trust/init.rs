use super::DirArgs;
use crate::key_files;
use crate::trust::{TrustFolder, TrustFolderError};
use anyhow::Result;
use landfall_console::Console;
use landfall_keys::TrustRoot;

/// Make the first trust root, 1.root.json
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Nobody has to sign it: hosts are given it, or its keys, when they are set up. The folder is made if it is not there.

Examples:
  landfall-bundler trust init --key acme.pub
  landfall-bundler trust init --key anna.pub --key ben.pub --key cleo.pub --threshold 2 --dir acme-trust")]
pub(super) struct Args {
    /// A public key: its line (RW…), or its file; may be given several times
    #[arg(long = "key", value_name = "PUB", required = true, num_args = 1..)]
    keys: Vec<String>,
    /// How many of the keys must sign releases, and the next version
    #[arg(long, value_name = "N", default_value_t = 1)]
    threshold: u32,
    #[command(flatten)]
    folder: DirArgs,
}

pub(super) fn run(args: &Args, console: Console) -> Result<()> {
    let dir = &args.folder.dir;
    match TrustFolder::open(dir) {
        Err(TrustFolderError::NoRoot { .. }) => {}
        Ok(there) => return Err(TrustFolderError::There { path: there.path() }.into()),
        Err(error) => return Err(error.into()),
    }
    let keys = args.keys.iter().map(|text| key_files::public(text)).collect::<Result<Vec<_>>>()?;
    let root = TrustRoot::first(keys, args.threshold).map_err(TrustFolderError::Change)?;
    super::show(&TrustFolder::begin(dir, &root)?, console)
}
