//! The bundle on its media: one file, opened once and only for reading.
//!
//! Nothing is believed twice. What was verified and is read again (the parallel check of `verify`) may have changed on the
//! stick in between; so whatever is installed comes from the one pass that copies it into the store while it is hashed.

use landfall_manifests::{Bundle, Entry, Head, ReadError};
use rustix::fs::{Advice, OFlags};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// The bundle's file.
#[derive(Debug)]
pub(crate) struct Media {
    file: File,
    path: PathBuf,
}

/// The bundle cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MediaError {
    #[error("cannot open {}", .path.display())]
    Open {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} is not a regular file", .0.display())]
    Kind(PathBuf),
}

impl Media {
    /// Opens a regular file.
    pub(crate) fn open(path: &Path) -> Result<Self, MediaError> {
        let fail = |source| MediaError::Open { path: path.to_owned(), source };
        // Without O_NONBLOCK, opening a named pipe would wait for a writer.
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
        let flags = i32::try_from(flags.bits()).unwrap_or_default();
        let file = File::options().read(true).custom_flags(flags).open(path).map_err(fail)?;
        if !file.metadata().map_err(fail)?.is_file() {
            return Err(MediaError::Kind(path.to_owned()));
        }
        // Only advice: a file system that ignores it is read as well.
        let _ = rustix::fs::fadvise(&file, 0, None, Advice::Sequential);
        Ok(Self { file, path: path.to_owned() })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads manifest and signatures.
    pub(crate) fn head(&self) -> Result<Head, ReadError> {
        Head::read(&mut self.at(0))
    }

    /// Reads and checks a whole entry into memory. For small ones.
    pub(crate) fn entry(&self, entry: &Entry) -> Result<Vec<u8>, ReadError> {
        let mut content = Vec::new();
        entry.read(&mut self.at(entry.offset), &mut content)?;
        Ok(content)
    }

    /// Checks what stands behind the bundle's last entry.
    pub(crate) fn check_end(&self, bundle: &Bundle) -> Result<(), ReadError> {
        let end = bundle.entries().last().map_or(0, |entry| entry.offset + entry.archive_bytes());
        bundle.check_end(&mut self.at(end))
    }

    /// A reader that stands at `offset`, in bytes. Several may read at the same time.
    pub(crate) fn at(&self, offset: u64) -> Reader<'_> {
        Reader { file: &self.file, offset }
    }
}

/// Reads the media from some offset on, without moving the file's own position.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    file: &'a File,
    offset: u64,
}

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.offset)?;
        self.offset += read as u64;
        Ok(read)
    }
}
