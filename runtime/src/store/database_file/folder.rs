//! The database's folder, and which file in it is the database.
//!
//! Only the program that holds the folder's lock opens the database or changes which file it is. SQLite's own locks are on the file:
//! a program that waited for one while the file is replaced would go on with the file that was replaced.

use super::companions::{remove_companions, remove_database};
use super::connection::{BUSY_TIMEOUT, in_use, open, schema_of};
use super::names::{self, hidden};
use crate::store::StoreError;
use landfall_host::durable::{self, At as _, folder_of};
use landfall_host::lock::Lock;
use rusqlite::Connection;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

/// The folder of a database, locked until it is dropped.
#[derive(Debug)]
pub(in crate::store) struct DatabaseFolder {
    database: PathBuf,
    _lock: Lock,
}

impl DatabaseFolder {
    /// Locks the folder of `database`. Waits up to [`BUSY_TIMEOUT`] for another program to release it.
    pub(in crate::store) fn lock(database: &Path) -> Result<Self, StoreError> {
        match Lock::wait_for_folder(folder_of(database), BUSY_TIMEOUT) {
            Ok(lock) => Ok(Self { database: database.to_owned(), _lock: lock }),
            Err(error) => Err(StoreError::not_locked(error, database)),
        }
    }

    /// Creates the folder where it does not exist (0700), locks it, and removes what killed programs left in it.
    pub(in crate::store) fn prepare(database: &Path) -> Result<Self, StoreError> {
        let path = folder_of(database);
        // For root alone from its first moment: the file holds what tenants' keys are checked against.
        DirBuilder::new().recursive(true).mode(0o700).create(path).at("create the folder", path)?;
        let folder = Self::lock(database)?;
        folder.remove_leftovers()?;
        Ok(folder)
    }

    /// The database.
    pub(in crate::store) fn database(&self) -> &Path {
        &self.database
    }

    /// The snapshot of the database with `schema`, whether it exists or not.
    pub(in crate::store) fn snapshot(&self, schema: u32) -> PathBuf {
        names::snapshot(&self.database, schema)
    }

    /// Where the next database is built.
    pub(in crate::store) fn partial(&self) -> PathBuf {
        hidden(&self.database, ".partial")
    }

    /// Where migrations are rehearsed.
    pub(in crate::store) fn rehearsal(&self) -> PathBuf {
        hidden(&self.database, ".rehearsal")
    }

    fn link(&self) -> PathBuf {
        hidden(&self.database, ".link")
    }

    /// The schema of the database; `None` where there is no database, or an empty file.
    pub(in crate::store) fn schema(&self) -> Result<Option<u32>, StoreError> {
        match fs::metadata(&self.database) {
            // To SQLite, an empty file is a database in which nothing was ever written.
            Ok(found) if found.len() == 0 => Ok(None),
            Ok(_) => {
                let schema = self.open().and_then(|connection| schema_of(&connection));
                schema.map(Some).map_err(in_use(&self.database))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Ok(Err(error).at("look at", &self.database)?),
        }
    }

    /// Connects to the database, which must exist.
    pub(in crate::store) fn open(&self) -> Result<Connection, rusqlite::Error> {
        open(&self.database)
    }

    /// Keeps the database, which has `schema`, as its schema's snapshot, in place of an older one, durably.
    ///
    /// The snapshot is a second name of the same file. The first name can then be given to another file without there being a moment
    /// with no database.
    pub(in crate::store) fn keep_snapshot(&self, schema: u32) -> Result<PathBuf, StoreError> {
        let (snapshot, link) = (self.snapshot(schema), self.link());
        // 1. Give the file a temporary second name: link(2) replaces nothing.
        fs::hard_link(&self.database, &link).at("create the link", &link)?;
        // 2. Rename that name, which replaces an older snapshot, and sync: before the database's name is given to another file, the second name
        //    must be on the disk.
        durable::rename(&link, &snapshot)?;
        // 3. Where the snapshot is this very file already, rename(2) did nothing and left the temporary name.
        if durable::remove_entry(&link)? {
            self.sync()?;
        }
        Ok(snapshot)
    }

    /// Sets the database, which has `schema`, aside under a name that no file has, durably: no other file may hold its rows.
    pub(in crate::store) fn set_aside(&self, schema: u32) -> Result<PathBuf, StoreError> {
        let mut nth = 1;
        let name = loop {
            let name = names::set_aside(&self.database, schema, nth);
            match fs::hard_link(&self.database, &name) {
                Ok(()) => break name,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => nth += 1,
                Err(error) => return Ok(Err(error).at("create the link", &name)?),
            }
        };
        // On the disk before the first name is given to another file: then no power cut loses the rows.
        self.sync()?;
        Ok(name)
    }

    /// Makes the file `new`, whose content is on the disk, the database.
    pub(in crate::store) fn replace_with(&self, new: &Path) -> Result<(), StoreError> {
        // 1. SQLite's files beside the database must not meet the new one. Of a database that is replaced, their content is in it
        //    already (`ExclusiveDatabase`); without a database, they belong to nothing.
        remove_companions(&self.database)?;
        // 2. That they are gone must be on the disk before the new database has the name that they belong to.
        self.sync()?;
        // 3. Rename and sync the folder: before it, the database is the old one; after it, the new one, also after a power cut.
        Ok(durable::rename(new, &self.database)?)
    }

    fn sync(&self) -> Result<(), StoreError> {
        Ok(durable::sync_folder(folder_of(&self.database))?)
    }

    /// Removes what killed programs left: work in progress, and second names of the database.
    fn remove_leftovers(&self) -> Result<(), StoreError> {
        remove_database(&self.partial())?;
        durable::remove_entry(&self.link())?;
        let rehearsal = self.rehearsal();
        // A rehearsal runs without the folder's lock, but locks its own file.
        if File::open(&rehearsal).is_ok_and(|file| Lock::take(file, &rehearsal).is_ok()) {
            remove_database(&rehearsal)?;
        }
        let Ok(database) = fs::metadata(&self.database) else { return Ok(()) };
        let folder = folder_of(&self.database);
        for entry in fs::read_dir(folder).at("read the folder", folder)? {
            let other = entry.at("read the folder", folder)?.path();
            // A program linked it, and was killed before it gave the database's name to another file. Kept, it would
            // change with the database.
            let same = fs::symlink_metadata(&other)
                .is_ok_and(|found| (found.dev(), found.ino()) == (database.dev(), database.ino()));
            if same && other != self.database {
                durable::remove_entry(&other)?;
            }
        }
        Ok(())
    }
}
