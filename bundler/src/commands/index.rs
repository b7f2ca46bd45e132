use crate::error::Result;
use crate::folder_index::{self, FolderIndexError};
use crate::key_files::{self, PasswordArgs};
use landfall_console::{Console, Count};
use landfall_host::durable;
use landfall_manifests::{BundleIndex, INDEX_NAME, SignedIndex};
use serde::Serialize;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// List the bundles of a folder in a signed index, from which hosts choose
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A host that is told to look into the folder (`landfall-installer update --from`), as a mounted one or over HTTP, takes the newest bundle of the index that \
may come in there. The index is signed as bundles are: hosts believe it only if their trusted keys have signed it. Write it again whenever a bundle \
comes or goes. Where several people have to sign, each runs this command with a key of theirs: signatures stay while the folder does.

Bundles are named by their files, NAME.landfall.tar or its parts; patches are left out. All have to be of one product. Their heads are read, and their \
signatures and blobs are not looked at: `verify` does that, and so does every host.

Examples:
  landfall-bundler index /srv/mirror --key acme.key
  landfall-bundler index /srv/mirror --key second.key")]
pub(crate) struct Args {
    /// The folder of bundles
    folder: PathBuf,
    /// A secret key file to sign with; may be given several times
    #[arg(long = "key", value_name = "FILE", required = true)]
    keys: Vec<PathBuf>,
    #[command(flatten)]
    password: PasswordArgs,
}

#[derive(Serialize)]
struct Report<'a> {
    path: &'a Path,
    signers: Vec<String>,
    #[serde(flatten)]
    index: &'a BundleIndex,
}

pub(crate) fn run(args: &Args, console: Console) -> Result<()> {
    let keys = key_files::secrets(&args.keys, &args.password, console)?;
    let path = args.folder.join(INDEX_NAME);
    let there = folder_index::there(&path)?;
    let (index, trust) = folder_index::of(&args.folder)?;
    let mut signed = SignedIndex::new(&index, trust).map_err(FolderIndexError::from)?;
    if let Some(there) = there {
        signed = signed.with_signatures_of(&there);
    }
    let written = keys.iter().try_for_each(|key| signed.sign(key)).and_then(|()| signed.to_file());
    durable::write(&path, &written.map_err(FolderIndexError::from)?, 0o644).map_err(FolderIndexError::from)?;
    let signers = signed.signatures().map_err(FolderIndexError::from)?;
    let signers: Vec<String> = signers.iter().map(|signature| signature.key_id().to_string()).collect();
    let mut text = format!("{}: {}\n", path.display(), Count(index.bundles.len(), "bundle"));
    for bundle in &index.bundles {
        let platform = bundle.platform();
        writeln!(text, "  {} (serial {}) for {platform}  {}", bundle.version, bundle.serial, bundle.file)?;
    }
    writeln!(text, "  signed by {}", signers.join(", "))?;
    console.result(&Report { path: &path, signers, index: &index }, text)
}
