//! Which tenants to reconcile, from the rows and a listing of the engine. Pure.

use super::decide::{Action, Observed, decide};
use crate::controller::provision::spec;
use crate::engine::{InstallationId, Listed, Listing};
use crate::identity::EnvId;
use crate::store::{Environment, Status};
use std::collections::{BTreeMap, BTreeSet};

/// What this process knows of its connection to a tenant.
#[derive(Debug, Clone, Copy)]
pub(super) struct Connection {
    /// Whether its container ran when it was last observed.
    pub(super) is_running: bool,
    /// Whether its address was out of reach for long.
    pub(super) is_lost: bool,
    /// Whether its container is paused for its output.
    pub(super) is_paused: bool,
}

/// The tenants on which rows, listing and `connection` disagree; and the orphans.
pub(super) fn disagreeing(
    installation: &InstallationId,
    rows: &[Environment],
    listing: &Listing,
    connection: impl Fn(EnvId) -> Connection,
) -> BTreeSet<EnvId> {
    let containers: BTreeMap<&str, &Listed> = listing.containers.iter().map(|one| (one.name.as_str(), one)).collect();
    let agrees = |row: &Environment| {
        let (name, connection) = (row.id.container(), connection(row.id));
        let is_stuck = containers.get(name.as_str()).is_some_and(|one| one.paused) && !connection.is_paused;
        let observed = containers.get(name.as_str()).map(|one| Observed {
            running: one.running,
            ours: spec::is_ours(installation, &one.labels, row.decided.key_hash),
            reachable: one.networks.contains(&name) && !connection.is_lost,
        });
        let action = decide(Some((row.status, row.desired)), observed);
        let adopted = action == Action::Adopt;
        // A container may run while its row says `stopped`, or while this process has just started and is connected to
        // no tenant: adopting settles both.
        action == Action::Leave || (adopted && row.status == Status::Running && connection.is_running && !is_stuck)
    };
    let known: BTreeSet<EnvId> = rows.iter().map(|row| row.id).collect();
    let numbers = |listed: &[Listed]| listed.iter().filter_map(|one| spec::number_of(&one.labels)).collect::<Vec<_>>();
    // A tenant's volumes without a row are kept, so that they need nothing. A canary's are removed.
    let canary = numbers(&listing.volumes).into_iter().filter(|id| *id == EnvId::CANARY);
    let labelled = numbers(&listing.containers).into_iter().chain(numbers(&listing.networks)).chain(canary);
    let orphans = labelled.filter(|id| !known.contains(id));
    rows.iter().filter(|row| !agrees(row)).map(|row| row.id).chain(orphans).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::labels;

    const NONE: Connection = Connection { is_running: false, is_lost: false, is_paused: false };

    #[test]
    fn orphans_are_reconciled_but_of_volumes_only_a_canarys() {
        let listed =
            |id| Listed { name: "one".into(), labels: [(labels::TENANT.to_owned(), id)].into(), ..Listed::default() };
        let all = |id: &str| vec![listed(id.to_owned())];
        for (listing, expected) in [
            (Listing { containers: all("7"), ..Listing::default() }, &[EnvId(7)][..]),
            (Listing { networks: all("7"), ..Listing::default() }, &[EnvId(7)]),
            (Listing { volumes: all("7"), ..Listing::default() }, &[]),
            (Listing { volumes: all("0"), ..Listing::default() }, &[EnvId::CANARY]),
        ] {
            let found: Vec<EnvId> =
                disagreeing(&InstallationId::from_random([1; 16]), &[], &listing, |_| NONE).into_iter().collect();
            assert_eq!(found, expected, "{listing:?}");
        }
    }
}
