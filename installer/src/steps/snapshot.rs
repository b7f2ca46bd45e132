//! Rehearses the migrations on a copy of the database, forward and back, while the current release keeps running.

use super::{StepError, Work};
use crate::database;
use crate::state::journal::{Kind, Transition};

pub(super) fn act(work: &Work<'_>, transition: &mut Transition) -> Result<(), StepError> {
    let (host, target) = (work.host, transition.target());
    let schema = match transition.source() {
        Some(source) => database::rehearse(host, source, target, transition.may_restore_snapshot)?,
        None => database::rehearse_first(host, target)?,
    };
    // An update is settled by the installer of the release that is left, which may not read this field.
    transition.schema_before = schema.filter(|_| transition.kind != Kind::Update);
    Ok(())
}
