//! Decides about tenants and organizations, and acts on the store, the engine and the tenants' ports.
//!
//! One task works on a tenant at a time (`tenant_locks`). What it begins it finishes or undoes, even where the client disconnects: actions
//! that change something run in tasks of their own. What a crash interrupts is finished or undone by the
//! [`reconcile`](Controller::reconcile) loop.

mod container_end;
mod destroy;
mod disk;
mod error;
mod health;
mod log_turns;
mod logs;
mod lost_volumes;
mod observed;
mod organizations;
mod output;
mod provision;
mod reconcile;
mod selfcheck;
mod spawn;
mod status;
mod subnets;
mod tenant_locks;

pub use error::ActionError;
pub use health::{Problem, ServiceHealth};
pub use logs::{DEFAULT_TAIL, LogQuery, MAX_TAIL};
pub use observed::Health;
pub use selfcheck::{CanaryError, Check, SELF_CHECK_LIMIT, SelfCheck};
pub use spawn::{SpawnRequest, Spawned};
pub use status::{TenantStatus, TenantSummary};

use crate::disk::Disks;
use crate::engine::{ContainerEngine, InstallationId};
use crate::identity::{EnvId, HostSecret};
use crate::network::HostRoutes;
use crate::release::Catalog;
use crate::service::log;
use crate::settings::Settings;
use crate::store::{Environment, Status, Store};
use crate::tenant_ports::TenantPorts;
use disk::DiskWatch;
use health::KnownHealth;
use log_turns::LogTurns;
use lost_volumes::RecreatedVolumes;
use observed::{ObservedTenants, Target};
use output::OutputWatch;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tenant_locks::TenantLocks;
use tokio::sync::{OnceCell, Semaphore, watch};

/// Tenants that are spawned at a time: more would only wait for each other inside the engine.
const SPAWNS_AT_ONCE: usize = 4;
/// How old the last heartbeat of the reconcile loop may be: one tenant may wait for several engine calls that time out.
const HEARTBEAT_TIMEOUT: Duration = Duration::from_mins(5);

/// What a controller works with.
pub struct Dependencies {
    /// The operator's settings.
    pub settings: Settings,
    /// What the installed release offers.
    pub catalog: Catalog,
    /// The desired state.
    pub store: Store,
    /// The actual state.
    pub engine: Arc<dyn ContainerEngine>,
    /// What all that tenants have in the engine bears.
    pub installation: InstallationId,
    /// The secret that tenants' keys are derived from.
    pub secret: HostSecret,
    /// The tenants' ports.
    pub ports: TenantPorts,
    /// The host's own networks.
    pub routes: Arc<dyn HostRoutes>,
    /// The host's disks.
    pub disks: Arc<dyn Disks>,
    /// How long a spawn waits for its tenant to be healthy, to report a container that ends at once.
    pub settle_for: Duration,
}

/// Decides and acts. Shared by the API, the reconcile loop and the watchdog.
pub struct Controller {
    deps: Dependencies,
    observed: ObservedTenants,
    locks: TenantLocks,
    /// The tenants' turns at reading their output.
    log_turns: LogTurns,
    /// Locked while a spawn chooses a port, a subnet and a number, and takes the tenant's lock.
    allocation: tokio::sync::Mutex<()>,
    /// One permit for each spawn at a time.
    spawn_slots: Semaphore,
    /// Set once the numbers that the engine knows have been reserved.
    surveyed: OnceCell<()>,
    /// The last heartbeat of the reconcile loop.
    last_heartbeat: Mutex<Instant>,
    /// What is known of the service's health.
    health: tokio::sync::Mutex<KnownHealth>,
    /// Volumes of tenants that were gone, and were made again.
    recreated: RecreatedVolumes,
    /// What is known of the disk and of the tenants on it.
    disk: DiskWatch,
    /// The tenants' logs.
    output: OutputWatch,
    /// Why the engine made no network for a tenant when it was last asked to.
    refused_network: Mutex<Option<String>>,
    /// Turns true when the service stops.
    ending: watch::Sender<bool>,
}

impl Controller {
    /// A controller, with the ports of all known tenants open: clients wait until their tenant is found.
    pub async fn new(deps: Dependencies) -> Result<Arc<Self>, ActionError> {
        let controller = Self {
            deps,
            observed: ObservedTenants::default(),
            locks: TenantLocks::default(),
            log_turns: LogTurns::default(),
            allocation: tokio::sync::Mutex::default(),
            spawn_slots: Semaphore::new(SPAWNS_AT_ONCE),
            surveyed: OnceCell::new(),
            last_heartbeat: Mutex::new(Instant::now()),
            health: tokio::sync::Mutex::default(),
            recreated: RecreatedVolumes::default(),
            disk: DiskWatch::default(),
            output: OutputWatch::default(),
            refused_network: Mutex::default(),
            ending: watch::channel(false).0,
        };
        for tenant in controller.deps.store.environments(None).await? {
            // Also of a tenant that does not run: its clients wait for the reconcile loop to start it. A tenant that is
            // half spawned or half removed has no port: the reconcile loop removes it.
            match tenant.status {
                Status::Running | Status::Stopped => controller.open_port(&tenant),
                Status::Unknown => {
                    log::error!("tenant_left_alone", tenant = tenant.id, reason = "its state is unknown");
                }
                Status::Provisioning | Status::Destroying => {}
            }
        }
        // Only now: the API has taken its own sockets before, and the tenants have taken theirs above.
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

    /// Whether the database answers and the reconcile loop runs. For the watchdog.
    pub async fn is_alive(&self) -> bool {
        let reconciling =
            self.last_heartbeat.lock().unwrap_or_else(PoisonError::into_inner).elapsed() < HEARTBEAT_TIMEOUT;
        reconciling && self.deps.store.check().await.is_ok()
    }

    /// Stops accepting clients of tenants, and returns when no tenant is being spawned or removed and no connection is open. Connections
    /// get `patience` to end by themselves.
    pub async fn drain(&self, patience: Duration) {
        // Ends the wait for a canary's health: the canary is removed under its lock, for which `idle` waits.
        self.ending.send_replace(true);
        // At the same time: neither wait depends on the other, and the limit for stopping counts for both.
        tokio::join!(self.locks.idle(), self.deps.ports.drain(patience), self.resume_all());
    }

    async fn tenant(&self, id: EnvId) -> Result<Environment, ActionError> {
        self.deps.store.environment(id).await?.ok_or(ActionError::NoSuchTenant(id))
    }

    /// Opens a tenant's port. The reconcile loop tries again where another program took the port meanwhile.
    fn open_port(&self, tenant: &Environment) {
        let number = tenant.decided.port;
        let ports = &self.deps.ports;
        match ports.reserve(number).and_then(|reserved| ports.open(reserved)) {
            Ok(port) => self.observed.add(tenant.id, port),
            Err(error) => log::error!("port_unavailable", tenant = tenant.id, port = number, error = error),
        }
    }

    /// A tenant's container runs: checks its health from now on.
    fn begin_checks(&self, tenant: &Environment) {
        let (decided, image) = (&tenant.decided, &tenant.decided.image.tenant);
        let target = Target {
            id: tenant.id,
            address: SocketAddrV4::new(decided.subnet.tenant(), image.port),
            check: image.health.clone(),
            start_period: image.start_period.duration(),
        };
        self.observed.started(target, Arc::clone(&self.deps.engine));
    }
}
