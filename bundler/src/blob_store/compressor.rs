use super::blob_writer::BlobWriter;
use super::content_hasher::Content;
use super::gzip::{self, Gzip};
use super::{BlobStore, CHUNK, StoreError, StoredContent};
use crate::layer_scan::LayerScan;
use landfall_manifests::{Digest, Encoding, Hasher};
use std::io::{self, Write};
use zstd::stream::raw::{self, CParameter};
use zstd::stream::write::Encoder;
use zstd::stream::zio;

/// zstd's own default: half the size of the input for a quarter of the time that gzip takes.
const LEVEL: i32 = 3;
/// Levels from here on take so much memory for each worker that there are few.
const HIGH_LEVEL: u32 = 10;
const WORKERS_AT_HIGH_LEVELS: u32 = 2;
/// The two tables of that level at half their sizes (2^HASH_LOG and 2^CHAIN_LOG entries of 4 bytes), so that a core's own cache
/// holds them: a fifth less time for 1 % more bytes.
const HASH_LOG: u32 = 16;
const CHAIN_LOG: u32 = 15;
/// What one worker compresses at a time, in bytes. It is part of the output, so it never changes: larger jobs compress a
/// little better, and each worker holds about three of them in memory.
const JOB_BYTES: u32 = 2 << 20;
/// More workers than this would take the program over 64 MiB; the thread that feeds them is the bottleneck before.
const MOST_WORKERS: u32 = 6;

/// Workers that suit this machine: two a core, since zstd starts a job only when a worker is free to take it.
pub(crate) fn default_workers() -> u32 {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    u32::try_from(cores.saturating_mul(2)).unwrap_or(MOST_WORKERS).min(MOST_WORKERS)
}

/// How layers and files become blobs: the same content with the same form gives the same blob.
pub(super) fn form(encoding: Encoding, level: Option<u32>) -> String {
    match encoding {
        Encoding::Zstd => {
            let library = zstd::zstd_safe::version_number();
            let level = zstd_level(level);
            format!("zstd {library} {level} {HASH_LOG} {CHAIN_LOG} {JOB_BYTES}")
        }
        Encoding::Gzip => gzip::form(level),
    }
}

fn zstd_level(level: Option<u32>) -> i32 {
    level.and_then(|level| i32::try_from(level).ok()).unwrap_or(LEVEL)
}

/// As many workers as there may be at a level.
pub(super) fn workers_at(level: Option<u32>, workers: u32) -> u32 {
    if level.is_some_and(|level| level >= HIGH_LEVEL) { workers.min(WORKERS_AT_HIGH_LEVELS) } else { workers }
}

/// Compresses and hashes what is written to it into a blob.
///
/// zstd runs on all cores, always in its multi-threaded mode, whose output follows from the input and the job size alone, not
/// from the number of workers (zstd manual, "ZSTD_c_nbWorkers"). gzip runs on one core.
pub(crate) struct BlobCompressor<'a> {
    store: &'a mut BlobStore,
    stream: Stream,
    /// Follows the content of a layer.
    scan: Option<LayerScan>,
    hasher: Hasher,
    size: u64,
}

enum Stream {
    Zstd(Encoder<'static, BlobWriter>),
    Gzip(Gzip<BlobWriter>),
}

impl<'a> BlobCompressor<'a> {
    pub(super) fn zstd(store: &'a mut BlobStore, size: Option<u64>) -> Result<Self, StoreError> {
        let level = store.level_of(Encoding::Zstd);
        let stream = encoder(store.begin().with_copy(store.cache.copy()), store.workers, size, level)
            .map_err(|error| store.failed(error))?;
        Ok(Self::new(store, Stream::Zstd(stream)))
    }

    pub(super) fn gzip(store: &'a mut BlobStore) -> Self {
        let level = store.level_of(Encoding::Gzip);
        let stream = Stream::Gzip(Gzip::new(store.begin().with_copy(store.cache.copy()), level));
        Self::new(store, stream)
    }

    fn new(store: &'a mut BlobStore, stream: Stream) -> Self {
        Self { store, stream, scan: None, hasher: Hasher::default(), size: 0 }
    }

    /// Looks into the content, which is a layer.
    #[must_use]
    pub(super) fn scanning(self) -> Self {
        Self { scan: Some(LayerScan::default()), ..self }
    }

    /// What is known of a layer's content, all of which was written.
    pub(super) fn take_content(&mut self) -> Content {
        let (hasher, scan) = (std::mem::take(&mut self.hasher), self.scan.take().unwrap_or_default());
        Content { diff_id: hasher.finish(), size: self.size, facts: scan.finish() }
    }

    /// How the blob is compressed.
    pub(super) fn encoding(&self) -> Encoding {
        match self.stream {
            Stream::Zstd(_) => Encoding::Zstd,
            Stream::Gzip(_) => Encoding::Gzip,
        }
    }

    /// Keeps what was written.
    pub(crate) fn keep(mut self) -> Result<StoredContent, StoreError> {
        let (digest, size) = (std::mem::take(&mut self.hasher).finish(), self.size);
        self.end().map(|(_, blob)| StoredContent { digest, size, blob })
    }

    /// Ends the blob, and makes it an entry of the bundle.
    pub(super) fn end(self) -> Result<(&'a mut BlobStore, Digest), StoreError> {
        let Self { store, stream, .. } = self;
        let ended = match stream {
            Stream::Zstd(encoder) => encoder.finish(),
            Stream::Gzip(encoder) => encoder.finish(),
        };
        let blob = ended.map_err(|error| store.failed(error))?;
        let blob = store.commit(blob.finish())?;
        Ok((store, blob))
    }

    /// Compresses bytes that somebody else hashes.
    pub(super) fn compress(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.stream {
            Stream::Zstd(encoder) => encoder.write_all(bytes),
            Stream::Gzip(encoder) => encoder.write_all(bytes),
        }
    }

    /// The error of a write.
    pub(crate) fn failed(&self, source: io::Error) -> StoreError {
        self.store.failed(source)
    }
}

impl Write for BlobCompressor<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // First compressed, then hashed: zstd's workers compress while this thread hashes.
        self.compress(bytes)?;
        self.hasher.update(bytes);
        self.scan.iter_mut().for_each(|scan| scan.update(bytes));
        self.size += bytes.len() as u64;
        Ok(bytes.len())
    }

    /// Nothing: flushing would end a block early, and the output would depend on when that happens.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An encoder whose output follows from the content, its announced `size` and the level.
fn encoder<W: Write>(out: W, workers: u32, size: Option<u64>, level: Option<u32>) -> io::Result<Encoder<'static, W>> {
    let level = zstd_level(level);
    let mut encoder = raw::Encoder::new(level)?;
    if level == LEVEL {
        encoder.set_parameter(CParameter::HashLog(HASH_LOG))?;
        encoder.set_parameter(CParameter::ChainLog(CHAIN_LOG))?;
    }
    // 0 would be zstd's mode without workers, whose output differs.
    encoder.set_parameter(CParameter::NbWorkers(workers.max(1)))?;
    encoder.set_parameter(CParameter::JobSize(JOB_BYTES))?;
    // A checksum in each frame (RFC 8878, section 3.1.1), so that `zstd -t` finds damage as well.
    encoder.set_parameter(CParameter::ChecksumFlag(true))?;
    // Written into the frame's header (RFC 8878, section 3.1.1.1.4): the same content must come with the same
    // announcement.
    encoder.set_pledged_src_size(size)?;
    Ok(Encoder::with_writer(zio::Writer::new_with_capacity(out, encoder, CHUNK)))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    /// Text-like bytes that compress by about half, the same ones each time.
    fn content(length: usize) -> Vec<u8> {
        let mut state = 1_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            b"etaoinshrdlu \n{}"[(state >> 60) as usize]
        };
        (0..length).map(|_| next()).collect()
    }

    fn compress(content: &[u8], workers: u32, size: Option<u64>, chunk: usize) -> Vec<u8> {
        compress_at(None, content, workers, size, chunk)
    }

    fn compress_at(level: Option<u32>, content: &[u8], workers: u32, size: Option<u64>, chunk: usize) -> Vec<u8> {
        let mut encoder = encoder(Vec::new(), workers, size, level).unwrap();
        for piece in content.chunks(chunk) {
            encoder.write_all(piece).unwrap();
        }
        encoder.finish().unwrap()
    }

    #[test]
    fn compresses_to_the_same_bytes_with_any_number_of_workers_and_any_pieces() {
        for length in [0, 1, 4095, 300_000, 700_000, 7_000_001] {
            let content = content(length);
            for size in [None, Some(length as u64)] {
                let one = compress(&content, 1, size, 1 << 18);
                assert_eq!(zstd::decode_all(&*one).unwrap(), content, "{length}");
                for (workers, chunk) in [(2, 1 << 18), (4, 100_003), (7, 1 << 20), (1, 511)] {
                    assert!(compress(&content, workers, size, chunk) == one, "{length} bytes with {workers} workers");
                }
            }
        }
    }

    #[test]
    fn other_levels_are_as_reproducible() {
        let lines = (0..200_000_u64).flat_map(|number| format!("{number}: {}\n", number * number % 1009).into_bytes());
        let content = &*lines.collect::<Vec<u8>>();
        let sizes = [1, 9, 19].map(|level| {
            let one = compress_at(Some(level), content, 1, None, 1 << 18);
            assert!(zstd::decode_all(&*one).unwrap() == content, "{level}");
            assert!(compress_at(Some(level), content, 3, None, 100_003) == one, "level {level} with more workers");
            one.len()
        });
        assert!(sizes[0] != sizes[1] && sizes[1] != sizes[2], "{sizes:?}");
        assert!(compress_at(Some(3), content, 1, None, 4096) == compress(content, 1, None, 4096), "the usual one");
        assert_eq!((workers_at(None, 6), workers_at(Some(9), 6), workers_at(Some(10), 6)), (6, 6, 2));
    }

    #[test]
    fn gzips_to_the_same_bytes_in_any_pieces_and_in_every_build() {
        let compress = |content: &[u8], chunk: usize| {
            let mut encoder = Gzip::new(Vec::new(), None);
            content.chunks(chunk).for_each(|piece| encoder.write_all(piece).unwrap());
            encoder.finish().unwrap()
        };
        for length in [0, 1, 4095, 300_000, 2_000_001] {
            let content = content(length);
            let whole = compress(&content, length.max(1));
            let mut read = Vec::new();
            io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&*whole), &mut read).unwrap();
            assert_eq!(read, content, "{length}");
            for chunk in [511, 100_003, 1 << 18] {
                assert!(compress(&content, chunk) == whole, "{length} bytes in pieces of {chunk}");
            }
        }
        // Another version or another backend of the library may give other bytes: releases would not be reproduced any more.
        let digest = Digest::of(&compress(&content(300_000), 4096));
        assert_eq!(digest.to_string(), "sha256:007d3996f520c1a7d56d6ae8fb0a7c7f72644ce705d69fa894ce27ba77d09a2b");
    }
}
