//! A bundle that arrived damaged, and the patch for it.

use crate::fixture::{Parts, Scene};
use crate::split_bundle::{
    Files, NAME, entry_of, install, installed, opened, patch, release_on, size_for, split, with_key, write_parts,
};
use landfall_keys::SecretKey;
use landfall_manifests::repair::{RepairRequest, RequestedBlobs};
use landfall_manifests::{Digest, Entry};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A stick with a damaged bundle.
struct Stick {
    scene: Scene,
    whole: Vec<u8>,
    request: PathBuf,
    patch: PathBuf,
}

impl Stick {
    fn new() -> Self {
        let scene = Scene::new();
        let whole = Parts::new("1.0.0", 1).pack(&scene.key);
        let (request, patch) = (scene.stick().join("request.json"), scene.stick().join("patch.tar"));
        Self { scene, whole, request, patch }
    }

    fn changed(&self, change: impl Fn(&mut Vec<u8>)) -> PathBuf {
        let mut bytes = self.whole.clone();
        change(&mut bytes);
        self.scene.put("damaged.tar", &bytes)
    }

    /// Verifies, and makes the patch that is asked for; what has been brought before is taken along.
    #[track_caller]
    fn asks(&self, words: &[&str], exit: i32) {
        let request = ["--request", self.request.to_str().unwrap()];
        let outcome = with_key(&self.scene, "verify", &[words, &request].concat()).exits(exit);
        outcome.says("landfall-bundler repair request.json");
        std::fs::write(&self.patch, patch(&self.whole, &self.scene.key, &self.request)).unwrap();
    }

    /// The bundle and the patch land, as the undamaged bundle does.
    #[track_caller]
    fn lands(&self, file: &Path, more: &[&str]) {
        let words = [&[file.to_str().unwrap(), "--patch", self.patch.to_str().unwrap()], more].concat();
        install(&self.scene, &words[..1]).exits(if self.is_accepted(file) { 3 } else { 4 });
        let verified = with_key(&self.scene, "verify", &words).ok().says("patch.tar; ");
        assert!(!verified.out.contains("all of it checked"), "{verified:?}");
        with_key(&self.scene, "plan", &words).ok();
        let patched = installed(&self.scene, &words);
        let whole = self.scene.put("whole.tar", &self.whole);
        assert_eq!(patched, installed(&self.scene, &[whole.to_str().unwrap()]));
    }

    fn is_accepted(&self, file: &Path) -> bool {
        with_key(&self.scene, "verify", &[file.to_str().unwrap()]).exit != 4
    }
}

fn at(offset: u64) -> usize {
    usize::try_from(offset).unwrap()
}

#[test]
fn a_patch_replaces_damaged_blobs() {
    let stick = Stick::new();
    let bundle = opened(&stick.whole, &stick.scene.key);
    let entries = ["config.toml", "docs/deep/manual.txt"].map(|path| entry_of(&bundle, path));
    let file = stick.changed(|bytes| {
        // Content, header and padding.
        bytes[at(entries[0].content_offset())] ^= 1;
        bytes[at(entries[1].offset)..at(entries[1].offset + 512)].fill(0xff);
    });
    stick.asks(&[file.to_str().unwrap()], 3);
    let asked: serde_json::Value = serde_json::from_slice(&std::fs::read(&stick.request).unwrap()).unwrap();
    assert_eq!(asked["blobs"].as_array().unwrap().len(), 2, "{asked}");
    assert!(std::fs::metadata(&stick.patch).unwrap().len() < stick.whole.len() as u64);
    stick.lands(&file, &[]);
}

#[test]
fn a_patch_replaces_a_damaged_head_and_a_missing_end() {
    for (offset, exit) in [(0, 3), (700, 4)] {
        let stick = Stick::new();
        let file = stick.changed(|bytes| bytes[offset] ^= 1);
        stick.asks(&[file.to_str().unwrap()], exit);
        stick.lands(&file, &[]);
    }
    let stick = Stick::new();
    let bundle = opened(&stick.whole, &stick.scene.key);
    for missing in [1, 1024, 1025, 3000] {
        let file = stick.changed(|bytes| bytes.truncate(bytes.len() - missing));
        stick.asks(&[file.to_str().unwrap()], 3);
        stick.lands(&file, &[]);
    }
    let layout = at(bundle.entries()[0].offset);
    let file = stick.changed(|bytes| bytes[layout..layout + 2048].fill(1));
    stick.asks(&[file.to_str().unwrap()], 3);
    stick.lands(&file, &[]);
}

#[test]
fn damage_behind_a_repaired_head_needs_a_second_request() {
    let stick = Stick::new();
    let entry = entry_of(&opened(&stick.whole, &stick.scene.key), "docs/deep/manual.txt");
    let file = stick.changed(|bytes| {
        bytes[700] ^= 1;
        bytes[at(entry.content_offset())] ^= 1;
    });
    let file_name = file.to_str().unwrap();
    stick.asks(&[file_name], 4);
    stick.asks(&[file_name, "--patch", stick.patch.to_str().unwrap()], 3);
    stick.lands(&file, &[]);
    // Another place breaks: the next patch still holds what this one does.
    let other = entry_of(&opened(&stick.whole, &stick.scene.key), "bin/landfall");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[at(other.content_offset())] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    stick.asks(&[file_name, "--patch", stick.patch.to_str().unwrap()], 3);
    stick.lands(&file, &[]);
}

#[test]
fn a_patch_repairs_parts_even_if_one_is_missing_or_short() {
    let stick = Stick::new();
    let parts = split(&stick.whole, size_for(&stick.whole, 5));
    let mend = |name: &str, change: &dyn Fn(&mut Files)| {
        let mut parts = parts.clone();
        change(&mut parts);
        let file = write_parts(&stick.scene, name, &parts).join(format!("{NAME}.part002"));
        stick.asks(&[file.to_str().unwrap()], 3);
        stick.lands(&file, &[]);
    };
    mend("damaged", &|parts| parts[2].1[100] ^= 1);
    mend("lost", &|parts| drop(parts.remove(3)));
    mend("last-lost", &|parts| drop(parts.pop()));
    mend("short", &|parts| parts[2].1.truncate(10));
}

#[test]
fn a_foreign_or_damaged_patch_is_refused() {
    let stick = Stick::new();
    let entry = entry_of(&opened(&stick.whole, &stick.scene.key), "docs/deep/manual.txt");
    let file = stick.changed(|bytes| bytes[at(entry.content_offset())] ^= 1);
    stick.asks(&[file.to_str().unwrap()], 3);
    let good = std::fs::read(&stick.patch).unwrap();
    let request = std::fs::read_to_string(&stick.request).unwrap();
    let refused = |patch: &[u8], exit: i32, says: &str| {
        std::fs::write(&stick.patch, patch).unwrap();
        let before = stick.scene.tree();
        let words = [file.to_str().unwrap(), "--patch", stick.patch.to_str().unwrap()];
        install(&stick.scene, &words).exits(exit).says(says);
        with_key(&stick.scene, "verify", &words).exits(exit).says(says);
        assert_eq!(stick.scene.tree(), before);
    };
    let mut other = Parts::new("1.0.0", 1);
    other.file("docs/more", "0644", b"more");
    let empty = stick.scene.stick().join("empty.json");
    std::fs::write(&empty, request.replace(&format!("\n    \"{}\"\n  ", entry.digest), "")).unwrap();
    refused(&patch(&other.pack(&stick.scene.key), &stick.scene.key, &empty), 3, "is a patch for another bundle");
    let stranger = SecretKey::generate().unwrap();
    let theirs = Parts::new("1.0.0", 1).pack(&stranger);
    refused(&patch(&theirs, &stranger, &empty), 4, "not signed by a trusted key");
    refused(&patch(&stick.whole, &stick.scene.key, &empty), 3, "damaged.tar, offset");
    refused(&good[..good.len() - 1], 3, "patch.tar, offset");
    refused(&[&good[..], &[0]].concat(), 3, "patch.tar, offset");
    let last = good.len() - 1024 - 512;
    let changed = |place: usize| {
        let mut bytes = good.clone();
        bytes[place] ^= 1;
        bytes
    };
    refused(&changed(last), 3, "patch.tar, offset");
    refused(&changed(700), 4, "patch.tar");
    refused(b"", 3, "patch.tar");
    stick.scene.run(&["verify", stick.patch.to_str().unwrap()]).exits(3);
    std::fs::write(&stick.patch, &good).unwrap();
    with_key(&stick.scene, "verify", &[stick.patch.to_str().unwrap()]).exits(3).says("this is a patch");
    install(&stick.scene, &[stick.patch.to_str().unwrap()]).exits(3).says("this is a patch");
}

#[test]
fn a_request_asks_for_no_blob_that_the_host_holds() {
    let (scene, first) = Scene::installed();
    let first = std::fs::read(first).unwrap();
    let held: BTreeSet<Digest> = opened(&first, &scene.key).release().blobs.iter().map(|blob| blob.digest).collect();
    let next = Parts::new("1.1.0", 2).pack(&scene.key);
    let bundle = opened(&next, &scene.key);
    let blobs: Vec<_> = bundle.entries().iter().filter(|entry| entry.is_blob).collect();
    let (shared, own): (Vec<_>, Vec<_>) = blobs.into_iter().partition(|entry| held.contains(&entry.digest));
    let mut damaged = next.clone();
    let with_content = |entry: &&&Entry| entry.size > 0;
    let changed = [shared.iter().find(with_content).unwrap(), own.iter().find(with_content).unwrap()];
    for entry in changed {
        damaged[at(entry.content_offset())] ^= 1;
    }
    // Around its content, the blob's place in the bundle is read all the same.
    let framed = shared.iter().filter(with_content).nth(1).unwrap();
    damaged[at(framed.offset)] ^= 1;
    let file = scene.put("next.tar", &damaged);
    let request = scene.stick().join("request.json");
    scene.run(&["verify", file.to_str().unwrap(), "--request", request.to_str().unwrap()]).exits(3);
    let asked = RepairRequest::parse(&std::fs::read(&request).unwrap()).unwrap();
    let RepairRequest::Release(RequestedBlobs { blobs, .. }) = asked else { panic!("the release is known") };
    assert_eq!(blobs.into_iter().collect::<BTreeSet<_>>(), [changed[1].digest, framed.digest].into());
    let mend = scene.put("patch.tar", &patch(&next, &scene.key, &request));
    scene.run(&["update", file.to_str().unwrap(), "--yes", "--patch", mend.to_str().unwrap()]).ok();
}

#[test]
fn no_request_is_written_where_the_host_holds_all_that_is_damaged() {
    let (scene, first) = Scene::installed();
    let bundle = std::fs::read(&first).unwrap();
    let entry = entry_of(&opened(&bundle, &scene.key), "bin/landfall");
    let mut damaged = bundle.clone();
    damaged[at(entry.content_offset())] ^= 1;
    let file = scene.put("damaged.tar", &damaged);
    let request = scene.stick().join("request.json");
    let outcome = scene.run(&["verify", file.to_str().unwrap(), "--request", request.to_str().unwrap()]).exits(3);
    outcome.says("no repair request is written: this host's store holds all that is damaged here");
    assert!(!request.exists());
    scene.run(&["update", file.to_str().unwrap(), "--yes"]).ok();
}

#[test]
fn an_update_reads_parts_and_a_patch() {
    let (scene, _) = Scene::installed();
    let next = Parts::new("1.1.0", 2).pack(&scene.key);
    // A blob that the host does not have from the release before.
    let entry = entry_of(&opened(&next, &scene.key), "bin/landfall");
    let mut damaged = next.clone();
    damaged[at(entry.content_offset())] ^= 1;
    let file = write_parts(&scene, "next", &split(&damaged, size_for(&next, 4))).join(NAME);
    let request = scene.stick().join("request.json");
    let before = scene.tree();
    scene.run(&["update", file.to_str().unwrap(), "--yes"]).exits(3);
    scene.run(&["verify", file.to_str().unwrap(), "--request", request.to_str().unwrap()]).exits(3);
    assert_eq!(scene.tree(), before);
    let mend = scene.put("patch.tar", &patch(&next, &scene.key, &request));
    scene.run(&["update", file.to_str().unwrap(), "--yes", "--patch", mend.to_str().unwrap()]).ok();
    assert!(release_on(&scene).contains("releases/1.1.0-2/"));
}
