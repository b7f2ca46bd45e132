//! One operation at a time: an advisory lock (flock(2)) that ends with the process, however it ends.

use crate::durable::{At as _, PathError};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Why a lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error("another landfall-installer is at work on this host")]
    Busy,
    /// The file cannot be locked.
    #[error(transparent)]
    Path(#[from] PathError),
}

/// A lock that is held as long as this value lives.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Locks `file`, which was opened at `path`. A path that no longer leads to it means that another process removed it and
    /// with it whatever the lock protects.
    ///
    /// # Errors
    /// [`LockError::Busy`] if another process has the lock or has removed the file; otherwise the file cannot be locked.
    pub fn take(file: File, path: &Path) -> Result<Self, LockError> {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => return Err(LockError::Busy),
            other => other.at("lock", path)?,
        }
        let ours = file.metadata().at("look at", path)?;
        match path.symlink_metadata() {
            Ok(there) if (there.dev(), there.ino()) == (ours.dev(), ours.ino()) => Ok(Self { _file: file }),
            _ => Err(LockError::Busy),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn is_held_by_one_and_by_nobody_once_its_file_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let held = Lock::take(File::create(&path).unwrap(), &path).unwrap();
        assert!(matches!(Lock::take(File::open(&path).unwrap(), &path), Err(LockError::Busy)));
        drop(held);
        let file = File::open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(Lock::take(file, &path), Err(LockError::Busy)));
    }
}
