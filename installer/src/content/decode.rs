//! The content of a stored blob: decompressed, and compared with the size and digest in the manifest.

use landfall_manifests::difference::DifferenceError;
use landfall_manifests::{Digest, Encoding, Hasher, limits};
use std::io::{self, BufReader, Read};

/// How much of a blob is read at once, in bytes.
const CHUNK: usize = 256 << 10;

/// What a blob has to decompress to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Expected {
    /// `None` for what is there as it is.
    pub(crate) encoding: Option<Encoding>,
    pub(crate) digest: Digest,
    pub(crate) size: u64,
}

/// A blob's content is not what the manifest says. It was signed like this: the bundle was made wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DecodeError {
    #[error("does not decompress")]
    Compression(#[source] io::Error),
    #[error("decompresses to more than the {0} bytes that the manifest says")]
    TooLong(u64),
    #[error("decompresses to {found} bytes, not to the {expected} that the manifest says")]
    TooShort { expected: u64, found: u64 },
    #[error("decompresses to content with the digest {found}, not {expected} as the manifest says")]
    Digest { expected: Digest, found: Digest },
    /// It is made from another content, by a difference that does not make it.
    #[error(transparent)]
    Difference(DifferenceError),
}

impl From<DecodeError> for io::Error {
    fn from(error: DecodeError) -> Self {
        Self::new(io::ErrorKind::InvalidData, error)
    }
}

/// Reads a blob's content. Its end is reached only if the content is right; otherwise a [`DecodeError`] comes instead.
pub(crate) struct Decoder {
    inner: Box<dyn Read + Send>,
    hasher: Option<Hasher>,
    expected: Expected,
    left: u64,
}

impl Decoder {
    pub(crate) fn new(stored: impl Read + Send + 'static, expected: Expected) -> io::Result<Self> {
        let stored = BufReader::with_capacity(CHUNK, stored);
        let inner: Box<dyn Read + Send> = match expected.encoding {
            // A gzip file may have several members (RFC 1952, section 2.2).
            Some(Encoding::Gzip) => Box::new(flate2::bufread::MultiGzDecoder::new(stored)),
            None => Box::new(stored),
            Some(Encoding::Zstd) => {
                let mut decoder = zstd::Decoder::with_buffer(stored)?;
                // The frame names the memory that its decoder takes (RFC 8878, section 3.1.1.1.2): a small file must not
                // claim all that the host has.
                decoder.window_log_max(limits::ZSTD_WINDOW_LOG)?;
                Box::new(decoder)
            }
        };
        Ok(Self { inner, hasher: Some(Hasher::default()), expected, left: expected.size })
    }

    fn finish(&mut self) -> Result<(), DecodeError> {
        if self.left > 0 {
            let Expected { size: expected, .. } = self.expected;
            return Err(DecodeError::TooShort { expected, found: expected - self.left });
        }
        let found = self.hasher.take().map(Hasher::finish);
        match found {
            Some(found) if found != self.expected.digest => {
                Err(DecodeError::Digest { expected: self.expected.digest, found })
            }
            _ => Ok(()),
        }
    }
}

impl Read for Decoder {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer).map_err(DecodeError::Compression)?;
        // Reading into an empty buffer is no end.
        if read == 0 && !buffer.is_empty() {
            self.finish()?;
        }
        // On the way, not at the end: a blob that expands without end must not fill the disk first.
        self.left = self.left.checked_sub(read as u64).ok_or(DecodeError::TooLong(self.expected.size))?;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&buffer[..read]);
        }
        Ok(read)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn read(stored: Vec<u8>, encoding: Encoding, content: &[u8], size: u64) -> Result<Vec<u8>, String> {
        let expected = Expected { encoding: Some(encoding), digest: Digest::of(content), size };
        let mut out = Vec::new();
        let mut decoder = Decoder::new(io::Cursor::new(stored), expected).unwrap();
        decoder.read_to_end(&mut out).map(|_| out).map_err(|error| error.to_string())
    }

    #[test]
    fn gives_the_content_of_either_encoding_in_one_or_several_frames() {
        let zstd = zstd::encode_all(&b"layer"[..], 3).unwrap();
        assert_eq!(read(zstd.clone(), Encoding::Zstd, b"layer", 5).unwrap(), b"layer");
        assert_eq!(read(gzip(b"layer"), Encoding::Gzip, b"layer", 5).unwrap(), b"layer");
        assert_eq!(read([zstd.clone(), zstd].concat(), Encoding::Zstd, b"layerlayer", 10).unwrap(), b"layerlayer");
        assert_eq!(read([gzip(b"layer"), gzip(b"")].concat(), Encoding::Gzip, b"layer", 5).unwrap(), b"layer");
    }

    #[test]
    fn ends_in_an_error_when_the_content_is_not_what_the_manifest_says() {
        let layer = || gzip(b"layer");
        let table = [
            (layer(), 4, "more than the 4 bytes"),
            (layer(), 6, "5 bytes, not to the 6"),
            (layer()[..10].to_vec(), 5, "does not decompress"),
            (b"layer".to_vec(), 5, "does not decompress"),
            ([layer(), b"junk".to_vec()].concat(), 5, "does not decompress"),
            (gzip(b"layes"), 5, "the digest sha256:"),
        ];
        for (stored, size, message) in table {
            let error = read(stored, Encoding::Gzip, b"layer", size).unwrap_err();
            assert!(error.contains(message), "{error}");
        }
    }
}
