//! A patch on its medium: a bundle that holds some of the blobs of another one, which arrived damaged.

pub(crate) mod overlay;

use crate::errors::bundle_error::BundleError;
use crate::errors::media_error::MediaError;
use crate::read_once_cache::{Cached, HEADER, ReadOnceCache, Recorder};
use crate::source::file::MediaFile;
use landfall_manifests::{Bundle, Entry, Head, OtherManifest, ReadError, patch};
use std::io::{self, Read};
use std::path::Path;

/// A patch, open.
#[derive(Debug)]
pub(crate) struct Patch {
    file: MediaFile,
    cache: ReadOnceCache,
}

impl Patch {
    pub(crate) fn open(path: &Path) -> Result<Self, MediaError> {
        Ok(Self { file: MediaFile::open(path)?, cache: ReadOnceCache::default() })
    }

    pub(crate) fn path(&self) -> &Path {
        self.file.path()
    }

    /// Reads manifest and signatures.
    pub(crate) fn head(&self) -> Result<Head, ReadError> {
        let mut recorder = Recorder::new(At { patch: self, offset: 0 }, 0, HEADER);
        let head = Head::read(&mut recorder)?;
        recorder.store_in(&self.cache);
        Ok(head)
    }

    /// The entries that it holds, with their offsets in it. `bundle` is what its own head was verified into.
    pub(crate) fn entries(&self, bundle: &Bundle) -> Result<Vec<Entry>, BundleError> {
        let held = patch::entries(bundle, |offset, buffer| {
            let read = self.read_at(buffer, offset)?;
            if buffer == [0; HEADER] {
                // No header but the end of the archive, which is read next: it is cached so that it is read once.
                self.cache.insert(offset, buffer[..read].to_vec());
            }
            Ok(read)
        });
        held.map_err(|error| BundleError::in_file(self.path(), error))
    }

    /// The error of a patch that was made for another bundle than the one at the path `bundle`.
    pub(crate) fn other_manifest(&self, manifests: &OtherManifest, bundle: &Path) -> MediaError {
        let OtherManifest { expected: patch, found: own } = *manifests;
        MediaError::OtherManifest { path: self.path().to_owned(), bundle: bundle.to_owned(), patch, own }
    }

    /// Reads some bytes at `offset` of the patch, none only at its end.
    pub(crate) fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        match self.cache.get(offset, buffer) {
            Cached::Bytes(count) => Ok(count),
            Cached::Absent(bytes) => {
                let want = buffer.len().min(usize::try_from(bytes).unwrap_or(usize::MAX));
                self.file.read_at(&mut buffer[..want], offset)
            }
        }
    }
}

/// A reader of a patch from `offset` on.
struct At<'a> {
    patch: &'a Patch,
    offset: u64,
}

impl Read for At<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.patch.read_at(buffer, self.offset)?;
        self.offset = self.offset.saturating_add(read as u64);
        Ok(read)
    }
}
