//! Opening and reading regular files, and nothing else: opening a named pipe waits for a writer, and a device may never come to
//! an end.

use rustix::fs::OFlags;
use rustix::io::Errno;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// A path leads to a folder, a pipe, a socket or a device, or to a symbolic link where none is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is not a regular file")]
pub struct NotRegular;

/// A file is larger than any of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is larger than the {limit} bytes that are read")]
pub struct TooLarge {
    /// The most that is read, in bytes.
    pub limit: u64,
}

impl NotRegular {
    /// Whether this is why a file was not opened.
    pub fn caused(error: &io::Error) -> bool {
        error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<Self>)
    }
}

impl TooLarge {
    /// Whether this is why a file was not read.
    pub fn caused(error: &io::Error) -> bool {
        error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<Self>)
    }
}

impl From<NotRegular> for io::Error {
    fn from(error: NotRegular) -> Self {
        Self::new(ErrorKind::InvalidInput, error)
    }
}

impl From<TooLarge> for io::Error {
    fn from(error: TooLarge) -> Self {
        Self::new(ErrorKind::InvalidData, error)
    }
}

/// Opens a regular file for reading; symbolic links are followed.
///
/// # Errors
/// The file cannot be opened; [`NotRegular`] if it is anything else than a regular file.
pub fn open(path: &Path) -> io::Result<(File, Metadata)> {
    open_with(path, OFlags::empty())
}

/// Opens a regular file for reading. A symbolic link is none.
///
/// # Errors
/// As [`open`].
pub fn open_no_follow(path: &Path) -> io::Result<(File, Metadata)> {
    match open_with(path, OFlags::NOFOLLOW) {
        // What O_NOFOLLOW answers for a symbolic link (open(2), ELOOP).
        Err(error) if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => Err(NotRegular.into()),
        other => other,
    }
}

fn open_with(path: &Path, more: OFlags) -> io::Result<(File, Metadata)> {
    // Without O_NONBLOCK, opening a named pipe waits for a writer.
    let flags = i32::try_from((OFlags::NONBLOCK | OFlags::NOCTTY | more).bits()).unwrap_or_default();
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        // A socket (open(2), ENXIO).
        Err(error) if error.raw_os_error() == Some(Errno::NXIO.raw_os_error()) => return Err(NotRegular.into()),
        other => other?,
    };
    // Of the file that is open, not of the path, which may lead elsewhere by now.
    let metadata = file.metadata()?;
    if metadata.is_file() { Ok((file, metadata)) } else { Err(NotRegular.into()) }
}

/// Reads a regular file of at most `limit` bytes; symbolic links are followed.
///
/// # Errors
/// As [`open`], or the file cannot be read; [`TooLarge`] if it has more bytes.
pub fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    read_to_end(open(path)?.0, limit)
}

/// Reads what is left of an open file, at most `limit` bytes.
///
/// # Errors
/// The file cannot be read; [`TooLarge`] if there are more bytes.
pub fn read_to_end(file: File, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // The size is not taken from the metadata: a file may grow while it is read. One byte more than the limit tells that
    // there is more.
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit { Err(TooLarge { limit }.into()) } else { Ok(bytes) }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    #[test]
    fn opens_nothing_but_regular_files_and_waits_for_no_pipe() {
        let folder = tempfile::tempdir().unwrap();
        let (pipe, socket) = (folder.path().join("pipe"), folder.path().join("socket"));
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        let _listener = UnixListener::bind(&socket).unwrap();
        for path in [pipe.as_path(), &socket, folder.path(), Path::new("/dev/null")] {
            for error in [open(path).unwrap_err(), open_no_follow(path).unwrap_err()] {
                assert!(NotRegular::caused(&error), "{}: {error}", path.display());
                assert_eq!(error.to_string(), "it is not a regular file");
            }
        }
    }

    #[test]
    fn a_link_is_followed_only_where_it_may_be() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        std::fs::write(&file, "content").unwrap();
        symlink(&file, &link).unwrap();
        assert_eq!(open(&link).unwrap().1.len(), 7);
        assert!(NotRegular::caused(&open_no_follow(&link).unwrap_err()));
        assert_eq!(open_no_follow(&file).unwrap().1.len(), 7);
    }

    #[test]
    fn reads_up_to_the_limit_and_no_further() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        assert_eq!(read(&path, 3).unwrap_err().kind(), ErrorKind::NotFound);
        std::fs::write(&path, "123").unwrap();
        assert_eq!(read(&path, 3).unwrap(), b"123");
        assert!(TooLarge::caused(&read(&path, 2).unwrap_err()));
    }
}
