//! Updates by a bundle without what the host has already.

use crate::fixture::{Outcome, Parts, Scene};
use landfall_keys::PublicKey;
use landfall_manifests::{Digest, SignedInventory};
use std::path::{Path, PathBuf};

const DOCUMENT: &str = "opt/landfall/current/bin/landfall";
const MANUAL: &str = "opt/landfall/current/docs/deep/manual.txt";

/// A host with 1.0.0-1, and the delta on top of it that brings 1.1.0-2.
fn ready() -> (Scene, PathBuf) {
    let (scene, _) = Scene::installed();
    let delta = scene.put("delta.tar", &Parts::new("1.1.0", 2).on(&Parts::new("1.0.0", 1)).pack(&scene.key));
    (scene, delta)
}

fn update(scene: &Scene, bundle: &Path) -> Outcome {
    scene.run(&["update", bundle.to_str().unwrap()])
}

/// The blob of the manual, which both releases have.
fn manual(scene: &Scene) -> PathBuf {
    let release = Parts::new("1.0.0", 1);
    let file = release.release.files.iter().find(|file| file.path.as_str().ends_with("manual.txt")).unwrap();
    scene.root().join("var/lib/landfall/store/sha256").join(file.blob.hex())
}

#[test]
fn an_update_by_a_delta_is_the_update_by_the_full_bundle() {
    let (scene, delta) = ready();
    let full = Parts::new("1.1.0", 2).pack(&scene.key);
    assert!(std::fs::metadata(&delta).unwrap().len() < full.len() as u64);
    let plan = scene.run(&["plan", delta.to_str().unwrap(), "--json"]).ok().json();
    assert_eq!(plan["plan"]["base"]["versions"], serde_json::json!(["1.0.0"]));
    update(&scene, &delta).ok().says("1.1.0-2 is installed in place of 1.0.0-1");
    assert_eq!(scene.read(DOCUMENT), "the runtime 1.1.0");
    assert_eq!(scene.read(MANUAL), "words ".repeat(100_000));
    update(&scene, &delta).ok().says("nothing to do");
    // The full bundle is the same release.
    let full = scene.put("full.tar", &full);
    update(&scene, &full).ok().says("nothing to do");
    scene.run(&["rollback"]).ok().says("1.0.0-1 runs again");
    update(&scene, &full).ok().says("1.1.0-2 is installed in place of 1.0.0-1");
    scene.run(&["rollback"]).ok();
    update(&scene, &delta).ok();
    assert_eq!(scene.read(DOCUMENT), "the runtime 1.1.0");
    // The next delta is made against the full bundle of what came by a delta here.
    let third = Parts::new("1.2.0", 3).on(&Parts::new("1.1.0", 2)).pack(&scene.key);
    update(&scene, &scene.put("third.tar", &third)).ok();
    assert_eq!(scene.read(MANUAL), "words ".repeat(100_000));
}

#[test]
fn verify_says_what_the_delta_relies_on() {
    let (scene, delta) = ready();
    scene.run(&["verify", delta.to_str().unwrap()]).ok().says("base     1.0.0: a host needs");
}

#[test]
fn a_host_without_the_base_is_refused_and_left_alone() {
    let (scene, _) = ready();
    let other = scene.put("other.tar", &Parts::new("1.1.0", 2).on(&Parts::new("0.9.0", 1)).pack(&scene.key));
    // What 0.9.0 and 1.0.0 have in common suffices here: that is decided by content.
    scene.run(&["plan", other.to_str().unwrap()]).ok();
    let bare = Scene::new();
    let delta = bare.put("delta.tar", &Parts::new("1.1.0", 2).on(&Parts::new("1.0.0", 1)).pack(&bare.key));
    let before = bare.tree();
    bare.install(&delta).exits(5).says("delta bundle on top of 1.0.0, which is not on this host");
    assert_eq!(bare.tree(), before);
}

#[test]
fn a_base_that_has_rotted_is_found_before_anything_is_changed() {
    let (scene, delta) = ready();
    let blob = manual(&scene);
    let good = std::fs::read(&blob).unwrap();
    let mut bad = good.clone();
    *bad.last_mut().unwrap() ^= 1;
    for damage in [Some(&bad), None] {
        match damage {
            Some(bytes) => std::fs::write(&blob, bytes).unwrap(),
            None => std::fs::remove_file(&blob).unwrap(),
        }
        let before = scene.tree_without_times();
        let outcome = update(&scene, &delta).exits(6).says("which the delta bundle relies on");
        assert!(outcome.err.contains("manual.txt") && outcome.err.contains("full bundle"), "{}", outcome.err);
        assert_eq!(scene.tree_without_times(), before);
    }
    // The full bundle brings it again.
    let full = scene.put("full.tar", &Parts::new("1.1.0", 2).pack(&scene.key));
    update(&scene, &full).ok();
    assert_eq!(Digest::of(&std::fs::read(&blob).unwrap()), Digest::of(&good));
}

/// The manual as the next release has it, and the parts of the last one that it is made from.
const PARTS: [(u64, u32); 2] = [(300_000, 300_000), (1, 1_000)];

fn next_manual() -> Vec<u8> {
    let old = b"words ".repeat(100_000);
    [&old[300_000..], &old[1..1_001]].concat()
}

/// The delta that makes the manual of 1.1.0-2 from that of 1.0.0-1.
fn making() -> Parts {
    let mut next = Parts::new("1.1.0", 2);
    next.file("docs/deep/manual.txt", "0640", &next_manual());
    let base = Parts::new("1.0.0", 1);
    let mut delta = next.on(&base);
    delta.make_from(&base, "docs/deep/manual.txt", &PARTS);
    delta
}

#[test]
fn a_content_is_made_from_what_the_host_has_and_serves_like_its_blob() {
    let (scene, _) = ready();
    let delta = scene.put("making.tar", &making().pack(&scene.key));
    let plan = scene.run(&["plan", delta.to_str().unwrap(), "--json"]).ok().json();
    assert_eq!(plan["plan"]["base"]["made"], serde_json::json!({"count": 1, "bytes": 301_000}));
    update(&scene, &delta).ok();
    assert_eq!(scene.read(MANUAL).as_bytes(), next_manual());
    let store = scene.root().join("var/lib/landfall/store");
    assert!(store.join("sha256").join(Digest::of(&next_manual()).hex()).exists());
    assert_eq!(std::fs::read_dir(store.join("incoming")).unwrap().count(), 0);
    // Back and forth, and repaired from it.
    scene.run(&["rollback"]).ok();
    assert_eq!(scene.read(MANUAL), "words ".repeat(100_000));
    std::fs::write(scene.root().join("opt/landfall/releases/1.1.0-2/docs/deep/manual.txt"), "rotten").unwrap();
    update(&scene, &delta).ok();
    assert_eq!(scene.read(MANUAL).as_bytes(), next_manual());
    // The next delta leaves out what is there uncompressed only.
    let mut full = Parts::new("1.1.0", 2);
    full.file("docs/deep/manual.txt", "0640", &next_manual());
    let mut third = Parts::new("1.2.0", 3);
    third.file("docs/deep/manual.txt", "0640", &next_manual());
    update(&scene, &scene.put("third.tar", &third.on(&full).pack(&scene.key))).ok();
    assert_eq!(scene.read(MANUAL).as_bytes(), next_manual());
}

#[test]
fn a_damaged_difference_or_base_is_found_and_changes_nothing() {
    let (scene, _) = ready();
    let bytes = making().pack(&scene.key);
    let at = bytes.windows(6).rposition(|window| window == b"LFDIFF").unwrap();
    let mut damaged = bytes.clone();
    damaged[at + 30] ^= 1;
    let before = scene.tree_without_times();
    update(&scene, &scene.put("damaged.tar", &damaged)).exits(3).says("damaged");
    assert_eq!(scene.tree_without_times(), before);
    // Signed like this: it makes something else.
    let base = Parts::new("1.0.0", 1);
    let mut wrong = Parts::new("1.1.0", 2);
    wrong.file("docs/deep/manual.txt", "0640", &next_manual());
    let mut wrong = wrong.on(&base);
    wrong.make_from(&base, "docs/deep/manual.txt", &[(299_999, 300_000), (1, 1_000)]);
    let outcome = update(&scene, &scene.put("wrong.tar", &wrong.pack(&scene.key))).exits(3);
    assert!(
        outcome.err.contains("manual.txt") && outcome.err.contains("makes content with the digest"),
        "{}",
        outcome.err
    );
    assert_eq!(scene.tree_without_times(), before);
    let blob = manual(&scene);
    let mut rotten = std::fs::read(&blob).unwrap();
    *rotten.last_mut().unwrap() ^= 1;
    std::fs::write(&blob, rotten).unwrap();
    update(&scene, &scene.put("making.tar", &bytes))
        .exits(6)
        .says("which the delta bundle relies on for file docs/deep");
}

#[test]
fn an_inventory_says_what_is_there_and_is_right() {
    let (scene, delta) = ready();
    update(&scene, &delta).ok();
    let before = scene.tree();
    let inventory = |words: &[&str]| {
        let outcome = scene.run(&[&["inventory"], words].concat()).ok();
        let signed = SignedInventory::parse(outcome.out.as_bytes()).unwrap();
        let host = PublicKey::parse_file(&scene.read("var/lib/landfall/state/host.pub")).unwrap();
        signed.verify(&[host]).unwrap()
    };
    let found = inventory(&[]);
    assert_eq!(inventory(&["--json"]), found);
    assert_eq!(scene.tree(), before, "looking changes nothing");
    let releases: Vec<String> = found.releases.iter().map(|release| release.id().to_string()).collect();
    assert_eq!(releases, ["1.1.0-2", "1.0.0-1"]);
    assert_eq!(found.installation, scene.read("var/lib/landfall/state/installation-id").trim());
    let new = Parts::new("1.1.0", 2);
    assert!(new.release.blobs.iter().all(|blob| found.blobs.contains(&blob.digest)), "{found:?}");
    // What has rotted is not there.
    std::fs::write(manual(&scene), "rot").unwrap();
    let rotted = inventory(&[]);
    assert_eq!(found.blobs.difference(&rotted.blobs).count(), 1);
    std::fs::remove_file(scene.root().join("var/lib/landfall/state/host.key")).unwrap();
    scene.run(&["inventory"]).exits(6).says("this host has no key");
    Scene::new().run(&["inventory"]).exits(5);
}
