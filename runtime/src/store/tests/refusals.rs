//! Operations that are refused, and leave the database unchanged.

use super::test_database::{IRREVERSIBLE, NEXT, TestDatabase, with};
use crate::store::{Migration, Migrations, Store, StoreError, migrate, reclaim, rehearse, restore};
use rusqlite::Connection;
use std::path::Path;

/// Steps that no release should have: what each does, and how the error names it.
fn bad_steps() -> [(&'static str, Migration, &'static str); 5] {
    let step = |up, down| Migration { up, down: Some(down) };
    [
        ("fails", step("CREATE TABLE extra (a); INSERT INTO nowhere VALUES (1);", ""), "the step to schema 2 failed"),
        ("ends the transaction", step("COMMIT;", ""), "the step to schema 2 failed"),
        (
            "leaves a reference to nothing",
            step("CREATE TABLE a (b REFERENCES organizations (id)); INSERT INTO a VALUES (9);", "DROP TABLE a"),
            "a row of table a refers to one of table organizations",
        ),
        ("fails when reversed", step("CREATE TABLE a (b);", "DROP TABLE c;"), "the step to schema 1 failed"),
        (
            "forgets which numbers were assigned",
            step("DELETE FROM sqlite_sequence;", ""),
            "sqlite_sequence has 0 rows instead of 1",
        ),
    ]
}

/// Steps that lose data, and how the error names the loss.
fn lossy_steps() -> [(Migration, &'static str); 5] {
    let step = |up, down| Migration { up, down: Some(down) };
    [
        (
            step(
                "ALTER TABLE organizations DROP COLUMN plan;",
                "ALTER TABLE organizations ADD COLUMN plan TEXT NOT NULL DEFAULT 'free';",
            ),
            "column organizations.plan has other values",
        ),
        (step("ALTER TABLE organizations DROP COLUMN plan;", ""), "column organizations.plan is gone"),
        (step("DROP INDEX environmentsOfOrganization;", ""), "index environmentsOfOrganization is gone"),
        (step("CREATE TABLE extra (a);", ""), "table extra stays"),
        (
            step("UPDATE organizations SET plan = CASE plan WHEN 'paid' THEN 'free' ELSE 'paid' END;", ""),
            "table organizations has other rows",
        ),
    ]
}

#[test]
fn a_rehearsal_finds_steps_that_fail_or_lose_data() {
    let database = TestDatabase::new();
    let (names, before) = (database.names(), database.dump());
    for (what, step, named) in bad_steps() {
        let error = rehearse(&database.path(), &with(step), 2).unwrap_err();
        assert!(error.to_string().contains(named), "{what}: {error}");
    }
    for (step, named) in lossy_steps() {
        let error = rehearse(&database.path(), &with(step), 2).unwrap_err();
        assert!(
            matches!(&error, StoreError::LosesContent { from: 1, to: 2, difference } if difference.contains(named)),
            "{error}"
        );
    }
    assert_eq!(database.names(), names);
    assert_eq!(database.dump().difference(&before), None);
}

#[test]
fn a_failing_step_leaves_the_database_unchanged() {
    let database = TestDatabase::new();
    let (names, before) = (database.names(), database.dump());
    for (what, step, named) in bad_steps().into_iter().take(3) {
        let error = Store::open(&database.path(), &with(step)).unwrap_err();
        assert!(error.to_string().contains(named), "{what}: {error}");
        assert_eq!(database.names(), names, "{what}");
        assert_eq!(database.dump().difference(&before), None, "{what}");
    }
    assert_eq!(Store::open(&database.path(), &Migrations::OWN).unwrap().1.from, 1);
}

#[test]
fn a_database_in_use_is_not_migrated() {
    let database = TestDatabase::new();
    let (serving, _) = Store::open(&database.path(), &Migrations::OWN).unwrap();
    let error = migrate(&database.path(), &with(NEXT), 2).unwrap_err();
    assert!(matches!(&error, StoreError::InUse { path } if *path == database.path()), "{error}");
    assert_eq!(database.schema(), Some(1));
    drop(serving);
    migrate(&database.path(), &with(NEXT), 2).unwrap();
}

#[test]
fn only_a_snapshot_of_its_schema_is_restored() {
    let database = TestDatabase::new();
    drop(Store::open(&database.path(), &with(IRREVERSIBLE)).unwrap());
    let snapshot = database.file("landfall.db.schema-1");
    let good = std::fs::read(&snapshot).unwrap();
    std::fs::write(&snapshot, "no database, and long enough to be taken for one".repeat(100)).unwrap();
    let refused = |what: &str| {
        let error = restore(&database.path(), &Migrations::OWN, 1).unwrap_err();
        assert!(matches!(&error, StoreError::NoSnapshot { path, schema: 1 } if *path == snapshot), "{what}: {error}");
        assert_eq!(database.schema(), Some(2), "{what}");
    };
    refused("not a database");
    std::fs::copy(database.path(), &snapshot).unwrap();
    refused("of another schema");
    std::fs::remove_file(&snapshot).unwrap();
    refused("not there");
    std::fs::write(&snapshot, good).unwrap();
    restore(&database.path(), &Migrations::OWN, 1).unwrap();
}

#[test]
fn only_a_sound_database_of_this_release_is_reclaimed() {
    let database = TestDatabase::new();
    let aside = database.file("landfall.db.aside-schema-1");
    std::fs::copy(database.path(), database.file("another")).unwrap();
    database.execute("INSERT INTO organizations (name, createdAt) VALUES ('later', 'now')");
    let (names, before) = (database.names(), database.dump());
    let reclaim = |file: &Path| reclaim(&database.path(), &Migrations::OWN, file);
    let refused = |what: &str| {
        let error = reclaim(&aside).unwrap_err();
        assert!(matches!(&error, StoreError::WrongSchema { path, own: 1 } if *path == aside), "{what}: {error}");
        std::fs::remove_file(&aside).unwrap();
        assert_eq!((database.names(), database.dump().difference(&before)), (names.clone(), None), "{what}");
    };
    std::fs::write(&aside, "no database, and long enough to be taken for one".repeat(100)).unwrap();
    refused("not a database");
    std::fs::write(&aside, "").unwrap();
    refused("empty");
    std::os::unix::fs::symlink(database.file("another"), &aside).unwrap();
    refused("elsewhere");
    std::fs::copy(database.file("another"), &aside).unwrap();
    Connection::open(&aside).unwrap().pragma_update(None, "user_version", 2).unwrap();
    refused("of another release");

    std::fs::copy(database.file("another"), &aside).unwrap();
    Connection::open(&aside)
        .unwrap()
        .execute_batch(
            "CREATE TABLE a (b REFERENCES organizations (id)); PRAGMA foreign_keys = OFF; INSERT INTO a VALUES (9);",
        )
        .unwrap();
    let unsound = reclaim(&aside).unwrap_err();
    assert!(matches!(unsound, StoreError::Integrity { schema: 1, .. }), "{unsound}");
    let elsewhere = reclaim(&database.file("another")).unwrap_err();
    assert!(matches!(elsewhere, StoreError::NotSetAside { .. }), "{elsewhere}");
    assert_eq!(database.dump().difference(&before), None);
}

#[test]
fn a_database_in_use_is_not_reclaimed() {
    let database = TestDatabase::new();
    let aside = database.file("landfall.db.aside-schema-1");
    std::fs::copy(database.path(), &aside).unwrap();
    for held in [database.path(), aside.clone()] {
        let reader = Connection::open(&held).unwrap();
        reader.execute_batch("BEGIN; SELECT * FROM organizations").unwrap();
        let names = database.names();
        let error = reclaim(&database.path(), &Migrations::OWN, &aside).unwrap_err();
        assert!(matches!(&error, StoreError::InUse { path } if *path == held), "{error}");
        assert_eq!(database.names(), names);
    }
    reclaim(&database.path(), &Migrations::OWN, &aside).unwrap();
}

#[test]
fn a_missing_database_is_not_reclaimed() {
    let database = TestDatabase::new();
    let aside = database.file("landfall.db.aside-schema-2");
    let error = reclaim(&database.path(), &with(NEXT), &aside).unwrap_err();
    assert!(matches!(&error, StoreError::SetAsideMissing { path } if *path == aside), "{error}");
    std::fs::remove_file(database.path()).unwrap();
    let error = reclaim(&database.path(), &with(NEXT), &aside).unwrap_err();
    assert!(matches!(error, StoreError::SetAsideMissing { .. }), "{error}");
}

#[test]
fn refuses_schemas_that_it_does_not_know() {
    let database = TestDatabase::new();
    let unknown = migrate(&database.path(), &Migrations::OWN, 2).unwrap_err();
    assert!(matches!(unknown, StoreError::UnknownSchema { wanted: 2, known: 1 }), "{unknown}");
    let unknown = restore(&database.path(), &Migrations::OWN, 2).unwrap_err();
    assert!(matches!(unknown, StoreError::UnknownSchema { wanted: 2, known: 1 }), "{unknown}");
    migrate(&database.path(), &with(NEXT), 2).unwrap();
    let newer = migrate(&database.path(), &Migrations::OWN, 1).unwrap_err();
    assert!(matches!(newer, StoreError::TooNew { found: 2, known: 1, .. }), "{newer}");
}
