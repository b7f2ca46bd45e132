//! What killed programs leave is removed by the next one, and never taken for something else.

use super::scene::{NEXT, Scene, with};
use crate::store::database_file::{DatabaseFolder, ScratchDatabase};
use crate::store::{Migrations, Store, migrate};

#[test]
fn leftovers_are_removed_when_the_database_is_opened() {
    let scene = Scene::new();
    let names = scene.names();
    for name in [".landfall.db.partial", ".landfall.db.partial-journal", ".landfall.db.rehearsal"] {
        std::fs::write(scene.file(name), "half of something").unwrap();
    }
    for second in [".landfall.db.link", "landfall.db.schema-1", "landfall.db.aside-schema-1"] {
        std::fs::hard_link(scene.path(), scene.file(second)).unwrap();
    }
    drop(Store::open(&scene.path(), &Migrations::OWN).unwrap());
    assert_eq!(scene.names(), names);
}

#[test]
fn a_rehearsal_that_is_under_way_is_not_taken_for_a_leftover() {
    let scene = Scene::new();
    let rehearsal = scene.file(".landfall.db.rehearsal");
    let under_way = ScratchDatabase::create(rehearsal.clone()).unwrap();
    DatabaseFolder::prepare(&scene.path()).unwrap();
    assert!(rehearsal.exists());
    drop(under_way);
    assert!(!rehearsal.exists());
}

#[test]
fn a_log_without_its_database_never_meets_another_one() {
    let scene = Scene::new();
    super::child::Order::WriteAndDie.command(&scene.path(), &[]).output().unwrap();
    assert!(scene.file("landfall.db-wal").exists());
    std::fs::remove_file(scene.path()).unwrap();
    drop(Store::open(&scene.path(), &with(NEXT)).unwrap());
    assert_eq!(scene.organizations(), ["default"]);
    migrate(&scene.path(), &with(NEXT), 1).unwrap();
    assert_eq!(scene.organizations(), ["default"]);
}
