//! The releases that a delta is made against.

use super::DeltaError;
use super::unpack::unpack;
use crate::regular;
use landfall_keys::PublicKey;
use landfall_manifests::{
    Base, BaseRelease, Content, Digest, InventoryError, Product, Release, Serial, SignedInventory, archive, limits,
};
use landfall_media::UnverifiedBundle;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// How far the beginning of an inventory is looked for, in bytes.
const WHITE_SPACE: u64 = 64;

/// What hosts have, each of which runs one of several releases.
#[derive(Debug)]
pub(crate) struct Bases(Vec<KnownBase>);

/// What hosts of one kind have.
#[derive(Debug)]
struct KnownBase {
    path: PathBuf,
    product: Product,
    platform: String,
    serial: Serial,
    /// The release that runs there.
    release: BaseRelease,
    /// The blobs that are there, or their contents.
    blobs: BTreeSet<Digest>,
    /// Where the blobs can be read, if it is a bundle.
    bundle: Option<BundleBase>,
}

/// A bundle of an earlier release. Nothing but its manifest was read.
#[derive(Debug)]
struct BundleBase {
    opened: UnverifiedBundle,
    release: Release,
}

impl KnownBase {
    /// Opens a bundle, or the inventory of a host, which one of the `hosts` has signed if any are named.
    fn open(path: &Path, folders: &[PathBuf], hosts: &[PublicKey]) -> Result<Self, DeltaError> {
        if begins_as_json(path) { Self::of_host(path, hosts) } else { Self::of_bundle(path, folders) }
    }

    fn of_bundle(path: &Path, folders: &[PathBuf]) -> Result<Self, DeltaError> {
        let opened = UnverifiedBundle::open(path, folders)?;
        let signed = opened.head().clone().into_signed_without_verifying()?;
        let release = signed.release().clone();
        Ok(Self {
            path: opened.path().to_owned(),
            product: release.product.clone(),
            platform: release.platform(),
            serial: release.serial,
            release: BaseRelease { manifest: Digest::of(signed.bytes()), version: release.version.clone() },
            blobs: release.blobs.iter().map(|blob| blob.digest).collect(),
            bundle: Some(BundleBase { opened, release }),
        })
    }

    fn of_host(path: &Path, hosts: &[PublicKey]) -> Result<Self, DeltaError> {
        let wrong = |source| DeltaError::Inventory { path: path.to_owned(), source };
        let file = regular::read(path, limits::INVENTORY_BYTES);
        let file = file.map_err(|source| DeltaError::InventoryFile { path: path.to_owned(), source })?;
        let inventory = SignedInventory::parse(&file).and_then(|signed| signed.verify(hosts)).map_err(wrong)?;
        let current = inventory.current().ok_or(InventoryError::Releases).map_err(wrong)?;
        Ok(Self {
            path: path.to_owned(),
            serial: current.serial,
            release: BaseRelease { manifest: current.manifest, version: current.version.clone() },
            platform: inventory.platform(),
            product: inventory.product,
            blobs: inventory.blobs,
            bundle: None,
        })
    }
}

/// Whether a file begins as an object in JSON does, and not as a bundle.
fn begins_as_json(path: &Path) -> bool {
    let mut first = Vec::new();
    let read = regular::open(path).and_then(|(file, _)| file.take(WHITE_SPACE).read_to_end(&mut first));
    read.is_ok() && first.trim_ascii_start().starts_with(b"{")
}

impl Bases {
    /// Opens bundles and inventories; what is named twice counts once. Like `diff` and `repair`, this does not ask whose the bundles are: whoever takes
    /// the delta proves that it has what is left out.
    pub(crate) fn open(paths: &[PathBuf], folders: &[PathBuf], hosts: &[PublicKey]) -> Result<Self, DeltaError> {
        let mut bases: Vec<KnownBase> = Vec::new();
        for path in paths {
            let base = KnownBase::open(path, folders, hosts)?;
            let is_same = |known: &&mut KnownBase| known.release == base.release && known.blobs == base.blobs;
            match bases.iter_mut().find(is_same) {
                None => bases.push(base),
                // A bundle can be read, too, and an inventory with just its blobs cannot.
                Some(known) if known.bundle.is_none() => *known = base,
                Some(_) => {}
            }
        }
        if bases.len() > limits::BASES {
            return Err(DeltaError::TooMany(bases.len(), limits::BASES));
        }
        Ok(Self(bases))
    }

    /// Those of this platform, where a build makes bundles for several.
    pub(crate) fn of_platform(mut self, platform: &str) -> Result<Self, DeltaError> {
        let is_other = |base: &KnownBase| base.platform != platform;
        if let Some(other) = self.0.iter().find(|base| is_other(base)).filter(|_| self.0.iter().all(is_other)) {
            let (path, found) = (other.path.clone(), other.platform.clone());
            return Err(DeltaError::OtherPlatform { path, found, wanted: platform.to_owned() });
        }
        self.0.retain(|base| !is_other(base));
        Ok(self)
    }

    /// Checks that a host with any of the bases could go on to a release of this product, platform and serial.
    pub(crate) fn check(&self, product: &Product, platform: &str, serial: Serial) -> Result<(), DeltaError> {
        for base in &self.0 {
            let path = base.path.clone();
            if base.product != *product {
                let (found, wanted) = (base.product.clone(), product.clone());
                return Err(DeltaError::OtherProduct { path, found, wanted });
            }
            if base.platform != platform {
                let (found, wanted) = (base.platform.clone(), platform.to_owned());
                return Err(DeltaError::OtherPlatform { path, found, wanted });
            }
            if base.serial > serial {
                return Err(DeltaError::Newer { path, found: base.serial, wanted: serial });
            }
        }
        Ok(())
    }

    /// Their files.
    pub(crate) fn files(&self) -> impl Iterator<Item = PathBuf> {
        self.0.iter().flat_map(|base| base.bundle.as_ref().map_or(vec![base.path.clone()], |it| it.opened.files()))
    }

    /// What a delta of `release` says about these bases, which are at least one: the blobs that each of them has are left out.
    pub(super) fn describe(&self, release: &Release) -> Option<Base> {
        let mut seen = BTreeSet::new();
        let mut releases = self.0.iter().map(|base| &base.release).filter(|release| seen.insert(release.manifest));
        let BaseRelease { manifest, version } = releases.next()?.clone();
        let others = releases.cloned().collect();
        let contents = release.single_contents();
        let is_there = |blob: &Digest| self.have(blob, contents.get(blob).map(|content| &content.digest));
        let omitted = release.blobs.iter().map(|blob| blob.digest).filter(is_there).collect();
        Some(Base { manifest, version, others, omitted, differences: Vec::new() })
    }

    /// Whether each of them has the blob, or what it holds.
    fn have(&self, blob: &Digest, content: Option<&Digest>) -> bool {
        self.0
            .iter()
            .all(|base| base.blobs.contains(blob) || content.is_some_and(|content| base.blobs.contains(content)))
    }

    /// The releases of the bundles.
    pub(super) fn releases(&self) -> impl Iterator<Item = &Release> {
        self.bundles().map(|bundle| &bundle.release)
    }

    fn bundles(&self) -> impl Iterator<Item = &BundleBase> {
        self.0.iter().filter_map(|base| base.bundle.as_ref())
    }

    /// A content that each of them has, in a file without a name in `folder`; `None` if some lack it, or no bundle holds it.
    pub(super) fn unpacked(&self, content: &Content, folder: &Path) -> Result<Option<File>, DeltaError> {
        if !self.have(&content.blob, Some(&content.digest)) {
            return Ok(None);
        }
        let holds = |base: &BundleBase| base.opened.blobs(&base.release).find(|(blob, _)| blob.digest == content.blob);
        let found = self.bundles().find_map(|base| Some((base, holds(base)?)));
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
