//! What a spawn reserves before it creates anything: a number, a port, a subnet and a key.

use super::{SpawnKind, SpawnPlan};
use crate::controller::tenant_locks::TenantLock;
use crate::controller::{ActionError, Controller};
use crate::identity::{ApiKey, KeyNonce};
use crate::network::Network;
use crate::store::{Environment, NewEnvironment};
use crate::tenant_ports::{ReservedPort, TenantPort};
use std::collections::BTreeSet;

/// What a spawn has reserved. Dropping it closes the port and releases the lock; the row stays.
pub(super) struct Reservation {
    pub(super) tenant: Environment,
    pub(super) key: ApiKey,
    pub(super) port: TenantPort,
    pub(super) lock: TenantLock,
}

impl Controller {
    /// Chooses a port and a subnet, and records the tenant under a number of its own. One spawn at a time, so that no two choose the
    /// same.
    pub(super) async fn reserve(&self, plan: SpawnPlan, others: &[Network]) -> Result<Reservation, ActionError> {
        let SpawnPlan { kind, name, org, image } = plan;
        let _allocation = self.allocation.lock().await;
        // All rows, whatever their state: one that is half removed still has its port and its subnet.
        let tenants = self.deps.store.environments(None).await?;
        // The port before the row: it is bound, so that no other program can take it between the two.
        let reserved = self.free_port(&kind, &self.deps.store.taken_ports().await?)?;
        let number = reserved.port();
        let nonce = KeyNonce::random()?;
        let key = self.deps.secret.key(&nonce);
        let new = NewEnvironment {
            org,
            name,
            port: number,
            subnet: self.free_subnet(&tenants, others, &BTreeSet::new())?,
            nonce,
            key_hash: key.hash(),
            image,
        };
        // The row before the port: an open port has its socket in systemd's store, from which only closing the port removes it.
        let (tenant, lock) = match kind {
            SpawnKind::Tenant => {
                let tenant = self.deps.store.insert_environment(new).await?;
                // Still under `allocation`, which the reconcile loop takes before it tries a tenant's lock: it never
                // finds this row unlocked.
                let lock = self.locks.lock(tenant.id).await;
                (tenant, lock)
            }
            SpawnKind::Canary(lock) => (self.deps.store.insert_canary(new).await?, lock),
        };
        match self.deps.ports.open(reserved) {
            Ok(port) => Ok(Reservation { tenant, key, port, lock }),
            Err(source) => {
                self.undo(&tenant).await;
                Err(ActionError::OpenPort { port: number, source })
            }
        }
    }

    /// A port that neither a tenant nor another program holds.
    fn free_port(&self, kind: &SpawnKind, taken: &BTreeSet<u16>) -> Result<ReservedPort, ActionError> {
        let (first, last) = self.deps.settings.tenant_ports;
        let mut free = (first..=last).filter(|port| !taken.contains(port));
        // By binding it: only the kernel knows whether another program holds a port, and asking first would be a race.
        let reserve = |port| self.deps.ports.reserve(port).ok();
        let reserved = match kind {
            SpawnKind::Tenant => free.find_map(reserve),
            SpawnKind::Canary(_) => free.rev().find_map(reserve),
        };
        reserved.ok_or(ActionError::NoFreePort { first, last })
    }
}
