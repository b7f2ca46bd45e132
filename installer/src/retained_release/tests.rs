#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::fixture::Host;
use super::*;
use crate::fixture::{quiet, some_root};
use crate::store::Store;
use landfall_console::message_with_causes;
use landfall_keys::{RootChanges, SecretKey};
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

const FILES: [(&str, &str, &str); 4] = [
    ("bin/landfall", "0755", "the runtime"),
    ("config.toml", "0644", "[api]"),
    ("docs/deep/manual.txt", "0640", "words"),
    ("docs/empty", "0600", ""),
];

fn host() -> (Host, InstalledRelease, PathBuf) {
    let host = Host::new();
    let release = host.bring("1.0.0", 1, &FILES);
    let folder = host.layout.release(&release.id());
    (host, release, folder)
}

fn check(host: &Host, release: &InstalledRelease) -> Result<Verified<Release>, RetainedError> {
    verify(&host.layout, release, quiet())
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// All that is in a folder: path, mode and content.
fn tree(folder: &Path) -> Vec<(PathBuf, u32, Option<Vec<u8>>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (path, metadata) = (entry.path(), entry.metadata().unwrap());
        found.push((path.clone(), metadata.permissions().mode(), metadata.is_file().then(|| fs::read(&path).unwrap())));
        if metadata.is_dir() {
            found.extend(tree(&path));
        }
    }
    found.sort();
    found
}

/// Every way in which the files of a folder can be wrong, what it does, and what is said about it.
type Case = (&'static str, fn(&Path), &'static str);

const CASES: [Case; 16] = [
    ("bin/landfall", |path| fs::write(path, "the runtimf").unwrap(), "has the digest sha256:"),
    ("bin/landfall", |path| fs::write(path, "the runtime!").unwrap(), "has 12 bytes instead of 11"),
    ("docs/empty", |path| fs::write(path, "x").unwrap(), "has 1 bytes instead of 0"),
    ("bin/landfall", |path| chmod(path, 0o4755), "has the mode 4755 instead of 0755"),
    ("docs/deep", |path| chmod(path, 0o777), "has the mode 0777 instead of 0755"),
    ("", |path| chmod(path, 0o775), "has the mode 0775 instead of 0755"),
    ("landfall.json", |path| chmod(path, 0o666), "has the mode 0666 instead of 0644"),
    ("bin/landfall", |path| fs::remove_file(path).unwrap(), "is missing"),
    ("docs/deep", |path| fs::remove_dir_all(path).unwrap(), "is missing (and 1 more place)"),
    ("docs/deep/more.txt", |path| fs::write(path, "").unwrap(), "does not belong to the release"),
    ("landfall.json.bak", |path| fs::write(path, "").unwrap(), "does not belong to the release"),
    ("bin/empty", |path| fs::create_dir(path).unwrap(), "does not belong to the release"),
    ("bin/link", |path| symlink("landfall", path).unwrap(), "does not belong to the release"),
    (
        "bin/landfall",
        |path| {
            fs::rename(path, path.ancestors().nth(6).unwrap().join("moved")).unwrap();
            symlink(path.ancestors().nth(6).unwrap().join("moved"), path).unwrap();
        },
        "is neither the file nor the folder",
    ),
    (
        "config.toml",
        |path| {
            fs::remove_file(path).unwrap();
            let mode = rustix::fs::Mode::from_raw_mode(0o644);
            rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        },
        "is neither the file nor the folder",
    ),
    (
        "docs/deep",
        |path| {
            fs::remove_dir_all(path).unwrap();
            fs::write(path, "").unwrap();
        },
        "is neither the file nor the folder that the release has there (and 1 more place)",
    ),
];

#[test]
fn an_undamaged_folder_is_verified() {
    let (host, release, _) = host();
    let found = check(&host, &release).unwrap();
    assert_eq!(found.get().id(), release.id());
    assert_eq!(manifest(&host.layout, &release).unwrap(), found);
}

#[test]
fn whatever_is_wrong_in_a_folder_is_named_and_repaired_from_the_store() {
    for (path, harm, says) in CASES {
        let (host, release, folder) = host();
        let right = tree(&folder);
        harm(&folder.join(path));
        let error = check(&host, &release).unwrap_err();
        let place = folder.join(path).display().to_string();
        let place = place.trim_end_matches('/');
        assert!(matches!(error, RetainedError::Damaged { .. }), "{error}");
        assert!(error.to_string().contains(&format!("is damaged: {place}")), "{place}: {error}");
        assert!(error.to_string().contains(says), "{says}: {error}");

        let repaired = repair(&host.layout, &release, quiet()).unwrap();
        assert!(repaired[0].display().to_string().trim_end_matches('/') == place, "{repaired:?}");
        assert_eq!(tree(&folder), right, "{path}");
        check(&host, &release).unwrap();
        assert_eq!(fs::read_dir(host.layout.releases()).unwrap().count(), 1, "nothing is left beside it");
    }
}

#[test]
fn a_folder_that_is_right_is_not_touched() {
    use std::os::unix::fs::MetadataExt as _;
    let (host, release, folder) = host();
    let before = folder.metadata().unwrap().ino();
    assert!(repair(&host.layout, &release, quiet()).unwrap().is_empty());
    assert_eq!(folder.metadata().unwrap().ino(), before);
}

#[test]
fn a_store_that_is_damaged_too_changes_nothing() {
    for harm in [|path: &Path| fs::remove_file(path).unwrap(), |path: &Path| fs::write(path, "x").unwrap()] {
        let (host, release, folder) = host();
        fs::write(folder.join("bin/landfall"), "bad").unwrap();
        let before = tree(&folder);
        let blob = check_manifest(&host, &release).files[2].blob;
        harm(&host.layout.blob(&blob));
        let error = repair(&host.layout, &release, quiet()).unwrap_err();
        assert!(matches!(error, RetainedError::NoBlob { .. }), "{error}");
        for part in ["bin/landfall", "docs/deep/manual.txt", &blob.to_string()] {
            assert!(error.to_string().contains(part), "{error}");
        }
        assert_eq!(tree(&folder), before);
    }
}

fn check_manifest(host: &Host, release: &InstalledRelease) -> Release {
    manifest(&host.layout, release).unwrap().into_inner()
}

#[test]
fn what_an_interrupted_repair_left_is_in_the_way_of_none() {
    let (host, release, folder) = host();
    let partial = host.layout.partial_release(&release.id());
    fs::create_dir_all(partial.join("bin/old")).unwrap();
    fs::remove_file(folder.join("config.toml")).unwrap();
    repair(&host.layout, &release, quiet()).unwrap();
    assert!(check(&host, &release).is_ok() && !partial.exists());
}

#[test]
fn a_manifest_that_is_not_the_installed_one_is_damage_and_cannot_be_repaired() {
    let (host, release, folder) = host();
    let path = folder.join("landfall.json");
    let text = fs::read_to_string(&path).unwrap();
    let other = host.bring("1.1.0", 2, &FILES);
    let other = fs::read(host.layout.release(&other.id()).join("landfall.json")).unwrap();
    for content in [text.replace("config.toml", "config.tomm").into_bytes(), other, Vec::new()] {
        fs::write(&path, content).unwrap();
        for error in [check(&host, &release).unwrap_err(), repair(&host.layout, &release, quiet()).unwrap_err()] {
            assert!(matches!(error, RetainedError::Damaged { .. }), "{error}");
            assert!(error.to_string().contains(&format!("{} has the digest", path.display())), "{error}");
        }
    }
    fs::remove_file(&path).unwrap();
    let error = check(&host, &release).unwrap_err();
    assert!(matches!(&error, RetainedError::Damaged { damage: Damage::Missing, .. }), "{error}");
}

#[test]
fn a_record_of_another_release_is_found_by_comparison_with_the_manifest() {
    let (host, release, folder) = host();
    let wrong = InstalledRelease { version: "1.0.1".parse().unwrap(), ..release };
    fs::rename(folder, host.layout.release(&wrong.id())).unwrap();
    let error = check(&host, &wrong).unwrap_err().to_string();
    assert!(error.ends_with("is not the release's record: it is that of acme 1.0.0-1"), "{error}");
}

#[test]
fn is_verified_by_the_root_that_accepted_it_and_no_other() {
    let (host, release, folder) = host();
    let is_untrusted = |release: &_| matches!(check(&host, release), Err(RetainedError::Untrusted { .. }));
    let is_damaged = |release: &_| matches!(check(&host, release), Err(RetainedError::Damaged { .. }));
    assert!(is_untrusted(&InstalledRelease { trust: some_root(), ..release.clone() }));

    let signature = format!("landfall.json.{}.minisig", host.key.public_key().id());
    let content = fs::read_to_string(folder.join(&signature)).unwrap();
    fs::write(folder.join(&signature), content.replace("untrusted comment: ", "untrusted comment: x")).unwrap();
    let error = message_with_causes(&check(&host, &release).unwrap_err());
    assert!(error.contains(&signature) && is_damaged(&release), "{error}");
    fs::remove_file(folder.join(&signature)).unwrap();
    assert!(is_untrusted(&release));
    fs::write(folder.join("landfall.json.0123456789abcdef.minisig"), content).unwrap();
    assert!(is_damaged(&release));
}

#[test]
fn the_root_that_is_pinned_since_decides_warnings_only() {
    let (host, release, _) = host();
    let says = |today: &TrustRoot| refused_today(&host.layout, &release, today).unwrap().map(|error| error.to_string());
    assert_eq!(says(&host.trust), None);
    let (key, spare) = (host.key.public_key(), SecretKey::generate().unwrap().public_key());
    let changes = RootChanges { add: vec![spare], revoke: vec![key.id()], ..RootChanges::default() };
    let today = host.trust.next(&changes).unwrap();
    fs::write(host.layout.trust_root(), today.to_json()).unwrap();
    check(&host, &release).unwrap();
    assert!(repair(&host.layout, &release, quiet()).unwrap().is_empty());
    assert!(says(&today).unwrap().contains(&format!("signed by {}, which this host has revoked", key.id())));
}

#[test]
fn the_root_that_accepted_it_lies_beside_it_and_is_repaired_like_any_file() {
    let harms: [fn(&Path); 4] = [
        |path| fs::remove_file(path).unwrap(),
        |path| fs::write(path, some_root().to_json()).unwrap(),
        |path| fs::write(path, fs::read_to_string(path).unwrap() + "\n").unwrap(),
        |path| chmod(path, 0o666),
    ];
    for harm in harms {
        let (host, release, folder) = host();
        let (right, path) = (tree(&folder), folder.join("landfall.json.trust"));
        assert_eq!(fs::read_to_string(&path).unwrap(), host.trust.to_json());
        harm(&path);
        let error = check(&host, &release).unwrap_err();
        assert!(matches!(&error, RetainedError::Damaged { path: found, more: 0, .. } if *found == path), "{error}");
        assert_eq!(repair(&host.layout, &release, quiet()).unwrap(), [path]);
        assert_eq!(tree(&folder), right);
    }
}

#[test]
fn the_store_is_asked_for_what_the_folder_needs_and_nothing_else() {
    let (host, release, folder) = host();
    let foreign = host.store(b"of another release");
    fs::write(host.layout.blob(&foreign), "damaged").unwrap();
    fs::remove_file(folder.join("config.toml")).unwrap();
    repair(&host.layout, &release, quiet()).unwrap();
    assert_eq!(Store::new(&host.layout).sizes().unwrap()[&foreign], 7);
}
