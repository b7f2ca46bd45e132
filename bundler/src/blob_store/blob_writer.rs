use super::StoreError;
use crate::cache::CachedCopy;
use landfall_manifests::{Digest, Hasher};
use landfall_media::PartWriter;
use std::io::{self, Write};
use std::path::PathBuf;

/// A blob that is being written: hashed on its way into its place in the bundle. A clone goes on from the same byte.
#[derive(Clone)]
pub(crate) struct BlobWriter {
    out: PartWriter,
    /// The folder that the bundle will be in.
    folder: PathBuf,
    /// Where its entry begins.
    offset: u64,
    hasher: Hasher,
    size: u64,
    copy: Option<CachedCopy>,
}

/// A blob that was written whole. Its header was not: the blob's name follows from its content.
#[derive(Debug)]
pub(super) struct FinishedBlob {
    /// Where its entry begins in the bundle.
    pub(super) offset: u64,
    pub(super) digest: Digest,
    pub(super) size: u64,
    /// The same bytes for the cache.
    pub(super) copy: Option<CachedCopy>,
}

impl BlobWriter {
    /// A blob whose entry begins at `offset`, and whose content goes to `out`.
    pub(super) fn new(out: PartWriter, folder: PathBuf, offset: u64) -> Self {
        Self { out, folder, offset, hasher: Hasher::default(), size: 0, copy: None }
    }

    /// The same blob, of which nothing was written yet, with a copy.
    pub(crate) fn with_copy(self, copy: Option<CachedCopy>) -> Self {
        Self { copy, ..self }
    }

    pub(super) fn failed(&self, source: io::Error) -> StoreError {
        StoreError::Write { folder: self.folder.clone(), source }
    }

    pub(super) fn finish(self) -> FinishedBlob {
        FinishedBlob { offset: self.offset, digest: self.hasher.finish(), size: self.size, copy: self.copy }
    }
}

impl Write for BlobWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        // Only what the file took: the rest comes again with the next call.
        self.hasher.update(&bytes[..written]);
        self.size += written as u64;
        // A copy that is not whole is no use.
        self.copy.take_if(|copy| !copy.append(&bytes[..written]));
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
