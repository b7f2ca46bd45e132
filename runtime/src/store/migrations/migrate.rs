//! Brings a database to another schema, forward or back.

use super::{MigrationStep, Migrations, NoPath, steps};
use crate::store::StoreError;
use crate::store::database_file::{DatabaseFolder, ExclusiveDatabase, ScratchDatabase};
use std::path::{Path, PathBuf};

/// What was done to a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrated {
    /// The schema before; 0 where there was no database.
    pub from: u32,
    /// The schema now or, in a rehearsal, the one that was reached.
    pub to: u32,
    /// The file that holds the database as it was.
    pub snapshot: Option<PathBuf>,
    /// The file that holds the database that was set aside for another one.
    pub set_aside: Option<PathBuf>,
}

impl Migrated {
    /// Nothing was done to a database with this schema.
    pub(super) fn unchanged(schema: u32) -> Self {
        Self { from: schema, to: schema, snapshot: None, set_aside: None }
    }
}

/// Brings the database at `path` to schema `to`, forward or back. Does nothing where there is no database.
///
/// # Errors
/// [`StoreError::InUse`] while another program uses the database. After any error, and after being killed at any point, the database
/// is the one before or the one after.
pub fn migrate(path: &Path, migrations: &Migrations, to: u32) -> Result<Migrated, StoreError> {
    if !path.exists() {
        return Ok(Migrated::unchanged(0));
    }
    migrate_in(&DatabaseFolder::prepare(path)?, migrations, to)
}

/// As [`migrate`], in a locked folder, and creates the database where there is none.
pub(in crate::store) fn migrate_in(
    folder: &DatabaseFolder,
    migrations: &Migrations,
    to: u32,
) -> Result<Migrated, StoreError> {
    let found = folder.schema()?;
    let from = found.unwrap_or(0);
    // Before the database is locked or copied: an unknown or
    // irreversible step is refused on a file that nobody has touched.
    let path = path_between(folder.database(), migrations, from, to)?;
    if path.is_empty() {
        return Ok(Migrated::unchanged(from));
    }
    // 1. Lock the database, so that nothing is written to it that the copy would not have.
    let old = found.map(|schema| ExclusiveDatabase::lock(folder.database(), schema)).transpose()?;
    // 2. Copy it. From here to the rename, the copy is removed when anything fails.
    let copy = ScratchDatabase::create(folder.partial())?;
    if let Some(old) = &old {
        old.copy_to(&copy)?;
    }
    // 3. Migrate the copy, and check it.
    steps::run(copy.path(), &path)?;
    // 4. Sync it: once it has the database's name, no other file is the database.
    copy.sync()?;
    // 5. Keep the old database as a snapshot.
    let snapshot = old.is_some().then(|| folder.keep_snapshot(from)).transpose()?;
    // 6. Rename the copy into place.
    folder.replace_with(copy.path())?;
    Ok(Migrated { from, to, snapshot, set_aside: None })
}

/// The steps from one schema to another.
pub(super) fn path_between(
    database: &Path,
    migrations: &Migrations,
    from: u32,
    to: u32,
) -> Result<Vec<MigrationStep>, StoreError> {
    let (path, known) = (database.to_owned(), migrations.latest());
    migrations.path(from, to).map_err(|none| match none {
        NoPath::Unknown(found) if found == from => StoreError::TooNew { path, found, known },
        NoPath::Unknown(wanted) => StoreError::UnknownSchema { wanted, known },
        NoPath::Irreversible(step) => StoreError::Irreversible { path, from, step },
    })
}
