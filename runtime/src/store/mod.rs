//! The desired state: organizations and environments, in SQLite.
//!
//! WAL with `synchronous=FULL`: what a response promised is on the disk. Calls run on the blocking threads, one at a time, so that a
//! slow disk never delays the threads that serve requests.
//!
//! ```text
//! environments, organizations    rows, as typed values
//! migrations                     schemas, and every way from one to another
//!   └► database_file             the folder and its lock, names, connections
//! ```

mod database_file;
mod environment;
mod environments;
mod error;
mod images;
mod migrations;
mod organizations;
#[cfg(test)]
mod tests;
mod write_check;

pub use environment::{Desired, Environment, ImageRecord, NewEnvironment, Status};
pub use error::StoreError;
pub use images::images;
pub use migrations::migrate::{Migrated, migrate};
pub use migrations::reclaim::reclaim;
pub use migrations::rehearse::rehearse;
pub use migrations::restore::restore;
pub use migrations::{LATEST, Migration, Migrations};
pub use organizations::Organization;
pub use write_check::MIN_FREE;

use database_file::{DatabaseFolder, in_use, schema_of};
use jiff::{Timestamp, Unit};
use landfall_host::durable::{At as _, folder_of};
use migrations::migrate::migrate_in;
use rusqlite::Connection;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// SQLite's page cache in KiB: the tables are small, and the whole service stays under 30 MiB.
const CACHE_KIB: i64 = 512;

/// The database. Clones share it.
#[derive(Debug, Clone)]
pub struct Store {
    connection: Arc<Mutex<Connection>>,
    /// The folder that the database lies in.
    folder: Arc<Path>,
    /// When [`Store::check_writes`] last wrote.
    written: Arc<Mutex<Option<Instant>>>,
}

impl Store {
    /// Opens the database, creates it where there is none, and migrates it to the latest schema as [`migrate`] does. The folder has mode
    /// 0700, the file 0600.
    pub fn open(path: &Path, migrations: &Migrations) -> Result<(Self, Migrated), StoreError> {
        let folder = DatabaseFolder::prepare(path)?;
        let migrated = migrate_in(&folder, migrations, migrations.latest())?;
        // SQLite gives -wal and -shm the mode of the database.
        std::fs::set_permissions(path, Permissions::from_mode(0o600)).at("set the mode of", path)?;
        let connection = folder.open()?;
        // WAL before the folder is unlocked: in that mode an open connection keeps a lock on the file, so that others find it in use.
        configure(&connection).map_err(in_use(path))?;
        schema_of(&connection)?;
        let store = Self {
            connection: Arc::new(Mutex::new(connection)),
            folder: folder_of(path).into(),
            written: Arc::default(),
        };
        Ok((store, migrated))
    }

    /// Checks that the database can be read. The watchdog checks no more: a restart does not free a full disk.
    pub async fn check(&self) -> Result<(), StoreError> {
        self.run(|connection| Ok(connection.query_row("SELECT 1 FROM organizations LIMIT 1", [], |_| Ok(()))?)).await
    }

    async fn run<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let connection = Arc::clone(&self.connection);
        let done = tokio::task::spawn_blocking(move || {
            // A panic rolled its transaction back when it was dropped, so the connection is sound.
            work(&mut connection.lock().unwrap_or_else(PoisonError::into_inner))
        });
        done.await.map_err(|_| StoreError::Closing)?
    }
}

fn configure(connection: &Connection) -> Result<(), rusqlite::Error> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", "ON")?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)
}

/// Now, in UTC to the second, as RFC 3339 writes it: `2026-11-22T00:00:00Z`.
pub(crate) fn now() -> String {
    rfc3339(Timestamp::now())
}

/// A time in UTC to the second, as RFC 3339 writes it.
pub(crate) fn rfc3339(time: Timestamp) -> String {
    time.round(Unit::Second).unwrap_or(time).to_string()
}
