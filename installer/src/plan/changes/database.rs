//! What a change of releases does to the database.

use crate::layout::DATABASE_FOLDER;
use crate::plan::Need;
use landfall_manifests::Database;
use serde::Serialize;

/// How many times a database's size is needed beside it: what is rehearsed on, what is migrated, and what was there before.
const COPIES: u64 = 3;

/// How an update changes the schema of the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DatabaseChange {
    pub(crate) from: u32,
    pub(crate) to: u32,
    /// For a newer schema: whether what is written from now on survives a rollback. For an older one: whether what was written until now
    /// survives.
    pub(crate) reversible: bool,
    /// The meaning, for people.
    pub(crate) meaning: String,
    /// The size of the database in bytes; zero where there is none yet.
    pub(crate) bytes: u64,
}

impl DatabaseChange {
    /// Compares the schemas of two releases. A release without one leaves the database as it is.
    pub(super) fn between(old: Option<Database>, new: Option<Database>, bytes: Option<u64>) -> Option<Self> {
        let (old, new) = (old?, new?);
        let (from, to) = (old.schema, new.schema);
        // The program that knows the newer schema migrates back.
        let reversible = if from < to { new.reversible_to <= from } else { old.reversible_to <= to };
        let meaning = meaning(from, to, reversible);
        (from != to).then(|| Self { from, to, reversible, meaning, bytes: bytes.unwrap_or(0) })
    }

    /// The room that copies take, next to the database.
    pub(crate) fn need(&self) -> Option<Need> {
        let need = Need {
            what: "copies of the database",
            folder: DATABASE_FOLDER.into(),
            bytes: COPIES * self.bytes,
            inodes: COPIES,
        };
        (self.bytes > 0).then_some(need)
    }
}

fn meaning(from: u32, to: u32, reversible: bool) -> String {
    match (from < to, reversible) {
        (true, true) => "it is migrated on a copy, and a later rollback keeps what is written until then".to_owned(),
        (true, false) => format!(
            "this cannot be reversed: if the update fails, the database from before it is restored; a later `rollback` works only \
             with --restore-snapshot, which does the same. What was written since is then not lost, but set aside in \
             /{DATABASE_FOLDER}/landfall.db.aside-schema-{to}"
        ),
        (false, true) => "it is migrated back on a copy, with all that was written until now".to_owned(),
        (false, false) => format!(
            "schema {from} cannot be migrated back to {to}: the snapshot from before the update is restored. What was written \
             since is not lost, but set aside in /{DATABASE_FOLDER}/landfall.db.aside-schema-{from}"
        ),
    }
}
