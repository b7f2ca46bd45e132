use rusqlite::ErrorCode;
use std::io;
use std::path::PathBuf;

/// Why the store did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// SQLite failed.
    #[error("the database failed")]
    Sqlite(#[from] rusqlite::Error),
    /// A folder or a file of the database cannot be made ready, linked, renamed or removed.
    #[error("cannot prepare {path}")]
    Prepare {
        /// The folder or file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
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
    /// A schema that this program cannot lead to.
    #[error("this release knows schemas up to {known}, not {wanted}")]
    UnknownSchema {
        /// The schema that was asked for.
        wanted: u32,
        /// The latest schema of this program.
        known: u32,
    },
    /// A step on the way back has no way back.
    #[error("{path} has schema {from}, and what the step to schema {step} did cannot be reversed")]
    Irreversible {
        /// The database.
        path: PathBuf,
        /// Its schema.
        from: u32,
        /// The schema that the step led to.
        step: u32,
    },
    /// A step failed. The database is as it was.
    #[error("the step to schema {to} failed")]
    Step {
        /// The schema that it was to lead to.
        to: u32,
        /// Why it failed.
        source: rusqlite::Error,
    },
    /// What came out of the steps is not sound. The database is as it was.
    #[error("with schema {schema}, the database is not sound: {problem}")]
    Unsound {
        /// The schema that the steps led to.
        schema: u32,
        /// What SQLite says is wrong.
        problem: String,
    },
    /// A way forward and back again does not bring back what was there. The database is as it was.
    #[error("from schema {from} to {to} and back, the database loses what it holds: {difference}")]
    Loses {
        /// The schema of the database.
        from: u32,
        /// The schema that was rehearsed.
        to: u32,
        /// What comes back otherwise.
        difference: String,
    },
    /// There is no snapshot that could be restored, or it is not one.
    #[error("{path} is no database with schema {schema}")]
    NoSnapshot {
        /// Where the snapshot has to be.
        path: PathBuf,
        /// The schema that it has to have.
        schema: u32,
    },
    /// What was to be reclaimed cannot be something that was set aside.
    #[error("{file} is no name of a database that was set aside in {folder}")]
    NoAsideName {
        /// What was asked for.
        file: PathBuf,
        /// Where databases are set aside.
        folder: PathBuf,
    },
    /// What was to be reclaimed is not there, and the database has another schema than it would have.
    #[error("{path} is not there")]
    NoAside {
        /// Where it has to be.
        path: PathBuf,
    },
    /// What was set aside is not this program's.
    #[error("{path} is no database with schema {own}, which is the one of this release")]
    WrongSchema {
        /// What was set aside.
        path: PathBuf,
        /// The schema of this program.
        own: u32,
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
        match self {
            Self::Sqlite(error) | Self::Step { source: error, .. } => {
                error.sqlite_error_code() == Some(ErrorCode::DiskFull)
            }
            Self::Prepare { source, .. } => source.kind() == io::ErrorKind::StorageFull,
            _ => false,
        }
    }
}
