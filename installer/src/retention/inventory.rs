//! What a host has, as far as retention depends on it.

use crate::durable::{At as _, PathError};
use crate::engine::{EngineError, LocalImage, tags};
use crate::host_context::HostContext;
use crate::layout::{DATABASE, Layout, SNAPSHOT_SUFFIX};
use crate::retained_release;
use crate::state::installed::{Installed, InstalledRelease};
use crate::store::Store;
use landfall_console::message_with_causes;
use landfall_host::runtime_program::RuntimeProgram;
use landfall_manifests::{Digest, Release, ReleaseId, limits, oci::ImageConfig};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{ErrorKind, Read as _};
use std::path::Path;

/// What the host has. Reasons are for people.
#[derive(Debug, Clone)]
pub(crate) struct Inventory {
    /// The blobs that each release of `installed.json` needs, or why that is not known.
    pub(crate) needs: Vec<(ReleaseId, Result<BTreeSet<Digest>, String>)>,
    /// The names in the releases' folder.
    pub(crate) folders: Vec<String>,
    /// The name among them that `current` leads to.
    pub(crate) current: Option<String>,
    /// The blobs in the store with their sizes in bytes.
    pub(crate) blobs: BTreeMap<Digest, u64>,
    /// The engine's images; `None` where there is no engine.
    pub(crate) images: Result<Option<Images>, String>,
    /// The schemas with a snapshot of the database.
    pub(crate) snapshots: BTreeSet<u32>,
}

/// The engine's images that have a tag of this product.
#[derive(Debug, Clone)]
pub(crate) struct Images {
    pub(crate) local: Vec<LocalImage>,
    /// Whether the engine calls an image by its configuration's digest.
    pub(crate) ids_are_configs: bool,
    /// The images that tenants were created from, or why that is not known. Asked for only if a tag is to be removed.
    pub(crate) needed: Result<Vec<Needed>, String>,
}

/// An image that a tenant was created from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Needed {
    pub(crate) config: Digest,
    /// Its layers by their content, if the store still has its configuration.
    pub(crate) diff_ids: Option<Vec<Digest>>,
}

/// Takes the inventory.
///
/// # Errors
/// A folder of ours cannot be read. That a manifest, the engine or the tenants cannot be asked is a finding.
pub(crate) fn gather(host: &HostContext, installed: &Installed) -> Result<Inventory, PathError> {
    look(host, installed, &installed.current.id(), None)
}

/// Like [`gather`], for a release that is not on the host yet: `installed` is what will be, `running` answers for the tenants
/// today, and `next` is the manifest of what will be current.
pub(super) fn look(
    host: &HostContext,
    installed: &Installed,
    running: &ReleaseId,
    next: Option<&Release>,
) -> Result<Inventory, PathError> {
    let layout = &host.layout;
    let images = images(host, installed, running).map_err(reason);
    Ok(Inventory {
        needs: needs(layout, installed, next),
        folders: names(&layout.releases())?,
        current: current(layout),
        blobs: Store::new(layout).sizes()?,
        images,
        snapshots: snapshots(layout)?,
    })
}

/// What a release consists of in the store: its blobs, those from a delta's base included, and its contents, which may be there uncompressed.
pub(crate) fn blobs_of(release: &Release) -> BTreeSet<Digest> {
    let images = release.images.iter().flat_map(|image| [image.manifest, image.config]);
    let contents = release.contents().flat_map(|content| [content.blob, content.digest]);
    contents.chain(images).collect()
}

fn needs(
    layout: &Layout,
    installed: &Installed,
    next: Option<&Release>,
) -> Vec<(ReleaseId, Result<BTreeSet<Digest>, String>)> {
    let need = |release: &InstalledRelease| {
        // The one release whose manifest is not on the disk yet: that of the bundle in hand.
        if let Some(next) = next.filter(|next| next.id() == release.id()) {
            return Ok(blobs_of(next));
        }
        let manifest = retained_release::manifest(layout, release).map_err(reason)?;
        Ok(blobs_of(manifest.get()))
    };
    installed.releases().map(|release| (release.id(), need(release))).collect()
}

fn reason(error: impl std::error::Error) -> String {
    message_with_causes(&error)
}

/// The names in a folder, sorted; none if it does not exist. A name that is not text is not one of ours.
fn names(folder: &Path) -> Result<Vec<String>, PathError> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(Vec::new()),
        other => other.at("read the folder", folder)?,
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry.at("read the folder", folder)?.file_name().into_string());
    }
    names.sort();
    Ok(names)
}

fn current(layout: &Layout) -> Option<String> {
    let target = std::fs::read_link(layout.current()).ok()?;
    Some(target.file_name()?.to_str()?.to_owned())
}

fn snapshots(layout: &Layout) -> Result<BTreeSet<u32>, PathError> {
    let names = names(&layout.database_folder())?;
    Ok(names
        .iter()
        .filter_map(|name| name.strip_prefix(DATABASE)?.strip_prefix(SNAPSHOT_SUFFIX)?.parse().ok())
        .collect())
}

/// The name of the snapshot of a schema, in the database's folder.
pub(super) fn snapshot_name(schema: u32) -> String {
    format!("{DATABASE}{SNAPSHOT_SUFFIX}{schema}")
}

fn images(host: &HostContext, installed: &Installed, running: &ReleaseId) -> Result<Option<Images>, EngineError> {
    let Some(engine) = host.engine()? else { return Ok(None) };
    let prefix = tags::prefix(&installed.installation, &installed.current.product);
    let ours = |image: &LocalImage| image.tags.iter().any(|tag| tag.starts_with(&prefix));
    let local: Vec<LocalImage> = engine.images()?.into_iter().filter(ours).collect();
    // Docker's classic image store, which also takes partial archives.
    let ids_are_configs = engine.about()?.takes_partial_archives;
    let stay: BTreeSet<&String> = installed.releases().flat_map(|release| &release.tags).collect();
    let goes = |tag: &&String| tag.starts_with(&prefix) && !stay.contains(tag);
    let needed = if local.iter().flat_map(|image| &image.tags).any(|tag| goes(&tag)) {
        needed(host, running)
    } else {
        Ok(Vec::new())
    };
    Ok(Some(Images { local, ids_are_configs, needed }))
}

fn needed(host: &HostContext, running: &ReleaseId) -> Result<Vec<Needed>, String> {
    let layout = &host.layout;
    if !host.runs_programs {
        return Err("no program below another root is run".to_owned());
    }
    let configs = RuntimeProgram::of(layout, running).images().map_err(reason)?;
    let store = Store::new(layout);
    Ok(configs.into_iter().map(|config| Needed { config, diff_ids: diff_ids(&store, &config) }).collect())
}

/// The layers of an image whose configuration the store has.
fn diff_ids(store: &Store, config: &Digest) -> Option<Vec<Digest>> {
    let mut bytes = Vec::new();
    store.open(config).ok()?.take(limits::IMAGE_JSON_BYTES).read_to_end(&mut bytes).ok()?;
    let parsed: ImageConfig = serde_json::from_slice(&bytes).ok()?;
    // The store may be damaged: layers that are wrong would let an image go that a tenant needs.
    (Digest::of(&bytes) == *config).then_some(parsed.rootfs.diff_ids)
}
