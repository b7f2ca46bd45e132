use super::{StoreError, configure};
use rusqlite::Connection;
use std::path::Path;

/// The steps from an empty database to the latest schema, in order: step N leads from schema N-1 to schema N.
const STEPS: [&str; 1] = [include_str!("migrations/001_tenants.up.sql")];

/// The schema that this program writes.
#[expect(clippy::cast_possible_truncation, reason = "there are few steps")]
pub const LATEST: u32 = STEPS.len() as u32;

/// Brings a database to the latest schema, each step in a transaction of its own together with the number that records it.
///
/// Returns the schema that was there before. A database of a later release is left as it is.
pub(super) fn migrate(connection: &mut Connection, path: &Path) -> Result<u32, StoreError> {
    let version = |c: &Connection| c.pragma_query_value(None, "user_version", |row| row.get::<_, u32>(0));
    let before = version(connection)?;
    if before > LATEST {
        return Err(StoreError::TooNew { path: path.to_owned(), found: before, known: LATEST });
    }
    configure(connection)?;
    for (number, step) in (1..).zip(STEPS) {
        // Immediate, and read again inside: another program may be migrating too.
        let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        if version(&transaction)? < number {
            transaction.execute_batch(step)?;
            transaction.pragma_update(None, "user_version", number)?;
        }
        transaction.commit()?;
    }
    Ok(before)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::store::Store;

    #[test]
    fn migrating_again_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("landfall.db");
        assert_eq!(Store::open(&path).unwrap().1, 0);
        assert_eq!(Store::open(&path).unwrap().1, LATEST);
    }

    #[test]
    fn refuses_a_database_of_a_later_release_and_leaves_it_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("landfall.db");
        drop(Store::open(&path).unwrap());
        let later = Connection::open(&path).unwrap();
        later.pragma_update(None, "user_version", LATEST + 1).unwrap();
        drop(later);
        let bytes = std::fs::read(&path).unwrap();
        let error = Store::open(&path).unwrap_err();
        assert!(matches!(error, StoreError::TooNew { found, .. } if found == LATEST + 1));
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
    }
}
