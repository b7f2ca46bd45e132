use super::DirArgs;
use crate::error::Result;
use crate::key_files::{self, PasswordArgs};
use crate::trust::{RootReport, TrustFolder, TrustFolderError};
use landfall_console::Console;
use serde::Serialize;
use std::path::PathBuf;

/// Sign the newest version
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Look at what you sign: `trust show` lists what the newest version changes. The signature is a separate file, \
N.root.json.KEYID.minisig: send it back, and put those of the other signers beside it. Only an earlier signature by the \
same key is replaced, not one by another key with the same id.

Examples:
  landfall-bundler trust sign --key anna.key
  landfall-bundler trust sign --dir /media/stick/trust --key anna.key --password-file /run/secrets/anna")]
pub(super) struct Args {
    /// The secret key file to sign with
    #[arg(long, value_name = "SECRET")]
    key: PathBuf,
    #[command(flatten)]
    password: PasswordArgs,
    #[command(flatten)]
    folder: DirArgs,
}

#[derive(Serialize)]
struct SignReport<'a> {
    /// The file that was written; none if the key had signed already, in a file of another name.
    signature: Option<PathBuf>,
    key: String,
    #[serde(flatten)]
    report: &'a RootReport,
}

pub(super) fn run(args: &Args, console: Console) -> Result<()> {
    let dir = &args.folder.dir;
    let key = key_files::secret(&args.key, &args.password, console)?;
    let folder = TrustFolder::open_without_signature_of(dir, key.id())?;
    let public = key.public_key();
    // Hosts count signatures by keys of the newest version and of the one before it alone.
    if !folder.chain().signers().any(|signer| *signer == public) {
        return Err(TrustFolderError::NotASigner { path: folder.path(), id: key.id() }.into());
    }
    let signature = if folder.chain().is_signed_by(&public) { None } else { Some(folder.sign(&key)?) };
    let outcome = match &signature {
        Some(path) => format!("{}: signed by {}\n", path.display(), key.id()),
        None => format!("{} was signed by {} before\n", folder.path().display(), key.id()),
    };
    // Read anew: the folder holds this signature now.
    let report = RootReport::of(&TrustFolder::open(dir)?);
    let text = format!("{outcome}{report}");
    console.result(&SignReport { signature, key: key.id().to_string(), report: &report }, text)
}
