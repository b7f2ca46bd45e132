//! Opening a database.

use super::test_database::TestDatabase;
use crate::store::{LATEST, Migrations, Store};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

#[tokio::test]
async fn a_new_database_is_private_and_durable() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db/landfall.db");
    let (store, migrated) = Store::open(&path, &Migrations::OWN).unwrap();
    assert_eq!((migrated.from, migrated.to, migrated.snapshot), (0, LATEST, None));
    store.check().await.unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(path.parent().unwrap()), mode(&path)), (0o700, 0o600));
    assert_eq!(mode(&folder.path().join("db/landfall.db-wal")), 0o600);
    let pragma = |name: &'static str| {
        store.run(move |c| Ok(c.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0))?))
    };
    assert_eq!(pragma("journal_mode").await.unwrap(), "wal".to_owned().into());
    assert_eq!(pragma("synchronous").await.unwrap(), 2.into());
    assert_eq!(pragma("foreign_keys").await.unwrap(), 1.into());
}

#[test]
fn opening_again_changes_nothing() {
    let database = TestDatabase::new();
    let names = database.names();
    let (_, migrated) = Store::open(&database.path(), &Migrations::OWN).unwrap();
    assert_eq!((migrated.from, migrated.to, migrated.snapshot, migrated.set_aside), (LATEST, LATEST, None, None));
    assert_eq!(database.names(), names);
}

#[test]
fn refuses_a_database_of_a_later_release_and_leaves_it_as_it_is() {
    let database = TestDatabase::new();
    database.execute(&format!("PRAGMA user_version = {}", LATEST + 1));
    let bytes = std::fs::read(database.path()).unwrap();
    let error = Store::open(&database.path(), &Migrations::OWN).unwrap_err();
    assert!(matches!(error, crate::store::StoreError::TooNew { found, .. } if found == LATEST + 1));
    assert_eq!(std::fs::read(database.path()).unwrap(), bytes);
}
