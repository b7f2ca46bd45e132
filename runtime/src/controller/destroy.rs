//! Removes a tenant: container, network, volumes, row, in this order, so that a crash leaves the row that says what is left to do.

use super::build::Volumes;
use super::{ActionError, Controller};
use crate::log;
use crate::names::EnvId;
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
        let _transition = self.transitions.begin(id).await;
        // Whoever worked on it before may have removed it.
        self.tenant(id).await?;
        self.parts.store.set_destroying(id).await?;
        self.remove(id).await.map_err(|error| match error {
            ActionError::Engine(source) => ActionError::RemovalPending { id, source },
            other => other,
        })
    }

    /// Finishes the removal of a tenant that is marked for it.
    pub(super) async fn remove(&self, id: EnvId) -> Result<(), ActionError> {
        self.live.remove(id).await;
        self.clear(id, Volumes::Remove).await?;
        self.parts.store.remove_environment(id).await?;
        log::info!("tenant_removed", tenant = id);
        Ok(())
    }
}
