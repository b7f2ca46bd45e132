//! The migrations are tried on a copy of the database, forth and back, while the release that runs goes on.

use super::Work;
use crate::database;
use crate::journal::{Kind, Transition};

pub(super) fn act(work: &Work<'_>, transition: &mut Transition) -> anyhow::Result<()> {
    let (site, target) = (work.site, transition.target());
    let schema = match transition.source() {
        Some(source) => database::rehearse(site, source, target, transition.may_restore_snapshot)?,
        None => database::rehearse_first(site, target)?,
    };
    // The installer that recovers from an update is the older release's, which may not know of this.
    transition.schema_before = schema.filter(|_| transition.kind != Kind::Update);
    Ok(())
}
