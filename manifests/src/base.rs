//! Delta bundles: a release without what the hosts have that run an earlier one.

use crate::{Blob, Digest, Problem, Release, Version, limits};
use landfall_keys::at_most;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// As many releases are kept as show that there are too many.
const OTHERS_KEPT: usize = limits::BASES;

/// What a delta bundle leaves out of the archive, and which releases have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Base {
    /// The digest of the `landfall.json` of the release that it was made against, or of the first of them.
    pub manifest: Digest,
    /// That release's version.
    pub version: Version,
    /// The other releases that it was made against. A host needs only one of them all.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "at_most::<_, _, OTHERS_KEPT>")]
    #[schemars(length(max = 15))]
    pub others: Vec<BaseRelease>,
    /// The blobs that are not in the archive, since each of these releases has them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub omitted: Vec<Digest>,
}

/// A release that a delta bundle was made against.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BaseRelease {
    /// The digest of its `landfall.json`.
    pub manifest: Digest,
    /// Its version.
    pub version: Version,
}

impl Base {
    /// The releases that it was made against.
    pub fn releases(&self) -> impl Iterator<Item = BaseRelease> + '_ {
        let first = BaseRelease { manifest: self.manifest, version: self.version.clone() };
        std::iter::once(first).chain(self.others.iter().cloned())
    }

    /// Their versions, for people: `1.2.0 or 1.3.0`.
    pub fn versions(&self) -> String {
        let versions: Vec<String> = self.releases().map(|release| release.version.to_string()).collect();
        versions.join(" or ")
    }

    pub(crate) fn problems(&self, release: &Release, problems: &mut Vec<Problem>) {
        if self.others.len() >= limits::BASES {
            problems.push(Problem::Limit("the number of bases".to_owned(), limits::BASES as u64));
        }
        let mut manifests = BTreeSet::new();
        let twice = self.releases().filter(|base| !manifests.insert(base.manifest));
        problems.extend(twice.map(|base| Problem::Twice(format!("base {}", base.manifest))));
        let listed: BTreeSet<Digest> = release.blobs.iter().map(|blob| blob.digest).collect();
        let mut absent = BTreeSet::new();
        for digest in &self.omitted {
            if !absent.insert(*digest) {
                problems.push(Problem::Twice(format!("omitted blob {digest}")));
            }
            if !listed.contains(digest) {
                problems.push(Problem::OmittedUnlisted(*digest));
            }
        }
    }
}

impl Release {
    /// The blobs that are in the archive, in its order: all of a full bundle's.
    pub fn archived(&self) -> Vec<Blob> {
        let Some(base) = &self.base else { return self.blobs.clone() };
        let absent: BTreeSet<&Digest> = base.omitted.iter().collect();
        self.blobs.iter().filter(|blob| !absent.contains(&blob.digest)).cloned().collect()
    }

    /// The blobs that a delta bundle expects a host to have.
    pub fn omitted(&self) -> Vec<Blob> {
        let omitted: BTreeSet<&Digest> = self.base.iter().flat_map(|base| &base.omitted).collect();
        self.blobs.iter().filter(|blob| omitted.contains(&blob.digest)).cloned().collect()
    }

    /// Whether both are the same release, whatever each bundle of it leaves out.
    pub fn is_same_release(&self, other: &Self) -> bool {
        let full = |release: &Self| Self { base: None, ..release.clone() };
        full(self) == full(other)
    }
}
