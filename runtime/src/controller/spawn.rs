//! Makes a tenant: all of it, or nothing.

use super::build::Volumes;
use super::transitions::Transition;
use super::{ActionError, Controller, spec};
use crate::doors::{Door, Doorway};
use crate::log;
use crate::names::{EnvId, Name, OrgId};
use crate::release::Choice;
use crate::store::{Environment, ImageRecord, NewEnvironment, Status};
use crate::subnet::{Network, Subnet};
use crate::tenant_key::{ApiKey, KeyNonce};
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
    Canary(Transition),
}

/// What is to be made.
pub(super) struct Wish {
    pub(super) kind: Kind,
    pub(super) name: String,
    pub(super) org: OrgId,
    pub(super) image: ImageRecord,
}

/// A tenant whose container was started, and on which nobody else works yet.
pub(super) struct Made {
    pub(super) tenant: Environment,
    pub(super) key: ApiKey,
    pub(super) transition: Transition,
}

/// What a spawn has been given before it makes anything. Dropping it closes the door and lets others work on the tenant.
struct Place {
    tenant: Environment,
    key: ApiKey,
    door: Door,
    transition: Transition,
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
        let image = self.parts.catalog.pick(&request.choice)?.record.clone();
        let org = request.org.unwrap_or(OrgId::DEFAULT);
        self.parts.store.organization(org).await?.ok_or(ActionError::UnknownOrganization(org))?;
        let wish = Wish { kind: Kind::Tenant, name: request.name.into(), org, image };
        let Made { tenant, key, transition } = self.make(wish).await?;
        drop(transition);
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
    pub(super) async fn make(&self, wish: Wish) -> Result<Made, ActionError> {
        let _turn = self.turn().await?;
        let (surveyed, image, others) = tokio::join!(self.survey(), self.image_of(&wish.image), self.networks());
        surveyed?;
        let (image, others) = (image?, others?);
        let Place { mut tenant, key, door, transition } = self.place(wish, &others).await?;
        let built = match self.build(&tenant, &image, &key).await {
            Ok(()) => self.promise(&mut tenant).await,
            Err(error) => Err(error),
        };
        if let Err(error) = built {
            door.close().await;
            log::warning!("spawn_undone", tenant = tenant.id, error = log::chain(&error));
            self.undo(&tenant).await;
            return Err(error);
        }
        self.live.add(tenant.id, door);
        self.live.runs(Self::target(&tenant));
        Ok(Made { tenant, key, transition })
    }

    /// Records that the tenant is there to stay. The canary is not: whoever finds its row after a crash finds a spawn that was cut short.
    async fn promise(&self, tenant: &mut Environment) -> Result<(), ActionError> {
        if tenant.id != EnvId::CANARY {
            self.parts.store.set_status(tenant.id, Status::Running).await?;
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
        let subnets = self.parts.engine.subnets().await?;
        // Those of IPv6 are in nobody's way.
        Ok(subnets.iter().filter_map(|subnet| subnet.parse().ok()).collect())
    }

    /// Chooses a port and a subnet, and records the tenant under a number of its own, one spawn after the other.
    async fn place(&self, wish: Wish, others: &[Network]) -> Result<Place, ActionError> {
        let Wish { kind, name, org, image } = wish;
        let _alone = self.allocation.lock().await;
        let tenants = self.parts.store.environments(None).await?;
        let doorway = self.free_port(&kind, &tenants)?;
        let port = doorway.port();
        let nonce = KeyNonce::random()?;
        let key = self.parts.secret.key(&nonce);
        let new = NewEnvironment {
            org,
            name,
            port,
            subnet: self.free_subnet(&kind, &tenants, others)?,
            nonce,
            key_hash: key.hash(),
            image,
        };
        // The row first: a door that is open has its socket with systemd, whom only a closing door tells to let go of it.
        let (tenant, transition) = match kind {
            Kind::Tenant => {
                let tenant = self.parts.store.insert_environment(new).await?;
                let transition = self.transitions.begin(tenant.id).await;
                (tenant, transition)
            }
            Kind::Canary(transition) => (self.parts.store.insert_canary(new).await?, transition),
        };
        match self.parts.doors.open(doorway) {
            Ok(door) => Ok(Place { tenant, key, door, transition }),
            Err(source) => {
                self.undo(&tenant).await;
                Err(ActionError::Door { port, source })
            }
        }
    }

    /// A port that neither a tenant nor another program holds.
    fn free_port(&self, kind: &Kind, tenants: &[Environment]) -> Result<Doorway, ActionError> {
        let (first, last) = self.parts.settings.doors;
        let taken: BTreeSet<u16> = tenants.iter().map(|tenant| tenant.decided.port).collect();
        let mut free = (first..=last).filter(|port| !taken.contains(port));
        let take = |port| self.parts.doors.take(port).ok();
        let doorway = match kind {
            Kind::Tenant => free.find_map(take),
            Kind::Canary(_) => free.rev().find_map(take),
        };
        doorway.ok_or(ActionError::NoFreePort { first, last })
    }

    fn free_subnet(&self, kind: &Kind, tenants: &[Environment], others: &[Network]) -> Result<Subnet, ActionError> {
        let taken = tenants.iter().map(|tenant| tenant.decided.subnet).collect();
        let pool = self.parts.settings.pool;
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
            Ok(()) => self.parts.store.remove_environment(id).await,
            Err(error) => {
                log::warning!("undo_postponed", tenant = id, error = log::chain(&error));
                self.parts.store.set_destroying(id).await
            }
        };
        if let Err(error) = undone {
            log::error!("undo_postponed", tenant = id, error = log::chain(&error));
        }
    }
}
