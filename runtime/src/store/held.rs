use super::files::{Files, Scratch, failed, in_use, schema};
use super::{BUSY_TIMEOUT, RETRY, StoreError};
use rusqlite::{Connection, ErrorCode};
use std::fs::File;
use std::time::Instant;

/// The database, whole in its one file, and nobody else at it.
///
/// A snapshot and a copy are one file each, so what a killed writer left in the write-ahead log is folded in first, and the database
/// leaves that mode (sqlite.org, "Write-Ahead Logging", 2.2 and 3.3: the mode is left only by a connection that is alone). The exclusive
/// transaction then keeps everybody out until the file is replaced; it writes nothing, so ending it touches nothing.
#[derive(Debug)]
pub(super) struct Held {
    // Dropped first: closing any descriptor of a file gives up all of the process's locks on it (fcntl(2), "Record locks").
    _connection: Connection,
    file: File,
}

impl Held {
    /// Takes hold of the database, which has `expected` as its schema.
    pub(super) fn take(files: &Files, expected: u32) -> Result<Self, StoreError> {
        let connection = files.open()?;
        leave_wal(&connection)
            .and_then(|()| connection.execute_batch("BEGIN EXCLUSIVE"))
            .map_err(in_use(files.path()))?;
        // Nobody may have come in between, be it with other programs than ours.
        if schema(&connection)? != expected || journal_mode(&connection)? != "delete" {
            return Err(StoreError::InUse { path: files.path().to_owned() });
        }
        let file = File::open(files.path()).map_err(failed(files.path()))?;
        Ok(Self { _connection: connection, file })
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
