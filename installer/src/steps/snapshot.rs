//! The migrations are tried on a copy of the database, forth and back, while the release that runs goes on.

use super::Work;
use crate::database;
use crate::journal::Transition;

pub(super) fn act(work: &Work<'_>, transition: &Transition) -> anyhow::Result<()> {
    let Some(source) = transition.source() else { return Ok(()) };
    database::rehearse(work.site, source, transition.target(), transition.may_restore_snapshot)
}
