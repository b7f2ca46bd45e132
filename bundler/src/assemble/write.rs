//! The signed bundle, from blobs in their places to files that have their names.

use super::unchanged;
use crate::blob_store::{BlobStore, StoreError};
use crate::output::{self, OutputError};
use landfall_keys::SecretKey;
use landfall_manifests::parts::{Ranges, RangesError};
use landfall_manifests::{Release, SignError, Signed};
use landfall_media::Destination;
use std::io;
use std::path::PathBuf;

/// A bundle cannot be made from what was packed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AssembleError {
    #[error(transparent)]
    Sign(#[from] SignError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Parts(#[from] RangesError),
    #[error(transparent)]
    Output(#[from] OutputError),
    #[error("{} cannot be written", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("{} cannot be put in place", path.display())]
    Place { path: PathBuf, source: io::Error },
}

/// A bundle that has been written.
#[derive(Debug)]
pub(crate) struct WrittenBundle {
    pub(crate) signed: Signed,
    /// Its parts, if it was cut into some.
    pub(crate) parts: Vec<PathBuf>,
    /// Whether it was there already, byte for byte.
    pub(crate) is_unchanged: bool,
}

/// Signs `release`, writes what comes before the blobs into the `room` that was left for it, and puts the bundle at `out`, which holds
/// the old bundle or the whole new one at any time; where it is there already, nothing is written. In parts, there is a moment between the two at which it holds the beginning of
/// one of them.
pub(crate) fn write(
    release: Release,
    keys: &[SecretKey],
    store: &BlobStore,
    room: u64,
    out: Destination<'_>,
) -> Result<WrittenBundle, AssembleError> {
    let signed = Signed::new_in(room, release, keys)?;
    // Refused before anything has its name: parts of this size may be more than their names can count.
    out.part_size.map(|size| Ranges::cut(signed.bundle_bytes(), size)).transpose()?;
    // Parts of another release that lie beside it are removed by a build that writes.
    let is_one_file = out.part_size.is_none() && landfall_media::parts_at(out.path).is_empty();
    if is_one_file && unchanged::is_there(&signed, out.path) {
        return Ok(WrittenBundle { signed, parts: Vec::new(), is_unchanged: true });
    }
    let files = store.finish(room, &signed.release().blobs)?;
    let written = signed.write_head(&mut files.writer_at(0));
    written.map_err(|source| AssembleError::Write { path: out.path.to_owned(), source })?;
    let durable = files.finish().map_err(|source| AssembleError::Write { path: out.path.to_owned(), source })?;
    // Packing took its time: what came there since is not replaced unless it is a bundle.
    output::check_replaced(out.path)?;
    output::check_parts_replaced(out.path)?;
    // The files are in the store's folder, on the destination's file system: the bundle gets its name by a rename.
    let placed = out.replace(&durable);
    let parts = placed.map_err(|source| AssembleError::Place { path: out.path.to_owned(), source })?;
    Ok(WrittenBundle { signed, parts, is_unchanged: false })
}
