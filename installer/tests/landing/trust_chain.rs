//! Trust roots that follow each other, and what to do when keys leak or are lost.

use crate::fixture::{Outcome, Parts, Scene};
use crate::publisher_roots::{Roots, change, key, link};
use landfall_keys::{RootLink, SecretKey};
use std::path::{Path, PathBuf};

pub(crate) const PINNED: &str = "etc/landfall/trust.json";

/// A release signed by `key` that brings `links`.
pub(crate) fn bundle(scene: &Scene, version: &str, serial: u64, key: &SecretKey, links: &[RootLink]) -> PathBuf {
    let mut parts = Parts::new(version, serial);
    parts.release.trust = links.to_vec();
    scene.put(&format!("{version}.tar"), &parts.pack(key))
}

pub(crate) fn update(scene: &Scene, bundle: &Path) -> Outcome {
    scene.run(&["update", bundle.to_str().unwrap()])
}

pub(crate) fn import(scene: &Scene, path: &Path, words: &[&str]) -> Outcome {
    scene.run(&[&["trust", "import", path.to_str().unwrap()], words].concat())
}

/// The publisher adds a key, and two versions later its first one is known to have leaked.
pub(crate) fn leak(first: &SecretKey, second: &SecretKey) -> Roots {
    Roots::first(first).then(&change(&[second], &[]), &[first]).then(&change(&[], &[first]), &[second])
}

/// Nothing on the host is changed by any command that looks at the bundle, and each of them refuses it.
#[track_caller]
fn refused_by_all(scene: &Scene, bundle: &Path, says: &str) {
    let (before, path) = (scene.tree(), bundle.to_str().unwrap());
    for command in ["verify", "plan", "update"] {
        let outcome = scene.run(&[command, path, "--json"]).exits(4).says(says);
        assert!(outcome.json()["error"]["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{outcome:?}");
    }
    assert_eq!(scene.tree(), before, "refused, and yet the host is changed");
}

#[test]
fn an_update_signed_by_a_new_key_follows_its_roots() {
    let (scene, _) = Scene::installed();
    let second = key();
    let roots = leak(&scene.key, &second);
    let next = bundle(&scene, "1.1.0", 2, &second, &roots.links);
    let (before, path) = (scene.tree(), next.to_str().unwrap());
    scene.run(&["verify", path]).ok();
    scene
        .run(&["plan", path])
        .ok()
        .says("version 3 of the publisher's trust root instead of 1")
        .says("release 1.0.0-1");
    assert_eq!(scene.run(&["plan", path, "--json"]).ok().json()["plan"]["trust"]["to"], 3);
    assert_eq!(scene.tree(), before, "looking changes nothing");
    update(&scene, &next).ok();
    assert_eq!(scene.read(PINNED), roots.newest().to_json());
    assert_eq!(scene.read("opt/landfall/current/landfall.json.trust"), roots.newest().to_json());
    // The next one of that key needs no roots.
    update(&scene, &bundle(&scene, "1.2.0", 3, &second, &[])).ok();
    assert_eq!(scene.read(PINNED), roots.newest().to_json());
}

#[test]
fn a_broken_chain_is_refused_and_changes_nothing() {
    let (scene, _) = Scene::installed();
    let (old, new, other) = (&scene.key, &key(), &key());
    let base = Roots::first(old);
    let two = base.newest().next(&landfall_keys::RootChanges { threshold: Some(2), ..change(&[new], &[]) }).unwrap();
    let good = base.clone().then(&change(&[new], &[]), &[old]).then(&change(&[other], &[]), &[new]);
    let revoked = base.clone().then(&change(&[new], &[old]), &[old, new]);
    let after = revoked.newest().next(&change(&[other], &[])).unwrap();
    let table: [(&str, Vec<RootLink>, &str); 8] = [
        ("a gap", vec![good.links[1].clone()], "version 3 of the trust root follows version 1"),
        ("twice", vec![good.links[0].clone(), good.links[0].clone()], "version 2 of the trust root follows version 2"),
        ("unsigned", vec![link(&two, &[])], "version 2"),
        ("old keys only", vec![link(&two, &[old])], "not signed by enough of its own keys"),
        ("new keys only", vec![link(&two, &[new])], "not signed by enough keys of the version before"),
        ("one key twice", vec![link(&two, &[old, old])], "two signatures by the key"),
        ("a stranger's", vec![link(&two, &[other, new])], "not signed by enough keys of the version before"),
        ("a revoked key's", vec![revoked.links[0].clone(), link(&after, &[old])], "version 3"),
    ];
    for (what, links, says) in table {
        println!("{what}");
        refused_by_all(&scene, &bundle(&scene, "1.1.0", 2, new, &links), says);
    }
    assert_eq!(scene.read(PINNED), base.newest().to_json());
}

#[test]
fn another_root_of_the_pinned_version_is_a_fork() {
    let (scene, _) = Scene::installed();
    let (new, other) = (&key(), &key());
    let first = Roots::first(&scene.key);
    let ours = first.clone().then(&change(&[new], &[]), &[&scene.key]);
    update(&scene, &bundle(&scene, "1.1.0", 2, new, &ours.links)).ok();
    let theirs = first.then(&change(&[other], &[]), &[&scene.key]).then(&change(&[new], &[]), &[other]);
    refused_by_all(
        &scene,
        &bundle(&scene, "1.2.0", 3, new, &theirs.links),
        "version 2 of the trust root in the chain differs",
    );
}

#[test]
fn a_bundle_that_its_own_roots_do_not_trust_is_refused() {
    let (scene, _) = Scene::installed();
    let roots = leak(&scene.key, &key());
    refused_by_all(&scene, &bundle(&scene, "1.1.0", 2, &scene.key, &roots.links), "which this host has revoked");
}

#[test]
fn an_undone_update_keeps_the_pinned_root() {
    let (scene, _) = Scene::installed();
    let second = key();
    let mut parts = Parts::new("1.1.0", 2);
    parts.file("bin/landfall-installer", "0755", b"#!/bin/sh\nexit 1\n");
    parts.release.trust = leak(&scene.key, &second).links;
    let broken = scene.put("broken.tar", &parts.pack(&second));
    let (before, pinned) = (scene.tree_without_times(), scene.root().join(PINNED));
    let written = pinned.metadata().unwrap().modified().unwrap();
    update(&scene, &broken).exits(7);
    assert_eq!(scene.tree_without_times(), before);
    assert_eq!(pinned.metadata().unwrap().modified().unwrap(), written, "not even touched");
}

#[test]
fn after_a_leak_the_next_root_is_imported_and_rollback_still_works() {
    let (scene, _) = Scene::installed();
    let (leaked, second) = (&scene.key, key());
    update(&scene, &bundle(&scene, "1.1.0", 2, leaked, &[])).ok();
    let roots = leak(leaked, &second);
    roots.save(&scene.stick().join("trust"));
    let imported = import(&scene, &scene.stick().join("trust"), &["--json"]).ok();
    let report = imported.json();
    assert_eq!((&report["changed"], &report["from"], &report["root"]["version"]), (&true.into(), &1.into(), &3.into()));
    assert_eq!(report["root"]["digest"], roots.digest());
    assert_eq!(report["refused"].as_array().unwrap().len(), 2);
    assert_eq!(scene.read(PINNED), roots.newest().to_json());

    refused_by_all(&scene, &bundle(&scene, "6.6.6", 9, leaked, &[]), "which this host has revoked");
    scene.run(&["status"]).ok().says("release 1.1.0-2 on this host would be refused today");
    scene.run(&["trust", "show"]).ok().says("version 3").says("release 1.0.0-1 on this host would be refused today");
    let warning = format!("signed by {}, which this host has revoked", leaked.id());
    scene.run(&["rollback"]).ok().says("1.0.0-1 runs again").says(&warning);
    scene.run(&["rollback", "--to", "1.1.0"]).ok();
    assert_eq!(scene.read(PINNED), roots.newest().to_json(), "going back gives no key its power back");
    // So does an automatic revert.
    for _ in 0..5 {
        scene.run(&["recover", "--before-start"]).ok();
    }
    let good = bundle(&scene, "1.2.0", 3, &second, &[]);
    scene.run(&["plan", good.to_str().unwrap()]).ok().says(&warning);
    update(&scene, &good).ok();
    for _ in 0..6 {
        scene.run(&["recover", "--before-start"]).ok();
    }
    scene.run(&["recover"]).ok().says("taken back").says(&warning);
    assert_eq!(scene.read("opt/landfall/current/bin/landfall"), "the runtime 1.1.0");
}

#[test]
fn when_too_many_keys_are_lost_a_root_is_imported_by_its_digest() {
    let (scene, _) = Scene::installed();
    let (new, stick) = (key(), scene.stick());
    // Nobody can sign for the new key any longer: it signs for itself alone.
    let roots = Roots::first(&scene.key).then(&change(&[&new], &[&scene.key]), &[&new]);
    roots.save(&stick);
    let wrong = Roots::first(&scene.key).then(&change(&[&key()], &[]), &[]).digest();
    let before = scene.tree();
    import(&scene, &stick, &[]).exits(4);
    import(&scene, &stick, &["--replace", &wrong]).exits(4).says("has the digest");
    import(&scene, &stick, &["--replace", "sha256:12"]).exits(2);
    assert_eq!(scene.tree(), before);
    let replaced = import(&scene, &stick.join("2.root.json"), &["--replace", &roots.digest(), "--json"]).ok().json();
    assert_eq!((&replaced["changed"], &replaced["root"]["version"]), (&true.into(), &2.into()));
    assert_eq!(scene.read(PINNED), roots.newest().to_json());
    assert_eq!(import(&scene, &stick, &["--replace", &roots.digest(), "--json"]).ok().json()["changed"], false);
    update(&scene, &bundle(&scene, "1.1.0", 2, &new, &[])).ok();
    // A root that is not above it does not come back, whoever tells its digest.
    let before = scene.tree();
    let first = Roots::first(&scene.key);
    import(&scene, &stick, &["--replace", &first.digest()]).exits(5).says("1 is not above it");
    let other = first.then(&change(&[&key()], &[]), &[]);
    other.save(&stick.join("other"));
    import(&scene, &stick.join("other"), &["--replace", &other.digest()]).exits(5).says("2 is not above it");
    assert_eq!(scene.tree(), before);
}

#[test]
fn the_first_installation_pins_the_newest_root_that_the_given_keys_lead_to() {
    let second = key();
    for (words, version) in [(vec!["acme.pub"], 3), (vec!["2.root.json"], 3), (vec!["3.root.json"], 3)] {
        let scene = Scene::new();
        let roots = leak(&scene.key, &second);
        roots.save(&scene.stick());
        let release = bundle(&scene, "1.0.0", 1, &second, &roots.links);
        let trust = scene.stick().join(words[0]);
        scene.run(&["install", release.to_str().unwrap(), "--trust", trust.to_str().unwrap()]).ok();
        assert_eq!(scene.read(PINNED), roots.newest().to_json(), "{words:?}: {version}");
    }
    let scene = Scene::new();
    let roots = leak(&scene.key, &second);
    let release = bundle(&scene, "1.0.0", 1, &second, &roots.links);
    let stranger = key().public_key().to_line();
    let install = ["install", release.to_str().unwrap(), "--trust", &stranger];
    scene.run(&install).exits(4).says("none is signed by enough of the given keys");
    scene.run(&[&install[..], &["--threshold", "2"]].concat()).exits(2);
    assert_eq!(scene.tree(), "");
}

#[test]
fn keys_on_the_command_line_must_have_signed_as_well() {
    let (scene, _) = Scene::installed();
    let (second, stranger) = (key(), key().public_key().to_line());
    let roots = leak(&scene.key, &second);
    roots.save(&scene.stick());
    let next = bundle(&scene, "1.1.0", 2, &second, &roots.links);
    let before = scene.tree();
    scene.run(&["update", next.to_str().unwrap(), "--trust", &stranger]).exits(4);
    assert_eq!(scene.tree(), before);
    let root = scene.stick().join("3.root.json");
    scene.run(&["update", next.to_str().unwrap(), "--trust", root.to_str().unwrap()]).ok();
    assert_eq!(scene.read(PINNED), roots.newest().to_json());
    // The first key leads to the root that revokes it, and that one trusts the release.
    let first = scene.key.public_key().to_line();
    scene.run(&["verify", next.to_str().unwrap(), "--trust", &first]).ok();
    scene.run(&["update", next.to_str().unwrap(), "--trust", &first]).ok().says("nothing to do");
}
