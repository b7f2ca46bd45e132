use super::MirrorAddress;
use crate::plan::policy::Refusal;
use crate::record::RecordError;
use crate::trust::TrustError;
use landfall_manifests::{Digest, IndexError};
use std::io;

/// Nothing can be taken from a mirror.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MirrorError {
    #[error("there is no index of bundles: {at}")]
    NoIndex { at: MirrorAddress },
    #[error("cannot read {at}")]
    Read { at: MirrorAddress, source: io::Error },
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error(transparent)]
    Trust(#[from] TrustError),
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error(transparent)]
    Refused(Box<Refusal>),
    #[error(
        "{file} is another bundle than the one that the index lists: its manifest is {found}, and should be {expected}"
    )]
    OtherBundle { file: String, found: Digest, expected: Digest },
}

impl From<Refusal> for MirrorError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal.into())
    }
}
