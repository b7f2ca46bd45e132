use super::{Store, StoreError};
use rusqlite::TransactionBehavior;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

/// How long a successful write counts: any client may ask for health, and flash memory wears out.
const VALID_FOR: Duration = Duration::from_mins(1);

impl Store {
    /// Checks that the database can be read and written, by a write without effect at most once a minute.
    pub async fn check_writes(&self) -> Result<(), StoreError> {
        self.check().await?;
        let last = *self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_some_and(|at| at.elapsed() < VALID_FOR) {
            return Ok(());
        }
        self.write_unchanged().await?;
        *self.written.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        Ok(())
    }

    /// Writes without changing anything, and returns when the write is on the disk.
    pub async fn write_unchanged(&self) -> Result<(), StoreError> {
        self.run(|connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            // SQLite writes the page with the schema's number even where the number stays the same.
            let schema: u32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
            transaction.pragma_update(None, "user_version", schema)?;
            Ok(transaction.commit()?)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::store::{LATEST, Migrations};

    #[tokio::test]
    async fn a_database_that_cannot_be_written_fails_the_write_check_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("landfall.db");
        let (store, _) = Store::open(&path, &Migrations::OWN).unwrap();
        let read_only = |on: bool| store.run(move |c| Ok(c.pragma_update(None, "query_only", on)?));
        read_only(true).await.unwrap();
        store.check().await.unwrap();
        store.check_writes().await.unwrap_err();
        // A failed check is repeated at once, a successful one is not.
        read_only(false).await.unwrap();
        store.check_writes().await.unwrap();
        let written = std::fs::metadata(folder.path().join("landfall.db-wal")).unwrap().len();
        store.check_writes().await.unwrap();
        assert_eq!(std::fs::metadata(folder.path().join("landfall.db-wal")).unwrap().len(), written);
        assert_eq!(Store::open(&path, &Migrations::OWN).unwrap().1.from, LATEST);
    }

    #[tokio::test]
    async fn the_write_check_reaches_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(&folder.path().join("landfall.db"), &Migrations::OWN).unwrap();
        let size = || std::fs::metadata(folder.path().join("landfall.db-wal")).unwrap().len();
        let before = size();
        store.check_writes().await.unwrap();
        assert!(size() > before);
    }
}
