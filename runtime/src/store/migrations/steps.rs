//! Runs steps on a copy of the database that no other program knows. When one fails, the copy is thrown away.

use super::MigrationStep;
use crate::store::StoreError;
use crate::store::database_file::{check_integrity, in_use};
use rusqlite::{Connection, TransactionBehavior};
use std::path::Path;

/// Runs `steps` on the database at `path`, and checks the result.
pub(super) fn run(path: &Path, steps: &[MigrationStep]) -> Result<(), StoreError> {
    let Some(last) = steps.last() else { return Ok(()) };
    let mut connection = Connection::open(path)?;
    // A table is changed by creating a new one under its name; references must not follow the old one meanwhile (sqlite.org,
    // "ALTER TABLE", 7).
    connection.pragma_update(None, "foreign_keys", "OFF")?;
    // The copy may be lost in a power cut; it is synced before it is renamed into place.
    connection.pragma_update(None, "synchronous", "OFF")?;
    // SQLite would write temporary data to /tmp, which this program never does.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    for step in steps {
        run_one(&mut connection, *step).map_err(|source| StoreError::Step { to: step.to, source })?;
    }
    // On the copy, while it can still be thrown away: after the rename it would be the only database.
    check_integrity(&connection, last.to)?;
    connection.close().map_err(|(_, error)| in_use(path)(error))
}

/// Runs a step and records its schema, in one transaction.
fn run_one(connection: &mut Connection, step: MigrationStep) -> Result<(), rusqlite::Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(step.sql)?;
    // In the same transaction: the number in the file never says more or less than its tables.
    transaction.pragma_update(None, "user_version", step.to)?;
    transaction.commit()
}
