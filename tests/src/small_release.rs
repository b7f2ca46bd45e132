//! Releases of a few kilobytes, for tests that need thousands of runs or bundles that no bundler makes: they are written by the
//! format's own writer, and their programs are scripts.

use anyhow::{Context as _, Result};
use landfall_keys::{SecretKey, Signature};
use landfall_manifests::{Arch, Blob, Digest, Release, Signed, Writer, oci};
use serde_json::json;
use std::collections::BTreeMap;

/// The settings of the release.
const SETTINGS: &str =
    "[api]\naddress = \"0.0.0.0\"\nport = 3000\n\n[tenants]\nfirst_port = 3001\n\n[engine]\nsocket = \"auto\"\n";

/// Stands in for both programs. As the installer that a host would recover with, it says whether an update is under way.
const PROGRAM: &str = "#!/bin/sh\n\
    [ -e \"$2/var/lib/landfall/state/journal.json\" ] && doing='\"update\"' || doing=null\n\
    echo \"{\\\"interrupted\\\": $doing}\"\n";

/// Stands in for a unit: nothing starts it where there is no systemd.
const UNIT: &str =
    "[Unit]\nDescription=Landfall\nAfter=@ENGINE_UNIT@\n[Service]\nExecStart=/opt/landfall/current/bin/landfall\n";

/// A release under construction, with the content of its blobs.
#[derive(Debug, Clone)]
pub struct SmallRelease {
    /// What the manifest says; lists of blobs, layout and keys are made when it is packed.
    pub release: Release,
    blobs: BTreeMap<Digest, Vec<u8>>,
}

impl SmallRelease {
    /// A release of the product `acme` that a host can install and update to: programs, settings, units, and an image. It
    /// shares no blob with a release of another version, so that a host has to read each from its bundle.
    pub fn new(version: &str, serial: u64) -> Result<Self> {
        let arch = Arch::of_this_program().context("an architecture that the format knows")?;
        let mut small = Self { release: empty(version, serial, arch)?, blobs: BTreeMap::new() };
        let of_its_own = |text: &str| format!("{text}# {version}\n").into_bytes();
        for program in ["bin/landfall", "bin/landfall-installer"] {
            small.file(program, "0755", &of_its_own(PROGRAM))?;
        }
        small.file("config.toml", "0644", &of_its_own(SETTINGS))?;
        for unit in landfall_systemd::UnitName::ENABLED {
            small.file(&format!("units/{unit}"), "0644", &of_its_own(UNIT))?;
        }
        small.image("hello", version)?;
        Ok(small)
    }

    /// Adds a file.
    pub fn file(&mut self, path: &str, mode: &str, content: &[u8]) -> Result<()> {
        let blob = self.blob(zstd::encode_all(content, 3)?);
        self.list(path, mode, content, blob)
    }

    /// Lists a file that the blob is said to hold.
    pub fn list(&mut self, path: &str, mode: &str, content: &[u8], blob: Digest) -> Result<()> {
        self.release.files.push(serde_json::from_value(json!({
            "path": path, "mode": mode, "digest": Digest::of(content).to_string(), "size": content.len(),
            "blob": blob.to_string(), "encoding": "zstd",
        }))?);
        // As the format has them.
        self.release.files.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(())
    }

    /// Adds a blob, which something must use.
    pub fn blob(&mut self, content: Vec<u8>) -> Digest {
        let digest = Digest::of(&content);
        self.blobs.insert(digest, content);
        digest
    }

    /// The blobs' content, in the order of the bundle.
    pub fn blobs(&self) -> &BTreeMap<Digest, Vec<u8>> {
        &self.blobs
    }

    /// The release as it is signed when it says that `keys` sign it.
    pub fn named(&self, keys: &[&SecretKey]) -> Release {
        let mut release = self.release.clone();
        release.keys = keys.iter().map(|key| key.public_key().to_line()).collect();
        // Sorted by digest, which the format allows: any order is one that readers must take.
        let listed = self.blobs.iter().map(|(digest, content)| Blob { digest: *digest, size: content.len() as u64 });
        release.blobs = listed.collect();
        release.layout = release.computed_layout();
        release
    }

    /// The bundle, signed by `key`.
    pub fn pack(&self, key: &SecretKey) -> Result<Vec<u8>> {
        self.write(&Signed::new(self.named(&[key]), std::slice::from_ref(key))?)
    }

    /// The bundle of what was signed, which must have this release's blobs.
    pub fn write(&self, signed: &Signed) -> Result<Vec<u8>> {
        let mut writer = Writer::begin(Vec::new(), signed)?;
        for blob in signed.release().archived() {
            let content = self.blobs.get(&blob.digest).context("a blob of the fixture")?;
            writer.blob(blob.digest, &mut content.as_slice())?;
        }
        Ok(writer.finish()?)
    }

    /// The manifest's bytes and a signature over them by `key`, for bundles that no writer makes.
    pub fn manifest(&self, named: &[&SecretKey], key: &SecretKey) -> Result<(Vec<u8>, Signature)> {
        let release = self.named(named);
        let bytes = release.to_json();
        let signature = key.sign(&bytes, &release.trusted_comment())?;
        Ok((bytes, signature))
    }

    fn image(&mut self, name: &str, version: &str) -> Result<()> {
        let (layer, platform) = (format!("{name} {version}").repeat(50), self.release.platform());
        let diff_id = Digest::of(layer.as_bytes()).to_string();
        let blob = self.blob(zstd::encode_all(layer.as_bytes(), 3)?);
        let rootfs = json!({"type": "layers", "diff_ids": [diff_id]});
        let config = json!({"architecture": self.release.arch.name(), "os": "linux", "rootfs": rootfs});
        let config = self.blob(config.to_string().into_bytes());
        let manifest = self.blob(format!("{{\"manifest of\": \"{name} {version}\"}}").into_bytes());
        self.release.images.push(serde_json::from_value(json!({
            "name": name, "platform": platform, "mediaType": oci::MANIFEST,
            "manifest": manifest.to_string(), "config": config.to_string(), "source": format!("rootfs:{name}"),
            "layers": [{"blob": blob.to_string(), "encoding": "zstd", "diffId": diff_id, "size": layer.len()}],
        }))?);
        Ok(())
    }
}

fn empty(version: &str, serial: u64, arch: Arch) -> Result<Release> {
    let release = json!({
        "schema": 1, "product": "acme", "version": version, "serial": serial, "os": "linux", "arch": arch.name(),
        "layout": [], "blobs": [], "files": [], "images": [],
    });
    Ok(serde_json::from_value(release)?)
}
