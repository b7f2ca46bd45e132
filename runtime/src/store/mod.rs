//! What should be: organizations and environments in SQLite.
//!
//! WAL with `synchronous=FULL`: what an answer promised is on the disk. Calls run on the blocking threads, one at a time, so that a
//! slow disk never holds up the threads that serve requests.

mod environment;
mod environments;
mod migrations;
mod organizations;
mod writes;

pub use environment::{Desired, Environment, ImageRecord, NewEnvironment, Status};
pub use migrations::LATEST;
pub use organizations::Organization;

use jiff::{Timestamp, Unit};
use rusqlite::{Connection, ErrorCode};
use std::fs::{DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long to wait for another program that holds the database, such as a snapshot being taken.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// SQLite's page cache in KiB: our tables are small, and the whole service stays under 30 MiB.
const CACHE_KIB: i64 = 512;

/// Why the store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite failed.
    #[error("the database failed")]
    Sqlite(#[from] rusqlite::Error),
    /// The database's folder or file cannot be made ready.
    #[error("cannot prepare {path}")]
    Prepare {
        /// The folder or file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The database was written by a later release.
    #[error(
        "{path} has schema {found}, and this release knows schemas up to {known}: start the release that wrote it, or restore an older snapshot"
    )]
    TooNew {
        /// The database.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// The latest schema of this program.
        known: u32,
    },
    /// A row holds what this program never writes.
    #[error("environment {id} has the {column} {value:?}, which this release does not know")]
    Corrupt {
        /// The row.
        id: i64,
        /// The column.
        column: &'static str,
        /// What it holds.
        value: String,
    },
    /// An organization of that name exists.
    #[error("there is an organization named {0:?} already")]
    NameTaken(String),
    /// The call's thread is gone: the program is ending.
    #[error("the database is closing")]
    Closing,
}

impl StoreError {
    /// Whether the disk is full: what is on the disk can still be read.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Sqlite(error) if error.sqlite_error_code() == Some(ErrorCode::DiskFull))
    }
}

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
    /// Returns the store and the schema that was there before.
    pub fn open(path: &Path) -> Result<(Self, u32), StoreError> {
        let folder = path.parent().unwrap_or(Path::new("."));
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| StoreError::Prepare { path, source }
        };
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed(folder))?;
        // Made before SQLite does, whose files would follow the umask; its -wal and -shm take the mode of this one.
        let file = std::fs::OpenOptions::new().write(true).create(true).truncate(false).open(path);
        let file = file.map_err(failed(path))?;
        file.set_permissions(Permissions::from_mode(0o600)).map_err(failed(path))?;
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        let before = migrations::migrate(&mut connection, path)?;
        Ok((Self { connection: Arc::new(Mutex::new(connection)), written: Arc::default() }, before))
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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[tokio::test]
    async fn a_new_database_is_private_and_durable() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db/landfall.db");
        let (store, before) = Store::open(&path).unwrap();
        assert_eq!(before, 0);
        store.check().await.unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(path.parent().unwrap()), mode(&path)), (0o700, 0o600));
        assert_eq!(mode(&folder.path().join("db/landfall.db-wal")), 0o600);
        let pragma = |name: &'static str| {
            store.run(move |c| Ok(c.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0))?))
        };
        assert_eq!(pragma("journal_mode").await.unwrap(), "wal".to_owned().into());
        assert_eq!(pragma("synchronous").await.unwrap(), 2.into());
        assert_eq!(pragma("foreign_keys").await.unwrap(), 1.into());
    }
}
