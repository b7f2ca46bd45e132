//! A database with rows, and steps that a next release could have.

use crate::store::database_file::DatabaseFolder;
use crate::store::migrations::contents::Contents;
use crate::store::{Migration, Migrations, Store};
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// One more table and column, reversible.
pub(super) const NEXT: Migration = Migration {
    up: "CREATE TABLE marks (id INTEGER PRIMARY KEY, orgId INTEGER NOT NULL REFERENCES organizations (id)) STRICT;
         ALTER TABLE organizations ADD COLUMN mark TEXT;
         INSERT INTO marks (orgId) SELECT id FROM organizations;
         UPDATE organizations SET mark = 'new';",
    down: Some("DROP TABLE marks; ALTER TABLE organizations DROP COLUMN mark;"),
};
/// The same, irreversible.
pub(super) const IRREVERSIBLE: Migration = Migration { up: NEXT.up, down: None };

/// The step after [`NEXT`].
pub(super) const ANOTHER: Migration =
    Migration { up: "CREATE INDEX byOrganization ON marks (orgId);", down: Some("DROP INDEX byOrganization;") };

pub(super) fn with(step: Migration) -> Migrations {
    Migrations::OWN.and(step)
}

pub(super) struct TestDatabase {
    folder: TempDir,
}

impl TestDatabase {
    /// A database of this release with two organizations, closed.
    pub(super) fn new() -> Self {
        let database = Self { folder: tempfile::tempdir().unwrap() };
        drop(Store::open(&database.path(), &Migrations::OWN).unwrap());
        database.execute("INSERT INTO organizations (name, plan, createdAt) VALUES ('acme', 'paid', 'then')");
        database
    }

    /// A copy of another database's files, whatever their state.
    pub(super) fn copy_of(other: &Self) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in other.names() {
            std::fs::copy(other.file(&name), folder.path().join(&name)).unwrap();
        }
        Self { folder }
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn path(&self) -> PathBuf {
        self.file("landfall.db")
    }

    pub(super) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub(super) fn execute(&self, sql: &str) {
        Connection::open(self.path()).unwrap().execute_batch(sql).unwrap();
    }

    pub(super) fn schema(&self) -> Option<u32> {
        DatabaseFolder::lock(&self.path()).unwrap().schema().unwrap()
    }

    pub(super) fn dump(&self) -> Contents {
        dump(&self.path())
    }

    /// The organizations' names, sorted.
    pub(super) fn organizations(&self) -> Vec<String> {
        organizations(&self.path())
    }
}

pub(super) fn dump(path: &Path) -> Contents {
    Contents::of(&Connection::open(path).unwrap()).unwrap()
}

pub(super) fn organizations(path: &Path) -> Vec<String> {
    let connection = Connection::open(path).unwrap();
    let mut query = connection.prepare("SELECT name FROM organizations ORDER BY name").unwrap();
    query.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}
