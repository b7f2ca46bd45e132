//! Forward, back and forward again, with what is written on the way.

use super::child::Order;
use super::scene::{ANOTHER, IRREVERSIBLE, NEXT, Scene, dump, organizations, with};
use crate::store::{Migrations, Store, StoreError, images, migrate, reclaim, rehearse, restore};
use std::path::Path;
use std::process::Stdio;

#[test]
fn rows_written_on_either_side_survive_the_way_back_and_forth() {
    let scene = Scene::new();
    let before = scene.dump();
    let (store, migrated) = Store::open(&scene.path(), &with(NEXT)).unwrap();
    let snapshot = scene.file("landfall.db.schema-1");
    assert_eq!((migrated.from, migrated.to, migrated.snapshot), (1, 2, Some(snapshot.clone())));
    drop(store);
    assert_eq!(dump(&snapshot).difference(&before), None, "the snapshot is what was");
    scene.execute("INSERT INTO organizations (name, createdAt, mark) VALUES ('from 2', 'now', 'x')");

    let back = migrate(&scene.path(), &with(NEXT), 1).unwrap();
    assert_eq!((back.from, back.to, back.snapshot), (2, 1, Some(scene.file("landfall.db.schema-2"))));
    assert_eq!(scene.organizations(), ["acme", "default", "from 2"]);
    drop(Store::open(&scene.path(), &Migrations::OWN).unwrap());
    scene.execute("INSERT INTO organizations (name, createdAt) VALUES ('from 1', 'now')");

    drop(Store::open(&scene.path(), &with(NEXT)).unwrap());
    assert_eq!(scene.organizations(), ["acme", "default", "from 1", "from 2"]);
    assert_eq!(organizations(&snapshot), scene.organizations(), "the snapshot is the latest one");
    assert_eq!(scene.schema(), Some(2));
    // There already: nothing changes.
    let again = migrate(&scene.path(), &with(NEXT), 2).unwrap();
    assert_eq!((again.from, again.to, again.snapshot, again.set_aside), (2, 2, None, None));
}

#[test]
fn what_a_killed_writer_left_in_the_log_is_in_both_files() {
    let scene = Scene::new();
    Order::WriteAndDie.command(&scene.path(), &[]).output().unwrap();
    let log = scene.file("landfall.db-wal");
    assert!(std::fs::metadata(&log).unwrap().len() > 0, "the row is in the log only");
    migrate(&scene.path(), &with(NEXT), 2).unwrap();
    assert_eq!(scene.names(), ["landfall.db", "landfall.db.schema-1"]);
    assert_eq!(scene.organizations(), ["acme", "default", "late"]);
    assert_eq!(organizations(&scene.file("landfall.db.schema-1")), ["acme", "default", "late"]);
}

#[test]
fn programs_that_start_at_once_migrate_once() {
    let scene = Scene::new();
    let mut starting: Vec<_> =
        (0..4).map(|_| Order::Forward.command(&scene.path(), &[]).stdout(Stdio::null()).spawn().unwrap()).collect();
    for program in &mut starting {
        assert!(program.wait().unwrap().success());
    }
    assert_eq!((scene.schema(), scene.names()), (Some(2), vec!["landfall.db".into(), "landfall.db.schema-1".into()]));
    assert_eq!(scene.organizations(), ["acme", "default"]);
}

#[test]
fn a_snapshot_is_restored_where_there_is_no_way_back() {
    let scene = Scene::new();
    drop(Store::open(&scene.path(), &with(IRREVERSIBLE)).unwrap());
    Order::WriteAndDie.command(&scene.path(), &[]).output().unwrap();
    let refused = migrate(&scene.path(), &with(IRREVERSIBLE), 1).unwrap_err();
    assert!(matches!(refused, StoreError::Irreversible { from: 2, step: 2, .. }), "{refused}");

    let restored = restore(&scene.path(), &Migrations::OWN, 1).unwrap();
    let aside = scene.file("landfall.db.aside-schema-2");
    assert_eq!((restored.from, restored.to, restored.snapshot, restored.set_aside), (2, 1, None, Some(aside.clone())));
    assert_eq!(scene.names(), ["landfall.db", "landfall.db.aside-schema-2"]);
    assert_eq!((scene.schema(), scene.organizations()), (Some(1), vec!["acme".to_owned(), "default".to_owned()]));
    assert_eq!(organizations(&aside), ["acme", "default", "late"]);
    let again = restore(&scene.path(), &Migrations::OWN, 1).unwrap();
    assert_eq!((again.from, again.to, again.set_aside), (1, 1, None));
}

#[test]
fn what_only_the_newer_schema_holds_comes_back_when_the_way_back_is_taken_back() {
    let scene = Scene::new();
    drop(Store::open(&scene.path(), &with(NEXT)).unwrap());
    scene.execute("UPDATE organizations SET mark = 'precious'; INSERT INTO marks (orgId) VALUES (1), (1)");
    let before = scene.dump();
    migrate(&scene.path(), &with(NEXT), 1).unwrap();
    Order::WriteAndDie.command(&scene.path(), &[]).output().unwrap();

    let restored = restore(&scene.path(), &with(NEXT), 2).unwrap();
    let aside = scene.file("landfall.db.aside-schema-1");
    assert_eq!((restored.from, restored.to, restored.snapshot, restored.set_aside), (1, 2, None, Some(aside.clone())));
    assert_eq!(scene.dump().difference(&before), None);
    assert_eq!(organizations(&aside), ["acme", "default", "late"]);
    let again = restore(&scene.path(), &with(NEXT), 2).unwrap();
    assert_eq!((again.from, again.to, again.set_aside), (2, 2, None));
}

#[test]
fn the_newer_program_restores_an_older_snapshot_where_the_older_one_is_not_there() {
    let scene = Scene::new();
    let before = scene.dump();
    drop(Store::open(&scene.path(), &with(IRREVERSIBLE)).unwrap());
    let restored = restore(&scene.path(), &with(IRREVERSIBLE), 1).unwrap();
    assert_eq!((restored.from, restored.to), (2, 1));
    assert_eq!(scene.dump().difference(&before), None);
}

/// Goes to the next release, writes a row there, and takes up the snapshot.
fn away_and_back(scene: &Scene, row: &str) -> String {
    drop(Store::open(&scene.path(), &with(IRREVERSIBLE)).unwrap());
    scene.execute(&format!("INSERT INTO organizations (name, createdAt) VALUES ('{row}', 'now')"));
    let aside = restore(&scene.path(), &Migrations::OWN, 1).unwrap().set_aside.unwrap();
    aside.file_name().unwrap().to_str().unwrap().to_owned()
}

#[test]
fn what_was_set_aside_is_never_replaced() {
    let scene = Scene::new();
    let names = ["landfall.db.aside-schema-2", "landfall.db.aside-schema-2.2", "landfall.db.aside-schema-2.3"];
    let rows = ["one", "two", "three"];
    assert_eq!(rows.map(|row| away_and_back(&scene, row)), names);
    for (name, row) in names.into_iter().zip(rows) {
        assert!(organizations(&scene.file(name)).contains(&row.to_owned()), "{name}");
    }
    std::fs::remove_file(scene.file(names[1])).unwrap();
    assert_eq!(away_and_back(&scene, "four"), names[1], "the lowest number that is free");
    assert!(organizations(&scene.file(names[2])).contains(&"three".to_owned()));
}

#[test]
fn what_was_set_aside_is_reclaimed_when_the_return_to_the_snapshot_is_taken_back() {
    let scene = Scene::new();
    let aside = away_and_back(&scene, "from 2");
    Order::WriteAndDie.command(&scene.path(), &[]).output().unwrap();
    let reclaimed = reclaim(&scene.path(), &with(IRREVERSIBLE), Path::new(&aside)).unwrap();
    let snapshot = scene.file("landfall.db.schema-1");
    assert_eq!((reclaimed.from, reclaimed.to, reclaimed.set_aside), (1, 2, None));
    assert_eq!(reclaimed.snapshot.as_ref(), Some(&snapshot));
    assert_eq!(scene.names(), ["landfall.db", "landfall.db.schema-1"]);
    assert_eq!(
        (scene.schema(), scene.organizations()),
        (Some(2), ["acme", "default", "from 2"].map(Into::into).into())
    );
    assert_eq!(organizations(&snapshot), ["acme", "default", "late"]);
    for file in [Path::new(&aside), &scene.file(&aside)] {
        let again = reclaim(&scene.path(), &with(IRREVERSIBLE), file).unwrap();
        assert_eq!((again.from, again.to, again.snapshot, again.set_aside), (2, 2, None, None));
    }
    assert_eq!(scene.names(), ["landfall.db", "landfall.db.schema-1"]);
}

#[test]
fn a_database_that_was_migrated_meanwhile_is_set_aside_in_its_turn() {
    let scene = Scene::new();
    let first = away_and_back(&scene, "from 2");
    drop(Store::open(&scene.path(), &with(IRREVERSIBLE)).unwrap());
    Order::WriteAndDie.command(&scene.path(), &[]).output().unwrap();
    let reclaimed = reclaim(&scene.path(), &with(IRREVERSIBLE), Path::new(&first)).unwrap();
    let second = scene.file("landfall.db.aside-schema-2.2");
    assert_eq!((reclaimed.from, reclaimed.to, reclaimed.snapshot), (2, 2, None));
    assert_eq!(reclaimed.set_aside.as_ref(), Some(&second));
    assert_eq!(scene.names(), ["landfall.db", "landfall.db.aside-schema-2.2", "landfall.db.schema-1"]);
    assert_eq!(scene.organizations(), ["acme", "default", "from 2"]);
    assert_eq!(organizations(&second), ["acme", "default", "late"]);
}

#[test]
fn what_was_set_aside_is_reclaimed_where_there_is_no_database() {
    let scene = Scene::new();
    let aside = away_and_back(&scene, "from 2");
    std::fs::remove_file(scene.path()).unwrap();
    let reclaimed = reclaim(&scene.path(), &with(IRREVERSIBLE), Path::new(&aside)).unwrap();
    assert_eq!((reclaimed.from, reclaimed.to, reclaimed.snapshot, reclaimed.set_aside), (0, 2, None, None));
    assert_eq!((scene.names(), scene.organizations().len()), (vec!["landfall.db".to_owned()], 3));
}

#[test]
fn a_rehearsal_beside_the_running_service_leaves_nothing_behind() {
    let scene = Scene::new();
    let (_serving, _) = Store::open(&scene.path(), &Migrations::OWN).unwrap();
    let (names, before) = (scene.names(), scene.dump());
    for steps in [with(NEXT), with(IRREVERSIBLE), with(NEXT).and(ANOTHER)] {
        let to = steps.latest();
        let rehearsed = rehearse(&scene.path(), &steps, to).unwrap();
        assert_eq!((rehearsed.from, rehearsed.to, rehearsed.snapshot, rehearsed.set_aside), (1, to, None, None));
        assert_eq!(scene.names(), names);
    }
    assert_eq!(scene.dump().difference(&before), None);
    assert_eq!(scene.schema(), Some(1));
}

#[test]
fn the_way_back_can_be_rehearsed_too() {
    let scene = Scene::new();
    let (_serving, _) = Store::open(&scene.path(), &with(NEXT)).unwrap();
    let rehearsed = rehearse(&scene.path(), &with(NEXT), 1).unwrap();
    assert_eq!((rehearsed.from, rehearsed.to), (2, 1));
    assert_eq!(scene.schema(), Some(2));
}

#[test]
fn without_a_database_there_is_nothing_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db/landfall.db");
    for done in [migrate(&path, &with(NEXT), 1).unwrap(), rehearse(&path, &with(NEXT), 2).unwrap()] {
        assert_eq!((done.from, done.to, done.snapshot, done.set_aside), (0, 0, None, None));
    }
    assert_eq!(images(&path).unwrap(), Vec::<String>::new());
    assert!(!folder.path().join("db").exists());
}

#[test]
fn the_images_of_tenants_are_listed_while_the_service_runs_and_when_it_does_not() {
    let scene = Scene::new();
    let (serving, _) = Store::open(&scene.path(), &Migrations::OWN).unwrap();
    assert_eq!(images(&scene.path()).unwrap(), Vec::<String>::new());
    for (number, image) in [(1, "sha256:bb"), (2, "sha256:aa"), (3, "sha256:bb")] {
        scene.execute(&format!(
            "INSERT INTO environments (orgId, name, port, subnet, apiKeyNonce, apiKeyHash, imageName, imageConfig, \
             imageDiffIds, listenPort, healthPath, createdAt, updatedAt) \
             VALUES (1, 'a', {number}, {number}, x'', {number}, 'a', '{image}', '', 1, '/', '', '')"
        ));
    }
    assert_eq!(images(&scene.path()).unwrap(), ["sha256:aa", "sha256:bb"]);
    drop(serving);
    assert_eq!(images(&scene.path()).unwrap(), ["sha256:aa", "sha256:bb"]);
}
