//! The connection to an engine: made at the first request, agreed on a version of the API, and made again after it broke.

use super::response::{cause, classified};
use crate::address::{EngineAddress, EngineChoice};
use crate::api_version::{ApiVersion, MIN_API};
use crate::discovery::DiscoveryError;
use crate::error::EngineError;
use bollard::errors::Error;
use bollard::{API_DEFAULT_VERSION, ClientVersion};
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::OnceCell;

/// What a program demands of the connection.
#[derive(Debug, Clone, Copy)]
struct ConnectOptions {
    /// How long a request may take until its answer begins.
    request_timeout: Duration,
    /// How long the engine may take to report its version; `None` for the limit of any request.
    negotiation_timeout: Option<Duration>,
    /// The oldest API to accept; `None` where the caller checks the version.
    oldest_api: Option<ApiVersion>,
}

/// For a service. Starting a container on a slow disk takes seconds; a health check wants to know at once whether the engine
/// answers.
const SERVICE: ConnectOptions = ConnectOptions {
    request_timeout: Duration::from_mins(1),
    negotiation_timeout: Some(Duration::from_secs(2)),
    oldest_api: Some(MIN_API),
};
/// For a command. Removing a container stops it first, which takes a while. The installer reports an engine that is too old
/// together with whatever else the host lacks.
const COMMAND: ConnectOptions =
    ConnectOptions { request_timeout: Duration::from_mins(2), negotiation_timeout: None, oldest_api: None };

/// A container engine that serves the Docker Engine API.
pub struct Docker {
    choice: EngineChoice,
    options: ConnectOptions,
    session: Mutex<Option<Arc<Session>>>,
}

/// A connection whose API version is agreed on.
pub(super) struct Session {
    pub(super) client: bollard::Docker,
    capabilities: OnceCell<Capabilities>,
}

/// What the engine offers to containers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Capabilities {
    /// Whether it has an init, which reaps orphans and forwards signals.
    pub(super) init: bool,
    /// The cores of the host, in billionths. A container with a higher limit is refused.
    pub(super) nano_cpus: i64,
    /// Whether it is Podman, which gives away volumes and file systems in memory by other options than Docker.
    pub(super) podman: bool,
}

impl Docker {
    /// The engine that `choice` names, for a service: it may start later, be restarted, or be replaced by another version.
    pub(crate) fn for_service(choice: EngineChoice) -> Self {
        Self { choice, options: SERVICE, session: Mutex::new(None) }
    }

    /// The engine at `address`, for one command.
    pub(crate) fn for_command(address: EngineAddress) -> Self {
        Self { choice: EngineChoice::At(address), options: COMMAND, session: Mutex::new(None) }
    }

    /// The connection, made if there is none.
    pub(super) async fn session(&self) -> Result<Arc<Session>, EngineError> {
        if let Some(session) = self.open_session() {
            return Ok(session);
        }
        // Not locked while it connects: of two tasks that do so at once, the last leaves its connection for the others.
        // Discovery again, not only a new connection: the engine may have been replaced by one with another socket.
        let client = connect(&self.choice, self.options).await?;
        let session = Arc::new(Session { client, capabilities: OnceCell::new() });
        *self.session.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&session));
        Ok(session)
    }

    /// The connection, if one was made and has not broken.
    pub(super) fn open_session(&self) -> Option<Arc<Session>> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sends one request. If the connection breaks, the next request makes another.
    pub(super) async fn ask<T, F>(
        &self,
        operation: &str,
        request: impl FnOnce(bollard::Docker) -> F,
    ) -> Result<T, EngineError>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let session = self.session().await?;
        request(session.client.clone()).await.map_err(|error| self.failed(operation, error))
    }

    /// The meaning of an error. A broken connection is forgotten.
    pub(super) fn failed(&self, operation: &str, error: Error) -> EngineError {
        let failure = classified(operation, error);
        if failure.is_unavailable() {
            // It may be a newer one than that which broke: then the next request connects once more than it had to.
            self.session.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
        failure
    }

    /// What the engine offers to containers, asked for once in a connection.
    pub(super) async fn capabilities(&self) -> Result<Capabilities, EngineError> {
        let session = self.session().await?;
        let ask = || Capabilities::of(&session.client);
        let asked = session.capabilities.get_or_try_init(ask).await.copied();
        asked.map_err(|error| self.failed("report its capabilities", error))
    }
}

impl Capabilities {
    async fn of(client: &bollard::Docker) -> Result<Self, Error> {
        let version = client.version().await?;
        let components = version.components.unwrap_or_default();
        let init = components.iter().any(|part| part.name == "docker-init" && is_version(&part.version));
        let podman = components.iter().any(|part| part.name.starts_with("Podman"));
        let cores = client.info().await?.ncpu.filter(|cores| *cores > 0);
        Ok(Self { init, nano_cpus: cores.map_or(i64::MAX, |cores| cores.saturating_mul(1_000_000_000)), podman })
    }
}

/// An engine without an init reports an empty version of it, or `N/A`.
fn is_version(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
}

/// Finds the engine, connects and agrees on a version of the API.
async fn connect(choice: &EngineChoice, options: ConnectOptions) -> Result<bollard::Docker, EngineError> {
    let address = choice.existing_address()?;
    let unreachable = |error: Error| EngineError::Unreachable { address: address.to_string(), source: cause(error) };
    let timeout = options.request_timeout;
    let opened = match &address {
        EngineAddress::None => return Err(DiscoveryError::Disabled.into()),
        EngineAddress::Unix(path) => {
            bollard::Docker::connect_with_unix(&path.to_string_lossy(), timeout.as_secs(), API_DEFAULT_VERSION)
        }
        EngineAddress::Url(url) => bollard::Docker::connect_with_host(url).map(|client| client.with_timeout(timeout)),
    };
    // From the newest version that the client knows down to the engine's.
    let negotiation = opened.map_err(unreachable)?.negotiate_version();
    let negotiated = match options.negotiation_timeout {
        None => negotiation.await,
        Some(limit) => tokio::time::timeout(limit, negotiation).await.unwrap_or(Err(Error::RequestTimeoutError)),
    };
    let client = negotiated.map_err(unreachable)?;
    let ClientVersion { major_version: major, minor_version: minor } = client.client_version();
    let found = ApiVersion { major, minor };
    match options.oldest_api {
        Some(required) if found < required => Err(EngineError::TooOld { found, required }),
        _ => Ok(client),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::docker::test_server::{Answers, listen};

    const API_1_40: Answers = |_| Some(("200 OK", r#"{"ApiVersion":"1.40"}"#));
    const API_1_41: Answers = |_| Some(("200 OK", r#"{"ApiVersion":"1.41"}"#));
    const API_1_43: Answers = |_| Some(("200 OK", r#"{"ApiVersion":"1.43"}"#));

    #[tokio::test]
    async fn a_service_refuses_an_old_api_and_a_command_judges_it_itself() {
        let folder = tempfile::tempdir().unwrap();
        let address = |name: &str| EngineAddress::Unix(folder.path().join(name));
        listen(&folder.path().join("old"), API_1_40);
        listen(&folder.path().join("oldest"), API_1_41);
        let service = |name| Docker::for_service(EngineChoice::At(address(name)));
        assert!(matches!(service("old").session().await.err(), Some(EngineError::TooOld { required: MIN_API, .. })));
        assert!(Docker::for_command(address("old")).session().await.is_ok());
        assert!(service("oldest").session().await.is_ok());
        assert!(matches!(service("none").session().await.err(), Some(EngineError::Unreachable { .. })));
    }

    #[tokio::test]
    async fn after_a_restart_the_version_is_agreed_on_anew() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("engine.sock");
        let engine = Docker::for_service(EngineChoice::At(EngineAddress::Unix(socket.clone())));
        let ask = async || engine.ask("report its version", async |client| client.version().await).await;
        let minor = || engine.open_session().map(|session| session.client.client_version().minor_version);

        let server = listen(&socket, API_1_41);
        ask().await.unwrap();
        assert_eq!(minor(), Some(41));

        server.abort();
        std::fs::remove_file(&socket).unwrap();
        assert!(ask().await.unwrap_err().is_unavailable());
        assert_eq!(minor(), None);

        listen(&socket, API_1_43);
        ask().await.unwrap();
        assert_eq!(minor(), Some(43));
    }

    #[test]
    fn an_init_is_used_where_the_engine_has_one() {
        assert!(is_version("0.19.0"));
        assert!(!is_version("") && !is_version("N/A"));
    }
}
