//! The release's folder, made under a temporary name; and on a bare host the installer beside the releases.

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
    match work.bundle_source.filter(|_| transition.brings_folder()) {
        Some(bundle_source) => unfold_release(work, transition, bundle_source)?,
        // It is on the host already, and only what verifies again is used.
        None => put_right(work, transition.target())?,
    }
    if let Some(source) = transition.source().filter(|source| database::is_way_back(source, transition.target()))
        && let Err(error) = put_right(work, source)
    {
        work.host.console.warn(format_args!("{} may be damaged: {}", source.id(), message_with_causes(&error)));
    }
    if transition.before.is_none() {
        recovery_binary::place(&work.host.layout, transition.target())?;
    }
    Ok(())
}

fn put_right(work: &Work<'_>, release: &InstalledRelease) -> Result<(), StepError> {
    let replaced = retained_release::heal(&work.host.layout, release, work.host.console)?;
    for path in replaced {
        work.host.console.warn(format_args!("{} was damaged, and is put right from the store", path.display()));
    }
    Ok(())
}

fn unfold_release(work: &Work<'_>, transition: &Transition, bundle_source: BundleSource<'_>) -> Result<(), StepError> {
    let (layout, id) = (&work.host.layout, work.release.id());
    let partial = layout.partial_release(&id);
    durable::remove_tree(&partial)?;
    unfold::unfold(layout, bundle_source.bundle, &transition.target().trust, &partial, work.host.console)?;
    Ok(durable::rename_to_free_name(&partial, &layout.release(&id))?)
}

/// A folder that was there before stays. Only a first installation brought the installer beside the releases.
pub(super) fn undo(host: &HostContext, transition: &Transition) -> Result<(), StepError> {
    let (layout, id) = (&host.layout, transition.target().id());
    if transition.brings_folder() {
        durable::remove_tree(&layout.partial_release(&id))?;
        durable::remove_tree(&layout.release(&id))?;
    }
    if transition.before.is_none() {
        durable::remove(&layout.installer())?;
    }
    Ok(())
}
