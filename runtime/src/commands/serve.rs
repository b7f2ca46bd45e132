use super::settings;
use crate::api::server::{self, Listeners};
use crate::api::{App, router};
use crate::controller::{Controller, Parts};
use crate::doors::{Doors, Inherited, Keeper};
use crate::engine::docker::DockerEngine;
use crate::program::Program;
use crate::proven::Proof;
use crate::release::{Catalog, Loaded};
use crate::settings::Settings;
use crate::store::Store;
use crate::tenant_key::{HostSecret, KeyHash, SecretError};
use crate::tenants_side::TenantsSide;
use crate::{admin_token, log, supervisor};
use anyhow::Context as _;
use landfall_console::{Exit, Failure};
use landfall_host::Layout;
use rustix::fs::Mode;
use std::fs::DirBuilder;
use std::net::TcpListener;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Threads that serve. What blocks has threads of its own.
const WORKERS: usize = 2;
/// Threads for the database, which is used by one at a time anyway, and name lookups.
const BLOCKING: usize = 4;
/// How long to finish what was begun before ending: answers of the API, and tenants that are being made.
const DRAIN: Duration = Duration::from_secs(5);
/// How long callers at the tenants' doors may take to leave by themselves when the service is stopped, before they are left with systemd,
/// which hangs up on them unless the service comes back. Whoever restarts the service by SIGTERM, as systemd before 244 does, waits for it.
const FAREWELL: Duration = Duration::from_millis(500);

/// All that is opened before the first thread is started.
struct Opened {
    settings: Settings,
    catalog: Catalog,
    store: Store,
    secret: HostSecret,
    admin: KeyHash,
    keeper: Keeper,
    tcp: TcpListener,
    socket: UnixListener,
}

pub(super) fn run(layout: &Layout, program: &Program) -> anyhow::Result<()> {
    let start = Instant::now();
    let opened = open(layout, program)?;
    let proof = Proof { path: layout.proven(), release: opened.catalog.id(), after: program.proven_after };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .max_blocking_threads(BLOCKING)
        .enable_all()
        .build()
        .context("cannot start the service's threads")?;
    let served = runtime.block_on(serve(opened, proof, start));
    // A thread that waits for a slow disk must not hold up the end.
    runtime.shutdown_timeout(Duration::from_secs(1));
    served
}

fn open(layout: &Layout, program: &Program) -> anyhow::Result<Opened> {
    let keeper = Keeper::new(Inherited::from_environment());
    let settings = settings(layout)?;
    let refused = |code, error: &dyn std::error::Error| Failure::new(Exit::Unfit, code, log::chain(error));
    let admin = admin_token::load(&layout.admin_token()).map_err(|error| refused("admin_token", &error))?;
    let Loaded { catalog, refused_today } = Loaded::of(layout).map_err(|error| {
        Failure::new(Exit::Untrusted, "release", log::chain(&error))
            .hint("install a release with landfall-installer, or run `landfall-installer doctor`")
    })?;
    if let Some(reason) = refused_today {
        log::warning!("release_refused_today", release = catalog.id(), reason = reason);
    }
    let (store, _) =
        Store::open(&layout.database(), &program.migrations).map_err(|error| refused("database", &error))?;
    let tenants = store.has_environments().map_err(|error| refused("database", &error))?;
    let secret = secret(layout, tenants).map_err(|error| refused("tenant_keys", &error))?;
    let socket = listen_at_socket(&layout.socket(), &keeper)?;
    let tcp = listen_at_port(&settings, &keeper)?;
    Ok(Opened { settings, catalog, store, secret, admin, keeper, tcp, socket })
}

/// The secret of this host, made at the first start. It is never made anew once there are tenants, whose keys come from it.
fn secret(layout: &Layout, tenants: bool) -> Result<HostSecret, SecretError> {
    let path = layout.tenant_keys();
    if tenants { HostSecret::load(&path) } else { HostSecret::load_or_create(&path) }
}

fn listen_at_port(settings: &Settings, keeper: &Keeper) -> anyhow::Result<TcpListener> {
    let address = settings.api;
    let listener = keeper.listen(address.port(), address.into()).map_err(|error| {
        Failure::new(Exit::Unfit, "port_unavailable", format!("cannot listen at {address}: {error}"))
            .hint("stop the program that holds the port, or change [api] in config.toml")
    })?;
    listener.set_nonblocking(true).context("cannot use the API's port")?;
    keeper.keep(address.port(), &listener);
    Ok(listener)
}

/// Listens at the root-only socket. One that a dead run left behind is replaced; one that answers belongs to a living one.
fn listen_at_socket(path: &Path, keeper: &Keeper) -> anyhow::Result<UnixListener> {
    let inherited = keeper.adopt_socket().filter(|_| path.exists());
    let listener = match inherited {
        Some(listener) => listener,
        None => bind_socket(path).with_context(|| format!("cannot listen at {}", path.display()))?,
    };
    listener.set_nonblocking(true).context("cannot use the unix socket")?;
    keeper.keep_socket(&listener);
    Ok(listener)
}

fn bind_socket(path: &Path) -> anyhow::Result<UnixListener> {
    if UnixStream::connect(path).is_ok() {
        return Err(Failure::new(Exit::Busy, "already_running", "another `landfall serve` answers there").into());
    }
    let folder = path.parent().unwrap_or(Path::new("/"));
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    // Born with mode 0600: there is no other thread yet whose files the mask could touch.
    let before = rustix::process::umask(Mode::from_raw_mode(0o177));
    let bound = UnixListener::bind(path);
    rustix::process::umask(before);
    Ok(bound?)
}

async fn serve(opened: Opened, proof: Proof, start: Instant) -> anyhow::Result<()> {
    let Opened { settings, catalog, store, secret, admin, keeper, tcp, socket } = opened;
    let (release, address) = (catalog.id(), settings.api);
    let tenants = store.environments(None).await.context("cannot read the tenants")?;
    let side = TenantsSide::new(settings.pool, tenants.into_iter().map(|tenant| tenant.decided.subnet));
    let listeners = Listeners {
        tcp: tokio::net::TcpListener::from_std(tcp).context("cannot use the API's port")?,
        socket: tokio::net::UnixListener::from_std(socket).context("cannot use the unix socket")?,
    };
    let engine = Arc::new(DockerEngine::new(settings.engine.clone()));
    let doors = Doors::new(*settings.api.ip(), side.clone(), keeper);
    let parts = Parts { settings, catalog, store, engine, secret, doors };
    let controller = Controller::new(parts).await.context("cannot open the tenants' doors")?;
    let (end, ending) = watch::channel(false);
    let app = App { controller: Arc::clone(&controller), admin, ending: ending.clone() };
    let serving = tokio::spawn(server::serve(listeners, router(app), side, ending));
    supervisor::ready(&format!("release {release}, API at {address}"));
    log::info!("serving", release = release, address = address, ms = start.elapsed().as_millis());
    tokio::select! {
        () = controller.reconcile() => {}
        () = supervisor::feed_watchdog(Arc::clone(&controller)) => {}
        () = prove(&proof, &controller) => {}
        patience = told_to_end() => drain(patience?, end, serving, &controller).await,
    }
    Ok(())
}

async fn drain(patience: Duration, end: watch::Sender<bool>, serving: JoinHandle<()>, controller: &Controller) {
    let start = Instant::now();
    supervisor::stopping();
    end.send_replace(true);
    let drained = tokio::time::timeout(DRAIN, async { tokio::join!(serving, controller.drain(patience)) }).await;
    log::info!("ended", drained = drained.is_ok(), ms = start.elapsed().as_millis());
}

/// Proves that the release works, and goes on without end.
async fn prove(proof: &Proof, controller: &Controller) {
    proof
        .give(async || {
            let health = controller.health().await;
            health.engine && health.database
        })
        .await;
    std::future::pending::<()>().await;
}

/// Returns how long to wait for callers. SIGUSR2 says that the service is restarted, which goes on with their connections
/// (`RestartKillSignal=`, systemd.kill(5)); SIGTERM may mean that it is not.
async fn told_to_end() -> anyhow::Result<Duration> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?;
    let mut restart = signal(SignalKind::user_defined2()).context("cannot wait for SIGUSR2")?;
    Ok(tokio::select! {
        _ = terminate.recv() => FAREWELL,
        _ = interrupt.recv() => FAREWELL,
        _ = restart.recv() => Duration::ZERO,
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn the_secret_of_tenants_that_exist_is_never_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path());
        std::fs::create_dir_all(layout.database_folder()).unwrap();
        assert!(matches!(secret(&layout, true), Err(SecretError::Missing { path }) if path == layout.tenant_keys()));
        assert!(!layout.tenant_keys().exists());
        assert!(secret(&layout, false).is_ok());
        assert!(secret(&layout, true).is_ok());
    }
}
