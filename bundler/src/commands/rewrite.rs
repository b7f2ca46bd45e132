use crate::error::Result;
use crate::output;
use crate::partial_folder::PartialFolder;
use landfall_console::Console;
use landfall_manifests::Signed;
use landfall_manifests::parts::Ranges;
use landfall_media::{CopyError, Destination, UnverifiedBundle};
use std::io;
use std::path::PathBuf;

/// Copies a bundle to `out` with the manifest and the signatures of `signed`, each blob checked on its way. Returns the parts,
/// if `out` is cut into some. The progress is called `what`.
pub(super) fn rewrite(
    opened: &UnverifiedBundle,
    signed: &Signed,
    out: Destination<'_>,
    what: &'static str,
    console: Console,
) -> Result<Vec<PathBuf>> {
    // 1. Refused before anything is written: parts of this size may be more than names can count, also by one more signature.
    out.part_size.map(|size| Ranges::cut(signed.bundle_bytes(), size)).transpose()?;
    // 2. Beside the destination, on the same file system: the finished files only need new names.
    let failed = |source: io::Error| CopyError::Write { path: out.path.to_owned(), source: source.into() };
    let partial = PartialFolder::beside(out.path).map_err(failed)?;
    let progress = console.progress(what, Some(opened.found_bytes()));
    let files = out.files(partial.path());
    opened.copy_to(signed, files.writer_at(0), &progress).map_err(|error| error.to(out.path))?;
    // 3. Names come last, when every byte is there and right.
    let durable = files.finish().map_err(failed)?;
    output::check_replaced(out.path)?;
    output::check_parts_replaced(out.path)?;
    let parts = out.place(&durable).map_err(failed)?;
    progress.finish();
    if let Some(recovered) = opened.recovery_report() {
        console.warn(recovered);
    }
    Ok(parts)
}
