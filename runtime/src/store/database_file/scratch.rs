use super::companions::remove_database;
use crate::store::StoreError;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// A database that is being built. Dropping it removes it, unless it was renamed into place before.
#[derive(Debug)]
pub(in crate::store) struct ScratchDatabase {
    path: PathBuf,
    file: File,
}

impl ScratchDatabase {
    /// Creates an empty file (0600), locked so that no other program removes it as a leftover.
    pub(in crate::store) fn create(path: PathBuf) -> Result<Self, StoreError> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let file = match file {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(StoreError::InUse { path }),
            other => other.map_err(StoreError::at(&path))?,
        };
        let scratch = Self { path, file };
        scratch.file.try_lock().map_err(|error| StoreError::at(&scratch.path)(error.into()))?;
        Ok(scratch)
    }

    /// The file.
    pub(in crate::store) fn path(&self) -> &Path {
        &self.path
    }

    /// Copies another file's content into this one.
    pub(super) fn fill_from(&self, from: &File) -> Result<(), StoreError> {
        let (mut from, mut to) = (from, &self.file);
        io::copy(&mut from, &mut to).map(drop).map_err(StoreError::at(&self.path))
    }

    /// Writes the content to the disk.
    pub(in crate::store) fn sync(&self) -> Result<(), StoreError> {
        self.file.sync_all().map_err(StoreError::at(&self.path))
    }
}

impl Drop for ScratchDatabase {
    fn drop(&mut self) {
        // What cannot be removed is removed by the next program that opens the database.
        let _ = remove_database(&self.path);
    }
}
