//! Collections on a host in a folder, with an engine in memory.

use super::{PREFIX, digest, installed};
use crate::engine::LocalImage;
use crate::engine::fake::FakeImageEngine;
use crate::host_context::HostContext;
use crate::retained_release::fixture::Host;
use crate::retention::{Collected, Collection, collect, collect_garbage, decide, gather, predict, retained};
use crate::state::installed::{Installed, InstalledRelease};
use crate::store::Store;
use landfall_manifests::{Database, Encoding, Image, Layer, oci};
use std::fs;

/// A host with three releases on it, of which the first is no longer recorded, and litter of every kind.
struct Scene {
    host: Host,
    context: HostContext,
    installed: Installed,
}

fn image(host: &Host, name: &str) -> Image {
    let content = name.repeat(100);
    let layer = Layer {
        blob: host.store(&zstd::encode_all(content.as_bytes(), 1).unwrap()),
        encoding: Encoding::Zstd,
        diff_id: digest(&content),
        size: content.len() as u64,
    };
    let rootfs = serde_json::json!({"type": "layers", "diff_ids": [layer.diff_id]});
    let config = serde_json::json!({"architecture": "amd64", "os": "linux", "rootfs": rootfs}).to_string();
    Image {
        name: "node".parse().unwrap(),
        platform: "linux/amd64".to_owned(),
        media_type: oci::MANIFEST.to_owned(),
        manifest: host.store(format!("manifest of {name}").as_bytes()),
        config: host.store(config.as_bytes()),
        layers: vec![layer],
        source: "rootfs:.".to_owned(),
        tenant: None,
    }
}

/// `says` is what the current release's `landfall images` is: a script.
fn scene(says: &str) -> Scene {
    let host = Host::new();
    let engine = FakeImageEngine::default();
    let bring = |version: &str, serial: u64| {
        let image = image(&host, &format!("image of {version}"));
        let script = format!("#!/bin/sh\nCONFIG={}\n{says}\n", image.config);
        let files = [("bin/landfall", "0755", script.as_str()), ("docs/shared", "0644", "in all of them")];
        let mut record = host.bring_with(version, serial, &files, |release| release.images = vec![image.clone()]);
        record.tags = vec![format!("{PREFIX}{}", record.id())];
        record.database = Some(Database { schema: u32::try_from(serial).unwrap(), reversible_to: 1 });
        let diff_ids = image.layers.iter().map(|layer| layer.diff_id).collect();
        let (id, platform) = (image.config.to_string(), image.platform.clone());
        engine.images.borrow_mut().push(LocalImage { id, tags: record.tags.clone(), platform, diff_ids });
        record
    };
    let [_, two, three] = [("1.0.0", 1), ("1.1.0", 2), ("1.2.0", 3)].map(|(version, serial)| bring(version, serial));
    let layout = &host.layout;
    point_at(layout, &three);
    host.store(b"litter");
    fs::write(layout.incoming().join(digest("staged").hex()), "staged").unwrap();
    fs::create_dir_all(layout.releases().join(".2.0.0-9.partial/bin")).unwrap();
    for name in ["landfall.db", "landfall.db.schema-1", "landfall.db.schema-2", "landfall.db.aside-schema-1"] {
        fs::write(layout.database_folder().join(name), name).unwrap();
    }
    let context = HostContext::fake(&layout.at(""), Some(Box::new(engine)));
    let installed = installed(three, vec![two]);
    Scene { host, context, installed }
}

fn point_at(layout: &crate::layout::Layout, release: &InstalledRelease) {
    let target = std::path::Path::new("releases").join(release.id().to_string());
    crate::durable::point(&layout.current(), &target).unwrap();
}

impl Scene {
    /// What is left, by kind: release folders, number of blobs, what is staged, the database's files, images.
    fn state(&self) -> (Vec<String>, usize, usize, Vec<String>, Vec<String>) {
        let names = |folder: std::path::PathBuf| {
            let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
            let mut names: Vec<String> = names.collect();
            names.sort();
            names
        };
        let layout = &self.host.layout;
        let images = self.context.engine().unwrap().unwrap().images().unwrap();
        let mut tags: Vec<String> = images.into_iter().flat_map(|image| image.tags).collect();
        tags.sort();
        let blobs = Store::new(layout).sizes().unwrap().len();
        (names(layout.releases()), blobs, names(layout.incoming()).len(), names(layout.database_folder()), tags)
    }

    fn assert_tidy(&self) {
        let (releases, blobs, staged, database, tags) = self.state();
        assert_eq!(releases, ["1.1.0-2", "1.2.0-3"]);
        // Two scripts, two images of three blobs, and the document that both share.
        assert_eq!((blobs, staged), (2 + 2 * 3 + 1, 0));
        assert_eq!(database, ["landfall.db", "landfall.db.aside-schema-1", "landfall.db.schema-2"]);
        assert_eq!(tags, [format!("{PREFIX}1.1.0-2"), format!("{PREFIX}1.2.0-3")]);
        for release in self.installed.releases() {
            let (layout, console) = (&self.host.layout, crate::fixture::quiet());
            crate::retained_release::verify(layout, release, console).unwrap();
        }
    }
}

/// No tenant needs anything.
const NOTHING: &str = "test \"$1 $3 $4\" = '--root --json images' && echo '{\"images\": []}'";

#[test]
fn collects_what_is_of_no_release_and_says_what_it_was() {
    let scene = scene(NOTHING);
    let collected = collect_garbage(&scene.context, &scene.installed).unwrap();
    assert_eq!(collected.releases, [".2.0.0-9.partial", "1.0.0-1"]);
    assert_eq!((collected.blobs, collected.tags, collected.left), (5, vec![format!("{PREFIX}1.0.0-1")], vec![]));
    assert_eq!(collected.snapshots, ["landfall.db.schema-1"]);
    scene.assert_tidy();
    let again = collect_garbage(&scene.context, &scene.installed).unwrap();
    assert_eq!(again, Collected::default());
}

#[test]
fn predicts_what_an_update_will_make_superfluous() {
    let scene = scene(NOTHING);
    let mut next = crate::fixture::release_with(&[]);
    (next.version, next.serial) = ("2.0.0".parse().unwrap(), 9.try_into().unwrap());
    next.files[0].blob = digest("litter");
    let current = InstalledRelease::new(&next, digest("2.0.0"), scene.host.trust.clone(), Vec::new(), Vec::new());
    let kept = retained(&scene.installed, &current, 2);
    let after = Installed { current, kept, ..scene.installed.clone() };
    let before = scene.state();
    let collection = predict(&scene.context, &scene.installed, &after, &next).unwrap();
    assert_eq!(collection.folders, [".2.0.0-9.partial", "1.0.0-1", "1.1.0-2"]);
    // Of each of the two a script and an image of three blobs; the litter is of use to the next release.
    assert_eq!((collection.blobs.len(), collection.tags.len(), collection.left), (2 * 4, 2, vec![]));
    assert_eq!(scene.state(), before);
}

#[test]
fn a_collection_that_was_cut_off_anywhere_is_completed_by_the_next() {
    let cuts: [fn(&Scene, &Collection); 5] = [
        |scene, _| {
            let layout = &scene.host.layout;
            fs::rename(layout.releases().join("1.0.0-1"), layout.releases().join(".1.0.0-1.partial")).unwrap();
        },
        |scene, _| fs::remove_file(scene.host.layout.releases().join("1.0.0-1/landfall.json")).unwrap(),
        |scene, collection| {
            fs::remove_dir_all(scene.host.layout.releases().join("1.0.0-1")).unwrap();
            fs::remove_file(scene.host.layout.blob(&collection.blobs[0].digest)).unwrap();
        },
        |scene, collection| {
            let half = Collection { tags: Vec::new(), snapshots: Vec::new(), ..collection.clone() };
            collect(&scene.context, &half).unwrap();
        },
        |scene, collection| {
            collect(&scene.context, collection).unwrap();
            collect(&scene.context, collection).unwrap();
        },
    ];
    for cut in cuts {
        let scene = scene(NOTHING);
        let collection = decide(&scene.installed, &gather(&scene.context, &scene.installed).unwrap());
        cut(&scene, &collection);
        collect_garbage(&scene.context, &scene.installed).unwrap();
        scene.assert_tidy();
    }
}

#[test]
fn the_runtime_is_asked_what_tenants_need() {
    let current = scene("echo \"{\\\"images\\\": [\\\"$CONFIG\\\"]}\"");
    assert_eq!(collect_garbage(&current.context, &current.installed).unwrap().tags, [format!("{PREFIX}1.0.0-1")]);
    current.assert_tidy();

    let stays = format!("{PREFIX}1.0.0-1");
    for (says, expected) in [
        ("echo no database >&2; exit 6", "ends with 6: no database"),
        ("echo '{\"images\": [\"latest\"]}'", "the output of `landfall images` does not parse"),
        ("kill -9 $$", "was ended by signal 9"),
        ("head -c 2000000 /dev/zero", "wrote more than 1048576 bytes"),
    ] {
        let scene = scene(says);
        let collected = collect_garbage(&scene.context, &scene.installed).unwrap();
        assert_eq!((collected.blobs, collected.tags.len(), collected.left.len()), (5, 0, 1), "the rest goes on");
        assert!(collected.left[0].contains(expected), "{:?}", collected.left);
        assert!(scene.state().4.contains(&stays));
    }
}

#[test]
fn an_image_that_a_tenant_of_a_gone_release_needs_outlives_its_release() {
    let before = scene(NOTHING);
    let config = before.context.engine().unwrap().unwrap().images().unwrap()[0].id.clone();
    let scene = scene(&format!("echo '{{\"images\": [\"{config}\"]}}'"));
    let collected = collect_garbage(&scene.context, &scene.installed).unwrap();
    assert!(collected.tags.is_empty(), "{collected:?}");
    assert_eq!(collected.left, [format!("image {PREFIX}1.0.0-1 stays: a tenant was created from it")]);
    assert_eq!(scene.state().0, ["1.1.0-2", "1.2.0-3"], "its folder goes");
    assert_eq!(scene.state().1, 9, "and so do its blobs");
}

#[test]
fn a_kept_release_whose_manifest_is_damaged_saves_every_blob() {
    let scene = scene(NOTHING);
    let kept = scene.host.layout.release(&scene.installed.kept[0].id());
    fs::write(kept.join("landfall.json"), "damaged").unwrap();
    let before = scene.state().1;
    let collected = collect_garbage(&scene.context, &scene.installed).unwrap();
    assert_eq!((scene.state().1, collected.blobs), (before, 0));
    assert!(collected.left[0].starts_with("no blob is removed"), "{:?}", collected.left);
    assert_eq!(collected.releases.len(), 2, "the rest goes on");
}
