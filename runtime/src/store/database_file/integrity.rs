use crate::store::StoreError;
use rusqlite::{Connection, OptionalExtension as _};

/// Checks each page, index, constraint and reference of a database.
pub(in crate::store) fn check_integrity(connection: &Connection, schema: u32) -> Result<(), StoreError> {
    let damaged = |problem| StoreError::Integrity { schema, problem };
    let integrity: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if integrity != "ok" {
        return Err(damaged(integrity));
    }
    // Not part of `integrity_check` (sqlite.org, "PRAGMA integrity_check").
    let broken = connection.query_row("PRAGMA foreign_key_check", [], |row| {
        let (table, parent): (String, String) = (row.get(0)?, row.get(2)?);
        Ok(format!("a row of table {table} refers to one of table {parent} that does not exist"))
    });
    broken.optional()?.map_or(Ok(()), |problem| Err(damaged(problem)))
}
