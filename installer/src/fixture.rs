//! What unit tests of several modules start from: releases, their records, a console that prints nothing.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::engine::{EngineAddress, InstallationId};
use crate::record::Schema;
use crate::state::installed::{HostEnvironment, Installed, InstalledRelease};
use landfall_console::{Console, Flags};
use landfall_fixtures::ReleaseFixture;
use landfall_keys::{SecretKey, TrustRoot, TrustedKeys};
use landfall_manifests::{
    Arch, Blob, Bundle, Digest, Encoding, File, Head, Image, Layer, Release, Signed, Writer, oci,
};
use std::collections::BTreeMap;

/// A console that prints nothing.
pub(crate) fn quiet() -> Console {
    Console::new(Flags { quiet: true, ..Flags::default() })
}

/// A root that trusts a new key.
pub(crate) fn some_root() -> TrustRoot {
    TrustRoot::first(vec![SecretKey::generate().unwrap().public_key()], 1).unwrap()
}

/// A release whose images have these layers, each layer's name being its content, 700 bytes by the manifest.
pub(crate) fn release_with(images: &[(&str, &[&str])]) -> Release {
    let digest = |text: &str| Digest::of(text.as_bytes());
    let layer = |name: &&str| Layer { blob: digest(name), encoding: Encoding::Zstd, diff_id: digest(name), size: 700 };
    let image = |(name, layers): &(&str, &[&str])| Image {
        name: name.parse().unwrap(),
        platform: "linux/amd64".to_owned(),
        media_type: oci::MANIFEST.to_owned(),
        config: digest(name),
        manifest: digest(&format!("manifest of {name}")),
        layers: layers.iter().map(layer).collect(),
        source: "rootfs:.".to_owned(),
        tenant: None,
    };
    let file = File {
        path: "units/landfall.service".parse().unwrap(),
        mode: "0644".parse().unwrap(),
        digest: digest("unit"),
        size: 4,
        blob: digest("unit"),
        encoding: Encoding::Zstd,
    };
    let mut blobs: BTreeMap<Digest, u64> = BTreeMap::from([(digest("unit"), 4)]);
    for (name, layers) in images {
        blobs.extend([(digest(name), name.len() as u64)]);
        blobs.extend([(digest(&format!("manifest of {name}")), name.len() as u64 + 12)]);
        blobs.extend(layers.iter().map(|layer| (digest(layer), layer.len() as u64)));
    }
    let mut release = Release {
        arch: Arch::Amd64,
        blobs: blobs.into_iter().map(|(digest, size)| Blob { digest, size }).collect(),
        files: vec![file],
        images: images.iter().map(image).collect(),
        ..ReleaseFixture::new("1.4.0", 12).release
    };
    release.layout = release.computed_layout();
    release
}

/// The bundle of a release, signed by a new key.
pub(crate) fn bundle(mut release: Release) -> Bundle {
    let key = SecretKey::generate().unwrap();
    // A test may have changed what it follows from.
    release.layout = release.computed_layout();
    let signed = Signed::new(release, std::slice::from_ref(&key)).unwrap();
    let mut bytes = Vec::new();
    drop(Writer::begin(&mut bytes, &signed).unwrap());
    bytes.extend([0; 512]);
    let head = Head::read(&mut bytes.as_slice()).unwrap();
    head.verify(&TrustedKeys::new(vec![key.public_key()], 1).unwrap()).unwrap()
}

/// The record of a release without images.
pub(crate) fn installed_release(version: &str, serial: u64) -> InstalledRelease {
    let mut release = release_with(&[]);
    (release.version, release.serial) = (version.parse().unwrap(), serial.try_into().unwrap());
    InstalledRelease::new(&release, Digest::of(version.as_bytes()), some_root(), Vec::new(), Vec::new())
}

/// The installation of these tests.
pub(crate) fn installation() -> InstallationId {
    InstallationId::from_random([0x1d; 16])
}

/// A host without an engine and without systemd.
pub(crate) fn environment() -> HostEnvironment {
    HostEnvironment { engine: EngineAddress::None, systemd: false }
}

/// The record of a host that runs `current` and keeps the others.
pub(crate) fn installed(current: InstalledRelease, kept: Vec<InstalledRelease>) -> Installed {
    let installation = installation();
    Installed { schema: Schema, installation, current, kept, host: environment(), created: Vec::new() }
}
