use crate::error::Result;
use crate::key_files::{self, PasswordArgs};
use crate::{output, partial_folder};
use landfall_console::Console;
use landfall_media::{Destination, UnverifiedBundle, folder_of};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Add a signature to a bundle
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Look at what you sign: `inspect` shows it, `verify` tells who has signed it. A new bundle is written beside the old one, which \
it then replaces; each blob is checked against the manifest. A bundle that exists as one file and in parts is refused, since \
only one of the two would be signed.

Example:
  landfall-bundler sign acme-1.0.0-linux-amd64.landfall.tar --key second.key

Exit codes: 0 done, 2 already signed by that key, or existing as one file and in parts, 3 the bundle is damaged, 6 too little room")]
pub(crate) struct Args {
    /// The bundle; if it is in parts, all must be in one folder, and are replaced by parts of the same size
    bundle: PathBuf,
    /// The secret key file to sign with
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    #[command(flatten)]
    password: PasswordArgs,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SignReport<'a> {
    path: &'a Path,
    key: String,
    signers: Vec<String>,
}

pub(crate) fn run(args: &Args, console: Console) -> Result<()> {
    let bundle = output::resolve_link(&args.bundle);
    // A killed run may have set the bundle aside.
    partial_folder::sweep(folder_of(&bundle));
    let opened = UnverifiedBundle::open(&bundle, &[])?;
    output::check_one_form(opened.path())?;
    let key = key_files::secret(&args.key, &args.password, console)?;
    let mut signed = opened.head().clone().into_signed_without_verifying()?;
    signed.add(&key)?;
    let out = Destination { path: opened.path(), part_size: opened.part_size() };
    let written = super::rewrite::rewrite(&opened, &signed, out, "Writing the bundle", console);
    written.map_err(|error| error.with_free_space(folder_of(out.path)))?;
    let added = SignReport {
        path: out.path,
        key: key.id().to_string(),
        signers: signed.signatures().iter().map(|signature| signature.key_id().to_string()).collect(),
    };
    let text = format!("{}: signed by {}\n", out.path.display(), added.signers.join(", "));
    console.result(&added, text)
}
