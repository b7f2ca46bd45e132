//! What to do about one tenant, from its desired and its observed state. Pure.

use crate::store::{Desired, Status};

/// A tenant's container as the engine reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::controller) struct Observed {
    pub(in crate::controller) running: bool,
    /// Whether it is this tenant's, rather than one with the same number from before the database was restored.
    pub(in crate::controller) ours: bool,
    /// Whether it is connected to its network, and its address was not out of reach for long.
    pub(in crate::controller) reachable: bool,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::controller) enum Action {
    /// It runs: connect clients to it.
    Adopt,
    /// It exists and does not run: start it.
    Start,
    /// It does not exist, or another has its name, or nobody can reach it: create it again, around the same volumes.
    Rebuild,
    /// Its row has a state that this release does not know: leave it as it is.
    Leave,
    /// Its spawn or its removal was interrupted: remove all of it.
    Remove,
    /// No row has its number: remove its container and its network. Volumes stay, because data is only ever removed on request; they
    /// have no row after an older database was restored.
    RemoveOrphan,
}

/// Decides about one tenant that is locked.
pub(in crate::controller) fn decide(row: Option<(Status, Desired)>, container: Option<Observed>) -> Action {
    match (row, container) {
        // The database decides: what it does not know was never promised
        // to anybody, or belongs to rows that a restore took away.
        (None, _) => Action::RemoveOrphan,
        // Whatever its container does: a spawn was interrupted before its client had an answer, and a removal is never
        // undone.
        (Some((Status::Provisioning | Status::Destroying, _) | (_, Desired::Removed)), _) => Action::Remove,
        (Some((Status::Unknown, Desired::Running)), _) => Action::Leave,
        // `running` and `stopped` say what was observed last. From here on only what is observed now counts.
        (Some(_), Some(Observed { ours: true, reachable: true, running: true })) => Action::Adopt,
        (Some(_), Some(Observed { ours: true, reachable: true, running: false })) => Action::Start,
        (Some(_), Some(Observed { .. }) | None) => Action::Rebuild,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_is_made_to_agree_with_the_database() {
        let seen = |running, ours| Some(Observed { running, ours, reachable: true });
        let (up, down, foreign) = (seen(true, true), seen(false, true), seen(true, false));
        let cut_off = |running| Some(Observed { running, ours: true, reachable: false });
        let running = Some((Status::Running, Desired::Running));
        let stopped = Some((Status::Stopped, Desired::Running));
        let provisioning = Some((Status::Provisioning, Desired::Running));
        let destroying = Some((Status::Destroying, Desired::Removed));
        for (row, container, action) in [
            (running, up, Action::Adopt),
            (running, down, Action::Start),
            (running, None, Action::Rebuild),
            (running, foreign, Action::Rebuild),
            (running, cut_off(true), Action::Rebuild),
            (running, cut_off(false), Action::Rebuild),
            (stopped, up, Action::Adopt),
            (stopped, down, Action::Start),
            (stopped, None, Action::Rebuild),
            (provisioning, None, Action::Remove),
            (provisioning, down, Action::Remove),
            (provisioning, up, Action::Remove),
            (provisioning, cut_off(true), Action::Remove),
            (destroying, up, Action::Remove),
            (destroying, None, Action::Remove),
            (Some((Status::Running, Desired::Removed)), up, Action::Remove),
            (Some((Status::Unknown, Desired::Running)), up, Action::Leave),
            (Some((Status::Unknown, Desired::Running)), None, Action::Leave),
            (Some((Status::Unknown, Desired::Removed)), up, Action::Remove),
            (None, up, Action::RemoveOrphan),
            (None, down, Action::RemoveOrphan),
            (None, None, Action::RemoveOrphan),
        ] {
            assert_eq!(decide(row, container), action, "{row:?} {container:?}");
        }
    }
}
