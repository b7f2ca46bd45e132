//! Migrations tried out on a copy of the database while others work with it.

use super::dump::Dump;
use super::files::{Files, Scratch};
use super::migrate::{Migrated, way};
use super::migrations::Migrations;
use super::{StoreError, steps};
use rusqlite::Connection;
use std::path::Path;

/// Goes from the schema of the database at `path` to schema `to` on a copy; where there is no database, nothing is done.
///
/// A way forward that can be reversed is gone back again: a database that then holds anything else than before
/// ([`StoreError::Loses`]) would lose it in a rollback. Of a way back this cannot be asked, since it drops what only the newer schema
/// has. Nothing is left behind.
pub fn rehearse(path: &Path, migrations: &Migrations, to: u32) -> Result<Migrated, StoreError> {
    if !path.exists() {
        return Ok(Migrated::nothing(0));
    }
    let files = Files::prepare(path)?;
    let from = files.schema()?.unwrap_or(0);
    let forth = way(path, migrations, from, to)?;
    if forth.is_empty() {
        return Ok(Migrated::nothing(from));
    }
    let copy = Scratch::create(files.rehearsal())?;
    let copied = copy.path().to_str().ok_or_else(|| rusqlite::Error::InvalidPath(copy.path().to_owned()))?;
    files.open()?.execute("VACUUM INTO ?1", [copied])?;
    // The service may be restarted while the copy is worked on.
    drop(files);

    let reversed = migrations.way(to, from).ok().filter(|_| from > 0 && from < to);
    let before = reversed.is_some().then(|| dump(&copy)).transpose()?;
    steps::run(copy.path(), &forth)?;
    if let Some((back, before)) = reversed.zip(before) {
        steps::run(copy.path(), &back)?;
        if let Some(difference) = before.difference(&dump(&copy)?) {
            return Err(StoreError::Loses { from, to, difference });
        }
    }
    Ok(Migrated { from, to, snapshot: None, aside: None })
}

fn dump(copy: &Scratch) -> Result<Dump, StoreError> {
    Ok(Dump::of(&Connection::open(copy.path())?)?)
}
