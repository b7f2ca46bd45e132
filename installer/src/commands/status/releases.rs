//! The releases that `rollback` can go back to.

use super::Parts;
use crate::layout::Layout;
use crate::retained_release::{self, RetainedError};
use crate::retention::Cost;
use crate::state::installed::{Installed, InstalledRelease};
use landfall_manifests::{Digest, Release};
use serde::Serialize;
use std::collections::BTreeMap;

/// A release that `rollback` can go back to.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct KeptStatus {
    #[serde(flatten)]
    pub(super) record: InstalledRelease,
    /// `<version>-<serial>`
    pub(super) release: String,
    /// What would be free without it, in bytes; `null` if a manifest or the store cannot be read.
    pub(super) cost: Option<Cost>,
}

pub(super) fn kept(
    layout: &Layout,
    installed: &Installed,
    stored: Option<&BTreeMap<Digest, u64>>,
    parts: &mut Parts,
) -> Vec<KeptStatus> {
    let manifests = if installed.kept.is_empty() { BTreeMap::new() } else { manifests(layout, installed, parts) };
    let cost = |record: &InstalledRelease| {
        let others = installed.releases().filter(|other| other.manifest != record.manifest);
        // It is not known what is shared with a release that cannot be read.
        let others: Vec<&Release> = others.map(|other| manifests.get(&other.manifest)).collect::<Option<_>>()?;
        let stored = stored?;
        Some(Cost::of(manifests.get(&record.manifest)?, &others, |blob| stored.get(blob).copied()))
    };
    let status = |record: &InstalledRelease| KeptStatus {
        release: record.id().to_string(),
        cost: cost(record),
        record: record.clone(),
    };
    installed.kept.iter().map(status).collect()
}

/// The manifests of all releases by their digests. One that cannot be verified is a problem of that release.
fn manifests(layout: &Layout, installed: &Installed, parts: &mut Parts) -> BTreeMap<Digest, Release> {
    let mut manifests = BTreeMap::new();
    for release in installed.releases() {
        let manifest = retained_release::manifest(layout, release).map(|manifest| Some(manifest.into_inner()));
        let manifest: Option<Release> = parts.take::<_, RetainedError>(&format!("release {}", release.id()), manifest);
        manifests.extend(manifest.map(|manifest| (release.manifest, manifest)));
    }
    manifests
}
