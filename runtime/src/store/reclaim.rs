//! Back to a database that was set aside, by the program that wrote it, when the return to a snapshot is itself taken back.

use super::files::{Files, failed, in_use, open, schema};
use super::held::Held;
use super::migrate::Migrated;
use super::migrations::Migrations;
use super::{StoreError, aside};
use rusqlite::ErrorCode;
use std::fs;
use std::io;
use std::path::Path;

/// Puts a database that [`restore`](super::restore) set aside in its place again: `file` is its name, or its path in that folder.
///
/// The file becomes the database. The one that it replaces is kept: as the snapshot of its schema, or, where it has this program's
/// schema too and may hold rows that no other file has, set aside in its turn. Where the file is not there any more and the database
/// has this program's schema, nothing is done. When it fails, or is killed wherever it may be, the database is the one before or the
/// file's.
pub fn reclaim(path: &Path, migrations: &Migrations, file: &Path) -> Result<Migrated, StoreError> {
    let file = aside::find(path, file)?;
    let files = Files::prepare(path)?;
    let own = migrations.latest();
    let found = files.schema()?;
    let Some(reclaimed) = take(&file, own)? else {
        return if found == Some(own) { Ok(Migrated::nothing(own)) } else { Err(StoreError::NoAside { path: file }) };
    };
    reclaimed.check(own)?;
    reclaimed.sync(&file)?;
    let _held = found.map(|schema| Held::take(path, schema)).transpose()?;
    let mut done = Migrated { from: found.unwrap_or(0), to: own, snapshot: None, aside: None };
    match found {
        None => {}
        Some(schema) if schema == own => done.aside = Some(files.set_aside(schema)?),
        Some(schema) => done.snapshot = Some(files.keep(schema)?),
    }
    files.replace_with(&file)?;
    Ok(done)
}

/// Takes hold of a database with this program's schema; none where there is no file.
fn take(file: &Path, own: u32) -> Result<Option<Held>, StoreError> {
    let wrong = || StoreError::WrongSchema { path: file.to_owned(), own };
    match fs::symlink_metadata(file) {
        // Moved, a symbolic link would be the database, and what it leads to would be anywhere.
        Ok(found) if !found.is_file() => return Err(wrong()),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(failed(file)(source)),
    }
    let found = open(file).and_then(|connection| schema(&connection)).map_err(|error| {
        let is_none = error.sqlite_error_code() == Some(ErrorCode::NotADatabase);
        if is_none { wrong() } else { in_use(file)(error) }
    })?;
    if found == own { Held::take(file, own).map(Some) } else { Err(wrong()) }
}
