//! Old or new, never in between: a migration is killed before each system call by which it changes the folder, and each of these
//! calls fails in turn.

use super::child::Order;
use super::scene::{IRREVERSIBLE, NEXT, Scene, with};
use super::trace::{Point, points, tampered};
use crate::store::dump::Dump;
use crate::store::files::Files;
use crate::store::{Migrations, Store};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Points that are worked on side by side.
const WORKERS: usize = 2;

/// What is tampered with, how the database was and how it is to be.
struct Walk {
    order: Order,
    ground: Scene,
    old: (u32, Dump),
    new: (u32, Dump),
    names: Vec<String>,
}

impl Walk {
    /// On this ground, with a row that only the log of a killed writer holds.
    fn new(order: Order, ground: Scene) -> Self {
        Order::WriteAndDie.command(&ground.path(), &[]).output().unwrap();
        let state = |scene: &Scene| (scene.schema().unwrap(), scene.dump());
        let (old, whole) = (state(&Scene::copy_of(&ground)), Scene::copy_of(&ground));
        order.follow(&whole.path());
        let (new, names) = (state(&whole), whole.names());
        assert_ne!(old.0, new.0);
        Self { order, ground, old, new, names }
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
            assert_eq!(scene.schema(), Some(self.new.0), "{what}: says that it is done");
        }
        self.settled(&scene, &what);
    }

    /// The next program finds the old or the new database whole, and the same order can be followed again.
    fn settled(&self, scene: &Scene, what: &str) {
        drop(Files::prepare(&scene.path()).unwrap());
        let schema = scene.schema().unwrap_or_else(|| panic!("{what}: there is no database"));
        let (expected, dump) = if schema == self.old.0 { &self.old } else { &self.new };
        assert_eq!((schema, dump.difference(&scene.dump())), (*expected, None), "{what}");
        let hidden: Vec<String> = scene.names().into_iter().filter(|name| name.starts_with('.')).collect();
        assert!(hidden.is_empty(), "{what}: left {hidden:?}");
        self.order.follow(&scene.path());
        assert_eq!((scene.schema(), self.new.1.difference(&scene.dump())), (Some(self.new.0), None), "{what}: again");
        assert_eq!(scene.names(), self.names, "{what}: again");
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
    let ground = Scene::new();
    drop(Store::open(&ground.path(), &with(IRREVERSIBLE)).unwrap());
    Walk::new(Order::Restore, ground).all();
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
