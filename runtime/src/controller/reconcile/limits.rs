//! Gives tenants that exist the limits of the settings, which may have changed while the service was down.

use crate::controller::provision::spec;
use crate::controller::{ActionError, Controller};
use crate::engine::LimitsChange;
use crate::service::log;
use crate::store::Environment;

impl Controller {
    /// Gives a tenant's container, which runs, the limits of the settings. Where the engine does not change those of a container that exists, it
    /// is made again around its volumes.
    pub(super) async fn apply_limits(&self, tenant: &mut Environment) -> Result<(), ActionError> {
        let (id, limits) = (tenant.id, spec::limits(&self.deps.settings));
        match self.deps.engine.set_limits(&id.container(), limits).await {
            Ok(LimitsChange::Unneeded) => {}
            Ok(LimitsChange::Made) => log::info!("limits_changed", tenant = id, rebuilt = false),
            Ok(LimitsChange::Refused(reason)) => {
                self.rebuild(tenant).await?;
                log::info!("limits_changed", tenant = id, rebuilt = true, reason = reason);
            }
            Err(error) if error.is_unavailable() => return Err(error.into()),
            // A tenant with its old limits is better than one that nobody is connected to.
            Err(error) => log::warning!("limits_not_changed", tenant = id, error = log::chain(&error)),
        }
        Ok(())
    }
}
