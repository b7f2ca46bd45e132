//! A file on a medium. Its size is the one that it had when it was opened: a file that shrinks or grows later is damaged.

use crate::errors::media_error::MediaError;
use crate::http::HttpFile;
use landfall_host::regular::{self, NotRegular};
use rustix::fs::Advice;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// A regular file, open for reading, or one of a server.
#[derive(Debug)]
pub(crate) struct MediaFile {
    origin: Origin,
    path: PathBuf,
    size: u64,
}

#[derive(Debug)]
enum Origin {
    Disk(File),
    Server(Box<HttpFile>),
}

impl MediaFile {
    /// Opens a regular file.
    pub(crate) fn open(path: &Path) -> Result<Self, MediaError> {
        let (file, about) = regular::open(path).map_err(|source| {
            if NotRegular::caused(&source) {
                return MediaError::NotAFile(path.to_owned());
            }
            MediaError::Open { path: path.to_owned(), source }
        })?;
        // Only advice: a file system that ignores it is read as well.
        let _ = rustix::fs::fadvise(&file, 0, None, Advice::Sequential);
        Ok(Self { origin: Origin::Disk(file), path: path.to_owned(), size: about.len() })
    }

    /// Opens a file of an HTTP server. Its address stands for its path.
    pub(crate) fn open_address(address: &str) -> Result<Self, MediaError> {
        let file =
            HttpFile::open(address).map_err(|source| MediaError::Server { address: address.to_owned(), source })?;
        let (path, size) = (PathBuf::from(address), file.size());
        Ok(Self { origin: Origin::Server(Box::new(file)), path, size })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Its size when it was opened, in bytes.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Reads some bytes at `offset`, none only at the end.
    pub(crate) fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let left = self.size.saturating_sub(offset);
        // Never beyond the size at opening, on which all offsets and the parts' ranges rest.
        let want = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        if want == 0 {
            // A file that grew has bytes behind what was verified: it is damaged, and does not just end.
            return self.check_size().map(|()| 0);
        }
        let read = match &self.origin {
            Origin::Disk(file) => file.read_at(&mut buffer[..want], offset)?,
            Origin::Server(file) => file.read_at(&mut buffer[..want], offset).map_err(|source| {
                let address = self.path.display().to_string();
                MediaError::Server { address, source }
            })?,
        };
        match read {
            // That the file changed says more than that it ends early.
            0 => self.check_size().and(Err(io::ErrorKind::UnexpectedEof.into())),
            read => Ok(read),
        }
    }

    /// Checks that it has the size that it had when it was opened.
    pub(crate) fn check_size(&self) -> io::Result<()> {
        let now = match &self.origin {
            Origin::Disk(file) => file.metadata()?.len(),
            // It is compared with each response.
            Origin::Server(file) => file.size(),
        };
        if now == self.size {
            return Ok(());
        }
        Err(MediaError::Changed { path: self.path.clone(), before: self.size, now }.into())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_shrinks_or_grows_is_damaged_and_never_read_without_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for (now, offset) in [(3, 4), (3, 10), (20, 10), (20, u64::MAX)] {
            std::fs::write(&path, [1; 10]).unwrap();
            let file = MediaFile::open(&path).unwrap();
            assert_eq!(file.read_at(&mut [0; 16], 2).unwrap(), 8);
            assert_eq!(file.read_at(&mut [0; 16], 10).unwrap(), 0, "its end");
            File::options().write(true).open(&path).unwrap().set_len(now).unwrap();
            let error = file.read_at(&mut [0; 16], offset).unwrap_err();
            assert!(error.to_string().contains("changed while it was read"), "{now} {offset}: {error}");
        }
    }

    #[test]
    fn only_regular_files_are_opened() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        for path in [folder.path(), &pipe, Path::new("/dev/null")] {
            assert!(matches!(MediaFile::open(path), Err(MediaError::NotAFile(_))), "{}", path.display());
        }
        assert!(matches!(MediaFile::open(&folder.path().join("missing")), Err(MediaError::Open { .. })));
    }
}
