//! Files that killed programs leave are removed by the next one.

use super::test_database::{NEXT, TestDatabase, with};
use crate::store::database_file::{DatabaseFolder, ScratchDatabase};
use crate::store::{Migrations, Store, migrate};

#[test]
fn leftovers_are_removed_when_the_database_is_opened() {
    let database = TestDatabase::new();
    let names = database.names();
    for name in [".landfall.db.partial", ".landfall.db.partial-journal", ".landfall.db.rehearsal"] {
        std::fs::write(database.file(name), "half of something").unwrap();
    }
    for second in [".landfall.db.link", "landfall.db.schema-1", "landfall.db.aside-schema-1"] {
        std::fs::hard_link(database.path(), database.file(second)).unwrap();
    }
    drop(Store::open(&database.path(), &Migrations::OWN).unwrap());
    assert_eq!(database.names(), names);
}

#[test]
fn a_running_rehearsal_is_not_removed_as_a_leftover() {
    let database = TestDatabase::new();
    let rehearsal = database.file(".landfall.db.rehearsal");
    let under_way = ScratchDatabase::create(rehearsal.clone()).unwrap();
    DatabaseFolder::prepare(&database.path()).unwrap();
    assert!(rehearsal.exists());
    drop(under_way);
    assert!(!rehearsal.exists());
}

#[test]
fn a_log_without_its_database_is_not_applied_to_another_one() {
    let database = TestDatabase::new();
    super::operation::Operation::WriteAndDie.command(&database.path(), &[]).output().unwrap();
    assert!(database.file("landfall.db-wal").exists());
    std::fs::remove_file(database.path()).unwrap();
    drop(Store::open(&database.path(), &with(NEXT)).unwrap());
    assert_eq!(database.organizations(), ["default"]);
    migrate(&database.path(), &with(NEXT), 1).unwrap();
    assert_eq!(database.organizations(), ["default"]);
}
