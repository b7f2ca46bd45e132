#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
use super::*;
use crate::stick::FileRecorder;
use landfall_keys::TrustRoot;
use serde_json::json;

/// Keys that never change, so that the guide does not.
const KEYS: [&str; 2] = [
    "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3",
    "RWTL0eEz9X0nCUBTVbDxJTvGWQOiHeIkSbRVYqQeKSOSgQ7hNIwAmU2e",
];

fn release(version: &str) -> Release {
    let release = json!({
        "schema": 1, "product": "acme", "version": version, "serial": 12, "os": "linux", "arch": "amd64",
        "layout": [], "blobs": [], "files": [], "images": [],
    });
    serde_json::from_value(release).unwrap()
}

fn files(names: &[&str]) -> Vec<FileRecord> {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &&str| {
        let mut recorder = FileRecorder::create(folder.path(), name, 0o644).unwrap();
        recorder.write_all(name.as_bytes()).unwrap();
        recorder.finish().unwrap()
    };
    names.iter().map(file).collect()
}

/// A root of two keys that never change.
fn root(threshold: u32) -> RootFile {
    let json = json!({"version": 2, "threshold": threshold, "keys": KEYS, "revoked": []});
    RootFile::of(TrustRoot::parse(json.to_string().as_bytes()).unwrap())
}

fn guide(keys: &[&str], root: Option<&RootFile>, parts: Option<u32>) -> String {
    let bundle = "acme-1.4.0-linux-amd64.landfall.tar";
    let names: Vec<String> = match parts {
        Some(count) => (1..=count).map(|part| format!("{bundle}.part{part:03}")).collect(),
        None => vec![bundle.to_owned()],
    };
    let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
    names.push(INSTALLER_NAME);
    names.extend(root.map(RootFile::name));
    let keys: Vec<PublicKey> = keys.iter().map(|line| line.parse().unwrap()).collect();
    let (release, manifest) = (release("1.4.0"), Digest::of(b"manifest"));
    Guide { release: &release, manifest, keys: &keys, root, bundle, parts, parity: None, files: &files(&names) }
        .to_string()
}

#[test]
fn a_person_with_nothing_but_the_medium_knows_what_to_type() {
    insta::assert_snapshot!(guide(&KEYS[..1], None, Some(2)));
}

#[test]
fn the_guide_is_ascii_in_lines_that_fit_a_terminal() {
    let root = root(2);
    for (keys, root, parts) in [
        (&KEYS[..0], None, None),
        (&KEYS[..1], None, None),
        (&KEYS, None, Some(999)),
        (&KEYS[..1], Some(&root), Some(2)),
    ] {
        let text = guide(keys, root, parts);
        assert!(text.starts_with(FIRST_LINE) && text.ends_with('\n'), "{text}");
        let [check, run] =
            ["sha256sum landfall-installer", "./landfall-installer"].map(|words| text.find(words).unwrap());
        assert!(check < run, "the installer is checked before it is run: {text}");
        assert!(text.bytes().all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte)), "{text}");
        let longest = text.lines().max_by_key(|line| line.len()).unwrap();
        assert!(longest.len() <= 80, "{} columns: {longest}", longest.len());
    }
}

#[test]
fn all_signers_are_asked_for_where_there_are_several() {
    let text = guide(&KEYS, None, None);
    let expected = format!("--trust {} \\\n      --trust {} \\\n      --threshold 2\n", KEYS[0], KEYS[1]);
    assert_eq!(text.matches(&expected).count(), 6, "{text}");
    assert!(!text.contains(".part001"), "a bundle in one file has no parts");
}

#[test]
fn a_root_on_the_medium_is_what_a_new_host_is_given_in_every_journey() {
    let root = root(1);
    let text = guide(&KEYS[..1], Some(&root), None);
    insta::assert_snapshot!(text);
    assert!(!text.contains("--trust RW") && !text.contains("--threshold"), "{text}");
    let bare = text.lines().filter(|line| line.starts_with("  ./landfall-installer")).count();
    assert_eq!(text.matches("--trust ./2.root.json").count(), bare, "{text}");
    assert_eq!(text.matches(&root.digest()).count(), 1, "{text}");
}
