//! What to remove: a pure function of the record and the inventory.

use super::inventory::Images;
use super::{Inventory, inventory};
use crate::engine::{LocalImage, tags};
use crate::plan::Collectable;
use crate::state::installed::Installed;
use landfall_manifests::{Blob, Digest, ReleaseId};
use std::collections::BTreeSet;

/// What to remove.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Collection {
    /// Names in the releases' folder.
    pub(crate) folders: Vec<String>,
    /// Blobs in the store.
    pub(crate) blobs: Vec<Blob>,
    /// Tags in the engine.
    pub(crate) tags: Vec<String>,
    /// Snapshots in the database's folder.
    pub(crate) snapshots: Vec<String>,
    /// What stays although no release needs it, or although it is not known whether one does, and why. For people.
    pub(crate) left: Vec<String>,
}

impl From<Collection> for Collectable {
    fn from(Collection { folders, blobs, tags, snapshots, .. }: Collection) -> Self {
        let blobs = blobs.iter().map(|blob| blob.size).collect();
        Self { releases: folders, blobs, images: tags, snapshots }
    }
}

/// Decides what no release in `installed` needs, and no tenant.
pub(crate) fn decide(installed: &Installed, inventory: &Inventory) -> Collection {
    let mut collection = Collection::default();
    folders(installed, inventory, &mut collection);
    blobs(inventory, &mut collection);
    match &inventory.images {
        Ok(Some(images)) => tags(installed, images, &mut collection),
        Ok(None) => {}
        Err(reason) => collection.left.push(format!("images of removed releases stay in the engine: {reason}")),
    }
    snapshots(installed, inventory, &mut collection);
    collection
}

/// Release folders, complete or partial, that the record does not name. A name that is not a release's belongs to somebody else.
fn folders(installed: &Installed, inventory: &Inventory, collection: &mut Collection) {
    let stay: BTreeSet<String> = installed.releases().map(|release| release.id().to_string()).collect();
    for name in inventory.folders.iter().filter(|name| !stay.contains(*name) && is_a_release(name)) {
        // Whatever the record says, the folder that runs is not removed.
        if inventory.current.as_ref() == Some(name) {
            collection.left.push(format!("release {name} is not recorded as installed, but `current` leads to it"));
        } else {
            collection.folders.push(name.clone());
        }
    }
}

fn is_a_release(name: &str) -> bool {
    let partial = name.strip_prefix('.').and_then(|name| name.strip_suffix(".partial"));
    partial.unwrap_or(name).parse::<ReleaseId>().is_ok()
}

fn blobs(inventory: &Inventory, collection: &mut Collection) {
    let mut stay: BTreeSet<Digest> = kept_configs(inventory).collect();
    for (release, needs) in &inventory.needs {
        match needs {
            Ok(needs) => stay.extend(needs),
            Err(reason) => {
                let left =
                    format!("no blob is removed, because it is not known which ones release {release} needs: {reason}");
                collection.left.push(left);
                return;
            }
        }
    }
    // The union over all releases: a blob that two of them share goes with the last one.
    let goes = inventory.blobs.iter().filter(|(digest, _)| !stay.contains(digest));
    collection.blobs = goes.map(|(digest, size)| Blob { digest: *digest, size: *size }).collect();
}

/// Where the engine has ids of its own for images, a tenant's image is recognised by the layers in its configuration, which is a few
/// kilobytes.
fn kept_configs(inventory: &Inventory) -> impl Iterator<Item = Digest> {
    let images = inventory.images.as_ref().ok().and_then(Option::as_ref).filter(|images| !images.ids_are_configs);
    images.and_then(|images| images.needed.as_ref().ok()).into_iter().flatten().map(|needed| needed.config)
}

/// The engine removes an image with its last tag, so an image that a tenant needs keeps one.
fn tags(installed: &Installed, images: &Images, collection: &mut Collection) {
    let prefix = tags::prefix(&installed.installation, &installed.current.product);
    let recorded: BTreeSet<&String> = installed.releases().flat_map(|release| &release.tags).collect();
    let mut unknown = false;
    for image in &images.local {
        let ours: BTreeSet<&String> = image.tags.iter().filter(|tag| tag.starts_with(&prefix)).collect();
        let mut goes: BTreeSet<&String> = ours.difference(&recorded).copied().collect();
        match is_needed(image, images) {
            _ if goes.is_empty() => {}
            None => {
                goes.clear();
                unknown = true;
            }
            Some(true) if goes.len() == ours.len() => {
                let last = goes.pop_last();
                collection.left.extend(last.map(|tag| format!("image {tag} stays: a tenant was created from it")));
            }
            Some(_) => {}
        }
        collection.tags.extend(goes.into_iter().cloned());
    }
    collection.tags.sort();
    if unknown {
        let reason = images.needed.as_ref().err().map_or("the engine does not name them as the manifests do", |it| it);
        collection
            .left
            .push(format!("images stay in the engine, because it is not known which ones tenants need: {reason}"));
    }
}

/// Whether a tenant was created from the image; `None` if that is not known.
fn is_needed(image: &LocalImage, images: &Images) -> Option<bool> {
    let needed = images.needed.as_ref().ok()?;
    let is_this = |diff_ids: &Vec<Digest>| !images.ids_are_configs && *diff_ids == image.diff_ids;
    let mut needed = needed.iter();
    if needed.clone().any(|one| one.config.to_string() == image.id || one.diff_ids.as_ref().is_some_and(is_this)) {
        return Some(true);
    }
    // An image of which neither id nor layers are known could be any of them.
    let could_be = !images.ids_are_configs && needed.any(|one| one.diff_ids.is_none());
    (!could_be).then_some(false)
}

/// A snapshot is needed by a kept release that writes its schema. Databases that were set aside are the operator's to remove.
fn snapshots(installed: &Installed, inventory: &Inventory, collection: &mut Collection) {
    let schemas: Option<BTreeSet<u32>> =
        installed.kept.iter().map(|release| release.database.map(|database| database.schema)).collect();
    // A release without a schema in its manifest may need any of them.
    let Some(schemas) = schemas else { return };
    let goes = inventory.snapshots.difference(&schemas);
    collection.snapshots = goes.map(|schema| inventory::snapshot_name(*schema)).collect();
}
