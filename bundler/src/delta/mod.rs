//! Deltas: a bundle without what hosts have that run an earlier release.
//!
//! A delta is cut out of the full bundle. Its manifest is the full one's, and says besides against which releases it was made and what is
//! left out; it is signed by itself.

mod bases;
mod differences;
mod error;
mod pairs;
mod report;
mod unpack;

pub(crate) use bases::{Bases, check_output};
pub(crate) use error::DeltaError;
pub(crate) use report::BaseReport;

use differences::Made;

use crate::assemble::WrittenBundle;
use crate::output;
use crate::partial_folder::PartialFolder;
use landfall_console::Console;
use landfall_keys::SecretKey;
use landfall_manifests::parts::Ranges;
use landfall_manifests::{Base, Digest, Release, Signed, WriteError, Writer};
use landfall_media::{CopyError, Destination, UnverifiedBundle};
use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::Path;

/// Writes the delta of the bundle `full` against `bases` to `out`, signed with `keys`. Each blob is checked on its way.
pub(crate) fn cut(
    full: &UnverifiedBundle,
    bases: &Bases,
    keys: &[SecretKey],
    out: Destination<'_>,
    console: Console,
) -> Result<WrittenBundle, DeltaError> {
    let release = release(full)?;
    bases.check(&release.product, &release.platform(), release.serial)?;
    // 1. Beside the destination, on the same file system: the finished files only need new names.
    let unwritable = |source: WriteError| CopyError::Write { path: out.path.to_owned(), source };
    let failed = |source: io::Error| unwritable(source.into());
    let partial = PartialFolder::beside(out.path).map_err(failed)?;
    // 2. What it will say.
    let (base, contents) = with_differences(full, &release, bases, partial.path(), console)?;
    let signed = Signed::new(Release { base, ..release.clone() }, keys)?;
    out.part_size.map(|size| Ranges::cut(signed.bundle_bytes(), size)).transpose()?;
    let archived = signed.release().archived();
    let progress = console.progress("Writing the delta", Some(archived.iter().map(|blob| blob.size).sum()));
    let files = out.files(partial.path());
    let writer = Writer::begin(files.writer_at(0), &signed).map_err(unwritable)?;
    let wanted: BTreeSet<Digest> = archived.iter().map(|blob| blob.digest).collect();
    let writer = full.copy_blobs(&release, writer, |blob| wanted.contains(blob), &progress);
    let mut writer = writer.map_err(|error| error.to(out.path))?;
    for (difference, mut content) in signed.release().differences().iter().zip(contents) {
        writer.blob(difference.delta, &mut progress.reader(&mut content)).map_err(unwritable)?;
    }
    writer.finish().map_err(unwritable)?;
    // 3. Names come last, when every byte is there and right.
    let durable = files.finish().map_err(failed)?;
    output::check_replaced(out.path)?;
    output::check_parts_replaced(out.path)?;
    let parts = out.replace(&durable).map_err(failed)?;
    progress.finish();
    Ok(WrittenBundle { signed, parts, is_unchanged: false })
}

/// What a delta of `release` says about its bases, and the content of its differences.
fn with_differences(
    full: &UnverifiedBundle,
    release: &Release,
    bases: &Bases,
    folder: &Path,
    console: Console,
) -> Result<(Option<Base>, Vec<File>), DeltaError> {
    let Some(base) = bases.describe(release) else { return Ok((None, Vec::new())) };
    let progress = console.progress("Comparing with the base", Some(release.blobs.iter().map(|blob| blob.size).sum()));
    let Made { differences, contents } = differences::make(full, release, bases, &base, folder, &progress)?;
    progress.finish();
    Ok((Some(Base { differences, ..base }), contents))
}

/// The release of a full bundle, as its manifest says.
pub(crate) fn release(full: &UnverifiedBundle) -> Result<Release, DeltaError> {
    let release = full.head().clone().into_signed_without_verifying()?.release().clone();
    if release.base.is_some() {
        return Err(DeltaError::FullIsDelta(full.path().to_owned()));
    }
    Ok(release)
}
