//! Decides about tenants and organizations, and acts on the store, the engine and the tenants' ports.
//!
//! One worker a tenant at a time (`tenant_locks`). What a worker begins it finishes or undoes, also when the caller hangs up: actions that
//! change something run in tasks of their own. What a crash cuts short is finished or undone by the [`reconcile`](Controller::reconcile) loop.

mod backoff;
mod build;
mod canary;
mod decide;
mod destroy;
mod error;
mod health;
mod live;
mod logs;
mod organizations;
mod probe;
mod reconcile;
mod run_as;
mod samples;
mod selfcheck;
mod spawn;
mod spec;
mod status;
mod tenant_locks;

pub use canary::CanaryError;
pub use error::ActionError;
pub use health::Health;
pub use logs::{DEFAULT_TAIL, LogQuery, MAX_TAIL};
pub use selfcheck::{Check, SELF_CHECK_LIMIT, SelfCheck};
pub use spawn::{SpawnRequest, Spawned};
pub use status::{ServiceHealth, TenantStatus, TenantSummary};

use crate::engine::ContainerEngine;
use crate::identity::{EnvId, HostSecret};
use crate::release::Catalog;
use crate::service::log;
use crate::settings::Settings;
use crate::store::{Environment, Status, Store};
use crate::tenant_ports::TenantPorts;
use live::Live;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tenant_locks::TenantLocks;
use tokio::sync::{OnceCell, Semaphore, watch};

/// Tenants that are made at a time: more would only wait for each other inside the engine.
const SPAWNS_AT_ONCE: usize = 4;
/// How old the last sign of life of the reconcile loop may be: one tenant may wait for several engine calls that time out.
const LIVELY: Duration = Duration::from_mins(5);

/// What a controller works with.
pub struct Dependencies {
    /// What the operator decided.
    pub settings: Settings,
    /// What the installed release offers.
    pub catalog: Catalog,
    /// What should be.
    pub store: Store,
    /// What is.
    pub engine: Arc<dyn ContainerEngine>,
    /// What tenants' keys are derived from.
    pub secret: HostSecret,
    /// The tenants' ports.
    pub ports: TenantPorts,
}

/// Decides and acts. Shared by the API, the reconcile loop and the watchdog.
pub struct Controller {
    deps: Dependencies,
    live: Live,
    locks: TenantLocks,
    /// Held while a port, a subnet and a number are chosen.
    allocation: tokio::sync::Mutex<()>,
    spawning: Semaphore,
    /// Whether all that the engine holds was looked at since the start.
    surveyed: OnceCell<()>,
    /// The last sign of life of the reconcile loop.
    last_beat: Mutex<Instant>,
    health: tokio::sync::Mutex<Option<(Instant, ServiceHealth)>>,
    /// Turns true when the service ends.
    ending: watch::Sender<bool>,
}

impl Controller {
    /// A controller, with the ports of all known tenants open: clients wait until their tenant is found.
    pub async fn new(deps: Dependencies) -> Result<Arc<Self>, ActionError> {
        let controller = Self {
            deps,
            live: Live::default(),
            locks: TenantLocks::default(),
            allocation: tokio::sync::Mutex::default(),
            spawning: Semaphore::new(SPAWNS_AT_ONCE),
            surveyed: OnceCell::new(),
            last_beat: Mutex::new(Instant::now()),
            health: tokio::sync::Mutex::default(),
            ending: watch::channel(false).0,
        };
        for tenant in controller.deps.store.environments(None).await? {
            if matches!(tenant.status, Status::Running | Status::Stopped) {
                controller.open_port(&tenant);
            }
        }
        controller.deps.ports.remove_unclaimed();
        Ok(Arc::new(controller))
    }

    /// The installed release.
    pub fn catalog(&self) -> &Catalog {
        &self.deps.catalog
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.deps.settings
    }

    /// The tenant whose subnet an address lies in.
    pub async fn tenant_at(&self, address: Ipv4Addr) -> Result<Option<Environment>, ActionError> {
        Ok(self.deps.store.environment_at(address).await?)
    }

    /// Whether the database answers and the reconcile loop turns: what the watchdog asks.
    pub async fn is_alive(&self) -> bool {
        let turned = self.last_beat.lock().unwrap_or_else(PoisonError::into_inner).elapsed() < LIVELY;
        turned && self.deps.store.check().await.is_ok()
    }

    /// Lets in nobody new, and returns when nothing is being made or removed and no caller is inside a door, where they have so long
    /// to leave by themselves.
    pub async fn drain(&self, patience: Duration) {
        self.ending.send_replace(true);
        tokio::join!(self.locks.idle(), self.deps.ports.drain(patience));
    }

    async fn tenant(&self, id: EnvId) -> Result<Environment, ActionError> {
        self.deps.store.environment(id).await?.ok_or(ActionError::NoSuchTenant(id))
    }

    /// Opens a tenant's port. A port that another program took meanwhile is tried again later.
    fn open_port(&self, tenant: &Environment) {
        let number = tenant.decided.port;
        let ports = &self.deps.ports;
        match ports.reserve(number).and_then(|reserved| ports.open(reserved)) {
            Ok(port) => self.live.add(tenant.id, port),
            Err(error) => log::error!("port_unavailable", tenant = tenant.id, port = number, error = error),
        }
    }

    fn target(tenant: &Environment) -> probe::Target {
        let decided = &tenant.decided;
        let address = SocketAddrV4::new(decided.subnet.tenant(), decided.image.port);
        probe::Target { id: tenant.id, address, path: decided.image.health.clone() }
    }
}
