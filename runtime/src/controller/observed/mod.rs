//! What this process observes of tenants: open ports, health, samples of use, and attempts to start them. Lost with the process.

mod backoff;
mod check;
mod health;
mod outcome;
mod probe;
mod samples;

pub(in crate::controller) use check::Target;
pub use health::Health;
pub(in crate::controller) use outcome::LastCheck;
pub(in crate::controller) use samples::{Figures, Samples, megabytes};

use crate::engine::{ContainerEngine, Usage};
use crate::identity::EnvId;
use crate::tenant_ports::{Backend, TenantPort};
use backoff::StartBackoff;
use check::Checker;
use probe::Reports;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// All tenants with an open port.
#[derive(Debug, Default)]
pub(in crate::controller) struct ObservedTenants {
    tenants: Mutex<HashMap<EnvId, Tenant>>,
}

#[derive(Debug)]
struct Tenant {
    port: TenantPort,
    health: watch::Sender<Health>,
    last_check: watch::Sender<Option<LastCheck>>,
    /// Whether this service has paused its container.
    paused: watch::Sender<bool>,
    /// Checks its health while its container runs.
    watcher: Option<Watcher>,
    samples: Samples,
    backoff: StartBackoff,
    ends: Ends,
}

/// How often a tenant was started again since this process started, and how its container ended last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::controller) struct Ends {
    pub(in crate::controller) restarts: u32,
    pub(in crate::controller) last_exit: Option<i64>,
}

#[derive(Debug)]
struct Watcher(JoinHandle<()>);

impl Drop for Watcher {
    fn drop(&mut self) {
        // Otherwise the task would go on, and set the backend for a container that was replaced.
        self.0.abort();
    }
}

impl ObservedTenants {
    fn tenants(&self) -> MutexGuard<'_, HashMap<EnvId, Tenant>> {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a tenant has an open port.
    pub(in crate::controller) fn has(&self, id: EnvId) -> bool {
        self.tenants().contains_key(&id)
    }

    /// Adds a tenant with its open port. Clients wait until it runs.
    pub(in crate::controller) fn add(&self, id: EnvId, port: TenantPort) {
        let tenant = Tenant {
            port,
            health: watch::channel(Health::Starting).0,
            last_check: watch::channel(None).0,
            paused: watch::channel(false).0,
            watcher: None,
            samples: Samples::default(),
            backoff: StartBackoff::default(),
            ends: Ends::default(),
        };
        self.tenants().insert(id, tenant);
    }

    /// A tenant's container runs: checks its health, and connects clients as soon as it answers.
    pub(in crate::controller) fn started(&self, target: Target, engine: Arc<dyn ContainerEngine>) {
        if let Some(tenant) = self.tenants().get_mut(&target.id) {
            tenant.health.send_replace(Health::Starting);
            // Until it answers: clients that connected to the last run's address wait, and are not refused.
            tenant.port.backend().set(Backend::Pending);
            // A difference between samples of two runs means nothing.
            tenant.samples = Samples::default();
            // Checks of the container before say nothing about this one.
            tenant.last_check.send_replace(None);
            let reports = Reports {
                backend: tenant.port.backend().clone(),
                health: tenant.health.clone(),
                last_check: tenant.last_check.clone(),
            };
            let checks = probe::watch(Checker::new(target, engine), reports, tenant.paused.subscribe());
            tenant.watcher = Some(Watcher(tokio::spawn(checks)));
        }
    }

    /// Notes that this service pauses a tenant's container, or lets it go on.
    pub(in crate::controller) fn note_pause(&self, id: EnvId, is_paused: bool) {
        if let Some(tenant) = self.tenants().get(&id) {
            tenant.paused.send_replace(is_paused);
        }
    }

    /// Whether a tenant's container ran when it was last observed.
    pub(in crate::controller) fn is_running(&self, id: EnvId) -> bool {
        self.tenants().get(&id).is_some_and(|tenant| tenant.watcher.is_some())
    }

    /// The tenants whose containers ran when they were last observed.
    pub(in crate::controller) fn running(&self) -> BTreeSet<EnvId> {
        self.tenants().iter().filter(|(_, tenant)| tenant.watcher.is_some()).map(|(id, _)| *id).collect()
    }

    /// Whether a tenant's address has been out of reach for long while its container ran.
    pub(in crate::controller) fn is_lost(&self, id: EnvId, now: Instant) -> bool {
        self.last_check(id).is_some_and(|check| check.is_lost(now))
    }

    /// The last check of a tenant's health since its container was started.
    pub(in crate::controller) fn last_check(&self, id: EnvId) -> Option<LastCheck> {
        self.tenants().get(&id).and_then(|tenant| *tenant.last_check.borrow())
    }

    /// Notes the exit code of a tenant's container, where the engine reports one.
    pub(in crate::controller) fn note_exit(&self, id: EnvId, code: Option<i64>) {
        if let Some(tenant) = self.tenants().get_mut(&id) {
            tenant.ends.last_exit = code.or(tenant.ends.last_exit);
        }
    }

    /// Counts that a tenant was started again.
    pub(in crate::controller) fn count_restart(&self, id: EnvId) {
        if let Some(tenant) = self.tenants().get_mut(&id) {
            tenant.ends.restarts = tenant.ends.restarts.saturating_add(1);
        }
    }

    /// How often a tenant was started again, and how its container ended last.
    pub(in crate::controller) fn ends(&self, id: EnvId) -> Ends {
        self.tenants().get(&id).map_or(Ends::default(), |tenant| tenant.ends)
    }

    /// A tenant's container does not run. Clients wait if it is likely to be back soon.
    pub(in crate::controller) fn stopped(&self, id: EnvId) {
        if let Some(tenant) = self.tenants().get_mut(&id) {
            tenant.watcher = None;
            tenant.health.send_replace(Health::Unhealthy);
            tenant.port.backend().set(if tenant.backoff.is_hopeless() { Backend::Down } else { Backend::Pending });
        }
    }

    /// A tenant is not to run, and will not be back soon: clients are refused.
    pub(in crate::controller) fn held_back(&self, id: EnvId) {
        if let Some(tenant) = self.tenants().get_mut(&id) {
            tenant.watcher = None;
            tenant.health.send_replace(Health::Unhealthy);
            tenant.port.backend().set(Backend::Down);
        }
    }

    /// Whether a tenant may be started now.
    pub(in crate::controller) fn may_start(&self, id: EnvId, now: Instant) -> bool {
        // A tenant whose port could not be opened is not in the map, and nothing counts its attempts.
        self.tenants().get(&id).is_none_or(|tenant| tenant.backoff.allows(now))
    }

    /// Counts an attempt to start a tenant.
    pub(in crate::controller) fn count_start(&self, id: EnvId, now: Instant) {
        if let Some(tenant) = self.tenants().get_mut(&id) {
            tenant.backoff.count(now);
        }
    }

    /// Closes a tenant's port for good.
    pub(in crate::controller) async fn remove(&self, id: EnvId) {
        // A statement of its own, so that the mutex is not held while the port closes.
        let tenant = self.tenants().remove(&id);
        if let Some(tenant) = tenant {
            tenant.port.close().await;
        }
    }

    /// A tenant's health.
    pub(in crate::controller) fn health(&self, id: EnvId) -> Health {
        self.tenants().get(&id).map_or(Health::Unhealthy, |tenant| *tenant.health.borrow())
    }

    /// A tenant's health from now on.
    pub(in crate::controller) fn watch_health(&self, id: EnvId) -> Option<watch::Receiver<Health>> {
        self.tenants().get(&id).map(|tenant| tenant.health.subscribe())
    }

    /// The last samples of what a tenant uses.
    pub(in crate::controller) fn samples(&self, id: EnvId) -> Samples {
        self.tenants().get(&id).map_or(Samples::default(), |tenant| tenant.samples)
    }

    /// Adds a sample.
    pub(in crate::controller) fn add_sample(&self, id: EnvId, usage: Usage, now: Instant) -> Samples {
        let samples = self.samples(id).then(usage, now);
        if let Some(tenant) = self.tenants().get_mut(&id) {
            tenant.samples = samples;
        }
        samples
    }
}
