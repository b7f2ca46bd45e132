#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::fixture::{bundle, installation, release_with};
use crate::plan::{Observed, Plan};
use crate::settings::changes::Change;
use landfall_manifests::{Database, File};

/// Release 12 of the tests with another version, serial, and these files, each with its content.
fn release(version: &str, serial: u64, images: &[(&str, &[&str])], files: &[(&str, &str)]) -> Release {
    let mut release = release_with(images);
    let template = release.files[0].clone();
    let file = |(path, content): &(&str, &str)| File {
        path: path.parse().unwrap(),
        digest: Digest::of(content.as_bytes()),
        size: content.len() as u64,
        ..template.clone()
    };
    release.version = version.parse().unwrap();
    release.serial = serial.try_into().unwrap();
    release.files = files.iter().map(file).collect();
    release
}

/// A schema, and the lowest that its program goes back to.
fn schema((schema, reversible_to): (u32, u32)) -> Database {
    Database { schema, reversible_to }
}

fn old() -> Release {
    let files = [("bin/landfall", "1"), ("docs/gone", ""), ("docs/same", ""), ("units/landfall.service", "1")];
    Release { database: Some(schema((1, 1))), ..release("1.0.0", 1, &[("a", &["base"]), ("b", &["base"])], &files) }
}

fn new() -> Release {
    let files = [
        ("bin/landfall", "2"),
        ("docs/new", ""),
        ("docs/same", ""),
        ("units/landfall-recover.service", "1"),
        ("units/landfall.service", "1"),
        ("units/landfall.txt", "no unit"),
    ];
    let mut release = release("1.1.0", 2, &[("a", &["base"]), ("c", &["base", "c1"])], &files);
    release.files[2].mode = "0600".parse().unwrap();
    Release { database: Some(schema((2, 2))), ..release }
}

fn settings() -> SettingsChanges {
    let change = |key: &str, from: Option<&str>, to: Option<&str>| Change {
        key: key.to_owned(),
        from: from.map(str::to_owned),
        to: to.map(str::to_owned),
    };
    let changes = vec![change("tenants.pids", Some("512"), Some("1024")), change("update.keep", None, Some("2"))];
    SettingsChanges { changes, unknown: vec!["api.old".to_owned()] }
}

fn update_facts<'a>(settings: &'a SettingsChanges, staged: &'a BTreeMap<Digest, u64>) -> UpdateFacts<'a> {
    UpdateFacts {
        staged,
        database: Some(10_000),
        settings,
        patience: Some(Duration::from_mins(1)),
        collects: Collectable {
            releases: vec!["0.9.0-0".to_owned()],
            blobs: Amount { count: 2, bytes: 300 },
            images: vec!["landfall.local/acme/b:0.9.0-0".to_owned()],
            snapshots: vec!["landfall.db.schema-0".to_owned()],
        },
    }
}

#[test]
fn images_files_and_units_are_compared_by_what_they_are() {
    let changes = Changes::between(&old(), &new(), &update_facts(&settings(), &BTreeMap::new()));
    let lists = |difference: &Difference| {
        let Difference { added, changed, kept, removed } = difference;
        [added, changed, kept, removed].map(|names| names.join(" "))
    };
    assert_eq!(lists(&changes.images), ["c", "", "a", "b"]);
    let expected = ["docs/new units/landfall.txt", "bin/landfall docs/same", "", "docs/gone"];
    assert_eq!(lists(&changes.files), expected, "a mode counts");
    assert_eq!(lists(&changes.units), ["landfall-recover.service", "", "landfall.service", ""]);
}

#[test]
fn the_same_release_changes_nothing() {
    let (settings, staged) = (SettingsChanges::default(), BTreeMap::new());
    let facts = UpdateFacts { patience: None, collects: Collectable::default(), ..update_facts(&settings, &staged) };
    let changes = Changes::between(&old(), &old(), &facts);
    assert_eq!(changes.to_string(), "");
    assert_eq!((changes.database, changes.restart), (None, None));
}

#[test]
fn the_plan_reports_whether_the_migration_is_reversible() {
    for (old, new, reversible, says) in [
        (Some((1, 1)), Some((1, 1)), None, ""),
        (Some((1, 1)), None, None, ""),
        (None, Some((2, 1)), None, ""),
        (Some((1, 1)), Some((2, 1)), Some(true), "a later rollback keeps what is written until then"),
        (Some((1, 1)), Some((3, 2)), Some(false), "landfall.db.aside-schema-3"),
        (Some((2, 1)), Some((1, 1)), Some(true), "with all that was written until now"),
        (Some((3, 2)), Some((1, 1)), Some(false), "landfall.db.aside-schema-3"),
    ] {
        let change = DatabaseChange::between(old.map(schema), new.map(schema), None);
        assert_eq!(change.as_ref().map(|change| change.reversible), reversible, "{old:?} {new:?}");
        let meaning = change.map(|change| change.meaning).unwrap_or_default();
        assert!(meaning.contains(says), "{old:?} {new:?}: {meaning}");
    }
}

#[test]
fn an_update_reads_what_the_host_does_not_have_and_makes_room_for_it() {
    let (old, bundle) = (old(), bundle(new()));
    let of = |names: &[&str]| -> BTreeMap<Digest, u64> {
        names.iter().map(|name| (Digest::of(name.as_bytes()), name.len() as u64)).collect()
    };
    let (settings, staged) = (settings(), of(&["c1", "a"]));
    let observed = Observed { stored: of(&["base", "a"]), ..Observed::default() };
    let plan = Plan::update(&bundle, &installation(), &observed, &old, &update_facts(&settings, &staged));
    assert_eq!(plan.reuse.stored, Amount { count: 2, bytes: 4 + 1 });
    assert_eq!(plan.reuse.staged, Amount { count: 1, bytes: 2 });
    assert_eq!(plan.read, bundle.size() - 7);
    let all: Amount = bundle.release().blobs.iter().map(|blob| blob.size).collect();
    assert_eq!(plan.stage, Amount { count: all.count - 3, bytes: all.bytes - 7 });
    assert_eq!(plan.new_blobs.len() as u64, all.count - 2, "what is staged comes into the store too");
    let needs: Vec<_> = plan.space.iter().map(|need| (need.what, need.bytes)).collect();
    assert!(needs.contains(&("copies of the database", 30_000)), "{needs:?}");

    let same = Plan::update(&bundle, &installation(), &observed, bundle.release(), &update_facts(&settings, &staged));
    assert!(same.space.iter().all(|need| need.what != "copies of the database"), "the schema stays");
}

#[test]
fn a_plan_says_what_it_changes_to_people_and_to_programs() {
    let (settings, staged) = (settings(), BTreeMap::new());
    let plan =
        Plan::update(&bundle(new()), &installation(), &Observed::default(), &old(), &update_facts(&settings, &staged));
    let text = plan.to_string();
    let (head, rest) = text.split_once("  image").unwrap();
    assert!(head.starts_with("update acme 1.0.0-1 to 1.1.0-2\n  read "), "{head}");
    let changes = rest.split("  room").next().unwrap();
    assert_eq!(
        changes,
        "    b: no longer part of the release\n  \
         file     bin/landfall: changed\n  \
         file     docs/gone: gone\n  \
         file     docs/new: new\n  \
         file     docs/same: changed\n  \
         file     units/landfall.txt: new\n  \
         unit     landfall-recover.service: new\n  \
         setting  tenants.pids: 512 becomes 1024, the new default\n  \
         setting  update.keep: new, 2\n  \
         setting  api.old: is in config.toml, is no setting of this release, and has no effect\n  \
         database schema 1 becomes 2: this cannot be reversed: if the update fails, the database from before it is restored; a \
         later `rollback` works only with --restore-snapshot, which does the same. What was written since is then not lost, but \
         set aside in /var/lib/landfall/db/landfall.db.aside-schema-2\n  \
         restart  landfall.service: callers wait, usually well under a second, and at most 300 s if it does not become \
         healthy; tenants keep running\n  \
         remove   release 0.9.0-0, afterwards\n  \
         remove   image landfall.local/acme/b:0.9.0-0, afterwards\n  \
         remove   snapshot landfall.db.schema-0, afterwards\n  \
         remove   2 blobs, 300 B, afterwards\n"
    );
    let json = serde_json::to_value(&plan).unwrap();
    let changes = &json["changes"];
    assert_eq!(changes["from"], "1.0.0-1");
    assert_eq!(changes["images"], serde_json::json!({"added": ["c"], "changed": [], "kept": ["a"], "removed": ["b"]}));
    assert_eq!(changes["restart"], serde_json::json!({"unit": "landfall.service", "atMostSeconds": 300, "tenants": 0}));
    assert_eq!(changes["database"]["reversible"], false);
    assert_eq!(
        changes["settings"]["changes"][0],
        serde_json::json!({"key": "tenants.pids", "from": "512", "to": "1024"})
    );
    assert_eq!(changes["collects"]["blobs"], serde_json::json!({"count": 2, "bytes": 300}));
    assert_eq!(json["reuse"]["stored"]["count"], 0);
}

#[test]
fn a_first_installation_has_no_changes() {
    let plan = Plan::new(&bundle(new()), &installation(), &Observed::default());
    assert!(plan.to_string().starts_with("install acme 1.1.0-2\n"));
    assert!(plan.to_string().contains("  write    /etc/systemd/system/landfall.service\n"));
    assert!(serde_json::to_value(&plan).unwrap().get("changes").is_none());
}

#[test]
fn many_files_are_counted_rather_than_named() {
    let names: Vec<String> = (0..20).map(|number| format!("docs/{number:02}")).collect();
    let files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "x")).collect();
    let many = release("1.1.0", 2, &[], &files);
    let text = Changes::between(&release("1.0.0", 1, &[], &[]), &many, &update_facts(&settings(), &BTreeMap::new()));
    let text = text.to_string();
    assert!(text.contains("  file     docs/15: new\n  file     and 4 more\n"), "{text}");
}

#[test]
fn the_longest_wait_is_made_of_the_units_own_limits() {
    let unit = include_str!("../../../../systemd/units/landfall.service");
    assert!(unit.contains(&format!("\nTimeoutStartSec={}s\n", START.as_secs())));
    assert!(unit.contains(&format!("\nTimeoutStopSec={}s\n", STOP.as_secs())));
}
