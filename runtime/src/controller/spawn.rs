//! Makes a tenant: all of it, or nothing.

use super::tenant_locks::TenantLock;
use super::{ActionError, Controller, spec};
use crate::engine::Volumes;
use crate::identity::{ApiKey, EnvId, KeyNonce, Name, OrgId};
use crate::network::{Network, Subnet};
use crate::release::Choice;
use crate::service::log;
use crate::store::{Environment, ImageRecord, NewEnvironment, Status};
use crate::tenant_ports::{ReservedPort, TenantPort};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::SemaphorePermit;

/// How long a spawn waits for those before it.
const QUEUE: Duration = Duration::from_secs(30);

/// What a caller asks for.
#[derive(Debug, Clone)]
pub struct SpawnRequest {
    /// What people will call the tenant.
    pub name: Name,
    /// Whose it is; the default organization's where nobody is named.
    pub org: Option<OrgId>,
    /// Which image it is made from.
    pub choice: Choice,
}

/// A tenant that runs.
#[derive(Debug)]
pub struct Spawned {
    /// The tenant.
    pub tenant: Environment,
    /// Its key, which is never shown again.
    pub key: ApiKey,
}

/// Who a tenant is made for.
pub(super) enum Kind {
    /// Whoever asked for it. It is given the next number, and the lowest port and subnet.
    Tenant,
    /// A self-check, which works on the canary already. It stays out of the way of tenants that are made meanwhile: it uses up no
    /// number, and takes the highest port and subnet.
    Canary(TenantLock),
}

/// What to make.
pub(super) struct SpawnPlan {
    pub(super) kind: Kind,
    pub(super) name: String,
    pub(super) org: OrgId,
    pub(super) image: ImageRecord,
}

/// A tenant whose container was started, and on which nobody else works yet.
pub(super) struct Made {
    pub(super) tenant: Environment,
    pub(super) key: ApiKey,
    pub(super) lock: TenantLock,
}

/// What a spawn reserves before it makes anything. Dropping it closes the port and releases the lock.
struct Reservation {
    tenant: Environment,
    key: ApiKey,
    port: TenantPort,
    lock: TenantLock,
}

impl Controller {
    /// Makes a tenant and returns when its container runs. The work goes on when the caller does not wait for it.
    pub async fn spawn(self: &Arc<Self>, request: SpawnRequest) -> Result<Spawned, ActionError> {
        let this = Arc::clone(self);
        let work = tokio::spawn(async move { this.spawn_whole(request).await });
        work.await.unwrap_or(Err(ActionError::Ending))
    }

    async fn spawn_whole(&self, request: SpawnRequest) -> Result<Spawned, ActionError> {
        let start = Instant::now();
        let image = self.deps.catalog.pick(&request.choice)?.record.clone();
        let org = request.org.unwrap_or(OrgId::DEFAULT);
        self.deps.store.organization(org).await?.ok_or(ActionError::UnknownOrganization(org))?;
        let plan = SpawnPlan { kind: Kind::Tenant, name: request.name.into(), org, image };
        let Made { tenant, key, lock } = self.make(plan).await?;
        drop(lock);
        let (id, port, image) = (tenant.id, tenant.decided.port, &tenant.decided.image.name);
        log::info!(
            "tenant_spawned",
            tenant = id,
            name = tenant.decided.name,
            port = port,
            image = image,
            ms = start.elapsed().as_millis()
        );
        Ok(Spawned { tenant, key })
    }

    /// Makes a tenant and starts it, or leaves nothing of it.
    pub(super) async fn make(&self, plan: SpawnPlan) -> Result<Made, ActionError> {
        let _turn = self.turn().await?;
        let (surveyed, image, others) = tokio::join!(self.survey(), self.image_of(&plan.image), self.networks());
        surveyed?;
        let (image, others) = (image?, others?);
        let Reservation { mut tenant, key, port, lock } = self.reserve(plan, &others).await?;
        let built = match self.build(&tenant, &image, &key).await {
            Ok(()) => self.mark_running(&mut tenant).await,
            Err(error) => Err(error),
        };
        if let Err(error) = built {
            port.close().await;
            log::warning!("spawn_undone", tenant = tenant.id, error = log::chain(&error));
            self.undo(&tenant).await;
            return Err(error);
        }
        self.live.add(tenant.id, port);
        self.live.runs(Self::target(&tenant));
        Ok(Made { tenant, key, lock })
    }

    /// Records that the tenant is there to stay. The canary is not: whoever finds its row after a crash finds a spawn that was cut short.
    async fn mark_running(&self, tenant: &mut Environment) -> Result<(), ActionError> {
        if tenant.id != EnvId::CANARY {
            self.deps.store.set_status(tenant.id, Status::Running).await?;
            tenant.status = Status::Running;
        }
        Ok(())
    }

    async fn turn(&self) -> Result<SemaphorePermit<'_>, ActionError> {
        let turn = tokio::time::timeout(QUEUE, self.spawning.acquire()).await;
        turn.map_err(|_| ActionError::Busy)?.map_err(|_| ActionError::Ending)
    }

    /// The networks that the engine holds, whose addresses it gives to no other.
    async fn networks(&self) -> Result<Vec<Network>, ActionError> {
        let subnets = self.deps.engine.subnets().await?;
        // Those of IPv6 are in nobody's way.
        Ok(subnets.iter().filter_map(|subnet| subnet.parse().ok()).collect())
    }

    /// Chooses a port and a subnet, and records the tenant under a number of its own, one spawn after the other.
    async fn reserve(&self, plan: SpawnPlan, others: &[Network]) -> Result<Reservation, ActionError> {
        let SpawnPlan { kind, name, org, image } = plan;
        let _alone = self.allocation.lock().await;
        let tenants = self.deps.store.environments(None).await?;
        let reserved = self.free_port(&kind, &tenants)?;
        let number = reserved.port();
        let nonce = KeyNonce::random()?;
        let key = self.deps.secret.key(&nonce);
        let new = NewEnvironment {
            org,
            name,
            port: number,
            subnet: self.free_subnet(&kind, &tenants, others)?,
            nonce,
            key_hash: key.hash(),
            image,
        };
        // The row before the port: an open port has its socket in systemd's store, from which only closing the port removes it.
        let (tenant, lock) = match kind {
            Kind::Tenant => {
                let tenant = self.deps.store.insert_environment(new).await?;
                let lock = self.locks.lock(tenant.id).await;
                (tenant, lock)
            }
            Kind::Canary(lock) => (self.deps.store.insert_canary(new).await?, lock),
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
    fn free_port(&self, kind: &Kind, tenants: &[Environment]) -> Result<ReservedPort, ActionError> {
        let (first, last) = self.deps.settings.tenant_ports;
        let taken: BTreeSet<u16> = tenants.iter().map(|tenant| tenant.decided.port).collect();
        let mut free = (first..=last).filter(|port| !taken.contains(port));
        let reserve = |port| self.deps.ports.reserve(port).ok();
        let reserved = match kind {
            Kind::Tenant => free.find_map(reserve),
            Kind::Canary(_) => free.rev().find_map(reserve),
        };
        reserved.ok_or(ActionError::NoFreePort { first, last })
    }

    fn free_subnet(&self, kind: &Kind, tenants: &[Environment], others: &[Network]) -> Result<Subnet, ActionError> {
        let taken = tenants.iter().map(|tenant| tenant.decided.subnet).collect();
        let pool = self.deps.settings.pool;
        let subnet = match kind {
            Kind::Tenant => pool.lowest_free(&taken, others),
            Kind::Canary(_) => pool.highest_free(&taken, others),
        };
        subnet.ok_or_else(|| ActionError::NoFreeSubnet(pool.to_string()))
    }

    /// Removes what a spawn left. What the engine does not remove now, the reconcile loop removes later.
    async fn undo(&self, tenant: &Environment) {
        let id = tenant.id;
        let undone = match self.clear(&spec::owned_by(tenant), Volumes::Remove).await {
            Ok(()) => self.deps.store.remove_environment(id).await,
            Err(error) => {
                log::warning!("undo_postponed", tenant = id, error = log::chain(&error));
                self.deps.store.set_destroying(id).await
            }
        };
        if let Err(error) = undone {
            log::error!("undo_postponed", tenant = id, error = log::chain(&error));
        }
    }
}
