//! One check of a tenant's health: as its image says, over HTTP, by a connection, or by a command in its container.

use super::outcome::Outcome;
use crate::engine::{ContainerEngine, EngineError};
use crate::identity::EnvId;
use bytes::Bytes;
use http_body_util::Empty;
use hyper::Request;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use landfall_manifests::{HealthCheck, HealthCommand, HttpPath};
use std::net::SocketAddrV4;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// How long a tenant may take to answer one check.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);
/// How long its address may take to answer: longer than the kernel takes to find that nobody has it, which tells a tenant that is cut off
/// from one that is busy.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);
/// How long a command may take. Another one is started only when it has ended.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(10);
/// How often the engine is asked whether a command has ended.
const COMMAND_PAUSE: Duration = Duration::from_millis(100);
/// Most that is read of a response's head, in bytes: tenants are not trusted.
const MAX_HEAD: usize = 16 * 1024;

/// What is checked of one tenant.
#[derive(Debug, Clone)]
pub(in crate::controller) struct Target {
    pub(in crate::controller) id: EnvId,
    pub(in crate::controller) address: SocketAddrV4,
    pub(in crate::controller) check: HealthCheck,
    /// How long it may take to be healthy for the first time.
    pub(in crate::controller) start_period: Duration,
}

/// Checks one tenant again and again.
pub(super) struct Checker {
    pub(super) target: Target,
    engine: Arc<dyn ContainerEngine>,
    /// A command that has not ended yet.
    running: Option<String>,
    /// Whether it is known that no command runs which the service before this one started.
    has_looked: bool,
    /// How long a command may take.
    pub(super) command_limit: Duration,
}

impl Checker {
    pub(super) fn new(target: Target, engine: Arc<dyn ContainerEngine>) -> Self {
        Self { target, engine, running: None, has_looked: false, command_limit: COMMAND_TIMEOUT }
    }

    /// What a check finds now.
    pub(super) async fn check(&mut self) -> Outcome {
        let address = self.target.address;
        let connected = match timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(Outcome::of_connecting(&error)),
            Err(_) => Err(Outcome::NoAnswer),
        };
        match (self.target.check.clone(), connected) {
            (HealthCheck::Http(path), Ok(stream)) => http(address, &path, stream).await,
            (HealthCheck::Tcp, Ok(_)) => Outcome::Connected,
            (HealthCheck::Http(_) | HealthCheck::Tcp, Err(outcome)) => outcome,
            // Whatever its command says: nobody reaches it.
            (HealthCheck::Command(_), Err(Outcome::Unreachable)) => Outcome::Unreachable,
            (HealthCheck::Command(command), _) => self.command(&command).await,
        }
    }

    /// Runs the command, unless the last one still runs: a command that hangs must not fill the tenant with its like.
    async fn command(&mut self, command: &HealthCommand) -> Outcome {
        let run = match self.running.take() {
            Some(run) => run,
            None => match self.start(command).await {
                Ok(run) => run,
                Err(error) if error.is_unavailable() => return Outcome::NotAsked,
                Err(_) => return Outcome::NotRun,
            },
        };
        let ended = async {
            loop {
                sleep(COMMAND_PAUSE).await;
                match self.engine.command_exit(&run).await {
                    Ok(Some(code)) => return Outcome::Exited(code),
                    Ok(None) => {}
                    Err(error) if error.is_unavailable() => return Outcome::NotAsked,
                    Err(_) => return Outcome::NotRun,
                }
            }
        };
        let outcome = timeout(self.command_limit, ended).await.unwrap_or(Outcome::NoAnswer);
        if outcome == Outcome::NoAnswer {
            self.running = Some(run);
        }
        outcome
    }

    /// Starts the command, unless one still runs that the service before this one started.
    async fn start(&mut self, command: &HealthCommand) -> Result<String, EngineError> {
        let container = self.target.id.container();
        if !self.has_looked {
            let running = self.engine.running_command(&container, command.words()).await?;
            self.has_looked = true;
            if let Some(run) = running {
                return Ok(run);
            }
        }
        self.engine.start_command(&container, command.words()).await
    }
}

async fn http(address: SocketAddrV4, path: &HttpPath, stream: TcpStream) -> Outcome {
    match timeout(CHECK_TIMEOUT, request(address, path, stream)).await {
        Ok(Some(status)) => Outcome::Answered(status),
        Ok(None) => Outcome::NotHttp,
        Err(_) => Outcome::NoAnswer,
    }
}

async fn request(address: SocketAddrV4, path: &HttpPath, stream: TcpStream) -> Option<u16> {
    let mut builder = http1::Builder::new();
    let handshake = builder.max_buf_size(MAX_HEAD).handshake(TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.ok()?;
    let request = Request::get(path.as_str())
        // hyper adds none, and HTTP/1.1 requires it (RFC 9112 section 3.2).
        .header("host", address.to_string())
        .header("user-agent", "landfall-health")
        .header("connection", "close")
        .body(Empty::<Bytes>::new())
        .ok()?;
    // No task for the connection: where the check takes too long, dropping this future closes it.
    let (mut answer, mut connection) = (pin!(sender.send_request(request)), pin!(connection));
    let answer = tokio::select! {
        biased;
        answer = &mut answer => answer,
        // The response may have arrived with the end of the connection.
        _ = &mut connection => answer.await,
    };
    answer.ok().map(|answer| answer.status().as_u16())
}

#[cfg(test)]
pub(super) mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::engine::fake::FakeContainerEngine;
    use crate::engine::{ContainerSpec, ImageIdentity, NetworkSpec};
    use std::net::{Ipv4Addr, SocketAddr};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    fn checker(address: SocketAddrV4, check: HealthCheck, engine: Arc<FakeContainerEngine>) -> Checker {
        Checker::new(Target { id: EnvId(1), address, check, start_period: Duration::from_mins(1) }, engine)
    }

    pub(in super::super) fn command() -> HealthCheck {
        HealthCheck::Command(vec!["pg_isready".to_owned(), "-q".to_owned()].try_into().unwrap())
    }

    async fn server(answer: &'static str) -> SocketAddrV4 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let SocketAddr::V4(address) = listener.local_addr().unwrap() else { unreachable!() };
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 1024];
                let read = stream.read(&mut request).await.unwrap();
                assert!(request[..read].starts_with(b"GET /health HTTP/1.1\r\n"));
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        address
    }

    pub(in super::super) fn unused() -> SocketAddrV4 {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)
    }

    /// An engine in which the tenant's container runs.
    pub(in super::super) async fn engine() -> Arc<FakeContainerEngine> {
        let image = ImageIdentity { config: "sha256:00".into(), diff_ids: vec![] };
        let engine = FakeContainerEngine::with_image(&image, "");
        let name = EnvId(1).container();
        let network = NetworkSpec {
            name: name.clone(),
            bridge: "lft1".into(),
            subnet: "10.0.0.0/29".into(),
            gateway: Ipv4Addr::LOCALHOST,
            labels: [].into(),
        };
        engine.create_network(&network).await.unwrap();
        let spec = ContainerSpec {
            name: name.clone(),
            image: image.config,
            user: "5:6".into(),
            env: vec![],
            labels: [].into(),
            network: (name.clone(), Ipv4Addr::LOCALHOST),
            hosts: vec![],
            volumes: vec![],
            tmpfs: vec![],
            capabilities: vec![],
            memory: 0,
            nano_cpus: 0,
            pids: 0,
        };
        engine.create_container(&spec).await.unwrap();
        engine.start(&name).await.unwrap();
        Arc::new(engine)
    }

    #[tokio::test]
    async fn over_http_only_200_is_healthy() {
        for (answer, healthy) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true),
            ("HTTP/1.1 204 No Content\r\n\r\n", false),
            ("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", false),
            ("HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", false),
            ("SSH-2.0-OpenSSH\r\n", false),
            ("", false),
        ] {
            let check = "/health".parse().unwrap();
            let found = checker(server(answer).await, check, Arc::default()).check().await;
            assert_eq!(found.is_healthy(), healthy, "{answer:?}");
        }
    }

    #[tokio::test]
    async fn a_port_that_takes_connections_is_enough_where_the_image_says_so() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let SocketAddr::V4(address) = listener.local_addr().unwrap() else { unreachable!() };
        let mut open = checker(address, HealthCheck::Tcp, Arc::default());
        assert_eq!(open.check().await, Outcome::Connected);
        assert!(Outcome::Connected.is_healthy());
        for check in [HealthCheck::Tcp, "/".parse().unwrap()] {
            assert_eq!(checker(unused(), check, Arc::default()).check().await, Outcome::Refused);
        }
    }

    #[tokio::test]
    async fn a_commands_exit_code_decides_also_where_nothing_listens() {
        let engine = engine().await;
        let mut checker = checker(unused(), command(), engine.clone());
        for (code, healthy) in [(0, true), (1, false)] {
            engine.state().command_exit = Some(code);
            let found = checker.check().await;
            assert_eq!((found, found.is_healthy()), (Outcome::Exited(code), healthy));
        }
        assert_eq!(engine.state().commands, [["pg_isready", "-q"], ["pg_isready", "-q"]]);
        engine.fail_next("start_command");
        assert_eq!(checker.check().await, Outcome::NotRun);
        engine.state().down = true;
        assert_eq!(checker.check().await, Outcome::NotAsked);
    }

    #[tokio::test]
    async fn a_command_that_hangs_is_not_started_again() {
        let engine = engine().await;
        let mut checker = checker(unused(), command(), engine.clone());
        checker.command_limit = Duration::from_millis(1);
        for _ in 0..3 {
            assert_eq!(checker.check().await, Outcome::NoAnswer);
        }
        assert_eq!(engine.state().commands.len(), 1);
        // Nor by the next service.
        let mut checker = self::checker(unused(), command(), engine.clone());
        checker.command_limit = Duration::from_millis(1);
        assert_eq!(checker.check().await, Outcome::NoAnswer);
        assert_eq!(engine.state().commands.len(), 1);
        checker.command_limit = Duration::from_mins(5);
        engine.state().command_exit = Some(0);
        assert!(checker.check().await.is_healthy());
        assert_eq!(engine.state().commands.len(), 1);
        checker.check().await;
        assert_eq!(engine.state().commands.len(), 2);
    }
}
