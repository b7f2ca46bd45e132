//! Layers on their way into the store: uncompressed ones are compressed, compressed ones are stored unchanged and checked.

use super::blob_writer::FinishedBlob;
use super::content_hasher::{Content, hash_all, read_some};
use super::{BlobCompressor, BlobFile, BlobStore, BlobWriter, CHUNK, StoreError};
use crate::cache::{Cache, LayerRecord};
use crate::layer_scan::{Entries, Findings, LayerFacts};
use flate2::read::MultiGzDecoder;
use landfall_manifests::{Blob, Digest, Encoding, Layer, limits};
use std::io::{self, BufReader, Read};
use std::sync::Arc;

/// zstd's message for a window over the limit (`ZSTD_error_frameParameter_windowTooLarge`): the crate does not expose the number.
const WINDOW_ERROR: &str = "Frame requires too much memory for decoding";

/// As many entries as are remembered of all layers: in all 16 MiB. What is said of writable paths may then miss some.
const MOST_ENTRIES: usize = 2 << 20;
/// As much text as is remembered of the packages of all layers, in bytes: as structures, three times that.
const MOST_FINDINGS: usize = 4 << 20;

/// A layer cannot be taken in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LayerError {
    #[error("the layer cannot be read")]
    Read(#[source] io::Error),
    #[error("the layer is not a complete {} stream", name(*encoding))]
    Compression { encoding: Encoding },
    #[error("the layer needs a zstd window of more than {} MiB to be unpacked", (1 << limits::ZSTD_WINDOW_LOG) >> 20)]
    Window,
    #[error("the layer is not a tar archive")]
    NotTar,
    #[error("{} in it has a name of more than 255 bytes, which no file system takes", shortened(path))]
    LongName { path: String },
    #[error("{0:?} in it is a sparse file in GNU tar's own format, which no engine unpacks")]
    GnuSparse(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn name(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Gzip => "gzip",
        Encoding::Zstd => "zstd",
    }
}

/// As much of a path as tells which it is.
fn shortened(path: &str) -> String {
    format!("{:?}", path.chars().take(80).collect::<String>())
}

impl BlobStore {
    /// Takes in a layer that is an uncompressed tar archive; `size` is its length, where it is known.
    pub(crate) fn add_uncompressed_layer(&mut self, tar: impl Read, size: Option<u64>) -> Result<Layer, LayerError> {
        let mut compressor = self.layer_compressor(size)?;
        let compress = |bytes: &[u8]| Ok(compressor.compress(bytes).map_err(|error| compressor.failed(error))?);
        let content = hash_all(tar, LayerError::Read, compress)?;
        compressor.keep_content(content)
    }

    /// Takes a compressed layer of which an earlier build has noted all that is to be known, and whose blob is at `from` or in the cache.
    pub(crate) fn take_known_layer(&mut self, blob: &Blob, from: Option<BlobFile>) -> Result<bool, LayerError> {
        let Some(known) = self.cache.layer(&blob.digest) else { return Ok(false) };
        let cached = || Some(BlobFile { path: self.cache.blob(blob)?, offset: 0 });
        let Some(from) = from.or_else(cached) else { return Ok(false) };
        let LayerRecord { encoding, diff_id, size, facts } = known;
        self.keep(Layer { blob: blob.digest, encoding, diff_id, size }, facts)?;
        self.defer(blob, from);
        Ok(true)
    }

    /// Takes a layer that arrives uncompressed and was compressed in an earlier build. `content` is what it should be.
    pub(crate) fn take_known_content(&mut self, content: &Blob) -> Result<Option<Layer>, LayerError> {
        let form = self.form(self.layer_encoding);
        let Some(blob) = self.cache.compressed_layer(&form, content) else { return Ok(None) };
        let is_taken = self.take_known_layer(&blob, None)?;
        let taken = self.layer_in_blob(&blob.digest).filter(|layer| is_taken && layer.diff_id == content.digest);
        Ok(taken.cloned())
    }

    /// Remembers a layer, unless no engine would unpack it.
    fn keep(&mut self, layer: Layer, mut facts: LayerFacts) -> Result<Layer, LayerError> {
        if facts.not_tar {
            return Err(LayerError::NotTar);
        }
        if let Some(path) = facts.long_name {
            return Err(LayerError::LongName { path });
        }
        if let Some(path) = facts.gnu_sparse {
            return Err(LayerError::GnuSparse(path));
        }
        let known: usize = self.layers.iter().map(|(_, facts)| facts.entries.len()).sum();
        if known + facts.entries.len() > MOST_ENTRIES {
            facts.entries = Entries::forgotten();
        }
        let known: usize = self.layers.iter().map(|(_, facts)| facts.findings.len()).sum();
        if known + facts.findings.len() > MOST_FINDINGS {
            facts.findings = Findings::forgotten();
        }
        self.layers.push((layer.clone(), Arc::new(facts)));
        Ok(layer)
    }

    /// Takes in a layer that is compressed already, byte for byte.
    pub(crate) fn add_compressed_layer(&mut self, stream: impl Read, encoding: Encoding) -> Result<Layer, LayerError> {
        let checked = check_compressed_layer(stream, encoding, self.begin())?;
        self.keep_checked(checked)
    }

    /// Takes in a layer that was read.
    pub(crate) fn keep_checked(&mut self, checked: CheckedLayer) -> Result<Layer, LayerError> {
        let CheckedLayer { blob, encoding, content: Content { diff_id, size, facts } } = checked;
        let blob = self.commit(blob)?;
        self.keep(Layer { blob, encoding, diff_id, size }, facts)
    }
}

impl BlobCompressor<'_> {
    /// Keeps what was written, which is a layer.
    pub(crate) fn keep_layer(mut self) -> Result<Layer, LayerError> {
        let content = self.take_content();
        self.keep_content(content)
    }

    /// Keeps what was compressed, which is this layer.
    fn keep_content(self, content: Content) -> Result<Layer, LayerError> {
        let encoding = self.encoding();
        let (store, blob) = self.end()?;
        let record = LayerRecord { encoding, diff_id: content.diff_id, size: content.size, facts: content.facts };
        store.cache.note_layer(&blob, &record);
        let stored = Blob { digest: blob, size: store.size(&blob).unwrap_or_default() };
        let content = Blob { digest: record.diff_id, size: record.size };
        store.cache.note_compressed_layer(&store.form(encoding), &content, &stored);
        store.keep(Layer { blob, encoding, diff_id: content.digest, size: content.size }, record.facts)
    }
}

/// Reads a layer that is compressed already, byte for byte, into `blob`. It is not in the store yet: several may be read at a time.
pub(crate) fn check_compressed_layer(
    stream: impl Read,
    encoding: Encoding,
    mut blob: BlobWriter,
) -> Result<CheckedLayer, LayerError> {
    // Read once: the same bytes go to the decoder, which finds the diffID, and unchanged into the blob.
    let mut failed = None;
    let tee = Tee { stream, out: &mut blob, failed: &mut failed };
    let hash = |content: &mut dyn Read| hash_all(content, |error| error, |_| Ok(()));
    let found = match encoding {
        // A gzip stream may be several members, whose contents follow each other (RFC 1952, section 2.2).
        Encoding::Gzip => hash(&mut MultiGzDecoder::new(BufReader::with_capacity(CHUNK, tee))),
        Encoding::Zstd => zstd_decoder(tee).and_then(|mut content| hash(&mut content)),
    };
    // The tee's failure first: of it the decoder only knows that its input stopped.
    match (found, failed) {
        (_, Some(TeeFailure::Write(error))) => Err(blob.failed(error).into()),
        (_, Some(TeeFailure::Read(error))) => Err(LayerError::Read(error)),
        (Err(source), None) if is_window_error(&source) => Err(LayerError::Window),
        // The library's own words tell how it decompresses.
        (Err(_), None) => Err(LayerError::Compression { encoding }),
        (Ok(content), None) => Ok(CheckedLayer { blob: blob.finish(), encoding, content }),
    }
}

/// A compressed layer that was read whole and is not in the store yet.
#[derive(Debug)]
pub(crate) struct CheckedLayer {
    blob: FinishedBlob,
    encoding: Encoding,
    content: Content,
}

impl CheckedLayer {
    /// The digest of the layer as it is stored.
    pub(crate) fn blob(&self) -> Digest {
        self.blob.digest
    }

    /// Has the cache keep the layer and what is known of it.
    pub(crate) fn note(&mut self, cache: &Cache) {
        let Content { diff_id, size, facts } = self.content.clone();
        cache.note_layer(&self.blob.digest, &LayerRecord { encoding: self.encoding, diff_id, size, facts });
        if let Some(copy) = self.blob.copy.take() {
            cache.keep(copy, &self.blob.digest);
        }
    }

    /// The size of the layer as it is stored, in bytes.
    pub(crate) fn stored(&self) -> u64 {
        self.blob.size
    }
}

/// A decoder that accepts what the installer will accept.
pub(crate) fn zstd_decoder<R: Read>(stream: R) -> io::Result<zstd::Decoder<'static, BufReader<R>>> {
    let mut decoder = zstd::Decoder::with_buffer(BufReader::with_capacity(CHUNK, stream))?;
    // A frame names its window itself (RFC 8878, section 3.1.1.1.2), and so how much memory its reader needs.
    decoder.window_log_max(limits::ZSTD_WINDOW_LOG)?;
    Ok(decoder)
}

/// Whether a decoder refused a stream for its window.
pub(crate) fn is_window_error(error: &io::Error) -> bool {
    error.to_string() == WINDOW_ERROR
}

/// Copies a stream to `out` while it is read, and records whether reading or writing failed.
struct Tee<'a, R, W> {
    stream: R,
    out: &'a mut W,
    failed: &'a mut Option<TeeFailure>,
}

enum TeeFailure {
    Read(io::Error),
    Write(io::Error),
}

impl<R: Read, W: io::Write> Read for Tee<'_, R, W> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let stop = || io::Error::other("the stream stopped");
        let read = match read_some(&mut self.stream, buffer) {
            Ok(read) => read,
            Err(error) => {
                *self.failed = Some(TeeFailure::Read(error));
                return Err(stop());
            }
        };
        if let Err(error) = self.out.write_all(&buffer[..read]) {
            *self.failed = Some(TeeFailure::Write(error));
            return Err(stop());
        }
        Ok(read)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::layer_scan::LayerScan;
    use landfall_media::Destination;

    #[test]
    fn no_more_entries_are_remembered_of_all_layers_than_16_mib_hold() {
        let mut header = tar::Header::new_ustar();
        header.set_path("etc/passwd").unwrap();
        header.set_entry_type(tar::EntryType::Regular);
        header.set_size(0);
        header.set_cksum();
        let mut scan = LayerScan::default();
        (0..1 << 17).for_each(|_| scan.update(header.as_bytes()));
        let facts = scan.finish();
        let each = facts.entries.len();

        let folder = tempfile::tempdir().unwrap();
        let out = Destination { path: &folder.path().join("bundle"), part_size: None };
        let mut store = BlobStore::new(out, 1, Encoding::Zstd).unwrap();
        let blobs: Vec<Digest> = (0..MOST_ENTRIES / each + 3).map(|number| Digest::of(&number.to_le_bytes())).collect();
        for blob in &blobs {
            let layer = Layer { blob: *blob, encoding: Encoding::Zstd, diff_id: *blob, size: 0 };
            store.keep(layer, facts.clone()).unwrap();
        }
        let remembered = blobs.iter().map(|blob| store.facts_of(blob).unwrap());
        let entries: Vec<usize> = remembered.clone().map(|facts| facts.entries.len()).collect();
        assert_eq!(entries.iter().sum::<usize>() * size_of::<u64>(), 16 << 20);
        assert_eq!(entries[entries.len() - 3..], [0; 3]);
        assert!(remembered.into_iter().all(|kept| kept.users == facts.users), "the rest is small");
    }
}
