//! Removes database files with what SQLite keeps beside them.

use super::names::with_suffix;
use crate::store::StoreError;
use std::{fs, io, path::Path};

/// The suffixes of the files that SQLite keeps beside a database in use. They belong to that file, and must never be found beside
/// another one of the same name.
const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Removes a file, where it exists.
pub(super) fn remove_file(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::at(path)(error)),
        _ => Ok(()),
    }
}

/// Removes the files beside a database, but not the database.
pub(super) fn remove_companions(path: &Path) -> Result<(), StoreError> {
    COMPANIONS.iter().try_for_each(|companion| remove_file(&with_suffix(path, companion)))
}

/// Removes a database with the files beside it. These go first: without their database, they would be taken for the next one's.
pub(super) fn remove_database(path: &Path) -> Result<(), StoreError> {
    remove_companions(path)?;
    remove_file(path)
}
