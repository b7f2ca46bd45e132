//! Bridges of tenants that no network of the engine has any more: an engine that is killed leaves them behind and forgets them. Their
//! addresses and routes would stay until the next boot.
//!
//! The service itself may not change the host's links. The holder of the firewall may, and removes them.

mod links;

use crate::engine::{ContainerEngine, Listed, Selector, labels};
use crate::identity::EnvId;
use crate::service::log;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// Pause between two looks. The engine makes a bridge a moment before it lists the network: a bridge that two looks find was left behind.
const LOOK_PAUSE: Duration = Duration::from_secs(20);

/// Removes bridges that were left behind. Never returns.
pub(crate) async fn remove_strays(engine: Arc<dyn ContainerEngine>) {
    let mut suspects = BTreeSet::new();
    loop {
        suspects = match look(engine.as_ref(), &suspects).await {
            Ok(unclaimed) => unclaimed,
            Err(error) => {
                log::warning!("bridges_not_checked", error = log::chain(error.as_ref()));
                BTreeSet::new()
            }
        };
        tokio::time::sleep(LOOK_PAUSE).await;
    }
}

/// Removes the bridges that nobody claims and that the look before suspected, and returns those to suspect at the next one.
async fn look(
    engine: &dyn ContainerEngine,
    suspects: &BTreeSet<EnvId>,
) -> Result<BTreeSet<EnvId>, Box<dyn std::error::Error + Send + Sync>> {
    let idle = links::idle_bridges()?;
    if idle.is_empty() {
        // The usual case: each bridge has its tenant's container, and the engine is not asked.
        return Ok(BTreeSet::new());
    }
    let networks = match engine.list(&Selector::of_any_installation()).await {
        Ok(listing) => listing.networks,
        // An engine that is down claims nothing: nothing is removed until it is back.
        Err(_) => return Ok(BTreeSet::new()),
    };
    let number = |network: &Listed| network.labels.get(labels::TENANT)?.parse().ok().map(EnvId);
    let claimed = networks.iter().filter_map(number).collect();
    let (strays, suspects) = judge(&idle, &claimed, suspects);
    for stray in strays {
        links::remove(&stray.bridge())?;
        log::warning!("stray_bridge_removed", bridge = stray.bridge());
    }
    Ok(suspects)
}

/// Which bridges to remove, and which to suspect. Pure.
fn judge(
    idle: &BTreeSet<EnvId>,
    claimed: &BTreeSet<EnvId>,
    suspects: &BTreeSet<EnvId>,
) -> (BTreeSet<EnvId>, BTreeSet<EnvId>) {
    idle.difference(claimed).partition(|bridge| suspects.contains(bridge))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bridge_is_removed_when_two_looks_find_that_no_network_claims_it() {
        let ids = |ids: &[i64]| ids.iter().copied().map(EnvId).collect::<BTreeSet<_>>();
        for (idle, claimed, suspects, removed, suspected) in [
            (&[1, 2][..], &[1, 2][..], &[][..], &[][..], &[][..]),
            (&[1, 2], &[1], &[], &[], &[2]),
            (&[1, 2], &[1], &[2], &[2], &[]),
            (&[1, 2, 3], &[1], &[2], &[2], &[3]),
            // A network that was made between the two looks; a bridge that went by itself.
            (&[2], &[2], &[2], &[], &[]),
            (&[], &[], &[2], &[], &[]),
        ] {
            let judged = judge(&ids(idle), &ids(claimed), &ids(suspects));
            assert_eq!(judged, (ids(removed), ids(suspected)), "{idle:?} {claimed:?} {suspects:?}");
        }
    }
}
