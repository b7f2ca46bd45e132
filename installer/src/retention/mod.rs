//! Which releases stay on the host, and what goes with those that do not.
//!
//! A release that `installed.json` does not name is gone: whatever of it is still on the disk or in the engine is litter. So a
//! collection looks at what is there, not at what changed, and one that was cut off anywhere is made good by the next.
//!
//! What cannot be told is left: no blob goes while a manifest that may need it cannot be read, and no image while it is not
//! known which ones tenants need.

mod collect;
mod costs;
mod decide;
mod inventory;
mod tenants;
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

/// The releases that can be gone back to once `next` is the current one: what was current before, then what was kept before, at
/// most `keep` together with `next`. One more stays where none of these has proven itself: then the last one that has.
pub(crate) fn retained(before: &Installed, next: &InstalledRelease, keep: usize) -> Vec<InstalledRelease> {
    let can_be_relied_on = |release: &&InstalledRelease| release.proven && release.serial < next.serial;
    let others: Vec<&InstalledRelease> = before.releases().filter(|release| release.id() != next.id()).collect();
    let (stay, go) = others.split_at(others.len().min(keep.saturating_sub(1)));
    let is_needed = !next.proven && !stay.iter().any(can_be_relied_on);
    let last_proven = go.iter().find(|release| is_needed && can_be_relied_on(release));
    stay.iter().chain(last_proven).map(|release| (*release).clone()).collect()
}

/// The record once `next` is the current release. `is_counted` says whether the starts of the release that is current until then
/// are still counted: where they are not, it counts as good.
pub(crate) fn installed_after(before: &Installed, next: InstalledRelease, keep: usize, is_counted: bool) -> Installed {
    let mut before = before.clone();
    before.current.proven |= !is_counted;
    Installed { kept: retained(&before, &next, keep), current: next, ..before }
}

/// What [`tidy`] will collect once `after` is what is installed. `next` is the manifest of its current release, which need not be
/// on the host yet. Nothing is changed.
pub(crate) fn foresee(
    host: &HostContext,
    before: &Installed,
    after: &Installed,
    next: &Release,
) -> Result<Collection, PathError> {
    let inventory = inventory::look(host, after, &before.current.id(), Some(next))?;
    Ok(decide(after, &inventory))
}

/// Collects what no release in `installed`, which is on the disk by now, needs. Can be repeated.
///
/// # Errors
/// The disk fails. What the engine refuses is left, and named in [`Collected::left`].
pub(crate) fn tidy(host: &HostContext, installed: &Installed) -> Result<Collected, PathError> {
    let collection = decide(installed, &gather(host, installed)?);
    collect(host, &collection)
}
