//! Chooses the tenants' subnets, beside all that the host and its engine use already.

use super::{ActionError, Controller};
use crate::identity::EnvId;
use crate::network::{Network, Pool, Subnet};
use crate::service::log;
use crate::store::Environment;
use std::collections::BTreeSet;
use std::sync::Arc;

/// No subnet of the pool is free.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoFreeSubnet {
    pool: Pool,
    why: Why,
}

/// What the subnets of the pool are used for, as far as an operator has to do something about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// Tenants have them all.
    UsedUp,
    /// A network of the host or of its engine that is no tenant's lies in the pool, or around it.
    Other(Network),
    /// The engine refused so many of them.
    Refused(usize),
}

impl NoFreeSubnet {
    /// Whether the pool is used by what the operator wants it to be used by, so that neither the release nor the engine is at fault.
    pub(super) fn is_full(&self) -> bool {
        !matches!(self.why, Why::Refused(_))
    }
}

impl std::fmt::Display for NoFreeSubnet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { pool, why } = self;
        match why {
            Why::UsedUp => write!(f, "the address pool {pool} is used up: destroy a tenant, or widen [network] pool"),
            Why::Refused(count) => write!(
                f,
                "the engine refuses each of the {count} subnets of {pool} that are free: it holds addresses of networks that it lost; \
                 restart the engine, or set [network] pool to another private range"
            ),
            Why::Other(other) => write!(
                f,
                "no subnet of the address pool {pool} is free: this host uses {other} for something else (see `ip route` and the \
                 engine's networks); set [network] pool to a private range that it does not use"
            ),
        }
    }
}

impl std::error::Error for NoFreeSubnet {}

impl Controller {
    /// The networks that no tenant may share an address with: the engine's, and those that the host routes. Those of tenants are among
    /// them.
    pub(super) async fn other_networks(&self) -> Result<Vec<Network>, ActionError> {
        let (host, pool) = (Arc::clone(&self.deps.routes), self.deps.settings.pool.network());
        let routes = tokio::task::spawn_blocking(move || host.networks(pool));
        let (engine, routes) = tokio::join!(self.deps.engine.subnets(), routes);
        let routes = routes.map_err(|_| ActionError::Ending)?.map_err(ActionError::Routes)?;
        // What does not parse is IPv6, which overlaps with no tenant.
        let engine = engine?.into_iter().filter_map(|subnet| subnet.parse().ok());
        Ok(engine.chain(routes).collect())
    }

    /// The lowest subnet that neither a tenant nor any of `others` has, and that the engine has not refused.
    pub(super) fn free_subnet(
        &self,
        tenants: &[Environment],
        others: &[Network],
        refused: &BTreeSet<Subnet>,
    ) -> Result<Subnet, NoFreeSubnet> {
        let pool = self.deps.settings.pool;
        let of_tenants: BTreeSet<Subnet> = tenants.iter().map(|tenant| tenant.decided.subnet).collect();
        let taken: BTreeSet<Subnet> = of_tenants.union(refused).copied().collect();
        pool.lowest_free(&taken, others).ok_or_else(|| {
            let strange = |other: &&Network| {
                other.overlaps(pool.network()) && !of_tenants.iter().any(|subnet| other.lies_in(subnet.network()))
            };
            let why = match others.iter().find(strange) {
                _ if !refused.is_empty() => Why::Refused(refused.len()),
                Some(other) => Why::Other(*other),
                None => Why::UsedUp,
            };
            NoFreeSubnet { pool, why }
        })
    }

    /// Gives a tenant another subnet, which the engine has not `refused`, and records it.
    pub(super) async fn move_to_another_subnet(
        &self,
        id: EnvId,
        refused: &BTreeSet<Subnet>,
    ) -> Result<Subnet, ActionError> {
        let others = self.other_networks().await?;
        // As a spawn does: no two choose the same one.
        let _allocation = self.allocation.lock().await;
        let tenants = self.deps.store.environments(None).await?;
        let subnet = self.free_subnet(&tenants, &others, refused)?;
        self.deps.store.set_subnet(id, subnet).await?;
        Ok(subnet)
    }

    /// Moves a tenant of which the engine holds nothing any more, where its subnet is used for something else meanwhile: a bridge that a
    /// killed engine left, a new network of the host. Where no other subnet is free, it keeps its own, which may still do.
    pub(super) async fn move_off_used_addresses(&self, tenant: &mut Environment) -> Result<(), ActionError> {
        let (id, before) = (tenant.id, tenant.decided.subnet);
        if before.is_free(&BTreeSet::new(), &self.other_networks().await?) {
            return Ok(());
        }
        match self.move_to_another_subnet(id, &BTreeSet::new()).await {
            Ok(subnet) => {
                tenant.decided.subnet = subnet;
                log::warning!("tenant_moved", tenant = id, from = before, to = subnet, reason = "its subnet is in use");
            }
            Err(ActionError::NoFreeSubnet(error)) => {
                log::warning!("tenant_not_moved", tenant = id, subnet = before, error = error);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }
}
