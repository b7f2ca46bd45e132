//! Archives that are compressed as a whole. Whatever they are, they are unpacked in bounded memory, or refused.

use super::SourceError;
use super::content_kind::ContentKind;
use crate::blob_store::{CHUNK, is_window_error, zstd_decoder};
use flate2::read::MultiGzDecoder;
use landfall_manifests::{Encoding, limits};
use liblzma::bufread::XzDecoder;
use liblzma::stream::{CONCATENATED, Stream};
use std::cell::Cell;
use std::io::{self, BufReader, Read};
use std::rc::Rc;

/// The memory that unpacking xz may take, in bytes: its window is as large as zstd's may be, and what is beside it is small.
const XZ_BYTES: u64 = (1 << limits::ZSTD_WINDOW_LOG) + (2 << 20);

/// How an archive is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    Gzip,
    Zstd,
    Xz,
}

/// A stream would take more memory to be unpacked than is given to it.
#[derive(Debug, thiserror::Error)]
#[error("its compressed stream needs more memory to be unpacked than is given to it")]
pub(super) struct WideWindow;

impl Compression {
    /// How the archive is compressed that begins so; none, if it is not.
    pub(super) fn of_archive(kind: ContentKind) -> Result<Option<Self>, SourceError> {
        match kind {
            ContentKind::Compressed(Encoding::Gzip) => Ok(Some(Self::Gzip)),
            ContentKind::Compressed(Encoding::Zstd) => Ok(Some(Self::Zstd)),
            ContentKind::CompressedOtherwise("xz") => Ok(Some(Self::Xz)),
            ContentKind::CompressedOtherwise(name) => Err(SourceError::Compressed(name)),
            ContentKind::Tar => Ok(None),
            ContentKind::Json | ContentKind::Other => Err(SourceError::NotTar),
        }
    }

    /// What is in a stream that is compressed so. Its errors are those of the stream; or `InvalidData`, `UnexpectedEof` and
    /// [`WideWindow`].
    pub(crate) fn unpack<'r>(self, stream: impl Read + 'r) -> io::Result<Unpacked<'r>> {
        let has_failed = Rc::new(Cell::new(false));
        let watched = Watched { stream, has_failed: Rc::clone(&has_failed) };
        let buffered = |watched| BufReader::with_capacity(CHUNK, watched);
        let decoder: Box<dyn Read + 'r> = match self {
            // A gzip stream may be several members, whose contents follow each other (RFC 1952, section 2.2).
            Self::Gzip => Box::new(MultiGzDecoder::new(buffered(watched))),
            Self::Zstd => Box::new(zstd_decoder(watched)?),
            Self::Xz => {
                let decoder = Stream::new_stream_decoder(XZ_BYTES, CONCATENATED)?;
                Box::new(XzDecoder::new_stream(buffered(watched), decoder))
            }
        };
        Ok(Unpacked { decoder, has_failed, has_ended: false })
    }
}

/// A stream that remembers whether reading it failed: of that, a decoder only knows that its input stopped.
struct Watched<R> {
    stream: R,
    has_failed: Rc<Cell<bool>>,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.stream.read(buffer);
        let is_error = read.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::Interrupted);
        self.has_failed.set(self.has_failed.get() || is_error);
        read
    }
}

/// What a decoder makes of a stream, with errors that do not depend on how it says them.
pub(crate) struct Unpacked<'r> {
    decoder: Box<dyn Read + 'r>,
    has_failed: Rc<Cell<bool>>,
    /// Not every decoder can be asked again.
    has_ended: bool,
}

impl Read for Unpacked<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.has_ended {
            return Ok(0);
        }
        let read = self.decoder.read(buffer).map_err(|error| match error.kind() {
            _ if self.has_failed.get() => error,
            io::ErrorKind::Interrupted | io::ErrorKind::UnexpectedEof => error,
            _ if is_window_error(&error) || is_memory_error(&error) => io::Error::other(WideWindow),
            _ => io::ErrorKind::InvalidData.into(),
        })?;
        self.has_ended = read == 0 && !buffer.is_empty();
        Ok(read)
    }
}

fn is_memory_error(error: &io::Error) -> bool {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<liblzma::stream::Error>());
    inner.is_some_and(|error| *error == liblzma::stream::Error::MemLimit)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use liblzma::stream::{Check, Filters, LzmaOptions};
    use std::io::Write as _;

    /// Bytes of which a window of `window` is needed to unpack them.
    fn xz(content: &[u8], window: u32) -> Vec<u8> {
        let mut options = LzmaOptions::new_preset(0).unwrap();
        options.dict_size(window);
        let mut filters = Filters::new();
        filters.lzma2(&options);
        let stream = Stream::new_stream_encoder(&filters, Check::Crc64).unwrap();
        let mut encoder = liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(content: &[u8], window: u32) -> Vec<u8> {
        let mut encoder = ::zstd::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(window).unwrap();
        encoder.include_checksum(true).unwrap();
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn unpacked(compression: Compression, stream: &[u8]) -> Result<Vec<u8>, SourceError> {
        let mut content = Vec::new();
        let read = compression.unpack(stream).and_then(|mut unpacked| unpacked.read_to_end(&mut content));
        read.map(|_| content).map_err(SourceError::reading)
    }

    #[test]
    fn what_is_whole_is_unpacked_and_what_is_not_is_told_in_the_same_words() {
        let content: Vec<u8> = (0_u8..251).cycle().take(300_000).collect();
        for (compression, stream) in [
            (Compression::Gzip, gzip(&content)),
            (Compression::Zstd, zstd(&content, 20)),
            (Compression::Xz, xz(&content, 1 << 20)),
        ] {
            assert!(unpacked(compression, &stream).unwrap() == content, "{compression:?}");
            let twice = [stream.as_slice(), &stream].concat();
            assert_eq!(unpacked(compression, &twice).unwrap().len(), 2 * content.len(), "{compression:?}");
            let error = unpacked(compression, &stream[..stream.len() / 2]).unwrap_err();
            assert!(matches!(error, SourceError::CutOff), "{compression:?}: {error:?}");
            let mut damaged = stream.clone();
            let middle = stream.len() / 2;
            damaged[middle..middle + 8].fill(0xff);
            let error = unpacked(compression, &damaged).unwrap_err();
            assert!(matches!(error, SourceError::Stream), "{compression:?}: {error:?}");
        }
    }

    #[test]
    fn no_stream_takes_more_memory_than_it_is_given() {
        let content = vec![7; 1 << 20];
        for (compression, stream) in
            [(Compression::Zstd, zstd(&content, 26)), (Compression::Xz, xz(&content, 64 << 20))]
        {
            let error = unpacked(compression, &stream).unwrap_err();
            assert!(matches!(error, SourceError::Window), "{compression:?}: {error:?}");
        }
        assert!(unpacked(Compression::Xz, &xz(&content, 32 << 20)).is_ok());
    }
}
