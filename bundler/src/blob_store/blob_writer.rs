use super::StoreError;
use landfall_manifests::{Digest, Hasher};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A blob that is being written: hashed on its way into its file.
pub(super) struct BlobWriter {
    path: PathBuf,
    file: File,
    hasher: Hasher,
    size: u64,
}

/// A blob that was written whole.
#[derive(Debug)]
pub(super) struct FinishedBlob {
    /// Its file, which has no name of its own yet.
    pub(super) path: PathBuf,
    pub(super) digest: Digest,
    pub(super) size: u64,
}

impl BlobWriter {
    pub(super) fn create(path: PathBuf) -> Result<Self, StoreError> {
        // Created new: each name in the store is written once.
        let file = File::create_new(&path).map_err(|source| StoreError::write(&path, source))?;
        Ok(Self { path, file, hasher: Hasher::default(), size: 0 })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn failed(&self, source: io::Error) -> StoreError {
        StoreError::write(&self.path, source)
    }

    /// Closes the file: a store of many blobs holds none of them open.
    pub(super) fn finish(self) -> FinishedBlob {
        FinishedBlob { path: self.path, digest: self.hasher.finish(), size: self.size }
    }
}

impl Write for BlobWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        // Only what the file took: the rest comes again with the next call.
        self.hasher.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
