//! What is to be known of a layer's content, found beside the thread that decompresses or compresses it.

use super::CHUNK;
use crate::layer_scan::{LayerFacts, LayerScan};
use landfall_manifests::{Digest, Hasher};
use std::io::{self, Read};
use std::sync::mpsc;
use std::thread;

/// Chunks that may wait to be hashed, one of which is being filled: all the memory that this takes.
const CHUNKS: usize = 4;

/// The content of a layer.
#[derive(Debug, Clone)]
pub(super) struct Content {
    pub(super) diff_id: Digest,
    pub(super) size: u64,
    pub(super) facts: LayerFacts,
}

/// Reads a layer's content to its end, gives it to `take`, and meanwhile hashes it and looks into it: that takes a quarter of the time that
/// inflating or compressing does.
pub(super) fn hash_all<E>(
    mut content: impl Read,
    failed: impl Fn(io::Error) -> E,
    mut take: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<Content, E> {
    let (full, chunks) = mpsc::channel::<(Vec<u8>, usize)>();
    let (empty, spent) = mpsc::channel();
    thread::scope(|scope| {
        let hashing = scope.spawn({
            let empty = empty.clone();
            move || hash(&chunks, &empty)
        });
        let mut filled = 0;
        loop {
            let mut chunk = if filled < CHUNKS { vec![0; CHUNK] } else { spent.recv().unwrap_or_default() };
            filled += 1;
            let read = read_some(&mut content, &mut chunk).map_err(&failed)?;
            take(&chunk[..read])?;
            // The other thread takes whatever comes: only a panic ends it before this one, which is passed on below.
            if read == 0 || full.send((chunk, read)).is_err() {
                break;
            }
        }
        drop(full);
        Ok(hashing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

/// Hashes chunks until there are no more, and gives them back.
fn hash(chunks: &mpsc::Receiver<(Vec<u8>, usize)>, empty: &mpsc::Sender<Vec<u8>>) -> Content {
    let (mut hasher, mut scan, mut size) = (Hasher::default(), LayerScan::default(), 0);
    for (chunk, length) in chunks {
        let bytes = &chunk[..length];
        hasher.update(bytes);
        scan.update(bytes);
        size += length as u64;
        // Nobody fills it any more where the stream has ended.
        let _ = empty.send(chunk);
    }
    Content { diff_id: hasher.finish(), size, facts: scan.finish() }
}

pub(super) fn read_some(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match from.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use std::io::Write as _;

    #[test]
    fn content_is_hashed_in_its_order_however_much_of_it_there_is() {
        for length in [0, 1, CHUNK, CHUNK * CHUNKS, CHUNK * 3 * CHUNKS + 17] {
            let content: Vec<u8> = (0_u8..251).cycle().take(length).collect();
            let mut taken = Vec::new();
            let take = |bytes: &[u8]| taken.write_all(bytes);
            let found = hash_all(&*content, |error| error, take).unwrap();
            assert_eq!((found.size, found.diff_id), (length as u64, Digest::of(&content)), "{length}");
            assert!(taken == content, "{length}");
        }
    }

    #[test]
    fn a_stream_that_fails_is_an_error_and_no_thread_waits_for_more() {
        struct Broken(usize);
        impl Read for Broken {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.0 = self.0.checked_sub(1).ok_or_else(|| io::Error::other("broken"))?;
                Ok(buffer.len())
            }
        }
        for good in [0, 1, CHUNKS, 3 * CHUNKS] {
            assert_eq!(hash_all(Broken(good), |error| error.to_string(), |_| Ok(())).unwrap_err(), "broken");
            let mut left = good;
            let take = |_: &[u8]| {
                left = left.checked_sub(1).ok_or("full")?;
                Ok(())
            };
            assert_eq!(hash_all(io::repeat(0), |_| "broken", take).unwrap_err(), "full");
        }
    }
}
