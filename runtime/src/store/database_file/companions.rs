//! Removes database files with what SQLite keeps beside them.

use super::names::with_suffix;
use landfall_host::durable::{self, PathError};
use std::path::Path;

/// The suffixes of the files that SQLite keeps beside a database in use. They belong to that file, and must never be found beside
/// another one of the same name.
const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Removes the files beside a database, but not the database.
pub(super) fn remove_companions(path: &Path) -> Result<(), PathError> {
    for companion in COMPANIONS {
        durable::remove_entry(&with_suffix(path, companion))?;
    }
    Ok(())
}

/// Removes a database with the files beside it. These go first: without their database, they would be taken for the next one's.
pub(super) fn remove_database(path: &Path) -> Result<(), PathError> {
    remove_companions(path)?;
    durable::remove_entry(path).map(drop)
}
