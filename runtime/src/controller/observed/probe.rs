//! Checks a tenant's health over HTTP, and sets its port's backend accordingly.

use super::health::{Health, HealthHistory};
use super::outcome::{LastCheck, Outcome};
use crate::identity::EnvId;
use crate::service::log;
use crate::tenant_ports::{Backend, BackendSender};
use bytes::Bytes;
use http_body_util::Empty;
use hyper::Request;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use std::net::SocketAddrV4;
use std::pin::pin;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

/// How long a tenant may take to answer one check.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);
/// How long its address may take to answer: longer than the kernel takes to find that nobody has it, which tells a tenant that is cut off
/// from one that is busy.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);
/// Most that is read of a response's head, in bytes: tenants are not trusted.
const MAX_HEAD: usize = 16 * 1024;

/// The health path of one tenant.
#[derive(Debug, Clone)]
pub(in crate::controller) struct Target {
    pub(in crate::controller) id: EnvId,
    pub(in crate::controller) address: SocketAddrV4,
    pub(in crate::controller) path: String,
}

/// What a watcher reports about its tenant.
#[derive(Debug, Clone)]
pub(in crate::controller) struct Reports {
    pub(in crate::controller) backend: BackendSender,
    pub(in crate::controller) health: watch::Sender<Health>,
    pub(in crate::controller) last_check: watch::Sender<Option<LastCheck>>,
}

/// Checks a tenant from its start on. Never returns.
pub(in crate::controller) async fn watch(target: Target, reports: Reports) {
    let Reports { backend, health, last_check } = reports;
    let start = Instant::now();
    let mut history = HealthHistory::NEW;
    loop {
        // Only a change is logged and sent: a check every few seconds would fill the log of a host for years.
        let before = history.health;
        let outcome = check(&target).await;
        last_check.send_modify(|last| {
            *last = Some(LastCheck::after(*last, outcome, Timestamp::now(), std::time::Instant::now()));
        });
        history = history.after(outcome.is_healthy(), start.elapsed());
        if history.health != before {
            let (tenant, after) = (target.id, history.health);
            log::info!(
                "tenant_health",
                tenant = tenant,
                health = format_args!("{after:?}"),
                after_ms = start.elapsed().as_millis()
            );
            health.send_replace(history.health);
            // Clients are connected to an unhealthy tenant, too: it may serve everything except its health path.
            backend.set(Backend::Ready(target.address));
        }
        sleep(history.pause()).await;
    }
}

async fn check(target: &Target) -> Outcome {
    let stream = match timeout(CONNECT_TIMEOUT, TcpStream::connect(target.address)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Outcome::of_connecting(&error),
        Err(_) => return Outcome::NoAnswer,
    };
    match timeout(CHECK_TIMEOUT, request(target, stream)).await {
        Ok(Some(status)) => Outcome::Answered(status),
        Ok(None) => Outcome::NotHttp,
        Err(_) => Outcome::NoAnswer,
    }
}

async fn request(target: &Target, stream: TcpStream) -> Option<u16> {
    let mut builder = http1::Builder::new();
    let handshake = builder.max_buf_size(MAX_HEAD).handshake(TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.ok()?;
    let request = Request::get(&target.path)
        // hyper adds none, and HTTP/1.1 requires it (RFC 9112 section 3.2).
        .header("host", target.address.to_string())
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
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use std::net::SocketAddr;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    async fn server(answer: &'static str) -> Target {
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
        Target { id: EnvId(1), address, path: "/health".into() }
    }

    #[tokio::test]
    async fn only_200_is_healthy() {
        for (answer, healthy) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true),
            ("HTTP/1.1 204 No Content\r\n\r\n", false),
            ("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", false),
            ("HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", false),
            ("SSH-2.0-OpenSSH\r\n", false),
            ("", false),
        ] {
            assert_eq!(check(&server(answer).await).await.is_healthy(), healthy, "{answer:?}");
        }
    }

    #[tokio::test]
    async fn a_closed_port_and_a_strange_path_are_unhealthy() {
        let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = SocketAddrV4::new(std::net::Ipv4Addr::LOCALHOST, unused);
        assert_eq!(check(&Target { id: EnvId(1), address, path: "/".into() }).await, Outcome::Refused);
        let target = server("HTTP/1.1 200 OK\r\n\r\n").await;
        assert_eq!(check(&Target { path: "/ HTTP/1.1\r\nx: y".into(), ..target }).await, Outcome::NotHttp);
    }
}
