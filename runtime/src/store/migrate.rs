//! From one schema to another: on a copy, which then takes the database's place in one rename.

use super::files::{Files, Scratch};
use super::held::Held;
use super::migrations::{Leap, Migrations, NoWay};
use super::{StoreError, steps};
use std::path::{Path, PathBuf};

/// What was done to a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrated {
    /// The schema before; 0 where there was no database.
    pub from: u32,
    /// The schema now, or in a rehearsal the one that was reached.
    pub to: u32,
    /// The database as it was, in a file of its own.
    pub snapshot: Option<PathBuf>,
    /// The database that gave way to a snapshot, or to one that had been set aside before it.
    pub aside: Option<PathBuf>,
}

impl Migrated {
    pub(super) fn nothing(schema: u32) -> Self {
        Self { from: schema, to: schema, snapshot: None, aside: None }
    }
}

/// Brings the database at `path` to schema `to`, forward or back; where there is none, nothing is done.
///
/// Nobody else may use the database ([`StoreError::InUse`]). When it fails, or is killed wherever it may be, the database is the one
/// before or the one after.
pub fn migrate(path: &Path, migrations: &Migrations, to: u32) -> Result<Migrated, StoreError> {
    if !path.exists() {
        return Ok(Migrated::nothing(0));
    }
    bring(&Files::prepare(path)?, migrations, to)
}

/// As [`migrate`], and makes the database where there is none.
pub(super) fn bring(files: &Files, migrations: &Migrations, to: u32) -> Result<Migrated, StoreError> {
    let found = files.schema()?;
    let from = found.unwrap_or(0);
    let way = way(files.path(), migrations, from, to)?;
    if way.is_empty() {
        return Ok(Migrated::nothing(from));
    }
    let held = found.map(|schema| Held::take(files.path(), schema)).transpose()?;
    let partial = Scratch::create(files.partial())?;
    if let Some(held) = &held {
        held.copy_to(&partial)?;
    }
    steps::run(partial.path(), &way)?;
    partial.sync()?;
    let snapshot = held.is_some().then(|| files.keep(from)).transpose()?;
    files.replace_with(partial.path())?;
    Ok(Migrated { from, to, snapshot, aside: None })
}

/// The steps from one schema to another, or why there is no way.
pub(super) fn way(path: &Path, migrations: &Migrations, from: u32, to: u32) -> Result<Vec<Leap>, StoreError> {
    let (path, known) = (path.to_owned(), migrations.latest());
    migrations.way(from, to).map_err(|no| match no {
        NoWay::Unknown(found) if found == from => StoreError::TooNew { path, found, known },
        NoWay::Unknown(wanted) => StoreError::UnknownSchema { wanted, known },
        NoWay::Irreversible(step) => StoreError::Irreversible { path, from, step },
    })
}
