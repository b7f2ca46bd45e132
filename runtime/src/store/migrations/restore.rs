//! Goes back to a snapshot: the older program, where the newer one cannot bring the database back; and the newer one, where its
//! migration back is undone.

use super::Migrations;
use super::migrate::Migrated;
use crate::store::StoreError;
use crate::store::database_file::{DatabaseFolder, ExclusiveDatabase, check_integrity, schema_of};
use rusqlite::{Connection, OpenFlags};
use std::path::Path;

/// Makes the snapshot with schema `to` the database, and sets aside the one that it replaces, which may be newer or older.
///
/// Does nothing where the database has that schema already.
///
/// # Errors
/// After any error, and after being killed at any point, the database is the one before or the snapshot.
pub fn restore(path: &Path, migrations: &Migrations, to: u32) -> Result<Migrated, StoreError> {
    let known = migrations.latest();
    if to > known {
        return Err(StoreError::UnknownSchema { wanted: to, known });
    }
    let folder = DatabaseFolder::prepare(path)?;
    let found = folder.schema()?;
    if found == Some(to) {
        return Ok(Migrated::unchanged(to));
    }
    // 1. Check the snapshot before anything is changed.
    let snapshot = folder.snapshot(to);
    check_snapshot(&snapshot, to)?;
    // 2. Lock the database, so that nothing is written to a file that is being replaced.
    let _old = found.map(|schema| ExclusiveDatabase::lock(path, schema)).transpose()?;
    // 3. Give it a second name: after the rename, no other file holds its rows.
    let set_aside = found.map(|schema| folder.set_aside(schema)).transpose()?;
    // 4. Rename the snapshot into place.
    folder.replace_with(&snapshot)?;
    Ok(Migrated { from: found.unwrap_or(0), to, snapshot: None, set_aside })
}

fn check_snapshot(snapshot: &Path, expected: u32) -> Result<(), StoreError> {
    let none = || StoreError::NoSnapshot { path: snapshot.to_owned(), schema: expected };
    let connection = Connection::open_with_flags(snapshot, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(|_| none())?;
    // The name says which schema it has, and anybody may have renamed a file.
    if schema_of(&connection).map_err(|_| none())? != expected {
        return Err(none());
    }
    check_integrity(&connection, expected)
}
