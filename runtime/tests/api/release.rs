//! The installed release is used only as far as trusted keys have signed it.

use landfall::release::{Catalog, Loaded};
use landfall_fixtures::ReleaseFixture;
use landfall_host::Layout;
use landfall_host::release::{Damage, ManifestError};
use landfall_keys::{SecretKey, TrustRoot};
use landfall_manifests::{Digest, Encoding, Layer, Tenant};
use std::path::PathBuf;
use tempfile::TempDir;

/// Release 1.4.0 with one image that tenants run.
fn release() -> ReleaseFixture {
    let mut fixture = ReleaseFixture::new("1.4.0", 12);
    let [config, manifest, blob] =
        ["config", "manifest", "layer"].map(|content| fixture.add_blob(content.as_bytes().to_vec()));
    let tenant = Tenant { framework: Some("express".into()), ..Tenant::new("node", 3000, "/health".parse().unwrap()) };
    let layer = Layer { blob, encoding: Encoding::Zstd, diff_id: Digest::of(b"tar"), size: 3 };
    fixture.add_image_in("node-express", manifest, config, vec![layer], Some(tenant));
    fixture
}

struct Installed {
    folder: TempDir,
    manifest: PathBuf,
    signature: PathBuf,
}

/// A host on which `key` signed the release and the root of `trusted` accepted it.
fn install(key: &SecretKey, trusted: &SecretKey) -> Installed {
    let folder = TempDir::new().unwrap();
    let layout = Layout::new(folder.path());
    std::fs::create_dir_all(layout.current()).unwrap();
    std::fs::create_dir_all(layout.trust_root().parent().unwrap()).unwrap();
    let signed = release().signed(std::slice::from_ref(key));
    let manifest = layout.current().join("landfall.json");
    std::fs::write(&manifest, signed.bytes()).unwrap();
    let signature = layout.current().join(format!("landfall.json.{}.minisig", signed.signatures()[0].key_id()));
    std::fs::write(&signature, signed.signatures()[0].to_file()).unwrap();
    for path in [layout.trust_root(), accepted_by(&layout)] {
        std::fs::write(path, TrustRoot::first(vec![trusted.public_key()], 1).unwrap().to_json()).unwrap();
    }
    Installed { folder, manifest, signature }
}

fn accepted_by(layout: &Layout) -> PathBuf {
    layout.current().join("landfall.json.trust")
}

fn load(installed: &Installed) -> Result<Catalog, ManifestError> {
    Loaded::of(&Layout::new(installed.folder.path())).map(|loaded| loaded.catalog)
}

#[test]
fn loads_what_trusted_keys_signed() {
    let key = SecretKey::generate().unwrap();
    let catalog = load(&install(&key, &key)).unwrap();
    assert_eq!(catalog.id(), "1.4.0-12");
    let image = &catalog.images[0];
    assert_eq!((image.tenant.language.as_str(), image.tenant.framework.as_deref()), ("node", Some("express")));
    assert_eq!((image.name.as_str(), image.tenant.port), ("node-express", 3000));
    assert_eq!(image.config, Digest::of(b"config").to_string());
    assert_eq!(image.diff_ids, [Digest::of(b"tar").to_string()]);
}

#[test]
fn refuses_a_manifest_that_was_changed() {
    let key = SecretKey::generate().unwrap();
    let installed = install(&key, &key);
    let changed = std::fs::read_to_string(&installed.manifest).unwrap().replace("1.4.0", "1.4.1");
    std::fs::write(&installed.manifest, changed).unwrap();
    assert!(matches!(load(&installed), Err(ManifestError::Untrusted { .. })));
}

#[test]
fn refuses_a_manifest_that_others_signed_or_nobody() {
    let (key, other) = (SecretKey::generate().unwrap(), SecretKey::generate().unwrap());
    assert!(matches!(load(&install(&key, &other)), Err(ManifestError::Untrusted { .. })));
    let installed = install(&key, &key);
    std::fs::remove_file(&installed.signature).unwrap();
    assert!(matches!(load(&installed), Err(ManifestError::Untrusted { .. })));
}

#[test]
fn goes_by_the_root_that_accepted_it_whatever_is_trusted_since() {
    let (key, other) = (SecretKey::generate().unwrap(), SecretKey::generate().unwrap());
    let installed = install(&key, &other);
    let layout = Layout::new(installed.folder.path());
    let root = |key: &SecretKey| TrustRoot::first(vec![key.public_key()], 1).unwrap().to_json();
    std::fs::write(accepted_by(&layout), root(&key)).unwrap();
    let refused = Loaded::of(&layout).unwrap().refused_today.unwrap().to_string();
    assert!(refused.contains(&other.id().to_string()), "{refused}");
    std::fs::write(layout.trust_root(), root(&key)).unwrap();
    assert_eq!(Loaded::of(&layout).unwrap().refused_today, None);
    std::fs::remove_file(layout.trust_root()).unwrap();
    load(&installed).unwrap();
    std::fs::write(accepted_by(&layout), root(&other)).unwrap();
    assert!(matches!(load(&installed), Err(ManifestError::Untrusted { .. })));
}

#[test]
fn refuses_files_that_are_missing_or_damaged() {
    let key = SecretKey::generate().unwrap();
    let harms: [fn(&Installed); 4] = [
        |installed| std::fs::write(&installed.signature, "nonsense").unwrap(),
        |installed| std::fs::remove_file(&installed.manifest).unwrap(),
        |installed| std::fs::write(accepted_by(&Layout::new(installed.folder.path())), "{}").unwrap(),
        |installed| std::fs::remove_file(accepted_by(&Layout::new(installed.folder.path()))).unwrap(),
    ];
    for harm in harms {
        let installed = install(&key, &key);
        harm(&installed);
        let error = load(&installed).unwrap_err();
        let ManifestError::Damaged { damage, .. } = &error else { panic!("{error}") };
        assert!(matches!(damage, Damage::Missing | Damage::Record(_)), "{error}");
    }
}
