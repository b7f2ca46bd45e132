//! Delta bundles: a release without what the hosts have that run an earlier one.

use crate::{Blob, Digest, Encoding, File, Layer, Package, Problem, Release, Version, limits};
use landfall_keys::at_most;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

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
    /// The blobs that are not in the archive, since their content is made from that of an earlier one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<Difference>,
}

/// How the content of a blob that is not in the archive is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Difference {
    /// The blob, of a layer or a file. A host gets its content only: nobody can compress that to the same bytes again.
    pub blob: Digest,
    /// What it is made from: something that each of the releases has.
    pub from: Content,
    /// The blob in the archive that makes it (`docs/deltas.md`).
    pub delta: Digest,
    /// The size of that blob in bytes.
    pub size: u64,
}

/// A content, and the blob that holds it compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// The blob.
    pub blob: Digest,
    /// How the blob is compressed.
    pub encoding: Encoding,
    /// The digest of the content.
    pub digest: Digest,
    /// The size of the content in bytes.
    pub size: u64,
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
        for digest in self.omitted.iter().chain(self.differences.iter().map(|difference| &difference.blob)) {
            if !absent.insert(*digest) {
                problems.push(Problem::Twice(format!("omitted blob {digest}")));
            }
            if !listed.contains(digest) {
                problems.push(Problem::OmittedUnlisted(*digest));
            }
        }
        let mut deltas = BTreeSet::new();
        let twice = |delta: &&Digest| !deltas.insert(**delta) || listed.contains(delta);
        let twice: Vec<&Digest> = self.differences.iter().map(|difference| &difference.delta).filter(twice).collect();
        problems.extend(twice.into_iter().map(|delta| Problem::Twice(format!("blob {delta}"))));
        let contents = if self.differences.is_empty() { BTreeMap::new() } else { release.single_contents() };
        let unclear = self.differences.iter().filter(|difference| !contents.contains_key(&difference.blob));
        problems.extend(unclear.map(|difference| Problem::NoContent(difference.blob)));
    }

    /// The bytes that its differences take, and the contents that these are made from.
    pub(crate) fn sizes(&self) -> impl Iterator<Item = u64> {
        self.differences.iter().flat_map(|difference| [difference.size, difference.from.size])
    }
}

impl Release {
    /// The blobs that are in the archive, in its order: all of a full bundle's; in a delta's, the differences behind the release's own.
    pub fn archived(&self) -> Vec<Blob> {
        let Some(base) = &self.base else { return self.blobs.clone() };
        let made = base.differences.iter().map(|difference| &difference.blob);
        let absent: BTreeSet<&Digest> = base.omitted.iter().chain(made).collect();
        let own = self.blobs.iter().filter(|blob| !absent.contains(&blob.digest)).cloned();
        let deltas = base.differences.iter().map(|difference| Blob { digest: difference.delta, size: difference.size });
        own.chain(deltas).collect()
    }

    /// The contents that a host makes from what it has.
    pub fn differences(&self) -> &[Difference] {
        self.base.as_ref().map_or(&[], |base| &base.differences)
    }

    /// The contents of layers, files and packages, each with its blob.
    pub fn contents(&self) -> impl Iterator<Item = Content> {
        let layers = self.images.iter().flat_map(|image| image.layers.iter().map(Layer::content));
        self.files.iter().map(File::content).chain(layers).chain(self.packages.iter().map(Package::content))
    }

    /// The content of each blob that holds one: not of what is used as it is, such as an image's configuration, nor of what is said to hold
    /// several.
    pub fn single_contents(&self) -> BTreeMap<Digest, Content> {
        let mut unclear: BTreeSet<Digest> =
            self.images.iter().flat_map(|image| [image.manifest, image.config]).collect();
        let mut contents = BTreeMap::new();
        for content in self.contents() {
            if *contents.entry(content.blob).or_insert(content) != content {
                unclear.insert(content.blob);
            }
        }
        contents.retain(|blob, _| !unclear.contains(blob));
        contents
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

impl Layer {
    /// Its content, with its blob.
    pub fn content(&self) -> Content {
        Content { blob: self.blob, encoding: self.encoding, digest: self.diff_id, size: self.size }
    }
}

impl File {
    /// Its content, with its blob.
    pub fn content(&self) -> Content {
        Content { blob: self.blob, encoding: self.encoding, digest: self.digest, size: self.size }
    }
}

impl Package {
    /// Its file, with its blob.
    pub fn content(&self) -> Content {
        Content { blob: self.blob, encoding: self.encoding, digest: self.digest, size: self.size }
    }
}
