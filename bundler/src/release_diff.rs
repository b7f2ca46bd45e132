//! What changes from one release to another, as a pure function of the two.

use crate::trust::UnverifiedRoot;
use landfall_manifests::sbom::PackageChanges;
use landfall_manifests::{Database, Digest, File, Image, Release};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

/// What changes between two releases.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Difference {
    pub(crate) old: Identity,
    pub(crate) new: Identity,
    pub(crate) images: Names<ChangedImage>,
    pub(crate) files: Names<String>,
    /// How packages change, by the image that has them; `files` are those of programs and files.
    pub(crate) packages: BTreeMap<String, PackageChanges>,
    pub(crate) blobs: Blobs,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Identity {
    pub(crate) product: String,
    pub(crate) version: String,
    pub(crate) serial: u64,
    pub(crate) platform: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) database: Option<Database>,
    /// The version of the newest trust root that it brings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trust: Option<u32>,
}

/// Names that only one of the two has, and those of which both have another content.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Names<C> {
    pub(crate) added: Vec<String>,
    pub(crate) removed: Vec<String>,
    pub(crate) changed: Vec<C>,
    /// How many are the same in both.
    pub(crate) same: usize,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChangedImage {
    pub(crate) name: String,
    /// Layers of the new image.
    pub(crate) layers: usize,
    /// Those of them that the old image has.
    pub(crate) shared_layers: usize,
    /// As the others of them are stored, in bytes.
    pub(crate) new_bytes: u64,
}

/// Bytes of the new release's blobs.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Blobs {
    /// In blobs that the old release lacks.
    pub(crate) new_bytes: u64,
    /// In blobs that the old release has.
    pub(crate) shared_bytes: u64,
}

impl Difference {
    /// Compares two releases.
    pub(crate) fn of(old: &Release, new: &Release, packages: BTreeMap<String, PackageChanges>) -> Self {
        let known: BTreeSet<Digest> = old.blobs.iter().map(|blob| blob.digest).collect();
        let (shared, fresh): (Vec<_>, Vec<_>) = new.blobs.iter().partition(|blob| known.contains(&blob.digest));
        let bytes = |blobs: Vec<&landfall_manifests::Blob>| blobs.iter().map(|blob| blob.size).sum();
        Self {
            old: Identity::of(old),
            new: Identity::of(new),
            images: names(
                &old.images,
                &new.images,
                |image| &image.name,
                same_image,
                |old, new_image| changed_image(old, new_image, &new.blob_sizes()),
            ),
            files: names(
                &own(&old.files),
                &own(&new.files),
                |file| &file.path,
                same_file,
                |_, new| new.path.to_string(),
            ),
            packages,
            blobs: Blobs { new_bytes: bytes(fresh), shared_bytes: bytes(shared) },
        }
    }
}

impl Identity {
    fn of(release: &Release) -> Self {
        Self {
            product: release.product.to_string(),
            version: release.version.to_string(),
            serial: release.serial.into(),
            platform: release.platform(),
            database: release.database,
            trust: UnverifiedRoot::of(&release.trust).as_ref().map(UnverifiedRoot::version),
        }
    }
}

fn names<T, K: Ord + Display, C>(
    old: &[T],
    new: &[T],
    key: impl Fn(&T) -> &K,
    same: impl Fn(&T, &T) -> bool,
    changed: impl Fn(&T, &T) -> C,
) -> Names<C> {
    let before: BTreeMap<&K, &T> = old.iter().map(|one| (key(one), one)).collect();
    let after: BTreeMap<&K, &T> = new.iter().map(|one| (key(one), one)).collect();
    let only = |these: &BTreeMap<&K, &T>, others: &BTreeMap<&K, &T>| {
        these.keys().filter(|name| !others.contains_key(*name)).map(ToString::to_string).collect()
    };
    let both = || after.iter().filter_map(|(name, new)| Some((*before.get(name)?, *new)));
    Names {
        added: only(&after, &before),
        removed: only(&before, &after),
        changed: both().filter(|(old, new)| !same(old, new)).map(|(old, new)| changed(old, new)).collect(),
        same: both().filter(|(old, new)| same(old, new)).count(),
    }
}

/// The files but those that tell of the others, which change with them.
fn own(files: &[File]) -> Vec<File> {
    files.iter().filter(|file| !file.path.is_within("evidence")).cloned().collect()
}

/// An image is its configuration and its layers' content, however they are compressed.
fn same_image(old: &Image, new: &Image) -> bool {
    old.config == new.config && old.tenant == new.tenant
}

fn changed_image(old: &Image, new: &Image, sizes: &BTreeMap<Digest, u64>) -> ChangedImage {
    let known: BTreeSet<Digest> = old.layers.iter().map(|layer| layer.diff_id).collect();
    let (shared, fresh): (Vec<_>, Vec<_>) = new.layers.iter().partition(|layer| known.contains(&layer.diff_id));
    let new_bytes = fresh.iter().filter_map(|layer| sizes.get(&layer.blob)).sum();
    ChangedImage { name: new.name.to_string(), layers: new.layers.len(), shared_layers: shared.len(), new_bytes }
}

fn same_file(old: &File, new: &File) -> bool {
    old.digest == new.digest && old.mode == new.mode
}
