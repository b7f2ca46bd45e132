use landfall_host::durable::PathError;
use landfall_host::lock::LockError;
use rusqlite::ErrorCode;
use std::io;
use std::path::{Path, PathBuf};

/// Why the store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite failed.
    #[error("the database failed: {}", reason(.0))]
    Sqlite(rusqlite::Error),
    /// A folder or a file of the database cannot be created, linked, renamed, synced or removed.
    #[error(transparent)]
    File(#[from] PathError),
    /// The disk that the database lies on is full, or nearly so.
    #[error("the disk of {folder} has {free} bytes free, and at least {} are needed: free some", super::MIN_FREE)]
    NoRoom {
        /// The database's folder.
        folder: PathBuf,
        /// The bytes that are free to the service.
        free: u64,
    },
    /// The file system that the database lies on is read-only.
    #[error("the file system of {folder} is read-only")]
    ReadOnly {
        /// The database's folder.
        folder: PathBuf,
    },
    /// Another process uses the database.
    #[error("{path} is in use by another process")]
    InUse {
        /// The database.
        path: PathBuf,
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
    /// This program cannot bring a database to the schema.
    #[error("this release knows schemas up to {known}, not {wanted}")]
    UnknownSchema {
        /// The schema that was asked for.
        wanted: u32,
        /// The latest schema of this program.
        known: u32,
    },
    /// A step that would have to be reversed cannot be.
    #[error("{path} has schema {from}, and the migration to schema {step} cannot be reversed")]
    Irreversible {
        /// The database.
        path: PathBuf,
        /// Its schema.
        from: u32,
        /// The schema to which the step leads.
        step: u32,
    },
    /// A step failed. The database is unchanged.
    #[error("the step to schema {to} failed")]
    Step {
        /// The schema to which the step leads.
        to: u32,
        /// Why it failed.
        source: rusqlite::Error,
    },
    /// The database fails its integrity check after the steps, or as it was found. It is unchanged.
    #[error("with schema {schema}, the database fails its integrity check: {problem}")]
    Integrity {
        /// The schema with which it was checked.
        schema: u32,
        /// The first problem that SQLite reports.
        problem: String,
    },
    /// A migration forward and back does not restore the contents. The database is unchanged.
    #[error("migrating from schema {from} to {to} and back loses data: {difference}")]
    LosesContent {
        /// The schema of the database.
        from: u32,
        /// The schema that was migrated to.
        to: u32,
        /// How the contents differ.
        difference: String,
    },
    /// The snapshot to restore does not exist, or is not a database with that schema.
    #[error("{path} is not a database with schema {schema}")]
    NoSnapshot {
        /// The snapshot.
        path: PathBuf,
        /// The schema that it must have.
        schema: u32,
    },
    /// The file to reclaim does not have the name of a database that was set aside.
    #[error("{file} is not the name of a database that was set aside in {folder}")]
    NotSetAside {
        /// What was asked for.
        file: PathBuf,
        /// Where databases are set aside.
        folder: PathBuf,
    },
    /// The file to reclaim does not exist, and the database does not have the schema that it would have.
    #[error("{path} does not exist")]
    SetAsideMissing {
        /// The file.
        path: PathBuf,
    },
    /// The file to reclaim is not a database that this program wrote.
    #[error("{path} is not a database with schema {own}, which this release writes")]
    WrongSchema {
        /// The file.
        path: PathBuf,
        /// The schema of this program.
        own: u32,
    },
    /// A row holds a value that this program never writes.
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
    /// The thread of the call has ended: the program is stopping.
    #[error("the database is closing")]
    Closing,
}

/// SQLite's own message, without the number that the library puts around it.
fn reason(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqliteFailure(_, Some(message)) => message.clone(),
        other => other.to_string(),
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl StoreError {
    /// Why the lock of the database at `path`, or of a copy of it, was not taken.
    pub(super) fn not_locked(error: LockError, path: &Path) -> Self {
        match error {
            LockError::Busy => Self::InUse { path: path.to_owned() },
            LockError::Path(error) => Self::File(error),
        }
    }

    /// Whether the disk is full. The database can still be read then.
    pub fn is_full(&self) -> bool {
        match self {
            Self::Sqlite(error) | Self::Step { source: error, .. } => {
                error.sqlite_error_code() == Some(ErrorCode::DiskFull)
            }
            Self::File(error) => error.source.kind() == io::ErrorKind::StorageFull,
            Self::NoRoom { .. } => true,
            _ => false,
        }
    }
}
