//! Checks a tenant's health over HTTP, and sets its port's backend accordingly.

use super::health::{Health, HealthHistory};
use crate::identity::EnvId;
use crate::service::log;
use crate::tenant_ports::{Backend, BackendSender};
use bytes::Bytes;
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use std::net::SocketAddrV4;
use std::pin::pin;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

/// How long a tenant may take to answer one check.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);
/// Most that is read of a response's head, in bytes: tenants are not trusted.
const MAX_HEAD: usize = 16 * 1024;

/// The health path of one tenant.
#[derive(Debug, Clone)]
pub(in crate::controller) struct Target {
    pub(in crate::controller) id: EnvId,
    pub(in crate::controller) address: SocketAddrV4,
    pub(in crate::controller) path: String,
}

/// Checks a tenant from its start on. Never returns.
pub(in crate::controller) async fn watch(target: Target, backend: BackendSender, health: watch::Sender<Health>) {
    let start = Instant::now();
    let mut history = HealthHistory::NEW;
    loop {
        // Only a change is logged and sent: a check every few seconds would fill the log of a host for years.
        let before = history.health;
        history = history.after(is_healthy(&target).await, start.elapsed());
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

async fn is_healthy(target: &Target) -> bool {
    timeout(CHECK_TIMEOUT, request(target))
        .await
        .is_ok_and(|answer| answer.is_some_and(|status| status == StatusCode::OK))
}

async fn request(target: &Target) -> Option<StatusCode> {
    let stream = TcpStream::connect(target.address).await.ok()?;
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
    answer.ok().map(|answer| answer.status())
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
            assert_eq!(is_healthy(&server(answer).await).await, healthy, "{answer:?}");
        }
    }

    #[tokio::test]
    async fn a_closed_port_and_a_strange_path_are_unhealthy() {
        let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = SocketAddrV4::new(std::net::Ipv4Addr::LOCALHOST, unused);
        assert!(!is_healthy(&Target { id: EnvId(1), address, path: "/".into() }).await);
        let target = server("HTTP/1.1 200 OK\r\n\r\n").await;
        assert!(!is_healthy(&Target { path: "/ HTTP/1.1\r\nx: y".into(), ..target }).await);
    }
}
