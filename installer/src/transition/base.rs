//! Whether the host has what a delta bundle leaves out.

use super::PlanError;
use crate::host_context::HostContext;
use crate::plan::policy::Refusal;
use crate::plan::preflight::Problem;
use crate::state::installed::Installed;
use crate::store::Store;
use landfall_manifests::{Base, Blob, Release};

/// Checks that the store has every blob that the bundle of `release` leaves out, and has it right, which takes reading all of them. Nothing
/// is changed.
///
/// # Errors
/// [`Refusal::Delta`] if the host does not have the release that the delta was made against, [`PlanError::Unfit`] if it has, and blobs of it
/// are missing or damaged.
pub(super) fn check(release: &Release, host: &HostContext, installed: Option<&Installed>) -> Result<(), PlanError> {
    let Some(base) = &release.base else { return Ok(()) };
    let (omitted, store) = (release.omitted(), Store::new(&host.layout));
    let stored = store.sizes()?;
    // 1. By name: another base is told from a damaged one, and without reading anything.
    let missing = omitted.iter().filter(|blob| !stored.contains_key(&blob.digest)).count();
    if missing > 0 && !is_there(base, installed) {
        return Err(Refusal::Delta { base: base.versions(), missing, omitted: omitted.len() }.into());
    }
    // 2. By content: a disk may have changed it since.
    let progress = host.console.progress("check the base", Some(omitted.iter().map(|blob| blob.size).sum()));
    let is_wrong = |blob: &&Blob| {
        let is_right = store.holds(blob);
        progress.add(blob.size);
        !is_right
    };
    let wrong: Vec<Problem> = omitted.iter().filter(is_wrong).map(|blob| problem(release, blob)).collect();
    progress.finish();
    if wrong.is_empty() { Ok(()) } else { Err(PlanError::Unfit(wrong)) }
}

/// Whether the host has one of the releases, by whichever bundle it came.
fn is_there(base: &Base, installed: Option<&Installed>) -> bool {
    let mut releases = installed.into_iter().flat_map(Installed::releases);
    releases.any(|there| base.releases().any(|base| base.manifest == there.manifest || base.version == there.version))
}

fn problem(release: &Release, blob: &Blob) -> Problem {
    let mut users = release.users_of(&blob.digest);
    users.truncate(1);
    Problem::BaseBlob { blob: blob.digest, of: users.pop().unwrap_or_default() }
}
