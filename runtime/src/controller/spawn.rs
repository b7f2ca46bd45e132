//! Makes a tenant: all of it, or nothing.

use super::build::Volumes;
use super::transitions::Transition;
use super::{ActionError, Controller, spec};
use crate::doors::{Door, Doorway};
use crate::log;
use crate::names::{Name, OrgId};
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
        let record = self.parts.catalog.pick(&request.choice)?.record.clone();
        let org = request.org.unwrap_or(OrgId::DEFAULT);
        self.parts.store.organization(org).await?.ok_or(ActionError::UnknownOrganization(org))?;
        let _turn = self.turn().await?;
        let (surveyed, image, others) = tokio::join!(self.survey(), self.image_of(&record), self.networks());
        surveyed?;
        let (image, others) = (image?, others?);
        let Place { mut tenant, key, door, transition } = self.place(request.name, org, record, &others).await?;
        let id = tenant.id;
        let built = match self.build(&tenant, &image, &key).await {
            Ok(()) => self.parts.store.set_status(id, Status::Running).await.map_err(ActionError::from),
            Err(error) => Err(error),
        };
        if let Err(error) = built {
            door.close().await;
            log::warning!("spawn_undone", tenant = id, error = log::chain(&error));
            self.undo(&tenant).await;
            return Err(error);
        }
        self.live.add(id, door);
        self.live.runs(Self::target(&tenant));
        drop(transition);
        let (port, image) = (tenant.decided.port, &tenant.decided.image.name);
        log::info!(
            "tenant_spawned",
            tenant = id,
            name = tenant.decided.name,
            port = port,
            image = image,
            ms = start.elapsed().as_millis()
        );
        tenant.status = Status::Running;
        Ok(Spawned { tenant, key })
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
    async fn place(
        &self,
        name: Name,
        org: OrgId,
        image: ImageRecord,
        others: &[Network],
    ) -> Result<Place, ActionError> {
        let _alone = self.allocation.lock().await;
        let tenants = self.parts.store.environments(None).await?;
        let doorway = self.free_port(&tenants)?;
        let port = doorway.port();
        let nonce = KeyNonce::random()?;
        let key = self.parts.secret.key(&nonce);
        let new = NewEnvironment {
            org,
            name: name.into(),
            port,
            subnet: self.free_subnet(&tenants, others)?,
            nonce,
            key_hash: key.hash(),
            image,
        };
        // The row first: a door that is open has its socket with systemd, whom only a closing door tells to let go of it.
        let tenant = self.parts.store.insert_environment(new).await?;
        let transition = self.transitions.begin(tenant.id).await;
        match self.parts.doors.open(doorway) {
            Ok(door) => Ok(Place { tenant, key, door, transition }),
            Err(source) => {
                self.undo(&tenant).await;
                Err(ActionError::Door { port, source })
            }
        }
    }

    /// The lowest port that neither a tenant nor another program holds.
    fn free_port(&self, tenants: &[Environment]) -> Result<Doorway, ActionError> {
        let (first, last) = self.parts.settings.doors;
        let taken: BTreeSet<u16> = tenants.iter().map(|tenant| tenant.decided.port).collect();
        let mut free = (first..=last).filter(|port| !taken.contains(port));
        free.find_map(|port| self.parts.doors.take(port).ok()).ok_or(ActionError::NoFreePort { first, last })
    }

    fn free_subnet(&self, tenants: &[Environment], others: &[Network]) -> Result<Subnet, ActionError> {
        let taken = tenants.iter().map(|tenant| tenant.decided.subnet).collect();
        let pool = self.parts.settings.pool;
        pool.lowest_free(&taken, others).ok_or_else(|| ActionError::NoFreeSubnet(pool.to_string()))
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
