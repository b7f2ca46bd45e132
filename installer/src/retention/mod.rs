//! Which releases are kept on the host, and what is removed with those that are not.
//!
//! A release that `installed.json` does not name is not kept: whatever of it is still on the disk or in the engine is garbage. So a
//! collection works from an inventory of the host, not from what changed, and the next one completes one that was cut off.
//!
//! In doubt everything is kept: no blob is removed while a manifest that may need it cannot be read, and no image while it is not known
//! which images tenants need.

mod collect;
mod costs;
mod decide;
mod inventory;
#[cfg(test)]
mod tests;

pub(crate) use collect::{Collected, collect};
pub(crate) use costs::Cost;
pub(crate) use decide::{Collection, decide};
pub(crate) use inventory::{Inventory, gather};

use crate::durable::PathError;
use crate::host_context::HostContext;
use crate::state::installed::{Installed, InstalledRelease};
use landfall_manifests::Release;

/// The releases that are kept once `next` is the current one: first the one that was current, then those that were kept, at most
/// `keep` together with `next`. One more is kept where none of these is marked good: the last one that is.
pub(crate) fn retained(before: &Installed, next: &InstalledRelease, keep: usize) -> Vec<InstalledRelease> {
    // A revert goes to lower serials only: a good release above the next one cannot be reverted to.
    let is_reliable = |release: &&InstalledRelease| release.marked_good && release.serial < next.serial;
    let others: Vec<&InstalledRelease> = before.releases().filter(|release| release.id() != next.id()).collect();
    // `next` is one of those that `keep` counts.
    let (stay, go) = others.split_at(others.len().min(keep.saturating_sub(1)));
    let is_needed = !next.marked_good && !stay.iter().any(is_reliable);
    let last_good = go.iter().find(|release| is_needed && is_reliable(release));
    stay.iter().chain(last_good).map(|release| (*release).clone()).collect()
}

/// The record once `next` is the current release. `is_counted` says whether the starts of the release that is current until then
/// are still counted; if not, it is marked good.
pub(crate) fn installed_after(before: &Installed, next: InstalledRelease, keep: usize, is_counted: bool) -> Installed {
    let mut before = before.clone();
    // Once set it stays: that a release is counted again later does not take back that it was healthy.
    before.current.marked_good |= !is_counted;
    Installed { kept: retained(&before, &next, keep), current: next, ..before }
}

/// What [`collect_garbage`] will collect once `after` is the record. `next` is the manifest of its current release, which need not be on the host
/// yet. Nothing is changed.
pub(crate) fn predict(
    host: &HostContext,
    before: &Installed,
    after: &Installed,
    next: &Release,
) -> Result<Collection, PathError> {
    let inventory = inventory::look(host, after, &before.current.id(), Some(next))?;
    Ok(decide(after, &inventory))
}

/// Removes what no release in `installed` needs; that record has to be on the disk. Can be repeated.
///
/// # Errors
/// The disk fails. What the engine refuses is left, and named in [`Collected::left`].
pub(crate) fn collect_garbage(host: &HostContext, installed: &Installed) -> Result<Collected, PathError> {
    let collection = decide(installed, &gather(host, installed)?);
    collect(host, &collection)
}
