//! The commands `landfall migrate` and `landfall images`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use landfall::store::{Migration, Migrations, Store};
use landfall_host::Layout;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

/// A step that a next release could have.
const NEXT: Migration = Migration { up: "ALTER TABLE organizations ADD COLUMN mark TEXT;", down: None };

struct HostFolder {
    root: TempDir,
}

impl HostFolder {
    fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap() }
    }

    fn database(&self) -> PathBuf {
        Layout::new(self.root.path()).database()
    }

    /// The exit code, and the object on standard output.
    fn run(&self, words: &[&str]) -> (i32, Value) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_landfall"));
        let output = command.args(words).arg("--json").arg("--root").arg(self.root.path()).output().unwrap();
        (output.status.code().unwrap(), serde_json::from_slice(&output.stdout).unwrap())
    }

    fn done(&self, from: u32, to: u32, aside: Option<&str>) -> (i32, Value) {
        let database = self.database();
        let aside = aside.map(|name| database.with_file_name(name));
        (0, json!({ "database": database, "from": from, "to": to, "snapshot": null, "aside": aside }))
    }

    fn refused(&self, words: &[&str]) -> (i32, String) {
        let (exit, object) = self.run(words);
        assert!(object["error"]["hint"].is_string(), "{object}");
        (exit, object["error"]["code"].as_str().unwrap().to_owned())
    }
}

#[test]
fn a_database_is_created_once() {
    let host = HostFolder::new();
    assert_eq!(host.run(&["images"]), (0, json!({ "images": [], "release": null, "spawnable": [] })));
    assert_eq!(host.run(&["migrate", "--to", "1"]), host.done(0, 0, None));
    assert_eq!(host.run(&["migrate", "--rehearse"]), host.done(0, 0, None));
    assert!(!host.database().exists());
    assert_eq!(host.run(&["migrate"]), host.done(0, 1, None));
    for words in [&["migrate"][..], &["migrate", "--to", "1"], &["migrate", "--rehearse"], &["migrate", "--restore"]] {
        assert_eq!(host.run(words), host.done(1, 1, None), "{words:?}");
    }
    assert_eq!(host.run(&["images"]), (0, json!({ "images": [], "release": null, "spawnable": [] })));
}

#[test]
fn a_newer_database_is_set_aside_only_when_it_is_not_in_use() {
    let host = HostFolder::new();
    host.run(&["migrate"]);
    let (serving, _) = Store::open(&host.database(), &Migrations::OWN.and(NEXT)).unwrap();
    assert_eq!(host.refused(&["migrate"]), (6, "database_too_new".to_owned()));
    assert_eq!(host.refused(&["migrate", "--to", "1"]), (6, "database_too_new".to_owned()));
    assert_eq!(host.refused(&["migrate", "--restore"]), (6, "database_in_use".to_owned()));
    drop(serving);
    assert_eq!(host.run(&["migrate", "--restore"]), host.done(2, 1, Some("landfall.db.aside-schema-2")));
    assert_eq!(host.refused(&["migrate", "--to", "2"]), (2, "unknown_schema".to_owned()));
}

#[test]
fn a_database_that_was_set_aside_is_reclaimed_by_the_release_that_wrote_it() {
    let host = HostFolder::new();
    let aside = "landfall.db.aside-schema-1";
    host.run(&["migrate"]);
    let reclaim = |file: &str| host.refused(&["migrate", "--reclaim", file]);
    assert_eq!(host.run(&["migrate", "--reclaim", aside]), host.done(1, 1, None), "done already");
    std::fs::copy(host.database(), host.database().with_file_name(aside)).unwrap();
    assert_eq!(host.run(&["migrate", "--reclaim", aside]), host.done(1, 1, Some("landfall.db.aside-schema-1.2")));
    assert!(!host.database().with_file_name(aside).exists());

    for elsewhere in ["landfall.db", "landfall.db.schema-1", "/tmp/landfall.db.aside-schema-1"] {
        assert_eq!(reclaim(elsewhere), (2, "no_aside_name".to_owned()), "{elsewhere}");
    }
    drop(Store::open(&host.database(), &Migrations::OWN.and(NEXT)).unwrap());
    assert_eq!(reclaim(aside), (6, "no_aside".to_owned()));
    std::fs::copy(host.database(), host.database().with_file_name(aside)).unwrap();
    assert_eq!(reclaim(aside), (6, "wrong_schema".to_owned()));
    let (serving, _) = Store::open(&host.database(), &Migrations::OWN.and(NEXT)).unwrap();
    assert_eq!(reclaim("landfall.db.aside-schema-1.2"), (6, "database_in_use".to_owned()));
    drop(serving);
    let snapshot = host.database().with_file_name("landfall.db.schema-2");
    let (exit, done) = host.run(&["migrate", "--reclaim", "landfall.db.aside-schema-1.2"]);
    let expected = json!({ "database": host.database(), "from": 2, "to": 1, "snapshot": snapshot, "aside": null });
    assert_eq!((exit, done), (0, expected));
}

#[test]
fn contradictory_arguments_are_refused() {
    let host = HostFolder::new();
    for words in [
        &["migrate", "--restore", "--rehearse"][..],
        &["migrate", "--restore", "--to", "0"],
        &["migrate", "--to", "0"],
        &["migrate", "--reclaim", "landfall.db.aside-schema-1", "--restore"],
        &["migrate", "--reclaim", ""],
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_landfall"));
        let status = command.args(words).arg("--root").arg(host.root.path()).output().unwrap().status;
        assert_eq!(status.code(), Some(2), "{words:?}");
    }
}
