//! Old or new, never in between: each operation is killed before each system call that changes the folder, and each of these calls is
//! made to fail.

use super::system_calls::{Point, points, tampered};
use crate::store::database_file::DatabaseFolder;
use crate::store::migrations::contents::Contents;
use crate::store::tests::operation::Operation;
use crate::store::tests::test_database::{IRREVERSIBLE, NEXT, TestDatabase, dump, with};
use crate::store::{Migrations, Store, migrate, restore};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Interruptions that are tested at a time.
const WORKERS: usize = 2;

/// A database's schema, and what it holds.
type State = (u32, Contents);

/// An operation to interrupt: the database before and after it, and all files after it.
struct Interruption {
    operation: Operation,
    start: TestDatabase,
    old: State,
    new: State,
    files: BTreeMap<String, Contents>,
}

fn state(database: &TestDatabase) -> Option<State> {
    Some((database.schema()?, database.dump()))
}

fn files(database: &TestDatabase) -> BTreeMap<String, Contents> {
    database.names().into_iter().map(|name| (name.clone(), dump(&database.file(&name)))).collect()
}

impl Interruption {
    /// Starts from this database, with one more row that is only in the log of a killed writer.
    fn new(operation: Operation, start: TestDatabase) -> Self {
        Operation::WriteAndDie.command(&start.path(), &[]).output().unwrap();
        let (old, whole) = (state(&TestDatabase::copy_of(&start)).unwrap(), TestDatabase::copy_of(&start));
        operation.run(&whole.path());
        let (new, files) = (state(&whole).unwrap(), files(&whole));
        assert_ne!(old, new);
        Self { operation, start, old, new, files }
    }

    fn all(&self) {
        let whole = TestDatabase::copy_of(&self.start);
        let points = points(self.operation, &whole.path(), whole.folder());
        println!("{:?}: {} points", self.operation, points.len());
        assert!(points.len() > 40, "only {} points: the log is not read right", points.len());
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..WORKERS {
                scope.spawn(|| {
                    while let Some(point) = points.get(next.fetch_add(1, Ordering::Relaxed)) {
                        self.killed_at(point);
                        // A sync reports a write that was lost; a disk that runs full fails the calls that write.
                        self.failed_at(point, if point.call.contains("sync") { "EIO" } else { "ENOSPC" });
                    }
                });
            }
        });
    }

    fn killed_at(&self, point: &Point) {
        let database = TestDatabase::copy_of(&self.start);
        let killed = tampered(self.operation, &database.path(), point, "signal=SIGKILL");
        assert!(!killed.status.success(), "{point:?}: was not killed");
        self.settled(&database, &format!("killed before {point:?}"));
    }

    fn failed_at(&self, point: &Point, error: &str) {
        let database = TestDatabase::copy_of(&self.start);
        let failed = tampered(self.operation, &database.path(), point, &format!("error={error}"));
        let what = format!("{error} of {point:?}");
        // Some failures may be passed over, such as that of removing what is left over.
        if failed.status.success() {
            assert_eq!(state(&database).as_ref(), Some(&self.new), "{what}: reports success");
        }
        self.settled(&database, &what);
    }

    /// Checks that the next program finds the old or the new database whole, and that repeating the operation leads to the same files as
    /// without an interruption.
    fn settled(&self, database: &TestDatabase, what: &str) {
        drop(DatabaseFolder::prepare(&database.path()).unwrap());
        let found = state(database).unwrap_or_else(|| panic!("{what}: there is no database"));
        assert!([&self.old, &self.new].contains(&&found), "{what}: neither the old nor the new database: {found:?}");
        let hidden: Vec<String> = database.names().into_iter().filter(|name| name.starts_with('.')).collect();
        assert!(hidden.is_empty(), "{what}: left {hidden:?}");
        self.operation.run(&database.path());
        assert_eq!(state(database).as_ref(), Some(&self.new), "{what}: again");
        assert_eq!(files(database), self.files, "{what}: again");
    }
}

#[test]
fn an_interrupted_migration_leaves_the_old_or_the_new_database() {
    Interruption::new(Operation::Forward, TestDatabase::new()).all();
}

#[test]
fn an_interrupted_migration_back_leaves_the_old_or_the_new_database() {
    let start = TestDatabase::new();
    drop(Store::open(&start.path(), &with(NEXT)).unwrap());
    Interruption::new(Operation::Back, start).all();
}

#[test]
fn an_interrupted_restore_leaves_the_old_or_the_new_database() {
    Interruption::new(Operation::Restore, set_aside_and_migrated_again()).all();
}

#[test]
fn an_interrupted_restore_of_a_newer_snapshot_leaves_the_old_or_the_new_database() {
    let start = TestDatabase::new();
    drop(Store::open(&start.path(), &with(NEXT)).unwrap());
    start.execute("UPDATE organizations SET mark = 'precious'");
    migrate(&start.path(), &with(NEXT), 1).unwrap();
    Interruption::new(Operation::RestoreNewer, start).all();
}

#[test]
fn an_interrupted_reclaim_leaves_the_old_or_the_new_database() {
    Interruption::new(Operation::Reclaim, set_aside()).all();
}

#[test]
fn an_interrupted_reclaim_over_the_same_schema_leaves_the_old_or_the_new_database() {
    Interruption::new(Operation::Reclaim, set_aside_and_migrated_again()).all();
}

/// This release's database, and beside it one of the next release, with a row of its own.
fn set_aside() -> TestDatabase {
    let start = TestDatabase::new();
    drop(Store::open(&start.path(), &with(IRREVERSIBLE)).unwrap());
    start.execute("INSERT INTO organizations (name, createdAt) VALUES ('aside', 'now')");
    restore(&start.path(), &Migrations::OWN, 1).unwrap();
    start
}

fn set_aside_and_migrated_again() -> TestDatabase {
    let start = set_aside();
    drop(Store::open(&start.path(), &with(IRREVERSIBLE)).unwrap());
    start
}

#[test]
fn the_old_program_opens_the_database_of_a_killed_update() {
    let start = TestDatabase::new();
    let whole = TestDatabase::copy_of(&start);
    let before = start.dump();
    for point in points(Operation::Forward, &whole.path(), whole.folder()) {
        let database = TestDatabase::copy_of(&start);
        tampered(Operation::Forward, &database.path(), &point, "signal=SIGKILL");
        if database.schema() == Some(1) {
            drop(Store::open(&database.path(), &Migrations::OWN).unwrap());
            assert_eq!(before.difference(&database.dump()), None, "{point:?}");
            // SQLite ignores, and leaves, a rollback journal whose header was never written.
            let void =
                |name: &String| std::fs::read(database.file(name)).unwrap().first().is_none_or(|byte| *byte == 0);
            let names: Vec<String> = database.names().into_iter().filter(|name| !void(name)).collect();
            assert_eq!(names, ["landfall.db"], "{point:?}: exactly the old files");
        }
    }
}
