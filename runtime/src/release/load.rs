//! Reads the installed release and verifies it with the keys by which this host accepted it.

use super::Catalog;
use landfall_host::release::{ManifestError, UnverifiedManifest, accepted_by};
use landfall_host::{Layout, durable};
use landfall_keys::{MAX_TRUST_ROOT_BYTES, TrustError, TrustRoot};

/// What was read of the installed release.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What it offers.
    pub catalog: Catalog,
    /// Why this host would refuse it today, if it would: a key that was revoked since keeps out what comes in, and stops nothing
    /// that is there.
    pub refused_today: Option<TrustError>,
}

impl Loaded {
    /// Reads the installed release, and verifies it with the keys by which it was accepted.
    ///
    /// # Errors
    /// Its manifest, a signature or the trust root beside it is missing or damaged, or these keys have not signed it.
    pub fn of(layout: &Layout) -> Result<Self, ManifestError> {
        let folder = layout.current();
        let bundle = UnverifiedManifest::read(&folder)?.verify(&accepted_by(&folder)?)?;
        let refused_today = pinned(layout)
            .and_then(|today| today.trusted_keys().verify(bundle.manifest().to_vec(), bundle.signatures()).err());
        Ok(Self { catalog: Catalog::of(bundle.release()), refused_today })
    }
}

/// The trust root that the host pins. It is the installer that reports one that cannot be read.
fn pinned(layout: &Layout) -> Option<TrustRoot> {
    let json = durable::read(&layout.trust_root(), MAX_TRUST_ROOT_BYTES as u64).ok().flatten()?;
    TrustRoot::parse(&json).ok()
}
