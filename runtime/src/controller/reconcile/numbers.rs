//! Keeps new tenants from getting a number that something in the engine bears: they would find another tenant's data under it.

use crate::controller::provision::spec;
use crate::controller::{ActionError, Controller};
use crate::engine::{Listed, Listing, Selector, labels};
use crate::identity::EnvId;
use crate::store::Environment;
use std::collections::BTreeSet;
use std::time::Duration;

/// How long the start of the service waits for the engine's listing.
const START_TIMEOUT: Duration = Duration::from_secs(2);

impl Controller {
    /// Skips all numbers up to the highest one in the listing that no row has. Refuses where the database knows of no tenant at all, and this
    /// installation has some in the engine: it is not this host's, and by it all tenants would be removed.
    pub(super) async fn reserve_numbers(&self, listing: &Listing, rows: &[Environment]) -> Result<(), ActionError> {
        let known: BTreeSet<EnvId> = rows.iter().map(|row| row.id).chain([EnvId::CANARY]).collect();
        let all = listing.containers.iter().chain(&listing.networks).chain(&listing.volumes);
        let is_unknown = |id: &EnvId| !known.contains(id);
        let unknown: Vec<(EnvId, &Listed)> =
            all.filter_map(|one| Some((spec::number_of(&one.labels).filter(is_unknown)?, one))).collect();
        let is_ours = |one: &Listed| labels::is_owned(&self.deps.installation, &one.labels);
        let ours = unknown.iter().filter(|(_, one)| is_ours(one)).max_by_key(|(id, _)| *id);
        if let Some((_, found)) = ours
            && self.deps.store.never_had_tenants().await?
        {
            return Err(ActionError::DatabaseLost { found: found.name.clone() });
        }
        // Up to the highest: numbers are assigned upwards, so that none below is assigned again. Those of other installations too, since
        // names in the engine follow from numbers.
        match unknown.iter().map(|(id, _)| *id).max() {
            Some(id) => Ok(self.deps.store.skip_ids_through(id).await?),
            None => Ok(()),
        }
    }

    /// Where the database has never had a tenant, looks whether the engine holds any: then the database is not this host's. An engine that
    /// does not answer in time says nothing; the reconcile loop looks before it acts.
    pub async fn check_database_is_this_hosts(&self) -> Result<(), ActionError> {
        if !self.deps.store.never_had_tenants().await? {
            return Ok(());
        }
        match tokio::time::timeout(START_TIMEOUT, self.survey()).await {
            Ok(Err(lost @ ActionError::DatabaseLost { .. })) => Err(lost),
            _ => Ok(()),
        }
    }

    /// Does so once, with a full listing, before the first number is given to a tenant: a restored database would otherwise give numbers
    /// that were in use after its backup.
    pub(in crate::controller) async fn survey(&self) -> Result<(), ActionError> {
        let look = async || {
            let listing = self.deps.engine.list(&Selector::of_any_installation()).await?;
            let rows = self.deps.store.environments(None).await?;
            self.reserve_numbers(&listing, &rows).await
        };
        // A failure is not remembered: that spawn fails, and the next one looks again.
        self.surveyed.get_or_try_init(look).await.copied()
    }
}
