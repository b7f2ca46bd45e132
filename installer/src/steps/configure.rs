//! Writes what belongs to the host rather than to a release: settings, trust root, administrator's token, the installation's id. Files that exist
//! stay, but for an id that differs from the record of what is installed.

use super::{StepError, Work};
use crate::durable;
use crate::engine::InstallationId;
use crate::host_context::HostContext;
use crate::layout::{INSTALLATION_ID, SETTINGS_FOLDER};
use crate::state::journal::Transition;
use crate::{state, trust};
use std::path::Path;
use zeroize::Zeroizing;

/// How many random bytes the token has.
const TOKEN_BYTES: usize = 32;

pub(super) fn act(work: &Work<'_>, transition: &Transition) -> Result<(), StepError> {
    work.make_folders(&[SETTINGS_FOLDER])?;
    let layout = &work.host.layout;
    // The plan's list decides, not what exists now: a run that was cut off may have written a file, and undoing removes the
    // same ones.
    let new = |path: &Path| transition.files.iter().any(|file| layout.at(file) == path);
    if new(&layout.settings()) {
        durable::write(&layout.settings(), work.settings.as_bytes(), 0o644)?;
    }
    if new(&layout.trust_root()) {
        // Only a host that trusts nobody yet is given a root here. On others the commit pins it: a release that fails
        // must not change whom the host trusts.
        trust::pin_if_newer(layout, &transition.target().trust, work.host.console)?;
    }
    if new(&layout.admin_token()) {
        durable::write(&layout.admin_token(), token()?.as_bytes(), 0o600)?;
    }
    match &transition.before {
        Some(before) => restore_id(work, &before.installation)?,
        None if new(&layout.installation_id()) => {
            state::write_installation_id(layout, &transition.after.installation)?;
        }
        None => {}
    }
    Ok(())
}

/// The next release is to find the id that the tenants' volumes bear.
fn restore_id(work: &Work<'_>, recorded: &InstallationId) -> Result<(), StepError> {
    let layout = &work.host.layout;
    if let Some(fault) = state::restore_installation_id(layout, recorded)? {
        work.host.console.warn(format_args!(
            "the installation's id {fault}: {} is written again from the record of what is installed",
            layout.installation_id().display()
        ));
    }
    Ok(())
}

fn token() -> Result<Zeroizing<String>, StepError> {
    // Each copy of the secret is wiped from memory when it is dropped.
    let mut random = Zeroizing::new([0; TOKEN_BYTES]);
    getrandom::fill(random.as_mut_slice()).map_err(StepError::Token)?;
    let digits = Zeroizing::new(hex::encode(random.as_slice()));
    Ok(Zeroizing::new(format!("sk_admin_{}\n", digits.as_str())))
}

pub(super) fn undo(host: &HostContext, transition: &Transition) -> Result<(), StepError> {
    // What is installed already has its id, and so have its tenants' volumes: a file that was written again stays.
    let keeps_id = transition.before.is_some();
    for file in transition.files.iter().filter(|file| !(keeps_id && ***file == *INSTALLATION_ID)) {
        durable::remove(&host.layout.at(file))?;
    }
    Ok(())
}
