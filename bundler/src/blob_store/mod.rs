//! The blobs of a bundle while it is being made: a folder beside the output, each blob once, read once.

mod blob_writer;
mod compressor;
mod content_hasher;
mod gzip;
mod layer;

pub(crate) use compressor::{BlobCompressor, default_workers};
pub(crate) use layer::{CheckedLayer, LayerError};

use crate::layer_scan::LayerFacts;
use crate::partial_folder::PartialFolder;
use blob_writer::{BlobWriter, FinishedBlob};
use landfall_manifests::{Digest, Encoding, Layer};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// How much is read at once, in bytes: enough that system calls cost nothing beside hashing, small enough for a cache.
pub(crate) const CHUNK: usize = 256 << 10;

/// Blobs in a temporary folder, which is removed when this value is dropped.
#[derive(Debug)]
pub(crate) struct BlobStore {
    folder: PartialFolder,
    sizes: BTreeMap<Digest, u64>,
    layers: Vec<(Layer, LayerFacts)>,
    /// How many blobs were begun.
    started: AtomicUsize,
    workers: u32,
    layer_encoding: Encoding,
}

/// A blob cannot be kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    #[error("no temporary folder can be made in {}", folder.display())]
    Folder { folder: PathBuf, source: io::Error },
    #[error("temporary files in {} cannot be written", folder.display())]
    Write { folder: PathBuf, source: io::Error },
}

impl StoreError {
    /// The error of writing the store's file at `path`. It names the folder beside the bundle, since the file itself is removed.
    fn write(path: &Path, source: io::Error) -> Self {
        // 0 is the file, 1 the store's folder, 2 the one beside the bundle.
        Self::Write { folder: path.ancestors().nth(2).unwrap_or(path).to_owned(), source }
    }
}

/// A file's content in the store.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StoredContent {
    /// The digest of the content.
    pub(crate) digest: Digest,
    /// The size of the content in bytes.
    pub(crate) size: u64,
    /// The zstd-compressed blob.
    pub(crate) blob: Digest,
}

impl BlobStore {
    /// A store in a new folder in `parent`, which compresses with `workers` threads, and layers that arrive uncompressed by
    /// `layer_encoding`.
    pub(crate) fn new(parent: &Path, workers: u32, layer_encoding: Encoding) -> Result<Self, StoreError> {
        let folder = PartialFolder::new(parent);
        let folder = folder.map_err(|source| StoreError::Folder { folder: parent.to_owned(), source })?;
        Ok(Self {
            folder,
            sizes: BTreeMap::new(),
            layers: Vec::new(),
            started: AtomicUsize::new(0),
            workers,
            layer_encoding,
        })
    }

    /// The store's folder, for other files that are to be removed with it.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The size of a blob that is there.
    pub(crate) fn size(&self, digest: &Digest) -> Option<u64> {
        self.sizes.get(digest).copied()
    }

    /// Keeps `bytes` as they are.
    pub(crate) fn add_bytes(&mut self, bytes: &[u8]) -> Result<Digest, StoreError> {
        let digest = Digest::of(bytes);
        // Images may share a configuration or a manifest.
        if self.sizes.contains_key(&digest) {
            return Ok(digest);
        }
        let mut blob = self.create_blob()?;
        blob.write_all(bytes).map_err(|error| blob.failed(error))?;
        self.commit(blob.finish())
    }

    /// Takes the content of a file, which is compressed with zstd; `size` is its length, where it is known.
    pub(crate) fn compressor(&mut self, size: Option<u64>) -> Result<BlobCompressor, StoreError> {
        let blob = self.create_blob()?;
        BlobCompressor::zstd(blob, self.workers, size)
    }

    /// Takes the content of a layer that arrives uncompressed; `size` is its length, where it is known.
    pub(crate) fn layer_compressor(&mut self, size: Option<u64>) -> Result<BlobCompressor, StoreError> {
        let compressor = match self.layer_encoding {
            Encoding::Zstd => self.compressor(size)?,
            Encoding::Gzip => BlobCompressor::gzip(self.create_blob()?),
        };
        Ok(compressor.scanning())
    }

    /// Keeps what a packer took.
    pub(crate) fn add_content(&mut self, packer: BlobCompressor) -> Result<StoredContent, StoreError> {
        let (digest, size, blob) = packer.finish()?;
        Ok(StoredContent { digest, size, blob: self.commit(blob.finish())? })
    }

    /// A layer with this content.
    pub(crate) fn layer_with_diff_id(&self, diff_id: &Digest) -> Option<&Layer> {
        self.layers.iter().map(|(layer, _)| layer).find(|layer| layer.diff_id == *diff_id)
    }

    /// A layer that is stored in this blob.
    pub(crate) fn layer_in_blob(&self, blob: &Digest) -> Option<&Layer> {
        self.layers.iter().map(|(layer, _)| layer).find(|layer| layer.blob == *blob)
    }

    /// What was seen of the layer that is stored in this blob.
    pub(crate) fn facts_of(&self, blob: &Digest) -> Option<&LayerFacts> {
        self.layers.iter().find(|(layer, _)| layer.blob == *blob).map(|(_, facts)| facts)
    }

    /// Opens a blob that is there.
    pub(crate) fn open(&self, digest: &Digest) -> io::Result<File> {
        File::open(self.path(digest))
    }

    /// Reads a small blob that is there.
    pub(crate) fn read(&self, digest: &Digest) -> Result<Vec<u8>, StoreError> {
        let path = self.path(digest);
        std::fs::read(&path).map_err(|source| StoreError::write(&path, source))
    }

    /// Frees a blob's room once it has been copied.
    pub(crate) fn remove(&self, digest: &Digest) -> Result<(), StoreError> {
        let path = self.path(digest);
        std::fs::remove_file(&path).map_err(|source| StoreError::write(&path, source))
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.folder.path().join(digest.hex())
    }

    fn create_blob(&self) -> Result<BlobWriter, StoreError> {
        let number = self.started.fetch_add(1, Ordering::Relaxed);
        // The digest, which becomes the blob's name, is known only when all is written.
        BlobWriter::create(self.folder.path().join(format!("incoming-{number}")))
    }

    /// Gives a blob its name, or drops it if the store has it already.
    fn commit(&mut self, blob: FinishedBlob) -> Result<Digest, StoreError> {
        let FinishedBlob { path, digest, size } = blob;
        // Equal digests are equal contents: the second copy is dropped, whichever source it came from.
        let moved = match self.sizes.insert(digest, size) {
            None => std::fs::rename(&path, self.path(&digest)),
            Some(_) => std::fs::remove_file(&path),
        };
        moved.map_err(|source| StoreError::write(&path, source))?;
        Ok(digest)
    }
}
