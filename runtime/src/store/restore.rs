//! Back to a snapshot: by the older program where the newer one cannot bring the database back, and by the newer one where its own
//! way back is itself taken back.

use super::files::{Files, schema};
use super::held::Held;
use super::migrate::Migrated;
use super::migrations::Migrations;
use super::{StoreError, steps};
use rusqlite::{Connection, OpenFlags};
use std::path::Path;

/// Puts the snapshot with schema `to` in the place of a database with any other, newer or older, which is set aside whole.
///
/// The snapshot's file becomes the database. Where the database has that schema already, nothing is done. When it fails, or is killed
/// wherever it may be, the database is the one before or the snapshot.
pub fn restore(path: &Path, migrations: &Migrations, to: u32) -> Result<Migrated, StoreError> {
    let known = migrations.latest();
    if to > known {
        return Err(StoreError::UnknownSchema { wanted: to, known });
    }
    let files = Files::prepare(path)?;
    let found = files.schema()?;
    if found == Some(to) {
        return Ok(Migrated::nothing(to));
    }
    let snapshot = files.snapshot(to);
    check(&snapshot, to)?;
    let _held = found.map(|schema| Held::take(path, schema)).transpose()?;
    let aside = found.map(|schema| files.set_aside(schema)).transpose()?;
    files.replace_with(&snapshot)?;
    Ok(Migrated { from: found.unwrap_or(0), to, snapshot: None, aside })
}

fn check(snapshot: &Path, expected: u32) -> Result<(), StoreError> {
    let none = || StoreError::NoSnapshot { path: snapshot.to_owned(), schema: expected };
    let connection = Connection::open_with_flags(snapshot, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(|_| none())?;
    if schema(&connection).map_err(|_| none())? != expected {
        return Err(none());
    }
    steps::check(&connection, expected)
}
