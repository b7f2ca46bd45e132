use crate::durable::At as _;
use crate::lock::{Lock, LockError};
use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;

/// Locks a folder itself (flock(2)), if it is there.
///
/// # Errors
/// [`LockError::Busy`] if another process holds the lock.
pub(crate) fn lock_folder(path: &Path) -> Result<Option<Lock>, LockError> {
    match File::open(path) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        other => Lock::take(other.at("open", path)?, path).map(Some),
    }
}
