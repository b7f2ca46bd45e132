//! Whether a release may be installed on this host: a pure function of the release and the host's records, never of the clock.

use crate::state::installed::{Installed, InstalledRelease};
use landfall_manifests::{Arch, Digest, Os, Product, Release, ReleaseId, Serial, Version};
use landfall_systemd::UnitName;
use std::collections::BTreeSet;

/// Files that every release must have to be installed, besides the units.
pub(crate) use landfall_host::runtime_program::PROGRAM;
/// The installer that stays outside the releases.
pub(crate) const INSTALLER: &str = "bin/landfall-installer";
/// The default settings.
pub(crate) use landfall_host::settings::RELEASE_FILE as SETTINGS;

/// What the host's records say.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Records<'a> {
    pub(crate) installed: Option<&'a Installed>,
    /// Also of a host from which it was uninstalled.
    pub(crate) product: Option<&'a Product>,
    pub(crate) floor: Option<Serial>,
    pub(crate) arch: Option<Arch>,
}

/// What may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing is installed: this is a first installation.
    Install,
    /// Another release is installed, and this one may replace it.
    Update,
    /// Exactly this release is installed.
    Already,
}

/// Why a release is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the release is for {}/{}, this host is linux/{}", .0.name(), .1.name(), std::env::consts::ARCH)]
    Platform(Os, Arch),
    #[error(
        "this is a delta bundle on top of {base}, which is not on this host: {missing} of {omitted} blobs that it leaves out are missing"
    )]
    Delta { base: String, missing: usize, omitted: usize },
    #[error("this host is {installed}'s, the bundle is of {offered}: one host runs one product")]
    Product { installed: Product, offered: Product },
    #[error("the release's serial {offered} is below this host's floor of {floor}: that would be a downgrade")]
    Floor { offered: Serial, floor: Serial },
    #[error("{installed} is installed, and `install` is only for first releases; this bundle is {offered}")]
    Installed { installed: ReleaseId, offered: ReleaseId },
    #[error("nothing is installed on this host, so there is nothing to {0}")]
    NotInstalled(&'static str),
    #[error("{there} is on this host, and {offered} has the same serial: a serial is used once")]
    SameSerial { there: ReleaseId, offered: ReleaseId },
    #[error("{installed} is installed, and {offered} can be reached from version {oldest} or later only")]
    Path { installed: Version, offered: Version, oldest: Version },
    #[error("{wanted} is not kept on this host; kept are: {kept}")]
    NotKept { wanted: String, kept: String },
    #[error("{wanted} is not kept on this host, nor is any release but the one that runs")]
    NothingKept { wanted: String },
    #[error("{wanted} is the version of more than one release on this host: {ids}")]
    Ambiguous { wanted: String, ids: String },
    #[error(
        "the database cannot go back from {from} to {to} without loss: what was written since the update would be set aside"
    )]
    Irreversible { from: ReleaseId, to: ReleaseId },
    #[error("the release has no {0}, which every host needs: it was not made for installation")]
    Incomplete(String),
}

/// Decides.
pub(crate) fn judge(release: &Release, manifest: Digest, records: Records<'_>) -> Result<Verdict, Refusal> {
    // First: a bundle for another processor is a mistake in any case, and the message says which.
    if records.arch != Some(release.arch) {
        return Err(Refusal::Platform(release.os, release.arch));
    }
    let current = records.installed.map(|installed| &installed.current);
    // Before the floor: after a rollback the release that runs lies below it, and the same command again is no error.
    if current.is_some_and(|current| current.manifest == manifest) {
        return Ok(Verdict::Already);
    }
    if let Some(installed) = records.product.filter(|product| **product != release.product) {
        return Err(Refusal::Product { installed: installed.clone(), offered: release.product.clone() });
    }
    let mut there = records.installed.into_iter().flat_map(Installed::releases);
    // Two releases with one serial could each be taken for the newer one: the floor and every rollback go by serials.
    if let Some(same) = there.find(|there| there.serial == release.serial && there.manifest != manifest) {
        return Err(Refusal::SameSerial { there: same.id(), offered: release.id() });
    }
    if let Some(floor) = records.floor.filter(|floor| release.serial < *floor) {
        return Err(Refusal::Floor { offered: release.serial, floor });
    }
    // Before anything is staged: a release without an installer of
    // its own could not recover the host that it would run on.
    check_complete(release)?;
    let Some(current) = current else { return Ok(Verdict::Install) };
    check_path(release, current)?;
    Ok(Verdict::Update)
}

fn check_path(release: &Release, current: &InstalledRelease) -> Result<(), Refusal> {
    match &release.min_upgrade_from {
        Some(oldest) if current.version < *oldest => {
            let (installed, offered) = (current.version.clone(), release.version.clone());
            Err(Refusal::Path { installed, offered, oldest: oldest.clone() })
        }
        _ => Ok(()),
    }
}

fn check_complete(release: &Release) -> Result<(), Refusal> {
    let has: BTreeSet<&str> = release.files.iter().map(|file| file.path.as_str()).collect();
    let units = UnitName::ENABLED.iter().map(|unit| format!("units/{unit}"));
    let needed = [PROGRAM, INSTALLER, SETTINGS].map(str::to_owned).into_iter().chain(units);
    let missing = needed.into_iter().find(|path| !has.contains(path.as_str()));
    missing.map_or(Ok(()), |path| Err(Refusal::Incomplete(path)))
}
