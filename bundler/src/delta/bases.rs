//! The releases that a delta is made against.

use super::DeltaError;
use super::unpack::unpack;
use landfall_manifests::{Base, BaseRelease, Content, Digest, Product, Release, Serial, archive, limits};
use landfall_media::UnverifiedBundle;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// What hosts have, each of which runs one of several releases.
#[derive(Debug)]
pub(crate) struct Bases(Vec<BundleBase>);

/// A bundle of an earlier release. Nothing but its manifest was read.
#[derive(Debug)]
struct BundleBase {
    opened: UnverifiedBundle,
    manifest: Digest,
    release: Release,
    /// The blobs that its release has.
    blobs: BTreeSet<Digest>,
}

impl Bases {
    /// Opens the bundles; one that is named twice counts once. Like `diff` and `repair`, this does not ask whose they are: whoever takes
    /// the delta proves that it has what is left out.
    pub(crate) fn open(paths: &[PathBuf], folders: &[PathBuf]) -> Result<Self, DeltaError> {
        let mut bases: Vec<BundleBase> = Vec::new();
        for path in paths {
            let opened = UnverifiedBundle::open(path, folders)?;
            let signed = opened.head().clone().into_signed_without_verifying()?;
            let release = signed.release().clone();
            let blobs = release.blobs.iter().map(|blob| blob.digest).collect();
            let base = BundleBase { manifest: Digest::of(signed.bytes()), release, blobs, opened };
            if bases.iter().all(|known| known.manifest != base.manifest) {
                bases.push(base);
            }
        }
        if bases.len() > limits::BASES {
            return Err(DeltaError::TooMany(bases.len(), limits::BASES));
        }
        Ok(Self(bases))
    }

    /// Those of this platform, where a build makes bundles for several.
    pub(crate) fn of_platform(mut self, platform: &str) -> Result<Self, DeltaError> {
        let is_other = |base: &BundleBase| base.release.platform() != platform;
        if let Some(other) = self.0.iter().find(|base| is_other(base)).filter(|_| self.0.iter().all(is_other)) {
            let (path, found) = (other.opened.path().to_owned(), other.release.platform());
            return Err(DeltaError::OtherPlatform { path, found, wanted: platform.to_owned() });
        }
        self.0.retain(|base| !is_other(base));
        Ok(self)
    }

    /// Checks that a host with any of the bases could go on to a release of this product, platform and serial.
    pub(crate) fn check(&self, product: &Product, platform: &str, serial: Serial) -> Result<(), DeltaError> {
        for BundleBase { opened, release, .. } in &self.0 {
            let path = opened.path().to_owned();
            if release.product != *product {
                let (found, wanted) = (release.product.clone(), product.clone());
                return Err(DeltaError::OtherProduct { path, found, wanted });
            }
            if release.platform() != platform {
                return Err(DeltaError::OtherPlatform { path, found: release.platform(), wanted: platform.to_owned() });
            }
            if release.serial > serial {
                return Err(DeltaError::Newer { path, found: release.serial, wanted: serial });
            }
        }
        Ok(())
    }

    /// The bundles' files.
    pub(crate) fn files(&self) -> impl Iterator<Item = PathBuf> {
        self.0.iter().flat_map(|base| base.opened.files())
    }

    /// What a delta of `release` says about these bases, which are at least one: the blobs that each of them has are left out.
    pub(super) fn describe(&self, release: &Release) -> Option<Base> {
        let mut releases =
            self.0.iter().map(|base| BaseRelease { manifest: base.manifest, version: base.release.version.clone() });
        let BaseRelease { manifest, version } = releases.next()?;
        let omitted = release.blobs.iter().map(|blob| blob.digest).filter(|blob| self.have(blob)).collect();
        Some(Base { manifest, version, others: releases.collect(), omitted, differences: Vec::new() })
    }

    /// Whether each of them has the blob.
    fn have(&self, blob: &Digest) -> bool {
        self.0.iter().all(|base| base.blobs.contains(blob))
    }

    /// Their releases.
    pub(super) fn releases(&self) -> impl Iterator<Item = &Release> {
        self.0.iter().map(|base| &base.release)
    }

    /// A content that each of them has, in a file without a name in `folder`; `None` if some lack it, or no bundle holds it.
    pub(super) fn unpacked(&self, content: &Content, folder: &Path) -> Result<Option<File>, DeltaError> {
        if !self.have(&content.blob) {
            return Ok(None);
        }
        let holds = |base: &BundleBase| base.opened.blobs(&base.release).find(|(blob, _)| blob.digest == content.blob);
        let found = self.0.iter().find_map(|base| Some((base, holds(base)?)));
        let Some((base, (blob, offset))) = found else { return Ok(None) };
        let stored = base.opened.at(offset.saturating_add(archive::BLOCK)).take(blob.size);
        unpack(stored, content, folder).map(Some)
    }
}

/// Checks that `out` is none of the files that a delta is made from.
pub(crate) fn check_output(out: &Path, sources: impl Iterator<Item = PathBuf>) -> Result<(), DeltaError> {
    let Ok(there) = out.canonicalize() else { return Ok(()) };
    let mut sources = sources;
    match sources.find(|file| file.canonicalize().is_ok_and(|file| file == there)) {
        Some(source_path) => Err(DeltaError::ReplacesSource { out: out.to_owned(), source_path }),
        None => Ok(()),
    }
}
