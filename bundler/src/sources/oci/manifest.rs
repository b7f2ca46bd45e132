//! An image's manifest, told from what else registries and layouts hold.

use crate::sources::SourceError;
use crate::sources::image::parse_json;
use landfall_manifests::oci::{self, ImageManifest};
use serde::Deserialize;

const WHAT: &str = "the image's manifest";
/// Docker's form of an image's configuration.
const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
/// What Helm puts in the place of a configuration (Helm, "Use OCI-based registries").
const HELM_CONFIG: &str = "application/vnd.cncf.helm.config.v1+json";
/// What stands where an artifact has no configuration (OCI image specification, "Guidance for an Empty Descriptor").
const EMPTY_CONFIG: &str = "application/vnd.oci.empty.v1+json";

/// What a document claims to be.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Claims {
    #[serde(default)]
    schema_version: u32,
    #[serde(default)]
    artifact_type: String,
    config: Option<ConfigClaims>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ConfigClaims {
    #[serde(default)]
    media_type: String,
}

/// Parses a manifest of a container image.
pub(super) fn parse(bytes: &[u8]) -> Result<ImageManifest, SourceError> {
    // Its claims first: what is no image lacks what an image has, and that would be all that is said of it.
    let claims: Claims = parse_json(WHAT, bytes)?;
    if claims.schema_version == 1 {
        return Err(SourceError::Schema1);
    }
    let config = claims.config.map(|config| config.media_type).unwrap_or_default();
    let kind = match config.as_str() {
        "" | oci::CONFIG | DOCKER_CONFIG => return parse_json(WHAT, bytes),
        HELM_CONFIG => "a Helm chart".to_owned(),
        EMPTY_CONFIG => format!("an artifact of type {:?}", claims.artifact_type),
        other => format!("an artifact of type {other:?}"),
    };
    Err(SourceError::NotAnImage(kind))
}
