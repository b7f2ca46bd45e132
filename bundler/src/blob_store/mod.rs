//! The blobs of a bundle while it is being made: each is written once, into its place in the bundle's own files, beside the output.
//!
//! Entries follow each other in the order in which blobs are begun. A blob that is there already leaves no gap: what comes next is written over it. Gaps
//! that are found out about later, where a stream brought layers that no image needs, are closed in the end. What is known from an earlier build
//! and lies on this machine only has its place until then, and is copied last.

mod blob_writer;
mod compressor;
mod content_hasher;
mod deferred;
mod gzip;
mod layer;

pub(crate) use blob_writer::BlobWriter;
pub(crate) use compressor::{BlobCompressor, default_workers};
pub(crate) use deferred::BlobFile;
pub(crate) use layer::{CheckedLayer, LayerError, check_compressed_layer, is_window_error, zstd_decoder};

use crate::cache::{Cache, FileRecord};
use crate::layer_scan::LayerFacts;
use crate::partial_folder::PartialFolder;
use blob_writer::FinishedBlob;
use deferred::Copy;
use landfall_manifests::{Blob, Digest, Encoding, Layer, archive};
use landfall_media::{Destination, PartFiles, folder_of};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

/// How much is read at once, in bytes: enough that system calls cost nothing beside hashing, small enough for a cache.
pub(crate) const CHUNK: usize = 256 << 10;

/// Blobs in the files of a bundle, which are in a temporary folder. That is removed when this value is dropped.
#[derive(Debug)]
pub(crate) struct BlobStore {
    folder: PartialFolder,
    /// The folder that the bundle will be in, for errors: the files themselves are removed.
    out: PathBuf,
    files: Arc<PartFiles>,
    blobs: BTreeMap<Digest, Place>,
    /// Those of them that are not copied yet.
    deferred: BTreeMap<Digest, BlobFile>,
    cache: Arc<Cache>,
    /// Where the next entry begins.
    end: u64,
    layers: Vec<(Layer, Arc<LayerFacts>)>,
    workers: u32,
    layer_encoding: Encoding,
    /// Of the compression of layers, where it is not the usual one.
    level: Option<u32>,
}

/// Where a blob's entry begins, and the blob's size.
#[derive(Debug, Clone, Copy)]
struct Place {
    offset: u64,
    size: u64,
}

/// A blob cannot be kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    #[error("no temporary folder can be made in {}", folder.display())]
    Folder { folder: PathBuf, source: io::Error },
    #[error("temporary files in {} cannot be written", folder.display())]
    Write { folder: PathBuf, source: io::Error },
    /// What an earlier build has noted is not true any more.
    #[error("{} has something else than {digest}", path.display())]
    Stale { digest: Digest, path: PathBuf },
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
    /// A store of the blobs of a bundle at `out`, which compresses with `workers` threads, and layers that arrive uncompressed by
    /// `layer_encoding`.
    pub(crate) fn new(out: Destination<'_>, workers: u32, layer_encoding: Encoding) -> Result<Self, StoreError> {
        let parent = folder_of(out.path);
        let folder = PartialFolder::beside(out.path);
        let folder = folder.map_err(|source| StoreError::Folder { folder: parent.to_owned(), source })?;
        Ok(Self {
            files: out.files(folder.path()),
            folder,
            out: parent.to_owned(),
            blobs: BTreeMap::new(),
            deferred: BTreeMap::new(),
            cache: Arc::default(),
            end: 0,
            layers: Vec::new(),
            workers,
            layer_encoding,
            level: None,
        })
    }

    /// The store with what earlier builds have left.
    #[must_use]
    pub(crate) fn with_cache(self, cache: Arc<Cache>) -> Self {
        Self { cache, ..self }
    }

    /// What earlier builds have left.
    pub(crate) fn cache(&self) -> &Arc<Cache> {
        &self.cache
    }

    /// The store with another level of compression for layers, and for files if they are compressed in the same way.
    #[must_use]
    pub(crate) fn at_level(self, level: Option<u32>) -> Self {
        let workers = compressor::workers_at(level, self.workers);
        Self { workers, level, ..self }
    }

    /// How content becomes blobs that are compressed so: the same content with the same form gives the same blob.
    pub(crate) fn form(&self, encoding: Encoding) -> String {
        compressor::form(encoding, self.level_of(encoding))
    }

    /// The level of what is compressed so.
    fn level_of(&self, encoding: Encoding) -> Option<u32> {
        self.level.filter(|_| self.layer_encoding == encoding)
    }

    /// A file without a name, beside the bundle, which is gone when it is closed.
    pub(crate) fn temporary_file(&self) -> Result<File, StoreError> {
        tempfile::tempfile_in(self.folder.path()).map_err(|error| self.failed(error))
    }

    /// Leaves `room` bytes before the first blob, which was not begun yet.
    pub(crate) fn leave_room(&mut self, room: u64) {
        self.end = room;
    }

    /// The size of a blob that is there.
    pub(crate) fn size(&self, digest: &Digest) -> Option<u64> {
        self.blobs.get(digest).map(|place| place.size)
    }

    /// All blobs that are there, in the order in which they lie in the bundle.
    pub(crate) fn blobs(&self) -> Vec<Blob> {
        let mut blobs: Vec<(Digest, Place)> = self.blobs.iter().map(|(digest, place)| (*digest, *place)).collect();
        blobs.sort_by_key(|(_, place)| place.offset);
        blobs.into_iter().map(|(digest, place)| Blob { digest, size: place.size }).collect()
    }

    /// Keeps `bytes` as they are.
    pub(crate) fn add_bytes(&mut self, bytes: &[u8]) -> Result<Digest, StoreError> {
        let digest = Digest::of(bytes);
        // Images may share a configuration or a manifest.
        if self.blobs.contains_key(&digest) {
            return Ok(digest);
        }
        let mut blob = self.begin();
        blob.write_all(bytes).map_err(|error| self.failed(error))?;
        self.commit(blob.finish())
    }

    /// Takes the content of a file, which is compressed with zstd; `size` is its length, where it is known.
    pub(crate) fn compressor(&mut self, size: Option<u64>) -> Result<BlobCompressor<'_>, StoreError> {
        BlobCompressor::zstd(self, size)
    }

    /// Takes the content of a layer that arrives uncompressed; `size` is its length, where it is known.
    pub(crate) fn layer_compressor(&mut self, size: Option<u64>) -> Result<BlobCompressor<'_>, StoreError> {
        let compressor = match self.layer_encoding {
            Encoding::Zstd => self.compressor(size)?,
            Encoding::Gzip => BlobCompressor::gzip(self),
        };
        Ok(compressor.scanning())
    }

    /// Gives the next place to a blob of `size` bytes, so that several can be written at a time. Where they lie does not depend on
    /// which of them is done first.
    pub(crate) fn reserve(&mut self, size: u64) -> BlobWriter {
        let blob = self.begin();
        self.end = self.end.saturating_add(archive::entry_bytes(size));
        blob
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
        self.layers.iter().find(|(layer, _)| layer.blob == *blob).map(|(_, facts)| facts.as_ref())
    }

    /// The same, for those that go on to write into the store.
    pub(crate) fn shared_facts_of(&self, blob: &Digest) -> Option<Arc<LayerFacts>> {
        self.layers.iter().find(|(layer, _)| layer.blob == *blob).map(|(_, facts)| Arc::clone(facts))
    }

    /// Gives the next place to a blob that lies in a file of this machine, from which it is copied in the end.
    fn defer(&mut self, blob: &Blob, from: BlobFile) {
        if !self.blobs.contains_key(&blob.digest) {
            self.blobs.insert(blob.digest, Place { offset: self.end, size: blob.size });
            self.deferred.insert(blob.digest, from);
            self.end = self.end.saturating_add(archive::entry_bytes(blob.size));
        }
    }

    /// Takes a file's blob from the cache, if it is there.
    pub(crate) fn take_known_file(&mut self, known: &FileRecord) -> bool {
        let from = self.cache.blob(&known.blob).map(|path| BlobFile { path, offset: 0 });
        from.map(|from| self.defer(&known.blob, from)).is_some()
    }

    /// Reads a small blob that is there.
    pub(crate) fn read(&self, digest: &Digest) -> Result<Vec<u8>, StoreError> {
        let missing = || self.failed(io::ErrorKind::NotFound.into());
        let Place { offset, size } = *self.blobs.get(digest).ok_or_else(missing)?;
        let mut bytes = vec![0; usize::try_from(size).unwrap_or(usize::MAX)];
        let read = self.files.read_exact_at(&mut bytes, offset + archive::BLOCK);
        read.map_err(|error| self.failed(error)).map(|()| bytes)
    }

    /// Makes `wanted`, which are in the order of [`BlobStore::blobs`], the only entries from `room` on, and ends the archive.
    pub(crate) fn finish(&self, room: u64, wanted: &[Blob]) -> Result<&Arc<PartFiles>, StoreError> {
        let copies = self.close_gaps(room, wanted).map_err(|error| self.failed(error))?;
        deferred::copy_all(&copies, &self.files, |error| self.failed(error))?;
        Ok(&self.files)
    }

    /// Moves what is there to where it stays. Returns what is to be copied.
    fn close_gaps(&self, room: u64, wanted: &[Blob]) -> io::Result<Vec<Copy<'_>>> {
        let mut end = room;
        let mut copies = Vec::new();
        for blob in wanted {
            let bytes = archive::entry_bytes(blob.size);
            match (self.blobs.get(&blob.digest), self.deferred.get(&blob.digest)) {
                (Some(_), Some(from)) => copies.push(Copy { blob: blob.clone(), from, entry: end }),
                (Some(place), None) if place.offset == end => {}
                (Some(place), None) => self.files.move_back(place.offset, end, bytes)?,
                (None, _) => return Err(io::ErrorKind::NotFound.into()),
            }
            end += bytes;
        }
        self.files.write_all_at(&zeros(archive::END_BYTES), end)?;
        self.files.truncate(end + archive::END_BYTES)?;
        Ok(copies)
    }

    /// The blob whose entry comes next.
    fn begin(&self) -> BlobWriter {
        let content = self.files.writer_at(self.end.saturating_add(archive::BLOCK));
        BlobWriter::new(content, self.out.clone(), self.end)
    }

    /// Makes a blob an entry of the bundle, or drops it if it is there already.
    fn commit(&mut self, blob: FinishedBlob) -> Result<Digest, StoreError> {
        let FinishedBlob { offset, digest, size, copy } = blob;
        if let Some(copy) = copy {
            self.cache.keep(copy, &digest);
        }
        // Equal digests are equal contents, whichever source they came from: what comes next is written over the second copy.
        if !self.blobs.contains_key(&digest) {
            let framed = deferred::frame(&self.files, &Blob { digest, size }, offset);
            framed.map_err(|error| self.failed(error))?;
            self.blobs.insert(digest, Place { offset, size });
            // A place that was reserved is before the end.
            self.end = self.end.max(offset.saturating_add(archive::entry_bytes(size)));
        }
        Ok(digest)
    }

    /// The error of writing a blob, or a temporary file.
    pub(crate) fn failed(&self, source: io::Error) -> StoreError {
        StoreError::Write { folder: self.out.clone(), source }
    }
}

fn zeros(count: u64) -> Vec<u8> {
    vec![0; usize::try_from(count).unwrap_or_default()]
}
