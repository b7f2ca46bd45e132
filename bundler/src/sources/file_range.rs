use super::SourceError;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;

/// The `size` bytes of an archive from `offset` on, which must be there. Handles of one file share its position, which this neither uses nor
/// moves: several ranges are read at a time.
pub(super) fn file_range(archive: &File, offset: u64, size: u64) -> Result<impl Read + use<>, SourceError> {
    let opened = || -> io::Result<(File, u64)> {
        let file = archive.try_clone()?;
        let length = file.metadata()?.len();
        Ok((file, length))
    };
    let (file, length) = opened().map_err(SourceError::Archive)?;
    // Headers are read by seeking from one to the next: the content of the last one may not be there.
    if length < offset.saturating_add(size) {
        return Err(SourceError::CutOff);
    }
    Ok(At { file, offset }.take(size))
}

/// Reads a file from an offset on.
struct At {
    file: File,
    offset: u64,
}

impl Read for At {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.offset)?;
        self.offset += read as u64;
        Ok(read)
    }
}
