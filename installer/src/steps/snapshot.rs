//! The migrations are tried on a copy of the database, forth and back, while the release that runs goes on.

use super::{StepError, Work};
use crate::database;
use crate::state::journal::{Kind, Transition};

pub(super) fn act(work: &Work<'_>, transition: &mut Transition) -> Result<(), StepError> {
    let (host, target) = (work.host, transition.target());
    let schema = match transition.source() {
        Some(source) => database::rehearse(host, source, target, transition.may_restore_snapshot)?,
        None => database::rehearse_first(host, target)?,
    };
    // The installer that recovers from an update is the older release's, which may not know of this.
    transition.schema_before = schema.filter(|_| transition.kind != Kind::Update);
    Ok(())
}
