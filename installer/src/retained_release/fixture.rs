//! Releases on a host in a folder, placed there as an installation does it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::rebuild;
use crate::durable;
use crate::fixture::quiet;
use crate::layout::{FOLDERS, Layout};
use crate::state::installed::InstalledRelease;
use crate::store::Store;
use landfall_keys::{SecretKey, TrustRoot};
use landfall_manifests::{Blob, Bundle, Digest, Encoding, File, Head, Release, Signed, Writer};
use std::io::Write as _;
use tempfile::TempDir;

/// A host, and the publisher that it trusts.
pub(crate) struct Host {
    pub(crate) layout: Layout,
    pub(crate) trust: TrustRoot,
    pub(crate) key: SecretKey,
    _root: TempDir,
}

impl Host {
    pub(crate) fn new() -> Self {
        let (root, key) = (tempfile::tempdir().unwrap(), SecretKey::generate().unwrap());
        let layout = Layout::new(root.path());
        for (folder, mode) in FOLDERS {
            durable::create_folder(&layout.at(folder), mode).unwrap();
        }
        let trust = TrustRoot::first(vec![key.public_key()], 1).unwrap();
        std::fs::write(layout.trust_root(), trust.to_json()).unwrap();
        Self { layout, trust, key, _root: root }
    }

    /// Brings a release without images onto the host: its blobs into the store, its folder to its place.
    pub(crate) fn bring(&self, version: &str, serial: u64, files: &[(&str, &str, &str)]) -> InstalledRelease {
        self.bring_with(version, serial, files, |_| {})
    }

    /// Like [`Host::bring`], with whatever else the release is to be.
    pub(crate) fn bring_with(
        &self,
        version: &str,
        serial: u64,
        files: &[(&str, &str, &str)],
        change: impl Fn(&mut Release),
    ) -> InstalledRelease {
        let mut release = crate::fixture::release_with(&[]);
        (release.version, release.serial) = (version.parse().unwrap(), serial.try_into().unwrap());
        release.files = files.iter().map(|(path, mode, content)| self.file(path, mode, content)).collect();
        change(&mut release);
        let sizes = Store::new(&self.layout).sizes().unwrap();
        let mut blobs: Vec<Digest> = release.files.iter().map(|file| file.blob).collect();
        blobs.extend(release.images.iter().flat_map(|image| [image.manifest, image.config]));
        blobs.extend(release.images.iter().flat_map(|image| image.layers.iter().map(|layer| layer.blob)));
        blobs.sort();
        blobs.dedup();
        release.blobs = blobs.into_iter().map(|digest| Blob { digest, size: sizes[&digest] }).collect();
        release.layout = release.computed_layout();
        let bundle = self.bundle(release);
        // The place of a release that is not there yet: what the folder is swapped with.
        durable::create_folder(&self.layout.release(&bundle.release().id()), 0o700).unwrap();
        rebuild::replace(&self.layout, &bundle, &self.trust, quiet()).unwrap();
        let manifest = Digest::of(bundle.manifest());
        InstalledRelease::new(bundle.release(), manifest, self.trust.clone(), Vec::new(), Vec::new())
    }

    fn file(&self, path: &str, mode: &str, content: &str) -> File {
        let blob = self.store(&zstd::encode_all(content.as_bytes(), 1).unwrap());
        File {
            path: path.parse().unwrap(),
            mode: mode.parse().unwrap(),
            digest: Digest::of(content.as_bytes()),
            size: content.len() as u64,
            blob,
            encoding: Encoding::Zstd,
        }
    }

    /// Puts a blob into the store.
    pub(crate) fn store(&self, content: &[u8]) -> Digest {
        let digest = Digest::of(content);
        let store = Store::new(&self.layout);
        let mut incoming = store.incoming(&digest).unwrap();
        incoming.write_all(content).unwrap();
        incoming.keep().unwrap();
        store.promote(&[Blob { digest, size: content.len() as u64 }]).unwrap();
        digest
    }

    fn bundle(&self, release: Release) -> Bundle {
        let signed = Signed::new(release, std::slice::from_ref(&self.key)).unwrap();
        let mut bytes = Vec::new();
        drop(Writer::begin(&mut bytes, &signed).unwrap());
        bytes.extend([0; 512]);
        Head::read(&mut bytes.as_slice()).unwrap().verify(self.trust.trusted_keys()).unwrap()
    }
}
