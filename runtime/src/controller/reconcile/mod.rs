//! Makes the engine agree with the database, after a crash of either, a reboot, or changes by hand.
//!
//! Each round lists the containers with our label, compares them with the rows, and reconciles each tenant on which the two disagree.
//! That happens under the tenant's lock, with the row and the container read again: the listing may be older than what another task did
//! meanwhile.

mod decide;
mod disagreement;
mod limits;
mod numbers;

use super::provision::spec;
use super::{ActionError, Controller};
use crate::engine::{Listing, Owned, Volumes};
use crate::identity::EnvId;
use crate::service::log;
use crate::store::{Environment, Status};
use decide::{Action, Observed, decide};
use disagreement::{Connection, disagreeing};
use futures_util::StreamExt as _;
use std::convert::Infallible;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

/// Pause between two rounds.
const PAUSE: Duration = Duration::from_secs(5);
/// Every so many rounds, networks and volumes are listed, too: only a restored database makes orphans of them.
const FULL_EVERY: u32 = 12;
/// Every so many rounds the engine is asked again for a network where it refused one.
const RETRY_EVERY: u32 = 6;
/// Tenants that are reconciled at a time.
const AT_ONCE: usize = 4;
/// Pause before the engine's events are requested again.
const EVENTS_PAUSE: Duration = Duration::from_secs(1);

impl Controller {
    /// Reconciles in rounds, and as soon as a container ends or a tenant uses up the disk. Returns only where the database is not this host's: nothing is removed by it.
    pub async fn reconcile(&self) -> ActionError {
        tokio::select! {
            lost = self.reconcile_in_rounds() => lost,
            never = self.reconcile_on_exit() => match never {},
            never = self.watch_disk() => match never {},
            never = self.watch_output() => match never {},
        }
    }

    async fn reconcile_in_rounds(&self) -> ActionError {
        let mut engine_was_up = true;
        let mut round = 0_u32;
        let ours = Owned::all(&self.deps.installation);
        loop {
            // After an outage of the engine, anything may have changed in it.
            let listed = if round.is_multiple_of(FULL_EVERY) || !engine_was_up {
                let all = self.deps.engine.list(ours.selector()).await;
                all.inspect(|listing| self.recreated.replace(listing))
            } else {
                let containers = self.deps.engine.list_containers(ours.selector()).await;
                containers.map(|containers| Listing { containers, ..Listing::default() })
            };
            if listed.is_ok() != engine_was_up {
                engine_was_up = listed.is_ok();
                log::warning!("engine_changed", available = engine_was_up);
            }
            if let Ok(listing) = listed {
                if let Err(lost @ ActionError::DatabaseLost { .. }) = self.reconcile_all(&listing).await {
                    return lost;
                }
                if round.is_multiple_of(RETRY_EVERY)
                    && let Err(error) = self.retry_refused_network().await
                {
                    log::warning!("network_not_tried", error = log::chain(&error));
                }
            }
            // Also while the engine is down: a restart of this service by the watchdog would not bring the engine back.
            self.heartbeat();
            tokio::time::sleep(PAUSE).await;
            round = round.wrapping_add(1);
        }
    }

    /// Reconciles a tenant as soon as its container ends: clients may be waiting for it.
    async fn reconcile_on_exit(&self) -> Infallible {
        let ours = Owned::all(&self.deps.installation);
        loop {
            // Events are only a hint that saves waiting: an event that is missed costs at most one round.
            let exits = self.deps.engine.exits(ours.selector());
            let ended =
                exits.filter_map(|ended| std::future::ready(ended.ok().as_deref().and_then(spec::parse_number)));
            ended.for_each_concurrent(AT_ONCE, |id| self.reconcile_or_warn(id)).await;
            // The stream ended with its connection to the engine. What exits until the next one is found by a round.
            tokio::time::sleep(EVENTS_PAUSE).await;
        }
    }

    /// Reconciles what disagrees. Failures are logged, and what they left undone is tried again in the next round.
    async fn reconcile_all(&self, listing: &Listing) -> Result<(), ActionError> {
        let failed = |error: &ActionError| log::error!("reconcile_failed", error = log::chain(error));
        let rows = self.deps.store.environments(None).await.map_err(ActionError::from).inspect_err(failed)?;
        // Before orphans are removed: of them only volumes stay, which not every round lists. A failure must not keep
        // tenants down, and the next round reserves again.
        let reserved = self.reserve_numbers(listing, &rows).await.inspect_err(failed);
        if let Err(lost @ ActionError::DatabaseLost { .. }) = reserved {
            return Err(lost);
        }
        let connection = |id| Connection {
            is_running: self.observed.is_running(id),
            is_lost: self.observed.is_lost(id, Instant::now()),
            is_paused: self.output.is_paused(id),
        };
        let ids = disagreeing(&self.deps.installation, &rows, listing, connection);
        let reconcile = async |id| {
            self.reconcile_or_warn(id).await;
            // With each tenant, not with each round: the first round after a reboot starts all tenants, which may take longer than
            // the watchdog waits.
            self.heartbeat();
        };
        futures_util::stream::iter(ids).for_each_concurrent(AT_ONCE, reconcile).await;
        Ok(())
    }

    fn heartbeat(&self) {
        *self.last_heartbeat.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    async fn reconcile_or_warn(&self, id: EnvId) {
        if let Err(error) = self.reconcile_tenant(id).await {
            log::warning!("tenant_not_reconciled", tenant = id, error = log::chain(&error));
        }
    }

    /// Does what one tenant needs, unless another task works on it.
    async fn reconcile_tenant(&self, id: EnvId) -> Result<(), ActionError> {
        let lock = {
            // A spawn inserts its row and takes its lock under the same mutex: its row must not be taken for an interrupted spawn's.
            let _allocation = self.allocation.lock().await;
            // Not waited for: the task that holds it leaves the tenant settled, and the next round looks again.
            self.locks.try_lock(id)
        };
        let Some(_lock) = lock else { return Ok(()) };
        // Read again under the lock: the listing that led here may be seconds old.
        let row = self.deps.store.environment(id).await?;
        let container = self.deps.engine.inspect(&id.container()).await?;
        if let Some(ended) = container.as_ref().filter(|state| !state.running) {
            self.observed.note_exit(id, ended.exit_code);
        }
        if container.as_ref().is_some_and(|state| state.paused) && !self.output.is_paused(id) {
            // By a service that ended before it let it go on, or by hand: nothing else would.
            self.deps.engine.unpause(&id.container()).await?;
        }
        let observed = container.map(|state| Observed {
            running: state.running,
            ours: row
                .as_ref()
                .is_some_and(|row| spec::is_ours(&self.deps.installation, &state.labels, row.decided.key_hash)),
            reachable: state.networks.contains(&id.container()) && !self.observed.is_lost(id, Instant::now()),
        });
        let action = decide(row.as_ref().map(|row| (row.status, row.desired)), observed);
        if matches!(action, Action::Start | Action::Rebuild) {
            self.disk.first_look().await;
        }
        match (action, row) {
            (Action::Adopt | Action::Start | Action::Rebuild, Some(_)) if self.disk.stop_reason(id).is_some() => {
                self.keep_stopped(id, observed.is_some_and(|container| container.running)).await
            }
            (Action::RemoveOrphan, _) | (_, None) => self.remove_orphan(id).await,
            (Action::Leave, Some(_)) => Ok(()),
            (Action::Remove, Some(row)) => self.remove(&row).await,
            (Action::Adopt, Some(row)) => self.adopt(row).await,
            (Action::Start | Action::Rebuild, Some(row)) => self.restart(row, action).await,
        }
    }

    async fn remove_orphan(&self, id: EnvId) -> Result<(), ActionError> {
        if id == EnvId::CANARY {
            return self.clear_canary().await;
        }
        // Also here: a container may end, and be reconciled for that, before the first round looks.
        if self.deps.store.never_had_tenants().await? {
            return Err(ActionError::DatabaseLost { found: id.container() });
        }
        self.remove_owned(&spec::of_number(&self.deps.installation, id), Volumes::Keep).await?;
        log::warning!("orphan_removed", tenant = id, volumes = "kept");
        Ok(())
    }

    /// Connects clients to a container that runs.
    async fn adopt(&self, mut tenant: Environment) -> Result<(), ActionError> {
        // Another program held its port when it was to be opened.
        if !self.observed.has(tenant.id) {
            self.open_port(&tenant);
        }
        if !self.observed.is_running(tenant.id) {
            self.apply_limits(&mut tenant).await?;
            self.begin_checks(&tenant);
            log::info!("tenant_adopted", tenant = tenant.id);
        }
        if tenant.status != Status::Running {
            self.deps.store.set_status(tenant.id, Status::Running).await?;
        }
        Ok(())
    }

    /// Starts a tenant that should run, unless its backoff says to wait.
    async fn restart(&self, mut tenant: Environment, action: Action) -> Result<(), ActionError> {
        let (id, now) = (tenant.id, Instant::now());
        // First, so that clients wait or are refused, rather than being connected to a container that is gone.
        self.observed.stopped(id);
        if self.observed.may_start(id, now) {
            // Before the attempt, so that one that fails counts.
            self.observed.count_start(id, now);
            match self.start_or_rebuild(&mut tenant, action).await {
                Ok(()) => {
                    self.observed.count_restart(id);
                    log::info!(
                        "tenant_restarted",
                        tenant = id,
                        rebuilt = (action == Action::Rebuild),
                        ms = now.elapsed().as_millis()
                    );
                    return self.adopt(tenant).await;
                }
                Err(error) => log::warning!("tenant_not_restarted", tenant = id, error = log::chain(&error)),
            }
        }
        // Written only where it changes: a tenant that keeps failing must not wear out the disk with each round.
        if tenant.status == Status::Running {
            self.deps.store.set_status(id, Status::Stopped).await?;
        }
        Ok(())
    }

    /// Starts the container. Where there is none, it is not this tenant's, or it does not start because its network is gone, creates it
    /// again around the same volumes.
    async fn start_or_rebuild(&self, tenant: &mut Environment, action: Action) -> Result<(), ActionError> {
        if action == Action::Start {
            match self.deps.engine.start(&tenant.id.container()).await {
                // What the engine refuses is a fault of this container or its network: it is created again below.
                Err(error) if !error.is_unavailable() => {
                    log::warning!("tenant_not_started", tenant = tenant.id, error = log::chain(&error));
                }
                // An engine that does not answer says nothing about the container, which is not removed for it.
                other => return Ok(other?),
            }
        }
        self.rebuild(tenant).await
    }

    /// Creates a tenant's container again, around the same volumes.
    async fn rebuild(&self, tenant: &mut Environment) -> Result<(), ActionError> {
        // Key and image before the removal: without them, the container could not be created again.
        let key = self.key_of(tenant)?;
        let image = self.image_of(&tenant.decided.image).await?;
        let lost = self.lost_volumes(tenant).await?;
        // By number and not by instance: after a restored backup, another tenant's container may have this one's name.
        self.remove_owned(&spec::of_number(&self.deps.installation, tenant.id), Volumes::Keep).await?;
        self.move_off_used_addresses(tenant).await?;
        self.provision(tenant, &image, &key, &lost).await
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::controller::{Dependencies, HEARTBEAT_TIMEOUT};
    use crate::disk::KernelDisks;
    use crate::engine::InstallationId;
    use crate::engine::fake::FakeContainerEngine;
    use crate::identity::{HostSecret, KeyHash, KeyNonce, OrgId};
    use crate::network::{KernelRoutes, TenantAddresses};
    use crate::release::Catalog;
    use crate::service::FdStore;
    use crate::settings::Settings;
    use crate::store::{ImageRecord, Migrations, NewEnvironment, Store};
    use crate::tenant_ports::TenantPorts;
    use landfall_manifests::Tenant;
    use std::sync::Arc;

    fn tenant(number: u16) -> NewEnvironment {
        let tenant = Tenant::new("rust", 80, "/".parse().unwrap());
        NewEnvironment {
            org: OrgId::DEFAULT,
            name: "acme".into(),
            port: number,
            subnet: format!("10.213.{number}.0/29").parse().unwrap(),
            nonce: KeyNonce([0; 16]),
            key_hash: KeyHash::of(&number.to_string()),
            image: ImageRecord { name: "hello".into(), config: "sha256:00".into(), diff_ids: vec![], tenant },
        }
    }

    #[tokio::test]
    async fn a_round_has_a_heartbeat_with_each_tenant() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings::parse("[api]\naddress = \"127.0.0.1\"").unwrap();
        let engine = Arc::new(FakeContainerEngine::default());
        let deps = Dependencies {
            catalog: Catalog { version: "1.0.0".into(), serial: 1, images: vec![] },
            store: Store::open(&folder.path().join("landfall.db"), &Migrations::OWN).unwrap().0,
            engine: engine.clone(),
            installation: InstallationId::from_random([1; 16]),
            secret: HostSecret::load_or_create(&folder.path().join("secret")).unwrap(),
            ports: TenantPorts::new(*settings.api.ip(), TenantAddresses::new(settings.pool, []), FdStore::disabled())
                .unwrap(),
            routes: Arc::new(KernelRoutes),
            disks: Arc::new(KernelDisks),
            settle_for: Duration::ZERO,
            settings,
        };
        let controller = Controller::new(deps).await.unwrap();
        controller.disk.looked_at();
        // One more than are reconciled at a time, so that the round goes on after the first.
        for number in 0..=u16::try_from(AT_ONCE).unwrap() {
            controller.deps.store.insert_environment(tenant(number)).await.unwrap();
        }
        let gate = engine.hold("inspect");
        *controller.last_heartbeat.lock().unwrap() = Instant::now().checked_sub(2 * HEARTBEAT_TIMEOUT).unwrap();
        assert!(!controller.is_alive().await);
        let nothing = Listing::default();
        gate.pass(1);
        let lives = async {
            while !controller.is_alive().await {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            _ = controller.reconcile_all(&nothing) => panic!("the round went on past the gate"),
            () = lives => {}
        }
    }
}
