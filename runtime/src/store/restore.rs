//! Back to a snapshot, by the program that wrote it, where the newer program cannot bring the database back.

use super::files::{Files, schema};
use super::held::Held;
use super::migrate::Migrated;
use super::migrations::Migrations;
use super::{StoreError, steps};
use rusqlite::{Connection, OpenFlags};
use std::path::Path;

/// Puts the snapshot with this program's schema in the place of a newer database, which is set aside whole.
///
/// The snapshot's file becomes the database. Where the database has this program's schema already, nothing is done. When it fails,
/// or is killed wherever it may be, the database is the one before or the snapshot.
pub fn restore(path: &Path, migrations: &Migrations) -> Result<Migrated, StoreError> {
    let files = Files::prepare(path)?;
    let own = migrations.latest();
    let found = files.schema()?;
    match found {
        Some(schema) if schema == own => return Ok(Migrated::nothing(own)),
        Some(found) if found < own => return Err(StoreError::TooOld { path: path.to_owned(), found, own }),
        _ => {}
    }
    let snapshot = files.snapshot(own);
    check(&snapshot, own)?;
    let _held = found.map(|schema| Held::take(path, schema)).transpose()?;
    let aside = found.map(|schema| files.set_aside(schema)).transpose()?;
    files.replace_with(&snapshot)?;
    Ok(Migrated { from: found.unwrap_or(0), to: own, snapshot: None, aside })
}

fn check(snapshot: &Path, own: u32) -> Result<(), StoreError> {
    let none = || StoreError::NoSnapshot { path: snapshot.to_owned(), schema: own };
    let connection = Connection::open_with_flags(snapshot, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(|_| none())?;
    if schema(&connection).map_err(|_| none())? != own {
        return Err(none());
    }
    steps::check(&connection, own)
}
