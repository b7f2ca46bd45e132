//! The manifest and the signatures in a release's folder, verified like those of a bundle.

use super::{Damage, RetainedError};
use crate::layout::Layout;
use crate::state::installed::InstalledRelease;
use landfall_host::release::UnverifiedManifest;
use landfall_manifests::Bundle;

/// Reads the manifest, which must be the one that was installed, and verifies it with the keys by which it was accepted.
pub(super) fn load_verified(layout: &Layout, release: &InstalledRelease) -> Result<Bundle, RetainedError> {
    let id = release.id();
    let of_manifest = |error| RetainedError::of_manifest(&id, error);
    let manifest = UnverifiedManifest::read(&layout.release(&id)).map_err(of_manifest)?;
    let (path, found) = (manifest.path(), manifest.digest());
    // Before the signatures: the manifest of another release is signed by the same keys.
    if found != release.manifest {
        let damage = Damage::Content { found, expected: release.manifest };
        return Err(RetainedError::damaged(&id, path, damage));
    }
    let bundle = manifest.verify(&release.trust).map_err(of_manifest)?;
    if bundle.release().id() == id && bundle.release().product == release.product {
        return Ok(bundle);
    }
    let found = format!("it is that of {} {}", bundle.release().product, bundle.release().id());
    Err(RetainedError::damaged(&id, path, Damage::Record(found)))
}
