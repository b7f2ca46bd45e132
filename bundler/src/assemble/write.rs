//! The signed bundle, from blobs in the store to files that have their names.

use super::copy;
use crate::blob_store::{BlobStore, StoreError};
use landfall_console::Progress;
use landfall_keys::SecretKey;
use landfall_manifests::parts::{Ranges, RangesError};
use landfall_manifests::{Digest, Release, SignError, Signed, WriteError, Writer};
use landfall_media::Destination;
use std::io;
use std::path::PathBuf;
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
    // Signed before the blobs are copied: the head has its final
    // size, and the archive is written from front to back, once.
    let signed = Signed::new(release, keys)?;
    // Refused before anything is written: parts of this size may be more than their names can count.
    out.part_size.map(|size| Ranges::cut(signed.bundle_bytes(), size)).transpose()?;
    let failed = |source| AssembleError::Write { path: out.path.to_owned(), source };
    let files = out.writer(store.folder());
    // In the store's folder, which is on the destination's file system: the bundle gets its name by a rename.
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
        // The sweeper waits for digests as long as there is a sender.
        drop(copied);
        let files = writer.finish().map_err(failed)?;
        let placed = out.replace(files, store.folder());
        let parts = placed.map_err(|source| AssembleError::Place { path: out.path.to_owned(), source })?;
        sweeper.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        Ok(parts)
    })
    .map(|parts| WrittenBundle { signed, parts })
}
