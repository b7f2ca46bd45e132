use super::{Store, StoreError};
use landfall_host::durable::At as _;
use rusqlite::TransactionBehavior;
use rustix::fs::{StatVfsMountFlags, statvfs};
use std::io;
use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

/// How long a successful write counts: any client may ask for health, and flash memory wears out.
const VALID_FOR: Duration = Duration::from_mins(1);

/// The least free space in bytes with which the service calls itself healthy: a tenant's row takes some KiB, and SQLite writes each page
/// twice.
pub const MIN_FREE: u64 = 4 << 20;

/// Checks that there is room on the disk of a folder, and that it can be written.
fn check_disk(folder: &Path) -> Result<(), StoreError> {
    let disk = statvfs(folder).map_err(io::Error::from).at("look at the disk of", folder)?;
    // Not the blocks that are reserved for root: the service is root without the capability to use them.
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    match free {
        _ if disk.f_flag.contains(StatVfsMountFlags::RDONLY) => Err(StoreError::ReadOnly { folder: folder.to_owned() }),
        free if free < MIN_FREE => Err(StoreError::NoRoom { folder: folder.to_owned(), free }),
        _ => Ok(()),
    }
}

impl Store {
    /// Checks that the database can be read and written, and that its disk has room: each time by looking at the disk, at most once a minute
    /// by a write without effect.
    pub async fn check_writes(&self) -> Result<(), StoreError> {
        self.check().await?;
        let folder = Arc::clone(&self.folder);
        self.run(move |_| check_disk(&folder)).await?;
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
