//! What to do about one tenant, from what should be and what is. Pure.

use crate::store::{Desired, Status};

/// A tenant's container as the engine shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) running: bool,
    /// Whether it is this tenant's, and not one of the same number from before the database was restored.
    pub(super) ours: bool,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// It runs: lead callers to it.
    Adopt,
    /// It is there and does not run.
    Start,
    /// It is not there, or another is in its place: make it again, around the same volumes.
    Rebuild,
    /// Its spawn or its removal was cut short: remove all of it.
    Remove,
    /// Nobody knows it: remove its container and its network. Volumes stay, because data is only ever removed on request; they turn
    /// up without a row when an older database was restored.
    RemoveOrphan,
}

/// Decides about one tenant that nobody else is working on.
pub(super) fn decide(row: Option<(Status, Desired)>, container: Option<Seen>) -> Step {
    match (row, container) {
        (None, _) => Step::RemoveOrphan,
        (Some((Status::Provisioning | Status::Destroying, _) | (_, Desired::Removed)), _) => Step::Remove,
        (Some(_), Some(Seen { ours: true, running: true })) => Step::Adopt,
        (Some(_), Some(Seen { ours: true, running: false })) => Step::Start,
        (Some(_), Some(Seen { ours: false, .. }) | None) => Step::Rebuild,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_is_made_to_agree_with_the_database() {
        let seen = |running, ours| Some(Seen { running, ours });
        let (up, down, foreign) = (seen(true, true), seen(false, true), seen(true, false));
        let running = Some((Status::Running, Desired::Running));
        let stopped = Some((Status::Stopped, Desired::Running));
        let provisioning = Some((Status::Provisioning, Desired::Running));
        let destroying = Some((Status::Destroying, Desired::Removed));
        for (row, container, step) in [
            (running, up, Step::Adopt),
            (running, down, Step::Start),
            (running, None, Step::Rebuild),
            (running, foreign, Step::Rebuild),
            (stopped, up, Step::Adopt),
            (stopped, down, Step::Start),
            (stopped, None, Step::Rebuild),
            (provisioning, None, Step::Remove),
            (provisioning, down, Step::Remove),
            (provisioning, up, Step::Remove),
            (destroying, up, Step::Remove),
            (destroying, None, Step::Remove),
            (Some((Status::Running, Desired::Removed)), up, Step::Remove),
            (None, up, Step::RemoveOrphan),
            (None, down, Step::RemoveOrphan),
            (None, None, Step::RemoveOrphan),
        ] {
            assert_eq!(decide(row, container), step, "{row:?} {container:?}");
        }
    }
}
