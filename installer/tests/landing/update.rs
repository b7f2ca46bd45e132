//! From one release to the next and back, on hosts in folders: no service runs, so the gate is what is asked without one.

use crate::fixture::{Parts, SETTINGS, Scene};

const STATE: &str = "var/lib/landfall/state";
const DOCUMENT: &str = "opt/landfall/current/bin/landfall";

/// A host with 1.0.0-1, and the bundle of 1.1.0-2.
fn ready() -> (Scene, std::path::PathBuf) {
    let (scene, _) = Scene::installed();
    let next = scene.put("next.tar", &Parts::new("1.1.0", 2).pack(&scene.key));
    (scene, next)
}

fn update(scene: &Scene, bundle: &std::path::Path) -> crate::fixture::Outcome {
    scene.run(&["update", bundle.to_str().unwrap()])
}

#[test]
fn an_update_keeps_the_previous_release() {
    let (scene, next) = ready();
    let outcome = scene.run(&["update", next.to_str().unwrap(), "--json"]).ok();
    assert_eq!(outcome.json()["release"], "1.1.0-2");
    assert_eq!(outcome.json()["from"], "1.0.0-1");
    assert_eq!(scene.read(DOCUMENT), "the runtime 1.1.0");
    assert_eq!(scene.read(&format!("{STATE}/serial-floor")), "2\n");
    let status = scene.run(&["status", "--json"]).ok().json();
    assert_eq!((&status["current"]["version"], &status["kept"][0]["version"]), (&"1.1.0".into(), &"1.0.0".into()));
    assert_eq!(std::fs::read_dir(scene.root().join("var/lib/landfall/store/incoming")).unwrap().count(), 0);
    update(&scene, &next).ok().says("nothing to do");
}

#[test]
fn a_rollback_restores_the_previous_release_and_keeps_the_floor() {
    let (scene, next) = ready();
    scene.run(&["rollback"]).exits(5).says("not kept");
    update(&scene, &next).ok();
    scene.run(&["rollback", "--to", "9.9.9"]).exits(5).says("kept are: 1.0.0-1");
    scene.run(&["rollback"]).ok().says("1.0.0-1 runs again");
    assert_eq!(scene.read(DOCUMENT), "the runtime 1.0.0");
    assert_eq!(scene.read(&format!("{STATE}/serial-floor")), "2\n");
    scene.run(&["rollback", "--to", "1.0.0"]).ok().says("nothing to do");
    scene.run(&["rollback", "--to", "1.1.0"]).ok();
    scene.run(&["rollback"]).ok();
    update(&scene, &next).ok().says("1.1.0-2 is installed in place of 1.0.0-1");
    assert_eq!(scene.read(DOCUMENT), "the runtime 1.1.0");
}

#[test]
fn the_third_release_replaces_the_first() {
    let (scene, next) = ready();
    let third = scene.put("third.tar", &Parts::new("1.2.0", 3).pack(&scene.key));
    update(&scene, &next).ok();
    std::fs::write(scene.root().join("var/lib/landfall/db/proven"), "1.1.0-2\n").unwrap();
    update(&scene, &third).ok();
    let releases = scene.root().join("opt/landfall/releases");
    let mut names: Vec<_> = std::fs::read_dir(releases).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["1.1.0-2", "1.2.0-3"]);
    scene.run(&["rollback", "--to", "1.0.0"]).exits(5);
    scene.run(&["rollback"]).ok();
    assert_eq!(scene.read(DOCUMENT), "the runtime 1.1.0");
}

#[test]
fn a_refused_update_changes_nothing() {
    let (scene, next) = ready();
    let first = scene.put("first.tar", &Parts::new("0.9.0", 1).pack(&scene.key));
    let mut steep = Parts::new("3.0.0", 9);
    steep.release.min_upgrade_from = Some("2.0.0".parse().unwrap());
    let steep = scene.put("steep.tar", &steep.pack(&scene.key));
    let before = scene.tree_without_times();
    update(&scene, &first).exits(5).says("a serial is used once");
    update(&scene, &steep).exits(5).says("from version 2.0.0 or later");
    // The last byte of a blob that only this release has.
    let mut damaged = std::fs::read(&next).unwrap();
    let store = scene.root().join("var/lib/landfall/store/sha256");
    let blobs = blobs_of(&damaged);
    let (_, content) = blobs.iter().find(|(digest, _)| !store.join(digest).exists()).unwrap();
    let at = damaged.windows(content.len()).position(|window| window == content).unwrap();
    damaged[at + content.len() - 1] ^= 1;
    update(&scene, &scene.put("damaged.tar", &damaged)).exits(3);
    assert_eq!(scene.tree_without_times(), before);
    update(&scene, &next).ok();
    scene.run(&["uninstall", "--purge", "--yes"]).ok();
    update(&scene, &next).exits(5).says("nothing is installed");
    assert_eq!(scene.tree(), "");
}

#[test]
fn a_release_with_a_broken_installer_is_reverted() {
    let (scene, _) = Scene::installed();
    let mut parts = Parts::new("1.1.0", 2);
    parts.file("bin/landfall-installer", "0755", b"#!/bin/sh\nexit 1\n");
    parts.file("config.toml", "0644", SETTINGS.replace("3001", "3101").as_bytes());
    let broken = scene.put("broken.tar", &parts.pack(&scene.key));
    let before = scene.tree_without_times();
    update(&scene, &broken).exits(7).says("1.0.0-1 again");
    assert_eq!(scene.tree_without_times(), before);
    let good = scene.put("good.tar", &Parts::new("1.2.0", 3).pack(&scene.key));
    update(&scene, &good).ok();
}

#[test]
fn an_id_that_is_lost_or_another_is_put_back_and_stays_when_an_update_is_undone() {
    let (scene, next) = ready();
    let mut parts = Parts::new("1.1.0", 2);
    parts.file("bin/landfall-installer", "0755", b"#!/bin/sh\nexit 1\n");
    let broken = scene.put("broken.tar", &parts.pack(&scene.key));
    let path = format!("{STATE}/installation-id");
    let (file, id) = (scene.root().join(&path), scene.read(&path));
    let lose = || std::fs::remove_file(&file).unwrap();
    let change = || std::fs::write(&file, "00000000000000000000000000000000\n").unwrap();
    let says = |outcome: crate::fixture::Outcome, text| {
        outcome.says(text);
        assert_eq!(scene.read(&path), id);
    };
    lose();
    says(update(&scene, &broken).exits(7), "the installation's id was missing");
    change();
    says(update(&scene, &broken).exits(7), "the installation's id differed");
    change();
    scene.run(&["status"]).ok().says("`landfall-installer recover`");
    says(scene.run(&["recover"]).ok(), "the installation's id, which differed, is written again");
    change();
    says(update(&scene, &next).ok(), "the installation's id differed");
    change();
    says(scene.run(&["rollback"]).ok(), "the installation's id differed");
    lose();
    says(scene.run(&["rollback", "--to", "1.1.0"]).ok(), "the installation's id was missing");
}

#[test]
fn staged_blobs_are_not_read_again_after_an_interruption() {
    let (scene, next) = ready();
    let bytes = std::fs::read(&next).unwrap();
    let store = scene.root().join("var/lib/landfall/store");
    // What a killed update leaves: its blobs, whole, in the staging folder.
    let digests = blobs_of(&bytes);
    assert!(digests.len() > 3);
    for (digest, content) in &digests {
        if !store.join("sha256").join(digest).exists() {
            std::fs::write(store.join("incoming").join(digest), content).unwrap();
        }
    }
    // The media has rotted since, in the middle of a blob: that is not looked at again.
    let mut rotten = bytes;
    let (_, content) = digests.iter().find(|(digest, _)| !store.join("sha256").join(digest).exists()).unwrap();
    let at = rotten.windows(content.len()).position(|window| window == content).unwrap();
    rotten[at + content.len() / 2] ^= 1;
    update(&scene, &scene.put("rotten.tar", &rotten)).ok();
}

#[test]
fn no_operation_waits_for_a_pipe_in_the_place_of_a_blob_or_of_the_program_that_recovers() {
    let pipe = |path: &std::path::Path| {
        std::fs::remove_file(path).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    };
    let (scene, second) = ready();
    let recovers = scene.root().join("opt/landfall/bin/landfall-installer");
    let program = std::fs::read(&recovers).unwrap();
    pipe(&recovers);
    update(&scene, &second).exits(6).says("could not be recovered from");
    std::fs::remove_file(&recovers).unwrap();
    std::fs::write(&recovers, program).unwrap();
    std::fs::set_permissions(&recovers, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    for blob in std::fs::read_dir(scene.root().join("var/lib/landfall/store/sha256")).unwrap() {
        pipe(&blob.unwrap().path());
    }
    // What the medium has is read from there, and put in the place of each pipe that this release needs.
    update(&scene, &second).ok();
    scene.run(&["rollback"]).ok();
}

/// The blobs of a bundle: name and content.
fn blobs_of(bundle: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = tar::Archive::new(bundle);
    let mut blobs = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().to_str().unwrap().to_owned();
        let mut content = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut content).unwrap();
        blobs.extend(name.strip_prefix("blobs/sha256/").map(|digest| (digest.to_owned(), content)));
    }
    blobs
}
