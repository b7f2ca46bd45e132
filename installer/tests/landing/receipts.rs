//! Receipts of operations: issued, listed, checked here and elsewhere, and verified by the real minisign.

use crate::fixture::{Outcome, Parts, Scene};
use crate::publisher_roots::{Roots, change, key};
use landfall_keys::{PublicKey, SecretKey};
use landfall_manifests::Digest;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

pub(crate) const STATE: &str = "var/lib/landfall/state";
pub(crate) const FOLDER: &str = "var/lib/landfall/state/receipts";

/// Packs a bundle onto the stick, and returns its path.
pub(crate) fn bundle(scene: &Scene, version: &str, serial: u64) -> String {
    let path = scene.put(&format!("{version}.tar"), &Parts::new(version, serial).pack(&scene.key));
    path.to_str().unwrap().to_owned()
}

/// A host that was updated to 1.1.0 and rolled back to 1.0.0.
pub(crate) fn updated_and_rolled_back() -> Scene {
    let (scene, _) = Scene::installed();
    scene.run(&["update", &bundle(&scene, "1.1.0", 2)]).ok();
    scene.run(&["rollback"]).ok();
    scene
}

pub(crate) fn receipts(scene: &Scene) -> Vec<Value> {
    let report = scene.run(&["receipts", "--json"]).ok().json();
    report["receipts"].as_array().unwrap().iter().map(|entry| entry["receipt"].clone()).collect()
}

pub(crate) fn verify(scene: &Scene) -> Outcome {
    scene.run(&["receipts", "--verify"])
}

pub(crate) fn file(scene: &Scene, name: &str) -> PathBuf {
    scene.root().join(FOLDER).join(name)
}

pub(crate) fn host_key(scene: &Scene) -> PublicKey {
    PublicKey::parse_file(&scene.read(&format!("{STATE}/host.pub"))).unwrap()
}

/// Exports the receipts, and returns the folder.
pub(crate) fn exported(scene: &Scene) -> String {
    let folder = scene.stick().join("exported").to_str().unwrap().to_owned();
    scene.run(&["receipts", "--export", &folder]).ok();
    folder
}

#[test]
fn an_install_an_update_and_a_rollback_issue_a_receipt_each() {
    let scene = updated_and_rolled_back();
    let all = receipts(&scene);
    let listed: Vec<Value> = all
        .iter()
        .map(|one| json!([one["counter"], one["operation"], one["from"]["version"], one["to"]["version"]]))
        .collect();
    let expected = [
        json!([1, "install", null, "1.0.0"]),
        json!([2, "update", "1.0.0", "1.1.0"]),
        json!([3, "rollback", "1.1.0", "1.0.0"]),
    ];
    assert_eq!(listed, expected);
    let signer = scene.key.public_key();
    let root = Digest::of(scene.read("etc/landfall/trust.json").as_bytes());
    let manifest = Digest::of(scene.read("opt/landfall/current/landfall.json").as_bytes());
    for one in &all {
        assert_eq!(one["signers"], json!([{"keyId": signer.id(), "key": signer}]));
        assert_eq!(one["trust"], json!({"version": 1, "digest": root}));
        assert_eq!((&one["product"], &one["installer"]), (&json!("acme"), &json!(env!("CARGO_PKG_VERSION"))));
        assert_eq!(one["by"]["uid"], rustix::process::getuid().as_raw());
    }
    assert_eq!(all[0]["previous"], Value::Null);
    for (last, next) in [(1, 1), (2, 2)] {
        let last = std::fs::read(file(&scene, &format!("000000000{last}.json"))).unwrap();
        assert_eq!(all[next]["previous"], json!(Digest::of(&last)));
    }
    assert_eq!((&all[0]["to"]["manifest"], &all[2]["to"]["manifest"]), (&json!(manifest), &json!(manifest)));
    let user = all[2]["by"]["user"].as_str().unwrap();
    verify(&scene).ok().says("verified  3").says(&format!("rollback  acme 1.0.0-1 after 1.1.0-2, by {user}"));
    for (path, mode) in [("host.key", 0o600), ("host.pub", 0o644), ("receipts", 0o700)] {
        let about = scene.root().join(STATE).join(path).metadata().unwrap();
        assert_eq!(about.permissions().mode() & 0o7777, mode, "{path}");
    }
}

#[test]
fn status_shows_what_an_auditor_pins() {
    let scene = updated_and_rolled_back();
    let status = scene.run(&["status", "--json"]).ok().json();
    assert_eq!(status["receipts"], json!({"last": 3, "hostKey": host_key(&scene)}));
    scene.run(&["status"]).ok().says("receipts  3").says(&format!("host key  {}", host_key(&scene)));
}

/// A bundle of 1.1.0 that is taken back once it runs.
fn broken(scene: &Scene) -> String {
    let mut parts = Parts::new("1.1.0", 2);
    parts.file("bin/landfall-installer", "0755", b"#!/bin/sh\nexit 1\n");
    scene.put("broken.tar", &parts.pack(&scene.key)).to_str().unwrap().to_owned()
}

#[test]
fn an_update_that_was_taken_back_issues_a_receipt() {
    let (scene, _) = Scene::installed();
    let broken = broken(&scene);
    for _ in 0..2 {
        scene.run(&["update", &broken]).exits(7);
    }
    scene.run(&["update", &bundle(&scene, "1.2.0", 3)]).ok();
    let told: Vec<Value> = receipts(&scene)
        .iter()
        .map(|one| json!([one["operation"], one["from"]["version"], one["to"]["version"], one["outcome"]]))
        .collect();
    let undone = json!(["update", "1.0.0", "1.1.0", "undone"]);
    let expected =
        [json!(["install", null, "1.0.0", null]), undone.clone(), undone, json!(["update", "1.0.0", "1.2.0", null])];
    assert_eq!(told, expected);
    assert!(receipts(&scene).iter().all(|one| one["gap"].is_null()));
    verify(&scene).ok().says("verified  4").says("update    acme 1.1.0-2 after 1.0.0-1, taken back, by");
}

#[test]
fn an_uninstallation_and_an_import_of_a_trust_root_issue_a_receipt() {
    let (scene, bundle) = Scene::installed();
    let roots = Roots::first(&scene.key).then(&change(&[&key()], &[]), &[&scene.key]);
    roots.save(&scene.stick());
    let stick = scene.stick();
    let import = ["trust", "import", stick.to_str().unwrap()];
    scene.run(&import).ok();
    scene.run(&import).ok().says("nothing to do");
    verify(&scene).ok().says("verified  2").says("trust     acme 1.0.0-1: root 2, by");
    scene.run(&["uninstall", "--yes"]).ok();
    verify(&scene).ok().says("verified  3").says("uninstall  acme 1.0.0-1, by");
    let uninstalled = receipts(&scene)[2].clone();
    assert_eq!((&uninstalled["to"], &uninstalled["from"]["version"]), (&Value::Null, &json!("1.0.0")));
    scene.run(&["install", bundle.to_str().unwrap()]).ok();
    assert!(receipts(&scene).iter().all(|one| one["gap"].is_null()));
    verify(&scene).ok().says("verified  4");
}

#[test]
fn a_refused_update_issues_no_receipt() {
    let (scene, bundle) = Scene::installed();
    let before = scene.tree();
    scene.run(&["update", bundle.to_str().unwrap()]).ok().says("nothing to do");
    let foreign = scene.put("foreign.tar", &Parts::new("1.1.0", 2).pack(&key()));
    scene.run(&["update", foreign.to_str().unwrap()]).exits(4);
    assert_eq!(scene.tree(), before);
    let bare = Scene::new();
    bare.run(&["receipts", "--verify"]).ok().says("there are no receipts");
    assert_eq!(bare.tree(), "");
}

#[test]
fn an_automatic_revert_names_recovery_in_its_receipt() {
    let (scene, _) = Scene::installed();
    scene.run(&["update", &bundle(&scene, "1.1.0", 2)]).ok();
    for _ in 0..6 {
        scene.run(&["recover", "--before-start"]).ok();
    }
    scene.run(&["recover"]).ok().says("taken back");
    let all = receipts(&scene);
    assert_eq!((&all[2]["operation"], &all[2]["to"]["version"]), (&json!("revert"), &json!("1.0.0")));
    assert!(all[2]["by"]["login"].is_string(), "{}", all[2]["by"]);
    verify(&scene).ok();
}

#[test]
fn the_chain_continues_after_an_uninstallation_and_ends_with_a_purge() {
    let (scene, first) = Scene::installed();
    let key = host_key(&scene);
    scene.run(&["uninstall", "--yes"]).ok();
    verify(&scene).ok().says("verified  2");
    scene.install(&first).ok();
    assert_eq!(receipts(&scene)[2]["counter"], 3);
    assert_eq!(host_key(&scene), key);
    verify(&scene).ok().says("verified  3");
    scene.run(&["uninstall", "--purge", "--yes"]).ok();
    assert!(!scene.tree().contains("landfall"), "{}", scene.tree());
    scene.install(&first).ok();
    assert_ne!(host_key(&scene), key);
    assert_eq!(receipts(&scene).len(), 1);
}

#[test]
fn exported_receipts_are_checked_elsewhere_with_the_pinned_key_only() {
    let (scene, auditor) = (updated_and_rolled_back(), Scene::new());
    let folder = exported(&scene);
    let key = host_key(&scene).to_line();
    let check = |key: &str| auditor.run(&["receipts", "--verify", "--from", &folder, "--host-key", key]);
    check(&key).ok().says("verified  3");
    check(&format!("{folder}/host.pub")).ok();
    check(&SecretKey::generate().unwrap().public_key().to_line()).exits(3).says("receipt 1 is not signed");
    check("RWnothing").exits(2).says("--host-key");
    auditor.run(&["receipts", "--verify", "--from", &folder]).exits(2).says("needs --host-key");
    auditor.run(&["receipts", "--from", &folder]).ok().says("rollback");
    let empty = auditor.stick().to_str().unwrap().to_owned();
    auditor.run(&["receipts", "--verify", "--from", &empty, "--host-key", &key]).exits(2).says("holds no receipts");
    assert_eq!(auditor.tree(), "");
    scene.run(&["receipts", "--export", &folder]).exits(2).says("exists already");
    scene.run(&["receipts", "--export", "/does/not/exist"]).exits(2);
}

#[test]
fn a_changed_or_removed_receipt_is_reported() {
    let scene = updated_and_rolled_back();
    let good = std::fs::read(file(&scene, "0000000002.json")).unwrap();
    std::fs::write(file(&scene, "0000000002.json"), good.to_ascii_uppercase()).unwrap();
    verify(&scene).exits(3).says("receipt 2 is not signed by this host's key").says("exported earlier");
    std::fs::write(file(&scene, "0000000002.json"), &good).unwrap();
    verify(&scene).ok();
    std::fs::remove_file(file(&scene, "0000000001.json")).unwrap();
    let outcome = scene.run(&["receipts", "--verify", "--json"]).exits(3);
    assert_eq!(outcome.json()["error"]["code"], "receipts");
    assert!(outcome.out.contains("receipt 1 is missing"), "{}", outcome.out);
    std::fs::remove_dir_all(scene.root().join(FOLDER)).unwrap();
    verify(&scene).exits(3).says("receipts 1 to 3 are missing: this host has issued 3");
}

/// What needs the real minisign besides; `make check` leaves it out.
mod needs_tools {
    use super::*;

    #[test]
    fn the_real_minisign_verifies_exported_receipts() {
        let scene = updated_and_rolled_back();
        let folder = exported(&scene);
        let minisign = |name: &str| {
            let run = Command::new("minisign").args(["-V", "-p", "host.pub", "-m", name]).current_dir(&folder).output();
            let output = run.unwrap_or_else(|error| panic!("minisign cannot be run: {error}"));
            (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
        };
        for number in 1..=3 {
            let (good, printed) = minisign(&format!("000000000{number}.json"));
            assert!(good && printed.contains(&format!("counter={number} product=acme version=1.")), "{printed}");
        }
        let path = PathBuf::from(&folder).join("0000000002.json");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, text.replace("1.1.0", "1.1.1")).unwrap();
        assert!(!minisign("0000000002.json").0);
        let secret = scene.read(&format!("{STATE}/host.key"));
        for entry in std::fs::read_dir(&folder).unwrap() {
            let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            assert!(!text.contains(secret.lines().nth(1).unwrap()), "the secret key was exported");
        }
    }
}
