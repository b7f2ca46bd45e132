use super::Amount;
use landfall_manifests::{Base, Release};
use serde::Serialize;

/// What a delta bundle leaves out, since the host has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PlannedBase {
    /// The versions of the releases that it was made against.
    pub(crate) versions: Vec<String>,
    /// The blobs that are not in the bundle.
    pub(crate) omitted: Amount,
}

impl PlannedBase {
    pub(crate) fn of(base: &Base, release: &Release) -> Self {
        Self {
            versions: base.releases().map(|base| base.version.to_string()).collect(),
            omitted: release.omitted().iter().map(|blob| blob.size).collect(),
        }
    }
}
