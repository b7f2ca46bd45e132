//! A release that is kept on the host, believed again from what is on the disk: its folder may have been lying there for years.
//!
//! The manifest has to be the one that was installed, and signed by the keys that the host trusts today; the folder has to be
//! exactly what the manifest says, every file with its bytes and mode and nothing besides. What is not can be put right from
//! the store, as long as the manifest is.

mod again;
mod error;
#[cfg(test)]
pub(crate) mod fixture;
mod folder;
mod record;
#[cfg(test)]
mod tests;

pub(crate) use error::{Damage, KeptError};

use crate::installed::InstalledRelease;
use crate::layout::Layout;
use landfall_console::Console;
use landfall_keys::{TrustRoot, Verified};
use landfall_manifests::{Bundle, Release};
use std::path::PathBuf;

/// The manifest of a release on this host. The rest of its folder is not looked at.
pub(crate) fn manifest(
    layout: &Layout,
    release: &InstalledRelease,
    trust: &TrustRoot,
) -> Result<Verified<Release>, KeptError> {
    Ok(record::believe(layout, release, trust)?.verified().clone())
}

/// The release, if its whole folder is right. Reads all of it.
///
/// # Errors
/// [`KeptError::Untrusted`] if today's keys have not signed it, [`KeptError::Damaged`] with the first file that is wrong.
pub(crate) fn verify(
    layout: &Layout,
    release: &InstalledRelease,
    trust: &TrustRoot,
    console: Console,
) -> Result<Verified<Release>, KeptError> {
    let bundle = record::believe(layout, release, trust)?;
    let damaged = examine(layout, &bundle, console)?;
    match KeptError::first_of(&bundle.release().id(), damaged) {
        Some(error) => Err(error),
        None => Ok(bundle.verified().clone()),
    }
}

/// Like [`verify`], but a folder that is wrong is unfolded again from the store. At every moment the release's name leads to a
/// whole folder, the one from before or the new one. Returns what was wrong before, sorted.
///
/// # Errors
/// As [`verify`], and [`KeptError::NoBlob`] if the store cannot replace what is wrong: then nothing was changed.
pub(crate) fn heal(
    layout: &Layout,
    release: &InstalledRelease,
    trust: &TrustRoot,
    console: Console,
) -> anyhow::Result<Vec<PathBuf>> {
    let bundle = record::believe(layout, release, trust)?;
    let damaged = examine(layout, &bundle, console)?;
    let replaced: Vec<PathBuf> = damaged.into_keys().collect();
    if let Some(first) = replaced.first() {
        again::check_store(layout, &bundle, first)?;
        again::replace(layout, &bundle, console)?;
    }
    Ok(replaced)
}

fn examine(layout: &Layout, bundle: &Bundle, console: Console) -> Result<folder::Damaged, KeptError> {
    let release = bundle.release();
    let bytes = release.files.iter().map(|file| file.size).sum();
    let progress = console.progress(format!("check release {}", release.id()), Some(bytes));
    let damaged = folder::examine(&layout.release(&release.id()), bundle, &progress)?;
    progress.finish();
    Ok(damaged)
}
