//! The release's folder, made under a temporary name; and on a bare host the installer beside the releases.

use super::{Delivery, Work};
use crate::installed::InstalledRelease;
use crate::journal::Transition;
use crate::kept;
use crate::layout::{DATABASE_FOLDER, PROGRAM_FOLDER};
use crate::recovery;
use crate::site::Site;
use crate::unfold;
use crate::{database, durable};

pub(super) fn act(work: &Work<'_>, transition: &Transition) -> anyhow::Result<()> {
    work.make_folders(&[PROGRAM_FOLDER, DATABASE_FOLDER])?;
    match work.delivery.filter(|_| transition.brings_folder()) {
        Some(delivery) => unfold_release(work, transition, delivery)?,
        // It is on the host already, and only what verifies again is used.
        None => put_right(work, transition.target())?,
    }
    if let Some(source) = transition.source().filter(|source| database::is_way_back(source, transition.target()))
        && let Err(error) = put_right(work, source)
    {
        work.site.console.warn(format_args!("{} may be damaged: {error:#}", source.id()));
    }
    if transition.before.is_none() {
        recovery::place(&work.site.layout, transition.target())?;
    }
    Ok(())
}

fn put_right(work: &Work<'_>, release: &InstalledRelease) -> anyhow::Result<()> {
    let replaced = kept::heal(&work.site.layout, release, work.site.console)?;
    for path in replaced {
        work.site.console.warn(format_args!("{} was damaged, and is put right from the store", path.display()));
    }
    Ok(())
}

fn unfold_release(work: &Work<'_>, transition: &Transition, delivery: Delivery<'_>) -> anyhow::Result<()> {
    let (layout, id) = (&work.site.layout, work.release.id());
    let partial = layout.partial_release(&id);
    durable::remove_tree(&partial)?;
    unfold::make(layout, delivery.bundle, transition.target().trust.as_ref(), &partial, work.site.console)?;
    Ok(durable::rename_to_free_name(&partial, &layout.release(&id))?)
}

/// A folder that was there before stays. Only a first installation brought the installer beside the releases.
pub(super) fn undo(site: &Site, transition: &Transition) -> anyhow::Result<()> {
    let (layout, id) = (&site.layout, transition.target().id());
    if transition.brings_folder() {
        durable::remove_tree(&layout.partial_release(&id))?;
        durable::remove_tree(&layout.release(&id))?;
    }
    if transition.before.is_none() {
        durable::remove(&layout.installer())?;
    }
    Ok(())
}
