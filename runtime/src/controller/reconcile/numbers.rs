//! Keeps new tenants from getting a number that something in the engine bears: they would find another tenant's data under it.

use crate::controller::provision::spec;
use crate::controller::{ActionError, Controller};
use crate::engine::{Listing, labels};
use crate::identity::EnvId;
use crate::store::{Environment, StoreError};
use std::collections::BTreeSet;

impl Controller {
    /// Skips all numbers up to the highest one in the listing that no row has.
    pub(super) async fn reserve_numbers(&self, listing: &Listing, rows: &[Environment]) -> Result<(), StoreError> {
        let known: BTreeSet<EnvId> = rows.iter().map(|row| row.id).collect();
        let all = listing.containers.iter().chain(&listing.networks).chain(&listing.volumes);
        // Up to the highest: numbers are assigned upwards, so that none below is assigned again.
        let unknown = all.filter_map(|one| spec::number_of(&one.labels)).filter(|id| !known.contains(id)).max();
        match unknown {
            Some(id) => self.deps.store.skip_ids_through(id).await,
            None => Ok(()),
        }
    }

    /// Does so once, with a full listing, before the first number is given to a tenant: a restored database would otherwise give numbers
    /// that were in use after its backup.
    pub(in crate::controller) async fn survey(&self) -> Result<(), ActionError> {
        let look = async || {
            let listing = self.deps.engine.list(labels::TENANT).await?;
            let rows = self.deps.store.environments(None).await?;
            Ok(self.reserve_numbers(&listing, &rows).await?)
        };
        // A failure is not remembered: that spawn fails, and the next one looks again.
        self.surveyed.get_or_try_init(look).await.copied()
    }
}
