//! Migrations of the database that fail, are interrupted, or are undone, in both directions.

use crate::fixture::{Outcome, Parts, Scene};
use landfall_manifests::Database;

const FOLDER: &str = "var/lib/landfall/db";
/// More changes than any recovery makes to a database.
const CUTS: usize = 4;

/// A release whose runtime writes `schema` and can bring a database back to `reversible_to`.
fn release(version: &str, serial: u64, schema: u32, reversible_to: u32) -> Parts {
    let mut parts = Parts::new(version, serial);
    parts.release.database = Some(Database { schema, reversible_to });
    let program =
        include_str!("runtime.sh").replace("@OWN@", &schema.to_string()).replace("@BACK@", &reversible_to.to_string());
    parts.file("bin/landfall", "0755", program.as_bytes());
    parts
}

/// A host with 1.0.0 and a row in its database.
fn with_first_release() -> Scene {
    let scene = Scene::new();
    let first = scene.put("first.tar", &release("1.0.0", 1, 1, 1).pack(&scene.key));
    scene.install(&first).ok();
    write(&scene, "1\nrow\n");
    scene
}

/// The same host after an update to 2.0.0, with a row and a mark that were written since.
fn updated(reversible_to: u32) -> Scene {
    let scene = with_first_release();
    let second = scene.put("second.tar", &release("2.0.0", 2, 2, reversible_to).pack(&scene.key));
    scene.run(&["update", second.to_str().unwrap()]).ok();
    assert_eq!(database(&scene), "2\nrow\n");
    write(&scene, "2\nrow\nsince\nmark precious\n");
    scene
}

fn database(scene: &Scene) -> String {
    scene.read(&format!("{FOLDER}/landfall.db"))
}

fn write(scene: &Scene, text: &str) {
    std::fs::write(scene.root().join(FOLDER).join("landfall.db"), text).unwrap();
}

fn order(scene: &Scene, what: &str, how: &str) {
    std::fs::write(scene.root().join(what), how).unwrap();
}

/// Runs the installer, which is killed when the database was changed for the `nth` time; returns whether it was.
fn is_cut(scene: &Scene, nth: usize, words: &[&str]) -> bool {
    order(scene, "cut", &nth.to_string());
    let status = scene.command(words).stdin(std::process::Stdio::null()).output().unwrap().status;
    std::fs::remove_file(scene.root().join("cut")).unwrap();
    status.code().is_none()
}

/// Recovers, after a recovery that was cut off at its `nth` change.
fn recover_twice(scene: &Scene, nth: usize) {
    if is_cut(scene, nth, &["recover"]) {
        scene.run(&["recover"]).ok().says("undone");
    }
    scene.run(&["recover"]).ok().says("nothing to settle");
}

fn recover(scene: &Scene) -> Outcome {
    scene.run(&["recover"]).ok().says("undone")
}

#[test]
fn an_undone_rollback_restores_what_only_the_newer_schema_holds() {
    for nth in 1..CUTS {
        let scene = updated(1);
        let before = database(&scene);
        assert!(is_cut(&scene, 1, &["rollback", "--yes"]));
        assert_eq!(database(&scene), "1\nrow\nsince\n");
        write(&scene, "1\nrow\nsince\nmeanwhile\n");
        recover_twice(&scene, nth);
        assert_eq!(database(&scene), before, "cut at {nth}");
        assert_eq!(scene.read(&format!("{FOLDER}/landfall.db.aside-schema-1")), "1\nrow\nsince\nmeanwhile\n");
    }
}

#[test]
fn a_rollback_to_the_snapshot_can_be_undone_as_well() {
    for nth in 1..CUTS {
        let scene = updated(1);
        let before = database(&scene);
        assert!(is_cut(&scene, 1, &["rollback", "--yes", "--restore-snapshot"]));
        recover_twice(&scene, nth);
        assert_eq!(database(&scene), before, "cut at {nth}");
    }
}

#[test]
fn an_undone_rollback_reports_rows_that_were_set_aside() {
    let scene = updated(1);
    assert!(is_cut(&scene, 1, &["rollback", "--yes"]));
    recover(&scene).says("landfall.db.aside-schema-1");
}

#[test]
fn an_old_file_named_like_a_snapshot_is_not_used_by_an_undone_rollback() {
    let scene = updated(1);
    write(&scene, "1\nrow\nrestored by hand\n");
    order(&scene, &format!("{FOLDER}/landfall.db.schema-2"), "2\nstale\n");
    assert!(is_cut(&scene, 1, &["rollback", "--yes"]));
    recover(&scene);
    assert_eq!(database(&scene), "2\nrow\nrestored by hand\n");
}

#[test]
fn without_the_snapshot_a_rollback_is_undone_with_a_warning() {
    let scene = updated(1);
    assert!(is_cut(&scene, 1, &["rollback", "--yes"]));
    std::fs::remove_file(scene.root().join(FOLDER).join("landfall.db.schema-2")).unwrap();
    recover(&scene).says("are not restored");
    assert_eq!(database(&scene), "2\nrow\nsince\n");
}

#[test]
fn undoing_a_return_to_the_snapshot_can_be_interrupted_again() {
    for nth in 1..CUTS {
        let scene = updated(2);
        let before = database(&scene);
        // What cannot be migrated back is restored, which is the first change.
        assert!(is_cut(&scene, 1, &["rollback", "--yes", "--restore-snapshot"]));
        assert_eq!(database(&scene), "1\nrow\n");
        recover_twice(&scene, nth);
        assert_eq!(database(&scene), before, "cut at {nth}");
    }
}

#[test]
fn a_release_whose_migration_fails_can_be_rolled_back_to_the_snapshot() {
    let scene = updated(1);
    let before = database(&scene);
    order(&scene, "cannot-go-back", "");
    scene.run(&["rollback", "--yes"]).exits(7).says("migration_failed");
    assert_eq!(database(&scene), before);
    scene.run(&["rollback", "--yes", "--restore-snapshot"]).ok().says("landfall.db.aside-schema-2");
    assert_eq!(database(&scene), "1\nrow\n");
    assert_eq!(scene.read(&format!("{FOLDER}/landfall.db.aside-schema-2")), before);
}

#[test]
fn a_crash_looping_release_is_reverted_although_its_migration_fails() {
    let scene = updated(1);
    order(&scene, "cannot-go-back", "");
    for _ in 0..6 {
        scene.run(&["recover", "--before-start"]).ok();
    }
    scene.run(&["recover"]).ok().says("taken back").says("landfall.db.aside-schema-2");
    assert_eq!(database(&scene), "1\nrow\n");
}

#[test]
fn a_damaged_program_is_repaired_before_it_migrates_the_database_back() {
    let scene = updated(1);
    let program = scene.root().join("opt/landfall/current/bin/landfall");
    std::fs::write(program, format!("touch {}\n", scene.root().join("was-run").display())).unwrap();
    scene.run(&["rollback", "--yes"]).ok().says("is repaired");
    assert_eq!(database(&scene), "1\nrow\nsince\n");
    assert!(!scene.root().join("was-run").exists());
}

/// What an installation of 2.0.0 leaves behind that is undone after the service has migrated the database it found.
fn installed_over_it(reversible_to: u32) -> Scene {
    let scene = with_first_release();
    scene.run(&["uninstall", "--yes"]).ok();
    let started = "echo 2 >\"$database.new\"; sed 1d \"$database\" >>\"$database.new\"\n\
                   cp \"$database\" \"$database.schema-1\"; mv \"$database.new\" \"$database\"\n\
                   mkdir -p \"$root/opt/landfall/current/in-the-way\"\n";
    order(&scene, "rehearsing", started);
    let second = scene.put("second.tar", &release("2.0.0", 2, 2, reversible_to).pack(&scene.key));
    scene.install(&second).exits(8).says("from schema 1 to 2");
    std::fs::remove_file(scene.root().join("rehearsing")).unwrap();
    scene
}

#[test]
fn a_database_kept_by_an_uninstallation_is_restored_when_the_next_installation_is_undone() {
    for reversible_to in [1, 2] {
        let scene = installed_over_it(reversible_to);
        assert_eq!(database(&scene), "1\nrow\n", "reversible to {reversible_to}");
        std::fs::remove_dir_all(scene.root().join("opt/landfall/current")).unwrap();
        scene.run(&["recover"]).ok().says("undone");
        assert_eq!(database(&scene), "1\nrow\n");
        scene.run(&["install", scene.stick().join("first.tar").to_str().unwrap()]).ok();
    }
}

#[test]
fn a_release_that_cannot_migrate_the_existing_database_is_not_installed() {
    let scene = with_first_release();
    write(&scene, "3\nrow\n");
    scene.run(&["uninstall", "--yes"]).ok();
    let before = scene.tree();
    let second = scene.put("second.tar", &release("2.0.0", 2, 2, 1).pack(&scene.key));
    scene.install(&second).exits(6).says("database_too_new").says("of an earlier installation");
    assert_eq!(scene.tree(), before);
    assert_eq!(database(&scene), "3\nrow\n");
}
