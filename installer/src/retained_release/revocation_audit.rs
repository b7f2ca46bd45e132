//! Which of the releases on a host the trust root of today would refuse: they were accepted by earlier roots, and keys were
//! revoked since.
//!
//! A revocation affects only bundles from then on, so nothing here stops a restart or a rollback. Commands warn about it.

use super::{RetainedError, manifest};
use crate::layout::Layout;
use crate::state::installed::{Installed, InstalledRelease};
use landfall_keys::{TrustError, TrustRoot};
use landfall_manifests::ReleaseId;
use serde::Serialize;
use std::fmt;

/// A release on this host whose bundle would be refused today. It still runs, and can be rolled back to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct RefusedRelease {
    /// `<version>-<serial>`
    pub(crate) release: String,
    /// Why, for people.
    pub(crate) reason: String,
}

impl RefusedRelease {
    pub(crate) fn new(release: &ReleaseId, reason: impl fmt::Display) -> Self {
        Self { release: release.to_string(), reason: reason.to_string() }
    }
}

impl fmt::Display for RefusedRelease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "release {} on this host would be refused today: {}", self.release, self.reason)
    }
}

/// The installed releases that `root` would refuse, the current one first. A release whose record cannot be read is left out:
/// the check of its folder reports it.
pub(crate) fn refused_releases(layout: &Layout, installed: &Installed, root: &TrustRoot) -> Vec<RefusedRelease> {
    let refused = |release| match refused_today(layout, release, root) {
        Ok(Some(reason)) => Some(RefusedRelease::new(&release.id(), reason)),
        Ok(None) | Err(_) => None,
    };
    installed.releases().filter_map(refused).collect()
}

/// Why a bundle of this release would not be accepted by `root`; `None` if it would.
///
/// # Errors
/// The release's record on this host cannot be read or is not what was installed.
pub(crate) fn refused_today(
    layout: &Layout,
    release: &InstalledRelease,
    root: &TrustRoot,
) -> Result<Option<TrustError>, RetainedError> {
    let bundle = manifest::load_verified(layout, release)?;
    Ok(root.trusted_keys().verify(bundle.manifest().to_vec(), bundle.signatures()).err())
}
