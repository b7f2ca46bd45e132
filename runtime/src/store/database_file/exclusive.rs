use super::connection::{BUSY_TIMEOUT, RETRY_PAUSE, in_use, open, schema_of};
use super::integrity::check_integrity;
use super::scratch::ScratchDatabase;
use crate::store::StoreError;
use landfall_host::durable::At as _;
use rusqlite::{Connection, ErrorCode};
use std::fs::File;
use std::path::Path;
use std::time::Instant;

/// A database that is complete in its one file and that no other connection uses.
///
/// A snapshot and a copy are one file each, so what a killed writer left in the write-ahead log is moved into the database first, and
/// the database leaves that mode (sqlite.org, "Write-Ahead Logging", 2.2 and 3.3: only the last connection can leave it). The exclusive
/// transaction then keeps all others out until the file is replaced; it writes nothing, so that ending it changes nothing.
#[derive(Debug)]
pub(in crate::store) struct ExclusiveDatabase {
    // Dropped first: closing any descriptor of a file releases all of the process's locks on it (fcntl(2), "Record locks").
    connection: Connection,
    file: File,
}

impl ExclusiveDatabase {
    /// Locks the database at `path`, whose schema was seen to be `expected`.
    pub(in crate::store) fn lock(path: &Path, expected: u32) -> Result<Self, StoreError> {
        let connection = open(path)?;
        // 1. Move the log into the database, which fails while another connection is open.
        // 2. Lock it: from here on no other program reads or writes it.
        leave_wal(&connection).and_then(|()| connection.execute_batch("BEGIN EXCLUSIVE")).map_err(in_use(path))?;
        // 3. Another program, also one that is not ours, may have come in between the two.
        if schema_of(&connection)? != expected || journal_mode(&connection)? != "delete" {
            return Err(StoreError::InUse { path: path.to_owned() });
        }
        let file = File::open(path).at("open", path)?;
        Ok(Self { connection, file })
    }

    /// Checks the database's integrity.
    pub(in crate::store) fn check(&self, schema: u32) -> Result<(), StoreError> {
        check_integrity(&self.connection, schema)
    }

    /// Writes the database to the disk, whichever program wrote the file.
    pub(in crate::store) fn sync(&self, path: &Path) -> Result<(), StoreError> {
        Ok(self.file.sync_all().at("sync", path)?)
    }

    /// Copies the database.
    pub(in crate::store) fn copy_to(&self, scratch: &ScratchDatabase) -> Result<(), StoreError> {
        scratch.fill_from(&self.file)
    }
}

/// Waits for other connections, which SQLite's own timeout does not do here.
fn leave_wal(connection: &Connection) -> Result<(), rusqlite::Error> {
    let start = Instant::now();
    loop {
        match connection.pragma_update(None, "journal_mode", "DELETE") {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && start.elapsed() < BUSY_TIMEOUT =>
            {
                std::thread::sleep(RETRY_PAUSE);
            }
            other => return other,
        }
    }
}

fn journal_mode(connection: &Connection) -> Result<String, rusqlite::Error> {
    connection.pragma_query_value(None, "journal_mode", |row| row.get(0))
}
