use crate::base::Base;
use crate::{BundlePath, Digest, ImageName, Mode, Package, Product, ReleaseId, Serial, Tenant, Version, limits};
use landfall_keys::{MAX_CHAIN_LINKS, RootLink, at_most};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// As many offered keys are kept as show that there are too many.
pub(crate) const KEYS_KEPT: usize = limits::OFFERED_KEYS + 1;
/// The same for packages.
const PACKAGES_KEPT: usize = limits::PACKAGES + 1;
/// The same for trust roots.
pub(crate) const LINKS_KEPT: usize = MAX_CHAIN_LINKS + 1;

/// The release manifest, `landfall.json`: the bytes that are signed, and everything that a host knows of a bundle.
///
/// It is made by a bundler, or parsed from verified bytes with [`Release::from_verified`]. Unknown fields are refused: what
/// an older program does not know, it must not ignore.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Release {
    /// The format's number, 1.
    #[schemars(range(min = 1, max = 1))]
    pub schema: u32,
    /// What the release is of. A host takes releases of one product only.
    pub product: Product,
    /// The release's semantic version.
    pub version: Version,
    /// Rises with each release; a host refuses bundles below its floor.
    pub serial: Serial,
    /// The operating system that the release runs on.
    pub os: Os,
    /// The processor that the release runs on.
    pub arch: Arch,
    /// When the release was made (RFC 3339), if the build was given a time. No decision depends on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// The oldest version that can be updated to this one.
    #[serde(default)]
    pub min_upgrade_from: Option<Version>,
    /// What the release does to the host's database; absent when it leaves the database's schema as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<Database>,
    /// What a delta bundle leaves out, because hosts have it; absent in a full bundle. The rest of the manifest is that of the full one.
    #[serde(default)]
    pub base: Option<Base>,
    /// Public keys (minisign lines) that are said to sign this release: an operator who has none can compare and accept one.
    #[serde(default, deserialize_with = "at_most::<_, _, KEYS_KEPT>")]
    pub keys: Vec<String>,
    /// The publisher's trust roots from the first on, each with the signatures that hosts accept it by: a host that pins an
    /// older one walks them. They are accepted because of those signatures, not because this manifest lists them.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "at_most::<_, _, LINKS_KEPT>")]
    #[schemars(with = "Vec<root_link::RootLinkSchema>", length(max = 256))]
    pub trust: Vec<RootLink>,
    /// `oci-layout`, `index.json`, `manifest.json`, and an OCI manifest for each image whose own has Docker's form, in this order.
    /// They follow from the images, and are for tools that read images.
    pub layout: Vec<LayoutFile>,
    /// Every blob, in the order of the archive, those included that a delta bundle leaves out.
    pub blobs: Vec<Blob>,
    /// The files of the release's folder, sorted by path.
    pub files: Vec<File>,
    /// The images, sorted by name.
    pub images: Vec<Image>,
    /// Packages that bring a host the engine which it lacks: those for one system after another, each system's in the order in which
    /// they are installed. They are not part of the release's folder.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "at_most::<_, _, PACKAGES_KEPT>")]
    pub packages: Vec<Package>,
}

/// An operating system, by its Go name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Os {
    /// Linux.
    Linux,
}

/// A processor architecture, by its Go name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Arch {
    /// x86-64.
    Amd64,
    /// AArch64.
    Arm64,
}

impl Os {
    /// The Go name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Linux => "linux",
        }
    }
}

impl Arch {
    /// The Go name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }

    /// The architecture that this program was built for.
    pub fn of_this_program() -> Option<Self> {
        match std::env::consts::ARCH {
            "x86_64" => Some(Self::Amd64),
            "aarch64" => Some(Self::Arm64),
            _ => None,
        }
    }
}

/// The database that a release's program writes, and how far back the program can take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Database {
    /// The schema that its program writes, from 1.
    #[schemars(range(min = 1))]
    pub schema: u32,
    /// The lowest schema that its program brings a database back to without loss, from 1: equal to `schema` when the last step
    /// to it cannot be reversed.
    #[schemars(range(min = 1))]
    pub reversible_to: u32,
}

/// A file of the image layout that is no blob.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LayoutFile {
    /// `oci-layout`, `index.json`, `manifest.json`, or the name of a blob.
    pub path: String,
    /// The digest of its content.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
}

/// A blob as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Blob {
    /// The digest of the stored bytes.
    pub digest: Digest,
    /// The number of stored bytes.
    pub size: u64,
}

/// How a blob's content is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

/// A file of the release's folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Its path in the release's folder.
    pub path: BundlePath,
    /// Its permission bits.
    pub mode: Mode,
    /// The digest of its content.
    pub digest: Digest,
    /// The size of its content in bytes.
    pub size: u64,
    /// The blob that holds it.
    pub blob: Digest,
    /// How the blob is compressed.
    pub encoding: Encoding,
}

/// A container image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Image {
    /// Its name in the release.
    pub name: ImageName,
    /// `os/arch`, the release's.
    pub platform: String,
    /// The media type of its manifest, which is kept as it came from a registry.
    pub media_type: String,
    /// The blob that is its manifest.
    pub manifest: Digest,
    /// The blob that is its configuration: with the layers' diffIDs the image's identity.
    pub config: Digest,
    /// Its layers, base first.
    pub layers: Vec<Layer>,
    /// Where it came from, as it is written in the definition.
    pub source: String,
    /// What a tenant made from it is; absent for an image that no tenant is made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Tenant>,
}

/// A layer of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Layer {
    /// The blob that holds it.
    pub blob: Digest,
    /// How the blob is compressed.
    pub encoding: Encoding,
    /// The digest of the uncompressed tar archive.
    pub diff_id: Digest,
    /// The size of the uncompressed tar archive in bytes.
    pub size: u64,
}

/// [`RootLink`] as the JSON Schema describes it: its own crate does not depend on schemars.
mod root_link {
    #[derive(schemars::JsonSchema)]
    #[schemars(rename = "RootLink", deny_unknown_fields)]
    #[expect(dead_code, reason = "its fields are there for the schema that is derived from them")]
    pub(super) struct RootLinkSchema {
        /// The root's file, byte for byte: the bytes that are signed.
        root: String,
        /// Detached minisign signatures over it.
        signatures: Vec<String>,
    }
}

impl Database {
    /// Whether the declaration is consistent: `schema` is at least 1, and `reversible_to` from 1 to `schema`.
    pub fn is_consistent(self) -> bool {
        (1..=self.schema).contains(&self.reversible_to)
    }
}

impl Image {
    /// The bytes that its blobs take in the bundle, by the stored `sizes` of the release's blobs; other images may share them.
    pub fn stored_bytes(&self, sizes: &BTreeMap<Digest, u64>) -> u64 {
        let layers = self.layers.iter().map(|layer| layer.blob);
        let blobs: BTreeSet<Digest> = [self.manifest, self.config].into_iter().chain(layers).collect();
        blobs.iter().filter_map(|blob| sizes.get(blob)).sum()
    }
}

impl Release {
    /// The release's identity on a host.
    pub fn id(&self) -> ReleaseId {
        ReleaseId { version: self.version.clone(), serial: self.serial }
    }

    /// `os/arch`.
    pub fn platform(&self) -> String {
        format!("{}/{}", self.os.name(), self.arch.name())
    }

    /// The name of the bundle's file: `<product>-<version>-<os>-<arch>.landfall.tar`, or that of a delta.
    pub fn file_name(&self) -> String {
        if self.base.is_some() {
            return self.delta_file_name();
        }
        format!("{}-{}-{}-{}.landfall.tar", self.product, self.version, self.os.name(), self.arch.name())
    }

    /// The name of a delta bundle's file: `<product>-<version>-<os>-<arch>.delta.landfall.tar`.
    pub fn delta_file_name(&self) -> String {
        format!("{}-{}-{}-{}.delta.landfall.tar", self.product, self.version, self.os.name(), self.arch.name())
    }

    /// The name of a patch's file: `<product>-<version>-<os>-<arch>.patch.landfall.tar`.
    pub fn patch_file_name(&self) -> String {
        format!("{}-{}-{}-{}.patch.landfall.tar", self.product, self.version, self.os.name(), self.arch.name())
    }

    /// The trusted comment that its signatures carry.
    pub fn trusted_comment(&self) -> String {
        format!("product={} version={} serial={}", self.product, self.version, self.serial)
    }

    /// The stored size of each blob.
    pub fn blob_sizes(&self) -> BTreeMap<Digest, u64> {
        self.blobs.iter().map(|blob| (blob.digest, blob.size)).collect()
    }

    /// The bytes of `landfall.json`.
    pub fn to_json(&self) -> Vec<u8> {
        #[expect(clippy::expect_used, reason = "no map with keys that are not text, and no writer that can fail")]
        let mut bytes = serde_json::to_vec_pretty(self).expect("a release is JSON");
        bytes.push(b'\n');
        bytes
    }

    /// The JSON Schema of `landfall.json`, as it is checked in.
    pub fn json_schema() -> String {
        let schema = schemars::schema_for!(Self);
        format!("{:#}\n", schema.as_value())
    }
}
