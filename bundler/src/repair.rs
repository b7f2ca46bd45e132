//! Repair requests: the blobs that an isolated host asks for because its bundle arrived damaged, checked against the original.

use landfall_manifests::repair::{RepairRequest, RequestedBlobs};
use landfall_manifests::{Digest, Signed};
use landfall_media::{RequestFileError, UnverifiedBundle, read_request};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A request that cannot be fulfilled.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RepairError {
    #[error(transparent)]
    Request(#[from] RequestFileError),
    #[error(
        "the request is for {} {} (serial {}) with manifest {}, and {} holds {found}",
        wanted.product, wanted.version, wanted.serial, wanted.manifest, bundle.display()
    )]
    OtherRelease { wanted: Box<RequestedBlobs>, bundle: PathBuf, found: String },
    #[error("{} asks for blob {blob}, which its release does not have", path.display())]
    Unlisted { path: PathBuf, blob: Digest },
}

/// The blobs that are asked for, all of which this very release lists.
pub(crate) fn requested_blobs(
    request: &Path,
    bundle: &UnverifiedBundle,
    signed: &Signed,
) -> Result<BTreeSet<Digest>, RepairError> {
    let wanted = match read_request(request)? {
        // Every patch holds the manifest and its signatures: no blob is needed beside them.
        RepairRequest::Head => return Ok(BTreeSet::new()),
        RepairRequest::Release(wanted) => wanted,
    };
    let (release, manifest) = (signed.release(), Digest::of(signed.bytes()));
    // By its digest alone: another build may have the same version and serial.
    if manifest != wanted.manifest {
        let found =
            format!("{} {} (serial {}) with manifest {manifest}", release.product, release.version, release.serial);
        return Err(RepairError::OtherRelease { wanted: Box::new(wanted), bundle: bundle.path().to_owned(), found });
    }
    let listed = release.blob_sizes();
    match wanted.blobs.iter().find(|blob| !listed.contains_key(blob)) {
        Some(blob) => Err(RepairError::Unlisted { path: request.to_owned(), blob: *blob }),
        None => Ok(wanted.blobs.into_iter().collect()),
    }
}
