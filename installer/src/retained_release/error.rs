//! Why a kept release is not relied on.

use super::unfold::UnfoldError;
use crate::durable::PathError;
use landfall_host::release::{Damage, ManifestError};
use landfall_keys::TrustError;
use landfall_manifests::{Digest, ReleaseError, ReleaseId};
use std::path::PathBuf;

/// A kept release is not what it was when it was installed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RetainedError {
    #[error("release {release} on this host is damaged: {} {damage}{}", .path.display(), and(*.more))]
    Damaged {
        release: Box<ReleaseId>,
        path: PathBuf,
        damage: Damage,
        /// How many other places are damaged too.
        more: usize,
    },
    #[error("release {release} on this host is not signed by the keys by which it was accepted")]
    Untrusted {
        release: Box<ReleaseId>,
        #[source]
        source: TrustError,
    },
    #[error("the manifest {} is signed and cannot be used", .path.display())]
    Manifest {
        path: PathBuf,
        #[source]
        source: ReleaseError,
    },
    #[error(
        "release {release} on this host is damaged, {} for one, and the store cannot replace {file}: \
         its blob {blob} is missing or damaged too", .path.display()
    )]
    NoBlob { release: Box<ReleaseId>, path: PathBuf, file: String, blob: Digest },
    #[error(transparent)]
    Path(#[from] PathError),
    /// Its folder cannot be made again.
    #[error(transparent)]
    Unfold(#[from] UnfoldError),
}

fn and(more: usize) -> String {
    match more {
        0 => String::new(),
        1 => " (and 1 more place)".to_owned(),
        more => format!(" (and {more} more places)"),
    }
}

impl RetainedError {
    pub(super) fn damaged(release: &ReleaseId, path: PathBuf, damage: Damage) -> Self {
        Self::Damaged { release: release.clone().into(), path, damage, more: 0 }
    }

    /// What an error of reading the release's manifest means.
    pub(super) fn of_manifest(release: &ReleaseId, error: ManifestError) -> Self {
        match error {
            ManifestError::Damaged { path, damage } => Self::damaged(release, path, damage),
            ManifestError::Untrusted { source, .. } => Self::Untrusted { release: release.clone().into(), source },
            ManifestError::Invalid { path, source } => Self::Manifest { path, source },
            ManifestError::Path(error) => error.into(),
        }
    }

    /// The first place that is damaged, if any is.
    pub(super) fn first_of(release: &ReleaseId, damaged: super::folder::Damaged) -> Option<Self> {
        let more = damaged.len().saturating_sub(1);
        let (path, damage) = damaged.into_iter().next()?;
        Some(Self::Damaged { release: release.clone().into(), path, damage, more })
    }
}
