//! Makes the release's folder under a temporary name and renames it; in a first installation also places the recovery program.

use super::{BundleSource, StepError, Work};
use crate::host_context::HostContext;
use crate::layout::{DATABASE_FOLDER, PROGRAM_FOLDER};
use crate::recovery_binary;
use crate::retained_release;
use crate::retained_release::unfold;
use crate::state::installed::InstalledRelease;
use crate::state::journal::Transition;
use crate::{database, durable};
use landfall_console::message_with_causes;

pub(super) fn act(work: &Work<'_>, transition: &Transition) -> Result<(), StepError> {
    work.make_folders(&[PROGRAM_FOLDER, DATABASE_FOLDER])?;
    // 1. The target. One that is on the host already is verified, and repaired from the store where it is damaged.
    match work.bundle_source.filter(|_| transition.brings_folder()) {
        Some(bundle_source) => unfold_release(work, transition, bundle_source)?,
        None => repair(work, transition.target())?,
    }
    // 2. Back across a schema, the release that is left migrates the database: it has to be whole as well.
    if let Some(source) = transition.source().filter(|source| database::is_way_back(source, transition.target()))
        && let Err(error) = repair(work, source)
    {
        work.host.console.warn(format_args!("{} may be damaged: {}", source.id(), message_with_causes(&error)));
    }
    // 3. A host without a release has no recovery program yet. On others the old one stays until the commit.
    if transition.before.is_none() {
        recovery_binary::place(&work.host.layout, transition.target())?;
    }
    Ok(())
}

fn repair(work: &Work<'_>, release: &InstalledRelease) -> Result<(), StepError> {
    let replaced = retained_release::repair(&work.host.layout, release, work.host.console)?;
    for path in replaced {
        work.host.console.warn(format_args!("{} was damaged, and is repaired from the store", path.display()));
    }
    Ok(())
}

fn unfold_release(work: &Work<'_>, transition: &Transition, bundle_source: BundleSource<'_>) -> Result<(), StepError> {
    let (layout, id) = (&work.host.layout, work.release.id());
    let partial = layout.partial_release(&id);
    // A run that was cut off may have left files that this release does not have.
    durable::remove_tree(&partial)?;
    unfold::unfold(layout, bundle_source.bundle, &transition.target().trust, &partial, work.host.console)?;
    // From here on a folder of this name is whole: nothing reads one that is unpacked by half.
    Ok(durable::rename_to_free_name(&partial, &layout.release(&id))?)
}

/// Removes the folder, unless it was there before, and the recovery program of a first installation.
pub(super) fn undo(host: &HostContext, transition: &Transition) -> Result<(), StepError> {
    let (layout, id) = (&host.layout, transition.target().id());
    // A release that was kept belongs to the host as it was before.
    if transition.brings_folder() {
        durable::remove_tree(&layout.partial_release(&id))?;
        durable::remove_tree(&layout.release(&id))?;
    }
    if transition.before.is_none() {
        durable::remove(&layout.installer())?;
    }
    Ok(())
}
