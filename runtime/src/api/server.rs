//! Takes connections and speaks HTTP/1.1 on them, within limits.
//!
//! Listeners and the end are passed in, so that tests listen where they like and stop when they like.

use super::access::Peer;
use crate::network::{ConnectionLimit, TenantAddresses, tcp_timeouts};
use crate::service::log;
use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, server::conn::http1};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{Semaphore, watch};
use tower::ServiceExt as _;

/// Connections over TCP at a time, of all tenants and of all others, counted apart so that tenants cannot lock managers out: each may
/// hold 64 KiB of a request.
const TENANTS_CONNECTIONS: usize = 256;
const OTHERS_CONNECTIONS: usize = 256;
/// Connections over the unix socket at a time, counted apart so that nobody can lock root out.
const SOCKET_CONNECTIONS: usize = 32;
/// Connections of one tenant at a time, so that no tenant takes the places of the others.
const TENANT_CONNECTIONS: usize = 16;
/// Connections of one other address at a time: half of all, because a proxy may stand before the API.
const OTHER_CONNECTIONS: usize = 128;
/// How long a caller may take none of what it is sent, such as one that asks and never reads.
const STALLED: Duration = Duration::from_secs(30);
/// How long a request's head may take, and an idle connection stays: holding connections open costs the caller as much as us.
const HEAD: Duration = Duration::from_secs(15);
/// Most that a head may hold, and the number of its fields.
const HEAD_BYTES: usize = 16 * 1024;
const HEAD_FIELDS: usize = 64;
/// After `accept` failed for want of descriptors, so as not to spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where the API listens.
pub struct Listeners {
    /// For everybody.
    pub tcp: TcpListener,
    /// For root.
    pub socket: UnixListener,
}

/// Serves until `ending` turns true, then finishes the requests that are being answered.
pub async fn serve(listeners: Listeners, router: Router, side: TenantAddresses, mut ending: watch::Receiver<bool>) {
    let graceful = GracefulShutdown::new();
    let host = Host { router, side, graceful: &graceful };
    tokio::select! {
        () = host.receive_tcp(listeners.tcp) => {}
        () = host.receive_socket(listeners.socket) => {}
        _ = ending.wait_for(|ending| *ending) => {}
    }
    drop(host);
    graceful.shutdown().await;
}

struct Host<'a> {
    router: Router,
    side: TenantAddresses,
    graceful: &'a GracefulShutdown,
}

impl Host<'_> {
    /// A connection beyond a limit is closed rather than left waiting: those behind it may be allowed.
    async fn receive_tcp(&self, listener: TcpListener) {
        let tenants = ConnectionLimit::new(TENANTS_CONNECTIONS, TENANT_CONNECTIONS);
        let others = ConnectionLimit::new(OTHERS_CONNECTIONS, OTHER_CONNECTIONS);
        loop {
            match listener.accept().await {
                Ok((stream, from)) => {
                    let limit = if self.side.contains(from.ip()) { &tenants } else { &others };
                    // One that hung up already cannot be watched, and need not be.
                    if let Some(permit) = limit.acquire(from.ip())
                        && tcp_timeouts::set(&stream, STALLED).is_ok()
                    {
                        self.converse(stream, Peer::Address(from.ip()), permit);
                    }
                }
                Err(error) => pause(&error).await,
            }
        }
    }

    async fn receive_socket(&self, listener: UnixListener) {
        let places = Arc::new(Semaphore::new(SOCKET_CONNECTIONS));
        while let Ok(place) = Arc::clone(&places).acquire_owned().await {
            match listener.accept().await {
                Ok((stream, _)) => self.converse(stream, Peer::Socket, place),
                Err(error) => pause(&error).await,
            }
        }
    }

    /// Holds the caller's `place` until the connection ends.
    fn converse<S>(&self, stream: S, peer: Peer, place: impl Send + 'static)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let router = self.router.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(peer);
            router.clone().oneshot(request)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .max_buf_size(HEAD_BYTES)
            .max_headers(HEAD_FIELDS)
            .serve_connection(TokioIo::new(stream), service);
        let connection = self.graceful.watch(connection);
        tokio::spawn(async move {
            // What a caller does wrong on the wire ends its connection and concerns nobody else.
            let _ = connection.await;
            drop(place);
        });
    }
}

async fn pause(error: &std::io::Error) {
    log::warning!("accept_failed", error = error);
    tokio::time::sleep(ACCEPT_PAUSE).await;
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use std::net::{Ipv4Addr, SocketAddr};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpSocket, TcpStream};

    /// A connection from one of this machine's own addresses.
    async fn call(from: Ipv4Addr, to: SocketAddr) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((from, 0).into()).unwrap();
        socket.connect(to).await.unwrap()
    }

    /// The first line of the answer; nothing where the caller is hung up on.
    async fn ask(stream: &mut TcpStream) -> String {
        let mut answer = [0; 12];
        let said = async {
            stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await?;
            stream.read_exact(&mut answer).await
        };
        let answered = tokio::time::timeout(Duration::from_mins(5), said).await.unwrap();
        answered.map_or_else(|_| String::new(), |_| String::from_utf8_lossy(&answer).into_owned())
    }

    #[tokio::test]
    async fn tenants_that_hold_all_their_places_lock_no_manager_out() {
        let folder = tempfile::tempdir().unwrap();
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        let listeners = Listeners { tcp, socket: UnixListener::bind(folder.path().join("socket")).unwrap() };
        // Sixteen addresses of this machine stand for tenants'.
        let side = TenantAddresses::new(
            "10.213.0.0/16".parse().unwrap(),
            ["127.0.1.0/29", "127.0.1.8/29"].map(|subnet| subnet.parse().unwrap()),
        );
        let router = Router::new().route("/", axum::routing::get(|| async {}));
        let (_end, ending) = watch::channel(false);
        tokio::spawn(serve(listeners, router, side, ending));
        let tenant = |number| Ipv4Addr::new(127, 0, 1, number);
        let mut held = Vec::new();
        for number in 0..16 {
            for _ in 0..TENANT_CONNECTIONS {
                held.push(call(tenant(number), address).await);
            }
            assert_eq!(ask(&mut call(tenant(number), address).await).await, "", "one too many of tenant {number}");
        }
        assert_eq!(held.len(), TENANTS_CONNECTIONS);
        assert_eq!(ask(&mut held[0]).await, "HTTP/1.1 200");
        assert_eq!(ask(&mut call(Ipv4Addr::LOCALHOST, address).await).await, "HTTP/1.1 200");
    }
}
