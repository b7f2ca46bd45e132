//! Contents out of the blobs of bundles.

use super::DeltaError;
use landfall_manifests::{Content, Encoding, Hasher, limits};
use std::fs::File;
use std::io::{self, BufReader, Read, Write as _};
use std::path::Path;

const CHUNK: usize = 256 << 10;

/// Unpacks a content from its blob into a file without a name, and holds it against its digest.
pub(super) fn unpack(stored: impl Read, content: &Content, folder: &Path) -> Result<File, DeltaError> {
    let failed = |source| DeltaError::Make { blob: content.blob, source };
    let file = tempfile::tempfile_in(folder).map_err(failed)?;
    let mut reader = decoder(stored, content.encoding).map_err(failed)?.take(content.size.saturating_add(1));
    let (mut hasher, mut size, mut buffer) = (Hasher::default(), 0, vec![0; CHUNK]);
    loop {
        match reader.read(&mut buffer).map_err(failed)? {
            0 => break,
            read => {
                hasher.update(&buffer[..read]);
                (&file).write_all(&buffer[..read]).map_err(failed)?;
                size += read as u64;
            }
        }
    }
    if size != content.size || hasher.finish() != content.digest {
        return Err(failed(io::Error::new(io::ErrorKind::InvalidData, "its content is not what the manifest says")));
    }
    Ok(file)
}

pub(super) fn decoder<'a>(stored: impl Read + 'a, encoding: Encoding) -> io::Result<Box<dyn Read + 'a>> {
    let stored = BufReader::with_capacity(CHUNK, stored);
    Ok(match encoding {
        Encoding::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(stored)),
        Encoding::Zstd => {
            let mut decoder = zstd::Decoder::with_buffer(stored)?;
            decoder.window_log_max(limits::ZSTD_WINDOW_LOG)?;
            Box::new(decoder)
        }
    })
}
