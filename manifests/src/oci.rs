//! The parts of the OCI image specification 1.1 that a bundle is made of: its layout file, its index, image manifests.

use crate::{Digest, Encoding};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `application/vnd.oci.image.index.v1+json`
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// `application/vnd.oci.image.manifest.v1+json`
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// `application/vnd.oci.image.config.v1+json`
pub const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// Docker's form of an image manifest (Docker image manifest version 2, schema 2).
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Docker's form of an index.
pub const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// The annotation that names an image in an index.
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The name of the file that makes a folder an image layout.
pub const LAYOUT_NAME: &str = "oci-layout";
/// The content of `oci-layout` (OCI image specification, "oci-layout file").
pub const LAYOUT: &[u8] = b"{\"imageLayoutVersion\":\"1.0.0\"}";
/// The name of an image layout's index.
pub const INDEX_NAME: &str = "index.json";

/// Whether a layer of this media type may be missing: OCI's `nondistributable` layers (OCI image specification, "Image
/// Layer Filesystem Changeset") and Docker's `foreign` ones.
pub fn is_foreign(media_type: &str) -> bool {
    media_type.contains(".nondistributable.") || media_type.contains(".foreign.")
}

/// A reference to content (OCI image specification, "Content Descriptors"). Properties that we do not use are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What the content is.
    #[serde(default)]
    pub media_type: String,
    /// The digest of the content.
    pub digest: Digest,
    /// The content's size in bytes.
    pub size: u64,
    /// For an image in an index: where it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// Free properties.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl Descriptor {
    /// A descriptor without platform and annotations.
    pub fn new(media_type: &str, digest: Digest, size: u64) -> Self {
        Self { media_type: media_type.to_owned(), digest, size, platform: None, annotations: BTreeMap::new() }
    }
}

/// Where an image runs (OCI image specification, "Image Index").
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// The processor, as Go names it.
    pub architecture: String,
    /// The operating system, as Go names it.
    pub os: String,
}

/// `index.json` (OCI image specification, "Image Index").
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageIndex {
    /// Always 2.
    pub schema_version: u32,
    /// [`INDEX`], or Docker's.
    #[serde(default)]
    pub media_type: String,
    /// The images, or further indexes.
    pub manifests: Vec<Descriptor>,
}

impl ImageIndex {
    /// An index of `manifests`.
    pub fn new(manifests: Vec<Descriptor>) -> Self {
        Self { schema_version: 2, media_type: INDEX.to_owned(), manifests }
    }
}

/// An image manifest (OCI image specification, "Image Manifest").
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageManifest {
    /// Always 2.
    pub schema_version: u32,
    /// [`MANIFEST`], or Docker's.
    #[serde(default)]
    pub media_type: String,
    /// The image's configuration.
    pub config: Descriptor,
    /// The layers, base first.
    pub layers: Vec<Descriptor>,
}

impl ImageManifest {
    /// A manifest in OCI's own form.
    pub fn new(config: Descriptor, layers: Vec<Descriptor>) -> Self {
        Self { schema_version: 2, media_type: MANIFEST.to_owned(), config, layers }
    }
}

/// The parts of an image's configuration that identify it (OCI image specification, "Image Configuration").
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageConfig {
    /// The processor, as Go names it.
    pub architecture: String,
    /// The operating system, as Go names it.
    pub os: String,
    /// The layers by their uncompressed content.
    pub rootfs: RootFs,
}

/// The layers of an image's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootFs {
    /// Always `layers`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The digests of the uncompressed layers, base first.
    pub diff_ids: Vec<Digest>,
}

/// The media type of a layer that is stored with `encoding` (OCI image specification, "Image Layer Filesystem Changeset").
pub fn layer_media_type(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Gzip => "application/vnd.oci.image.layer.v1.tar+gzip",
        Encoding::Zstd => "application/vnd.oci.image.layer.v1.tar+zstd",
    }
}
