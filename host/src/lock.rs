//! Advisory locks (flock(2)) that end with the process, however it ends.

use crate::durable::{At as _, PathError};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// Why a lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error("another operation is in progress on this host")]
    Busy,
    /// The file cannot be locked.
    #[error(transparent)]
    Path(#[from] PathError),
}

/// The pause between two attempts to take a lock.
const RETRY: Duration = Duration::from_millis(20);

/// A lock that is held as long as this value lives.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Lock {
    /// Locks `file`, which was opened at `path`. If the path is not that file's any more, another process removed it, and with it
    /// what the lock protects.
    ///
    /// # Errors
    /// [`LockError::Busy`] if another process has the lock or has removed the file; otherwise the file cannot be locked.
    pub fn take(file: File, path: &Path) -> Result<Self, LockError> {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => return Err(LockError::Busy),
            other => other.at("lock", path)?,
        }
        // Compared after locking, not before: whoever had the lock until now may have removed the file, and another process
        // made a new one. A lock on a file without a name excludes nobody.
        let ours = file.metadata().at("look at", path)?;
        match path.metadata() {
            Ok(there) if (there.dev(), there.ino()) == (ours.dev(), ours.ino()) => Ok(Self { file }),
            _ => Err(LockError::Busy),
        }
    }

    /// Locks the folder `path`, waiting `at_most` this long for another process to unlock it.
    ///
    /// # Errors
    /// [`LockError::Busy`] if another process still has the lock; otherwise the folder cannot be opened or locked.
    pub fn wait_for_folder(path: &Path, at_most: Duration) -> Result<Self, LockError> {
        let started = Instant::now();
        loop {
            // Opened anew each time: the folder may have been replaced while we waited.
            match Self::take(File::open(path).at("open", path)?, path) {
                Err(LockError::Busy) if started.elapsed() < at_most => std::thread::sleep(RETRY),
                other => return other,
            }
        }
    }

    /// The file that is locked.
    pub fn file(&self) -> &File {
        &self.file
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

    #[test]
    fn a_folder_is_waited_for_and_may_be_behind_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(folder.path(), &link).unwrap();
        let held = Lock::wait_for_folder(folder.path(), Duration::ZERO).unwrap();
        assert!(matches!(Lock::wait_for_folder(&link, Duration::from_millis(50)), Err(LockError::Busy)));
        let waiting = std::thread::spawn(move || Lock::wait_for_folder(&link, Duration::from_mins(2)).map(drop));
        drop(held);
        waiting.join().unwrap().unwrap();
    }
}
