//! Recovery of interrupted operations. The states in between are made by hand here; the end-to-end tests kill the
//! installer at each system call.

use crate::fixture::{Parts, Scene};
use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

const STATE: &str = "var/lib/landfall/state";

/// A journal of an installation that got as far as `steps`, on a host where all of it was done.
fn interrupt(scene: &Scene, steps: &[&str]) {
    let state = scene.root().join(STATE);
    let record: serde_json::Value = serde_json::from_str(&scene.read(&format!("{STATE}/installed.json"))).unwrap();
    let files = ["etc/landfall/config.toml", "etc/landfall/trust.json", "etc/landfall/admin.token"];
    let transition = serde_json::json!({
        "kind": "install", "steps": steps, "before": null, "after": record, "blobs": [], "files": files, "tags": [],
        "settings": null, "asides": [], "tries": null, "mayRestoreSnapshot": false,
        "receipt": {
            "counter": 1,
            "body": scene.read(&format!("{STATE}/receipts/0000000001.json")),
            "comment": "counter=1 product=acme version=1.0.0",
        },
    });
    let journal = serde_json::json!({"schema": 4, "host": record["host"], "operation": {"transition": transition}});
    std::fs::write(state.join("journal.json"), journal.to_string()).unwrap();
    std::fs::remove_file(state.join("installed.json")).unwrap();
    std::fs::remove_file(state.join("serial-floor")).unwrap();
}

#[test]
fn an_uncommitted_installation_is_undone() {
    let (scene, bundle) = Scene::installed();
    interrupt(&scene, &["stage", "load", "unfold", "configure", "switch", "probe"]);
    let before = scene.tree();
    let status = scene.run(&["status"]).ok();
    assert!(status.out.starts_with("the last install is under way or was interrupted"), "{}", status.out);
    assert!(!status.out.contains("nothing is installed"), "{}", status.out);
    assert_eq!(scene.tree(), before);
    scene.run(&["recover"]).ok().says("undone");
    assert_eq!(scene.tree(), "");
    scene.install(&bundle).ok();
}

#[test]
fn the_next_operation_settles_the_interrupted_one_and_goes_on() {
    let undone: [(&[&str], i32, &str); 4] = [
        (&["install"], 0, "acme 1.0.0-1 is installed"),
        (&["update"], 5, "nothing is installed"),
        (&["rollback"], 5, "nothing is installed"),
        (&["uninstall", "--purge", "--yes"], 0, "nothing is installed"),
    ];
    for (command, exit, says) in undone {
        let (scene, bundle) = Scene::installed();
        interrupt(&scene, &["stage", "load", "unfold", "configure", "switch", "probe"]);
        let key = scene.stick().join("acme.pub");
        let media = [bundle.to_str().unwrap(), "--trust", key.to_str().unwrap()];
        let words =
            if command == ["install"] || command == ["update"] { [command, &media].concat() } else { command.to_vec() };
        let outcome = scene.run(&words).exits(exit).says("the interrupted install was undone; going on").says(says);
        assert!(!scene.root().join(STATE).join("journal.json").exists(), "{outcome:?}");
        assert_eq!(scene.tree().is_empty(), command != ["install"], "{command:?}");
    }
    let (scene, bundle) = Scene::installed();
    interrupt(&scene, &["stage", "load", "unfold", "configure", "switch", "probe", "commit"]);
    scene.install(&bundle).ok().says("the interrupted install was finished; going on").says("nothing to do");
}

#[test]
fn an_installation_is_not_finished_because_an_earlier_one_was_marked_good() {
    let (scene, _) = Scene::installed();
    interrupt(&scene, &["stage", "load", "unfold", "configure", "switch"]);
    std::fs::write(scene.root().join("var/lib/landfall/db/proven"), "1.0.0-1\n").unwrap();
    scene.run(&["recover"]).ok().says("undone");
}

#[test]
fn an_update_that_is_undone_leaves_the_installations_id() {
    let (scene, _) = Scene::installed();
    let path = |name: &str| format!("{STATE}/{name}");
    let (record, floor, id) =
        (scene.read(&path("installed.json")), scene.read(&path("serial-floor")), scene.read(&path("installation-id")));
    interrupt(&scene, &["configure"]);
    let mut journal: serde_json::Value = serde_json::from_str(&scene.read(&path("journal.json"))).unwrap();
    let transition = &mut journal["operation"]["transition"];
    transition["kind"] = "update".into();
    transition["before"] = serde_json::from_str(&record).unwrap();
    // It was missing when the update began, which wrote it or was cut off just before.
    transition["files"] = serde_json::json!([path("installation-id")]);
    for is_written in [true, false] {
        std::fs::write(scene.root().join(path("installed.json")), &record).unwrap();
        std::fs::write(scene.root().join(path("serial-floor")), &floor).unwrap();
        std::fs::write(scene.root().join(path("journal.json")), journal.to_string()).unwrap();
        if !is_written {
            std::fs::remove_file(scene.root().join(path("installation-id"))).unwrap();
        }
        scene.run(&["recover"]).ok().says("update was undone");
        assert_eq!(scene.read(&path("installation-id")), id, "{is_written}");
    }
}

#[test]
fn a_committed_installation_is_finished() {
    let (scene, bundle) = Scene::installed();
    interrupt(&scene, &["stage", "load", "unfold", "configure", "switch", "probe", "commit"]);
    scene.run(&["recover"]).ok().says("finished");
    scene.install(&bundle).ok().says("nothing to do");
    assert_eq!(scene.read(&format!("{STATE}/serial-floor")), "1\n");
}

#[test]
fn an_interrupted_uninstallation_is_finished() {
    let (scene, _) = Scene::installed();
    let record: serde_json::Value = serde_json::from_str(&scene.read(&format!("{STATE}/installed.json"))).unwrap();
    let (units, created) = (&record["current"]["units"], &record["created"]);
    let uninstall = serde_json::json!({"purge": true, "units": units, "tags": [], "created": created});
    let journal = serde_json::json!({"schema": 4, "host": record["host"], "operation": {"uninstall": uninstall}});
    std::fs::write(scene.root().join(STATE).join("journal.json"), journal.to_string()).unwrap();
    std::fs::remove_file(scene.root().join("opt/landfall/current")).unwrap();
    scene.run(&["recover"]).ok().says("uninstall was finished");
    assert_eq!(scene.tree(), "");
}

#[test]
fn recovery_reports_that_nothing_was_interrupted() {
    let scene = Scene::new();
    scene.run(&["recover"]).ok().says("nothing to settle");
    assert_eq!(scene.tree(), "");
    let (scene, _) = Scene::installed();
    let before = scene.tree();
    scene.run(&["recover"]).ok().says("nothing to settle");
    assert_eq!(scene.tree(), before);
}

#[test]
fn a_state_folder_that_was_being_created_is_removed() {
    for place in [".var.partial/lib/landfall", "var/.lib.partial/landfall/state", "var/lib/landfall/.state.partial"] {
        let scene = Scene::new();
        let bundle = scene.put("good.tar", &Parts::new("1.0.0", 1).pack(&scene.key));
        std::fs::create_dir_all(scene.root().join(place)).unwrap();
        scene.run(&["recover"]).ok();
        assert!(!scene.root().join(place).exists(), "{place}");
        std::fs::create_dir_all(scene.root().join(place)).unwrap();
        scene.install(&bundle).ok();
        assert!(!scene.root().join(Path::new(place)).exists(), "{place}");
    }
}

#[test]
fn a_journal_under_its_temporary_name_is_ignored() {
    let (scene, _) = Scene::installed();
    let before = scene.tree();
    std::fs::write(scene.root().join(STATE).join(".journal.json.partial"), "{").unwrap();
    scene.run(&["recover"]).ok().says("nothing to settle");
    assert_eq!(scene.tree(), before);
}

#[test]
fn a_second_operation_is_refused() {
    let (scene, bundle) = Scene::installed();
    let lock = File::open(scene.root().join(STATE).join("lock")).unwrap();
    lock.lock().unwrap();
    scene.install(&bundle).exits(8).says("another operation is in progress");
    scene.run(&["uninstall", "--yes"]).exits(8);
    scene.run(&["recover"]).exits(8);
    scene.run(&["status"]).ok();
}

/// Runs the installer as systemd does, with the journal as its standard error, and returns how it ended and what the journal has.
fn as_a_unit(scene: &Scene, words: &[&str]) -> (Option<i32>, String) {
    let path = scene.stick().join("journal");
    let journal = File::create(&path).unwrap();
    let about = journal.metadata().unwrap();
    let stream = format!("{}:{}", about.dev(), about.ino());
    let status = scene.command(words).env("JOURNAL_STREAM", stream).stderr(journal).output().unwrap().status;
    (status.code(), std::fs::read_to_string(path).unwrap())
}

#[test]
fn recovery_beside_an_installer_at_work_is_no_error_of_its_unit() {
    let (scene, _) = Scene::installed();
    let lock = File::open(scene.root().join(STATE).join("lock")).unwrap();
    lock.lock().unwrap();
    assert_eq!(as_a_unit(&scene, &["recover"]), (Some(0), String::new()));
    assert_eq!(
        as_a_unit(&scene, &["uninstall", "--yes"]),
        (
            Some(8),
            "<3>error: another operation is in progress on this host\n<3>hint: wait until it has ended\n".to_owned()
        )
    );
    scene.run(&["recover"]).exits(8);
}

#[test]
fn the_journal_is_told_how_much_a_line_matters() {
    let (scene, _) = Scene::installed();
    let next = scene.put("next.tar", &Parts::new("1.1.0", 2).pack(&scene.key));
    scene.run(&["update", next.to_str().unwrap()]).ok();
    for _ in 0..6 {
        as_a_unit(&scene, &["recover", "--before-start"]);
    }
    let (_, said) = as_a_unit(&scene, &["recover", "--before-start"]);
    assert!(said.contains("<4>warning: this release has ended again and again"), "{said}");
    assert!(said.lines().all(|line| line.starts_with('<')), "{said}");
    let elsewhere = scene.command(&["recover", "--before-start"]).env("JOURNAL_STREAM", "1:1").output().unwrap();
    assert!(elsewhere.stderr.starts_with(b"warning: "), "{elsewhere:?}");
}
