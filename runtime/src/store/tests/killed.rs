//! Old or new, never in between: a migration is killed before each system call by which it changes the folder, and each of these
//! calls fails in turn.

use super::child::Order;
use super::scene::{IRREVERSIBLE, NEXT, Scene, dump, with};
use super::trace::{Point, points, tampered};
use crate::store::database_file::DatabaseFolder;
use crate::store::migrations::contents::Contents;
use crate::store::{Migrations, Store, migrate, restore};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Points that are worked on side by side.
const WORKERS: usize = 2;

/// A database's schema, and what it holds.
type State = (u32, Contents);

/// What is tampered with, how the database was and how it is to be, with all that is beside it then.
struct Walk {
    order: Order,
    ground: Scene,
    old: State,
    new: State,
    files: BTreeMap<String, Contents>,
}

fn state(scene: &Scene) -> Option<State> {
    Some((scene.schema()?, scene.dump()))
}

fn files(scene: &Scene) -> BTreeMap<String, Contents> {
    scene.names().into_iter().map(|name| (name.clone(), dump(&scene.file(&name)))).collect()
}

impl Walk {
    /// On this ground, with a row that only the log of a killed writer holds.
    fn new(order: Order, ground: Scene) -> Self {
        Order::WriteAndDie.command(&ground.path(), &[]).output().unwrap();
        let (old, whole) = (state(&Scene::copy_of(&ground)).unwrap(), Scene::copy_of(&ground));
        order.follow(&whole.path());
        let (new, files) = (state(&whole).unwrap(), files(&whole));
        assert_ne!(old, new);
        Self { order, ground, old, new, files }
    }

    fn all(&self) {
        let whole = Scene::copy_of(&self.ground);
        let points = points(self.order, &whole.path(), whole.folder());
        println!("{:?}: {} points", self.order, points.len());
        assert!(points.len() > 40, "only {} points: the log is not read right", points.len());
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..WORKERS {
                scope.spawn(|| {
                    while let Some(point) = points.get(next.fetch_add(1, Ordering::Relaxed)) {
                        self.killed_at(point);
                        self.failed_at(point, if point.call.contains("sync") { "EIO" } else { "ENOSPC" });
                    }
                });
            }
        });
    }

    fn killed_at(&self, point: &Point) {
        let scene = Scene::copy_of(&self.ground);
        let killed = tampered(self.order, &scene.path(), point, "signal=SIGKILL");
        assert!(!killed.status.success(), "{point:?}: was not killed");
        self.settled(&scene, &format!("killed before {point:?}"));
    }

    fn failed_at(&self, point: &Point, error: &str) {
        let scene = Scene::copy_of(&self.ground);
        let failed = tampered(self.order, &scene.path(), point, &format!("error={error}"));
        let what = format!("{error} of {point:?}");
        if failed.status.success() {
            assert_eq!(state(&scene).as_ref(), Some(&self.new), "{what}: says that it is done");
        }
        self.settled(&scene, &what);
    }

    /// The next program finds the old or the new database whole. The same order can be followed again, and then every file holds what
    /// it is to hold.
    fn settled(&self, scene: &Scene, what: &str) {
        drop(DatabaseFolder::prepare(&scene.path()).unwrap());
        let found = state(scene).unwrap_or_else(|| panic!("{what}: there is no database"));
        assert!([&self.old, &self.new].contains(&&found), "{what}: the database is another one: {found:?}");
        let hidden: Vec<String> = scene.names().into_iter().filter(|name| name.starts_with('.')).collect();
        assert!(hidden.is_empty(), "{what}: left {hidden:?}");
        self.order.follow(&scene.path());
        assert_eq!(state(scene).as_ref(), Some(&self.new), "{what}: again");
        assert_eq!(files(scene), self.files, "{what}: again");
    }
}

#[test]
fn an_opening_of_the_next_release_leaves_the_old_or_the_new_database() {
    Walk::new(Order::Forward, Scene::new()).all();
}

#[test]
fn a_way_back_leaves_the_old_or_the_new_database() {
    let ground = Scene::new();
    drop(Store::open(&ground.path(), &with(NEXT)).unwrap());
    Walk::new(Order::Back, ground).all();
}

#[test]
fn a_restored_snapshot_leaves_the_old_or_the_new_database() {
    Walk::new(Order::Restore, set_aside_and_migrated_again()).all();
}

#[test]
fn a_restored_snapshot_of_the_newer_schema_leaves_the_old_or_the_new_database() {
    let ground = Scene::new();
    drop(Store::open(&ground.path(), &with(NEXT)).unwrap());
    ground.execute("UPDATE organizations SET mark = 'precious'");
    migrate(&ground.path(), &with(NEXT), 1).unwrap();
    Walk::new(Order::RestoreNewer, ground).all();
}

#[test]
fn what_is_reclaimed_leaves_the_old_or_the_new_database() {
    Walk::new(Order::Reclaim, set_aside()).all();
}

#[test]
fn what_is_reclaimed_from_a_database_of_its_own_schema_leaves_one_or_the_other() {
    Walk::new(Order::Reclaim, set_aside_and_migrated_again()).all();
}

/// This release's database, and beside it one of the next release, with a row of its own.
fn set_aside() -> Scene {
    let ground = Scene::new();
    drop(Store::open(&ground.path(), &with(IRREVERSIBLE)).unwrap());
    ground.execute("INSERT INTO organizations (name, createdAt) VALUES ('aside', 'now')");
    restore(&ground.path(), &Migrations::OWN, 1).unwrap();
    ground
}

fn set_aside_and_migrated_again() -> Scene {
    let ground = set_aside();
    drop(Store::open(&ground.path(), &with(IRREVERSIBLE)).unwrap());
    ground
}

#[test]
fn the_old_program_opens_what_a_killed_update_left() {
    let ground = Scene::new();
    let whole = Scene::copy_of(&ground);
    let before = ground.dump();
    for point in points(Order::Forward, &whole.path(), whole.folder()) {
        let scene = Scene::copy_of(&ground);
        tampered(Order::Forward, &scene.path(), &point, "signal=SIGKILL");
        if scene.schema() == Some(1) {
            drop(Store::open(&scene.path(), &Migrations::OWN).unwrap());
            assert_eq!(before.difference(&scene.dump()), None, "{point:?}");
            // A rollback journal whose header was never written is none to SQLite, which lets it lie.
            let void = |name: &String| std::fs::read(scene.file(name)).unwrap().first().is_none_or(|byte| *byte == 0);
            let names: Vec<String> = scene.names().into_iter().filter(|name| !void(name)).collect();
            assert_eq!(names, ["landfall.db"], "{point:?}: exactly the old files");
        }
    }
}
