//! A host in a temporary folder, its service, and a client of it.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use landfall::api::server::{self, Listeners};
use landfall::api::{App, router};
use landfall::controller::{Controller, Dependencies};
use landfall::disk::{Disks, Holding, Unnamed};
use landfall::engine::fake::FakeContainerEngine;
use landfall::engine::{ImageIdentity, InstallationId, Labels};
use landfall::identity::{HostSecret, KeyHash};
use landfall::network::{HostRoutes, Network, TenantAddresses};
use landfall::release::Catalog;
use landfall::service::FdStore;
use landfall::settings::Settings;
use landfall::store::{ImageRecord, Migrations, Store};
use landfall::tenant_ports::TenantPorts;
use landfall_host::Layout;
use landfall_manifests::Tenant;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How long to wait for what must happen.
const LIMIT: Duration = Duration::from_mins(5);

/// The admin token of every host.
pub(crate) const ADMIN: &str = "sk_admin_0123";

/// Twenty tenant ports for each host, below those that the kernel gives to clients. Processes that test at the same time begin
/// at different ones.
static PORTS: AtomicU16 = AtomicU16::new(0);

/// The networks that a test's host routes. Not those of the machine that the test runs on.
#[derive(Default)]
pub(crate) struct FakeRoutes(Mutex<BTreeSet<Network>>);

impl FakeRoutes {
    /// Adds a route.
    pub(crate) fn add(&self, network: &str) {
        self.0.lock().unwrap().insert(network.parse().unwrap());
    }
}

impl HostRoutes for FakeRoutes {
    fn networks(&self, range: Network) -> std::io::Result<BTreeSet<Network>> {
        Ok(self.0.lock().unwrap().iter().copied().filter(|network| network.overlaps(range)).collect())
    }
}

/// The disks of a test's host: 100 GiB are free, and volumes hold nothing, unless the test says otherwise.
pub(crate) struct FakeDisks {
    pub(crate) free: AtomicU64,
    /// The bytes in a volume by its name.
    pub(crate) held: Mutex<BTreeMap<String, u64>>,
    /// The files without a name that a container's processes use.
    pub(crate) unnamed: Mutex<BTreeMap<String, Unnamed>>,
    /// How much volumes grow as soon as they are counted for the first time.
    pub(crate) grown_when_counted: Mutex<BTreeMap<String, u64>>,
    /// Volumes that are gone.
    pub(crate) gone: Mutex<BTreeSet<String>>,
}

impl Default for FakeDisks {
    fn default() -> Self {
        Self {
            free: AtomicU64::new(100 << 30),
            held: Mutex::default(),
            unnamed: Mutex::default(),
            grown_when_counted: Mutex::default(),
            gone: Mutex::default(),
        }
    }
}

impl FakeDisks {
    /// Has a volume grow, and the free space fall by as much.
    pub(crate) fn grow(&self, volume: &str, bytes: u64) {
        *self.held.lock().unwrap().entry(volume.to_owned()).or_default() += bytes;
        self.free.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Disks for FakeDisks {
    fn free(&self, folder: &Path) -> std::io::Result<u64> {
        let volume = folder.file_name().unwrap().to_str().unwrap();
        if self.gone.lock().unwrap().contains(volume) {
            return Err(std::io::ErrorKind::NotFound.into());
        }
        Ok(self.free.load(Ordering::Relaxed))
    }

    fn holding(&self, folder: &Path, _most: Holding, _deadline: Instant) -> std::io::Result<Holding> {
        let volume = folder.file_name().unwrap().to_str().unwrap();
        let bytes = self.held.lock().unwrap().get(volume).copied().unwrap_or(0);
        let grown = self.grown_when_counted.lock().unwrap().remove(volume);
        if let Some(grown) = grown {
            self.grow(volume, grown);
        }
        Ok(Holding { bytes, files: 0, depth: 0 })
    }

    fn unnamed(
        &self,
        _folder: &Path,
        containers: &BTreeSet<String>,
        _deadline: Instant,
    ) -> std::io::Result<BTreeMap<String, Unnamed>> {
        let unnamed = self.unnamed.lock().unwrap();
        Ok(containers.iter().filter_map(|id| Some((id.clone(), *unnamed.get(id)?))).collect())
    }
}

pub(crate) struct TestHost {
    folder: TempDir,
    pub(crate) disks: Arc<FakeDisks>,
    pub(crate) routes: Arc<FakeRoutes>,
    pub(crate) engine: Arc<FakeContainerEngine>,
    pub(crate) installation: InstallationId,
    pub(crate) settings: Settings,
    pub(crate) catalog: Catalog,
    /// How long spawns wait for a container that ends at once.
    pub(crate) settle_for: Duration,
    service: Option<Service>,
}

struct Service {
    address: SocketAddr,
    app: App,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
    reconciling: Option<JoinHandle<()>>,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: hyper::HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn code(&self) -> &str {
        self.body.pointer("/error/code").and_then(Value::as_str).unwrap_or("none")
    }

    pub(crate) fn number(&self, pointer: &str) -> i64 {
        self.body.pointer(pointer).and_then(Value::as_i64).unwrap()
    }

    pub(crate) fn text(&self, pointer: &str) -> &str {
        self.body.pointer(pointer).and_then(Value::as_str).unwrap()
    }
}

fn digest(byte: char) -> String {
    format!("sha256:{}", byte.to_string().repeat(64))
}

/// Images of the release: `node` is in the engine and names a user, `static` is in the engine and names none, `lost` is not there.
pub(crate) fn catalog() -> Catalog {
    let image = |name: &str, language: &str, byte| ImageRecord {
        name: name.into(),
        config: digest(byte),
        diff_ids: vec![digest('f')],
        tenant: Tenant::new(language, 8080, "/health".parse().unwrap()),
    };
    let images = vec![image("hello", "static", 'a'), image("node", "node", 'b'), image("lost", "lost", 'c')];
    Catalog { version: "1.2.3".into(), serial: 4, images }
}

impl TestHost {
    /// A host whose service runs, without its reconcile loop.
    pub(crate) async fn new() -> Self {
        let mut host = Self::stopped();
        host.start().await;
        host
    }

    /// A host whose service has not started yet.
    pub(crate) fn stopped() -> Self {
        let hello = ImageIdentity { config: digest('a'), diff_ids: vec![digest('f')] };
        let engine = FakeContainerEngine::with_image(&hello, "");
        engine.state().images.insert(digest('b'), (vec![digest('f')], "node".into()));
        let first = 20_000 + (std::process::id() % 6) as u16 * 2_000 + PORTS.fetch_add(20, Ordering::Relaxed);
        let text =
            format!("[api]\naddress = \"127.0.0.1\"\n[tenants]\nfirst_port = {first}\nlast_port = {}", first + 19);
        Self {
            folder: TempDir::new().unwrap(),
            disks: Arc::default(),
            routes: Arc::default(),
            engine: Arc::new(engine),
            installation: InstallationId::from_random([1; 16]),
            settings: Settings::parse(&text).unwrap(),
            catalog: catalog(),
            settle_for: Duration::ZERO,
            service: None,
        }
    }

    /// Labels of this installation's, and these.
    pub(crate) fn labels<const N: usize>(&self, others: [(&str, &str); N]) -> Labels {
        let installation = self.installation.to_string();
        let ours = ("io.landfall.installation", installation.as_str());
        std::iter::once(ours).chain(others).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    pub(crate) async fn start(&mut self) {
        let layout = Layout::new(self.folder.path());
        let tenants = TenantAddresses::new(self.settings.pool, []);
        let dependencies = Dependencies {
            settings: self.settings.clone(),
            catalog: self.catalog.clone(),
            store: self.store(),
            engine: self.engine.clone(),
            installation: self.installation.clone(),
            secret: HostSecret::load_or_create(&layout.tenant_keys()).unwrap(),
            ports: TenantPorts::new(*self.settings.api.ip(), tenants.clone(), FdStore::disabled()).unwrap(),
            routes: self.routes.clone(),
            disks: self.disks.clone(),
            settle_for: self.settle_for,
        };
        let controller = Controller::new(dependencies).await.unwrap();
        let (stop, stopping) = watch::channel(false);
        let app = App { controller, admin: KeyHash::of(ADMIN), stopping: stopping.clone() };
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        let listeners = Listeners { tcp, socket: UnixListener::bind(self.socket()).unwrap() };
        let serving = tokio::spawn(server::serve(listeners, router(app.clone()), tenants, stopping));
        self.service = Some(Service { address, app, stop, serving, reconciling: None });
    }

    /// Starts the reconcile loop.
    pub(crate) fn reconcile(&mut self) {
        let service = self.service.as_mut().unwrap();
        let controller = Arc::clone(&service.app.controller);
        service.reconciling = Some(tokio::spawn(async move { drop(controller.reconcile().await) }));
    }

    /// Stops the service as SIGTERM does.
    pub(crate) async fn stop(&mut self) {
        let service = self.service.take().unwrap();
        if let Some(reconciling) = service.reconciling {
            reconciling.abort();
            let _ = reconciling.await;
        }
        service.stop.send_replace(true);
        service.serving.await.unwrap();
        service.app.controller.drain(Duration::ZERO).await;
        std::fs::remove_file(self.socket()).unwrap();
        // The tenants' ports are freed as their tasks end.
        let (first, last) = self.settings.tenant_ports;
        let free = |port| std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
        self.until("the tenants' ports are free", async |_| (first..=last).all(free)).await;
    }

    pub(crate) fn store(&self) -> Store {
        Store::open(&Layout::new(self.folder.path()).database(), &Migrations::OWN).unwrap().0
    }

    pub(crate) fn app(&self) -> App {
        self.service.as_ref().unwrap().app.clone()
    }

    pub(crate) fn database_folder(&self) -> std::path::PathBuf {
        Layout::new(self.folder.path()).database_folder()
    }

    fn socket(&self) -> std::path::PathBuf {
        self.folder.path().join("landfall.sock")
    }

    /// Sends a request over TCP with the admin token.
    pub(crate) async fn ask(&self, method: &str, path: &str, body: &str) -> Answer {
        self.ask_with(method, path, body, &[("authorization", &format!("Bearer {ADMIN}"))]).await
    }

    /// Sends a request over TCP with these headers.
    pub(crate) async fn ask_with(&self, method: &str, path: &str, body: &str, headers: &[(&str, &str)]) -> Answer {
        read(self.send(method, path, body, headers).await).await
    }

    /// Sends a request over the unix socket.
    pub(crate) async fn ask_as_root(&self, method: &str, path: &str, body: &str) -> Answer {
        let stream = UnixStream::connect(self.socket()).await.unwrap();
        read(exchange(TokioIo::new(stream), request(method, path, body, &[])).await).await
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        body: &str,
        headers: &[(&str, &str)],
    ) -> Response<Incoming> {
        let stream = TcpStream::connect(self.service.as_ref().unwrap().address).await.unwrap();
        exchange(TokioIo::new(stream), request(method, path, body, headers)).await
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.service.as_ref().unwrap().address
    }

    /// A host on which tenants have lived: its database has given a number. None is left.
    pub(crate) async fn lived_in() -> Self {
        let host = Self::new().await;
        host.spawn("before").await;
        assert_eq!(host.ask("DELETE", "/api/v1/tenant/1", "").await.status, StatusCode::OK);
        host
    }

    /// Spawns a tenant of the `static` image.
    pub(crate) async fn spawn(&self, name: &str) -> Answer {
        let answer =
            self.ask("POST", "/api/v1/tenant/spawn", &format!(r#"{{"name":"{name}","language":"static"}}"#)).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
        answer
    }

    /// Waits until `done` holds.
    pub(crate) async fn until(&self, what: &str, mut done: impl AsyncFnMut(&Self) -> bool) {
        let start = Instant::now();
        while !done(self).await {
            assert!(start.elapsed() < LIMIT, "waited in vain until {what}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Fails unless nothing of any tenant is left in the engine and in the database.
    pub(crate) async fn assert_empty(&self, when: &str) {
        let left = self.store().environments(None).await.unwrap();
        assert!(left.is_empty(), "{when}: {left:?}");
        let state = self.engine.state();
        assert!(state.containers.is_empty(), "{when}: {:?}", state.containers);
        assert!(state.networks.is_empty(), "{when}: {:?}", state.networks);
        assert!(state.volumes.is_empty(), "{when}: {:?}", state.volumes);
    }
}

fn request(method: &str, path: &str, body: &str, headers: &[(&str, &str)]) -> Request<Full<Bytes>> {
    let mut request = Request::builder().method(method).uri(path).header("host", "landfall");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Full::new(Bytes::from(body.to_owned()))).unwrap()
}

async fn exchange<S>(stream: TokioIo<S>, request: Request<Full<Bytes>>) -> Response<Incoming>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    sender.send_request(request).await.unwrap()
}

async fn read(response: Response<Incoming>) -> Answer {
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    Answer { status: parts.status, headers: parts.headers, body: serde_json::from_slice(&bytes).unwrap() }
}
