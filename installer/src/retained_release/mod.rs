//! A release on the host, verified again from the disk: its folder may be years old.
//!
//! The manifest has to be the one that was installed, and signed by the keys of the trust root by which it was accepted then:
//! a key that was revoked since prevents no rollback, but is a reason to warn ([`refused_today`]). The folder has to be exactly
//! what the manifest says: every file with its bytes and mode, and no other file. A damaged folder is repaired from the store, as
//! long as its manifest is not damaged.

mod document;
mod error;
#[cfg(test)]
pub(crate) mod fixture;
mod folder;
mod manifest;
mod rebuild;
mod revocation_audit;
#[cfg(test)]
mod tests;
pub(crate) mod unfold;

pub(crate) use document::document;
pub(crate) use error::RetainedError;
pub(crate) use landfall_host::release::Damage;
pub(crate) use revocation_audit::{RefusedRelease, refused_releases, refused_today};

use crate::layout::Layout;
use crate::state::installed::InstalledRelease;
use landfall_console::Console;
use landfall_keys::{TrustRoot, Verified};
use landfall_manifests::{Bundle, Release};
use std::path::PathBuf;

/// The manifest of a release on this host. The rest of its folder is not looked at.
pub(crate) fn manifest(layout: &Layout, release: &InstalledRelease) -> Result<Verified<Release>, RetainedError> {
    Ok(manifest::load_verified(layout, release)?.verified().clone())
}

/// The release, if its whole folder is right. Reads all of it.
///
/// # Errors
/// [`RetainedError::Untrusted`] if the keys have not signed it, [`RetainedError::Damaged`] with the first file that is wrong.
pub(crate) fn verify(
    layout: &Layout,
    release: &InstalledRelease,
    console: Console,
) -> Result<Verified<Release>, RetainedError> {
    let bundle = manifest::load_verified(layout, release)?;
    let damaged = examine(layout, &bundle, &release.trust, console)?;
    match RetainedError::first_of(&bundle.release().id(), damaged) {
        Some(error) => Err(error),
        None => Ok(bundle.verified().clone()),
    }
}

/// Like [`verify`], but a damaged folder is unfolded again from the store. At every moment the release's name leads to a complete
/// folder, the old or the new one. Returns the paths that were damaged, sorted.
///
/// # Errors
/// As [`verify`], and [`RetainedError::NoBlob`] if the store cannot replace what is damaged: then nothing was changed.
pub(crate) fn repair(
    layout: &Layout,
    release: &InstalledRelease,
    console: Console,
) -> Result<Vec<PathBuf>, RetainedError> {
    let (bundle, trust) = (manifest::load_verified(layout, release)?, &release.trust);
    let damaged = examine(layout, &bundle, trust, console)?;
    let replaced: Vec<PathBuf> = damaged.into_keys().collect();
    if let Some(first) = replaced.first() {
        // All blobs first: a folder that cannot be made again is left as it is.
        rebuild::check_store(layout, &bundle, first)?;
        rebuild::replace(layout, &bundle, trust, console)?;
    }
    Ok(replaced)
}

fn examine(
    layout: &Layout,
    bundle: &Bundle,
    trust: &TrustRoot,
    console: Console,
) -> Result<folder::Damaged, RetainedError> {
    let release = bundle.release();
    let bytes = release.files.iter().map(|file| file.size).sum();
    let progress = console.progress(format!("check release {}", release.id()), Some(bytes));
    let damaged = folder::examine(&layout.release(&release.id()), bundle, trust, &progress)?;
    progress.finish();
    Ok(damaged)
}
