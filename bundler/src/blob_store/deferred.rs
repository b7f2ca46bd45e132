//! Blobs that are on this machine already and are copied in the end, all that were not there before: a bundle that has not changed needs none
//! of them.

use super::{CHUNK, StoreError};
use crate::regular;
use landfall_manifests::{Blob, Hasher, archive};
use landfall_media::PartFiles;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Copies at a time: to hash takes the most of it, and a disk of its own likes no more.
const AT_A_TIME: usize = 4;

/// Where a blob lies: a file, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BlobFile {
    pub(crate) path: PathBuf,
    pub(crate) offset: u64,
}

/// A blob that is to be copied, and where its entry begins in the bundle.
pub(super) struct Copy<'a> {
    pub(super) blob: Blob,
    pub(super) from: &'a BlobFile,
    pub(super) entry: u64,
}

/// Copies blobs into the bundle, and checks that they are what they should be.
pub(super) fn copy_all(
    copies: &[Copy<'_>],
    files: &Arc<PartFiles>,
    failed: impl Fn(io::Error) -> StoreError + Sync,
) -> Result<(), StoreError> {
    let next = AtomicUsize::new(0);
    let error = Mutex::new(None);
    let work = || {
        while let Some(copy) = copies.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Err(found) = copy.run(files, &failed) {
                next.store(copies.len(), Ordering::Relaxed);
                error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(found);
            }
        }
    };
    thread::scope(|scope| (0..copies.len().min(AT_A_TIME)).for_each(|_| drop(scope.spawn(work))));
    error.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}

impl Copy<'_> {
    fn run(&self, files: &Arc<PartFiles>, failed: impl Fn(io::Error) -> StoreError) -> Result<(), StoreError> {
        let Blob { digest, size } = self.blob;
        let stale = || StoreError::Stale { digest, path: self.from.path.clone() };
        let content = self.entry.saturating_add(archive::BLOCK);
        let mut out = files.writer_at(content);
        let (file, _) = regular::open(&self.from.path).map_err(|_| stale())?;
        let mut hasher = Hasher::default();
        let mut buffer = vec![0; CHUNK];
        let mut copied = 0;
        while copied < size {
            let wanted = usize::try_from(size - copied).unwrap_or(CHUNK).min(CHUNK);
            let chunk = &mut buffer[..wanted];
            file.read_exact_at(chunk, self.from.offset.saturating_add(copied)).map_err(|_| stale())?;
            hasher.update(chunk);
            out.write_all(chunk).map_err(&failed)?;
            copied += wanted as u64;
        }
        if hasher.finish() != digest {
            return Err(stale());
        }
        let framed = frame(files, &self.blob, self.entry);
        framed.map_err(failed)
    }
}

/// Writes what is before and behind a blob whose entry begins at `entry`.
pub(super) fn frame(files: &Arc<PartFiles>, Blob { digest, size }: &Blob, entry: u64) -> io::Result<()> {
    files.write_all_at(&archive::header(&archive::blob_name(digest), *size), entry)?;
    // The padding as well: a blob that was dropped may have left bytes there.
    files.write_all_at(&super::zeros(archive::padding(*size)), entry + archive::BLOCK + size)
}
