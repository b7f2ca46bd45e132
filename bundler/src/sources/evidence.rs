//! What proves who made an image: looked for before anything is packed, and packed with the release.

use super::{ImageError, SourceError};
use crate::cosign::{CosignKey, find_proof};
use crate::plan::{Plan, RequestedImage, Source};
use crate::registry::Registries;
use landfall_manifests::BundlePath;

/// A file of the release that says where something in it is from.
#[derive(Debug)]
pub(crate) struct EvidenceFile {
    pub(crate) path: BundlePath,
    pub(crate) content: Vec<u8>,
}

/// The proofs of all images that have to be signed; an error where one is not.
pub(crate) fn find(plan: &Plan, registries: &Registries) -> Result<Vec<EvidenceFile>, ImageError> {
    let jobs = plan.jobs.iter().filter(|job| job.source == Source::Registry);
    let proof = |requested: &RequestedImage| {
        let planned = plan.images.iter().find(|planned| planned.name == requested.image)?;
        let key = planned.cosign.as_ref()?;
        Some(
            CosignKey::read(&key.path).map_err(SourceError::from).and_then(|key| of_image(requested, &key, registries)),
        )
    };
    let proofs = jobs.flat_map(|job| &job.images).filter_map(|requested| Some((requested, proof(requested)?)));
    proofs.map(|(requested, proof)| proof.map_err(|error| requested.error(error))).collect()
}

fn of_image(requested: &RequestedImage, key: &CosignKey, registries: &Registries) -> Result<EvidenceFile, SourceError> {
    let reference = requested.reference.as_deref().unwrap_or_default().parse()?;
    let proof = find_proof(&reference, key, registries)?;
    #[expect(clippy::expect_used, reason = "an image's name is a path's component")]
    let path =
        format!("evidence/images/{}.cosign.json", requested.image).parse().expect("a path that a release may hold");
    Ok(EvidenceFile { path, content: proof.to_json() })
}
