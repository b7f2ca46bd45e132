//! Removes what [`decide`](super::decide()) names. Everything can be repeated; the next collection finds what one that was cut off has left.

use super::Collection;
use crate::durable::{self, PathError};
use crate::engine::EngineError;
use crate::host_context::HostContext;
use crate::layout::Layout;
use crate::store::Store;
use landfall_console::message_with_causes;
use serde::Serialize;

/// What was removed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Collected {
    /// Releases, by the names of their folders.
    pub(crate) releases: Vec<String>,
    /// How many blobs.
    pub(crate) blobs: usize,
    /// How many bytes the blobs had.
    pub(crate) bytes: u64,
    /// Tags in the engine; with its last one an image went.
    pub(crate) tags: Vec<String>,
    /// Snapshots of the database.
    pub(crate) snapshots: Vec<String>,
    /// What stays, and why. For people.
    pub(crate) left: Vec<String>,
}

/// Removes what `collection` names, and all that was staged: a release's folder before its blobs, so that there is no folder that the
/// store could not repair.
///
/// # Errors
/// The disk fails. What the engine refuses stays, and is named in [`Collected::left`].
pub(crate) fn collect(host: &HostContext, collection: &Collection) -> Result<Collected, PathError> {
    let (layout, store) = (&host.layout, Store::new(&host.layout));
    store.clear_incoming()?;
    // 1. Folders before blobs: a folder whose blobs are gone could not be repaired.
    for name in &collection.folders {
        remove_release(layout, name)?;
    }
    store.remove(collection.blobs.iter().map(|blob| &blob.digest))?;
    // 2. Snapshots of schemas that no kept release writes.
    for name in &collection.snapshots {
        durable::remove(&layout.database_folder().join(name))?;
    }
    let mut collected = Collected {
        releases: collection.folders.clone(),
        blobs: collection.blobs.len(),
        bytes: collection.blobs.iter().map(|blob| blob.size).sum(),
        tags: Vec::new(),
        snapshots: collection.snapshots.clone(),
        left: collection.left.clone(),
    };
    // 3. The engine last: what it refuses stays, and hinders nothing else.
    for tag in &collection.tags {
        match untag(host, tag) {
            Ok(()) => collected.tags.push(tag.clone()),
            Err(error) => {
                collected.left.push(format!("image {tag} stays in the engine: {}", message_with_causes(&error)));
            }
        }
    }
    Ok(collected)
}

/// The folder is renamed before it is removed: a folder with the name of a release is always whole.
fn remove_release(layout: &Layout, name: &str) -> Result<(), PathError> {
    let place = layout.releases().join(name);
    let Ok(id) = name.parse() else { return durable::remove_tree(&place) };
    let partial = layout.partial_release(&id);
    durable::remove_tree(&partial)?;
    match durable::rename_to_free_name(&place, &partial) {
        Ok(()) => durable::remove_tree(&partial),
        Err(error) if error.source.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) if durable::is_mount(&error.source) => durable::remove_tree(&place),
        Err(error) => Err(error),
    }
}

fn untag(host: &HostContext, tag: &str) -> Result<(), EngineError> {
    if let Some(engine) = host.engine()? {
        engine.untag(tag)?;
    }
    Ok(())
}
