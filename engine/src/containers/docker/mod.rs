//! Docker's API, or Podman's socket that speaks it, by bollard: the only place that names it.
//!
//! The socket is looked for and the API's version agreed on at the first call and again after the engine went away, so that the engine
//! may start after us, be restarted, or be replaced by another version.

mod containers;
mod files;
mod logs;
mod objects;
mod specs;

use super::EngineSocket;
use super::{
    ContainerSpec, ContainerState, Engine, EngineError, Folder, FoundImage, ImageIdentity, Labels, Listed, Listing,
    LogStream, LogWindow, NetworkSpec, PreparationSpec, Reply, Usage,
};
use bollard::{API_DEFAULT_VERSION, ClientVersion, Docker, errors::Error};
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long one call may take until its answer begins: starting a container on a slow disk takes seconds.
const CALL_SECONDS: u64 = 60;
/// How long the engine may take to say that it is there.
const PING_TIMEOUT: Duration = Duration::from_secs(2);
/// The API of Docker 20.10.
const OLDEST: (usize, usize) = (1, 41);
const OLDEST_TEXT: &str = "1.41";
/// Where the engines of distributions listen, in the order in which they are tried.
const WELL_KNOWN: [&str; 2] = ["/run/docker.sock", "/run/podman/podman.sock"];

/// An engine behind a unix socket.
pub struct DockerEngine {
    socket: EngineSocket,
    session: Mutex<Option<Arc<Session>>>,
}

/// A connection whose API version is agreed on.
struct Session {
    docker: Docker,
    offers: Offers,
}

/// What the engine has to offer containers.
#[derive(Debug, Clone, Copy)]
struct Offers {
    /// Whether it has an init, which reaps orphans and hands on signals.
    init: bool,
    /// Billionths of a core: those that the host has. A container that may use more is refused.
    nano_cpus: i64,
}

impl DockerEngine {
    /// An engine that listens where `socket` says. Nothing is connected yet.
    pub fn new(socket: EngineSocket) -> Self {
        Self { socket, session: Mutex::new(None) }
    }

    async fn session(&self) -> Result<Arc<Session>, EngineError> {
        let known = self.session.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(session) = known {
            return Ok(session);
        }
        let session = Arc::new(connect(&self.socket).await?);
        *self.session.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&session));
        Ok(session)
    }

    /// What a failed call means to us. A connection that broke is agreed on anew the next time.
    fn failed(&self, operation: &str, error: Error) -> EngineError {
        let meaning = meaning(operation, error);
        if meaning.is_unavailable() {
            self.session.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
        meaning
    }
}

/// Finds the socket, connects and agrees on a version.
async fn connect(socket: &EngineSocket) -> Result<Session, EngineError> {
    let path = find(socket, std::env::var("DOCKER_HOST").ok().as_deref(), Path::exists)?;
    let unavailable = |error: Error| EngineError::Unavailable(format!("{}: {}", path.display(), root_cause(&error)));
    let address = path.to_string_lossy();
    let docker = Docker::connect_with_unix(&address, CALL_SECONDS, API_DEFAULT_VERSION).map_err(unavailable)?;
    let docker = match tokio::time::timeout(PING_TIMEOUT, docker.negotiate_version()).await {
        Ok(docker) => docker.map_err(unavailable)?,
        Err(_) => return Err(EngineError::Unavailable(format!("{} does not answer", path.display()))),
    };
    let ClientVersion { major_version, minor_version } = docker.client_version();
    if (major_version, minor_version) < OLDEST {
        let found = format!("{major_version}.{minor_version}");
        return Err(EngineError::TooOld { found, needed: OLDEST_TEXT });
    }
    let version = docker.version().await.map_err(unavailable)?;
    let init = version.components.iter().flatten().any(|part| part.name == "docker-init" && has_version(&part.version));
    let cores = docker.info().await.map_err(unavailable)?.ncpu.filter(|cores| *cores > 0);
    let nano_cpus = cores.map_or(i64::MAX, |cores| cores.saturating_mul(1_000_000_000));
    Ok(Session { docker, offers: Offers { init, nano_cpus } })
}

/// Engines without the program say so with an empty version or `N/A`.
fn has_version(version: &str) -> bool {
    version.starts_with(|c: char| c.is_ascii_digit())
}

/// Where the engine listens: pure, so that the order can be tested.
fn find(
    socket: &EngineSocket,
    docker_host: Option<&str>,
    exists: impl Fn(&Path) -> bool,
) -> Result<PathBuf, EngineError> {
    match (socket, docker_host) {
        (EngineSocket::Unix(path), _) => Ok(path.clone()),
        (EngineSocket::Auto, Some(host)) if !host.is_empty() => match host.strip_prefix("unix://") {
            Some(path) => Ok(path.into()),
            None => Err(EngineError::Unavailable(format!("DOCKER_HOST={host} is not a unix socket"))),
        },
        (EngineSocket::Auto, _) => WELL_KNOWN
            .into_iter()
            .map(PathBuf::from)
            .find(|path| exists(path))
            .ok_or_else(|| EngineError::Unavailable(format!("neither {} exists", WELL_KNOWN.join(" nor ")))),
    }
}

/// What bollard's errors mean to us.
fn meaning(operation: &str, error: Error) -> EngineError {
    match error {
        Error::DockerResponseServerError { status_code: 404, message } => EngineError::NotFound(message),
        Error::DockerResponseServerError { status_code: 409, message } => {
            EngineError::Conflict(format!("{operation}: {message}"))
        }
        Error::DockerResponseServerError { message, .. } | Error::DockerStreamError { error: message } => {
            EngineError::Refused { operation: operation.to_owned(), message }
        }
        Error::JsonDataError { message, .. } => EngineError::Refused {
            operation: operation.to_owned(),
            message: format!("its answer does not parse: {message}"),
        },
        other => EngineError::Unavailable(root_cause(&other)),
    }
}

/// What the kernel said: the client's own layers in between tell an operator nothing.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// Gone is gone: what a removal wanted.
fn absent_is_fine(result: Result<(), EngineError>) -> Result<(), EngineError> {
    match result {
        Err(EngineError::NotFound(_)) => Ok(()),
        other => other,
    }
}

impl Engine for DockerEngine {
    fn ping(&self) -> Reply<'_, ()> {
        Box::pin(async {
            let session = self.session().await?;
            match tokio::time::timeout(PING_TIMEOUT, session.docker.ping()).await {
                Ok(answer) => answer.map(drop).map_err(|error| self.failed("answer", error)),
                Err(_) => Err(self.failed("answer", Error::RequestTimeoutError)),
            }
        })
    }

    fn find_image<'a>(&'a self, image: &'a ImageIdentity) -> Reply<'a, Option<FoundImage>> {
        Box::pin(self.image(image))
    }

    fn create_network<'a>(&'a self, spec: &'a NetworkSpec) -> Reply<'a, ()> {
        Box::pin(self.make_network(spec))
    }

    fn create_volume<'a>(&'a self, name: &'a str, labels: &'a Labels) -> Reply<'a, ()> {
        Box::pin(self.make_volume(name, labels))
    }

    fn create_container<'a>(&'a self, spec: &'a ContainerSpec) -> Reply<'a, ()> {
        Box::pin(async move {
            let session = self.session().await?;
            self.create(&spec.name, specs::container(spec, session.offers)).await
        })
    }

    fn create_preparation<'a>(&'a self, spec: &'a PreparationSpec) -> Reply<'a, ()> {
        Box::pin(self.create(&spec.name, specs::preparation(spec)))
    }

    fn read_file<'a>(&'a self, container: &'a str, path: &'a str) -> Reply<'a, Vec<u8>> {
        Box::pin(self.download(container, path))
    }

    fn put_folders<'a>(&'a self, container: &'a str, parent: &'a str, folders: &'a [Folder]) -> Reply<'a, ()> {
        Box::pin(self.upload(container, parent, folders))
    }

    fn start<'a>(&'a self, container: &'a str) -> Reply<'a, ()> {
        Box::pin(self.start_container(container))
    }

    fn remove_container<'a>(&'a self, name: &'a str) -> Reply<'a, ()> {
        Box::pin(async { absent_is_fine(self.delete_container(name).await) })
    }

    fn remove_network<'a>(&'a self, name: &'a str) -> Reply<'a, ()> {
        Box::pin(async { absent_is_fine(self.delete_network(name).await) })
    }

    fn remove_volume<'a>(&'a self, name: &'a str) -> Reply<'a, ()> {
        Box::pin(async { absent_is_fine(self.delete_volume(name).await) })
    }

    fn inspect<'a>(&'a self, container: &'a str) -> Reply<'a, Option<ContainerState>> {
        Box::pin(self.container_state(container))
    }

    fn subnets(&self) -> Reply<'_, Vec<String>> {
        Box::pin(self.network_subnets())
    }

    fn list_containers<'a>(&'a self, label: &'a str) -> Reply<'a, Vec<Listed>> {
        Box::pin(self.labelled_containers(label))
    }

    fn list<'a>(&'a self, label: &'a str) -> Reply<'a, Listing> {
        Box::pin(async move {
            Ok(Listing {
                containers: self.labelled_containers(label).await?,
                networks: self.labelled_networks(label).await?,
                volumes: self.labelled_volumes(label).await?,
            })
        })
    }

    fn logs<'a>(&'a self, container: &'a str, window: LogWindow) -> Reply<'a, LogStream> {
        Box::pin(self.log_lines(container, window))
    }

    fn usage<'a>(&'a self, container: &'a str) -> Reply<'a, Usage> {
        Box::pin(self.sample(container))
    }

    fn endings(&self, label: &'static str) -> BoxStream<'static, Result<String, EngineError>> {
        let known = self.session.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match known {
            Some(session) => logs::endings(&session.docker, label),
            // Whoever asks again finds the connection that the next call makes.
            None => stream::once(async { Err(EngineError::Unavailable("not connected yet".into())) }).boxed(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_is_the_one_named_or_the_first_that_is_there() {
        let named = EngineSocket::Unix("/x.sock".into());
        let auto = EngineSocket::Auto;
        for (socket, host, there, expected) in [
            (&named, Some("unix:///y.sock"), "/run/docker.sock", Some("/x.sock")),
            (&auto, Some("unix:///y.sock"), "/run/docker.sock", Some("/y.sock")),
            (&auto, Some(""), "/run/docker.sock", Some("/run/docker.sock")),
            (&auto, None, "/run/podman/podman.sock", Some("/run/podman/podman.sock")),
            (&auto, None, "/nothing", None),
            (&auto, Some("tcp://1.2.3.4:2375"), "/run/docker.sock", None),
        ] {
            let found = find(socket, host, |path| path == Path::new(there)).ok();
            assert_eq!(found.as_deref(), expected.map(Path::new));
        }
    }

    #[test]
    fn errors_keep_what_the_caller_must_tell_apart() {
        let server = |status_code| Error::DockerResponseServerError { status_code, message: "m".into() };
        assert!(matches!(meaning("x", server(404)), EngineError::NotFound(_)));
        assert!(matches!(meaning("x", server(409)), EngineError::Conflict(_)));
        assert!(matches!(meaning("x", server(500)), EngineError::Refused { .. }));
        assert!(meaning("x", Error::RequestTimeoutError).is_unavailable());
    }

    #[test]
    fn an_init_is_used_where_the_engine_has_one() {
        assert!(has_version("0.19.0"));
        assert!(!has_version("") && !has_version("N/A"));
    }
}
