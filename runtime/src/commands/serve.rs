use super::build_config::BuildConfig;
use super::error::CommandError;
use super::{refuse_lost_database, settings};
use crate::api::server::{self, Listeners};
use crate::api::{App, listen, router};
use crate::controller::{Controller, Dependencies};
use crate::disk::KernelDisks;
use crate::engine::{InstallationId, connect};
use crate::identity::{HostSecret, KeyHash, SecretError, admin_token};
use crate::network::{KernelRoutes, TenantAddresses};
use crate::release::{Catalog, Loaded};
use crate::service::mark_good::{MarkGood, MarkHealthy};
use crate::service::{FdStore, InheritedSockets, log, notify};
use crate::settings::Settings;
use crate::store::Store;
use crate::tenant_ports::TenantPorts;
use landfall_host::{Invocation, Layout, record};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Threads that serve. Blocking work has threads of its own.
const WORKERS: usize = 2;
/// Threads for the database, which one task uses at a time anyway, and for name lookups.
const BLOCKING: usize = 4;
/// How long to finish what was begun before the process ends: responses of the API, and tenants that are being spawned.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);
/// How long clients of tenants may take to finish when the service is stopped, before their connections are stored with systemd, which
/// closes them unless the service comes back. A restart by SIGTERM, which systemd before 244 sends, takes this long, too.
const STOP_PATIENCE: Duration = Duration::from_millis(500);

/// The longest file with an installation's id that is read, in bytes.
const INSTALLATION_ID_BYTES: u64 = 64;
/// How long a spawn waits for its tenant to be healthy: programs that cannot run end within a second or two, and most others answer by then.
const SETTLE_FOR: Duration = Duration::from_secs(3);

/// All that is opened before the first thread is started.
struct Opened {
    settings: Settings,
    catalog: Catalog,
    installation: InstallationId,
    store: Store,
    secret: HostSecret,
    admin: KeyHash,
    fd_store: FdStore,
    tcp: TcpListener,
    socket: UnixListener,
}

pub(super) fn run(layout: &Layout, config: &BuildConfig) -> Result<(), CommandError> {
    let start = Instant::now();
    let opened = open(layout, config)?;
    let mark = MarkGood {
        path: layout.proven(),
        release: opened.catalog.id(),
        after: config.mark_good_after,
        start: Invocation::current().map(|invocation| MarkHealthy { path: layout.healthy(), invocation }),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .max_blocking_threads(BLOCKING)
        .enable_all()
        .build()
        .map_err(CommandError::Start)?;
    let served = runtime.block_on(serve(opened, mark, start));
    // A thread that waits for a slow disk must not delay the end.
    runtime.shutdown_timeout(Duration::from_secs(1));
    served
}

fn open(layout: &Layout, config: &BuildConfig) -> Result<Opened, CommandError> {
    // 1. Inherited sockets, while there is one thread: the variables that announce them are removed.
    let fd_store = FdStore::new(InheritedSockets::from_environment());
    // 2. What is only read: where it cannot be used, nothing has been changed.
    let layers = settings(layout)?;
    for key in layers.unknown() {
        log::warning!("unknown_setting", key = key);
    }
    let settings = Settings::from(layers.settings());
    let admin = admin_token::load(&layout.admin_token())?;
    let installation = installation(layout)?;
    let Loaded { catalog, refused_today } = Loaded::of(layout)?;
    if let Some(reason) = refused_today {
        log::warning!("release_refused_today", release = catalog.id(), reason = reason);
    }
    // 3. The database, which is migrated where it is older. Clients queue at the inherited sockets meanwhile.
    refuse_lost_database(layout)?;
    let (store, _) = Store::open(&layout.database(), &config.migrations).map_err(CommandError::Database)?;
    let tenants = store.has_environments().map_err(CommandError::Database)?;
    let secret = secret(layout, tenants)?;
    // 4. The sockets last: whoever connects to a new one is answered soon.
    let socket = listen::on_socket(&layout.socket(), &fd_store)?;
    let tcp = listen::on_port(settings.api, &fd_store)?;
    Ok(Opened { settings, catalog, installation, store, secret, admin, fd_store, tcp, socket })
}

/// The id of this installation, by which it knows what is its own in the engine. Without it nothing there could be told from another's.
fn installation(layout: &Layout) -> Result<InstallationId, CommandError> {
    let path = layout.installation_id();
    let id = record::read_line(&path, INSTALLATION_ID_BYTES, "id of an installation")?;
    id.ok_or(CommandError::NoInstallationId { path })
}

/// The secret of this host, created at the first start. It is never created again once there are tenants: their keys are derived from it.
fn secret(layout: &Layout, tenants: bool) -> Result<HostSecret, SecretError> {
    let path = layout.tenant_keys();
    if tenants { HostSecret::load(&path) } else { HostSecret::load_or_create(&path) }
}

async fn serve(opened: Opened, mark: MarkGood, start: Instant) -> Result<(), CommandError> {
    let Opened { settings, catalog, installation, store, secret, admin, fd_store, tcp, socket } = opened;
    let (release, address) = (catalog.id(), settings.api);
    let tenants = store.environments(None).await.map_err(CommandError::ReadTenants)?;
    let tenants = TenantAddresses::new(settings.pool, tenants.into_iter().map(|tenant| tenant.decided.subnet));
    let listeners = Listeners {
        tcp: tokio::net::TcpListener::from_std(tcp).map_err(CommandError::Start)?,
        socket: tokio::net::UnixListener::from_std(socket).map_err(CommandError::Start)?,
    };
    let engine = connect::containers(settings.engine.clone());
    let ports = TenantPorts::new(*settings.api.ip(), tenants.clone(), fd_store).map_err(CommandError::Start)?;
    let dependencies = Dependencies {
        settings,
        catalog,
        store,
        engine,
        installation,
        secret,
        ports,
        routes: Arc::new(KernelRoutes),
        disks: Arc::new(KernelDisks),
        settle_for: SETTLE_FOR,
    };
    let controller = Controller::new(dependencies).await.map_err(CommandError::OpenPorts)?;
    // Before the service reports that it is ready. Where the engine does not answer yet, the reconcile loop looks before it acts.
    controller.check_database_is_this_hosts().await.map_err(CommandError::UnknownTenants)?;
    let (stop, stopping) = watch::channel(false);
    let app = App { controller: Arc::clone(&controller), admin, stopping: stopping.clone() };
    // Accepting before readiness is reported: whoever waits for systemd's start finds the API answering.
    let serving = tokio::spawn(server::serve(listeners, router(app), tenants, stopping));
    notify::ready(&format!("release {release}, API at {address}"));
    log::info!("serving", release = release, address = address, ms = start.elapsed().as_millis());
    // The service runs until a signal stops it: of the first three, only a database that is not this host's returns.
    tokio::select! {
        lost = controller.reconcile() => return Err(CommandError::UnknownTenants(lost)),
        () = notify::feed_watchdog(async || controller.is_alive().await) => {}
        () = mark_good(&mark, &controller) => {}
        patience = stop_signal() => drain(patience?, stop, serving, &controller).await,
    }
    Ok(())
}

async fn drain(patience: Duration, stop: watch::Sender<bool>, serving: JoinHandle<()>, controller: &Controller) {
    let start = Instant::now();
    notify::stopping();
    stop.send_replace(true);
    // Both at once, within one limit: requests of the API wait for spawns and removals, which `drain` waits for, too.
    let drained =
        tokio::time::timeout(DRAIN_TIMEOUT, async { tokio::join!(serving, controller.drain(patience)) }).await;
    log::info!("ended", drained = drained.is_ok(), ms = start.elapsed().as_millis());
}

/// Marks the release as good once it is. Never returns.
async fn mark_good(mark: &MarkGood, controller: &Controller) {
    mark.when_healthy(async || controller.health().await.is_release_ok()).await;
    std::future::pending::<()>().await;
}

/// Waits for a signal to stop, and returns how long to wait for clients. SIGUSR2 announces a restart, which continues their connections
/// (`RestartKillSignal=`, systemd.kill(5)); after SIGTERM, the service may not come back.
async fn stop_signal() -> Result<Duration, CommandError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(CommandError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(CommandError::Signals)?;
    let mut restart = signal(SignalKind::user_defined2()).map_err(CommandError::Signals)?;
    Ok(tokio::select! {
        _ = terminate.recv() => STOP_PATIENCE,
        _ = interrupt.recv() => STOP_PATIENCE,
        _ = restart.recv() => Duration::ZERO,
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn no_new_database_is_made_where_tenants_are_known_to_exist() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path());
        std::fs::create_dir_all(layout.database_folder()).unwrap();
        refuse_lost_database(&layout).unwrap();
        std::fs::write(layout.tenant_keys(), [7; 32]).unwrap();
        for lost in [None, Some("")] {
            if let Some(content) = lost {
                std::fs::write(layout.database(), content).unwrap();
            }
            let refused = refuse_lost_database(&layout).unwrap_err();
            assert!(matches!(refused, CommandError::DatabaseLost { .. }), "{lost:?}: {refused}");
        }
        std::fs::write(layout.database(), "SQLite format 3\0").unwrap();
        refuse_lost_database(&layout).unwrap();
    }

    #[test]
    fn the_secret_is_never_created_again_once_there_are_tenants() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path());
        std::fs::create_dir_all(layout.database_folder()).unwrap();
        assert!(matches!(secret(&layout, true), Err(SecretError::Missing { path }) if path == layout.tenant_keys()));
        assert!(!layout.tenant_keys().exists());
        assert!(secret(&layout, false).is_ok());
        assert!(secret(&layout, true).is_ok());
    }
}
