//! Repair requests: what an isolated host asks for whose bundle arrived damaged, held against the bundle that left here.

use crate::bundle_file::BundleFile;
use crate::regular;
use landfall_manifests::repair::{RepairRequest, RequestError, Wanted};
use landfall_manifests::{Digest, Signed, limits};
use std::collections::BTreeSet;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// A request that cannot be fulfilled.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RepairError {
    #[error("the request {} cannot be read", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{}", path.display())]
    Request { path: PathBuf, source: RequestError },
    #[error(
        "the request is for {} {} (serial {}) with manifest {}, and {} holds {found}",
        wanted.product, wanted.version, wanted.serial, wanted.manifest, bundle.display()
    )]
    OtherRelease { wanted: Box<Wanted>, bundle: PathBuf, found: String },
    #[error("{} asks for blob {blob}, which its release does not have", path.display())]
    Unlisted { path: PathBuf, blob: Digest },
}

/// The blobs that are asked for, all of which this very release lists.
pub(crate) fn requested_blobs(
    request: &Path,
    bundle: &BundleFile,
    signed: &Signed,
) -> Result<BTreeSet<Digest>, RepairError> {
    let wanted = match read(request)? {
        RepairRequest::Head => return Ok(BTreeSet::new()),
        RepairRequest::Release(wanted) => wanted,
    };
    let (release, manifest) = (signed.release(), Digest::of(signed.bytes()));
    if manifest != wanted.manifest {
        let found =
            format!("{} {} (serial {}) with manifest {manifest}", release.product, release.version, release.serial);
        return Err(RepairError::OtherRelease { wanted: Box::new(wanted), bundle: bundle.path.clone(), found });
    }
    let listed = release.blob_sizes();
    match wanted.blobs.iter().find(|blob| !listed.contains_key(blob)) {
        Some(blob) => Err(RepairError::Unlisted { path: request.to_owned(), blob: *blob }),
        None => Ok(wanted.blobs.into_iter().collect()),
    }
}

fn read(path: &Path) -> Result<RepairRequest, RepairError> {
    let mut json = Vec::new();
    let read = regular::open(path).and_then(|(file, _)| file.take(limits::REQUEST_BYTES + 1).read_to_end(&mut json));
    read.map_err(|source| RepairError::Read { path: path.to_owned(), source })?;
    RepairRequest::parse(&json).map_err(|source| RepairError::Request { path: path.to_owned(), source })
}
