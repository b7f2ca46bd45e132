//! Commits the release. From here on the transition is only ever finished.

use super::{StepError, Work};
use crate::host_context::HostContext;
use crate::receipts;
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

/// Records the release, and removes what it replaces. Recovery does the same with a transition that is committed.
pub(crate) fn finish(host: &HostContext, transition: &Transition) -> Result<(), StepError> {
    let (layout, target) = (&host.layout, transition.target());
    // 1. The floor before the record: no moment in which the release is installed and an older one could come in.
    raise_floor(layout, target.serial)?;
    write_product(layout, &target.product)?;
    // From this record on, whatever it does not name is garbage to every collection.
    write_json(&layout.installed(), &transition.after)?;
    // 2. The trust root of a bundle. A rollback pins none: a key that was revoked since stays revoked.
    if transition.kind != Kind::Rollback {
        trust::pin_if_newer(layout, &target.trust, host.console)?;
    }
    // 3. The recovery program and its unit, only now: until the commit, the older one settles this very journal.
    if transition.kind == Kind::Update {
        recovery_binary::place(layout, target)?;
        units::replace_recovery(host, target)?;
    }
    // 4. The counter. The starts of a release that a person went back to are not counted. Those of one that recovery went back to
    //    are, as long as there is a release with a lower serial to go back to next: so reverting comes to an end.
    let is_counted = transition.unattended && transition.after.earlier().is_some();
    if transition.kind == Kind::Rollback && !is_counted {
        Tries::stop_counting(layout)?;
    }
    // 5. The receipt, of what is recorded by now.
    receipts::issue_or_warn(layout, &transition.receipt, host.console)?;
    // 6. What no kept release needs. Nothing depends on it, so a failure is only a warning.
    if transition.before.is_some() {
        collect(host, transition);
    }
    Ok(())
}

/// Removes what no kept release needs. What cannot be removed now is collected after the next transition.
fn collect(host: &HostContext, transition: &Transition) {
    if let Err(error) = retention::collect_garbage(host, &transition.after) {
        host.console
            .warn(format_args!("not all that is no longer needed could be removed: {}", message_with_causes(&error)));
    }
}
