#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::fixture::installed;
use crate::record::write_json;
use crate::retained_release::fixture::Host;
use landfall_manifests::Digest;
use landfall_systemd::FakeUnitManager;
use serde_json::{Value, json};
use std::fs;

/// A host that runs 1.1.0 and keeps 1.0.0, with every kind of file that a status tells of.
fn host() -> Host {
    let host = Host::new();
    let shared = ("docs/shared", "0644", "in both of them");
    let old = host.bring("1.0.0", 1, &[shared, ("bin/landfall", "0755", "the old program")]);
    let new = host.bring("1.1.0", 2, &[shared, ("bin/landfall", "0755", "the new one")]);
    let record = installed(new, vec![old]);
    let layout = &host.layout;
    write_json(&layout.installed(), &record).unwrap();
    std::os::unix::fs::symlink("releases/1.1.0-2", layout.current()).unwrap();
    fs::write(layout.serial_floor(), "2\n").unwrap();
    fs::write(layout.installation_id(), format!("{}\n", crate::fixture::installation())).unwrap();
    fs::write(layout.state().join("tries"), r#"{"release": "1.1.0-2", "left": 4}"#).unwrap();
    fs::write(layout.incoming().join(Digest::of(b"staged").hex()), "staged").unwrap();
    for (name, bytes) in [("", 10), ("-wal", 5), (".schema-1", 7), (".aside-schema-2", 8)] {
        fs::write(layout.database_folder().join(format!("landfall.db{name}")), vec![0; bytes]).unwrap();
    }
    host
}

fn look(host: &Host) -> Status {
    let mut parts = Parts::default();
    let installed = parts.take("installed", Installed::read(&host.layout));
    status(&host.layout, &HostContext::fake(&host.layout.at(""), None), installed.as_ref(), parts)
}

#[test]
fn tells_what_is_kept_and_what_everything_takes() {
    let host = host();
    let status = serde_json::to_value(look(&host)).unwrap();
    assert_eq!(status["current"]["version"], "1.1.0");
    assert_eq!((&status["previous"], &status["kept"][0]["release"]), (&json!("1.0.0-1"), &json!("1.0.0-1")));
    assert_eq!((&status["kept"][0]["version"], &status["kept"][0]["serial"]), (&json!("1.0.0"), &json!(1)));
    let own = zstd::encode_all(&b"the old program"[..], 1).unwrap().len();
    assert_eq!(status["kept"][0]["cost"], json!({"folder": 15 + 15, "store": own, "engine": 0}));
    assert_eq!((&status["interrupted"], &status["serialFloor"]), (&Value::Null, &json!(2)));
    assert_eq!(status["tries"], json!({"release": "1.1.0-2", "left": 4}));
    assert_eq!(status["staged"], json!({"blobs": 1, "bytes": 6}));
    let database = json!({
        "bytes": 15, "snapshots": {"landfall.db.schema-1": 7}, "aside": {"landfall.db.aside-schema-2": 8}
    });
    assert_eq!(status["database"], database);
    assert_eq!(status["disk"].as_array().unwrap().len(), 3);
    assert!(status["disk"].as_array().unwrap().iter().all(|disk| disk["used"].as_u64() > Some(0)), "{status}");
    assert_eq!(status["problems"], json!({}));

    let text = look(&host).to_string();
    for line in [
        "acme 1.1.0 (serial 2)\n",
        "  kept      1.0.0 (serial 1), installed ",
        ": takes ",
        "  previous  1.0.0-1: `landfall-installer rollback` goes back to it\n",
        "  trust     root 1: 1 of 1 keys must have signed\n",
        "  tries     1.1.0-2 is on trial: it is reverted after 4 more failed starts\n",
        "  staged    1 blob, 6 B",
        "  database  15 B\n",
        "  snapshot  landfall.db.schema-1, 7 B\n",
        "  aside     landfall.db.aside-schema-2, 8 B",
        "opt/landfall: ",
    ] {
        assert!(text.contains(line), "{line:?} in {text}");
    }
}

/// Something that makes a part unreadable.
type Harm = Box<dyn Fn(&Layout)>;

#[test]
fn a_part_that_cannot_be_read_says_so_and_hides_no_other() {
    let junk = |path: std::path::PathBuf| fs::write(path, "{").unwrap();
    let file_instead = |path: std::path::PathBuf| {
        fs::rename(&path, path.with_extension("moved")).unwrap();
        std::os::unix::fs::symlink(&path, &path).unwrap();
    };
    let table: [(&str, Harm); 8] = [
        ("installed", Box::new(move |layout| junk(layout.installed()))),
        ("journal", Box::new(move |layout| junk(layout.journal()))),
        ("serialFloor", Box::new(move |layout| junk(layout.serial_floor()))),
        ("tries", Box::new(move |layout| junk(layout.state().join("tries")))),
        ("trust", Box::new(move |layout| junk(layout.trust_root()))),
        ("release 1.0.0-1", Box::new(move |layout| junk(layout.releases().join("1.0.0-1/landfall.json")))),
        ("staged", Box::new(move |layout| file_instead(layout.incoming()))),
        ("database", Box::new(move |layout| file_instead(layout.database_folder()))),
    ];
    for (part, harm) in table {
        let host = host();
        harm(&host.layout);
        let status = look(&host);
        assert_eq!(status.problems.keys().collect::<Vec<_>>(), [part], "{status:?}");
        assert!(status.to_string().contains(&format!("cannot be read: {part}: ")), "{status}");
        assert_eq!(status.current.is_some(), part != "installed");
        assert_eq!(status.interrupted, (part == "journal").then_some("unknown"));
        assert_eq!(status.serial_floor.is_some(), part != "serialFloor");
        assert_eq!(status.trust.is_some(), part != "trust");
        assert_eq!(status.tries.is_some(), part != "tries");
        assert_eq!(status.staged.as_ref().map(|staged| staged.blobs), (part != "staged").then_some(1));
        assert_eq!(status.database.bytes.is_some(), part != "database");
        assert!(status.store.as_ref().unwrap().blobs > 0);
        let cost = status.kept.first().map(|kept| kept.cost.is_some());
        let expected = (part != "installed").then_some(part != "release 1.0.0-1");
        assert_eq!(cost, expected, "{part}");
    }
}

#[test]
fn a_store_that_cannot_be_read_is_not_told_as_an_empty_one() {
    let host = host();
    let store = host.layout.store();
    fs::rename(&store, store.with_extension("moved")).unwrap();
    std::os::unix::fs::symlink(&store, &store).unwrap();
    let status = look(&host);
    assert!(status.problems.contains_key("store"), "{status:?}");
    let json = serde_json::to_value(&status).unwrap();
    // What it holds of a release is not known to be nothing either.
    assert_eq!((&json["store"], &json["staged"], &json["kept"][0]["cost"]), (&Value::Null, &Value::Null, &Value::Null));
    let status = status.to_string();
    assert!(status.contains("  store     cannot be read\n") && !status.contains("0 blobs"), "{status}");
}

#[test]
fn names_the_releases_that_would_not_be_let_in_today() {
    let host = host();
    let (key, spare) = (host.key.public_key(), landfall_keys::SecretKey::generate().unwrap().public_key());
    let changes = landfall_keys::RootChanges { add: vec![spare], revoke: vec![key.id()], ..Default::default() };
    fs::write(host.layout.trust_root(), host.trust.next(&changes).unwrap().to_json()).unwrap();
    let status = look(&host);
    let refused: Vec<&str> = status.refused.iter().map(|refused| refused.release.as_str()).collect();
    assert_eq!((refused, status.problems.len()), (vec!["1.1.0-2", "1.0.0-1"], 0));
    let line = format!("  warning   release 1.0.0-1 on this host would be refused today: signed by {}", key.id());
    assert!(status.to_string().contains(&line), "{status}");
    assert!(status.to_string().contains("  trust     root 2: 1 of 1 keys"), "{status}");
}

#[test]
fn an_id_other_than_that_of_the_installation_is_a_problem() {
    let host = host();
    let file = host.layout.installation_id();
    for (text, says) in [(Some("0".repeat(32)), "differs"), (Some("junk".to_owned()), "differs"), (None, "is missing")]
    {
        match text {
            Some(text) => fs::write(&file, text).unwrap(),
            None => fs::remove_file(&file).unwrap(),
        }
        let status = look(&host);
        assert_eq!(status.problems.keys().collect::<Vec<_>>(), [INSTALLATION_ID]);
        let status = status.to_string();
        assert!(status.contains(&format!("  warning   {} {says}", file.display())), "{status}");
        assert!(status.contains("`landfall-installer recover`"), "{status}");
    }
}

#[test]
fn the_status_of_a_bare_host_reports_no_problem() {
    let root = tempfile::tempdir().unwrap();
    let layout = Layout::new(root.path());
    let status = status(&layout, &HostContext::fake(root.path(), None), None, Parts::default());
    assert_eq!(status.to_string(), "nothing is installed\n  store     0 blobs, 0 B\n  engine    none\n");
    assert!(status.problems.is_empty(), "{status:?}");
}

#[test]
fn a_journal_that_cannot_be_opened_is_no_interrupted_operation() {
    let host = host();
    std::os::unix::fs::symlink(host.layout.journal(), host.layout.journal()).unwrap();
    let status = look(&host);
    assert_eq!((status.interrupted, status.problems.contains_key("journal")), (None, true), "{status:?}");
    assert!(!status.to_string().contains("under way"), "{status}");
}

#[test]
fn a_user_who_may_not_read_it_all_is_told_so() {
    let mut parts = Parts::default();
    assert!(parts.take("store", Err::<u8, _>(std::io::Error::from(std::io::ErrorKind::NotFound))) == 0);
    assert!(failure(&BTreeMap::new(), parts.is_forbidden).is_none());
    parts.take("journal", Err::<u8, _>(std::io::Error::from(std::io::ErrorKind::PermissionDenied)));
    let failure = failure(&BTreeMap::new(), parts.is_forbidden).unwrap();
    assert_eq!(
        (failure.exit(), failure.code(), failure.advice()),
        (Exit::Unfit, "not_permitted", Some("run it as root"))
    );
}

#[test]
fn a_service_that_has_failed_makes_the_command_fail() {
    let root = tempfile::tempdir().unwrap();
    let mut host = HostContext::fake(root.path(), None);
    host.units = Some(Box::new(FakeUnitManager::new()));
    assert!(failure(&units(&host), false).is_none(), "stopped, and not failed");
    let manager = FakeUnitManager::new();
    manager.kill(UnitName::LANDFALL);
    host.units = Some(Box::new(manager));
    let failure = failure(&units(&host), false).unwrap();
    assert_eq!((failure.exit(), failure.code()), (Exit::Unfit, "service_failed"));
    assert_eq!(failure.to_string(), "landfall.service: failed (exit-code)");
    assert!(failure.advice().unwrap().contains("journalctl --unit landfall.service"), "{failure:?}");
}
