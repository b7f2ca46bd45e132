use crate::parity::Recovery;
use crate::patch::Patch;
use crate::patch::overlay::{Origin, Overlay};
use crate::read_once_cache::{Cached, ReadOnceCache};
use crate::source::Source;
use crate::source::parts::OpenPart;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

/// The bytes of a bundle, whatever they are read from: the cache, a patch, the bundle's own files, or a computation by a parity file.
#[derive(Debug)]
pub(crate) struct Contents {
    pub(crate) source: Source,
    /// By the parity file, if there is one that can be used.
    pub(crate) recovery: Option<Recovery>,
    pub(crate) cache: ReadOnceCache,
    pub(crate) patch: Option<Patch>,
    pub(crate) overlay: Overlay,
}

impl Contents {
    pub(crate) fn new(source: Source, recovery: Option<Recovery>, patch: Option<Patch>) -> Self {
        Self { source, recovery, cache: ReadOnceCache::default(), patch, overlay: Overlay::default() }
    }

    /// A reader that is at `offset`.
    pub(crate) fn at(&self, offset: u64) -> Reader<'_> {
        Reader { contents: self, offset, part: None }
    }

    /// The file that the byte at `offset` is read from, and the offset in it.
    pub(crate) fn file_at(&self, offset: u64) -> (PathBuf, u64) {
        match (&self.patch, self.overlay.origin(offset)) {
            (Some(patch), Origin::Patch { offset, .. }) => (patch.path().to_owned(), offset),
            _ => self.source.place(offset),
        }
    }

    /// Reads some bytes at `offset`, none only at an end. `part` is the one that the reader has open.
    fn read_at(&self, part: &mut Option<Arc<OpenPart>>, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        // 1. What was read before stays what it was.
        let not_cached = match self.cache.get(offset, buffer) {
            Cached::Bytes(count) => return Ok(count),
            Cached::Absent(bytes) => bytes,
        };
        // 2. What the patch replaces is not even read from the bundle, where it may be unreadable.
        match self.overlay.origin(offset) {
            Origin::Header(rest) => {
                let count = rest.len().min(buffer.len());
                buffer[..count].copy_from_slice(&rest[..count]);
                Ok(count)
            }
            Origin::Patch { offset, bytes } => {
                // Up to the next cached byte or the end of the replaced range, whichever comes first.
                let buffer = first(buffer, not_cached.min(bytes));
                self.patch.as_ref().map_or(Ok(0), |patch| patch.read_at(buffer, offset))
            }
            Origin::Bundle(bytes) => {
                let buffer = first(buffer, not_cached.min(bytes));
                match self.recovery.as_ref().filter(|recovery| recovery.is_used()) {
                    // 3. What the medium does not give back is computed.
                    Some(recovery) => recovery.read_at(&self.source, part, buffer, offset),
                    None => self.source.read_at(part, buffer, offset),
                }
            }
        }
    }
}

/// Reads a bundle from some offset on. Readers are independent of one another: several may read at the same time. A reader has
/// at most one part open, and none once it is dropped.
#[derive(Debug)]
pub struct Reader<'a> {
    contents: &'a Contents,
    offset: u64,
    part: Option<Arc<OpenPart>>,
}

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // A short read is allowed (`Read::read`): each call stays
        // within one origin, and the caller asks again for the rest.
        let read = self.contents.read_at(&mut self.part, buffer, self.offset)?;
        self.offset = self.offset.saturating_add(read as u64);
        Ok(read)
    }
}

fn first(buffer: &mut [u8], bytes: u64) -> &mut [u8] {
    let count = buffer.len().min(usize::try_from(bytes).unwrap_or(usize::MAX));
    &mut buffer[..count]
}
