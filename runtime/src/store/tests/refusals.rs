//! What is refused, with the database as it was.

use super::scene::{IRREVERSIBLE, NEXT, Scene, with};
use crate::store::{Migration, Migrations, Store, StoreError, migrate, reclaim, rehearse, restore};
use rusqlite::Connection;
use std::path::Path;

/// What a step does that no release should have, and how it shows.
fn bad_steps() -> [(&'static str, Migration, &'static str); 5] {
    let step = |up, down| Migration { up, down: Some(down) };
    [
        ("fails", step("CREATE TABLE extra (a); INSERT INTO nowhere VALUES (1);", ""), "the step to schema 2 failed"),
        ("ends what it did not begin", step("COMMIT;", ""), "the step to schema 2 failed"),
        (
            "leaves a reference to nothing",
            step("CREATE TABLE a (b REFERENCES organizations (id)); INSERT INTO a VALUES (9);", "DROP TABLE a"),
            "a row of table a refers to one of table organizations",
        ),
        ("has a way back that fails", step("CREATE TABLE a (b);", "DROP TABLE c;"), "the step to schema 1 failed"),
        (
            "forgets which numbers were given away",
            step("DELETE FROM sqlite_sequence;", ""),
            "sqlite_sequence has 0 rows instead of 1",
        ),
    ]
}

/// What a step loses, and how it is named.
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
fn a_rehearsal_finds_what_is_wrong_with_a_step() {
    let scene = Scene::new();
    let (names, before) = (scene.names(), scene.dump());
    for (what, step, named) in bad_steps() {
        let error = rehearse(&scene.path(), &with(step), 2).unwrap_err();
        assert!(error.to_string().contains(named), "{what}: {error}");
    }
    for (step, named) in lossy_steps() {
        let error = rehearse(&scene.path(), &with(step), 2).unwrap_err();
        assert!(
            matches!(&error, StoreError::LosesContent { from: 1, to: 2, difference } if difference.contains(named)),
            "{error}"
        );
    }
    assert_eq!(scene.names(), names);
    assert_eq!(scene.dump().difference(&before), None);
}

#[test]
fn a_step_that_fails_leaves_the_database_as_it_was() {
    let scene = Scene::new();
    let (names, before) = (scene.names(), scene.dump());
    for (what, step, named) in bad_steps().into_iter().take(3) {
        let error = Store::open(&scene.path(), &with(step)).unwrap_err();
        assert!(error.to_string().contains(named), "{what}: {error}");
        assert_eq!(scene.names(), names, "{what}");
        assert_eq!(scene.dump().difference(&before), None, "{what}");
    }
    assert_eq!(Store::open(&scene.path(), &Migrations::OWN).unwrap().1.from, 1);
}

#[test]
fn a_database_that_is_in_use_is_left_alone() {
    let scene = Scene::new();
    let (serving, _) = Store::open(&scene.path(), &Migrations::OWN).unwrap();
    let error = migrate(&scene.path(), &with(NEXT), 2).unwrap_err();
    assert!(matches!(&error, StoreError::InUse { path } if *path == scene.path()), "{error}");
    assert_eq!(scene.schema(), Some(1));
    drop(serving);
    migrate(&scene.path(), &with(NEXT), 2).unwrap();
}

#[test]
fn a_snapshot_is_restored_only_where_there_is_one() {
    let scene = Scene::new();
    drop(Store::open(&scene.path(), &with(IRREVERSIBLE)).unwrap());
    let snapshot = scene.file("landfall.db.schema-1");
    let good = std::fs::read(&snapshot).unwrap();
    std::fs::write(&snapshot, "no database, and long enough to be taken for one".repeat(100)).unwrap();
    let refused = |what: &str| {
        let error = restore(&scene.path(), &Migrations::OWN, 1).unwrap_err();
        assert!(matches!(&error, StoreError::NoSnapshot { path, schema: 1 } if *path == snapshot), "{what}: {error}");
        assert_eq!(scene.schema(), Some(2), "{what}");
    };
    refused("not a database");
    std::fs::copy(scene.path(), &snapshot).unwrap();
    refused("of another schema");
    std::fs::remove_file(&snapshot).unwrap();
    refused("not there");
    std::fs::write(&snapshot, good).unwrap();
    restore(&scene.path(), &Migrations::OWN, 1).unwrap();
}

#[test]
fn only_a_whole_database_of_this_release_is_reclaimed() {
    let scene = Scene::new();
    let aside = scene.file("landfall.db.aside-schema-1");
    std::fs::copy(scene.path(), scene.file("another")).unwrap();
    scene.execute("INSERT INTO organizations (name, createdAt) VALUES ('later', 'now')");
    let (names, before) = (scene.names(), scene.dump());
    let reclaim = |file: &Path| reclaim(&scene.path(), &Migrations::OWN, file);
    let refused = |what: &str| {
        let error = reclaim(&aside).unwrap_err();
        assert!(matches!(&error, StoreError::WrongSchema { path, own: 1 } if *path == aside), "{what}: {error}");
        std::fs::remove_file(&aside).unwrap();
        assert_eq!((scene.names(), scene.dump().difference(&before)), (names.clone(), None), "{what}");
    };
    std::fs::write(&aside, "no database, and long enough to be taken for one".repeat(100)).unwrap();
    refused("not a database");
    std::fs::write(&aside, "").unwrap();
    refused("empty");
    std::os::unix::fs::symlink(scene.file("another"), &aside).unwrap();
    refused("elsewhere");
    std::fs::copy(scene.file("another"), &aside).unwrap();
    Connection::open(&aside).unwrap().pragma_update(None, "user_version", 2).unwrap();
    refused("of another release");

    std::fs::copy(scene.file("another"), &aside).unwrap();
    Connection::open(&aside)
        .unwrap()
        .execute_batch(
            "CREATE TABLE a (b REFERENCES organizations (id)); PRAGMA foreign_keys = OFF; INSERT INTO a VALUES (9);",
        )
        .unwrap();
    let unsound = reclaim(&aside).unwrap_err();
    assert!(matches!(unsound, StoreError::Integrity { schema: 1, .. }), "{unsound}");
    let elsewhere = reclaim(&scene.file("another")).unwrap_err();
    assert!(matches!(elsewhere, StoreError::NotSetAside { .. }), "{elsewhere}");
    assert_eq!(scene.dump().difference(&before), None);
}

#[test]
fn what_somebody_has_open_is_not_reclaimed() {
    let scene = Scene::new();
    let aside = scene.file("landfall.db.aside-schema-1");
    std::fs::copy(scene.path(), &aside).unwrap();
    for held in [scene.path(), aside.clone()] {
        let reader = Connection::open(&held).unwrap();
        reader.execute_batch("BEGIN; SELECT * FROM organizations").unwrap();
        let names = scene.names();
        let error = reclaim(&scene.path(), &Migrations::OWN, &aside).unwrap_err();
        assert!(matches!(&error, StoreError::InUse { path } if *path == held), "{error}");
        assert_eq!(scene.names(), names);
    }
    reclaim(&scene.path(), &Migrations::OWN, &aside).unwrap();
}

#[test]
fn what_is_gone_is_not_taken_for_reclaimed() {
    let scene = Scene::new();
    let aside = scene.file("landfall.db.aside-schema-2");
    let error = reclaim(&scene.path(), &with(NEXT), &aside).unwrap_err();
    assert!(matches!(&error, StoreError::SetAsideMissing { path } if *path == aside), "{error}");
    std::fs::remove_file(scene.path()).unwrap();
    let error = reclaim(&scene.path(), &with(NEXT), &aside).unwrap_err();
    assert!(matches!(error, StoreError::SetAsideMissing { .. }), "{error}");
}

#[test]
fn knows_the_schemas_that_it_does_not_know() {
    let scene = Scene::new();
    let unknown = migrate(&scene.path(), &Migrations::OWN, 2).unwrap_err();
    assert!(matches!(unknown, StoreError::UnknownSchema { wanted: 2, known: 1 }), "{unknown}");
    let unknown = restore(&scene.path(), &Migrations::OWN, 2).unwrap_err();
    assert!(matches!(unknown, StoreError::UnknownSchema { wanted: 2, known: 1 }), "{unknown}");
    migrate(&scene.path(), &with(NEXT), 2).unwrap();
    let newer = migrate(&scene.path(), &Migrations::OWN, 1).unwrap_err();
    assert!(matches!(newer, StoreError::TooNew { found: 2, known: 1, .. }), "{newer}");
}
