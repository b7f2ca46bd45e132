//! Migrations forward, back and forward again, with rows that are written in between.

use super::operation::Operation;
use super::test_database::{ANOTHER, IRREVERSIBLE, NEXT, TestDatabase, dump, organizations, with};
use crate::store::{Migrations, Store, StoreError, images, migrate, reclaim, rehearse, restore};
use std::path::Path;
use std::process::Stdio;

#[test]
fn rows_of_either_schema_survive_migrating_back_and_forward() {
    let database = TestDatabase::new();
    let before = database.dump();
    let (store, migrated) = Store::open(&database.path(), &with(NEXT)).unwrap();
    let snapshot = database.file("landfall.db.schema-1");
    assert_eq!((migrated.from, migrated.to, migrated.snapshot), (1, 2, Some(snapshot.clone())));
    drop(store);
    assert_eq!(dump(&snapshot).difference(&before), None, "the snapshot is the old database");
    database.execute("INSERT INTO organizations (name, createdAt, mark) VALUES ('from 2', 'now', 'x')");

    let back = migrate(&database.path(), &with(NEXT), 1).unwrap();
    assert_eq!((back.from, back.to, back.snapshot), (2, 1, Some(database.file("landfall.db.schema-2"))));
    assert_eq!(database.organizations(), ["acme", "default", "from 2"]);
    drop(Store::open(&database.path(), &Migrations::OWN).unwrap());
    database.execute("INSERT INTO organizations (name, createdAt) VALUES ('from 1', 'now')");

    drop(Store::open(&database.path(), &with(NEXT)).unwrap());
    assert_eq!(database.organizations(), ["acme", "default", "from 1", "from 2"]);
    assert_eq!(organizations(&snapshot), database.organizations(), "the snapshot is the latest one");
    assert_eq!(database.schema(), Some(2));
    // With the schema already reached, nothing changes.
    let again = migrate(&database.path(), &with(NEXT), 2).unwrap();
    assert_eq!((again.from, again.to, again.snapshot, again.set_aside), (2, 2, None, None));
}

#[test]
fn rows_in_a_killed_writers_log_are_in_the_database_and_the_snapshot() {
    let database = TestDatabase::new();
    Operation::WriteAndDie.command(&database.path(), &[]).output().unwrap();
    let log = database.file("landfall.db-wal");
    assert!(std::fs::metadata(&log).unwrap().len() > 0, "the row is in the log only");
    migrate(&database.path(), &with(NEXT), 2).unwrap();
    assert_eq!(database.names(), ["landfall.db", "landfall.db.schema-1"]);
    assert_eq!(database.organizations(), ["acme", "default", "late"]);
    assert_eq!(organizations(&database.file("landfall.db.schema-1")), ["acme", "default", "late"]);
}

#[test]
fn programs_that_start_together_migrate_once() {
    let database = TestDatabase::new();
    let mut starting: Vec<_> = (0..4)
        .map(|_| Operation::Forward.command(&database.path(), &[]).stdout(Stdio::null()).spawn().unwrap())
        .collect();
    for program in &mut starting {
        assert!(program.wait().unwrap().success());
    }
    assert_eq!(
        (database.schema(), database.names()),
        (Some(2), vec!["landfall.db".into(), "landfall.db.schema-1".into()])
    );
    assert_eq!(database.organizations(), ["acme", "default"]);
}

#[test]
fn a_snapshot_is_restored_where_the_migration_is_irreversible() {
    let database = TestDatabase::new();
    drop(Store::open(&database.path(), &with(IRREVERSIBLE)).unwrap());
    Operation::WriteAndDie.command(&database.path(), &[]).output().unwrap();
    let refused = migrate(&database.path(), &with(IRREVERSIBLE), 1).unwrap_err();
    assert!(matches!(refused, StoreError::Irreversible { from: 2, step: 2, .. }), "{refused}");

    let restored = restore(&database.path(), &Migrations::OWN, 1).unwrap();
    let aside = database.file("landfall.db.aside-schema-2");
    assert_eq!((restored.from, restored.to, restored.snapshot, restored.set_aside), (2, 1, None, Some(aside.clone())));
    assert_eq!(database.names(), ["landfall.db", "landfall.db.aside-schema-2"]);
    assert_eq!((database.schema(), database.organizations()), (Some(1), vec!["acme".to_owned(), "default".to_owned()]));
    assert_eq!(organizations(&aside), ["acme", "default", "late"]);
    let again = restore(&database.path(), &Migrations::OWN, 1).unwrap();
    assert_eq!((again.from, again.to, again.set_aside), (1, 1, None));
}

#[test]
fn a_restored_newer_snapshot_has_what_only_its_schema_holds() {
    let database = TestDatabase::new();
    drop(Store::open(&database.path(), &with(NEXT)).unwrap());
    database.execute("UPDATE organizations SET mark = 'precious'; INSERT INTO marks (orgId) VALUES (1), (1)");
    let before = database.dump();
    migrate(&database.path(), &with(NEXT), 1).unwrap();
    Operation::WriteAndDie.command(&database.path(), &[]).output().unwrap();

    let restored = restore(&database.path(), &with(NEXT), 2).unwrap();
    let aside = database.file("landfall.db.aside-schema-1");
    assert_eq!((restored.from, restored.to, restored.snapshot, restored.set_aside), (1, 2, None, Some(aside.clone())));
    assert_eq!(database.dump().difference(&before), None);
    assert_eq!(organizations(&aside), ["acme", "default", "late"]);
    let again = restore(&database.path(), &with(NEXT), 2).unwrap();
    assert_eq!((again.from, again.to, again.set_aside), (2, 2, None));
}

#[test]
fn the_newer_program_can_restore_an_older_snapshot() {
    let database = TestDatabase::new();
    let before = database.dump();
    drop(Store::open(&database.path(), &with(IRREVERSIBLE)).unwrap());
    let restored = restore(&database.path(), &with(IRREVERSIBLE), 1).unwrap();
    assert_eq!((restored.from, restored.to), (2, 1));
    assert_eq!(database.dump().difference(&before), None);
}

/// Migrates to the next release, writes a row, restores the snapshot, and returns the name of the database that was set aside.
fn set_aside_with(database: &TestDatabase, row: &str) -> String {
    drop(Store::open(&database.path(), &with(IRREVERSIBLE)).unwrap());
    database.execute(&format!("INSERT INTO organizations (name, createdAt) VALUES ('{row}', 'now')"));
    let aside = restore(&database.path(), &Migrations::OWN, 1).unwrap().set_aside.unwrap();
    aside.file_name().unwrap().to_str().unwrap().to_owned()
}

#[test]
fn a_database_that_was_set_aside_is_never_replaced() {
    let database = TestDatabase::new();
    let names = ["landfall.db.aside-schema-2", "landfall.db.aside-schema-2.2", "landfall.db.aside-schema-2.3"];
    let rows = ["one", "two", "three"];
    assert_eq!(rows.map(|row| set_aside_with(&database, row)), names);
    for (name, row) in names.into_iter().zip(rows) {
        assert!(organizations(&database.file(name)).contains(&row.to_owned()), "{name}");
    }
    std::fs::remove_file(database.file(names[1])).unwrap();
    assert_eq!(set_aside_with(&database, "four"), names[1], "the lowest free number");
    assert!(organizations(&database.file(names[2])).contains(&"three".to_owned()));
}

#[test]
fn a_database_that_was_set_aside_can_be_reclaimed() {
    let database = TestDatabase::new();
    let aside = set_aside_with(&database, "from 2");
    Operation::WriteAndDie.command(&database.path(), &[]).output().unwrap();
    let reclaimed = reclaim(&database.path(), &with(IRREVERSIBLE), Path::new(&aside)).unwrap();
    let snapshot = database.file("landfall.db.schema-1");
    assert_eq!((reclaimed.from, reclaimed.to, reclaimed.set_aside), (1, 2, None));
    assert_eq!(reclaimed.snapshot.as_ref(), Some(&snapshot));
    assert_eq!(database.names(), ["landfall.db", "landfall.db.schema-1"]);
    assert_eq!(
        (database.schema(), database.organizations()),
        (Some(2), ["acme", "default", "from 2"].map(Into::into).into())
    );
    assert_eq!(organizations(&snapshot), ["acme", "default", "late"]);
    for file in [Path::new(&aside), &database.file(&aside)] {
        let again = reclaim(&database.path(), &with(IRREVERSIBLE), file).unwrap();
        assert_eq!((again.from, again.to, again.snapshot, again.set_aside), (2, 2, None, None));
    }
    assert_eq!(database.names(), ["landfall.db", "landfall.db.schema-1"]);
}

#[test]
fn reclaiming_sets_a_database_of_the_same_schema_aside() {
    let database = TestDatabase::new();
    let first = set_aside_with(&database, "from 2");
    drop(Store::open(&database.path(), &with(IRREVERSIBLE)).unwrap());
    Operation::WriteAndDie.command(&database.path(), &[]).output().unwrap();
    let reclaimed = reclaim(&database.path(), &with(IRREVERSIBLE), Path::new(&first)).unwrap();
    let second = database.file("landfall.db.aside-schema-2.2");
    assert_eq!((reclaimed.from, reclaimed.to, reclaimed.snapshot), (2, 2, None));
    assert_eq!(reclaimed.set_aside.as_ref(), Some(&second));
    assert_eq!(database.names(), ["landfall.db", "landfall.db.aside-schema-2.2", "landfall.db.schema-1"]);
    assert_eq!(database.organizations(), ["acme", "default", "from 2"]);
    assert_eq!(organizations(&second), ["acme", "default", "late"]);
}

#[test]
fn a_database_can_be_reclaimed_where_there_is_none() {
    let database = TestDatabase::new();
    let aside = set_aside_with(&database, "from 2");
    std::fs::remove_file(database.path()).unwrap();
    let reclaimed = reclaim(&database.path(), &with(IRREVERSIBLE), Path::new(&aside)).unwrap();
    assert_eq!((reclaimed.from, reclaimed.to, reclaimed.snapshot, reclaimed.set_aside), (0, 2, None, None));
    assert_eq!((database.names(), database.organizations().len()), (vec!["landfall.db".to_owned()], 3));
}

#[test]
fn a_rehearsal_during_service_leaves_nothing_behind() {
    let database = TestDatabase::new();
    let (_serving, _) = Store::open(&database.path(), &Migrations::OWN).unwrap();
    let (names, before) = (database.names(), database.dump());
    for steps in [with(NEXT), with(IRREVERSIBLE), with(NEXT).and(ANOTHER)] {
        let to = steps.latest();
        let rehearsed = rehearse(&database.path(), &steps, to).unwrap();
        assert_eq!((rehearsed.from, rehearsed.to, rehearsed.snapshot, rehearsed.set_aside), (1, to, None, None));
        assert_eq!(database.names(), names);
    }
    assert_eq!(database.dump().difference(&before), None);
    assert_eq!(database.schema(), Some(1));
}

#[test]
fn migrating_back_can_be_rehearsed() {
    let database = TestDatabase::new();
    let (_serving, _) = Store::open(&database.path(), &with(NEXT)).unwrap();
    let rehearsed = rehearse(&database.path(), &with(NEXT), 1).unwrap();
    assert_eq!((rehearsed.from, rehearsed.to), (2, 1));
    assert_eq!(database.schema(), Some(2));
}

#[test]
fn without_a_database_nothing_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db/landfall.db");
    for done in [migrate(&path, &with(NEXT), 1).unwrap(), rehearse(&path, &with(NEXT), 2).unwrap()] {
        assert_eq!((done.from, done.to, done.snapshot, done.set_aside), (0, 0, None, None));
    }
    assert_eq!(images(&path).unwrap(), Vec::<String>::new());
    assert!(!folder.path().join("db").exists());
}

#[test]
fn images_are_listed_during_service_and_without_it() {
    let database = TestDatabase::new();
    let (serving, _) = Store::open(&database.path(), &Migrations::OWN).unwrap();
    assert_eq!(images(&database.path()).unwrap(), Vec::<String>::new());
    for (number, image) in [(1, "sha256:bb"), (2, "sha256:aa"), (3, "sha256:bb")] {
        database.execute(&format!(
            "INSERT INTO environments (orgId, name, port, subnet, apiKeyNonce, apiKeyHash, imageName, imageConfig, \
             imageDiffIds, imageTenant, createdAt, updatedAt) \
             VALUES (1, 'a', {number}, {number}, x'', {number}, 'a', '{image}', '', '', '', '')"
        ));
    }
    assert_eq!(images(&database.path()).unwrap(), ["sha256:aa", "sha256:bb"]);
    drop(serving);
    assert_eq!(images(&database.path()).unwrap(), ["sha256:aa", "sha256:bb"]);
}
