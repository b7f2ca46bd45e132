//! What the host's root of today says of releases that earlier ones let in.

use crate::installed::Installed;
use crate::kept;
use crate::layout::Layout;
use landfall_keys::TrustRoot;
use landfall_manifests::ReleaseId;
use serde::Serialize;
use std::fmt;

/// A release on this host that would not be let in today. It runs, and can be gone back to, all the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Refused {
    /// `<version>-<serial>`
    pub(crate) release: String,
    /// Why, for people.
    pub(crate) reason: String,
}

impl Refused {
    pub(crate) fn new(release: &ReleaseId, reason: impl fmt::Display) -> Self {
        Self { release: release.to_string(), reason: reason.to_string() }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "release {} on this host would be refused today: {}", self.release, self.reason)
    }
}

/// The releases that `today` would refuse, the current one first. One that cannot be read is told of elsewhere.
pub(crate) fn refused(layout: &Layout, installed: &Installed, today: &TrustRoot) -> Vec<Refused> {
    let judge = |release| match kept::refused_today(layout, release, today) {
        Ok(Some(reason)) => Some(Refused::new(&release.id(), reason)),
        Ok(None) | Err(_) => None,
    };
    installed.releases().filter_map(judge).collect()
}
