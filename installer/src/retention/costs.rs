//! What keeping a release costs.

use super::inventory::blobs_of;
use landfall_manifests::{Digest, Release};
use serde::Serialize;
use std::collections::BTreeSet;

/// The bytes that would be freed without a release: what other releases need as well is not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub(crate) struct Cost {
    /// Its folder.
    pub(crate) folder: u64,
    /// Blobs in the store that are of no other release.
    pub(crate) store: u64,
    /// Layers of its images, unpacked, that are in no other release's.
    pub(crate) engine: u64,
}

impl Cost {
    /// What `release` costs in addition to `others`. `stored` returns the size in bytes of a blob in the store.
    pub(crate) fn of(release: &Release, others: &[&Release], stored: impl Fn(&Digest) -> Option<u64>) -> Self {
        let shared: BTreeSet<Digest> = others.iter().flat_map(|other| blobs_of(other)).collect();
        let own = blobs_of(release).into_iter().filter(|blob| !shared.contains(blob));
        let unpacked: BTreeSet<Digest> =
            others.iter().flat_map(|other| layers(other)).map(|(layer, _)| layer).collect();
        let layers: BTreeSet<(Digest, u64)> = layers(release).filter(|(layer, _)| !unpacked.contains(layer)).collect();
        Self {
            folder: release.files.iter().map(|file| file.size).sum(),
            store: own.filter_map(|blob| stored(&blob)).sum(),
            engine: layers.into_iter().map(|(_, size)| size).sum(),
        }
    }

    /// All of it.
    pub(crate) fn total(self) -> u64 {
        self.folder + self.store + self.engine
    }
}

/// The layers of a release's images with their sizes in bytes.
fn layers(release: &Release) -> impl Iterator<Item = (Digest, u64)> {
    release.images.iter().flat_map(|image| image.layers.iter().map(|layer| (layer.diff_id, layer.size)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::release_with;

    #[test]
    fn counts_what_no_other_release_needs_and_everything_once() {
        let old = release_with(&[("a", &["base", "old"]), ("b", &["base", "old"])]);
        let new = release_with(&[("a", &["base", "new"])]);
        let stored = |digest: &Digest| old.blob_sizes().get(digest).copied();
        // Of the store: the layer `old`, the configuration `b` and its manifest. Layers have 700 bytes each.
        let cost = Cost::of(&old, &[&new], stored);
        assert_eq!(cost, Cost { folder: 4, store: 3 + 1 + 13, engine: 700 });
        assert_eq!(Cost::of(&old, &[], stored), Cost { folder: 4, store: 4 + 4 + 3 + 2 + 2 * 13, engine: 2 * 700 });
        assert_eq!(Cost::of(&old, &[&old, &new], stored), Cost { folder: 4, store: 0, engine: 0 });
        assert_eq!(Cost::of(&old, &[&old], |_| None).total(), 4);
    }
}
