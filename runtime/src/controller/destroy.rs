//! Removes a tenant: container, network, volumes, row, in this order, so that a crash leaves the row that says what is left to do.

use super::{ActionError, Controller, spec};
use crate::engine::Volumes;
use crate::identity::EnvId;
use crate::service::log;
use crate::store::Environment;
use std::sync::Arc;

impl Controller {
    /// Removes a tenant and its data. The work goes on when the caller does not wait for it.
    pub async fn destroy(self: &Arc<Self>, id: EnvId) -> Result<(), ActionError> {
        let this = Arc::clone(self);
        let work = tokio::spawn(async move { this.destroy_whole(id).await });
        work.await.unwrap_or(Err(ActionError::Ending))
    }

    async fn destroy_whole(&self, id: EnvId) -> Result<(), ActionError> {
        self.tenant(id).await?;
        let _lock = self.locks.lock(id).await;
        // Whoever worked on it before may have removed it.
        let tenant = self.tenant(id).await?;
        let marked = match self.deps.store.set_destroying(id).await {
            // It may be removed to make room. A crash in between brings it back, empty, for whoever asked to ask again.
            Err(error) if error.is_full() => {
                log::warning!("removal_not_marked", tenant = id, error = log::chain(&error));
                false
            }
            marked => marked.map(|()| true)?,
        };
        self.remove(&tenant).await.map_err(|error| match error {
            ActionError::Engine(source) if marked => ActionError::RemovalPending { id, source },
            other => other,
        })
    }

    /// Finishes the removal of a tenant.
    pub(super) async fn remove(&self, tenant: &Environment) -> Result<(), ActionError> {
        self.live.remove(tenant.id).await;
        self.clear(&spec::owned_by(tenant), Volumes::Remove).await?;
        self.deps.store.remove_environment(tenant.id).await?;
        log::info!("tenant_removed", tenant = tenant.id);
        Ok(())
    }
}
