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
    media_type: String,
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

/// Parses a manifest of a container image, which is referred to with the media type `said`. Returns it and its media type.
pub(super) fn parse(bytes: &[u8], said: &str) -> Result<(ImageManifest, String), SourceError> {
    // Its claims first: what is no image lacks what an image has, and that would be all that is said of it.
    let claims: Claims = parse_json(WHAT, bytes)?;
    if claims.schema_version == 1 {
        return Err(SourceError::Schema1);
    }
    check_media_types(WHAT, said, &claims.media_type)?;
    let named = [said, &claims.media_type].into_iter().find(|claim| !claim.is_empty()).unwrap_or(oci::MANIFEST);
    let config = claims.config.map(|config| config.media_type).unwrap_or_default();
    let kind = match config.as_str() {
        "" | oci::CONFIG | DOCKER_CONFIG if [oci::MANIFEST, oci::DOCKER_MANIFEST].contains(&named) => {
            return Ok((parse_json(WHAT, bytes)?, named.to_owned()));
        }
        "" | oci::CONFIG | DOCKER_CONFIG => {
            return Err(SourceError::MediaType { what: WHAT.to_owned(), found: named.to_owned() });
        }
        HELM_CONFIG => "a Helm chart".to_owned(),
        EMPTY_CONFIG => format!("an artifact of type {:?}", claims.artifact_type),
        other => format!("an artifact of type {other:?}"),
    };
    Err(SourceError::NotAnImage(kind))
}

/// Whoever refers to a document and the document itself agree about what it is, where both say so.
pub(super) fn check_media_types(what: &str, said: &str, own: &str) -> Result<(), SourceError> {
    if said.is_empty() || own.is_empty() || said == own {
        return Ok(());
    }
    Err(SourceError::MediaTypes { what: what.to_owned(), said: said.to_owned(), own: own.to_owned() })
}
