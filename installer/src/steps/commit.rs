//! The release counts. From here on there is only forward.

use super::{StepError, Work};
use crate::host_context::HostContext;
use crate::receipts::{self, Draft};
use crate::record::write_json;
use crate::recovery_binary;
use crate::retention;
use crate::service::units;
use crate::state::journal::{Kind, Transition};
use crate::state::tries::Tries;
use crate::state::{raise_floor, write_product};
use crate::trust;
use landfall_console::message_with_causes;

pub(super) fn act(work: &Work<'_>, transition: &Transition) -> Result<(), StepError> {
    finish(work.host, transition)
}

/// Records the release, and lets go of what it replaces. Also what recovery does with a transition that is committed.
pub(crate) fn finish(host: &HostContext, transition: &Transition) -> Result<(), StepError> {
    let (layout, target) = (&host.layout, transition.target());
    raise_floor(layout, target.serial)?;
    write_product(layout, &target.product)?;
    write_json(&layout.installed(), &transition.after)?;
    // On the way back it stays: what was revoked since is revoked.
    if transition.kind != Kind::Rollback {
        trust::pin_if_newer(layout, &target.trust, host.console)?;
    }
    if transition.kind == Kind::Update {
        recovery_binary::place(layout, target)?;
        units::replace_recovery(host, target)?;
    }
    // What somebody goes back to is not counted. What takes the place of another by itself is, as long as there is a release with
    // a still lower serial: so there is an end of it.
    let is_counted = transition.unattended && transition.after.earlier().is_some();
    if transition.kind == Kind::Rollback && !is_counted {
        Tries::disarm(layout)?;
    }
    issue_receipt(host, &transition.receipt)?;
    if transition.before.is_some() {
        tidy(host, transition);
    }
    Ok(())
}

/// Issues the receipt. A receipt never stops an operation: one that alone cannot be written is lost, and the next states the gap.
fn issue_receipt(host: &HostContext, receipt: &Draft) -> Result<(), StepError> {
    if let Some(error) = receipts::issue(&host.layout, receipt)? {
        host.console.warn(format_args!(
            "no receipt of this operation could be written, and the next one will state the gap: {}",
            message_with_causes(&error)
        ));
    }
    Ok(())
}

/// What is left lying is collected with the next release: nothing depends on it.
fn tidy(host: &HostContext, transition: &Transition) {
    let tidied = retention::tidy(host, &transition.after);
    if let Err(error) = tidied {
        host.console
            .warn(format_args!("not all that is no longer needed could be removed: {}", message_with_causes(&error)));
    }
}
