//! Tries migrations on a copy of the database while the service runs.

use super::contents::Contents;
use super::migrate::{Migrated, path_between};
use super::{Migrations, steps};
use crate::store::StoreError;
use crate::store::database_file::{DatabaseFolder, ScratchDatabase};
use rusqlite::Connection;
use std::path::Path;

/// Migrates a copy of the database at `path` to schema `to`, and removes it. Does nothing where there is no database.
///
/// A migration forward that can be reversed is reversed on the copy, too.
///
/// # Errors
/// [`StoreError::LosesContent`] where the copy does not hold the same afterwards: a rollback would lose that. A migration back is not
/// held to this, since it drops what only the newer schema can hold.
pub fn rehearse(path: &Path, migrations: &Migrations, to: u32) -> Result<Migrated, StoreError> {
    if !path.exists() {
        return Ok(Migrated::unchanged(0));
    }
    let folder = DatabaseFolder::prepare(path)?;
    let from = folder.schema()?.unwrap_or(0);
    let forward = path_between(path, migrations, from, to)?;
    if forward.is_empty() {
        return Ok(Migrated::unchanged(from));
    }
    // 1. Copy in one read transaction, while the service goes on writing.
    let copy = ScratchDatabase::create(folder.rehearsal())?;
    let copied = copy.path().to_str().ok_or_else(|| rusqlite::Error::InvalidPath(copy.path().to_owned()))?;
    // VACUUM INTO also takes the rows that are in the write-ahead log alone (sqlite.org, "VACUUM").
    folder.open()?.execute("VACUUM INTO ?1", [copied])?;
    // 2. Release the folder: the service may be restarted during the rest, and the copy has a lock of its own.
    drop(folder);
    // 3. Migrate there, and back where that is possible.
    let back = migrations.path(to, from).ok().filter(|_| from > 0 && from < to);
    let before = back.is_some().then(|| contents(&copy)).transpose()?;
    steps::run(copy.path(), &forward)?;
    if let Some((back, before)) = back.zip(before) {
        steps::run(copy.path(), &back)?;
        // 4. Compare.
        if let Some(difference) = before.difference(&contents(&copy)?) {
            return Err(StoreError::LosesContent { from, to, difference });
        }
    }
    Ok(Migrated { from, to, snapshot: None, set_aside: None })
}

fn contents(copy: &ScratchDatabase) -> Result<Contents, StoreError> {
    Ok(Contents::of(&Connection::open(copy.path())?)?)
}
