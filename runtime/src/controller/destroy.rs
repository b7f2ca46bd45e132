//! Removes a tenant: container, network, volumes, row. In this order, so that a crash leaves the row, by which the removal is finished.

use super::{ActionError, Controller};
use crate::identity::EnvId;
use crate::service::log;
use crate::store::Environment;
use std::sync::Arc;

impl Controller {
    /// Removes a tenant and its data. The work goes on when the client does not wait for it.
    pub async fn destroy(self: &Arc<Self>, id: EnvId) -> Result<(), ActionError> {
        let this = Arc::clone(self);
        // A task of its own: dropping the request's future would stop the removal between two calls of the engine.
        let work = tokio::spawn(async move { this.destroy_tenant(id).await });
        work.await.unwrap_or(Err(ActionError::Ending))
    }

    async fn destroy_tenant(&self, id: EnvId) -> Result<(), ActionError> {
        // Once without the lock: a number that nobody has is answered at once, and makes no lock.
        self.tenant(id).await?;
        let _lock = self.locks.lock(id).await;
        // The task that held the lock before may have removed it.
        let tenant = self.tenant(id).await?;
        let marked = match self.deps.store.set_destroying(id).await {
            // On a full disk, tenants are removed to free space, so the removal goes on unmarked. After a crash in between, the tenant is
            // created again, empty, and can be removed again.
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

    /// Removes a tenant that is locked.
    pub(super) async fn remove(&self, tenant: &Environment) -> Result<(), ActionError> {
        // 1. Close the port: no client is connected to a container that is being removed.
        self.observed.remove(tenant.id).await;
        // 2. Remove what the engine holds. Where that fails, the row stays, and the reconcile loop tries again.
        self.remove_all(tenant).await?;
        // 3. Remove the row last: it keeps port and subnet from other tenants while something of this one may be left.
        self.deps.store.remove_environment(tenant.id).await?;
        self.disk.tenant_removed(tenant.id);
        log::info!("tenant_removed", tenant = tenant.id);
        Ok(())
    }
}
