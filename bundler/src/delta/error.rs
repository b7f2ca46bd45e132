use crate::output::OutputError;
use landfall_manifests::parts::RangesError;
use landfall_manifests::{Digest, InventoryError, Product, ReleaseError, Serial, SignError};
use landfall_media::{BundleError, CopyError};
use std::io;
use std::path::PathBuf;

/// A delta cannot be made of this bundle, or against this base.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeltaError {
    #[error(transparent)]
    Bundle(#[from] BundleError),
    #[error(transparent)]
    Release(#[from] ReleaseError),
    #[error(transparent)]
    Sign(#[from] SignError),
    #[error(transparent)]
    Parts(#[from] RangesError),
    #[error(transparent)]
    Output(#[from] OutputError),
    #[error(transparent)]
    Copy(#[from] CopyError),
    #[error("what blob {blob} holds cannot be compared")]
    Make { blob: Digest, source: io::Error },
    #[error("{} cannot be read", path.display())]
    InventoryFile { path: PathBuf, source: io::Error },
    #[error("{} is no inventory that counts", path.display())]
    Inventory { path: PathBuf, source: InventoryError },
    #[error("{} is of {found}, and the release is of {wanted}", path.display())]
    OtherProduct { path: PathBuf, found: Product, wanted: Product },
    #[error("{} is for {found}, and the release is for {wanted}", path.display())]
    OtherPlatform { path: PathBuf, found: String, wanted: String },
    #[error("{} has serial {found}, above the release's serial {wanted}: no host goes that way", path.display())]
    Newer { path: PathBuf, found: Serial, wanted: Serial },
    #[error("{} is itself a delta: it does not hold all blobs of its release", .0.display())]
    FullIsDelta(PathBuf),
    #[error("{0} bases: a delta has at most {1}")]
    TooMany(usize, usize),
    #[error("{} would replace the bundle {}, which it is made from", out.display(), source_path.display())]
    ReplacesSource { out: PathBuf, source_path: PathBuf },
}
