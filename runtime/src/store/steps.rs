//! Steps are run on a copy that nobody else knows of. When one fails, the copy is thrown away.

use super::StoreError;
use super::files::in_use;
use super::migrations::Leap;
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior};
use std::path::Path;

/// Runs steps on the database at `path`, and checks what comes out of them.
pub(super) fn run(path: &Path, way: &[Leap]) -> Result<(), StoreError> {
    let Some(last) = way.last() else { return Ok(()) };
    let mut connection = Connection::open(path)?;
    // A table is changed by making it anew under its name, which nothing may follow meanwhile (sqlite.org, "ALTER TABLE", 7).
    connection.pragma_update(None, "foreign_keys", "OFF")?;
    // Whoever puts the copy in place sees to it that all of it is on the disk.
    connection.pragma_update(None, "synchronous", "OFF")?;
    // Not in files of SQLite's own choice: temporary data never goes to /tmp.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    for leap in way {
        take(&mut connection, *leap).map_err(|source| StoreError::Step { to: leap.to, source })?;
    }
    check(&connection, last.to)?;
    connection.close().map_err(|(_, error)| in_use(path)(error))
}

/// A step and the number that records it, in one transaction.
fn take(connection: &mut Connection, leap: Leap) -> Result<(), rusqlite::Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(leap.sql)?;
    transaction.pragma_update(None, "user_version", leap.to)?;
    transaction.commit()
}

/// Checks that a database is sound: each page, each index, each constraint, each reference.
pub(super) fn check(connection: &Connection, schema: u32) -> Result<(), StoreError> {
    let unsound = |problem| StoreError::Unsound { schema, problem };
    let integrity: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if integrity != "ok" {
        return Err(unsound(integrity));
    }
    let broken = connection.query_row("PRAGMA foreign_key_check", [], |row| {
        let (table, parent): (String, String) = (row.get(0)?, row.get(2)?);
        Ok(format!("a row of table {table} refers to one of table {parent} that is not there"))
    });
    broken.optional()?.map_or(Ok(()), |problem| Err(unsound(problem)))
}
