use super::chunks::ChunkSize;
use landfall_manifests::parity::checksum;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

/// How much of a base is read at once, in bytes; at least as much as a chunk has.
const WINDOW: usize = 1 << 24;

/// Where in a base which chunk is.
#[derive(Debug)]
pub(super) struct Index {
    chunk_size: ChunkSize,
    /// The name of each chunk and its offset, sorted.
    chunks: Vec<(u64, u64)>,
}

impl Index {
    /// Cuts a base of `size` bytes.
    pub(super) fn new(base: &File, size: u64) -> io::Result<Self> {
        let chunk_size = ChunkSize::of(size);
        let mut window = Vec::new();
        let mut chunks = Vec::new();
        let mut begin = 0;
        while begin < size {
            let length = usize::try_from(size - begin).unwrap_or(WINDOW).min(WINDOW);
            window.resize(length, 0);
            base.read_exact_at(&mut window, begin)?;
            let is_last = begin + length as u64 == size;
            let mut at = 0;
            // What is left may be the beginning of a chunk that goes on in the next window.
            while at < length && (is_last || length - at >= chunk_size.largest()) {
                let chunk = &window[at..at + chunk_size.first(&window[at..])];
                chunks.push((name(chunk), begin + at as u64));
                at += chunk.len();
            }
            begin += at as u64;
        }
        chunks.sort_unstable();
        Ok(Self { chunk_size, chunks })
    }

    /// How content that is compared with the base has to be cut.
    pub(super) fn chunk_size(&self) -> ChunkSize {
        self.chunk_size
    }

    /// Where in the base a chunk most likely is, and of several such places the one nearest to `expected`. Two chunks may have one name: what is
    /// there is compressed against, and not relied on.
    pub(super) fn find(&self, chunk: &[u8], expected: u64) -> Option<u64> {
        let name = name(chunk);
        let at = self.chunks.partition_point(|known| *known < (name, expected));
        let of = |at: Option<usize>| {
            at.and_then(|at| self.chunks.get(at)).filter(|known| known.0 == name).map(|(_, offset)| *offset)
        };
        match (of(at.checked_sub(1)), of(Some(at))) {
            (Some(before), Some(after)) if expected - before < after - expected => Some(before),
            (before, after) => after.or(before),
        }
    }
}

/// What tells chunks apart.
fn name(chunk: &[u8]) -> u64 {
    (u64::from(checksum(chunk)) << 32) | (chunk.len() as u64 & u64::from(u32::MAX))
}
