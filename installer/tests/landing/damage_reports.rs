//! Reports of damage: part, offset in the part and in the bundle, blob, and what needs it.

use crate::fixture::{Outcome, Parts, Scene};
use crate::split_bundle::{NAME, entry_of, opened, size_for, split, with_key, write_parts};
use landfall_manifests::{Bundle, Entry};

const COUNT: usize = 3;

struct Damaged {
    scene: Scene,
    bytes: Vec<u8>,
    bundle: Bundle,
}

impl Damaged {
    fn new() -> Self {
        let scene = Scene::new();
        let bytes = Parts::new("1.0.0", 1).pack(&scene.key);
        let bundle = opened(&bytes, &scene.key);
        Self { scene, bytes, bundle }
    }

    fn size(&self) -> usize {
        size_for(&self.bytes, COUNT)
    }

    /// Verifies the bundle in parts, with one byte of it changed.
    fn at(&self, offset: u64) -> Outcome {
        let mut bytes = self.bytes.clone();
        bytes[usize::try_from(offset).unwrap()] ^= 1;
        let folder = write_parts(&self.scene, "parts", &split(&bytes, self.size()));
        with_key(&self.scene, "verify", &[folder.join(NAME).to_str().unwrap()])
    }

    /// How a place is reported.
    fn place(&self, offset: u64) -> String {
        let at = usize::try_from(offset).unwrap();
        let (part, within) = (at / self.size() + 1, at % self.size());
        let place = format!("{NAME}.part{part:03}, offset {within}");
        if part == 1 { place } else { format!("{place} (offset {offset} of the bundle)") }
    }

    fn last(&self) -> &Entry {
        self.bundle.entries().last().unwrap()
    }
}

#[test]
fn damage_in_the_head_names_the_file() {
    let damaged = Damaged::new();
    let signature = 512 + damaged.bundle.manifest().len().next_multiple_of(512) as u64 + 512;
    damaged.at(0).exits(3).says("not a Landfall bundle").says(NAME);
    damaged.at(700).exits(4).says("changed").says(NAME);
    // In the base64 of the signature itself.
    let outcome = damaged.at(signature + 80);
    assert!([3, 4].contains(&outcome.exit), "{outcome:?}");
    let layout = &damaged.bundle.entries()[0];
    damaged
        .at(layout.offset + 3)
        .exits(3)
        .says(&damaged.place(layout.offset + 3))
        .says("in oci-layout: the header differs");
    let index = &damaged.bundle.entries()[1];
    damaged
        .at(index.content_offset())
        .exits(3)
        .says("in index.json: the content is damaged")
        .says(&damaged.place(index.content_offset()));
}

#[test]
fn damage_in_a_blob_names_its_digest_and_what_needs_it() {
    let damaged = Damaged::new();
    for (path, user) in [("docs/deep/manual.txt", "file docs/deep/manual.txt"), ("bin/landfall", "file bin/landfall")] {
        let entry = entry_of(&damaged.bundle, path);
        let blob = format!("in blob {} of {user}", entry.digest);
        let content = entry.content_offset();
        damaged.at(content).exits(3).says(&damaged.place(content)).says(&blob).says("is damaged");
        damaged
            .at(entry.offset + 9)
            .exits(3)
            .says(&damaged.place(entry.offset + 9))
            .says(&blob)
            .says(": the header differs");
        let padding = content + entry.size;
        assert_ne!(entry.size % 512, 0, "it has padding");
        damaged.at(padding).exits(3).says(&damaged.place(padding)).says(&blob).says("the padding after");
    }
    let layer = damaged.bundle.release().images[0].layers[1].blob;
    let entry = damaged.bundle.entries().iter().find(|entry| entry.digest == layer).unwrap();
    damaged.at(entry.content_offset()).exits(3).says(&format!("in blob {layer} of image hello"));
}

#[test]
fn damage_at_a_part_boundary_or_the_end_names_the_part() {
    let damaged = Damaged::new();
    for boundary in [damaged.size() as u64, 2 * damaged.size() as u64] {
        for offset in [boundary - 1, boundary] {
            let of = damaged
                .bundle
                .entries()
                .iter()
                .find(|entry| (entry.offset..entry.offset + entry.archive_bytes()).contains(&offset));
            let blob = of.unwrap().digest;
            // In a blob, nobody knows where: then both parts are named.
            let part = usize::try_from(offset).unwrap() / damaged.size() + 1;
            damaged.at(offset).exits(3).says(&format!("{NAME}.part{part:03}, offset ")).says(&blob.to_string());
        }
    }
    let end = damaged.last().offset + damaged.last().archive_bytes();
    damaged.at(end + 1023).exits(3).says(&damaged.place(end + 1023)).says("goes on after its last entry");
}

#[test]
fn all_damaged_places_are_listed() {
    let damaged = Damaged::new();
    let mut bytes = damaged.bytes.clone();
    let entries = ["docs/deep/manual.txt", "bin/landfall", "config.toml"].map(|path| entry_of(&damaged.bundle, path));
    for entry in &entries {
        bytes[usize::try_from(entry.content_offset()).unwrap()] ^= 1;
    }
    let whole = damaged.scene.put("whole.tar", &bytes);
    let mut outcome = with_key(&damaged.scene, "verify", &[whole.to_str().unwrap()]).exits(3).says("in 3 places");
    for entry in entries {
        outcome = outcome.says(&format!("whole.tar, offset {}, in blob {}", entry.content_offset(), entry.digest));
    }
}

#[test]
fn an_installation_reports_the_same_damage() {
    let damaged = Damaged::new();
    let mut bytes = damaged.bytes.clone();
    let entry = entry_of(&damaged.bundle, "docs/deep/manual.txt");
    bytes[usize::try_from(entry.content_offset()).unwrap()] ^= 1;
    let folder = write_parts(&damaged.scene, "parts", &split(&bytes, damaged.size()));
    let outcome = with_key(&damaged.scene, "install", &[folder.join(NAME).to_str().unwrap()]).exits(3);
    outcome.says(&damaged.place(entry.content_offset())).says(&format!("in blob {} of file docs/deep", entry.digest));
    assert_eq!(damaged.scene.tree(), "");
}
