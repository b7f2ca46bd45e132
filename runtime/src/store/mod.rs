//! What should be: organizations and environments in SQLite.
//!
//! WAL with `synchronous=FULL`: what an answer promised is on the disk. Calls run on the blocking threads, one at a time, so that a
//! slow disk never holds up the threads that serve requests.
//!
//! Another schema is reached on a copy that takes the database's place in one rename, so that whoever opens it, whatever was killed
//! before, finds the old or the new one whole:
//!
//! ```text
//! files     the folder and its lock; which file is the database       landfall.db
//!   held    the database alone, its log folded in
//!   steps   a copy, migrated and checked                              .landfall.db.partial
//! migrate   forward and back; what was is kept                        landfall.db.schema-N
//! restore   a snapshot comes back, the database goes aside            landfall.db.aside-schema-N
//! reclaim   what was set aside comes back
//! rehearse  there and back beside the running service, held to a dump .landfall.db.rehearsal
//! ```

mod aside;
mod dump;
mod environment;
mod environments;
mod error;
mod files;
mod held;
mod images;
mod migrate;
mod migrations;
mod organizations;
mod reclaim;
mod rehearse;
mod restore;
mod steps;
#[cfg(test)]
mod tests;
mod writes;

pub use environment::{Desired, Environment, ImageRecord, NewEnvironment, Status};
pub use error::StoreError;
pub use images::images;
pub use migrate::{Migrated, migrate};
pub use migrations::{LATEST, Migration, Migrations};
pub use organizations::Organization;
pub use reclaim::reclaim;
pub use rehearse::rehearse;
pub use restore::restore;

use files::{Files, failed, in_use};
use jiff::{Timestamp, Unit};
use rusqlite::Connection;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long to wait for another program that holds the database, such as a snapshot being taken.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Between two tries where SQLite or the kernel does not wait by itself.
const RETRY: Duration = Duration::from_millis(20);
/// SQLite's page cache in KiB: our tables are small, and the whole service stays under 30 MiB.
const CACHE_KIB: i64 = 512;

/// The database. Clones share it.
#[derive(Debug, Clone)]
pub struct Store {
    connection: Arc<Mutex<Connection>>,
    /// When [`Store::check_writes`] last wrote.
    written: Arc<Mutex<Option<Instant>>>,
}

impl Store {
    /// Opens the database, makes it where there is none, and brings it to the latest schema. Folder 0700, file 0600.
    ///
    /// Another schema is reached on a copy, and what was is kept beside it (`landfall.db.schema-N`), as [`migrate`] does.
    pub fn open(path: &Path, migrations: &Migrations) -> Result<(Self, Migrated), StoreError> {
        let files = Files::prepare(path)?;
        let migrated = migrate::bring(&files, migrations, migrations.latest())?;
        // Its -wal and -shm take the mode of this one.
        std::fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(failed(path))?;
        let connection = files.open()?;
        // Until the folder is unlocked, the database is in use: in WAL mode each connection keeps a lock on the file.
        configure(&connection).map_err(in_use(path))?;
        files::schema(&connection)?;
        Ok((Self { connection: Arc::new(Mutex::new(connection)), written: Arc::default() }, migrated))
    }

    /// Whether the database can be read: all that the watchdog asks, because a restart empties no disk.
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
    let now = Timestamp::now();
    now.round(Unit::Second).unwrap_or(now).to_string()
}
