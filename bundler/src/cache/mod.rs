//! What earlier builds of this user found out, so that it is neither pulled, compressed nor inflated again: blobs by their digests, and
//! records of what they are.
//!
//! A folder of files that nobody has to lock: each is made under another name and renamed when it is whole, by any number of builds at a
//! time. What a power cut or a rotten disk made of it is noticed, removed where it is met, and made again: blobs are hashed whenever they are used,
//! and records bear a digest. That is no protection from whoever may write to it, who could have built the bundle as well: the folder is the user's
//! alone. [`Cache::prune`] keeps it within its bound, and removes nothing that a cache has not written.

mod args;
mod folder;
mod record;

pub(crate) use args::CacheArgs;
pub(crate) use folder::CacheError;
pub(crate) use record::{FileRecord, LayerRecord};

use folder::{Folder, Kind, touch};
use landfall_console::Console;
use landfall_manifests::{Blob, BundlePath, Digest};
use serde::{Serialize, de::DeserializeOwned};
use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::NamedTempFile;

/// A small blob, in bytes: a document that is read into memory.
const DOCUMENT_BYTES: u64 = landfall_manifests::limits::IMAGE_JSON_BYTES;

/// The cache of this user, or none.
#[derive(Debug, Default)]
pub(crate) struct Cache(Option<Folder>);

/// A blob that is being written into the cache. It is removed when this value is dropped.
#[derive(Debug, Clone)]
pub(crate) struct CachedCopy(Arc<NamedTempFile>);

impl Cache {
    /// Opens the cache that was asked for. Where the user has no place for one, there is none.
    pub(crate) fn open(args: &CacheArgs, console: Console) -> Result<Self, CacheError> {
        let Some((path, is_named)) = args.folder(|name| std::env::var_os(name)) else { return Ok(Self(None)) };
        match Folder::open(path, args.size()) {
            Ok(folder) => Ok(Self(Some(folder))),
            Err(error) if is_named => Err(error),
            Err(error) => {
                console
                    .warn(format_args!("this build has no cache: {}", landfall_console::message_with_causes(&error)));
                Ok(Self(None))
            }
        }
    }

    /// Where a blob is, if all of it seems to be there.
    pub(crate) fn blob(&self, blob: &Blob) -> Option<PathBuf> {
        let folder = self.0.as_ref()?;
        let path = folder.path(Kind::Blob, &blob.digest);
        let found = fs::symlink_metadata(&path).ok()?;
        (found.is_file() && found.len() == blob.size).then(|| {
            touch(&path);
            path
        })
    }

    /// A small blob.
    pub(crate) fn document(&self, digest: &Digest) -> Option<Vec<u8>> {
        let folder = self.0.as_ref()?;
        let bytes = folder.read(Kind::Blob, digest, DOCUMENT_BYTES)?;
        let is_whole = Digest::of(&bytes) == *digest;
        if !is_whole {
            self.forget(digest);
        }
        is_whole.then_some(bytes)
    }

    /// Keeps a small blob.
    pub(crate) fn keep_document(&self, digest: &Digest, bytes: &[u8]) {
        if let Some(folder) = &self.0 {
            folder.write(Kind::Blob, digest, bytes);
        }
    }

    /// Begins to copy a blob into the cache, if there is one.
    pub(crate) fn copy(&self) -> Option<CachedCopy> {
        Some(CachedCopy(Arc::new(self.0.as_ref()?.file()?)))
    }

    /// Keeps a blob that was copied whole.
    pub(crate) fn keep(&self, copy: CachedCopy, digest: &Digest) {
        if let (Some(folder), Some(file)) = (&self.0, Arc::into_inner(copy.0)) {
            folder.place(file, Kind::Blob, digest);
        }
    }

    /// What is known of the layer that is stored in a blob.
    pub(crate) fn layer(&self, blob: &Digest) -> Option<LayerRecord> {
        self.record(Kind::Layer, blob)
    }

    /// Remembers what a layer is.
    pub(crate) fn note_layer(&self, blob: &Digest, layer: &LayerRecord) {
        self.note(Kind::Layer, blob, layer);
    }

    /// The blob that a layer becomes when it is compressed as `form` says.
    pub(crate) fn compressed_layer(&self, form: &str, content: &Blob) -> Option<Blob> {
        self.record(Kind::Compressed, &record::compressed_layer_key(form, content))
    }

    /// Remembers what a layer became.
    pub(crate) fn note_compressed_layer(&self, form: &str, content: &Blob, blob: &Blob) {
        self.note(Kind::Compressed, &record::compressed_layer_key(form, content), blob);
    }

    /// What a file of this path and size was in an earlier build: a guess at what it is now.
    pub(crate) fn file(&self, form: &str, path: &BundlePath, size: u64) -> Option<FileRecord> {
        self.record(Kind::File, &record::file_key(form, path, size))
    }

    /// Remembers what a file was.
    pub(crate) fn note_file(&self, form: &str, path: &BundlePath, size: u64, file: &FileRecord) {
        self.note(Kind::File, &record::file_key(form, path, size), file);
    }

    /// Removes all that is said of a blob, and the blob: it is not what it should be.
    pub(crate) fn forget(&self, blob: &Digest) {
        for kind in [Kind::Blob, Kind::Layer] {
            let removed = self.0.as_ref().map(|folder| fs::remove_file(folder.path(kind, blob)));
            // Another build may have been there before.
            let _ = removed;
        }
    }

    /// Removes what was not used for the longest time, until the rest is within the bound.
    pub(crate) fn prune(&self) {
        if let Some(folder) = &self.0 {
            folder.prune();
        }
    }

    fn record<T: DeserializeOwned>(&self, kind: Kind, key: &Digest) -> Option<T> {
        let bytes = self.0.as_ref()?.read(kind, key, record::BYTES)?;
        record::parse(kind.folder(), key, &bytes)
    }

    fn note(&self, kind: Kind, key: &Digest, value: &impl Serialize) {
        if let Some(folder) = &self.0 {
            folder.write(kind, key, &record::text(kind.folder(), key, value));
        }
    }
}

impl CachedCopy {
    /// Appends bytes. Returns whether they were taken: a copy that is not whole must not be kept.
    pub(crate) fn append(&self, bytes: &[u8]) -> bool {
        let mut file: &File = self.0.as_file();
        file.write_all(bytes).is_ok()
    }
}

#[cfg(test)]
mod tests;
