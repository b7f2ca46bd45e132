//! The signed bundle, from blobs in the store to files that have their names.

use super::copy;
use crate::blob_store::{BlobStore, StoreError};
use landfall_console::Progress;
use landfall_keys::SecretKey;
use landfall_manifests::parts::{Ranges, RangesError};
use landfall_manifests::{Digest, Release, SignError, Signed, WriteError, Writer};
use landfall_media::PartWriter;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

/// A bundle cannot be made from what was packed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AssembleError {
    #[error(transparent)]
    Sign(#[from] SignError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Parts(#[from] RangesError),
    #[error("{} cannot be written", path.display())]
    Write { path: PathBuf, source: WriteError },
    #[error("{} cannot be put in place", path.display())]
    Place { path: PathBuf, source: io::Error },
}

/// Where a bundle goes, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Destination<'a> {
    /// The bundle's file; with a number behind it, each part's.
    pub(crate) path: &'a Path,
    /// The size of its parts in bytes, if it is cut into some.
    pub(crate) part_size: Option<u64>,
}

/// A bundle that has been written.
#[derive(Debug)]
pub(crate) struct WrittenBundle {
    pub(crate) signed: Signed,
    /// Its parts, if it was cut into some.
    pub(crate) parts: Vec<PathBuf>,
}

/// Signs `release` and writes the bundle to `out`, which holds the old bundle or the whole new one at any time. In parts, there
/// is a moment between the two at which it holds the beginning of one of them. Each blob leaves the store once it is copied,
/// so that the disk holds the bundle and about one blob more.
pub(crate) fn write(
    release: Release,
    keys: &[SecretKey],
    store: &BlobStore,
    out: Destination<'_>,
    progress: &Progress,
) -> Result<WrittenBundle, AssembleError> {
    let signed = Signed::new(release, keys)?;
    out.part_size.map(|size| Ranges::cut(signed.bundle_bytes(), size)).transpose()?;
    let failed = |source| AssembleError::Write { path: out.path.to_owned(), source };
    let files = PartWriter::new(store.folder(), out.part_size);
    let mut writer = Writer::begin(files, &signed).map_err(failed)?;
    // Removing a large file takes as long as copying half of it: that is done beside the copying and the waiting for the disk.
    std::thread::scope(|scope| {
        let (copied, spent) = mpsc::channel::<Digest>();
        let sweeper = scope.spawn(move || spent.iter().try_for_each(|digest| store.remove(&digest)));
        for blob in &signed.release().blobs {
            copy::blob(&mut writer, store, blob).map_err(failed)?;
            progress.add(blob.size);
            // The sweeper only stops early with an error, which it keeps.
            let _ = copied.send(blob.digest);
        }
        drop(copied);
        let files = writer.finish().map_err(failed)?;
        let placed = replace(files, out, store);
        let parts = placed.map_err(|source| AssembleError::Place { path: out.path.to_owned(), source })?;
        sweeper.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        Ok(parts)
    })
    .map(|parts| WrittenBundle { signed, parts })
}

/// Replaces a bundle that exists at the destination, in one file or in parts, by what was written, and returns the new parts. A
/// whole bundle that parts replace is removed first, since it would be read in their place.
fn replace(files: PartWriter, out: Destination<'_>, store: &BlobStore) -> io::Result<Vec<PathBuf>> {
    if out.part_size.is_none() {
        let placed = put_in_place(files, out)?;
        return landfall_media::set_parts_aside(out.path, store.folder()).map(|()| placed);
    }
    if out.path.exists() {
        landfall_media::set_aside(&[out.path.to_owned()], store.folder())?;
    }
    put_in_place(files, out)
}

/// Makes what was written durable and gives it its name. It replaces what exists there in the same form: one file, or parts.
/// Returns the parts, if it has some.
pub(crate) fn put_in_place(files: PartWriter, out: Destination<'_>) -> io::Result<Vec<PathBuf>> {
    let written = files.finish()?;
    match (&written[..], out.part_size) {
        ([whole], None) => landfall_media::place_whole(whole, out.path).map(|()| Vec::new()),
        (all, _) => landfall_media::place_parts(all, out.path),
    }
}
