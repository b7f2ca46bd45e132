//! Takes a [`restore`](super::restore::restore) back: the program that wrote a database makes it the database again after it was set aside.

use super::Migrations;
use super::migrate::Migrated;
use crate::store::StoreError;
use crate::store::database_file::{DatabaseFolder, ExclusiveDatabase, find_set_aside, in_use, open, schema_of};
use landfall_host::durable::At as _;
use rusqlite::ErrorCode;
use std::fs;
use std::io;
use std::path::Path;

/// Makes a database that was set aside the database again. `file` is its name, or its path in the database's folder.
///
/// The database that it replaces is kept: as the snapshot of its schema; or set aside in its turn where it has this program's schema,
/// too, and may hold rows that no other file has. Does nothing where the file does not exist and the database has this program's schema:
/// that is what an earlier, completed call leaves.
///
/// # Errors
/// After any error, and after being killed at any point, the database is the one before or the file's.
pub fn reclaim(path: &Path, migrations: &Migrations, file: &Path) -> Result<Migrated, StoreError> {
    let file = find_set_aside(path, file)?;
    let folder = DatabaseFolder::prepare(path)?;
    let own = migrations.latest();
    let found = folder.schema()?;
    let Some(reclaimed) = lock_own(&file, own)? else {
        let done = found == Some(own);
        return if done { Ok(Migrated::unchanged(own)) } else { Err(StoreError::SetAsideMissing { path: file }) };
    };
    // 1. Check the file, and write it to the disk: it may have been copied there.
    reclaimed.check(own)?;
    reclaimed.sync(&file)?;
    // 2. Lock the database, and give it a second name.
    let _old = found.map(|schema| ExclusiveDatabase::lock(path, schema)).transpose()?;
    let mut done = Migrated { from: found.unwrap_or(0), to: own, snapshot: None, set_aside: None };
    match found {
        None => {}
        Some(schema) if schema == own => done.set_aside = Some(folder.set_aside(schema)?),
        Some(schema) => done.snapshot = Some(folder.keep_snapshot(schema)?),
    }
    // 3. Rename the file into place.
    folder.replace_with(&file)?;
    Ok(done)
}

/// Locks a database with this program's schema; `None` where the file does not exist.
fn lock_own(file: &Path, own: u32) -> Result<Option<ExclusiveDatabase>, StoreError> {
    let wrong = || StoreError::WrongSchema { path: file.to_owned(), own };
    match fs::symlink_metadata(file) {
        // A symbolic link must not become the database: the rows would lie wherever it leads.
        Ok(found) if !found.is_file() => return Err(wrong()),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Ok(Err(error).at("look at", file)?),
    }
    let found = open(file).and_then(|connection| schema_of(&connection)).map_err(|error| {
        let not_a_database = error.sqlite_error_code() == Some(ErrorCode::NotADatabase);
        if not_a_database { wrong() } else { in_use(file)(error) }
    })?;
    if found == own { ExclusiveDatabase::lock(file, own).map(Some) } else { Err(wrong()) }
}
