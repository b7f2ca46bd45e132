use super::companions::remove_database;
use crate::store::StoreError;
use landfall_host::durable::{self, At as _};
use landfall_host::lock::Lock;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// A database that is being built. Dropping it removes it, unless it was renamed into place before.
#[derive(Debug)]
pub(in crate::store) struct ScratchDatabase {
    path: PathBuf,
    lock: Lock,
}

impl ScratchDatabase {
    /// Creates an empty file (0600), locked so that no other program removes it as a leftover.
    pub(in crate::store) fn create(path: PathBuf) -> Result<Self, StoreError> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let file = match file {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(StoreError::InUse { path }),
            other => other.at("create", &path)?,
        };
        // Another program may hold it for a moment, to see whether it is a leftover.
        match Lock::take(file, &path) {
            Ok(lock) => Ok(Self { path, lock }),
            Err(error) => {
                durable::remove_entry(&path)?;
                Err(StoreError::not_locked(error, &path))
            }
        }
    }

    /// The file.
    pub(in crate::store) fn path(&self) -> &Path {
        &self.path
    }

    /// Copies another file's content into this one.
    pub(super) fn fill_from(&self, from: &File) -> Result<(), StoreError> {
        let (mut from, mut to) = (from, self.lock.file());
        io::copy(&mut from, &mut to).at("write", &self.path)?;
        Ok(())
    }

    /// Writes the content to the disk.
    pub(in crate::store) fn sync(&self) -> Result<(), StoreError> {
        Ok(self.lock.file().sync_all().at("sync", &self.path)?)
    }
}

impl Drop for ScratchDatabase {
    fn drop(&mut self) {
        // What cannot be removed is removed by the next program that opens the database.
        let _ = remove_database(&self.path);
    }
}
