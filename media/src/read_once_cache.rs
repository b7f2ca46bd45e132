//! What was read from the media before the pass over the bundle. The pass is served from here, so that every byte is read once:
//! a medium that shows something else the second time gains nothing.

use std::io::{self, Read};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The size of a header in bytes.
pub(crate) const HEADER: usize = 512;

/// Pieces of a bundle, by where they begin. Small and few: a header, and the entry of the release's settings.
#[derive(Debug, Default)]
pub(crate) struct ReadOnceCache(Mutex<Vec<Piece>>);

#[derive(Debug)]
struct Piece {
    offset: u64,
    bytes: Vec<u8>,
}

/// What is cached at an offset.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Cached {
    /// As many bytes were copied into the buffer.
    Bytes(usize),
    /// Nothing, nor for as many bytes from there on.
    Absent(u64),
}

impl ReadOnceCache {
    fn pieces(&self) -> MutexGuard<'_, Vec<Piece>> {
        // Pieces are added whole, so a thread that panicked has left none by half.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Caches the bytes at `offset`.
    pub(crate) fn insert(&self, offset: u64, bytes: Vec<u8>) {
        self.pieces().push(Piece { offset, bytes });
    }

    /// Copies what is cached at `offset` and behind it into `buffer`.
    pub(crate) fn get(&self, offset: u64, buffer: &mut [u8]) -> Cached {
        let pieces = self.pieces();
        for piece in pieces.iter() {
            let at = offset.checked_sub(piece.offset).and_then(|at| usize::try_from(at).ok());
            if let Some(rest) = at.and_then(|at| piece.bytes.get(at..)).filter(|rest| !rest.is_empty()) {
                let count = rest.len().min(buffer.len());
                buffer[..count].copy_from_slice(&rest[..count]);
                return Cached::Bytes(count);
            }
        }
        // How far the caller may read from the medium: the bytes of the next piece come from here alone.
        let after = pieces.iter().filter_map(|piece| piece.offset.checked_sub(offset));
        Cached::Absent(after.filter(|distance| *distance > 0).min().unwrap_or(u64::MAX))
    }
}

/// A reader that records the last bytes that were read.
#[derive(Debug)]
pub(crate) struct Recorder<R> {
    inner: R,
    offset: u64,
    recorded: Vec<u8>,
    most: usize,
}

impl<R: Read> Recorder<R> {
    /// `inner` is at `offset`; at most the last `most` bytes are recorded.
    pub(crate) fn new(inner: R, offset: u64, most: usize) -> Self {
        Self { inner, offset, recorded: Vec::new(), most }
    }

    /// Puts what was recorded into the cache.
    pub(crate) fn store_in(self, cache: &ReadOnceCache) {
        let offset = self.offset.saturating_sub(self.recorded.len() as u64);
        cache.insert(offset, self.recorded);
    }
}

impl<R: Read> Read for Recorder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        // Recorded from what the caller was given, not by a second read: both see the same bytes.
        let bytes = &buffer[..read];
        self.recorded.extend_from_slice(&bytes[read.saturating_sub(self.most)..]);
        let surplus = self.recorded.len().saturating_sub(self.most);
        // The oldest go: only what the reader saw last can overlap with the pass.
        self.recorded.drain(..surplus);
        self.offset = self.offset.saturating_add(read as u64);
        Ok(read)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn returns_what_was_cached_and_how_far_nothing_is() {
        let cache = ReadOnceCache::default();
        cache.insert(100, b"settings".to_vec());
        cache.insert(10, b"head".to_vec());
        let mut buffer = [0; 6];
        for (offset, expected) in [
            (0, Cached::Absent(10)),
            (9, Cached::Absent(1)),
            (12, Cached::Bytes(2)),
            (14, Cached::Absent(86)),
            (100, Cached::Bytes(6)),
            (107, Cached::Bytes(1)),
            (108, Cached::Absent(u64::MAX)),
            (u64::MAX, Cached::Absent(u64::MAX)),
        ] {
            assert_eq!(cache.get(offset, &mut buffer), expected, "{offset}");
        }
        cache.get(102, &mut buffer);
        assert_eq!(&buffer, b"ttings");
    }

    #[test]
    fn the_last_bytes_are_recorded_however_they_are_read() {
        for step in [1, 3, 7, 100] {
            let cache = ReadOnceCache::default();
            let mut recorder = Recorder::new(&b"0123456789"[..], 1000, 4);
            let mut buffer = vec![0; step];
            while recorder.read(&mut buffer).unwrap() > 0 {}
            recorder.store_in(&cache);
            let mut buffer = [0; 8];
            assert_eq!(cache.get(1006, &mut buffer), Cached::Bytes(4), "in steps of {step}");
            assert_eq!(&buffer[..4], b"6789");
        }
    }
}
