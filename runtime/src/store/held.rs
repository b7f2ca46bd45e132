use super::files::{Scratch, failed, in_use, open, schema};
use super::{BUSY_TIMEOUT, RETRY, StoreError, steps};
use rusqlite::{Connection, ErrorCode};
use std::fs::File;
use std::path::Path;
use std::time::Instant;

/// A database, whole in its one file, and nobody else at it.
///
/// A snapshot and a copy are one file each, so what a killed writer left in the write-ahead log is folded in first, and the database
/// leaves that mode (sqlite.org, "Write-Ahead Logging", 2.2 and 3.3: the mode is left only by a connection that is alone). The exclusive
/// transaction then keeps everybody out until the file is replaced; it writes nothing, so ending it touches nothing.
#[derive(Debug)]
pub(super) struct Held {
    // Dropped first: closing any descriptor of a file gives up all of the process's locks on it (fcntl(2), "Record locks").
    connection: Connection,
    file: File,
}

impl Held {
    /// Takes hold of the database at `path`, which has `expected` as its schema.
    pub(super) fn take(path: &Path, expected: u32) -> Result<Self, StoreError> {
        let connection = open(path)?;
        leave_wal(&connection).and_then(|()| connection.execute_batch("BEGIN EXCLUSIVE")).map_err(in_use(path))?;
        // Nobody may have come in between, be it with other programs than ours.
        if schema(&connection)? != expected || journal_mode(&connection)? != "delete" {
            return Err(StoreError::InUse { path: path.to_owned() });
        }
        let file = File::open(path).map_err(failed(path))?;
        Ok(Self { connection, file })
    }

    /// Checks that the database is sound.
    pub(super) fn check(&self, schema: u32) -> Result<(), StoreError> {
        steps::check(&self.connection, schema)
    }

    /// Sees to it that the database is on the disk, whoever wrote its file.
    pub(super) fn sync(&self, path: &Path) -> Result<(), StoreError> {
        self.file.sync_all().map_err(failed(path))
    }

    /// Copies the database.
    pub(super) fn copy_to(&self, scratch: &Scratch) -> Result<(), StoreError> {
        scratch.fill(&self.file)
    }
}

/// SQLite does not wait for others here by itself.
fn leave_wal(connection: &Connection) -> Result<(), rusqlite::Error> {
    let start = Instant::now();
    loop {
        match connection.pragma_update(None, "journal_mode", "DELETE") {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && start.elapsed() < BUSY_TIMEOUT =>
            {
                std::thread::sleep(RETRY);
            }
            other => return other,
        }
    }
}

fn journal_mode(connection: &Connection) -> Result<String, rusqlite::Error> {
    connection.pragma_query_value(None, "journal_mode", |row| row.get(0))
}
