//! The decision, as tables.

use super::{PREFIX, digest, installed};
use crate::engine::LocalImage;
use crate::fixture::installed_release as release;
use crate::retention::inventory::{Images, Needed};
use crate::retention::{Inventory, decide, installed_after, retained};
use crate::state::installed::InstalledRelease;
use landfall_manifests::Database;
use std::collections::{BTreeMap, BTreeSet};

fn inventory() -> Inventory {
    Inventory {
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
    for (next, keep, kept) in [
        (&three, 1, vec![]),
        (&three, 2, vec![2]),
        (&three, 3, vec![2, 1]),
        (&three, 9, vec![2, 1]),
        // A rollback keeps what it leaves behind, and a release is never there twice.
        (&one, 2, vec![2]),
        (&two, 2, vec![1]),
    ] {
        assert_eq!(ids(retained(&host, next, keep)), kept, "{} {keep}", next.version);
    }
}

#[test]
fn the_last_release_that_is_marked_good_stays_until_a_newer_one_is() {
    let [one, two, three, four] =
        [("1.0.0", 1), ("1.1.0", 2), ("1.2.0", 3), ("1.3.0", 4)].map(|(version, serial)| release(version, serial));
    let good = |release: &InstalledRelease| InstalledRelease { marked_good: true, ..release.clone() };
    let stay = |current: &InstalledRelease, kept: &[InstalledRelease], next: &InstalledRelease, keep: usize| {
        let host = installed(current.clone(), kept.to_vec());
        retained(&host, next, keep).iter().map(|kept| u64::from(kept.serial)).collect::<Vec<u64>>()
    };
    let (old, none) = (good(&one), [two.clone(), good(&one)]);
    assert_eq!(stay(&two, std::slice::from_ref(&old), &three, 2), [2, 1]);
    assert_eq!(stay(&three, &none, &four, 2), [3, 1]);
    assert_eq!(stay(&three, &none, &four, 4), [3, 2, 1]);
    assert_eq!(stay(&three, &[good(&two), old.clone()], &four, 2), [3, 2]);
    assert_eq!(stay(&good(&three), &[good(&two), old.clone()], &four, 2), [3]);
    // Back to one that is not marked good either, and to one that is.
    assert_eq!(stay(&three, &none, &two, 2), [3, 1]);
    assert_eq!(stay(&three, &[good(&two), old], &good(&two), 2), [3]);
}

#[test]
fn a_release_that_was_not_counted_when_it_was_left_counts_as_good() {
    let host = installed(release("1.0.0", 1), Vec::new());
    assert!(installed_after(&host, release("1.1.0", 2), 2, false).kept[0].marked_good);
    assert!(!installed_after(&host, release("1.1.0", 2), 2, true).kept[0].marked_good);
}

#[test]
fn folders_of_no_release_go_and_those_of_others_stay() {
    let host = installed(release("1.1.0", 2), vec![release("1.0.0", 1)]);
    let names = ["1.1.0-2", "1.0.0-1", "0.9.0-1", ".0.9.0-1.partial", ".1.1.0-2.partial", "notes", "lost+found", ".x"];
    let inventory = Inventory { folders: names.map(str::to_owned).to_vec(), ..inventory() };
    let collection = decide(&host, &inventory);
    assert_eq!(collection.folders, ["0.9.0-1", ".0.9.0-1.partial", ".1.1.0-2.partial"]);
    let pointed_at = Inventory { current: Some("0.9.0-1".to_owned()), ..inventory };
    let collection = decide(&host, &pointed_at);
    assert_eq!(collection.folders, [".0.9.0-1.partial", ".1.1.0-2.partial"]);
    assert_eq!(collection.left, ["release 0.9.0-1 is not recorded as installed, but `current` leads to it"]);
}

#[test]
fn blobs_that_no_release_needs_go_and_none_while_a_manifest_cannot_be_read() {
    let (old, new) = (release("1.0.0", 1), release("1.1.0", 2));
    let need = |names: &[&str]| Ok(names.iter().map(|name| digest(name)).collect());
    let blobs = ["both", "old", "new", "litter"].map(|name| (digest(name), name.len() as u64)).into();
    let mut inventory = Inventory {
        needs: vec![(new.id(), need(&["both", "new", "not there"])), (old.id(), need(&["both", "old"]))],
        blobs,
        ..inventory()
    };
    let host = installed(new, vec![old.clone()]);
    let gone: Vec<_> = decide(&host, &inventory).blobs.iter().map(|blob| (blob.digest, blob.size)).collect();
    assert_eq!(gone, [(digest("litter"), 6)]);

    inventory.needs[1] = (old.id(), Err("landfall.json is missing".to_owned()));
    let collection = decide(&host, &inventory);
    assert!(collection.blobs.is_empty());
    let message =
        "no blob is removed, because it is not known which ones release 1.0.0-1 needs: landfall.json is missing";
    assert_eq!(collection.left, [message]);
}

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

/// Which of our tags go, and how much is reported, where `current` has the tag 2 and the kept release the tag 1.
fn tags_that_go(images: Images) -> (Vec<String>, usize) {
    let tagged = |release, tag| InstalledRelease { tags: vec![format!("{PREFIX}{tag}")], ..release };
    let host = installed(tagged(release("1.1.0", 2), "2"), vec![tagged(release("1.0.0", 1), "1")]);
    let collection = decide(&host, &Inventory { images: Ok(Some(images)), ..inventory() });
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
    for (tags, is_needed, go, message) in table {
        let needed = if is_needed { vec![needed("node", None), needed("gone", None)] } else { vec![needed("x", None)] };
        let images = Images { local: vec![local("node", tags)], ids_are_configs: true, needed: Ok(needed) };
        assert_eq!(
            tags_that_go(images),
            (go.iter().map(ToString::to_string).collect(), message),
            "{tags:?} {is_needed}"
        );
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
fn images_stay_with_a_warning_where_it_is_unknown_what_tenants_need() {
    let local = vec![local("a", &["+0"]), local("b", &["+1"])];
    let images = Images { local, ids_are_configs: true, needed: Err("it hangs".to_owned()) };
    assert_eq!(tags_that_go(images), (vec![], 1));
    let host = installed(release("1.1.0", 2), vec![]);
    let collection = decide(&host, &Inventory { images: Err("it is off".to_owned()), ..inventory() });
    assert_eq!(collection.left, ["images of removed releases stay in the engine: it is off"]);
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
        let inventory = Inventory { snapshots: BTreeSet::from([1, 2, 3, 9]), ..inventory() };
        assert_eq!(decide(&installed(three.clone(), kept), &inventory).snapshots, go);
    }
}
