//! What was read from the media before the pass over it. The pass is served from here: nothing is looked at twice, so that a
//! medium which shows something else the second time gains nothing by it.

use std::io::{self, Read};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The size of a header in bytes.
pub(super) const HEADER: usize = 512;

/// Pieces of a bundle, by where they begin. Small and few: a header, and the entry of the release's settings.
#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<Vec<Piece>>);

#[derive(Debug)]
struct Piece {
    offset: u64,
    bytes: Vec<u8>,
}

/// What the memory has at some place.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Recalled {
    /// So many bytes, which are in the buffer now.
    Bytes(usize),
    /// Nothing here, and nothing for so many bytes from here on.
    Nothing(u64),
}

impl Memory {
    fn pieces(&self) -> MutexGuard<'_, Vec<Piece>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers what stands at `offset`.
    pub(super) fn keep(&self, offset: u64, bytes: Vec<u8>) {
        self.pieces().push(Piece { offset, bytes });
    }

    /// What is remembered from `offset` on.
    pub(super) fn recall(&self, offset: u64, buffer: &mut [u8]) -> Recalled {
        let pieces = self.pieces();
        for piece in pieces.iter() {
            let at = offset.checked_sub(piece.offset).and_then(|at| usize::try_from(at).ok());
            if let Some(rest) = at.and_then(|at| piece.bytes.get(at..)).filter(|rest| !rest.is_empty()) {
                let count = rest.len().min(buffer.len());
                buffer[..count].copy_from_slice(&rest[..count]);
                return Recalled::Bytes(count);
            }
        }
        let after = pieces.iter().filter_map(|piece| piece.offset.checked_sub(offset));
        Recalled::Nothing(after.filter(|distance| *distance > 0).min().unwrap_or(u64::MAX))
    }
}

/// Reads, and notes the last bytes that were read.
#[derive(Debug)]
pub(super) struct Noting<R> {
    inner: R,
    offset: u64,
    noted: Vec<u8>,
    most: usize,
}

impl<R: Read> Noting<R> {
    /// `inner` stands at `offset`; at most the last `most` bytes are noted.
    pub(super) fn new(inner: R, offset: u64, most: usize) -> Self {
        Self { inner, offset, noted: Vec::new(), most }
    }

    /// Puts what was noted into the memory.
    pub(super) fn remember(self, memory: &Memory) {
        let offset = self.offset.saturating_sub(self.noted.len() as u64);
        memory.keep(offset, self.noted);
    }
}

impl<R: Read> Read for Noting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let bytes = &buffer[..read];
        self.noted.extend_from_slice(&bytes[read.saturating_sub(self.most)..]);
        let surplus = self.noted.len().saturating_sub(self.most);
        self.noted.drain(..surplus);
        self.offset = self.offset.saturating_add(read as u64);
        Ok(read)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn recalls_what_it_was_given_and_says_how_far_it_knows_nothing() {
        let memory = Memory::default();
        memory.keep(100, b"settings".to_vec());
        memory.keep(10, b"head".to_vec());
        let mut buffer = [0; 6];
        for (offset, expected) in [
            (0, Recalled::Nothing(10)),
            (9, Recalled::Nothing(1)),
            (12, Recalled::Bytes(2)),
            (14, Recalled::Nothing(86)),
            (100, Recalled::Bytes(6)),
            (107, Recalled::Bytes(1)),
            (108, Recalled::Nothing(u64::MAX)),
            (u64::MAX, Recalled::Nothing(u64::MAX)),
        ] {
            assert_eq!(memory.recall(offset, &mut buffer), expected, "{offset}");
        }
        memory.recall(102, &mut buffer);
        assert_eq!(&buffer, b"ttings");
    }

    #[test]
    fn notes_the_last_bytes_however_they_are_read() {
        for step in [1, 3, 7, 100] {
            let memory = Memory::default();
            let mut noting = Noting::new(&b"0123456789"[..], 1000, 4);
            let mut buffer = vec![0; step];
            while noting.read(&mut buffer).unwrap() > 0 {}
            noting.remember(&memory);
            let mut buffer = [0; 8];
            assert_eq!(memory.recall(1006, &mut buffer), Recalled::Bytes(4), "in steps of {step}");
            assert_eq!(&buffer[..4], b"6789");
        }
    }
}
