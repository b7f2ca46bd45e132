use super::Amount;
use landfall_manifests::{Base, Blob, Content, Digest, Release};
use serde::Serialize;
use std::collections::BTreeMap;

/// What a delta bundle leaves out, since the host has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PlannedBase {
    /// The versions of the releases that it was made against.
    pub(crate) versions: Vec<String>,
    /// The blobs that are not in the bundle.
    pub(crate) omitted: Amount,
    /// The contents that are made from what the host has, with their sizes.
    pub(crate) made: Amount,
}

/// What is made from what the host has.
#[derive(Debug, Default)]
pub(super) struct MadeContents {
    /// The contents, as they lie in the store.
    pub(super) contents: Vec<Blob>,
    /// The largest content that has to be unpacked meanwhile, in bytes.
    pub(super) unpacked: u64,
}

/// What has to be made on a host whose store has files of these names.
pub(super) fn made(release: &Release, stored: &BTreeMap<Digest, u64>) -> MadeContents {
    let mut made = MadeContents::default();
    let contents = release.single_contents();
    for difference in release.differences() {
        let content = contents.get(&difference.blob);
        let is_there = |content: &&Content| [content.blob, content.digest].iter().any(|name| stored.contains_key(name));
        if let Some(content) = content.filter(|content| !is_there(content)) {
            made.contents.push(Blob { digest: content.digest, size: content.size });
            if !stored.contains_key(&difference.from.digest) {
                made.unpacked = made.unpacked.max(difference.from.size);
            }
        }
    }
    made
}

impl PlannedBase {
    pub(crate) fn of(base: &Base, release: &Release) -> Self {
        Self {
            versions: base.releases().map(|base| base.version.to_string()).collect(),
            made: made(release, &BTreeMap::new()).contents.iter().map(|content| content.size).collect(),
            omitted: release.omitted().iter().map(|blob| blob.size).collect(),
        }
    }
}
