#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::holdings::{Images, Needed};
use super::*;
use crate::engine::fake::FakeEngine;
use crate::engine::{EngineAddress, LocalImage};
use crate::installed::Surroundings;
use crate::kept::fixture::Host;
use crate::store::Store;
use landfall_manifests::{Database, Digest, Encoding, Image, Layer, oci};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

fn digest(name: &str) -> Digest {
    Digest::of(name.as_bytes())
}

fn release(version: &str, serial: u64) -> InstalledRelease {
    let mut release = crate::plan::tests::release_with(&[]);
    (release.version, release.serial) = (version.parse().unwrap(), serial.try_into().unwrap());
    InstalledRelease::new(&release, digest(version), Vec::new(), Vec::new())
}

fn installed(current: InstalledRelease, kept: Vec<InstalledRelease>) -> Installed {
    let host = Surroundings { engine: EngineAddress::None, systemd: false };
    Installed { schema: 1, current, kept, host, created: Vec::new() }
}

fn holdings() -> Holdings {
    Holdings {
        needs: Vec::new(),
        folders: Vec::new(),
        current: None,
        blobs: BTreeMap::new(),
        images: Ok(None),
        snapshots: BTreeSet::new(),
    }
}

#[test]
fn the_newest_others_stay_in_their_order() {
    let [one, two, three] =
        [("1.0.0", 1), ("1.1.0", 2), ("1.2.0", 3)].map(|(version, serial)| release(version, serial));
    let ids = |kept: Vec<InstalledRelease>| kept.iter().map(|kept| u64::from(kept.serial)).collect::<Vec<_>>();
    let host = installed(two.clone(), vec![one.clone()]);
    assert_eq!(ids(retained(None, &one, 2)), [0; 0]);
    for (next, keep, kept) in [
        (&three, 1, vec![]),
        (&three, 2, vec![2]),
        (&three, 3, vec![2, 1]),
        (&three, 9, vec![2, 1]),
        // A rollback keeps what it leaves behind, and a release is never there twice.
        (&one, 2, vec![2]),
        (&two, 2, vec![1]),
    ] {
        assert_eq!(ids(retained(Some(&host), next, keep)), kept, "{} {keep}", next.version);
    }
}

#[test]
fn folders_of_no_release_go_and_those_of_others_stay() {
    let host = installed(release("1.1.0", 2), vec![release("1.0.0", 1)]);
    let names = ["1.1.0-2", "1.0.0-1", "0.9.0-1", ".0.9.0-1.partial", ".1.1.0-2.partial", "notes", "lost+found", ".x"];
    let holdings = Holdings { folders: names.map(str::to_owned).to_vec(), ..holdings() };
    let collection = decide(&host, &holdings);
    assert_eq!(collection.folders, ["0.9.0-1", ".0.9.0-1.partial", ".1.1.0-2.partial"]);
    let pointed_at = Holdings { current: Some("0.9.0-1".to_owned()), ..holdings };
    let collection = decide(&host, &pointed_at);
    assert_eq!(collection.folders, [".0.9.0-1.partial", ".1.1.0-2.partial"]);
    assert_eq!(collection.left, ["release 0.9.0-1 is not recorded as installed, but `current` leads to it"]);
}

#[test]
fn blobs_that_no_release_needs_go_and_none_while_a_manifest_cannot_be_read() {
    let (old, new) = (release("1.0.0", 1), release("1.1.0", 2));
    let need = |names: &[&str]| Ok(names.iter().map(|name| digest(name)).collect());
    let blobs = ["both", "old", "new", "litter"].map(|name| (digest(name), name.len() as u64)).into();
    let mut holdings = Holdings {
        needs: vec![(new.id(), need(&["both", "new", "not there"])), (old.id(), need(&["both", "old"]))],
        blobs,
        ..holdings()
    };
    let host = installed(new, vec![old.clone()]);
    let gone: Vec<_> = decide(&host, &holdings).blobs.iter().map(|blob| (blob.digest, blob.size)).collect();
    assert_eq!(gone, [(digest("litter"), 6)]);

    holdings.needs[1] = (old.id(), Err("landfall.json is missing".to_owned()));
    let collection = decide(&host, &holdings);
    assert!(collection.blobs.is_empty());
    let said = "no blob is collected: which ones release 1.0.0-1 needs cannot be told: landfall.json is missing";
    assert_eq!(collection.left, [said]);
}

const PREFIX: &str = "landfall.local/acme/node:";

fn local(id: &str, tags: &[&str]) -> LocalImage {
    let tags =
        tags.iter().map(|tag| tag.strip_prefix('+').map_or_else(|| (*tag).to_owned(), |tag| format!("{PREFIX}{tag}")));
    LocalImage {
        id: digest(id).to_string(),
        tags: tags.collect(),
        platform: "linux/amd64".to_owned(),
        diff_ids: vec![digest("base"), digest(&format!("layer of {id}"))],
    }
}

fn needed(config: &str, layers_of: Option<&str>) -> Needed {
    let diff_ids = layers_of.map(|image| vec![digest("base"), digest(&format!("layer of {image}"))]);
    Needed { config: digest(config), diff_ids }
}

/// Which of our tags go, and how much is said, where `current` has the tag 2 and the kept release the tag 1.
fn tags_that_go(images: Images) -> (Vec<String>, usize) {
    let tagged = |release, tag| InstalledRelease { tags: vec![format!("{PREFIX}{tag}")], ..release };
    let host = installed(tagged(release("1.1.0", 2), "2"), vec![tagged(release("1.0.0", 1), "1")]);
    let collection = decide(&host, &Holdings { images: Ok(Some(images)), ..holdings() });
    let tags = collection.tags.iter().map(|tag| tag.strip_prefix(PREFIX).unwrap().to_owned());
    (tags.collect(), collection.left.len())
}

#[test]
fn tags_of_gone_releases_go_but_an_image_of_a_tenant_keeps_one() {
    let table: [(&[&str], bool, &[&str], usize); 9] = [
        (&["+2"], false, &[], 0),
        (&["+1", "somebody:0"], false, &[], 0),
        (&["+0"], false, &["0"], 0),
        (&["+0", "+00", "+1"], false, &["0", "00"], 0),
        (&["+0", "somebody:0"], false, &["0"], 0),
        (&["+0"], true, &[], 1),
        (&["+0", "+00"], true, &["0"], 1),
        (&["+0", "+1"], true, &["0"], 0),
        // Somebody else's tag can go at any time.
        (&["+0", "somebody:0"], true, &[], 1),
    ];
    for (tags, is_needed, go, said) in table {
        let needed = if is_needed { vec![needed("node", None), needed("gone", None)] } else { vec![needed("x", None)] };
        let images = Images { local: vec![local("node", tags)], ids_are_configs: true, needed: Ok(needed) };
        assert_eq!(tags_that_go(images), (go.iter().map(ToString::to_string).collect(), said), "{tags:?} {is_needed}");
    }
}

#[test]
fn an_engine_with_names_of_its_own_is_understood_by_layers() {
    let local = || vec![local("a", &["+0"]), local("b", &["+00"])];
    let with = |needed| Images { local: local(), ids_are_configs: false, needed: Ok(needed) };
    assert_eq!(tags_that_go(with(vec![needed("config", Some("a"))])), (vec!["00".to_owned()], 1));
    assert_eq!(tags_that_go(with(vec![])), (vec!["0".to_owned(), "00".to_owned()], 0));
    assert_eq!(tags_that_go(with(vec![needed("config", None)])), (vec![], 1), "it could be any of them");
}

#[test]
fn images_stay_and_it_is_said_when_nobody_knows_what_tenants_need() {
    let local = vec![local("a", &["+0"]), local("b", &["+1"])];
    let images = Images { local, ids_are_configs: true, needed: Err("it hangs".to_owned()) };
    assert_eq!(tags_that_go(images), (vec![], 1));
    let host = installed(release("1.1.0", 2), vec![]);
    let collection = decide(&host, &Holdings { images: Err("it is off".to_owned()), ..holdings() });
    assert_eq!(collection.left, ["images of releases that have gone stay in the engine: it is off"]);
}

#[test]
fn a_snapshot_stays_as_long_as_a_release_could_go_back_to_it() {
    let at = |schema: Option<u32>, release| InstalledRelease {
        database: schema.map(|schema| Database { schema, reversible_to: 1 }),
        ..release
    };
    let three = at(Some(3), release("1.3.0", 3));
    let table: [(&[Option<u32>], &[&str]); 4] = [
        (&[Some(2), Some(1)], &["landfall.db.schema-3", "landfall.db.schema-9"]),
        (&[Some(3)], &["landfall.db.schema-1", "landfall.db.schema-2", "landfall.db.schema-9"]),
        (&[Some(2), None], &[]),
        (&[], &["landfall.db.schema-1", "landfall.db.schema-2", "landfall.db.schema-3", "landfall.db.schema-9"]),
    ];
    for (kept, go) in table {
        let kept = kept.iter().map(|schema| at(*schema, release("1.0.0", 1))).collect();
        let holdings = Holdings { snapshots: BTreeSet::from([1, 2, 3, 9]), ..holdings() };
        assert_eq!(decide(&installed(three.clone(), kept), &holdings).snapshots, go);
    }
}

/// A host with three releases on it, of which the first is no longer recorded, and litter of every kind.
struct Scene {
    host: Host,
    site: Site,
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
    let engine = FakeEngine::default();
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
    durable_current(layout, &three);
    host.store(b"litter");
    fs::write(layout.incoming().join(digest("staged").hex()), "staged").unwrap();
    fs::create_dir_all(layout.releases().join(".2.0.0-9.partial/bin")).unwrap();
    for name in ["landfall.db", "landfall.db.schema-1", "landfall.db.schema-2", "landfall.db.aside-schema-1"] {
        fs::write(layout.database_folder().join(name), name).unwrap();
    }
    let site = Site::fake(&layout.at(""), Some(Box::new(engine)));
    let installed = installed(three, vec![two]);
    Scene { host, site, installed }
}

fn durable_current(layout: &crate::layout::Layout, release: &InstalledRelease) {
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
        let images = self.site.engine().unwrap().unwrap().images().unwrap();
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
            let (layout, console) = (&self.host.layout, crate::kept::fixture::quiet());
            crate::kept::verify(layout, release, &self.host.trust, console).unwrap();
        }
    }
}

/// No tenant needs anything.
const NOTHING: &str = "test \"$1 $3 $4\" = '--root images --json' && echo '{\"images\": []}'";

#[test]
fn collects_what_is_of_no_release_and_says_what_it_was() {
    let scene = scene(NOTHING);
    let collected = tidy(&scene.site, &scene.installed).unwrap();
    assert_eq!(collected.releases, [".2.0.0-9.partial", "1.0.0-1"]);
    assert_eq!((collected.blobs, collected.tags, collected.left), (5, vec![format!("{PREFIX}1.0.0-1")], vec![]));
    assert_eq!(collected.snapshots, ["landfall.db.schema-1"]);
    scene.assert_tidy();
    let again = tidy(&scene.site, &scene.installed).unwrap();
    assert_eq!(again, Collected::default());
}

#[test]
fn a_collection_that_was_cut_off_anywhere_is_made_good_by_the_next() {
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
            collect(&scene.site, &half).unwrap();
        },
        |scene, collection| {
            collect(&scene.site, collection).unwrap();
            collect(&scene.site, collection).unwrap();
        },
    ];
    for cut in cuts {
        let scene = scene(NOTHING);
        let collection = decide(&scene.installed, &gather(&scene.site, &scene.installed).unwrap());
        cut(&scene, &collection);
        tidy(&scene.site, &scene.installed).unwrap();
        scene.assert_tidy();
    }
}

#[test]
fn the_runtime_is_asked_what_tenants_need() {
    let current = scene("echo \"{\\\"images\\\": [\\\"$CONFIG\\\"]}\"");
    assert_eq!(tidy(&current.site, &current.installed).unwrap().tags, [format!("{PREFIX}1.0.0-1")]);
    current.assert_tidy();

    let stays = format!("{PREFIX}1.0.0-1");
    for (says, said) in [
        ("echo no database >&2; exit 6", "ended with exit code 6: no database"),
        ("echo '{\"images\": [\"latest\"]}'", "answered something else"),
        ("kill -9 $$", "was ended by signal 9"),
        ("head -c 2000000 /dev/zero", "wrote more than 1048576 bytes"),
    ] {
        let scene = scene(says);
        let collected = tidy(&scene.site, &scene.installed).unwrap();
        assert_eq!((collected.blobs, collected.tags.len(), collected.left.len()), (5, 0, 1), "the rest goes on");
        assert!(collected.left[0].contains(said), "{:?}", collected.left);
        assert!(scene.state().4.contains(&stays));
    }
}

#[test]
fn an_image_that_a_tenant_of_a_gone_release_needs_outlives_its_release() {
    let before = scene(NOTHING);
    let config = before.site.engine().unwrap().unwrap().images().unwrap()[0].id.clone();
    let scene = scene(&format!("echo '{{\"images\": [\"{config}\"]}}'"));
    let collected = tidy(&scene.site, &scene.installed).unwrap();
    assert!(collected.tags.is_empty(), "{collected:?}");
    assert_eq!(collected.left, [format!("image {PREFIX}1.0.0-1 stays: a tenant is made from it")]);
    assert_eq!(scene.state().0, ["1.1.0-2", "1.2.0-3"], "its folder goes");
    assert_eq!(scene.state().1, 9, "and so do its blobs");
}

#[test]
fn a_kept_release_whose_manifest_is_damaged_saves_every_blob() {
    let scene = scene(NOTHING);
    let kept = scene.host.layout.release(&scene.installed.kept[0].id());
    fs::write(kept.join("landfall.json"), "damaged").unwrap();
    let before = scene.state().1;
    let collected = tidy(&scene.site, &scene.installed).unwrap();
    assert_eq!((scene.state().1, collected.blobs), (before, 0));
    assert!(collected.left[0].starts_with("no blob is collected"), "{:?}", collected.left);
    assert_eq!(collected.releases.len(), 2, "the rest goes on");
}
