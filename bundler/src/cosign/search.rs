use super::key::CosignKey;
use super::statement;
use crate::registry::{Reference, Registries, RegistryError};
use data_encoding::BASE64;
use landfall_manifests::Digest;
use landfall_manifests::oci::{Descriptor, ImageManifest};
use serde::Serialize;

/// The media type of a statement.
const STATEMENT: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// The annotation that has its signature, in base64.
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
/// The largest statement, in bytes.
const STATEMENT_BYTES: u64 = 64 << 10;
/// As many signatures of one image as are looked at.
const SIGNATURES: usize = 100;

/// An image is not signed by the key that it has to be signed by.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CosignError {
    #[error("{reference} has no signature of cosign")]
    Missing { reference: String },
    #[error("none of the signatures of {reference} is one of {digest} by the key {fingerprint}")]
    Wrong { reference: String, digest: Digest, fingerprint: String },
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

/// That a key signed an image, for everybody who has the key to see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Proof {
    /// What the reference stood for: an image, or an index of images for several platforms.
    digest: Digest,
    /// PEM.
    key: String,
    /// The bytes that are signed, in base64.
    payload: String,
    /// ECDSA on P-256 with SHA-256, in ASN.1 and base64.
    signature: String,
}

impl Proof {
    /// As it is packed.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        let mut json = serde_json::to_vec_pretty(self).unwrap_or_default();
        json.push(b'\n');
        json
    }
}

/// Looks for a signature by `key` of what `reference` stands for.
pub(crate) fn find_proof(
    reference: &Reference,
    key: &CosignKey,
    registries: &Registries,
) -> Result<Proof, CosignError> {
    let digest = registries.repository(reference.clone()).resolve()?.digest;
    let signatures = registries.repository(reference.with_tag(&format!("sha256-{}.sig", digest.hex())));
    let missing = || CosignError::Missing { reference: reference.to_string() };
    let described = match signatures.resolve() {
        Err(error) if error.is_not_found() => return Err(missing()),
        other => other?,
    };
    let manifest = signatures.document(&described)?;
    let Ok(manifest) = serde_json::from_slice::<ImageManifest>(&manifest) else { return Err(missing()) };
    let is_statement = |layer: &&Descriptor| layer.media_type == STATEMENT && layer.size <= STATEMENT_BYTES;
    for layer in manifest.layers.iter().filter(is_statement).take(SIGNATURES) {
        let Some(signature) = layer.annotations.get(SIGNATURE) else { continue };
        let payload = signatures.document(layer)?;
        // What was not signed says nothing, whatever it says.
        if key.verifies(&payload, signature) && statement::digest_of(&payload) == Some(digest) {
            let payload = BASE64.encode(&payload);
            return Ok(Proof { digest, key: key.to_pem(), payload, signature: signature.clone() });
        }
    }
    let fingerprint = key.fingerprint().chars().take(16).collect();
    Err(CosignError::Wrong { reference: reference.to_string(), digest, fingerprint })
}
