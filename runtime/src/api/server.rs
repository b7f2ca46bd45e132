//! Takes connections and speaks HTTP/1.1 on them, within limits.
//!
//! Listeners and the end are passed in, so that tests listen where they like and stop when they like.

use super::access::Peer;
use crate::log;
use crate::subnet::{Pool, ipv4};
use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, server::conn::http1};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tower::ServiceExt as _;

/// Connections over TCP at a time: each may hold 64 KiB of a request.
const TCP_CONNECTIONS: usize = 256;
/// Connections over the unix socket at a time, counted apart so that nobody can lock root out.
const SOCKET_CONNECTIONS: usize = 32;
/// Connections of one tenant at a time, so that no tenant takes the places of the others.
const TENANT_CONNECTIONS: usize = 16;
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
pub async fn serve(listeners: Listeners, router: Router, pool: Pool, mut ending: watch::Receiver<bool>) {
    let graceful = GracefulShutdown::new();
    let host = Host { router, pool, tenants: Tenants::default(), graceful: &graceful };
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
    pool: Pool,
    tenants: Tenants,
    graceful: &'a GracefulShutdown,
}

impl Host<'_> {
    async fn receive_tcp(&self, listener: TcpListener) {
        let places = Arc::new(Semaphore::new(TCP_CONNECTIONS));
        while let Ok(place) = Arc::clone(&places).acquire_owned().await {
            match listener.accept().await {
                Ok((stream, from)) => {
                    let tenant = ipv4(from.ip()).filter(|address| self.pool.contains(*address));
                    // A tenant that holds all its places is hung up on.
                    if let Some(seat) = self.tenants.seat(tenant) {
                        self.converse(stream, Peer::Address(from.ip()), (place, seat));
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
                Ok((stream, _)) => self.converse(stream, Peer::Socket, (place, Seat::free())),
                Err(error) => pause(&error).await,
            }
        }
    }

    fn converse<S>(&self, stream: S, peer: Peer, held: (OwnedSemaphorePermit, Seat))
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
            drop(held);
        });
    }
}

async fn pause(error: &std::io::Error) {
    log::warning!("accept_failed", error = error);
    tokio::time::sleep(ACCEPT_PAUSE).await;
}

/// How many connections each tenant holds.
#[derive(Debug, Clone, Default)]
struct Tenants(Arc<Mutex<HashMap<Ipv4Addr, usize>>>);

/// A tenant's connection, until it is dropped.
#[derive(Debug)]
struct Seat {
    tenants: Tenants,
    tenant: Option<Ipv4Addr>,
}

impl Tenants {
    fn held(&self) -> MutexGuard<'_, HashMap<Ipv4Addr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seat(&self, tenant: Option<Ipv4Addr>) -> Option<Seat> {
        if let Some(address) = tenant {
            let mut held = self.held();
            let count = held.entry(address).or_default();
            if *count == TENANT_CONNECTIONS {
                return None;
            }
            *count += 1;
        }
        Some(Seat { tenants: self.clone(), tenant })
    }
}

impl Seat {
    fn free() -> Self {
        Self { tenants: Tenants::default(), tenant: None }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let Some(address) = self.tenant else { return };
        let mut held = self.tenants.held();
        if let Some(count) = held.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                held.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_tenant_takes_its_own_places_only() {
        let tenants = Tenants::default();
        let (one, other) = (Ipv4Addr::new(10, 213, 0, 2), Ipv4Addr::new(10, 213, 0, 10));
        let mut seats: Vec<_> = (0..TENANT_CONNECTIONS).map(|_| tenants.seat(Some(one)).unwrap()).collect();
        assert!(tenants.seat(Some(one)).is_none());
        assert!(tenants.seat(Some(other)).is_some());
        assert!(tenants.seat(None).is_some());
        seats.pop();
        assert!(tenants.seat(Some(one)).is_some());
        drop(seats);
        assert!(tenants.held().is_empty());
    }
}
