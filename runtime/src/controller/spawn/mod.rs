//! Spawns a tenant: all of it, or nothing.

mod reservation;

use super::tenant_locks::TenantLock;
use super::{ActionError, Controller};
use crate::identity::{ApiKey, EnvId, Name, OrgId};
use crate::release::Choice;
use crate::service::log;
use crate::store::{Environment, ImageRecord, Status};
use reservation::Reservation;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::SemaphorePermit;

/// How long a spawn waits for the ones before it.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(30);

/// What a client asks for.
#[derive(Debug, Clone)]
pub struct SpawnRequest {
    /// The tenant's name.
    pub name: Name,
    /// The organization that owns it; the default one where none is named.
    pub org: Option<OrgId>,
    /// The image that it is created from.
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

/// Who a tenant is spawned for.
pub(super) enum SpawnKind {
    /// A client. The tenant gets the next number, and the lowest free port and subnet.
    Tenant,
    /// A self-check, which holds the canary's lock already. The canary uses up no number, and gets the highest free port, so that tenants
    /// that are spawned meanwhile get consecutive ones. Its subnet is chosen as a tenant's is: what a tenant cannot use fails the check.
    Canary(TenantLock),
}

/// What to spawn.
pub(super) struct SpawnPlan {
    pub(super) kind: SpawnKind,
    pub(super) name: String,
    pub(super) org: OrgId,
    pub(super) image: ImageRecord,
}

/// A tenant whose container was started, still locked.
pub(super) struct Started {
    pub(super) tenant: Environment,
    pub(super) key: ApiKey,
    pub(super) lock: TenantLock,
}

impl Controller {
    /// Spawns a tenant, and returns when it is healthy or has run for a moment; one whose container ends at once is undone. The work goes on when the client does not wait for it.
    pub async fn spawn(self: &Arc<Self>, request: SpawnRequest) -> Result<Spawned, ActionError> {
        let this = Arc::clone(self);
        // A task of its own, as in `destroy`: a client that disconnects leaves a whole tenant or none.
        let work = tokio::spawn(async move { this.spawn_tenant(request).await });
        work.await.unwrap_or(Err(ActionError::Ending))
    }

    async fn spawn_tenant(&self, request: SpawnRequest) -> Result<Spawned, ActionError> {
        let start = Instant::now();
        let image = self.deps.catalog.pick(&request.choice)?.clone();
        let org = request.org.unwrap_or(OrgId::DEFAULT);
        // Checked before anything is reserved, and once more by the
        // row's foreign key: the organization may be removed in between.
        self.deps.store.organization(org).await?.ok_or(ActionError::UnknownOrganization(org))?;
        let plan = SpawnPlan { kind: SpawnKind::Tenant, name: request.name.into(), org, image };
        let Started { tenant, key, lock } = self.start(plan).await?;
        if let Some(code) = self.ended_at_once(tenant.id, self.deps.settle_for).await {
            let error = ActionError::EndedAtOnce { code, output: self.last_lines(tenant.id).await };
            log::warning!("spawn_undone", tenant = tenant.id, error = log::chain(&error));
            self.observed.remove(tenant.id).await;
            self.undo(&tenant).await;
            return Err(error);
        }
        // Only now: until the row says that it runs, and it is known not to have ended at once, the reconcile loop must not look at this
        // tenant.
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

    /// Creates and starts all of a tenant, or leaves nothing of it.
    pub(super) async fn start(&self, plan: SpawnPlan) -> Result<Started, ActionError> {
        self.check_memory(&plan.image)?;
        // 1. Wait for a turn. Undo: dropping it gives it to the next.
        let _turn = self.turn().await?;
        // Not a canary: it is removed at once, and its release is not to blame for a disk that is short.
        if matches!(plan.kind, SpawnKind::Tenant) {
            self.check_reserve().await?;
        }
        // 2. Read the engine's state, without changing it: its numbers are not assigned again, and its addresses are skipped.
        let (surveyed, image, others) = tokio::join!(self.survey(), self.image_of(&plan.image), self.other_networks());
        surveyed?;
        let (image, others) = (image?, others?);
        // 3. Reserve number, port and subnet, and record them. From here on a crash leaves a row that lists what to remove.
        //    Undo: close the port, remove the row.
        let Reservation { mut tenant, key, port, lock } = self.reserve(plan, &others).await?;
        // 4. Create network, volumes and container, and start it. Undo: remove all that bears this tenant's label.
        // 5. Record that it runs: what a crash leaves from here on is started again instead of removed.
        let started = match self.provision(&mut tenant, &image, &key, &[]).await {
            Ok(()) => self.mark_running(&mut tenant).await,
            Err(error) => Err(error),
        };
        if let Err(error) = started {
            // The port first, by closing: dropping it would leave its socket in systemd's store.
            port.close().await;
            log::warning!("spawn_undone", tenant = tenant.id, error = log::chain(&error));
            self.undo(&tenant).await;
            return Err(error);
        }
        // 6. Connect clients as soon as it is healthy.
        self.observed.add(tenant.id, port);
        self.begin_checks(&tenant);
        self.disk.tenant_created();
        Ok(Started { tenant, key, lock })
    }

    /// Refuses an image that needs more memory than a tenant may use: the kernel would kill it, now or later.
    fn check_memory(&self, image: &ImageRecord) -> Result<(), ActionError> {
        let limit = u64::try_from(self.deps.settings.limits.memory).unwrap_or_default();
        match image.tenant.memory.filter(|needed| *needed > limit) {
            Some(needed) => Err(ActionError::TooLittleMemory { image: image.name.clone(), needed, limit }),
            None => Ok(()),
        }
    }

    /// Records that the tenant runs. Not for the canary: its row always looks like a spawn that was interrupted, so that it is
    /// removed after a crash.
    async fn mark_running(&self, tenant: &mut Environment) -> Result<(), ActionError> {
        if tenant.id != EnvId::CANARY {
            self.deps.store.set_status(tenant.id, Status::Running).await?;
            tenant.status = Status::Running;
        }
        Ok(())
    }

    async fn turn(&self) -> Result<SemaphorePermit<'_>, ActionError> {
        // A bounded wait, shorter than the API's own limit: the client gets a reason and not a timeout.
        let turn = tokio::time::timeout(QUEUE_TIMEOUT, self.spawn_slots.acquire()).await;
        turn.map_err(|_| ActionError::Busy)?.map_err(|_| ActionError::Ending)
    }

    /// Removes what a spawn left. What the engine does not remove now, the reconcile loop removes later.
    async fn undo(&self, tenant: &Environment) {
        let id = tenant.id;
        // The row goes last: by it the reconcile loop finds what is left, and no other tenant gets its port and subnet.
        let undone = match self.remove_all(tenant).await {
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
