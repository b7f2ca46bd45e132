#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use landfall_fixtures::ReleaseFixture;
use landfall_keys::{SecretKey, TrustRoot};
use landfall_manifests::{Bundle, limits};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The folder of an empty release, signed by a key that accepted it.
struct Folder {
    folder: TempDir,
    key: SecretKey,
}

impl Folder {
    fn new() -> Self {
        let (folder, key) = (tempfile::tempdir().unwrap(), SecretKey::generate().unwrap());
        let signed = ReleaseFixture::new("1.0.0", 1).signed(std::slice::from_ref(&key));
        let this = Self { folder, key };
        fs::write(this.at("landfall.json"), signed.bytes()).unwrap();
        fs::write(this.signature(), signed.signatures()[0].to_file()).unwrap();
        fs::write(this.at("landfall.json.trust"), this.root().to_json()).unwrap();
        this
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn signature(&self) -> PathBuf {
        self.at(&format!("landfall.json.{}.minisig", self.key.public_key().id()))
    }

    fn root(&self) -> TrustRoot {
        TrustRoot::first(vec![self.key.public_key()], 1).unwrap()
    }

    fn verify(&self) -> Result<Bundle, ManifestError> {
        let root = accepted_by(self.folder.path())?;
        UnverifiedManifest::read(self.folder.path())?.verify(&root)
    }
}

#[test]
fn verifies_what_the_accepting_root_signed() {
    let folder = Folder::new();
    assert_eq!(folder.verify().unwrap().release().id().to_string(), "1.0.0-1");
    // Files beside it are of no concern here.
    fs::write(folder.at("config.toml"), "").unwrap();
    fs::write(folder.at("landfall.json.minisig"), "").unwrap();
    folder.verify().unwrap();
}

/// A file, its damage, and the expected message.
type Case = (&'static str, fn(&Path), &'static str);

#[test]
fn names_the_file_that_is_damaged() {
    let cases: [Case; 8] = [
        ("landfall.json", |path| fs::remove_file(path).unwrap(), "is missing"),
        ("landfall.json.trust", |path| fs::remove_file(path).unwrap(), "is missing"),
        ("landfall.json.trust", |path| fs::write(path, "{}").unwrap(), "is not the release's record"),
        ("SIGNATURE", |path| fs::write(path, "nonsense").unwrap(), "is not the release's record"),
        ("SIGNATURE", |path| fs::write(path, [b'a'; 5 << 10]).unwrap(), "is larger than the 4096 bytes"),
        (
            "landfall.json",
            |path| fs::File::options().write(true).open(path).unwrap().set_len(limits::MANIFEST_BYTES + 1).unwrap(),
            "is larger than",
        ),
        (
            "SIGNATURE",
            |path| {
                fs::remove_file(path).unwrap();
                std::os::unix::fs::symlink("/dev/null", path).unwrap();
            },
            "is neither the file nor the folder",
        ),
        (
            "landfall.json.0123456789abcdef.minisig",
            |path| fs::write(path, "x").unwrap(),
            "does not belong to the release",
        ),
    ];
    for (name, harm, says) in cases {
        let folder = Folder::new();
        let path = if name == "SIGNATURE" { folder.signature() } else { folder.at(name) };
        harm(&path);
        let error = folder.verify().unwrap_err();
        assert!(matches!(error, ManifestError::Damaged { .. }), "{name}: {error}");
        let text = error.to_string();
        assert!(text.contains(says), "{name}, {says}: {text}");
    }
}

#[test]
fn refuses_what_others_signed_or_nobody() {
    let folder = Folder::new();
    let other = SecretKey::generate().unwrap();
    fs::write(folder.at("landfall.json.trust"), TrustRoot::first(vec![other.public_key()], 1).unwrap().to_json())
        .unwrap();
    assert!(matches!(folder.verify(), Err(ManifestError::Untrusted { .. })));
    let folder = Folder::new();
    fs::remove_file(folder.signature()).unwrap();
    assert!(matches!(folder.verify(), Err(ManifestError::Untrusted { .. })));
}

#[test]
fn a_signature_more_than_a_bundle_may_hold_is_damage() {
    let folder = Folder::new();
    let manifest = fs::read(folder.at("landfall.json")).unwrap();
    for count in 2..=limits::SIGNATURES + 1 {
        folder.verify().unwrap_or_else(|error| panic!("{} signatures: {error}", count - 1));
        let key = SecretKey::generate().unwrap();
        let signature = key.sign(&manifest, "").unwrap().to_file();
        fs::write(folder.at(&format!("landfall.json.{}.minisig", key.public_key().id())), signature).unwrap();
    }
    let error = folder.verify().unwrap_err();
    assert!(matches!(error, ManifestError::Damaged { .. }), "{error}");
}
