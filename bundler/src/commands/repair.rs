use super::parts_args::PartsArgs;
use crate::error::Result;
use crate::output::{self, OutputError};
use crate::partial_folder::PartialFolder;
use crate::repair::requested_blobs;
use landfall_console::{Console, Count, Size};
use landfall_manifests::{Digest, Signed};
use landfall_media::{CopyError, Destination, UnverifiedBundle, folder_of};
use serde::Serialize;
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

/// Make the patch that an isolated host asks for, whose bundle arrived damaged
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The request is what `landfall-installer verify BUNDLE --request FILE` wrote on the host. The patch holds the manifest, its \
signatures, and the blobs that the request names, each checked against its digest; the host passes it to \
`landfall-installer install BUNDLE --patch PATCH`, which verifies it like the bundle. BUNDLE must be of the same \
build: another build of the same version is another release.

Examples:
  landfall-bundler repair request.json --from acme-1.0.0-linux-amd64.landfall.tar
  landfall-bundler repair request.json --from BUNDLE.part001 --out /media/stick/

Exit codes: 0 done, 2 no request, or one for another release, or the patch would replace another file, 3 the bundle is damaged where it is needed, 6 too little room")]
pub(crate) struct Args {
    /// The request
    request: PathBuf,
    /// The bundle as it left here: its file, any of its parts, or its name without .partNNN
    #[arg(long, value_name = "BUNDLE")]
    from: PathBuf,
    #[command(flatten)]
    parts: PartsArgs,
    /// The patch's file, or its folder [default: PRODUCT-VERSION-OS-ARCH.patch.landfall.tar here]
    #[arg(long, value_name = "FILE|DIR")]
    out: Option<PathBuf>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RepairReport<'a> {
    path: &'a Path,
    size: u64,
    product: String,
    version: String,
    serial: u64,
    manifest: String,
    blobs: Vec<String>,
}

pub(crate) fn run(args: &Args, console: Console) -> Result<()> {
    let opened = UnverifiedBundle::open(&args.from, &args.parts.folders)?;
    let signed = opened.head().clone().into_signed_without_verifying()?;
    let wanted = requested_blobs(&args.request, &opened, &signed)?;
    let out = place(args.out.as_deref(), &opened, &signed)?;
    let folder = folder_of(&out);
    write(&opened, &signed, &wanted, &out, console).map_err(|error| error.with_free_space(folder))?;
    report(&signed, &wanted, &out, console)
}

/// Where the patch goes: in place of nothing but another patch, which it is not made from.
fn place(out: Option<&Path>, opened: &UnverifiedBundle, signed: &Signed) -> Result<PathBuf, OutputError> {
    output::resolve_patch(out, &signed.release().patch_file_name(), |there| {
        // The bundle is read while the patch is written.
        let is_source = opened.files().iter().any(|file| file.canonicalize().ok() == there.canonicalize().ok());
        !is_source && UnverifiedBundle::open_file(there).is_ok_and(|there| there.is_patch())
    })
}

fn write(
    opened: &UnverifiedBundle,
    signed: &Signed,
    wanted: &BTreeSet<Digest>,
    out: &Path,
    console: Console,
) -> Result<()> {
    let failed = |source: io::Error| CopyError::Write { path: out.to_owned(), source: source.into() };
    let destination = Destination { path: out, part_size: None };
    let partial = PartialFolder::beside(out).map_err(failed)?;
    let sizes = signed.release().blobs.iter().filter(|blob| wanted.contains(&blob.digest)).map(|blob| blob.size);
    let progress = console.progress("Writing the patch", Some(sizes.sum()));
    let files = destination.files(partial.path());
    opened.copy_patch_to(signed, wanted, files.writer_at(0), &progress).map_err(|error| error.to(out))?;
    let durable = files.finish().map_err(failed)?;
    destination.place(&durable).map_err(failed)?;
    progress.finish();
    Ok(())
}

fn report(signed: &Signed, wanted: &BTreeSet<Digest>, out: &Path, console: Console) -> Result<()> {
    let release = signed.release();
    let held = release.blobs.iter().filter(|blob| wanted.contains(&blob.digest));
    // A patch is the bundle without the blobs that are not asked for, so that its size follows.
    let left_out: u64 = release
        .blobs
        .iter()
        .filter(|blob| !wanted.contains(&blob.digest))
        .fold(0, |bytes, blob| bytes.saturating_add(landfall_manifests::archive::entry_bytes(blob.size)));
    let patched = RepairReport {
        path: out,
        size: signed.bundle_bytes().saturating_sub(left_out),
        product: release.product.to_string(),
        version: release.version.to_string(),
        serial: release.serial.into(),
        manifest: Digest::of(signed.bytes()).to_string(),
        blobs: held.map(|blob| blob.digest.to_string()).collect(),
    };
    let text = format!(
        "{}\n  for      {} {} (serial {})\n  holds    {} of {}\n  size     {}\n\
         Carry it to the host, and give it with --patch beside the damaged bundle.\n",
        out.display(),
        patched.product,
        patched.version,
        patched.serial,
        patched.blobs.len(),
        Count(release.blobs.len(), "blob"),
        Size(patched.size),
    );
    console.result(&patched, text)
}
