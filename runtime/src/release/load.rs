//! Reads the installed release and verifies it with the keys by which this host accepted it.

use super::Catalog;
use landfall_host::release::{ManifestError, UnverifiedManifest, accepted_by};
use landfall_host::{Layout, durable};
use landfall_keys::{MAX_TRUST_ROOT_BYTES, TrustError, TrustRoot};

/// The installed release, verified.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// Its tenant images.
    pub catalog: Catalog,
    /// Why this host would refuse to install it today: a key that signed it was revoked since. It runs on: revocation applies to new
    /// bundles only.
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

/// The trust root that the host has pinned; `None` where it cannot be read, which the installer reports.
fn pinned(layout: &Layout) -> Option<TrustRoot> {
    let json = durable::read(&layout.trust_root(), MAX_TRUST_ROOT_BYTES as u64).ok().flatten()?;
    TrustRoot::parse(&json).ok()
}
